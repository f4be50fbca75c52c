package charts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/reports/internal/fixture"
)

func TestFaultLabelsDoNotRunIntoEachOther(t *testing.T) {
	tl := &Timeline{t0: 0, t1: 100e9}
	for i, from := range []int64{10e9, 11e9, 12e9, 13e9, 98e9} {
		tl.bands = append(tl.bands, band{from: from, to: from + 1e9, id: i + 1, label: "fault: cut the links between n1 and {n2, n3}, once more"})
	}
	for _, width := range []float64{plotWide, plotNarrow} {
		ls := tl.faultLabels(width, 4)
		require.Len(t, ls, len(tl.bands), "each has a label, if only its number")
		for i, a := range ls {
			from, to := edges(tl, a, width)
			require.GreaterOrEqual(t, from, 0.0)
			require.LessOrEqual(t, to, width)
			for _, b := range ls[i+1:] {
				bFrom, bTo := edges(tl, b, width)
				require.False(t, a.row == b.row && from < bTo && bFrom < to, "%q runs into %q", a.txt, b.txt)
			}
		}
	}
}

func edges(t *Timeline, l laid, width float64) (from, to float64) {
	x := t.pct(l.at) / 100 * width
	if l.left {
		return x - px(l.txt), x
	}
	return x, x + px(l.txt)
}

func TestCut(t *testing.T) {
	steady := make([]float64, 100)
	for i := range steady {
		steady[i] = 200
	}
	require.Zero(t, cut(0.1, steady), "a steady rate has nothing to cut off")
	burst := append([]float64{1000, 900}, steady...)
	require.Equal(t, 3000.0, cut(0.1, burst), "2,000 a second stay readable")
	require.Zero(t, cut(0.1, burst[:10]), "too little to tell what is usual")
}

func TestSingleWritesStandOnlyNearWhatMatters(t *testing.T) {
	h, a := fixture.SplitBrain(100)
	tl := New(h, a)
	near := tl.moments()
	require.NotEmpty(t, near)
	s := newSVG(100, "")
	tl.singles(s, 50)
	ticks := strings.Count(s.b.String(), "v7")
	require.Positive(t, ticks)
	most := 0
	for i := range h.Ops.Len() {
		for _, m := range near {
			if d := h.Ops.Return[i] - m; d >= -singleAround && d <= singleAround {
				most++
				break
			}
		}
	}
	require.LessOrEqual(t, ticks, most)
}
