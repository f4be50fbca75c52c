package checker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A key that one node lacks is a difference only where it must hold it.
func TestKeysThatExpireBetweenReadingsAreNoDifference(t *testing.T) {
	const wall = int64(1_700_000_000_000) // ms
	for name, c := range map[string]struct {
		expire int64 // ms, -1 for never
		want   int64
	}{
		"it does not expire":           {-1, 1},
		"it expires long afterwards":   {wall + 60_000, 1},
		"it expired before":            {wall - 1, 0},
		"it expires at the reading":    {wall + 5, 0},
		"it expires right afterwards":  {wall + 10, 0},
		"it expires a bit afterwards":  {wall + 50, 1},
		"it expired, and nobody looks": {1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := tinyRun(map[string][]int64{"k0": {1}, "k1": {9}}, op(1, history.FWrite, 1, none, 1, 2), onKey(op(1, history.FWrite, 9, none, 1, 2), 1))
			for n := range int32(2) {
				h.Readings = append(h.Readings, history.Reading{Node: n, Read: 1, WallCall: (wall - 1) * 1e6, WallReturn: wall * 1e6})
			}
			h.Dumps[0].ExpireAt = c.expire
			h.Dumps = append(h.Dumps[:1], h.Dumps[2:]...) // the replica lacks it
			r := judged(t, h)
			require.Equal(t, c.want, r.Convergence.Divergent)
		})
	}
}

// Nodes that a fault holds down for good were not read: they lack nothing.
func TestNodesHeldDownForGoodAreLeftOut(t *testing.T) {
	h := tinyRun(keyed(1), op(1, history.FWrite, 1, none, 1, 2))
	h.Dumps = h.Dumps[:1]
	require.EqualValues(t, 1, judged(t, h).Convergence.Divergent)
	h.Events = append(h.Events, history.Event{Node: 1, T: 3, Kind: history.EvPhase, Name: history.PhaseLeftOut})
	r := judged(t, h)
	require.Zero(t, r.Convergence.Divergent)
	require.Equal(t, result.Pass, r.Verdict, "%v", r.Reasons)
}

// Of a key that one node answered in two ways nothing is believed: what it lacked is not lost.
func TestBadRepliesLoseNothing(t *testing.T) {
	h := tinyRun(keyed(7), op(1, history.FAdd, 1, 1, 1, 2))
	for i := range h.Dumps {
		h.Dumps[i].Type = "set"
	}
	require.Positive(t, judged(t, h).Writes.Lost)
	h = twiceRead(h, 1)
	r := judged(t, h)
	require.Zero(t, r.Writes.Lost)
	require.EqualValues(t, 1, r.Writes.LostMost)
	require.EqualValues(t, 1, countOf(r, "bad_reply"))
	require.Zero(t, countOf(r, "phantom"))
}

// A difference is told by who holds what, a node that has nothing among them.
func TestDivergenceSaysWhoHoldsWhat(t *testing.T) {
	for _, tt := range []struct {
		name string
		n1   []int64
		n2   []int64 // nil: it has no such key
		says string
	}{
		{"an element is missing", []int64{1, 2, 3}, []int64{1, 3}, "k0: n1 holds set of 3; n2 holds set of 2, without 2"},
		{"as many, but others", []int64{1, 2}, []int64{2, 5}, "k0: n1 holds set of 2, without 5; n2 holds set of 2, without 1"},
		{"many are missing", []int64{1, 2, 3, 4, 5, 6}, []int64{1, 6}, "k0: n1 holds set of 6; n2 holds set of 2, without 2, 3, 4 and 1 more"},
		{"the key is missing", []int64{1, 2}, nil, "k0: n1 holds set of 2; n2 holds nothing"},
		{"the same elements", []int64{1, 2}, []int64{1, 2}, "k0: n1, n2 hold set of 2, but not in the same state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := tinyRun(map[string][]int64{"k0": tt.n1}, op(1, history.FAdd, 1, 1, 1, 2))
			for i := range h.Dumps {
				h.Dumps[i].Type, h.Dumps[i].Digest = "set", uint64(i+1)
			}
			h.Dumps[1].Elems = tt.n2
			if tt.n2 == nil {
				h.Dumps = h.Dumps[:1]
			}
			r := judged(t, h)
			require.EqualValues(t, 1, r.Convergence.Divergent)
			require.Equal(t, tt.says, r.Findings[slices.IndexFunc(r.Findings, func(f result.Finding) bool { return f.Class == "divergent" })].Text)
			require.Len(t, r.Convergence.Sample[0].Nodes, 2)
		})
	}
}

// Nodes of another group need not hold a key, and one that only one node must hold any more was not compared.
func TestOnlyWhatNodesMustHoldIsCompared(t *testing.T) {
	h := tinyRun(keyed(1), op(1, history.FWrite, 1, none, 1, 2))
	h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "m1", Kind: history.Server, Shard: 1})
	r := judged(t, h)
	require.Zero(t, r.Convergence.Divergent)
	require.EqualValues(t, 1, r.Convergence.Keys)

	h = tinyRun(keyed(1), op(1, history.FWrite, 1, none, 1, 2))
	h.Dumps = h.Dumps[:1]
	h.Dumps[0].ExpireAt = 5
	r = judged(t, h)
	require.Zero(t, r.Convergence.Divergent+r.Convergence.Keys)
	require.NotEqual(t, result.Pass, r.Verdict, "nothing was compared")
}
