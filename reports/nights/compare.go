package nights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
)

// Compare says what the last night found, or the one that is named. Where the newest run is part of a night, nights are compared, and what was
// run by hand is left out; else each cell's last run is compared with the one before.
func Compare(h *History, going []Cell, night string) *Report {
	r := &Report{History: h}
	var lines []*Line
	for i := range h.Lines {
		lines = append(lines, &h.Lines[i])
	}
	recent := ""
	if n := len(lines); night != "" || n > 0 && lines[n-1].Night != "" {
		lines = slices.DeleteFunc(lines, func(l *Line) bool { return l.Night == "" })
		all := upTo(group(lines), night)
		lines = linesOf(all)
		r.Last = all[len(all)-1]
		if len(all) > 1 {
			r.Before = all[len(all)-2]
		}
		r.Around = aroundNight(r.Before, r.Last)
		recent = startOf(all[max(0, len(all)-Shown)])
	}
	by := map[Cell][]*Line{}
	for _, l := range lines {
		by[l.Cell()] = append(by[l.Cell()], l)
	}
	for _, c := range going {
		if _, ok := by[c]; !ok {
			by[c] = nil
		}
	}
	for c, ls := range by {
		if len(ls) > 0 && ls[len(ls)-1].Started < recent {
			r.Old = append(r.Old, c)
			continue
		}
		r.Cells = append(r.Cells, &CellReport{Cell: c, Nights: group(ls), Going: slices.Contains(going, c)})
	}
	slices.SortFunc(r.Cells, func(a, b *CellReport) int { return a.Cell.compare(b.Cell) })
	slices.SortFunc(r.Old, Cell.compare)
	for _, c := range r.Cells {
		r.cell(c)
	}
	slices.SortStableFunc(r.Changes, func(a, b Change) int { return cmp.Compare(a.rank, b.rank) })
	return r
}

// upTo ends nights at the one that is named; one that nothing is known of comes last, since nothing was run in it.
func upTo(ns []*Night, name string) []*Night {
	if name == "" {
		return ns
	}
	if i := slices.IndexFunc(ns, func(n *Night) bool { return n.Name == name }); i >= 0 {
		return ns[:i+1]
	}
	return append(ns, &Night{Name: name})
}

// linesOf are the runs of nights, by start.
func linesOf(ns []*Night) []*Line {
	var out []*Line
	for _, n := range ns {
		out = append(out, n.Lines...)
	}
	slices.SortStableFunc(out, func(a, b *Line) int { return cmp.Compare(a.Started, b.Started) })
	return out
}

func startOf(n *Night) string {
	if len(n.Lines) == 0 {
		return ""
	}
	return n.Lines[0].Started
}

// cell compares one cell's last night.
func (r *Report) cell(c *CellReport) {
	last := c.Last()
	if last == nil {
		return
	}
	r.Earlier = r.Earlier || len(c.Nights) > 1
	c.NotRun = r.Last != nil && last.Name != r.Last.Name
	before := len(r.Changes)
	r.violations(c, last)
	if c.NotRun {
		if r.Before != nil && last.Name == r.Before.Name {
			r.add(c, Change{Class: Changed, Kind: "Not run", Last: last, Prev: last, Line: last.Worst(), Before: say(last), Now: "not run", rank: 60})
		}
	} else if len(r.Changes) == before && len(c.Nights) > 1 {
		r.verdicts(c, last, c.Nights[len(c.Nights)-2])
	}
	if len(r.Changes) > before {
		first := slices.MinFunc(r.Changes[before:], func(a, b Change) int { return cmp.Compare(a.rank, b.rank) })
		c.Change = &first
	}
}

func (r *Report) add(c *CellReport, ch Change) {
	ch.Cell = c.Cell
	r.Changes = append(r.Changes, ch)
}

