package checker

import (
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// sessionOps draws sequential processes that write unique values or elements and read anything.
func sessionOps(r *rand.Rand, write, readF history.F) []history.Op {
	var ops []history.Op
	value := int64(0)
	for p := range int32(1 + r.Intn(3)) {
		now := int64(r.Intn(4))
		for range r.Intn(6) {
			call := now + int64(r.Intn(2))
			now = call + int64(r.Intn(4))
			if r.Intn(2) == 0 {
				value++
				o := op(p, write, value, none, call, now)
				if r.Intn(6) == 0 {
					o.Outcome, o.Return = history.Info, inf
				}
				ops = append(ops, o)
			} else {
				o := op(p, readF, none, none, call, now)
				if r.Intn(3) == 0 {
					o = fromReplica(o)
				}
				ops = append(ops, o)
			}
			now++
			if ops[len(ops)-1].Outcome == history.Info {
				break // the process is retired
			}
		}
	}
	for i := range ops {
		switch ops[i].F {
		case history.FRead:
			ops[i].Out = null
			if v := r.Int63n(value + 1); v > 0 {
				ops[i].Out = v
			}
		case history.FReadSet, history.FReadList:
			for _, v := range r.Perm(int(value)) {
				if r.Intn(3) > 0 {
					ops[i].List = append(ops[i].List, int64(v+1))
				}
			}
		}
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func breaks(a *result.Analysis, name, scope string) int64 {
	for _, s := range a.Result.Sessions {
		if s.Name == name && s.Scope == scope {
			return s.Breaks
		}
	}
	return 0
}

// naiveRegister counts by the definitions, pair by pair.
func naiveRegister(ops []history.Op, master bool) (ryw, mr int64) {
	known, write := map[int64]int64{null: math.MinInt64}, map[int64]int64{null: math.MinInt64}
	for _, o := range ops {
		if o.F == history.FWrite {
			write[o.In], known[o.In] = o.Call, o.Return
		}
	}
	for _, o := range ops {
		if o.F == history.FRead {
			known[o.Out] = min(known[o.Out], o.Return)
		}
	}
	for _, r := range ops {
		if r.F != history.FRead || (master && r.Flags != 0) {
			continue
		}
		var own, seen bool
		for _, o := range ops {
			if o.Process != r.Process || o.Call >= r.Call || o.Outcome != history.OK {
				continue
			}
			own = own || (o.F == history.FWrite && known[r.Out] < o.Call)
			seen = seen || (o.F == history.FRead && (!master || o.Flags == 0) && known[r.Out] < write[o.Out])
		}
		if own {
			ryw++
		}
		if seen {
			mr++
		}
	}
	return ryw, mr
}

func TestRegisterSessionsAgreeWithTheDefinitions(t *testing.T) {
	r := rand.New(rand.NewSource(10))
	var total int64
	for range rounds(10000) {
		ops := sessionOps(r, history.FWrite, history.FRead)
		a := checkExtra(hist(ops...))
		for _, scope := range []string{scopeMaster, scopeAll} {
			ryw, mr := naiveRegister(ops, scope == scopeMaster)
			require.Equal(t, ryw, breaks(a, result.ReadYourWrites, scope), "%s\n%s", scope, opsText(ops))
			require.Equal(t, mr, breaks(a, result.MonotonicReads, scope), "%s\n%s", scope, opsText(ops))
			total += ryw + mr
		}
	}
	require.Greater(t, total, int64(1000))
}

// naiveCollection counts the reads that hold e2 but not e1 where e2's session had added or read e1 before it added e2; in a list,
// e1 must stand before e2 too if the session added both.
func naiveCollection(ops []history.Op, master bool) (mw, wfr int64) {
	for _, r := range ops {
		if r.F.IsWrite() || (master && r.Flags != 0) {
			continue
		}
		var w, f bool
		for _, e2 := range ops {
			at := slices.Index(r.List, e2.In)
			if !e2.F.IsWrite() || at < 0 {
				continue
			}
			for _, o := range ops {
				if o.Process != e2.Process || o.Outcome != history.OK || o.Call >= e2.Call {
					continue
				}
				if o.F.IsWrite() {
					i := slices.Index(r.List, o.In)
					w = w || i < 0 || (r.F == history.FReadList && i > at)
				} else {
					f = f || slices.ContainsFunc(o.List, func(v int64) bool { return !slices.Contains(r.List, v) })
				}
			}
		}
		if w {
			mw++
		}
		if f {
			wfr++
		}
	}
	return mw, wfr
}

func TestCollectionSessionsAgreeWithTheDefinitions(t *testing.T) {
	r := rand.New(rand.NewSource(11))
	var total int64
	for i := range rounds(10000) {
		write, readF := history.FAdd, history.FReadSet
		if i%2 == 0 {
			write, readF = history.FAppend, history.FReadList
		}
		ops := sessionOps(r, write, readF)
		a := checkExtra(hist(ops...))
		for _, scope := range []string{scopeMaster, scopeAll} {
			mw, wfr := naiveCollection(ops, scope == scopeMaster)
			require.Equal(t, mw, breaks(a, result.MonotonicWrites, scope), "%s\n%s", scope, opsText(ops))
			require.Equal(t, wfr, breaks(a, result.WritesFollowReads, scope), "%s\n%s", scope, opsText(ops))
			total += mw + wfr
		}
	}
	require.Greater(t, total, int64(1000))
}

func TestSessionsNameTheWorst(t *testing.T) {
	a := checkExtra(hist(
		op(1, history.FWrite, 1, none, 0, 10),
		op(1, history.FWrite, 2, none, 20, 30),
		op(1, history.FRead, none, 1, 40, 50),                 // 10 after its own write of 2
		fromReplica(op(1, history.FRead, none, null, 60, 70)), // 50 after its own write of 1
		op(1, history.FRead, none, 2, 80, 90),
	))
	require.Equal(t, []result.SessionCheck{
		{Name: result.ReadYourWrites, Scope: scopeMaster, Checked: 2, Breaks: 1, Worst: 10, WorstOps: []int{1, 2}},
		{Name: result.ReadYourWrites, Scope: scopeAll, Checked: 3, Breaks: 2, Worst: 50, WorstOps: []int{0, 3}},
		{Name: result.MonotonicReads, Scope: scopeMaster, Checked: 1},
		{Name: result.MonotonicReads, Scope: scopeAll, Checked: 2, Breaks: 1, Worst: 10, WorstOps: []int{2, 3}},
	}, a.Result.Sessions)
	require.InDelta(t, 2, measured(t, a, result.ReadYourWrites), 0)
}

// A write that was called at the very moment when the value read was known may come before it: it is no break, and the witness is the
// first that is.
func TestSessionsNameNoTie(t *testing.T) {
	a := checkExtra(hist(
		op(2, history.FWrite, 9, none, 0, 10), // known at 10
		op(1, history.FWrite, 1, none, 10, 12),
		op(1, history.FWrite, 2, none, 20, 22),
		op(1, history.FRead, none, 9, 40, 50),
	))
	require.Equal(t, result.SessionCheck{Name: result.ReadYourWrites, Scope: scopeAll, Checked: 1, Breaks: 1, Worst: 18, WorstOps: []int{2, 3}}, a.Result.Sessions[1])
}

// TestWideningNeverBreaks: a wider interval never makes a finding, and neither does turning an acknowledged write into an unknown one.
func TestWideningNeverBreaks(t *testing.T) {
	r := rand.New(rand.NewSource(12))
	count := func(ops []history.Op) (n int64) {
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.sets()
		x.lists()
		x.counters()
		x.locks()
		x.transactions()
		for _, f := range x.found {
			if f.Class != "fractured" {
				n += f.Count
			}
		}
		return n
	}
	draw := []func() []history.Op{
		func() []history.Op { return randomSet(r) },
		func() []history.Op { return randomList(r, false) },
		func() []history.Op { return randomCounter(r) },
		func() []history.Op { return randomTxns(r, true) },
		func() []history.Op { return randomLock(r, false) },
	}
	tried := 0
	for i := range rounds(20000) {
		ops := draw[i%len(draw)]()
		if count(ops) > 0 {
			continue
		}
		tried++
		o := &ops[r.Intn(len(ops))]
		switch {
		case o.Outcome != history.OK:
			continue
		case r.Intn(2) == 0 && o.F != history.FAcquire && o.F != history.FRelease: // a process must stay sequential
			o.Call -= int64(r.Intn(4))
			o.Return += int64(r.Intn(4))
		case o.F.IsWrite() && o.F != history.FTxn && o.F != history.FRelease:
			o.Outcome, o.Return, o.Out = history.Info, inf, none
		}
		require.Zero(t, count(ops), opsText(ops))
	}
	require.Greater(t, tried, rounds(20000)/10)
}
