package nights

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
)

// Night are the runs of one cell, or of all, in one night. A run by hand, which is part of no night, is one of its own.
type Night struct {
	Name    string // empty for a run by hand
	Started string // of its first run
	Lines   []*Line
}

// status is what a night's runs of one cell say of a promise.
type status uint8

const (
	absent status = iota // none of them was held against it
	untold               // no run broke it, and one did not decide it
	kept                 // every run that was held against it kept it
	broken               // a run broke it
)

// status is what the night says of a promise. A run that is unknown or failed tells nothing by what it kept, or by what it lacks: what would
// have broken a promise may not have been tried.
func (n *Night) status(key string) status {
	s := absent
	for _, l := range n.Lines {
		switch {
		case slices.Contains(keys(l.Broken), key):
			return broken
		case slices.Contains(keys(l.Undecided), key), l.Verdict != result.Pass && l.Verdict != result.Violation:
			s = untold
		case slices.Contains(l.Kept, key) && s == absent:
			s = kept
		}
	}
	return s
}

// Broke tells whether a run of the night broke a promise.
func (n *Night) Broke(key string) bool { return n.status(key) == broken }

// Kept tells whether the night decided a promise, and every run kept it.
func (n *Night) Kept(key string) bool { return n.status(key) == kept }

// breaks are the night's runs that broke a promise, and how many were held against it.
func (n *Night) breaks(key string) (runs []*Line, of int) {
	for _, l := range n.Lines {
		if l.promised(key) {
			of++
		}
		if slices.Contains(keys(l.Broken), key) {
			runs = append(runs, l)
		}
	}
	return runs, of
}

// Broken are the promises that the night's runs broke, what is always a bug first.
func (n *Night) Broken() []Held {
	var out []Held
	for _, l := range n.Lines {
		for _, h := range l.Broken {
			if !slices.Contains(keys(out), h.Key) {
				out = append(out, h)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Held) int { return cmp.Compare(gravity(a.By), gravity(b.By)) })
	return out
}

// gravity orders promises by who made them: what is always a bug weighs most.
func gravity(by string) int {
	return slices.Index([]string{"flag", "scenario", "documentation", "always"}, by) * -1
}

// Worst is the run that decides what the night says: a violation before an error before an unknown before a pass; among equals one with a
// weakness, then the first.
func (n *Night) Worst() *Line {
	weight := func(l *Line) int {
		w := slices.Index([]result.Verdict{result.Watched, result.Pass, result.Unknown, result.Error, result.Violation}, l.Verdict) * 2
		if l.Weakness {
			w++
		}
		return w
	}
	return slices.MaxFunc(n.Lines, func(a, b *Line) int { return cmp.Compare(weight(a), weight(b)) })
}

// Number is the worst figure of the night's runs: the largest, of a share the smallest; nil where none has one.
func (n *Night) Number() *Figure {
	var out *Figure
	for _, l := range n.Lines {
		if f := l.Number; f != nil && (out == nil || f.worse(out)) {
			out = f
		}
	}
	return out
}

func (f *Figure) worse(than *Figure) bool {
	if f.Share() {
		return f.Value.Lo < than.Value.Lo
	}
	return f.Value.Lo > than.Value.Lo
}

// Share tells whether the figure is a part of a whole, of which less is worse.
func (f *Figure) Share() bool {
	m, _ := result.MeasureOf(result.NameToday(f.Measure))
	return m.Unit == result.Share
}

// Shown counts the runs that showed what their scenario is for, of those that finished and have something to show.
func (n *Night) Shown() (shown, of int) {
	for _, l := range n.Lines {
		if len(l.Shows) == 0 || l.Unfinished || l.Verdict == result.Error {
			continue
		}
		of++
		if l.WasShown() {
			shown++
		}
	}
	return shown, of
}

// group puts lines, which come by start, into nights, oldest first: a night is as old as its newest run.
func group(lines []*Line) []*Night {
	by := map[string]*Night{}
	var out []*Night
	for _, l := range lines {
		n := by[l.Night]
		if l.Night == "" || n == nil {
			n = &Night{Name: l.Night, Started: l.Started}
			out = append(out, n)
		}
		if l.Night != "" {
			by[l.Night] = n
		}
		n.Lines = append(n.Lines, l)
	}
	slices.SortStableFunc(out, func(a, b *Night) int {
		return cmp.Compare(a.Lines[len(a.Lines)-1].Started, b.Lines[len(b.Lines)-1].Started)
	})
	return out
}
