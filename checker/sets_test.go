package checker

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func stepTestSet(state any, o *history.Op) (any, bool) {
	s := state.([]int64)
	if o.F == history.FAdd {
		if !slices.Contains(s, o.In) {
			s = append(slices.Clone(s), o.In)
			slices.Sort(s)
		}
		return s, true
	}
	l := slices.Clone(o.List)
	slices.Sort(l)
	return s, slices.Equal(l, s)
}

// randomSet draws a few additions, some of the same element, and reads that are near to what a set can return.
func randomSet(r *rand.Rand) []history.Op {
	var ops []history.Op
	for i := range 1 + r.Intn(4) {
		c, e := interval(r)
		ops = append(ops, outcome(r, op(int32(i), history.FAdd, int64(r.Intn(4)), 1, c, e)))
	}
	for i := range 1 + r.Intn(3) {
		c, e := interval(r)
		o := read(int32(10+i), history.FReadSet, c, e)
		for v := range int64(4) {
			if r.Intn(2) == 0 && slices.ContainsFunc(ops, func(o history.Op) bool { return o.In == v }) {
				o.List = append(o.List, v)
			}
		}
		ops = append(ops, o)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func TestSetsAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	good := 0
	for range rounds(20000) {
		ops := randomSet(r)
		want := linearizable(ops, []int64{}, stepTestSet)
		h := hist(ops...)
		x := newExtra(h, &result.Analysis{}, ModelOptions{})
		x.sets()
		require.Equal(t, want, ordered(x) && !x.has("aborted_read"), opsText(ops))
		if want {
			good++
		}
	}
	require.Greater(t, good, rounds(20000)/50, "nearly all histories are bad, so little was tried")
}

func TestSets(t *testing.T) {
	add := func(p int32, v, call, ret int64) history.Op { return op(p, history.FAdd, v, 1, call, ret) }
	whole := func(call, ret int64, vs ...int64) history.Op { return read(9, history.FReadSet, call, ret, vs...) }
	remove := func(v, out, call, ret int64) history.Op { return op(3, history.FRemove, v, out, call, ret) }
	contains := func(v, out, call, ret int64) history.Op { return op(4, history.FContains, v, out, call, ret) }
	both := map[string]int64{"set_conflict (master reads)": 1, "set_conflict (all reads)": 1}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"comes and goes", []history.Op{contains(1, 0, 0, 1), add(1, 1, 2, 3), contains(1, 1, 4, 5), remove(1, 1, 6, 7), contains(1, 0, 8, 9), whole(8, 9)}, nil},
		{"there, and asked for in vain", []history.Op{add(1, 1, 0, 1), contains(1, 0, 2, 3)}, both},
		{"asked for in vain on a replica", []history.Op{add(1, 1, 0, 1), fromReplica(contains(1, 0, 2, 3))}, map[string]int64{"set_conflict (all reads)": 1}},
		{"removed in vain", []history.Op{add(1, 1, 0, 1), remove(1, 0, 2, 3)}, both},
		{"removed, and there", []history.Op{add(1, 1, 0, 1), remove(1, 1, 2, 3), contains(1, 1, 4, 5)}, map[string]int64{"resurrected": 1, "set_conflict (master reads)": 1, "set_conflict (all reads)": 1}},
		{"removed without a reply", []history.Op{add(1, 1, 0, 1), remove(1, none, 2, inf), contains(1, 1, 4, 5)}, nil},
		{"not new, although nobody had added it", []history.Op{op(1, history.FAdd, 1, 0, 0, 1)}, both},
		{"grows", []history.Op{add(1, 1, 0, 5), whole(6, 7, 1), add(1, 2, 8, 9), whole(10, 11, 2, 1)}, nil},
		{"acknowledged and missing", []history.Op{add(1, 1, 0, 5), whole(6, 7)}, map[string]int64{"set_conflict (master reads)": 1, "set_conflict (all reads)": 1}},
		{"missing on a replica only", []history.Op{add(1, 1, 0, 5), fromReplica(whole(6, 7))}, map[string]int64{"set_conflict (all reads)": 1}},
		{"shrinks", []history.Op{add(1, 1, 0, inf), whole(6, 7, 1), whole(8, 9)}, map[string]int64{"set_conflict (master reads)": 1, "set_conflict (all reads)": 1}},
		{"incomparable", []history.Op{add(1, 1, 0, 50), add(2, 2, 0, 50), whole(6, 17, 1), whole(6, 17, 2)},
			map[string]int64{"set_conflict (master reads)": 1, "set_conflict (all reads)": 1}},
		{"phantom", []history.Op{add(1, 1, 0, 5), whole(6, 7, 1, 3), whole(8, 9, 1, 3)}, map[string]int64{"phantom": 1}},
		{"failed yet there", []history.Op{failed(add(1, 1, 0, 5)), whole(6, 7, 1)}, map[string]int64{"aborted_read": 1}},
		{"twice", []history.Op{add(1, 1, 0, 5), whole(6, 7, 1, 1)}, map[string]int64{"duplicated": 1}},
		{"twice after a retry", []history.Op{add(1, 1, 0, 5), add(1, 1, 6, 7), whole(8, 9, 1, 1)}, map[string]int64{"executed_twice": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := checkExtra(hist(c.ops...))
			if c.want == nil {
				c.want = map[string]int64{}
			}
			require.Equal(t, c.want, counts(a))
			require.InDelta(t, float64(c.want["set_conflict (all reads)"]), measured(t, a, "set_conflict"), 0, "all reads hold those at masters")
		})
	}
}

func TestSetFullClassesElements(t *testing.T) {
	a := checkExtra(hist(
		op(1, history.FAdd, 1, 1, 0, 1e9), // stable at once
		op(2, history.FAdd, 2, 1, 0, 1e9), // stable, but missed by the first read
		op(3, history.FAdd, 3, 1, 0, 1e9), // lost
		op(4, history.FAdd, 4, none, 0, inf),
		failed(op(5, history.FAdd, 5, none, 0, 1e9)),
		read(9, history.FReadSet, 3e9, 4e9, 1, 3),
		read(9, history.FReadSet, 5e9, 6e9, 1, 2, 3),
		read(9, history.FReadSet, 7e9, 8e9, 1, 2),
		fromReplica(read(9, history.FReadSet, 9e9, 10e9)), // replicas lag and do not count
	))
	require.Equal(t, []result.Collection{{Kind: "set", Elements: 4, Stable: 2, Stale: 1, Lost: 1, NeverRead: 1, StableP50: 2e9, StableP99: 2e9, StableMax: 2e9, LostMax: 4e9}}, a.Result.Collections)
}

func TestSetFullCountsDuplicates(t *testing.T) {
	a := checkExtra(hist(op(1, history.FAdd, 1, 1, 0, 1), op(1, history.FAdd, 2, 1, 2, 3), read(9, history.FReadSet, 4, 5, 1, 2, 2)))
	require.EqualValues(t, 1, a.Result.Collections[0].Duplicated)
}

func TestSetFullOfReplicasTellsNoLoss(t *testing.T) {
	a := checkExtra(hist(op(1, history.FAdd, 1, 1, 0, 1), fromReplica(read(9, history.FReadSet, 2, 3, 1)), fromReplica(read(9, history.FReadSet, 4, 5))))
	require.Zero(t, a.Result.Collections[0].Lost)
	require.EqualValues(t, 1, a.Result.Collections[0].NeverRead)
}
