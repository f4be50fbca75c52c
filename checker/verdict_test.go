package checker

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

const vSecond = int64(1e9)

// failoverRun is a run by hand: n1 acknowledges elements every 100 ms, is killed at 5 s, and n2 is promoted at 6 s without what was
// acknowledged after keep; from then on n2 acknowledges. With keep at 5 s nothing is lost.
func failoverRun(t *testing.T, keep int64, promises ...result.Promise) *history.History {
	t.Helper()
	var ops []history.Op
	var kept []int64
	for at := vSecond; at < 20*vSecond; at += vSecond / 10 {
		v := int64(len(ops) + 1)
		o := history.Op{Worker: 2, F: history.FAdd, In: v, Out: 1, Arg: history.None, Acked: -1, Call: at, Intended: at, Return: at + 1e6}
		switch {
		case at >= 5*vSecond && at < 6*vSecond:
			o.Outcome, o.Err, o.Out = history.Fail, history.ErrDialRefused, history.None
		case at >= 6*vSecond:
			o.Node = 1
			kept = append(kept, v)
		case at < keep:
			kept = append(kept, v)
		}
		ops = append(ops, o)
	}
	h := history.FromOps(ops, []string{"s"})
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}, {Name: "w1", Kind: history.Worker}}
	raw, err := json.Marshal(promises)
	require.NoError(t, err)
	h.Run.Promises = raw
	fork := keep / 1e6
	for at := vSecond / 2; at <= 22*vSecond; at += vSecond / 20 {
		one := history.Sample{Node: 0, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "A", Offset: at / 1e6}
		two := history.Sample{Node: 1, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "A", Offset: min(at/1e6, fork), LinkUp: true, MasterAddr: "1:1"}
		switch {
		case at >= 8*vSecond:
			one.Role, one.RunID, one.ReplID, one.ReplID2, one.SecondOffset, one.LinkUp, one.MasterAddr = history.RoleReplica, "a2", "B", "A", fork+1, true, "2:1"
		case at >= 5*vSecond:
			one = history.Sample{Node: 0, Call: at, Return: at + 1000, NoAnswerSince: 5 * vSecond}
		}
		if at >= 6*vSecond {
			two.Role, two.ReplID, two.ReplID2, two.SecondOffset, two.Offset, two.LinkUp, two.MasterAddr = history.RoleMaster, "B", "A", fork+1, at/1e6, false, ""
		}
		h.Samples = append(h.Samples, one, two)
	}
	for _, p := range []struct {
		name string
		t    int64
	}{{history.PhaseLoad, vSecond / 2}, {history.PhaseLoadEnd, 20 * vSecond}, {history.PhaseBarrier, 21 * vSecond}, {history.PhaseFinalEnd, 22 * vSecond}} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: p.t, Kind: history.EvPhase, Name: p.name})
	}
	h.Faults = []history.Fault{{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Scheduled: 5 * vSecond, Injected: 5 * vSecond, Effect: 5 * vSecond, HealCalled: 8 * vSecond, Healed: 8 * vSecond}}
	for n := range int32(2) {
		h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: "s", Type: "set", Digest: 1, ExpireAt: -1, Elems: slices.Clone(kept), Last: true})
	}
	h.End = 22 * vSecond
	return h
}

func judged(t *testing.T, h *history.History) result.Result {
	t.Helper()
	a, err := Check(h, Options{})
	require.NoError(t, err)
	return a.Result
}

