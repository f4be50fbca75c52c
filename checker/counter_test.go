package checker

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func stepTestCounter(state any, o *history.Op) (any, bool) {
	v := state.(int64)
	if o.F == history.FIncr {
		v += o.In
		return v, o.Outcome != history.OK || o.Out == none || o.Out == v
	}
	return v, o.Out == v
}

func randomCounter(r *rand.Rand) []history.Op {
	var ops []history.Op
	n := 1 + r.Intn(4)
	for i := range n {
		c, e := interval(r)
		o := op(int32(i), history.FIncr, 1, none, c, e)
		if r.Intn(2) == 0 {
			o.Out = int64(1 + r.Intn(n))
		}
		ops = append(ops, outcome(r, o))
	}
	for i := range r.Intn(4) {
		c, e := interval(r)
		ops = append(ops, op(int32(10+i), history.FReadCounter, none, int64(r.Intn(n+1)), c, e))
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func TestCountersAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	good := 0
	for range rounds(30000) {
		ops := randomCounter(r)
		want := linearizable(ops, int64(0), stepTestCounter)
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.counters()
		require.Equal(t, want, ordered(x), opsText(ops))
		if want {
			good++
		}
	}
	require.Greater(t, good, rounds(30000)/50)
}

// TestCounterBoundsAreSound: with any increments, a linearizable counter never breaks a bound.
func TestCounterBoundsAreSound(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	tried := 0
	for range rounds(20000) {
		ops := randomCounter(r)
		for i := range ops {
			if ops[i].F == history.FIncr {
				ops[i].In, ops[i].Out = int64(r.Intn(7)-3), none
			} else {
				ops[i].Out = int64(r.Intn(7) - 3)
			}
		}
		if !linearizable(ops, int64(0), stepTestCounter) {
			continue
		}
		tried++
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.counters()
		require.True(t, ordered(x), opsText(ops))
	}
	require.Greater(t, tried, 100)
}

func TestCounters(t *testing.T) {
	above := map[string]int64{"counter_above (master reads)": 1, "counter_above (all reads)": 1}
	incr := func(delta, out, call, ret int64) history.Op {
		return op(1, history.FIncr, delta, out, call, ret)
	}
	get := func(v, call, ret int64) history.Op { return op(9, history.FReadCounter, none, v, call, ret) }
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"absent is 0", []history.Op{get(null, 0, 1), incr(1, 1, 2, 3), get(1, 4, 5)}, map[string]int64{}},
		{"too little", []history.Op{incr(5, none, 0, 1), get(0, 2, 3)}, map[string]int64{"counter_below (master reads)": 1, "counter_below (all reads)": 1}},
		{"too little on a replica", []history.Op{incr(5, none, 0, 1), fromReplica(get(0, 2, 3))}, map[string]int64{"counter_below (all reads)": 1}},
		{"too much", []history.Op{incr(5, none, 0, 1), get(10, 2, 3)}, above},
		{"too much on a replica", []history.Op{incr(5, none, 0, 1), fromReplica(get(10, 2, 3))}, map[string]int64{"counter_above (all reads)": 1}},
		{"a failed one does not count", []history.Op{failed(incr(5, none, 0, 1)), get(5, 2, 3)}, above},
		{"an unknown one may count", []history.Op{incr(5, none, 0, inf), get(5, 2, 3), get(0, 2, 3)}, map[string]int64{}},
		{"downwards too little", []history.Op{incr(5, none, 0, 1), incr(-3, none, 2, 3), get(1, 4, 5)},
			map[string]int64{"counter_below (master reads)": 1, "counter_below (all reads)": 1}},
		{"downwards too much", []history.Op{incr(5, none, 0, 1), incr(-3, none, 2, 3), get(5, 4, 5)}, above},
		{"downwards in flight", []history.Op{incr(5, none, 0, 1), incr(-3, none, 2, inf), get(2, 4, 5), get(5, 4, 5)}, map[string]int64{}},
		{"fork", []history.Op{incr(1, 1, 0, 1), incr(1, 1, 0, 1)}, map[string]int64{"counter_fork": 1, "counter_conflict (master reads)": 1, "counter_conflict (all reads)": 1}},
		{"falls", []history.Op{incr(1, none, 0, inf), incr(1, none, 0, inf), onNode(get(2, 1, 2), 1), onNode(get(1, 3, 4), 1)},
			map[string]int64{"counter_regressed": 1, "counter_conflict (master reads)": 1, "counter_conflict (all reads)": 1}},
		// Every bound holds, but two increments came between a read of 1 and one of 2.
		{"between two reads", []history.Op{incr(1, none, 0, inf), incr(1, none, 0, inf), get(1, 1, 2), incr(1, none, 3, 4), incr(1, none, 3, 4), get(2, 5, 6)},
			map[string]int64{"counter_conflict (master reads)": 1, "counter_conflict (all reads)": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
}
