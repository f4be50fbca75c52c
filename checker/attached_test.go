package checker

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// attachedRun is failoverRun as it looks where somebody else's setup is watched: no fault, no process, nobody away but silent.
func attachedRun(t *testing.T, keep int64, promises ...result.Promise) *history.History {
	t.Helper()
	h := failoverRun(t, keep, promises...)
	h.Faults = nil
	h.Run.Attached = &history.Attached{Load: true, Prefix: "s"}
	for i := range h.Samples {
		h.Samples[i].Up = true
	}
	return h
}

// onlyWatched is the same without a load.
func onlyWatched(t *testing.T, promises ...result.Promise) *history.History {
	t.Helper()
	h := attachedRun(t, 5*vSecond, promises...)
	h.Run.Attached.Load = false
	h.Ops, h.Keys, h.Dumps = history.Columns{}, nil, nil
	var events []history.Event
	for _, e := range h.Events {
		if e.Name != history.PhaseBarrier && e.Name != history.PhaseFinalEnd {
			events = append(events, e)
		}
	}
	h.Events = events
	return h
}

func TestAttachedVerdicts(t *testing.T) {
	flag := func(measure string, limit float64) result.Promise {
		return result.Promise{Measure: measure, Limit: limit, By: "flag"}
	}
	for _, c := range []struct {
		name string
		h    *history.History
		want result.Verdict
		why  string // in the reasons
	}{
		{"a loss, nothing promised", attachedRun(t, 4*vSecond), result.Watched, ""},
		{"a loss that was promised not to be", attachedRun(t, 4*vSecond, flag("lost", 0)), result.Violation, ""},
		{"no loss, as promised", attachedRun(t, 5*vSecond, flag("lost", 0)), result.Pass, ""},
		{"an outage as short as promised", attachedRun(t, 5*vSecond, flag("rta", 2)), result.Pass, ""},
		{"an outage longer than promised", attachedRun(t, 5*vSecond, flag("rta", 0.5)), result.Violation, ""},
		{"no operations, nothing promised", onlyWatched(t), result.Watched, ""},
		{"no operations, a promise that needs none", onlyWatched(t, flag("two_masters", 1)), result.Pass, ""},
		{"no operations, a promise that needs some", onlyWatched(t, flag("lost", 0)), result.Unknown, "nothing was written: it was only watched"},
		{"an outage without operations", onlyWatched(t, flag("rta", 10)), result.Unknown, "no promotion was seen that kept"},
		{"a read of what nobody wrote", func() *history.History {
			h := attachedRun(t, 5*vSecond)
			h.Ops.Append(history.Op{Worker: 2, F: history.FReadSet, In: history.None, Arg: history.None, Out: history.None, Acked: -1, Call: 10 * vSecond, Return: 10*vSecond + 1e6, Node: 1, List: []int64{99999}})
			return h
		}(), result.Violation, ""},
		{"nobody answered", func() *history.History { h := onlyWatched(t); h.Samples = nil; return h }(), result.Unknown, "no server answered"},
		{"records are missing", func() *history.History {
			h := onlyWatched(t)
			h.Missing = []string{"n1: batch 3 follows batch 1"}
			return h
		}(), result.Error, "n1"},
		{"schism was held up, and looks alone measure what was promised", func() *history.History {
			h := onlyWatched(t, flag("two_masters", 1))
			h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 10 * vSecond, Dur: 3 * vSecond, Kind: history.EvStall, Name: history.StallTick})
			return h
		}(), result.Pass, ""},
		{"the machine slept, and something was promised", func() *history.History {
			h := onlyWatched(t, flag("two_masters", 10))
			h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 10 * vSecond, Dur: 6 * vSecond, Kind: history.EvStall, Name: history.StallSuspended})
			return h
		}(), result.Unknown, "suspended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Check(c.h, Options{})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict, "%v %v", a.Result.Reasons, a.Result.Promises)
			require.Contains(t, strings.Join(a.Result.Reasons, "; "), c.why)
			require.NotContains(t, a.Result.Looked, "crash", "no process was seen")
			b, err := json.Marshal(a.Result)
			require.NoError(t, err)
			require.NotEmpty(t, b)
		})
	}
}

// What a failover that was none of ours took is measured, and put down to no fault.
func TestAttachedFailover(t *testing.T) {
	h := attachedRun(t, 4*vSecond)
	a, err := Check(h, Options{})
	require.NoError(t, err)
	r := &a.Result
	require.Equal(t, int64(10), r.Writes.Lost)
	require.Len(t, r.Loss.Causes, 1)
	require.Zero(t, r.Loss.Causes[0].Trigger)
	require.Equal(t, "promotion", r.Loss.Causes[0].Kind)
	require.Equal(t, result.NoFault, r.Availability.RTAFault)
	require.InDelta(t, 1.1, r.Availability.RTAValue.Lo, 0.2)
	require.Len(t, r.Failovers, 1)
	require.Zero(t, r.Failovers[0].Fault)
}

// A replica that is not reached may be level: it has no lag, where one that is silent over loopback would stand still.
func TestUnreachedReplicaHasNoLag(t *testing.T) {
	h := onlyWatched(t)
	var samples []history.Sample
	for at := vSecond / 2; at <= 20*vSecond; at += vSecond / 20 {
		one := history.Sample{Node: 0, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "A", Offset: at / 1e3}
		two := history.Sample{Node: 1, Call: at, Return: at + 1000, Answered: at < 5*vSecond, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "A", Offset: at / 1e3, LinkUp: true, MasterAddr: "1:1"}
		samples = append(samples, one, two)
	}
	h.Samples = samples
	lag := func() int64 {
		a, err := Check(h, Options{})
		require.NoError(t, err)
		for _, s := range a.Result.Staleness {
			if s.Node == history.NoNode && s.Window == "" {
				return s.LagBytes
			}
		}
		return -1
	}
	require.Zero(t, lag())
	h.Run.Attached = nil
	require.Greater(t, lag(), int64(10_000_000))
}
