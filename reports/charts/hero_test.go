package charts

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
)

// The picture adds up to the account of writes, and calls nothing survived of which that cannot be told.
func TestPictureAddsUp(t *testing.T) {
	h, a := fixture.SplitBrain(100)
	count := func(f result.Fate) (n int64) {
		for i := range a.Fate {
			if h.Ops.Outcome[i] == history.OK && a.Fate[i] == f {
				n++
			}
		}
		return n
	}
	sum := func() (kept, lost, untold int64) {
		runs, _ := New(h, a).ackRuns()
		for _, row := range runs {
			for _, r := range row {
				if r.lost {
					lost += r.n
					continue
				}
				kept, untold = kept+r.n, untold+r.untold
			}
		}
		return kept, lost, untold
	}
	kept, lost, untold := sum()
	require.Equal(t, []int64{count(result.FateSurvived), count(result.FateLost), 0}, []int64{kept, lost, untold})
	require.Contains(t, string(New(h, a).Picture()), "survived")

	for i := range a.Fate {
		if a.Fate[i] == result.FateSurvived {
			a.Fate[i] = result.FateMasked
		}
	}
	kept, _, untold = sum()
	require.Equal(t, count(result.FateMasked), untold)
	require.Equal(t, kept, untold)
	require.NotContains(t, string(New(h, a).Picture()), "survived")
}
