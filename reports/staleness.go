package reports

import (
	"strings"

	"github.com/schismtest/schism/checker"
)

// Staleness is shown twice where writes were lost: with every acknowledged write counted, and of what survived. The table has both; the
// timeline, the histogram and the operations show one of the two, and say which.

// ofSurviving tells whether these show staleness without the lost writes.
func (t *timeline) ofSurviving() bool {
	if !t.lossy() {
		return false
	}
	for i := range t.a.Result.Staleness {
		if s := &t.a.Result.Staleness[i]; s.Reads > 0 && s.Kept != nil {
			return true
		}
	}
	return false
}

// lossy tells whether writes are or may be lost.
func (t *timeline) lossy() bool { return t.a.Result.Writes.Lost > 0 || t.a.Result.Writes.LostMost > 0 }

// whichAges says in a note which of the two is shown; empty where they are the same.
func (t *timeline) whichAges() string {
	switch {
	case t.surviving:
		return "of what survived: lost writes are left out"
	case t.lossy():
		return "lost writes counted too"
	}
	return ""
}

// shownAges are the figures of a row that are shown outside the table.
func (t *timeline) shownAges(s *checker.Staleness) *checker.Ages {
	if s.Kept != nil && t.surviving {
		return s.Kept
	}
	return &s.Ages
}

// staleness is how stale operation i was at least, ns, -1 for what has no age.
func (t *timeline) staleness(i int) int64 {
	age, ok := t.a.Ages.Of(i)
	switch {
	case !ok:
		return -1
	case t.surviving:
		return age.KeptLo
	}
	return age.Lo
}

// nodeAges is a node's row of the whole run, nil for none.
func (t *timeline) nodeAges(n int32) *checker.Staleness {
	for i := range t.a.Result.Staleness {
		if s := &t.a.Result.Staleness[i]; s.Node == n && s.Window == "" && s.Reads > 0 {
			return s
		}
	}
	return nil
}

// between writes an interval of durations: one where its ends read the same.
func between(lo, hi int64) string { return ends(words(lo), words(hi)) }

// ends joins the texts of an interval's ends; 4 s and 4.00 s read the same.
func ends(lo, hi string) string {
	round := strings.NewReplacer(".00 ", " ", ".0 ", " ")
	if round.Replace(lo) == round.Replace(hi) {
		return lo
	}
	return lo + " to " + hi
}

// fresh is the share of reads that missed nothing.
func fresh(a *checker.Ages, reads int64) string {
	return ends(share(reads-a.StaleMost, reads), share(reads-a.Stale, reads))
}
