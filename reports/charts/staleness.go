package charts

import (
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
)

// Staleness is shown twice where writes were lost: with every acknowledged write counted, and of what survived. The table has both; the
// timeline, the histogram and the operations show one of the two, and say which.

// ofSurviving tells whether these show staleness without the lost writes.
func (t *Timeline) ofSurviving() bool {
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
func (t *Timeline) lossy() bool { return t.a.Result.Writes.Lost > 0 || t.a.Result.Writes.LostMost > 0 }

// whichAges says in a note which of the two is shown; empty where they are the same.
func (t *Timeline) whichAges() string {
	switch {
	case t.surviving:
		return "of what survived: lost writes are left out"
	case t.lossy():
		return "lost writes counted too"
	}
	return ""
}

// shownAges are the figures of a row that are shown outside the table.
func (t *Timeline) shownAges(s *result.Staleness) *result.Ages {
	if s.Kept != nil && t.surviving {
		return s.Kept
	}
	return &s.Ages
}

// staleness is how stale operation i was at least, ns, -1 for what has no age.
func (t *Timeline) staleness(i int) int64 {
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
func (t *Timeline) nodeAges(n int32) *result.Staleness {
	for i := range t.a.Result.Staleness {
		if s := &t.a.Result.Staleness[i]; s.Node == n && s.Window == "" && s.Reads > 0 {
			return s
		}
	}
	return nil
}

// fresh is the share of reads that missed nothing.
func fresh(a *result.Ages, reads int64) string {
	return words.Ends(words.Share(reads-a.StaleMost, reads), words.Share(reads-a.Stale, reads))
}
