package checker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// outageRun is a run of n1 (master), n2, three sentinels and two workers that write every 20 ms, without samples but for a promotion of
// n2 at 8.3 s. n1 stops at 5 s; w1 goes on at n2 from 8.36 s on. w2 does the same, or as edit says.
func outageRun(t *testing.T, w2 func(at int64) (node int8, ok, lost bool), promises ...result.Promise) *history.History {
	t.Helper()
	h := failoverRun(t, 5*vSecond, promises...)
	h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "w2", Kind: history.Worker}, history.Node{Name: "s1", Kind: history.Sentinel}, history.Node{Name: "s2", Kind: history.Sentinel})
	h.Ops = history.Columns{}
	var kept []int64
	add := func(worker int32, at int64, node int8, ok, lost bool) {
		v := int64(h.Ops.Len()) + 1
		o := history.Op{Process: worker*100000 + int32(v), Client: worker, Worker: worker, Node: int32(node), F: history.FAdd, In: v, Out: 1, Arg: history.None, Acked: -1, Call: at, Intended: at, Return: at + 1e6}
		if !ok {
			o.Outcome, o.Err, o.Out = history.Fail, history.ErrDialRefused, history.None
		} else if !lost {
			kept = append(kept, v)
		}
		h.Ops.Append(o)
	}
	for at := vSecond; at < 20*vSecond; at += vSecond / 50 {
		node, ok := int8(0), true
		switch {
		case at >= 836*vSecond/100:
			node = 1
		case at >= 5*vSecond:
			ok = false
		}
		add(2, at, node, ok, false)
		if w2 != nil {
			n, ok, lost := w2(at)
			add(3, at+vSecond/100, n, ok, lost)
		}
	}
	for i := range h.Dumps {
		h.Dumps[i].Elems = slices.Clone(kept)
	}
	var kept2 []history.Sample
	for _, m := range h.Samples {
		if m.Node == 1 && m.Call >= 6*vSecond && m.Call < 83*vSecond/10 { // still a replica
			m.Role, m.ReplID, m.ReplID2, m.LinkUp, m.MasterAddr = history.RoleReplica, "A", "", false, "1:1"
		}
		kept2 = append(kept2, m)
	}
	h.Samples = kept2
	return h
}

// within demands that an interval holds a value and is no wider than it must be.
func within(t *testing.T, v result.Value, want, wide float64) {
	t.Helper()
	require.LessOrEqual(t, v.Lo, want, "%v", v)
	require.GreaterOrEqual(t, v.Hi, want, "%v", v)
	require.LessOrEqual(t, v.Hi-v.Lo, wide, "%v", v)
}

func TestRTAOfAZombieIsThatOfTheFreeze(t *testing.T) {
	// w2 is cut from the sentinels at 4 s and keeps to n1, which wakes at 9.3 s and acknowledges until 19 s: all of that is lost.
	h := outageRun(t, func(at int64) (int8, bool, bool) {
		return 0, at < 5*vSecond || at >= 93*vSecond/10, at >= 5*vSecond
	}, result.WritableWithin(4e9))
	for i := range h.Samples { // it wakes, says it is master until 19 s
		if m := &h.Samples[i]; m.Node == 0 && m.Call >= 93*vSecond/10 && m.Call < 19*vSecond {
			*m = history.Sample{Node: 0, Call: m.Call, Return: m.Return, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "A", Offset: m.Call / 1e6}
		} else if m.Node == 0 && m.Call >= 5*vSecond && m.Call < 93*vSecond/10 {
			*m = history.Sample{Node: 0, Call: m.Call, Return: m.Return, Up: true, Frozen: true}
		}
	}
	h.Faults = []history.Fault{
		{ID: 1, Kind: "cut-links", Text: "cut w2 from the sentinels", Links: [][2]int32{{3, 4}, {4, 3}, {3, 5}, {5, 3}}, Injected: 4 * vSecond, Effect: 4 * vSecond},
		{ID: 2, Kind: "pause", Text: "freeze n1", Targets: []int32{0}, Injected: 5*vSecond - 2e6, Effect: 5 * vSecond, HealCalled: 93 * vSecond / 10, Healed: 93 * vSecond / 10},
	}
	r := judged(t, h)
	av := r.Availability
	require.Equal(t, 2, av.RTAFault)
	within(t, av.RTAValue, 3.36, 0.025)
	require.True(t, av.ByWorker[1].CutOff)
	require.False(t, av.ByWorker[0].CutOff)
	require.Greater(t, av.ByWorker[1].RTAValue.Lo, 10., "what a deposed master acknowledges is no availability")
	for _, p := range r.Promises {
		if p.Promise.Measure == "rta" {
			require.Equal(t, result.Kept, p.Status)
		}
	}
}

