package checker

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func stepTestLock(state any, o *history.Op) (any, bool) {
	v := state.(int64)
	switch {
	case o.F == history.FAcquire && o.Outcome == history.OK && o.Out == null:
		return v, v != null
	case o.F == history.FAcquire && v == null:
		return o.In, true
	case o.F == history.FAcquire:
		return v, o.Outcome == history.Info
	case v == o.In:
		return null, o.Outcome == history.Info || o.Out == 1
	}
	return v, o.Outcome == history.Info || o.Out == 0
}

// randomLock draws holders that each take the lock once and may give it back. refusals adds acquisitions that got nothing and
// releases by somebody who was not the holder.
func randomLock(r *rand.Rand, refusals bool) []history.Op {
	var ops []history.Op
	for i := range int32(1 + r.Intn(4)) {
		c, e := interval(r)
		a := op(i, history.FAcquire, int64(i), none, c, e)
		if refusals && r.Intn(4) == 0 {
			a.Out = null
		}
		if r.Intn(6) == 0 {
			a.Outcome, a.Return = history.Info, inf
		}
		ops = append(ops, a)
		if r.Intn(4) == 0 || (a.Outcome == history.OK && a.Out == null) {
			continue
		}
		c = e + int64(r.Intn(3))
		l := op(i, history.FRelease, int64(i), 1, c, c+int64(r.Intn(4)))
		switch {
		case r.Intn(6) == 0:
			l.Outcome, l.Return = history.Info, inf
		case refusals && r.Intn(6) == 0:
			l.Out = 0
		}
		ops = append(ops, l)
	}
	return ops
}

func TestLocksAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	good := 0
	for range rounds(20000) {
		ops := randomLock(r, false)
		want := linearizable(ops, null, stepTestLock)
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.locks()
		require.Equal(t, want, ordered(x), opsText(ops))
		if want {
			good++
		}
	}
	require.Greater(t, good, rounds(20000)/50)
}

// TestLockModelAgreesWithBruteForce: with refusals, porcupine decides, and the overlaps alone are never wrong.
func TestLockModelAgreesWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(6))
	good := 0
	for range rounds(5000) {
		ops := randomLock(r, true)
		want := linearizable(ops, null, stepTestLock)
		a, err := CheckModel(hist(ops...), "lock", ModelOptions{})
		require.NoError(t, err)
		bad := counts(a)
		require.Equal(t, want, bad["object_conflict (master reads)"] == 0, opsText(ops))
		if want {
			require.Zero(t, bad["lock_overlap"], opsText(ops))
			good++
		}
	}
	require.Greater(t, good, rounds(5000)/50)
}

func TestLocks(t *testing.T) {
	const ms = 1_000_000
	take := func(p int32, lease, call, ret int64) history.Op {
		return withArg(op(p, history.FAcquire, int64(p), none, call*ms, ret*ms), lease*ms)
	}
	give := func(p int32, out, call, ret int64) history.Op {
		return op(p, history.FRelease, int64(p), out, call*ms, ret*ms)
	}
	look := func(holder, call int64) history.Op {
		return op(9, history.FReadLock, none, holder, call*ms, call*ms+1)
	}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"one after the other", []history.Op{take(1, 500, 0, 1), give(1, 1, 10, 11), take(2, 500, 12, 13)}, map[string]int64{}},
		{"after the lease", []history.Op{take(1, 500, 0, 1), take(2, 500, 499, 501)}, map[string]int64{}},
		{"within the lease", []history.Op{take(1, 500, 0, 1), take(2, 500, 100, 101)}, map[string]int64{"lock_overlap": 2}},
		{"the lock was refused", []history.Op{take(1, 500, 0, 1), {Process: 2, F: history.FAcquire, In: 2, Out: null, Arg: 500 * ms, Acked: -1, Call: 10 * ms, Return: 11 * ms}}, map[string]int64{}},
		{"gone before its lease ended", []history.Op{take(1, 500, 0, 1), give(1, 0, 10, 11)}, map[string]int64{"lock_lost": 1}},
		{"gone after its lease ended", []history.Op{take(1, 500, 0, 1), give(1, 0, 600, 611)}, map[string]int64{}},
		{"released late but still the holder", []history.Op{take(1, 500, 0, 1), take(2, 500, 550, 560), give(1, 1, 600, 611)}, map[string]int64{"lock_overlap": 2}},
		{"its holder was looked up", []history.Op{look(null, 0), take(1, 500, 1, 2), look(1, 3)}, map[string]int64{}},
		{"held by who never asked for it", []history.Op{take(1, 500, 0, 1), look(7, 3), look(7, 4)}, map[string]int64{"phantom": 1}},
		{"held by whose asking failed", []history.Op{failed(take(1, 500, 0, 1)), look(1, 3)}, map[string]int64{"phantom": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := checkExtra(hist(c.ops...))
			require.Equal(t, c.want, counts(a))
			require.InDelta(t, float64(c.want["lock_overlap"]), measured(t, a, "lock_overlap"), 0)
		})
	}
}

func TestFencingTokens(t *testing.T) {
	use := func(token, out, call, ret int64) history.Op {
		return op(int32(token), history.FFenced, token, out, call, ret)
	}
	take := func(p int32, token, call, ret int64) history.Op {
		return withArg(op(p, history.FAcquire, int64(p), token, call, ret), 1)
	}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"in order", []history.Op{use(1, 1, 0, 1), use(2, 1, 2, 3), use(2, 1, 4, 5)}, map[string]int64{}},
		{"the late one is refused", []history.Op{use(2, 1, 2, 3), use(1, 0, 4, 5)}, map[string]int64{}},
		{"the late one is taken", []history.Op{use(2, 1, 2, 3), use(1, 1, 4, 5)}, map[string]int64{"stale_token": 1}},
		{"at the same time", []history.Op{use(2, 1, 2, 4), use(1, 1, 4, 5)}, map[string]int64{}},
		{"given out twice", []history.Op{take(1, 1, 0, 1), take(2, 1, 10e6, 11e6)}, map[string]int64{"token_not_growing": 1}},
		{"given out backwards", []history.Op{take(1, 2, 0, 1), take(2, 1, 10e6, 11e6)}, map[string]int64{"token_not_growing": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
}