// violations finds what is new, what is gone and what stands.
func (r *Report) violations(c *CellReport, last *Night) {
	earlier := c.Nights[:len(c.Nights)-1]
	if c.NotRun {
		earlier = c.Nights
	}
	if !c.NotRun {
		for _, h := range last.Broken() {
			switch told := lastTold(earlier, h.Key); {
			case told != nil && told.status(h.Key) == broken:
				r.stands(c, h, earlier, last, "")
			default:
				r.isNew(c, h, told, last, earlier)
			}
		}
	}
	for _, key := range everBroken(earlier) {
		told := lastTold(earlier, key)
		if told == nil || told.status(key) != broken {
			continue
		}
		runs, _ := told.breaks(key)
		h := heldIn(runs[0], key)
		s := untold
		if !c.NotRun {
			s = last.status(key)
		}
		switch s {
		case kept:
			_, of := last.breaks(key)
			r.add(c, Change{Class: Gone, Kind: "Violation gone", Last: last, Prev: told, Line: last.Worst(), Held: &h, Before: h.measured(), Now: fmt.Sprintf("kept in %s", ofRuns(of, of)),
				Note: h.Text, Around: around(told, last), rank: 70})
		case untold:
			r.stands(c, h, earlier, last, whyUntold(c.NotRun, last))
		case absent:
			if told == earlier[len(earlier)-1] {
				r.add(c, Change{Class: Changed, Kind: "No longer promised", Last: last, Prev: told, Line: last.Worst(), Held: &h, Before: h.measured(), Now: "not promised", Note: h.Text,
					Around: around(told, last), rank: 50})
			}
		}
	}
}

// isNew adds a violation that the last night which told did not have.
func (r *Report) isNew(c *CellReport, h Held, told, last *Night, earlier []*Night) {
	c.New = true
	runs, of := last.breaks(h.Key)
	ch := Change{Class: New, Kind: "New violation", Last: last, Prev: told, Line: runs[0], Held: &h, Now: h.measured() + " in " + ofRuns(len(runs), of), Note: runs[0].Headline, Around: around(told, last),
		rank: gravity(h.By)}
	switch {
	case told != nil:
		_, n := told.breaks(h.Key)
		ch.Before = fmt.Sprintf("kept in %s", ofRuns(n, n))
		if told != earlier[len(earlier)-1] {
			ch.Before += ", " + told.When() + "; not told since"
		}
	case len(earlier) > 0:
		ch.Before = "never told"
	default:
		ch.Before = "never run"
	}
	r.add(c, ch)
}

// stands adds a violation that was there before. why says why the last night did not tell, empty where it broke the promise again.
func (r *Report) stands(c *CellReport, h Held, earlier []*Night, last *Night, why string) {
	s := Standing{Cell: c.Cell, Held: h, Last: last, Told: why == "", Why: why}
	for i := len(earlier) - 1; i >= 0 && earlier[i].status(h.Key) != kept; i-- {
		if runs, of := earlier[i].breaks(h.Key); len(runs) > 0 {
			s.Since = earlier[i]
			s.Nights++
			if s.Line == nil {
				s.Line, s.Runs = runs[0], ofRuns(len(runs), of)
			}
		}
	}
	if s.Told {
		runs, of := last.breaks(h.Key)
		s.Line, s.Runs = runs[0], ofRuns(len(runs), of)
		s.Nights++
	}
	c.Standing = true
	c.Age = max(c.Age, s.Nights)
	r.Standing = append(r.Standing, s)
}

// verdicts finds what changed about a cell in which no violation came or went.
func (r *Report) verdicts(c *CellReport, last, prev *Night) {
	now, was := last.Worst(), prev.Worst()
	ch := Change{Class: Changed, Last: last, Prev: prev, Line: now, Before: say(prev), Now: say(last), Around: around(prev, last)}
	if len(now.Reasons) > 0 {
		ch.Note = now.Reasons[0]
	}
	shown, of := last.Shown()
	wasShown, wasOf := prev.Shown()
	switch {
	case now.Verdict == result.Error && was.Verdict != result.Error:
		ch.Kind, ch.rank = "Could not run", 10
		ch.Note = cmp.Or(ch.Note, now.Headline)
	case now.Verdict == result.Unknown && was.Verdict != result.Unknown && was.Verdict != result.Error:
		ch.Kind, ch.rank = "No longer decided", 20
	case now.Verdict == result.Unknown && was.Verdict == result.Error:
		ch.Kind, ch.rank = "Runs again, not decided", 80
	case now.Verdict == result.Pass && (was.Verdict == result.Unknown || was.Verdict == result.Error):
		ch.Kind, ch.rank = "Decided again: pass", 80
	case now.Verdict == result.Pass && of > 0 && wasOf > 0 && shown == 0 && wasShown == wasOf:
		ch.Kind, ch.rank = "Weakness no longer shown", 30
	case now.Verdict == result.Pass && of > 0 && wasOf > 0 && shown == of && wasShown == 0:
		ch.Kind, ch.rank = "Weakness now shown", 30
	default:
		note, out := outOfRange(c.Nights)
		if !out {
			return
		}
		ch.Kind, ch.Note, ch.rank = "Out of its range", note, 40
	}
	r.add(c, ch)
}