func TestRTAOfALaggingFailoverBeginsWithTheKill(t *testing.T) {
	h := outageRun(t, nil)
	h.Faults = []history.Fault{
		{ID: 1, Kind: "cut-links", Text: "cut n1 from n2", Links: [][2]int32{{0, 1}, {1, 0}}, Injected: 45 * vSecond / 10, Effect: 45 * vSecond / 10, HealCalled: 9 * vSecond, Healed: 9 * vSecond},
		{ID: 2, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Injected: 5*vSecond - 10e6, Effect: 5 * vSecond, HealCalled: 11 * vSecond, Healed: 11 * vSecond},
	}
	av := judged(t, h).Availability
	require.Equal(t, 2, av.RTAFault)
	within(t, av.RTAValue, 3.36, 0.025)
	// A fault that stops nobody and is over before is not the one either, nor is one that comes after the recovery.
	h.Faults = append(h.Faults, history.Fault{ID: 3, Kind: "kill", Text: "kill n2", Targets: []int32{1}, Injected: 3 * vSecond, Effect: 3 * vSecond, HealCalled: 35 * vSecond / 10, Healed: 35 * vSecond / 10},
		history.Fault{ID: 4, Kind: "restart", Text: "restart n1", Targets: []int32{0}, Injected: 11 * vSecond, Effect: 11 * vSecond, Healed: 11 * vSecond})
	av = judged(t, h).Availability
	require.Equal(t, 2, av.RTAFault)
	within(t, av.RTAValue, 3.36, 0.025)
}

func TestRTAOfAFaultThatStoppedNobody(t *testing.T) {
	h := outageRun(t, nil)
	for i := range h.Ops.Len() { // nothing ever fails
		if h.Ops.Outcome[i] != history.OK {
			h.Ops.Outcome[i], h.Ops.Err[i], h.Ops.Out[i], h.Ops.Node[i] = history.OK, history.ErrNone, 1, 0
		}
	}
	h.Samples = slices.DeleteFunc(h.Samples, func(m history.Sample) bool { return m.Call > 5*vSecond })
	for n := range h.Dumps {
		h.Dumps[n].Elems = slices.Clone(h.Ops.In)
	}
	h.Faults = []history.Fault{{ID: 1, Kind: "kill", Text: "kill n2", Targets: []int32{1}, Injected: 5 * vSecond, Effect: 5 * vSecond, HealCalled: 9 * vSecond, Healed: 9 * vSecond}}
	within(t, judged(t, h).Availability.RTAValue, 0.019, 0.03)
}

// A client that another fault cut off a second before sees a longer outage; it is its own, not the run's.
func TestRTAOfAClientThatWasCutOffBefore(t *testing.T) {
	h := outageRun(t, func(at int64) (int8, bool, bool) {
		return int8(min(1, at/(836*vSecond/100))), at < 4*vSecond || at >= 836*vSecond/100, false
	})
	h.Faults = []history.Fault{
		{ID: 1, Kind: "cut-links", Text: "cut w2 off", Links: [][2]int32{{3, 4}, {4, 3}, {3, 5}, {5, 3}, {3, 0}, {0, 3}}, Injected: 4 * vSecond, Effect: 4 * vSecond, HealCalled: 8 * vSecond, Healed: 8 * vSecond},
		{ID: 2, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Injected: 5*vSecond - 10e6, Effect: 5 * vSecond, HealCalled: 11 * vSecond, Healed: 11 * vSecond},
	}
	av := judged(t, h).Availability
	require.Equal(t, 2, av.RTAFault)
	within(t, av.RTAValue, 3.36, 0.025)
	require.Equal(t, 1, av.ByWorker[1].RTAFault)
	within(t, av.ByWorker[1].RTAValue, 4.37, 0.03)
	require.True(t, av.ByWorker[1].CutOff)
}

