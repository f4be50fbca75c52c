package checker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// look is what the samples of a node say from a moment on.
type look struct {
	from   int64
	role   history.Role // RoleUnknown: it is gone
	run    string
	repl   string
	repl2  string
	fork   int64 // what repl2 was left at
	base   int64 // its offset at from; a master's grows by 1 an ms
	master string
	grown  int64 // its count of changes at from; -1 not known
}

// sampled are the samples of a node, one every 50 ms until 30 s.
func sampled(n int32, looks ...look) []history.Sample {
	var out []history.Sample
	for at := vSecond / 2; at <= 30*vSecond; at += vSecond / 20 {
		k := -1
		for i := range looks {
			if looks[i].from <= at {
				k = i
			}
		}
		m := history.Sample{Node: n, Call: at, Return: at + 1000}
		if k >= 0 && looks[k].role != history.RoleUnknown {
			l := looks[k]
			m.Answered, m.Up, m.Role, m.RunID, m.ReplID, m.ReplID2, m.SecondOffset, m.MasterAddr, m.LinkUp = true, true, l.role, l.run, l.repl, l.repl2, l.fork+1, l.master, l.master != ""
			m.Offset = l.base + (at-l.from)/1e6
			if l.grown >= 0 {
				// One write every 10 ms is one change.
				m.Rest = history.Rest{Known: true, LastSave: 1}
				m.Rest.Changes = l.grown
				if l.role == history.RoleMaster && l.run != "b2" {
					m.Rest.Changes += (at - l.from) / 10e6
				}
			}
		}
		out = append(out, m)
	}
	return out
}

// staleFailback is a run of two nodes: n1 dies at 2 s, n2 is promoted at 3 s and written to until 6 s, dies; n1 comes back with what it
// had and says it is master from 8 s on; n2 comes back at 10 s and copies n1 from 12 s on. counted says whether the samples count
// changes, loaded what n2 counted when it was back.
func staleFailback(t *testing.T, counted bool, loaded int64) *history.History {
	t.Helper()
	var ops []history.Op
	for k := int64(0); k < 500; k++ {
		at := vSecond + k*10e6
		o := history.Op{Process: int32(k), F: history.FAdd, In: k, Out: 1, Arg: history.None, Acked: -1, Worker: 2, Call: at, Return: at + 1e6, Intended: at}
		switch {
		case at >= 2*vSecond && at < 3*vSecond:
			continue
		case at >= 3*vSecond:
			o.Node = 1
		}
		ops = append(ops, o)
	}
	h := history.FromOps(ops, []string{"s"})
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}, {Name: "w1", Kind: history.Worker}}
	grown, copied := int64(-1), int64(-1)
	if counted {
		grown, copied = 100, 0
	}
	h.Samples = append(h.Samples, sampled(0, look{from: 0, role: history.RoleMaster, run: "a", repl: "A", grown: -1}, look{from: 2 * vSecond}, look{from: 8 * vSecond, role: history.RoleMaster, run: "a2", repl: "A2", grown: -1})...)
	h.Samples = append(h.Samples, sampled(1, look{from: 0, role: history.RoleReplica, run: "b", repl: "A", master: "1:1", grown: copied},
		look{from: 3 * vSecond, role: history.RoleMaster, run: "b", repl: "B", repl2: "A", fork: 2000, base: 3000, grown: grown},
		look{from: 6 * vSecond},
		look{from: 10 * vSecond, role: history.RoleMaster, run: "b2", repl: "B2", grown: loaded},
		look{from: 12 * vSecond, role: history.RoleReplica, run: "b2", repl: "A2", base: 4000, master: "1:1", grown: -1})...)
	slices.SortStableFunc(h.Samples, func(a, b history.Sample) int { return int(min(1, max(-1, a.Call-b.Call))) })
	phases(h, vSecond/2, 20*vSecond, 21*vSecond, 22*vSecond)
	h.Faults = []history.Fault{
		{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Injected: 2 * vSecond, Effect: 2 * vSecond, HealCalled: 8 * vSecond, Healed: 8 * vSecond},
		{ID: 2, Kind: "kill", Text: "kill n2", Targets: []int32{1}, Injected: 6 * vSecond, Effect: 6 * vSecond, HealCalled: 10 * vSecond, Healed: 10 * vSecond},
	}
	for n := range int32(2) {
		d := history.Dump{Node: n, Key: "s", Type: "set", Digest: 1, ExpireAt: -1, Last: true}
		for k := range int64(100) {
			d.Elems = append(d.Elems, k)
		}
		h.Dumps = append(h.Dumps, d)
	}
	h.End = 22 * vSecond
	return h
}

// phases are those of a run that went to its end.
func phases(h *history.History, load, loadEnd, barrier, end int64) {
	for _, p := range []struct {
		name string
		t    int64
	}{{history.PhaseLoad, load}, {history.PhaseLoadEnd, loadEnd}, {history.PhaseBarrier, barrier}, {history.PhaseFinalEnd, end}} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: p.t, Kind: history.EvPhase, Name: p.name})
	}
}

