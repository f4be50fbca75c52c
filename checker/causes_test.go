package checker

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func refusedWith(o history.Op, e history.ErrCode) history.Op {
	o.Outcome, o.Err, o.Out = e.Outcome(), e, none
	if o.Outcome == history.Info {
		o.Return = inf
	}
	return o
}

// What a server refused is a share of the writes that were tried; what never reached one, or what nobody heard of, is none.
func TestRefusedWrites(t *testing.T) {
	run := func(refused int, e history.ErrCode, old bool) result.Result {
		var ops []history.Op
		var kept []int64
		for v := range int64(100) {
			o := op(1, history.FAdd, v, 1, 10+10*v, 15+10*v)
			if int(v) < refused {
				o = refusedWith(o, e)
			} else {
				kept = append(kept, v)
			}
			ops = append(ops, o)
		}
		h := tinyRun(keyed(kept...), ops...)
		for i := range h.Samples {
			if old { // of version 2
				h.Samples[i].MaxMemory = -1
			}
		}
		h.Run.Promises, _ = json.Marshal([]result.Promise{{Measure: "refused", Limit: 0.01}})
		return judged(t, h)
	}
	for _, tt := range []struct {
		name  string
		n     int
		e     history.ErrCode
		old   bool
		share float64
		want  result.Verdict
	}{
		{"none", 0, history.ErrNone, false, 0, result.Pass},
		{"one of a hundred", 1, history.ErrOOM, false, 0.01, result.Pass},
		{"two of a hundred", 2, history.ErrOOM, false, 0.02, result.Violation},
		{"nearly half", 48, history.ErrNoReplicas, false, 0.48, result.Violation},
		{"no password", 48, history.ErrNoAuth, false, 0.48, result.Violation},
		{"nobody was there to refuse it", 48, history.ErrDialRefused, false, 0, result.Pass},
		{"a time-out is no refusal", 48, history.ErrTimeout, false, 0, result.Pass},
		{"a watched key had changed", 48, history.ErrWatched, false, 0, result.Pass},
		{"a watched key had changed, in an older file", 48, history.ErrExecAbort, true, 0, result.Pass},
		{"EXECABORT", 48, history.ErrExecAbort, false, 0.48, result.Violation},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(tt.n, tt.e, tt.old)
			require.Equal(t, tt.want, r.Verdict, "%v", r.Reasons)
			for _, m := range r.Measures {
				if m.Name == "refused" {
					require.Equal(t, result.Exactly(tt.share), m.Value)
				}
			}
			if tt.share > 0 {
				require.Equal(t, tt.e.String(), r.Causes.Refused[0].Reason)
			}
		})
	}
	cut := tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 10, 15))
	cut.Torn = "half a batch"
	cut.Run.Promises, _ = json.Marshal([]result.Promise{{Measure: "refused", Limit: 0.5}})
	require.Equal(t, result.Undecided, status(judged(t, cut), "refused"), "the rest may have been refused")
}

