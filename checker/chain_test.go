package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// chainRun is a run of n1 <- n2 <- n3 whose n2 is killed at 3 s and back at 5 s, from n1's data; n3 follows n2 throughout, without a link
// meanwhile, and a write of 1 at 2.5 s and of 2 at 4 s.
func chainRun() *history.History {
	const ms = int64(1e6)
	first, second := write(1, null, 2500*ms, 2501*ms), write(2, 1, 4000*ms, 4001*ms)
	h := tinyRun(map[string][]int64{"k0": {2}}, first, second)
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1", Role: history.RoleMaster}, {Name: "n2", Kind: history.Server, Addr: "2:1", Role: history.RoleReplica},
		{Name: "w1", Kind: history.Worker}, {Name: "n3", Kind: history.Server, Addr: "3:1", Role: history.RoleReplica}}
	h.Samples = nil
	for t := int64(0); t <= 8000; t += 50 {
		at := t * ms
		offset := int64(100)
		if t > 2500 {
			offset = 200
		}
		if t > 4000 {
			offset = 300
		}
		h.Samples = append(h.Samples, history.Sample{Node: 0, Call: at, Return: at + ms, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "x", Offset: offset})
		n2 := history.Sample{Node: 1, Call: at, Return: at + ms, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "x", Offset: offset, LinkUp: true, MasterAddr: "1:1"}
		switch {
		case t > 3000 && t < 5000:
			n2 = history.Sample{Node: 1, Call: at, Return: at + ms, NoAnswerSince: at}
		case t >= 5000:
			n2.RunID = "b2"
		}
		if t == 5000 { // it is back, and has not synced yet
			n2.ReplID, n2.Offset, n2.LinkUp = "own", 0, false
		}
		n3 := history.Sample{Node: 3, Call: at, Return: at + ms, Answered: true, Up: true, Role: history.RoleReplica, RunID: "c", ReplID: "x", Offset: offset, LinkUp: true, MasterAddr: "2:1"}
		if t > 3000 && t < 6000 {
			n3.Offset, n3.LinkUp = 200, false
		}
		h.Samples = append(h.Samples, n2, n3)
	}
	h.Faults = []history.Fault{{ID: 1, Kind: "kill", Text: "kill n2", Targets: []int32{1}, Injected: 3000 * ms, Effect: 3010 * ms, HealCalled: 4980 * ms, Healed: 5000 * ms}}
	h.Dumps = append(h.Dumps, history.Dump{Node: 3, Key: "k0", Type: h.Dumps[0].Type, Digest: 1, ExpireAt: -1, Elems: []int64{2}})
	for i, t := range []int64{0, 6500, 7000, 7500} {
		h.Events[i].T = t * ms
	}
	h.End = 8000 * ms
	return h
}

// A replica of a replica belongs to the root: its lag is behind that one, it is level when it has what that one has, and that its own
// master died and came back makes nobody another master and loses nothing.
func TestChainIsJudgedByItsRoot(t *testing.T) {
	a, err := Check(chainRun(), Options{})
	require.NoError(t, err)
	r := &a.Result
	require.Empty(t, r.Findings)
	require.Equal(t, result.Pass, r.Verdict, r.Reasons)
	require.Empty(t, r.Failovers)
	require.Empty(t, r.Masters.Windows)
	require.Zero(t, r.Writes.Lost)
	lag := map[int32]int64{}
	for _, p := range a.Lag {
		require.False(t, p.Branch)
		lag[p.Node] = max(lag[p.Node], p.Bytes)
	}
	require.Equal(t, map[int32]int64{1: 0, 3: 100}, lag, "n3's is behind n1, also while n2 was away")
	require.InDelta(t, 1.0, r.Convergence.Value.Lo, 0.1, "level when n3 was, a second after the heal")
	require.InDelta(t, 1.0, r.Convergence.Value.Hi, 0.1)
	require.EqualValues(t, 3, r.Convergence.Nodes)
}

// What the last of a chain lacks in the end is a difference, whoever it follows.
func TestChainDivergesAtItsEnd(t *testing.T) {
	h := chainRun()
	d := &h.Dumps[len(h.Dumps)-1]
	d.Digest, d.Elems = 7, []int64{1}
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.EqualValues(t, 1, countOf(a.Result, "divergent"))
	require.Equal(t, result.Violation, a.Result.Verdict)
}
