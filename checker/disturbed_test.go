package checker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A time that is too long on a machine that stood still accuses nobody; on a quiet one it does.
func TestDisturbedMachinesAccuseNobody(t *testing.T) {
	stall := func(at, dur int64) func(h *history.History) {
		return func(h *history.History) {
			h.Events = append(h.Events, history.Event{Node: history.NoNode, T: at, Dur: dur, Kind: history.EvStall, Name: history.StallTick})
		}
	}
	delay := func(share int64) func(h *history.History) {
		return func(h *history.History) {
			for i := range h.Samples {
				h.Samples[i].RunDelay = h.Samples[i].Call * share / 100
			}
		}
	}
	tilt := func(near bool) func(h *history.History) {
		return func(h *history.History) {
			at := 5 * vSecond
			h.Events = append(h.Events, history.Event{T: at, Kind: history.EvSentinel, Name: "+tilt"})
			if near {
				stall(at-vSecond, vSecond/10)(h)
			}
		}
	}
	late := func(each int) func(h *history.History) {
		return func(h *history.History) {
			h.Ops.Intended = make([]int64, h.Ops.Len())
			for i := range h.Ops.Intended {
				h.Ops.Intended[i] = h.Ops.Call[i]
				if i%each == 0 {
					h.Ops.Intended[i] -= 2 * vSecond
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		edit func(h *history.History)
		want result.Verdict
	}{
		{"quiet", func(*history.History) {}, result.Violation},
		{"a short stall", stall(5*vSecond, 1e8), result.Violation},
		{"a long stall in the outage", stall(5*vSecond, 6e8), result.Unknown},
		{"a long stall shortly before it", stall(2*vSecond, 9e8), result.Unknown},
		{"a long stall long after it", stall(15*vSecond, 9e8), result.Violation},
		{"servers that waited a tenth of the time", delay(10), result.Violation},
		{"servers that waited a third of the time", delay(33), result.Unknown},
		{"a sentinel in TILT by itself", tilt(false), result.Violation},
		{"a sentinel in TILT after a stall", tilt(true), result.Unknown},
		{"a load that was offered in time, mostly", late(20), result.Violation},
		{"a load that was not offered in time", late(2), result.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := failoverRun(t, 5*vSecond, result.WritableWithin(2e8))
			for i := range h.Samples {
				h.Samples[i].RunDelay = -1
			}
			c.edit(h)
			r := judged(t, h)
			require.Equal(t, c.want, r.Verdict, "%v\n%+v", r.Reasons, r.Disturbance)
		})
	}
}

// What is nobody's time is judged on a disturbed machine too.
func TestDisturbedMachinesHideNoLoss(t *testing.T) {
	h := failoverRun(t, 4*vSecond, result.NothingLost())
	h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 5 * vSecond, Dur: 3 * vSecond, Kind: history.EvStall, Name: history.StallTick})
	require.Equal(t, result.Violation, judged(t, h).Verdict)
}

// A time that is kept only if the machine did not stand still is not kept.
func TestStallsWidenTimes(t *testing.T) {
	h := failoverRun(t, 5*vSecond, result.WritableWithin(1100e6))
	require.Equal(t, result.Pass, judged(t, h).Verdict)
	h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 55 * vSecond / 10, Dur: 2e8, Kind: history.EvStall, Name: history.StallTick})
	r := judged(t, h)
	require.Equal(t, result.Unknown, r.Verdict)
	require.EqualValues(t, 2e8, r.Disturbance.StallsTotal)
}

// A harness that stood still for long has not carried out what was asked for: nothing passes on it, and what was seen stays seen.
func TestHarnessThatStoodStill(t *testing.T) {
	for _, c := range []struct {
		name string
		e    history.Event
		want result.Verdict
		says string
	}{
		{"long", history.Event{Node: history.NoNode, T: 5 * vSecond, Dur: 20 * vSecond, Name: history.StallTick}, result.Unknown, "the harness stood still for 20 s"},
		{"suspended", history.Event{Node: history.NoNode, T: 5 * vSecond, Dur: 20 * vSecond, Name: history.StallSuspended}, result.Unknown, "the machine was suspended for 20 s"},
		{"short", history.Event{Node: history.NoNode, T: 5 * vSecond, Dur: vSecond, Name: history.StallTick}, result.Pass, ""},
		{"an agent's", history.Event{Node: 1, T: 5 * vSecond, Dur: 20 * vSecond, Name: history.StallTick}, result.Pass, ""},
		{"before the load", history.Event{Node: history.NoNode, T: -30 * vSecond, Dur: 20 * vSecond, Name: history.StallTick}, result.Pass, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := failoverRun(t, 4*vSecond)
			c.e.Kind = history.EvStall
			h.Events = append(h.Events, c.e)
			r := judged(t, h)
			require.Equal(t, c.want, r.Verdict, r.Reasons)
			require.Contains(t, strings.Join(r.Reasons, " "), c.says)
			h = failoverRun(t, 4*vSecond, result.NothingLost())
			h.Events = append(h.Events, c.e)
			require.Equal(t, result.Violation, judged(t, h).Verdict)
		})
	}
}