func TestVerdictOfAFailoverByHand(t *testing.T) {
	for _, tt := range []struct {
		name    string
		keep    int64
		promise []result.Promise
		edit    func(h *history.History)
		want    result.Verdict
		reason  string
	}{
		{name: "nothing lost", keep: 5 * vSecond, promise: []result.Promise{result.NothingLost()}, want: result.Pass},
		{name: "a lost tail breaks the promise", keep: 4 * vSecond, promise: []result.Promise{result.NothingLost()}, want: result.Violation},
		{name: "a lost tail without a promise", keep: 4 * vSecond, want: result.Pass},
		{name: "loss inside its window", keep: 4 * vSecond, promise: []result.Promise{result.LossOnlyBetween(result.EffectOf(1).Plus(-1100e6), result.EffectOf(1))}, want: result.Pass},
		{name: "loss before its window", keep: 4 * vSecond, promise: []result.Promise{result.LossOnlyBetween(result.EffectOf(1).Plus(-500e6), result.EffectOf(1))}, want: result.Violation},
		{name: "writable within 2 s", keep: 5 * vSecond, promise: []result.Promise{result.WritableWithin(2e9)}, want: result.Pass},
		{name: "not writable within half a second", keep: 5 * vSecond, promise: []result.Promise{result.WritableWithin(5e8)}, want: result.Violation},
		{name: "the fault never took effect", keep: 5 * vSecond, edit: func(h *history.History) { h.Faults[0].Effect, h.Faults[0].Err = 0, "no such process" }, want: result.Unknown, reason: "never took effect"},
		{name: "the fault is not available", keep: 5 * vSecond, edit: func(h *history.History) { h.Faults[0].Effect, h.Faults[0].Unavailable = 0, "no kernel module" }, want: result.Unknown, reason: "not available"},
		{name: "nothing attempted while it held", keep: 5 * vSecond, edit: func(h *history.History) { h.Faults[0].Effect, h.Faults[0].Healed = 20*vSecond, 21*vSecond }, want: result.Unknown, reason: "no operation was attempted"},
		{name: "no ack in the second before it", keep: 5 * vSecond, edit: func(h *history.History) { h.Faults[0].Effect = vSecond / 2 }, want: result.Unknown, reason: "acknowledged in the second before"},
		{name: "no operation", keep: 5 * vSecond, edit: func(h *history.History) { h.Ops = history.Columns{} }, want: result.Unknown, reason: "no operation was run"},
		{name: "no barrier", keep: 5 * vSecond, edit: func(h *history.History) { h.Events = h.Events[:2] }, want: result.Unknown, reason: "no barrier"},
		{name: "loss is not told without a barrier", keep: 4 * vSecond, promise: []result.Promise{result.NothingLost()}, edit: func(h *history.History) { h.Events = h.Events[:2] }, want: result.Unknown, reason: "not decided"},
		{name: "incomplete", keep: 5 * vSecond, edit: func(h *history.History) { h.Run.Incomplete = "interrupted" }, want: result.Unknown, reason: "interrupted"},
		{name: "torn", keep: 5 * vSecond, edit: func(h *history.History) { h.Torn = "half a batch" }, want: result.Unknown, reason: "half a batch"},
		{name: "the surroundings took a node away", keep: 4 * vSecond, promise: []result.Promise{result.NothingLost()}, edit: func(h *history.History) { h.Run.Lost, h.Run.Incomplete = true, "Docker stopped answering" }, want: result.Error, reason: "Docker stopped answering"},
		{name: "missing records", keep: 4 * vSecond, promise: []result.Promise{result.NothingLost()}, edit: func(h *history.History) { h.Missing = []string{"batch 3 of w1"} }, want: result.Error, reason: "batch 3 of w1"},
		{name: "nodes differ", keep: 5 * vSecond, edit: func(h *history.History) { h.Dumps[0].Digest = 2; h.Dumps[0].Elems = h.Dumps[0].Elems[1:] }, want: result.Violation},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := failoverRun(t, tt.keep, tt.promise...)
			if tt.edit != nil {
				tt.edit(h)
			}
			r := judged(t, h)
			require.Equal(t, tt.want, r.Verdict, "%v", r.Reasons)
			if tt.reason != "" {
				require.Contains(t, strings.Join(r.Reasons, "\n"), tt.reason)
			}
		})
	}
}

// With records missing nothing is judged, so no promise shows what was counted of the rest.
func TestMissingRecordsLeaveNothingMeasured(t *testing.T) {
	h := failoverRun(t, 4*vSecond, result.NothingLost())
	h.Missing = []string{"batch 3 of w1"}
	r := judged(t, h)
	require.Equal(t, result.Error, r.Verdict)
	require.NotEmpty(t, r.Promises)
	for _, p := range r.Promises {
		require.Equal(t, result.Undecided, p.Status)
		require.Equal(t, "–", p.Measured)
		require.False(t, p.Value.Measured())
	}
}

func TestWithoutAHealConvergenceCountsFromTheLoadsEnd(t *testing.T) {
	text := func(h *history.History) string {
		for _, p := range judged(t, h).Promises {
			if p.Promise.Measure == "converge" {
				return p.Text
			}
		}
		return ""
	}
	require.Equal(t, "all nodes hold the same data 5 s after the heal", text(failoverRun(t, 5*vSecond, result.ConvergesWithin(5e9))))
	h := failoverRun(t, 5*vSecond, result.ConvergesWithin(5e9))
	h.Faults = nil
	require.Equal(t, "all nodes hold the same data 5 s after the load ended", text(h))
}