// nobodyPromoted is a run in which n1 dies at 5 s and is started again, empty, at 12 s, by the schedule or, where that had waited in
// vain for a failover, by the harness itself.
func nobodyPromoted(t *testing.T, inVain bool, promises ...result.Promise) *history.History {
	t.Helper()
	h := failoverRun(t, 5*vSecond, promises...)
	var kept []int64
	for i := range h.Ops.Len() {
		at := h.Ops.Call[i]
		h.Ops.Node[i] = 0
		switch {
		case at >= 5*vSecond && at < 12*vSecond:
			h.Ops.Outcome[i], h.Ops.Err[i], h.Ops.Out[i] = history.Fail, history.ErrDialRefused, history.None
		case at >= 12*vSecond:
			kept = append(kept, h.Ops.In[i])
		}
	}
	for i := range h.Samples {
		m := &h.Samples[i]
		call := m.Call
		switch {
		case m.Node == 0 && call < 5*vSecond:
		case m.Node == 0 && call < 12*vSecond:
			*m = history.Sample{Node: 0, Call: call, Return: call + 1000, NoAnswerSince: 5 * vSecond}
		case m.Node == 0:
			*m = history.Sample{Node: 0, Call: call, Return: call + 1000, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a2", ReplID: "N", Offset: (call - 12*vSecond) / 1e6}
		case call < 12*vSecond+vSecond/2:
			*m = history.Sample{Node: 1, Call: call, Return: call + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "A", Offset: min(call, 5*vSecond) / 1e6, LinkUp: call < 5*vSecond, MasterAddr: "1:1"}
		default:
			*m = history.Sample{Node: 1, Call: call, Return: call + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "N", Offset: (call - 12*vSecond) / 1e6, LinkUp: true, MasterAddr: "1:1"}
		}
	}
	f := &h.Faults[0]
	f.HealCalled, f.Healed = 12*vSecond, 12*vSecond+1e6
	for i := range h.Dumps {
		h.Dumps[i].Elems = kept
	}
	if inVain {
		f.Err, f.Awaited, f.Waited = "its end did not come: when the failover is done: "+history.StepTimedOut+" 7 s", "the failover is done", 7*vSecond
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 9 * vSecond, Kind: history.EvSentinel, Name: "-failover-abort-no-good-slave", Text: "master m"})
	}
	return h
}

// What follows on a step that timed out is the harness's doing: the outage is at least as long as it waited, and what its restart threw
// away is not charged to the fault.
func TestTheHarnessTookOver(t *testing.T) {
	lost, rta := result.NothingLost(), func(limit float64) result.Promise { return result.Promise{Measure: "rta", Limit: limit} }
	planned := judged(t, nobodyPromoted(t, false, lost, rta(10), result.ConvergesWithin(5e9)))
	require.Nil(t, planned.Causes.Takeover)
	require.EqualValues(t, 40, planned.Writes.Lost)
	require.Equal(t, result.Violation, planned.Verdict)
	require.Equal(t, result.Kept, status(planned, "rta"))
	require.Equal(t, result.Kept, status(planned, "converge"))

	r := judged(t, nobodyPromoted(t, true, lost, rta(10), result.ConvergesWithin(5e9)))
	require.Equal(t, &result.Takeover{T: 12 * vSecond, Fault: 1, Missed: "the failover is done", Waited: 7 * vSecond, Said: "failover-abort-no-good-slave",
		Did: []result.Deed{{Fault: 1, Kind: "kill", Nodes: []int32{0}, T: 12 * vSecond}}}, r.Causes.Takeover)
	require.Equal(t, result.Unknown, r.Verdict)
	require.Zero(t, r.Writes.Lost)
	require.EqualValues(t, 40, r.Writes.LostMost)
	require.Nil(t, r.Loss, "nothing is charged to a fault")
	for _, m := range []string{"lost", "rta", "converge"} {
		require.Equal(t, result.Undecided, status(r, m), m)
	}
	require.InDelta(t, 7, r.Availability.RTAValue.Lo, 0.2)
	require.Equal(t, result.Violation, judged(t, nobodyPromoted(t, true, rta(5))).Verdict, "it was at least 7 s")

	// Nor is what was read afterwards; what is always a bug is one still.
	stale := func(inVain bool, out int64) result.Result {
		h := nobodyPromoted(t, inVain, result.Promise{Measure: "set_conflict", Limit: 0})
		h.Ops.Append(history.Op{Process: 99, Client: 9, Worker: 2, F: history.FReadSet, In: history.None, Out: history.None, Arg: history.None, Acked: -1, Call: 15 * vSecond, Intended: 15 * vSecond, Return: 15*vSecond + 1e6,
			List: []int64{out}})
		return judged(t, h)
	}
	require.Equal(t, result.Broken, status(stale(false, 1), "set_conflict"))
	require.Equal(t, result.Undecided, status(stale(true, 1), "set_conflict"))
	require.Equal(t, result.Violation, stale(true, 999999).Verdict)

	// An older file says it in words only.
	old := nobodyPromoted(t, true, rta(10))
	old.Faults[0].Awaited, old.Faults[0].Waited = "", 0
	r = judged(t, old)
	require.Equal(t, "the failover is done", r.Causes.Takeover.Missed)
	require.Equal(t, result.Undecided, status(r, "rta"))

	// What had been thrown away before stays lost.
	earlier := failoverRun(t, 4*vSecond, lost)
	earlier.Faults = append(earlier.Faults, history.Fault{ID: 2, Kind: "pause", Targets: []int32{1}, Injected: 15 * vSecond, Effect: 15 * vSecond, HealCalled: 16 * vSecond, Healed: 16 * vSecond,
		Err: "its end did not come", Awaited: "the link of every replica is up", Waited: vSecond})
	for i := range earlier.Samples { // and then something was thrown away as well
		if m := &earlier.Samples[i]; m.Node == 0 && m.Call >= 17*vSecond {
			m.ReplID, m.ReplID2 = "C", ""
		}
	}
	r = judged(t, earlier)
	require.EqualValues(t, 10, r.Writes.Lost)
	require.Equal(t, result.Violation, r.Verdict)
}