// A harness that dies between the master's death and the failover leaves "at least": no promise is broken before its limit has passed.
func TestRTAIsNeverNeverBeforeTheLimit(t *testing.T) {
	kill := history.Fault{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Injected: 5*vSecond - 10e6, Effect: 5 * vSecond}
	for _, tt := range []struct {
		name  string
		limit int64
		edit  func(h *history.History)
		want  result.Status
	}{
		{"killed 2 s after", 15, func(h *history.History) { h.Cut = 7 * vSecond }, result.Undecided},
		{"killed 2 s after, and that is too long", 1, func(h *history.History) { h.Cut = 7 * vSecond }, result.Broken},
		{"stopped 2 s after", 15, func(h *history.History) { h.Events[1].T, h.Run.Incomplete = 7*vSecond, "interrupted" }, result.Undecided},
		{"killed just after it came back", 15, func(h *history.History) { h.Cut = 9 * vSecond }, result.Undecided},
		{"the failover was not waited for any longer", 3, func(h *history.History) {
			h.Faults = append(h.Faults, history.Fault{ID: 2, Kind: "cut-links", Injected: 45 * vSecond / 10, Effect: 45 * vSecond / 10, Err: "its end did not come: " + history.StepTimedOut + " 1 min", HealCalled: 7 * vSecond, Healed: 7 * vSecond})
		}, result.Undecided},
		{"the restart was never reached, so all was healed", 3, func(h *history.History) {
			h.Faults[0].HealCalled, h.Faults[0].Healed = 7*vSecond, 8*vSecond
			h.Faults = append(h.Faults, history.Fault{ID: 2, Kind: "restart", Err: "not injected: " + history.StepTimedOut + " 1 min"})
		}, result.Undecided},
		{"whole", 4, func(*history.History) {}, result.Kept},
		{"whole, and too long", 3, func(*history.History) {}, result.Broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := outageRun(t, nil, result.Promise{Measure: "rta", Limit: float64(tt.limit), By: "scenario"})
			h.Faults = []history.Fault{kill}
			tt.edit(h)
			if h.Cut > 0 { // as the reader cuts it
				h.Events = h.Events[:1]
				h.End = h.Cut
				h.Dumps = nil
				h.Samples = slices.DeleteFunc(h.Samples, func(m history.Sample) bool { return m.Return > h.Cut })
				h.Torn = "the run was killed"
			}
			for _, p := range judged(t, h).Promises {
				if p.Promise.Measure == "rta" {
					require.Equal(t, tt.want, p.Status, "%v", p.Value)
				}
			}
		})
	}
}

func TestGapsAreIntervals(t *testing.T) {
	op := func(call, ret int64) history.Op {
		return history.Op{F: history.FAdd, Out: 1, Arg: history.None, Acked: -1, Call: call, Return: ret, Intended: call, In: call}
	}
	h := history.FromOps([]history.Op{op(1, 3), op(2, 12), op(20, 29), op(25, 26), op(33, 34)}, []string{"s"})
	c := &check{h: h}
	all := func(int32) bool { return true }
	seen, v := c.longest([]int32{0, 1, 2, 3, 4}, 0, 40, all, all)
	// Surely nothing between 12 and 20; at most from 2, when the second was called, to 26.
	require.Equal(t, result.Gap{From: 12, To: 26}, seen)
	require.Equal(t, []float64{8e-9, 24e-9}, []float64{v.Lo, v.Hi})
	// If only the first and the last surely count, it may be longer.
	_, v = c.longest([]int32{0, 1, 2, 3, 4}, 0, 40, all, func(i int32) bool { return i == 0 || i == 4 })
	require.Equal(t, []float64{8e-9, 33e-9}, []float64{v.Lo, v.Hi})
	_, v = c.longest(nil, 0, 40, all, all)
	require.Equal(t, []float64{40e-9, 40e-9}, []float64{v.Lo, v.Hi})
}

// A write that was called when the kill had been begun and was answered before it took effect, and one in flight that was never answered, do not
// make the restart before the recovery the fault: it would have stopped nobody for long.
func TestRTAIsThatOfTheFaultThatBeganIt(t *testing.T) {
	h := outageRun(t, nil)
	h.Faults = []history.Fault{
		{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Injected: 48 * vSecond / 10, Effect: 5 * vSecond, HealCalled: 81 * vSecond / 10, Healed: 82 * vSecond / 10},
		{ID: 2, Kind: "restart", Text: "restart n1", Targets: []int32{0}, Injected: 81 * vSecond / 10, Effect: 82 * vSecond / 10, Healed: 82 * vSecond / 10},
	}
	av := judged(t, h).Availability
	require.Equal(t, 1, av.RTAFault)
	within(t, av.RTAValue, 3.36, 0.025)
	for i := range h.Ops.F { // nobody is refused: all that fails is without a reply
		if h.Ops.IsWrite(i) && h.Ops.Outcome[i] == history.Fail {
			h.Ops.Outcome[i], h.Ops.Return[i] = history.Info, history.Inf
		}
	}
	av = judged(t, h).Availability
	require.Equal(t, 1, av.RTAFault)
}
