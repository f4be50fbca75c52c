package sentences

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// What was only watched says what was seen, and neither that it passes nor that nothing was lost.
func TestWatchedSentences(t *testing.T) {
	run := &history.Run{Nodes: []history.Node{{Name: "n1"}, {Name: "n2"}}, Attached: &history.Attached{}}
	lag := func(bytes, ns int64) result.Result {
		return result.Result{Verdict: result.Watched, Staleness: []result.Staleness{{Node: history.NoNode, LagBytes: bytes, LagTime: ns}},
			Measures: []result.MeasureValue{{Name: "lag", Value: result.Exactly(float64(bytes))}, {Name: "lag_time", Value: result.Exactly(float64(ns) / 1e9)},
				{Name: "two_masters", Value: result.Between(11, 11.2, "")}}}
	}
	two := lag(0, 0)
	two.Failovers = []result.Failover{{New: 1}}
	two.Masters.TwoWritable = 11e9
	for _, c := range []struct {
		r          result.Result
		first, sub string
	}{
		{lag(0, 0), "No replica was seen behind its master.", "No promotion and no second master was seen. Nothing was written."},
		{lag(12_300, 40e6), "The greatest lag of a replica was 12.3 kB, 40 ms.", "No promotion and no second master was seen. Nothing was written."},
		{lag(-1, -1), "No lag of a replica was seen, as none could be compared with its master.", "No promotion and no second master was seen. Nothing was written."},
		{two, "n2 was promoted, and two nodes said they were master for 11 s to 11.2 s.", "No replica was seen behind its master. Nothing was written, so what clients lost is not known."},
	} {
		s := Of(run, &c.r)
		require.Equal(t, c.first, s.Headline)
		require.Equal(t, c.sub, s.Sub)
	}
	require.Equal(t, "Watched", MarkOf(result.Watched, false).Word)
}

// Settings that nobody told are not said to be the defaults, and nobody is said to have promoted a node.
func TestAttachedWhy(t *testing.T) {
	run := &history.Run{Nodes: []history.Node{{Name: "n1", Kind: history.Server}, {Name: "n2", Kind: history.Server}, {Name: "s1", Kind: history.Sentinel}}, Attached: &history.Attached{Load: true}}
	r := &result.Result{Verdict: result.Watched, Writes: result.Account{Known: true, Attempted: 100, Acked: 100, Survived: 90, Lost: 10, LostMost: 10},
		Loss: &result.Loss{First: 1e9, Last: 2e9, SplitBrain: 10, Causes: []result.Cause{{Kind: "promotion", Node: 0, Winner: 1, T: 1e9, Last: 2e9, Lost: 10}}}}
	s := Of(run, r)
	require.Equal(t, "n2 was promoted, while n1 still took itself for the master and acknowledged writes, the last one 1 s after the promotion.", s.Why)
	require.Empty(t, s.Bounds)
	require.Contains(t, s.Sub, "No fault of schism's")
	run.Nodes[0].Settings = []history.KV{{K: "min-replicas-to-write", V: "0"}}
	require.Contains(t, Of(run, r).Bounds, "which was 0")
}
