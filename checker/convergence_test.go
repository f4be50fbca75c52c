package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

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
	require.Equal(t, Pass, r.Verdict, "%v", r.Reasons)
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
