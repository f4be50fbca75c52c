package checker

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func stepTestRegister(state any, o *history.Op) (any, bool) {
	v := state.(int64)
	ok := o.Outcome == history.OK
	switch o.F {
	case history.FWrite:
		return o.In, true
	case history.FRead:
		return v, o.Out == v
	case history.FCAS:
		if v == o.In {
			return o.Arg, !ok || o.Out == 1
		}
		return v, !ok || o.Out == 0
	}
	return null, !ok || (o.Out == 1) == (v != null)
}

// randomObject draws a register with few values, compare-and-set and deletes.
func randomObject(r *rand.Rand, fs []history.F) []history.Op {
	var ops []history.Op
	for i := range 2 + r.Intn(6) {
		c, e := interval(r)
		v := int64(r.Intn(4))
		o := op(int32(i), fs[r.Intn(len(fs))], v, none, c, e)
		switch o.F {
		case history.FRead:
			o.In, o.Out = none, v
			if v == 0 {
				o.Out = null
			}
		case history.FCAS:
			o.Arg, o.Out = int64(r.Intn(4)), int64(r.Intn(2))
		case history.FDel:
			o.In, o.Out = none, int64(r.Intn(2))
		}
		ops = append(ops, outcome(r, o))
	}
	return ops
}

// TestObjectsAgreeWithBruteForce holds the model and what prune leaves out against every order of all operations.
func TestObjectsAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(13))
	good := 0
	kinds := [][]history.F{
		{history.FWrite, history.FRead},
		{history.FWrite, history.FRead, history.FCAS},
		{history.FWrite, history.FRead, history.FDel},
		{history.FWrite, history.FRead, history.FCAS, history.FDel},
	}
	for i := range rounds(12000) {
		ops := randomObject(r, kinds[i%len(kinds)])
		want := linearizable(ops, null, stepTestRegister)
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.objects(func(fset) bool { return true })
		require.Empty(t, x.undecided)
		require.Equal(t, want, ordered(x), opsText(ops))
		if want {
			good++
		}
	}
	require.Greater(t, good, rounds(12000)/20)
}

func TestPrune(t *testing.T) {
	unknown := func(v int64) history.Op { return op(1, history.FWrite, v, none, 0, inf) }
	seen := func(v, ret int64) history.Op { return op(2, history.FRead, none, v, 1, ret) }
	pruned := func(ops ...history.Op) []*objectOp {
		h := hist(ops...)
		x := newExtra(h, &result.Analysis{}, ModelOptions{})
		g := x.group(scalarOps)
		return prune(objectOps(&h.Ops, g.of(0)))
	}
	require.Len(t, pruned(unknown(1), seen(2, 5)), 1, "nobody saw 1")
	require.Len(t, pruned(unknown(1), withArg(op(3, history.FCAS, 7, 0, 0, 5), 8)), 2, "1 may be why the comparison failed")
	require.Equal(t, int64(5), pruned(unknown(1), seen(1, 9), seen(1, 5))[0].ret, "it was there by 5")
	require.Equal(t, inf, pruned(unknown(1), unknown(1), seen(1, 9))[0].ret, "either may be the one that was seen")
	require.Empty(t, pruned(unknown(1), withArg(op(3, history.FCAS, 1, none, 0, inf), 2)), "neither left anything")
}

// hardObject needs a search that grows with the factorial of n: writes in flight together, and a read of nothing after them.
func hardObject(n int) *history.History {
	var ops []history.Op
	for i := range int32(n) {
		ops = append(ops, op(i, history.FWrite, int64(i%3), none, 0, 1000))
		ops = append(ops, withArg(op(i+1000, history.FCAS, int64(i%3), 0, 0, 1000), int64(i%5)))
	}
	return hist(append(ops, op(5000, history.FRead, none, null, 2000, 3000))...)
}

func TestUndecidedIsUnknown(t *testing.T) {
	for name, opts := range map[string]ModelOptions{
		"memory": {MemoryLimit: 1 << 20},
		"time":   {Timeout: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := CheckModel(hardObject(40), "cas-register", opts)
			require.NoError(t, err)
			require.Equal(t, result.Unknown, a.Result.Verdict)
			require.NotEmpty(t, a.Result.Reasons)
			require.NotEmpty(t, a.Result.Do)
			require.NotEmpty(t, a.Result.Findings[0].Undecided)
		})
	}
}

func TestObjectWitnessIsTheFirstBadReply(t *testing.T) {
	a := checkExtra(hist(
		op(1, history.FWrite, 1, none, 0, 1),
		withArg(op(2, history.FCAS, 1, 1, 2, 3), 2),
		op(3, history.FRead, none, 1, 4, 5), // wrong
		op(3, history.FRead, none, 2, 6, 7),
	))
	require.Equal(t, map[string]int64{"object_conflict (master reads)": 1}, counts(a))
	require.Equal(t, []int{2}, a.Result.Findings[0].Ops)
	require.InDelta(t, 1, measured(t, a, "master_conflicts"), 0)
}
