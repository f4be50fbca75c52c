package checker

import (
	"fmt"
	"math/rand"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

const (
	inf  = history.Inf
	null = history.Nil
	none = history.None
)

// op makes an operation; the options of the tests below change it.
func op(process int32, f history.F, in, out, call, ret int64) history.Op {
	o := history.Op{Process: process, F: f, In: in, Out: out, Arg: none, Acked: -1, Call: call, Return: ret, Intended: call, Node: history.NoNode}
	if ret == inf {
		o.Outcome = history.Info
	}
	return o
}

func failed(o history.Op) history.Op { o.Outcome = history.Fail; return o }

func withArg(o history.Op, arg int64) history.Op { o.Arg = arg; return o }

func onKey(o history.Op, key uint32) history.Op { o.Key = key; return o }

func onNode(o history.Op, node int32) history.Op { o.Node = node; return o }

func fromReplica(o history.Op) history.Op { o.Flags |= history.FlagReplicaRead; return o }

func read(process int32, f history.F, call, ret int64, list ...int64) history.Op {
	o := op(process, f, none, none, call, ret)
	o.List = list
	return o
}

// hist makes a history of operations in any order on keys named k0, k1...
func hist(ops ...history.Op) *history.History {
	keys := uint32(0)
	for _, o := range ops {
		keys = max(keys, o.Key)
	}
	var names []string
	for k := range keys + 1 {
		names = append(names, fmt.Sprintf("k%d", k))
	}
	return history.FromOps(ops, names)
}

// checkExtra runs the judges of a run over a history, and fills in the measures.
func checkExtra(h *history.History) *result.Analysis {
	x := checked(h)
	c := &check{h: h, x: x, s: x.s, fin: x.fin, a: x.a, maskedWhy: map[string]int64{}, ledgers: map[string]map[int64]bool{}}
	c.measures()
	return x.a
}

// checked runs the judges of a run over a history.
func checked(h *history.History) *extra {
	a := &result.Analysis{Fate: make([]result.Fate, h.Ops.Len())}
	x := newExtra(h, a, ModelOptions{})
	x.ended()
	x.judgeAll()
	x.finish()
	return x
}

// ordered tells whether nothing that masters showed contradicts one order.
func ordered(x *extra) bool { return x.orderMeasure(result.MasterReads).Hi == 0 }

// counts are the findings of a result by class and scope.
func counts(a *result.Analysis) map[string]int64 {
	m := map[string]int64{}
	for _, f := range a.Result.Findings {
		name := f.Class
		if f.Scope != "" {
			name += " (" + f.Scope + ")"
		}
		if f.Count > 0 {
			m[name] = f.Count
		}
	}
	return m
}

// measured is a measure that is known exactly.
func measured(t *testing.T, a *result.Analysis, name string) float64 {
	t.Helper()
	for _, m := range a.Result.Measures {
		if m.Name == name {
			require.True(t, m.Value.Point(), "%s: %+v", name, m.Value)
			return m.Value.Lo
		}
	}
	require.Fail(t, "no such measure", name)
	return 0
}

// rounds is how many random histories a test tries; SCHISM_PROVE multiplies it.
func rounds(n int) int {
	if os.Getenv("SCHISM_PROVE") != "" {
		return 50 * n
	}
	return n
}

// linearizable tries every order of the operations that real time allows; an unknown one may be left out. step returns the next
// state, and whether the operation can take effect in this one. States are compared by their text.
func linearizable(ops []history.Op, initial any, step func(state any, o *history.Op) (any, bool)) bool {
	type key struct {
		done  int
		state string
	}
	tried := map[key]bool{}
	must := 0
	for i, o := range ops {
		if o.Outcome == history.OK {
			must |= 1 << i
		}
	}
	var try func(done int, state any) bool
	try = func(done int, state any) bool {
		if done&must == must {
			return true
		}
		k := key{done, fmt.Sprint(state)}
		if tried[k] {
			return false
		}
		tried[k] = true
		for i := range ops {
			if done&(1<<i) != 0 || ops[i].Outcome == history.Fail {
				continue
			}
			blocked := false
			for j := range ops {
				if j != i && done&(1<<j) == 0 && ops[j].Outcome == history.OK && ops[j].Return < ops[i].Call {
					blocked = true
				}
			}
			if blocked {
				continue
			}
			if next, ok := step(state, &ops[i]); ok && try(done|1<<i, next) {
				return true
			}
		}
		return false
	}
	return try(0, initial)
}

// interval draws a call and a return from a short span, so that many times are equal.
func interval(r *rand.Rand) (int64, int64) {
	c := int64(r.Intn(8))
	return c, c + int64(r.Intn(5))
}

// opsText shows a history in a failure.
func opsText(ops []history.Op) string {
	s := ""
	for i, o := range ops {
		s += fmt.Sprintf("%d: p%d f%d key %d in %d arg %d out %d list %v outcome %d [%d, %d]\n", i, o.Process, o.F, o.Key, o.In, o.Arg, o.Out, o.List, o.Outcome, o.Call, o.Return)
	}
	return s
}

func outcome(r *rand.Rand, o history.Op) history.Op {
	switch r.Intn(6) {
	case 0:
		o.Outcome, o.Out, o.Return = history.Info, none, inf
	case 1:
		o.Outcome, o.Out = history.Fail, none
	}
	return o
}

func TestNothingIsMeasuredOfNothing(t *testing.T) {
	a := checkExtra(&history.History{})
	require.Empty(t, a.Result.Findings)
	for _, m := range a.Result.Measures {
		require.False(t, m.Value.Point() && m.Name != "crash", "%s: %+v", m.Name, m.Value)
	}
}

func TestLogsAreAnomalies(t *testing.T) {
	h := hist()
	h.Events = []history.Event{
		{Kind: history.EvLog, Name: "warning", Text: "overcommit"},
		{Kind: history.EvLog, Name: "crash", Text: "Redis 7.0.15 crashed by signal: 11", Node: history.NoNode},
		{Kind: history.EvLog, Name: "assertion", Text: "ASSERTION FAILED", Node: history.NoNode},
		{Kind: history.EvProcess, Name: "crash", Text: "no log"},
	}
	a := checkExtra(h)
	require.Equal(t, map[string]int64{"crash": 2}, counts(a))
	require.True(t, a.Result.Findings[0].Bugs > 0)
	require.Contains(t, a.Result.Findings[0].Text, "signal: 11")
}

func TestWitnesses(t *testing.T) {
	a := checkExtra(hist(
		op(1, history.FAdd, 1, 1, 10, 20),
		read(2, history.FReadSet, 0, 5),
		onKey(op(1, history.FAdd, 7, 1, 21, 22), 1), // another key
		read(2, history.FReadSet, 30, 40),
		read(3, history.FReadSet, 9e9, 10e9, 1), // far away
	))
	require.Len(t, a.Result.Witnesses, 1, "the scope of all reads shows the same")
	w := a.Result.Witnesses[0]
	require.Equal(t, "set_conflict", w.Of)
	require.Equal(t, "Operations on sets that contradict one order", w.Title)
	require.Equal(t, []int{0, 3}, w.Marked)
	require.Equal(t, []int{1, 0, 3}, w.Ops)
	require.Equal(t, int64(10), w.From)
	require.Equal(t, int64(40), w.To)

	a = checkExtra(hist(txn(1, 0, 1, app(7, 1)), txn(2, 2, 3, get(7)), txn(3, 2, 3, get(8))))
	require.Len(t, a.Result.Witnesses, 1)
	require.Equal(t, "G-single-realtime", a.Result.Witnesses[0].Of)
	require.Equal(t, []int{0, 1}, a.Result.Witnesses[0].Ops)
}

// has tells whether anything of a class was found.
func (x *extra) has(class string) bool {
	return slices.ContainsFunc(x.found, func(f result.Finding) bool { return f.Class == class && f.Count > 0 })
}

// Where a history is cut off, nobody knows whether a reign went on after the last answer.
func TestACutHistoryShowsNoReign(t *testing.T) {
	for cut, bugs := range map[int64]int64{0: 1, 9: 0} {
		h := atRest(hist(put(1, 0, 1), take(1, 2, 3), take(1, 4, 5)))
		h.Samples, h.Cut = h.Samples[:1], cut
		a := checkExtra(h)
		require.Equal(t, map[string]int64{"queue_duplicated": 1}, counts(a))
		require.Equal(t, bugs, a.Result.Findings[0].Bugs)
	}
}

// What is tried at a replica is no object: a history of sets stays one.
func TestTriesAtReplicasAreNoObject(t *testing.T) {
	tried := onKey(write(5, none, 3, 4), 1)
	tried.Flags |= history.FlagReplicaWrite
	h := hist(op(1, history.FAdd, 1, 1, 1, 2), failed(tried))
	model, err := GuessModel(h)
	require.NoError(t, err)
	require.Equal(t, "set", model)
	h.Run.Imported = "edn"
	a, err := CheckModel(h, model, ModelOptions{})
	require.NoError(t, err)
	require.Equal(t, result.Pass, a.Result.Verdict)
}