func TestLossOfAFailoverByHand(t *testing.T) {
	r := judged(t, failoverRun(t, 4*vSecond))
	require.EqualValues(t, 10, r.Writes.Lost)
	require.EqualValues(t, 10, r.Writes.Failed)
	require.EqualValues(t, 10, r.Loss.ReplicationLag)
	require.Zero(t, r.Loss.SplitBrain+r.Loss.Unattributed+r.Loss.Ambiguous)
	require.Zero(t, countOf(r, "hole"))
	require.Equal(t, 4*vSecond+1e6, r.Loss.First)
	require.Equal(t, 49*vSecond/10+1e6, r.Loss.Last)
	require.Equal(t, 9*vSecond/10, r.Loss.RPA)
	require.Len(t, r.Loss.Causes, 1)
	require.Equal(t, 1, r.Loss.Causes[0].Trigger)
	require.Equal(t, []int32{0, 1}, []int32{r.Loss.Causes[0].Node, r.Loss.Causes[0].Winner})
	require.Equal(t, vSecond+1e6, r.Availability.RTA)
	require.Zero(t, r.Masters.TwoWritable)
	require.True(t, r.Convergence.Barrier)
	require.Zero(t, r.Convergence.Divergent)
	require.Len(t, r.Failovers, 1)
}

// A gap in the middle of what the first master acknowledged is worse than a lost tail.
func TestHoleByHand(t *testing.T) {
	h := failoverRun(t, 5*vSecond)
	for i := range h.Dumps {
		h.Dumps[i].Elems = slices.Delete(h.Dumps[i].Elems, 10, 12)
	}
	r := judged(t, h)
	require.EqualValues(t, 2, r.Writes.Lost)
	require.EqualValues(t, 2, countOf(r, "hole"))
	require.Equal(t, result.Violation, r.Verdict)
}

// A master that goes on beside its successor: what it acknowledges after the promotion is lost by split brain.
func TestSplitBrainByHand(t *testing.T) {
	h := failoverRun(t, 5*vSecond)
	for i := range h.Samples { // it answers until 8 s
		if m := &h.Samples[i]; m.Node == 0 && !m.Answered {
			*m = history.Sample{Node: 0, Call: m.Call, Return: m.Return, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "A", Offset: m.Call / 1e6}
		}
	}
	for at := 7 * vSecond; at < 7*vSecond+vSecond/2; at += vSecond / 10 {
		h.Ops.Append(history.Op{Process: 9, Client: 9, Worker: 2, F: history.FAdd, In: at, Out: 1, Arg: history.None, Acked: -1, Call: at, Intended: at, Return: at + 1e6})
	}
	h.Faults[0].Kind, h.Faults[0].Links = "partition", [][2]int32{{0, 1}, {1, 0}}
	r := judged(t, h)
	require.EqualValues(t, 5, r.Writes.Lost)
	require.EqualValues(t, 5, r.Loss.SplitBrain)
	require.Zero(t, r.Loss.ReplicationLag)
	require.EqualValues(t, 5, r.Masters.DualAcks)
	require.InDelta(t, 2*vSecond, r.Masters.TwoWritable, 1e8)
	require.Equal(t, []int{1}, r.Loss.Causes[0].Enablers)
	require.Zero(t, r.Loss.Causes[0].Trigger)
}

// countOf is how many cases of a class a result has.
func countOf(r result.Result, class string) (n int64) {
	for _, f := range r.Findings {
		if f.Class == class {
			n = max(n, f.Count)
		}
	}
	return n
}

// A run record of an earlier version is judged by what its promises are called today.
func TestOldNamesOfPromises(t *testing.T) {
	judged := func(name string) (promise, show result.PromiseResult) {
		h := failoverRun(t, 4*vSecond)
		h.Run.Promises = json.RawMessage(`[{"measure": "` + name + `", "limit": 0, "by": "scenario"}]`)
		h.Run.Shows = json.RawMessage(`[{"measure": "` + name + `", "limit": 0, "by": "shows"}]`)
		a, err := Check(h, Options{})
		require.NoError(t, err)
		for _, p := range a.Result.Promises {
			if p.Promise.By == "scenario" {
				promise = p
			}
		}
		require.Len(t, a.Result.Shows, 1)
		return promise, a.Result.Shows[0]
	}
	for old, now := range result.OldNames() {
		_, known := result.MeasureOf(now)
		require.True(t, known, now)
		_, same := result.MeasureOf(old)
		require.False(t, same, "%s names a measure today", old)
		promise, show := judged(now)
		oldPromise, oldShow := judged(old)
		require.Equal(t, promise, oldPromise, old)
		require.Equal(t, show, oldShow, old)
	}
	promise, show := judged("bank_lost")
	require.Equal(t, []result.Status{result.Broken, result.Broken}, []result.Status{promise.Status, show.Status}, "ten writes were lost")
	promise, _ = judged("queue-duplicated")
	require.Equal(t, result.Undecided, promise.Status, "nothing was put on a queue")
}