// synced sets n1's counters of full and partial resyncs, as growing steadily from what they were to what they become.
func synced(h *history.History, full, partial int64) *history.History {
	for i := range h.Samples {
		m := &h.Samples[i]
		if m.Node != 0 || !m.Answered {
			continue
		}
		m.SyncFull, m.SyncPartialOK, m.OutputKills, m.MaxMemory = 2, 1, 0, 0
		if m.Call > 0 {
			m.SyncFull, m.SyncPartialOK, m.OutputKills = 2+full, 1+partial, max(0, full-1)
		}
	}
	return h
}

func TestResyncs(t *testing.T) {
	run := func(full, partial int64, limits ...result.Promise) result.Result {
		h := synced(tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 10, 15)), full, partial)
		h.Run.Promises, _ = json.Marshal(limits)
		return judged(t, h)
	}
	most := func(measure string, limit float64) result.Promise {
		return result.Promise{Measure: measure, Limit: limit}
	}
	for _, tt := range []struct {
		name          string
		full, partial int64
		limit         result.Promise
		want          result.Verdict
		loop          bool
	}{
		{"none", 0, 0, most("resyncs", 0), result.Pass, false},
		{"one full", 1, 0, most("full_syncs", 0), result.Violation, false},
		{"one partial is no full one", 0, 1, most("full_syncs", 0), result.Pass, false},
		{"one partial", 0, 1, most("resyncs", 0), result.Violation, false},
		{"four are no loop", 4, 0, most("full_syncs", 4), result.Pass, false},
		{"seventy are one", 70, 0, most("full_syncs", 70), result.Pass, true},
		{"connections closed", 70, 0, most("buffer_disconnects", 68), result.Violation, true},
		{"connections closed, as many as allowed", 70, 0, most("buffer_disconnects", 69), result.Pass, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(tt.full, tt.partial, tt.limit)
			require.Equal(t, tt.want, r.Verdict, "%v %v", r.Reasons, r.Measures)
			require.Equal(t, tt.loop, r.Causes.Loop != nil)
			if tt.loop {
				require.Equal(t, []int64{70, 69}, []int64{r.Causes.Loop.Full, r.Causes.Loop.Disconnects})
			}
		})
	}
	// A server that died may have served its replica once more.
	h := failoverRun(t, 5*vSecond, most("full_syncs", 0), most("resyncs", 1), most("buffer_disconnects", 0))
	r := judged(t, h)
	require.Equal(t, []result.Status{result.Undecided, result.Undecided, result.Undecided}, []result.Status{status(r, "full_syncs"), status(r, "resyncs"), status(r, "buffer_disconnects")})
	require.Equal(t, result.Kept, status(judged(t, failoverRun(t, 5*vSecond, most("full_syncs", 1))), "full_syncs"))
	gone := failoverRun(t, 5*vSecond, most("full_syncs", 0))
	for i := range gone.Samples { // it never came back
		if m := &gone.Samples[i]; m.Node == 0 && m.Call >= 5*vSecond {
			*m = history.Sample{Node: 0, Call: m.Call, Return: m.Return, NoAnswerSince: 5 * vSecond}
		}
	}
	require.Equal(t, result.Undecided, status(judged(t, gone), "full_syncs"))
	for i := range h.Samples { // one without replicas of its own did not
		if m := &h.Samples[i]; m.Node == 0 && m.Answered && m.RunID == "a" {
			m.Role, m.Connected = history.RoleReplica, 0
		}
	}
	require.Equal(t, result.Kept, status(judged(t, h), "full_syncs"))
}

