package nights

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// tell makes nights of one cell, one a word: each letter is a run. k kept, b broke lost=0, u did not decide it, U is unknown although it kept it, e error,
// f not finished, n was not held against it; - is a night in which other scenarios ran.
func tell(words ...string) *History {
	h := &History{}
	for i, w := range words {
		for j, c := range w {
			l := lineOf(fmt.Sprintf("%d-%d", i, j), fmt.Sprintf("2026-01-%02dT00:00:%02dZ", i+1, j))
			l.Night, l.Seed = fmt.Sprintf("n%d", i), int64(i*10+j)
			held := []Held{{Key: "lost=0", Text: "no acknowledged write is lost", By: "scenario", Limit: "0", Measured: "41"}}
			switch c {
			case 'k':
				l.Kept = []string{"lost=0"}
			case 'b':
				l.Broken, l.Verdict = held, result.Violation
			case 'u':
				l.Undecided, l.Verdict = held, result.Unknown
			case 'U':
				l.Kept, l.Verdict = []string{"lost=0"}, result.Unknown
			case 'e':
				l.Undecided, l.Verdict = held, result.Error
			case 'f':
				l.Unfinished, l.Verdict = true, result.Error
			case '-':
				l.Scenario = "another"
			}
			h.Lines = append(h.Lines, l)
		}
	}
	h.settle()
	return h
}