// outOfRange compares the last night's number with those of at least four nights before.
func outOfRange(ns []*Night) (string, bool) {
	ns = ns[max(0, len(ns)-Shown):]
	f := ns[len(ns)-1].Number()
	if f == nil {
		return "", false
	}
	var lo, hi *Figure
	n := 0
	for _, night := range ns[:len(ns)-1] {
		g := night.Number()
		if g == nil || g.Measure != f.Measure {
			continue
		}
		n++
		if lo == nil || g.Value.Lo < lo.Value.Lo {
			lo = g
		}
		if hi == nil || g.Value.Lo > hi.Value.Lo {
			hi = g
		}
	}
	if n < 4 || f.Value.Lo <= hi.Value.Lo*1.25 && f.Value.Lo >= lo.Value.Lo*0.75 {
		return "", false
	}
	return fmt.Sprintf("in the %d nights before: %s", n, words.Ends(lo.Text, hi.Text)), true
}

// Shown is how many nights are shown and held against the last one's number.
const Shown = 14

// lastTold is the newest of some nights that says whether a promise was kept.
func lastTold(ns []*Night, key string) *Night {
	for i := len(ns) - 1; i >= 0; i-- {
		if s := ns[i].status(key); s == kept || s == broken {
			return ns[i]
		}
	}
	return nil
}

// everBroken are the promises that some nights broke, by name.
func everBroken(ns []*Night) []string {
	var out []string
	for _, n := range ns {
		for _, l := range n.Lines {
			out = append(out, keys(l.Broken)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func heldIn(l *Line, key string) Held {
	return l.Broken[slices.IndexFunc(l.Broken, func(h Held) bool { return h.Key == key })]
}

// NotRun is why a night without a run of a cell tells nothing of it.
const NotRun = "not run"

func whyUntold(notRun bool, last *Night) string {
	switch w := last.Worst(); {
	case notRun:
		return NotRun
	case w.Unfinished:
		return "not finished"
	case len(w.Reasons) > 0:
		return string(w.Verdict) + ": " + w.Reasons[0]
	default:
		return "not decided"
	}
}

// measured is what was measured of a promise that is broken, with its limit.
func (h *Held) measured() string {
	if h.Limit == "" {
		return cmp.Or(h.Measured, "broken")
	}
	return fmt.Sprintf("%s (promised: %s)", cmp.Or(h.Measured, "broken"), h.Limit)
}

// ofRuns counts runs: "its one run", "2 of 3 runs".
func ofRuns(n, of int) string {
	if of == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d of %d runs", n, of)
}

// say is a night of a cell in a few words: its verdict where that is no pass, or its number.
func say(n *Night) string {
	w := n.Worst()
	text := string(w.Verdict)
	if w.Unfinished {
		text = "not finished"
	}
	if f := n.Number(); f != nil && (w.Verdict == result.Pass || w.Verdict == result.Violation) {
		text += ", " + f.Text + " " + f.Noun
	}
	return text
}

// When names a night: its name, or its first run's moment.
func (n *Night) When() string {
	day, rest, ok := strings.Cut(n.Started, "T")
	if !ok {
		return cmp.Or(n.Name, n.Started)
	}
	if n.Name == "" {
		return day + " " + strings.TrimSuffix(rest, "Z")
	}
	return day
}

// aroundNight is what changed around the whole night, by server.
func aroundNight(a, b *Night) []string {
	if a == nil {
		return nil
	}
	var out []string
	servers := set(b.Lines, func(l *Line) string { return l.Server })
	of := func(n *Night, server string) []*Line {
		return slices.DeleteFunc(slices.Clone(n.Lines), func(l *Line) bool { return l.Server != server })
	}
	for _, s := range servers {
		for _, d := range aroundServer(of(a, s), of(b, s)) {
			out = append(out, s+": "+d.String())
		}
	}
	for _, d := range aroundRest(a.Lines, b.Lines) {
		out = append(out, d.String())
	}
	return out
}
