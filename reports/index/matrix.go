package index

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/nights"
	"github.com/schismtest/schism/reports/sentences"
)

// matrix fills in every scenario on every server, and the runs behind it.
func (p *page) matrix(r *nights.Report, count map[string]int) {
	var scenarios, servers []string
	by := map[nights.Cell]*nights.CellReport{}
	for _, c := range r.Cells {
		by[c.Cell] = c
		scenarios, servers = append(scenarios, c.Cell.Scenario), append(servers, c.Cell.Server)
	}
	slices.Sort(scenarios)
	slices.Sort(servers)
	scenarios, servers = slices.Compact(scenarios), slices.Compact(servers)
	for _, s := range scenarios {
		var cells []*nights.CellReport
		for _, v := range servers {
			cells = append(cells, by[nights.Cell{Scenario: s, Server: v}])
		}
		row := rowOf(s, cells)
		top := rowTop(cells)
		runs := runsOf{Scenario: s}
		for i, c := range cells {
			if c == nil {
				row.Cells = append(row.Cells, cell{Server: servers[i], Blank: "not run"})
				p.Blank++
				continue
			}
			cell := p.cell(c, top)
			row.Cells = append(row.Cells, cell)
			if cell.Blank == "" {
				count[cell.Verdict]++
				if cell.Mark == "weak" {
					count["weakness"]++
				}
			}
			for _, n := range recent(c) {
				for _, l := range n.Lines {
					runs.Runs = append(runs.Runs, p.run(l))
				}
			}
		}
		slices.SortStableFunc(runs.Runs, func(a, b runRow) int { return cmp.Compare(b.Started, a.Started) })
		runs.Note = words.Plural(int64(len(runs.Runs)), "run", "runs")
		p.Rows, p.Runs = append(p.Rows, row), append(p.Runs, runs)
	}
	for _, v := range servers {
		p.Servers = append(p.Servers, head(r.Cells, v))
	}
}

// recent are a cell's last nights, as many as are shown.
func recent(c *nights.CellReport) []*nights.Night {
	return c.Nights[max(0, len(c.Nights)-nights.Shown):]
}

// rowOf is a row's head: why there is the scenario, and how often its weakness was shown.
func rowOf(scenario string, cells []*nights.CellReport) row {
	row := row{Name: scenario}
	shown, of := 0, 0
	for _, c := range cells {
		if c == nil {
			continue
		}
		for _, n := range recent(c) {
			row.Why = firstSentence(n.Lines[0].Why)
			s, o := n.Shown()
			shown, of = shown+s, of+o
		}
	}
	if of > 0 {
		row.Shown = fmt.Sprintf("shown %d of %d times", shown, of)
	}
	return row
}

// rowTop is the largest number of a scenario, so that a row's lines share one scale from 0.
func rowTop(cells []*nights.CellReport) float64 {
	top := 0.0
	for _, c := range cells {
		if c == nil {
			continue
		}
		for _, n := range recent(c) {
			if f := n.Number(); f != nil {
				top = max(top, f.Value.Lo)
			}
		}
	}
	return top
}

func head(cells []*nights.CellReport, server string) serverHead {
	h := serverHead{Name: strings.Replace(server, ":", " ", 1)}
	for _, c := range cells {
		if last := c.Last(); c.Cell.Server == server && last != nil {
			for _, l := range last.Lines {
				h.Version = max(h.Version, l.Release)
			}
		}
	}
	return h
}

// markOf is how a run counts.
func markOf(l *nights.Line) (mark, word string) {
	if l.Unfinished {
		return "err", "not finished"
	}
	m := sentences.MarkOf(l.Verdict, l.Weakness)
	return m.ID, strings.ToLower(m.Word)
}

func (p *page) cell(c *nights.CellReport, top float64) cell {
	out := cell{Server: c.Cell.Server}
	last := c.Last()
	if last == nil {
		out.Blank = "first run goes on"
		return out
	}
	w := last.Worst()
	out.Mark, out.Word = markOf(w)
	out.Verdict, out.Spark = string(w.Verdict), p.spark(c, top)
	out.Text, out.Noun = cellWords(last)
	out.Href = p.href(w)
	switch {
	case c.NotRun:
		out.Blank = "not run"
		out.Was = fmt.Sprintf("%s: %s", frame.Moment(w.Started), out.Word)
		if c.Standing {
			out.Was += ", standing violation"
		}
		return out
	case c.New:
		out.Class, out.Changed = "new", true
	case w.Verdict == result.Violation: // it was so before
		out.Mark, out.Class = "old", "std"
		out.Word = "violation, as before"
		h := last.Broken()[0]
		out.Was = fmt.Sprintf("%s: %s; broken in %s", h.Text, cmp.Or(h.Measured, "broken"), words.Plural(int64(c.Age), strings.TrimSuffix(p.Nights, "s"), p.Nights))
	case c.Standing:
		out.Class, out.Was = "std", "standing violation, not told"
	case w.Verdict == result.Unknown || w.Verdict == result.Error:
		out.Was = words.Clip(w.Headline, 90)
	}
	if c.Change != nil && !c.New {
		out.Changed, out.Class = true, strings.TrimSpace(out.Class+" chd")
	}
	if c.Change != nil && c.Change.Before != "" {
		out.Was = "was: " + c.Change.Before
	}
	if n, of := count(last, w.Verdict), len(last.Lines); of > 1 && n < of {
		out.Was = strings.TrimPrefix(out.Was+fmt.Sprintf("; %s in %d of %d runs", w.Verdict, n, of), "; ")
	}
	if c.Going {
		out.Was = strings.TrimPrefix(out.Was+"; a new run goes on", "; ")
	}
	return out
}

// count is how many of a night's runs came to a verdict.
func count(n *nights.Night, v result.Verdict) int {
	k := 0
	for _, l := range n.Lines {
		if l.Verdict == v {
			k++
		}
	}
	return k
}

// cellWords are a night's number, or its verdict where that decides nothing.
func cellWords(n *nights.Night) (text, noun string) {
	w := n.Worst()
	if w.Verdict == result.Unknown || w.Verdict == result.Error {
		_, text = markOf(w)
		if w.Incomplete != "" && !w.Unfinished {
			text += ", incomplete"
		}
		return text, ""
	}
	f := n.Number()
	if f == nil {
		return string(w.Verdict), ""
	}
	noun = f.Noun
	if len(n.Lines) > 1 {
		most := "most"
		if f.Share() {
			most = "least"
		}
		noun += fmt.Sprintf(", the %s of %d runs", most, len(n.Lines))
	}
	return f.Text, noun
}

// spark draws the last nights' numbers from 0.
func (p *page) spark(c *nights.CellReport, top float64) template.HTML {
	if len(c.Nights) < 2 || top <= 0 {
		return ""
	}
	var points []charts.Point
	for _, n := range recent(c) {
		f := n.Number()
		if f == nil || n.Worst().Verdict == result.Error {
			points = append(points, charts.Point{})
			continue
		}
		points = append(points, charts.Point{V: f.Value.Lo, Known: true, Text: f.Text})
	}
	return charts.Spark(points, p.slots, top)
}