func TestStaleFailbackIsNoEmptyRestart(t *testing.T) {
	// Everything was loaded: n2 counted as many changes as ever. Then a full resync from the stale master threw it away.
	r := judged(t, staleFailback(t, true, 402))
	require.EqualValues(t, 300, r.Writes.Lost)
	require.Len(t, r.Loss.Causes, 1)
	require.Equal(t, "resync", r.Loss.Causes[0].Kind)
	require.Equal(t, []int32{1, 0}, []int32{r.Loss.Causes[0].Node, r.Loss.Causes[0].Winner})
	require.Equal(t, 2, r.Loss.Causes[0].Trigger)
	require.EqualValues(t, 300, r.Loss.Causes[0].Lost)
	require.Zero(t, r.Loss.Ambiguous+r.Loss.Unattributed)
	require.Equal(t, "n2 took over the data of n1", r.Loss.Causes[0].Text)

	// It counted only part of it: what it loaded of the rest cannot be told.
	r = judged(t, staleFailback(t, true, 200))
	require.EqualValues(t, 300, r.Writes.Lost)
	require.InDelta(t, 200, r.Loss.Ambiguous, 10)
	require.EqualValues(t, 300-r.Loss.Ambiguous, r.Loss.Causes[0].Lost)
	require.Equal(t, "resync", r.Loss.Causes[0].Kind)

	// No counts at all: either the restart or the resync.
	r = judged(t, staleFailback(t, false, -1))
	require.EqualValues(t, 300, r.Loss.Ambiguous)
	require.Empty(t, r.Loss.Causes)
}

// A master that comes back empty and stays master lost them itself, whatever its replicas copied.
func TestEmptyRestartByHand(t *testing.T) {
	h := staleFailback(t, false, -1)
	h.Samples = h.Samples[:0]
	h.Samples = append(h.Samples, sampled(0, look{from: 0, role: history.RoleMaster, run: "a", repl: "A"}, look{from: 2 * vSecond}, look{from: 2*vSecond + vSecond/10, role: history.RoleMaster, run: "a2", repl: "A2"})...)
	h.Samples = append(h.Samples, sampled(1, look{from: 0, role: history.RoleReplica, run: "b", repl: "A", master: "1:1"}, look{from: 3 * vSecond, role: history.RoleReplica, run: "b", repl: "A2", master: "1:1"})...)
	slices.SortStableFunc(h.Samples, func(a, b history.Sample) int { return int(min(1, max(-1, a.Call-b.Call))) })
	h.Faults = h.Faults[:1]
	for i := range h.Ops.Node {
		h.Ops.Node[i] = 0
	}
	for i := range h.Dumps {
		h.Dumps[i].Elems = h.Dumps[i].Elems[:0]
		for k := int64(200); k < 500; k++ {
			h.Dumps[i].Elems = append(h.Dumps[i].Elems, k)
		}
	}
	r := judged(t, h)
	require.EqualValues(t, 100, r.Writes.Lost)
	require.Len(t, r.Loss.Causes, 1)
	require.Equal(t, "restart", r.Loss.Causes[0].Kind)
	require.Zero(t, r.Loss.Ambiguous+r.Loss.Unattributed)
	require.Equal(t, 1, r.Loss.Causes[0].Trigger)
}

// A restart ends a branch at what was loaded, even if that is all of the last answer: what came after that answer may be gone.
func TestRestartEndsABranch(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  history.Sample
		want int
		fork int64
	}{
		{"under the old id as its second, with all of it", history.Sample{RunID: "2", ReplID: "B", ReplID2: "A", SecondOffset: 101, Role: history.RoleMaster}, 1, 100},
		{"under the old id as its second, with less", history.Sample{RunID: "2", ReplID: "B", ReplID2: "A", SecondOffset: 61, Role: history.RoleMaster}, 1, 60},
		{"under the same id, with less", history.Sample{RunID: "2", ReplID: "A", Offset: 50, Role: history.RoleMaster}, 1, 50},
		{"under the same id, with all of it", history.Sample{RunID: "2", ReplID: "A", Offset: 100, Role: history.RoleMaster}, 1, 100},
		{"under a new id, as an AOF is loaded", history.Sample{RunID: "2", ReplID: "B", Role: history.RoleMaster}, 1, -1},
		{"the same run goes on", history.Sample{RunID: "1", ReplID: "A", Offset: 120, Role: history.RoleMaster}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &history.History{Run: history.Run{Nodes: []history.Node{{Name: "n1", Kind: history.Server}}}}
			prev, now := history.Sample{Answered: true, Up: true, Role: history.RoleMaster, RunID: "1", ReplID: "A", Offset: 100, Return: 1}, tt.now
			now.Answered, now.Up, now.Call, now.Return = true, true, 10, 11
			h.Samples = []history.Sample{prev, now}
			ends := newStates(h).groups[0].ends
			require.Len(t, ends, tt.want)
			if tt.want > 0 {
				require.Equal(t, endRestart, ends[0].kind)
				require.Equal(t, tt.fork, ends[0].fork)
			}
		})
	}
}
