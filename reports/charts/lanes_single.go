package charts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// Single writes are drawn this near to a moment that matters, and at most so many, as a page must stay small.
const (
	singleAround = int64(60e6)
	singleMost   = 6000
)

// moments are where single operations are worth their bytes: edges of faults, promotions, and what a witness names.
func (t *Timeline) moments() []int64 {
	var out []int64
	for _, b := range t.bands {
		out = append(out, b.from, b.to)
	}
	for _, f := range t.a.Result.Failovers {
		out = append(out, f.T)
	}
	for _, w := range t.a.Result.Witnesses {
		for _, o := range w.Marked {
			if o >= 0 && o < t.h.Ops.Len() && len(out) < 60 {
				out = append(out, t.h.Ops.Return[o])
			}
		}
	}
	slices.Sort(out)
	return out
}

// singles draws acknowledged writes as ticks at the zero line, which the script shows when few enough are in sight.
func (t *Timeline) singles(s *svg, zero float64) {
	near := t.moments()
	c := &t.h.Ops
	var kept, lost strings.Builder
	n := 0
	for i := range c.Len() {
		if !c.F[i].IsWrite() || c.Outcome[i] != history.OK || n == singleMost {
			continue
		}
		at := c.Return[i]
		k, _ := slices.BinarySearch(near, at-singleAround)
		if k == len(near) || near[k] > at+singleAround {
			continue
		}
		n++
		if t.fate(i) == result.FateLost {
			fmt.Fprintf(&lost, "M%.4f %sv7", float64(at-t.t0)/1e8, f1(zero+2))
		} else {
			fmt.Fprintf(&kept, "M%.4f %sv7", float64(at-t.t0)/1e8, f1(zero-9))
		}
	}
	for _, p := range []struct{ d, cls string }{{kept.String(), "one l-1"}, {lost.String(), "one l-1"}} {
		if p.d != "" {
			s.printf(`<path d="%s" class="%s"/>`, p.d, p.cls)
		}
	}
}