// said is what a report says of the cell.
func said(r *Report) string {
	var out []string
	for _, c := range r.Changes {
		if c.Cell.Scenario == "healthy" {
			out = append(out, string(c.Class)+": "+c.Kind)
		}
	}
	for _, s := range r.Standing {
		text := fmt.Sprintf("stands %d", s.Nights)
		if !s.Told {
			text += " untold"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestWhatIsNewAndWhatIsGone(t *testing.T) {
	for _, c := range []struct {
		nights string
		want   string
	}{
		{"k k", ""},
		{"k b", "new: New violation"},
		{"b", "new: New violation"},
		{"- b", "new: New violation"},
		{"b b", "stands 2"},
		{"b k", "gone: Violation gone"},
		{"b k k", ""},
		{"k b k b", "new: New violation"},
		// Several seeds: one that breaks it is enough, and all must keep it for it to be gone.
		{"kkk kbk", "new: New violation"},
		{"bkk kkb", "stands 2"},
		{"bkk kkk", "gone: Violation gone"},
		{"bkk kku", "changed: No longer decided, stands 1 untold"},
		// Unknown, error, not finished and not run are neither gone nor new.
		{"b u", "changed: No longer decided, stands 1 untold"},
		{"b U", "changed: No longer decided, stands 1 untold"},
		{"b e", "changed: Could not run, stands 1 untold"},
		{"b f", "changed: Could not run, stands 1 untold"},
		{"b -", "changed: Not run, stands 1 untold"},
		{"b - -", "stands 1 untold"},
		{"b u b", "stands 2"},
		{"b e b", "stands 2"},
		{"b - b", "stands 2"},
		{"b u k", "gone: Violation gone"},
		{"k u b", "new: New violation"},
		{"k - b", "new: New violation"},
		{"u b", "new: New violation"},
		{"k u", "changed: No longer decided"},
		{"u u", ""},
		{"u k", "changed: Decided again: pass"},
		{"e u", "changed: Runs again, not decided"},
		{"k e", "changed: Could not run"},
		{"k -", "changed: Not run"},
		{"- k", ""},
		// A promise that is no longer made is not gone either.
		{"b n", "changed: No longer promised"},
		{"b n n", ""},
		{"n b", "new: New violation"},
	} {
		t.Run(c.nights, func(t *testing.T) {
			require.Equal(t, c.want, said(Compare(tell(strings.Fields(c.nights)...), nil, "")))
		})
	}
}

func TestAViolationIsTheSameWhateverTheSeed(t *testing.T) {
	h := tell("b", "b")
	require.NotEqual(t, h.Lines[0].Seed, h.Lines[1].Seed)
	r := Compare(h, nil, "")
	require.Empty(t, r.Changes)
	require.Len(t, r.Standing, 1)
	require.Equal(t, "n0", r.Standing[0].Since.Name)
}

func TestTheSeedIsNeverWhatChanged(t *testing.T) {
	h := tell("k", "b")
	r := Compare(h, nil, "")
	require.Equal(t, "nothing that is recorded", Around(r.Changes[0].Around))
	require.Empty(t, r.Around)
	require.NotContains(t, fmt.Sprint(r.Changes[0].Around), "seed")
}

func TestWhatChangedAroundIsNamed(t *testing.T) {
	h := tell("kk", "bb")
	for i := range h.Lines {
		l := &h.Lines[i]
		l.Release, l.Build, l.Digest, l.Schism = "7.0.15", "aaaa", "sha256:1111111111112222", "v1"
		if l.Night == "n1" {
			l.Build, l.Digest, l.Schism = "bbbb", "sha256:3333333333334444", "v2"
			l.Machine = append(l.Machine, history.KV{K: "kernel", V: "6.2"})
			l.Kept = append(l.Kept, "rta=10")
		} else {
			l.Machine = append(l.Machine, history.KV{K: "kernel", V: "6.1"})
		}
	}
	r := Compare(h, nil, "")
	require.Equal(t, "server build aaaa → bbbb; image digest sha256:111111111111 → sha256:333333333333; schism v1 → v2; machine: kernel 6.1 → 6.2; promises none of these → rta=10", Around(r.Changes[0].Around))
	require.Equal(t, []string{"redis:7.0: server build aaaa → bbbb", "redis:7.0: image digest sha256:111111111111 → sha256:333333333333", "schism v1 → v2", "machine: kernel 6.1 → 6.2"}, r.Around)
}

func TestRunsByHandAreComparedOneByOne(t *testing.T) {
	h := tell("k", "b", "b")
	for i := range h.Lines {
		h.Lines[i].Night = ""
	}
	r := Compare(h, nil, "")
	require.Nil(t, r.Last)
	require.Equal(t, "stands 2", said(r))
	h.Lines[0].Night, h.Lines[1].Night = "n0", "n1" // the last is by hand
	require.Equal(t, "stands 2", said(Compare(h, nil, "")))
	h.Lines = append(h.Lines, tell("", "", "", "k").Lines...) // now a night again, in which what was run by hand does not count
	r = Compare(h, nil, "")
	require.Equal(t, "gone: Violation gone", said(r))
	require.Equal(t, "n1", r.Changes[0].Prev.Name)
}

func TestANightWithoutARunIsNoPass(t *testing.T) {
	r := Compare(tell("k", "b"), nil, "n9")
	require.Equal(t, "changed: Not run, stands 1 untold", said(r))
	require.Empty(t, r.NewOnes(), "what was new in the night before is not new again")
	require.Empty(t, r.Last.Lines)
	r = Compare(tell("k", "b", "k"), nil, "n1")
	require.Equal(t, "new: New violation", said(r), "an older night can be told of again")
	require.NotPanics(t, func() { Compare(&History{}, nil, "n9") })
}

func TestWhatIsAlwaysABugComesFirst(t *testing.T) {
	h := tell("k", "b")
	l := h.Lines[1]
	l.Run, l.Scenario = "other", "zebra"
	l.Broken = []Held{{Key: "phantom=0", By: "always"}}
	h.Lines = append(h.Lines, l)
	r := Compare(h, nil, "")
	require.Equal(t, []string{"phantom=0", "lost=0"}, []string{r.NewOnes()[0].Held.Key, r.NewOnes()[1].Held.Key})
}

func TestCellsThatWereNotRunForLongAreLeftOut(t *testing.T) {
	words := append([]string{"b"}, slices.Repeat([]string{"-"}, Shown-1)...)
	require.Equal(t, "stands 1 untold", said(Compare(tell(words...), nil, "")))
	r := Compare(tell(append(words, "-")...), nil, "")
	require.Empty(t, said(r))
	require.Equal(t, []Cell{{"healthy", "redis:7.0"}}, r.Old)
}

func TestOutOfItsRange(t *testing.T) {
	h := tell("k", "k", "k", "k", "k")
	for i, v := range []float64{100, 110, 95, 105, 200} {
		h.Lines[i].Number = newFigure("lost", result.Exactly(v))
	}
	r := Compare(h, nil, "")
	require.Equal(t, "changed: Out of its range", said(r))
	require.Equal(t, "in the 4 nights before: 95 to 110", r.Changes[0].Note)
	require.Equal(t, "at least 350", newFigure("lost", result.AtLeast(350, "x")).Text)
	require.Equal(t, "3.4 s", newFigure("rta", result.Exactly(3.4)).Text)
	require.Nil(t, newFigure("lost", result.Unmeasured("x")))
}