// What a server names only with its first case it had not counted before.
func TestCountersThatAreToldLate(t *testing.T) {
	h := tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 10, 15))
	for i := range h.Samples {
		if h.Samples[i].RefusedOOM = -1; h.Samples[i].Node == 0 && h.Samples[i].Call > 0 {
			h.Samples[i].RefusedOOM = 28
		}
	}
	servers := judged(t, h).Causes.Servers
	require.Len(t, servers, 1)
	require.EqualValues(t, 28, servers[0].OOM)
}

// Without a counter of them, connections closed over their buffer are counted by what the servers wrote.
func TestDisconnectsByTheLog(t *testing.T) {
	h := tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 10, 15))
	for i := range h.Samples {
		h.Samples[i].OutputKills, h.Samples[i].MaxMemory = -1, 0
	}
	h.Run.Promises, _ = json.Marshal([]result.Promise{{Measure: "buffer_disconnects", Limit: 0}})
	require.Equal(t, result.Pass, judged(t, h).Verdict)
	h.Events = append(h.Events, line(0, 12, history.LogBuffer, "Client addr=... scheduled to be closed ASAP for overcoming of output buffer limits."))
	require.Equal(t, result.Violation, judged(t, h).Verdict)
	for range history.MostLogEvents {
		h.Events = append(h.Events, line(0, 13, history.LogBuffer, "again"))
	}
	h.Run.Promises, _ = json.Marshal([]result.Promise{{Measure: "buffer_disconnects", Limit: 1000}})
	require.Equal(t, result.Undecided, status(judged(t, h), "buffer_disconnects"), "not all of them are kept")
	h.Events = nil
	for i := range h.Samples { // a file of version 2 kept none
		h.Samples[i].MaxMemory = -1
	}
	require.Equal(t, result.Undecided, status(judged(t, h), "buffer_disconnects"))
}

// The lost writes stand by what WAIT had counted of them.
func TestWaitsOfLostWrites(t *testing.T) {
	counted := func(v int64, n int32) history.Op {
		o := op(1, history.FAdd, v, 1, 10*v, 10*v+5)
		o.Acked = n
		return o
	}
	r := judged(t, tinyRun(keyed(1, 3), counted(1, 1), counted(2, 1), counted(3, 1), counted(4, 0), counted(5, 0)))
	require.Equal(t, []result.WaitCount{{Acked: 0, Writes: 2, Lost: 2}, {Acked: 1, Writes: 3, Lost: 1}}, r.Causes.Waits)
}

// A replica that is told to be the master deposes the one that was: that is the trigger, although it hits another node.
func TestATriggerIsWhoWasToldToBeMaster(t *testing.T) {
	for _, tt := range []struct {
		kind    string
		trigger int
	}{{"replicaof", 1}, {"kill", 0}} {
		h := failoverRun(t, 4*vSecond)
		f := &h.Faults[0]
		f.Kind, f.Targets, f.Injected, f.Effect, f.HealCalled, f.Healed = tt.kind, []int32{1}, 59*vSecond/10, 59*vSecond/10, 0, 0
		r := judged(t, h)
		require.Len(t, r.Loss.Causes, 1)
		require.Equal(t, tt.trigger, r.Loss.Causes[0].Trigger, tt.kind)
	}
}
