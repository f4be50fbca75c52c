package checker

import (
	"fmt"
	"math/rand"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

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

// checkExtra runs the checkers of a run over a history.
func checkExtra(h *history.History) *Analysis {
	a := &Analysis{}
	extraMeasures(h, a)
	return a
}

// counts are the anomalies of a result by class.
func counts(a *Analysis) map[string]int64 {
	m := map[string]int64{}
	for _, an := range a.Result.Anomalies {
		if an.Count > 0 {
			m[an.Class] = an.Count
		}
	}
	return m
}

func measured(t *testing.T, a *Analysis, name string) float64 {
	t.Helper()
	for _, m := range a.Result.Measures {
		if m.Name == name {
			require.True(t, m.Known)
			return m.Value
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

func TestExtraMeasuresOfNothing(t *testing.T) {
	a := checkExtra(&history.History{})
	require.Empty(t, a.Result.Anomalies)
	require.Empty(t, a.Result.Measures)
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
	require.Equal(t, map[string]int64{"crash": 1, "assertion": 1}, counts(a))
	require.True(t, a.Result.Anomalies[0].AlwaysBug)
	require.Contains(t, a.Result.Anomalies[0].Text, "signal: 11")
}

// TestCollectionMeasuresAreMeasured: each measure that a promise can name is one that some history gives a value.
func TestCollectionMeasuresAreMeasured(t *testing.T) {
	var ops []history.Op
	for n, o := range []history.Op{
		op(1, history.FAdd, 1, 1, 0, 1), op(1, history.FAdd, 2, 1, 4, 5), read(1, history.FReadSet, 2, 3, 1), read(2, history.FReadSet, 6, 7, 1, 2),
		withArg(op(1, history.FAcquire, 1, 1, 0, 1), 1), read(1, history.FReadBank, 0, 1, 5, 5), put(1, 0, 1),
		withArg(op(1, history.FExpiring, 1, none, 0, 1), 1), txn(1, 0, 1, app(1, 1)),
	} {
		ops = append(ops, onKey(o, uint32(max(0, n-3))))
	}
	a := checkExtra(hist(ops...))
	for _, m := range collectionMeasures() {
		require.Zero(t, measured(t, a, m.Name), m.Name)
	}
}

func TestWitnesses(t *testing.T) {
	a := checkExtra(hist(
		op(1, history.FAdd, 1, 1, 10, 20),
		read(2, history.FReadSet, 0, 5),
		onKey(op(1, history.FAdd, 7, 1, 21, 22), 1), // another key
		read(2, history.FReadSet, 30, 40),
		read(3, history.FReadSet, 9e9, 10e9, 1), // far away
	))
	require.Len(t, a.Result.Witnesses, 2)
	w := a.Result.Witnesses[0]
	require.Equal(t, "master_conflicts", w.Of)
	require.Equal(t, "set conflict, master reads", w.Title)
	require.Equal(t, []int{0, 3}, w.Marked)
	require.Equal(t, []int{1, 0, 3}, w.Ops)
	require.Equal(t, int64(10), w.From)
	require.Equal(t, int64(40), w.To)
	require.Equal(t, "all_conflicts", a.Result.Witnesses[1].Of)

	a = checkExtra(hist(txn(1, 0, 1, app(7, 1)), txn(2, 2, 3, get(7)), txn(3, 2, 3, get(8))))
	require.Len(t, a.Result.Witnesses, 1)
	require.Equal(t, "txn_anomalies", a.Result.Witnesses[0].Of)
	require.Equal(t, "G-single-realtime", a.Result.Witnesses[0].Title)
	require.Equal(t, []int{0, 1}, a.Result.Witnesses[0].Ops)
}
