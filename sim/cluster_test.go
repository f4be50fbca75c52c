package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
)

// cluster is a run of two or three shards.
func cluster(seed int64, moves int) Config {
	return Config{Seed: seed, Shards: 2 + int(seed%2), Keys: 4 + int(seed%3), Moves: moves}
}

// What a checker says of a Cluster holds the truth, whatever happened to its shards, and whichever slots moved meanwhile.
func TestTruthOfClusters(t *testing.T) {
	found := all(seeds(), func(seed int64) Config { return cluster(seed, int(seed%4)) }, (*run).compare)
	for what, ps := range found {
		for _, p := range ps[:min(len(ps), 5)] {
			t.Errorf("%s: seed %d: %s (%d such in all)", what, p.seed, p.text, len(ps))
		}
	}
}

// A Cluster to which nothing happens but slots that move has no finding.
func TestHealthyClusters(t *testing.T) {
	found := all(seeds()/2, func(seed int64) Config {
		c := cluster(seed, int(seed%4))
		c.Faults, c.Records, c.Load, c.Sampling, c.Late = []Failure{}, Whole, 3*sec, 25*ms, -1
		return c
	}, func(r *run) {
		for _, f := range r.a.Result.Findings {
			if f.Bugs > 0 || f.Class == "foreign_key" || f.Class == "lost_in_migration" || f.Class == "slot_two_masters" && f.Count > 0 {
				r.wrong("finding", "%+v", f)
			}
		}
		reasons := slices.DeleteFunc(slices.Clone(r.a.Result.Reasons), func(s string) bool { return strings.Contains(s, "no key was there to compare") })
		if r.a.Result.Writes.Lost > 0 || r.a.Result.Masters.TwoWritable > 0 || r.a.Result.Verdict == result.Violation || len(reasons) > 0 {
			r.wrong("verdict", "%s %v: %d lost, two masters for %d", r.a.Result.Verdict, r.a.Result.Reasons, r.a.Result.Writes.Lost, r.a.Result.Masters.TwoWritable)
		}
	})
	for what, ps := range found {
		for _, p := range ps[:min(len(ps), 5)] {
			t.Errorf("%s: seed %d: %s (%d such in all)", what, p.seed, p.text, len(ps))
		}
	}
	require.Empty(t, found)
}
