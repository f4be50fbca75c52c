package index

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/nights"
	"github.com/schismtest/schism/reports/sentences"
)

// page is what index.tmpl shows.
type page struct {
	frame.Frame
	Title, Headline, Sub string
	Mark                 sentences.Mark
	Tag                  string
	Notices, Around      []string
	Facts                []history.KV
	Last, Before, Nights string // "Last night", "The night before" and "nights", or runs
	Changes              []changeRow
	Standing             []standingRow
	Servers              []serverHead
	Rows                 []row
	Runs                 []runsOf
	Filters              []filter
	Blank                int // cells that were never run

	into  string // the folder that the page stands in
	slots int    // how many nights its strips and lines have room for
}

type serverHead struct{ Name, Version string }

type filter struct{ Mark, Value, Label string }

type row struct {
	Name, Why, Shown string
	Cells            []cell
}

// cell is one scenario on one server.
type cell struct {
	Server  string
	Href    string
	Mark    string
	Word    string // the verdict, for who cannot see the mark
	Verdict string // for the filter
	Text    string
	Noun    string // what the text counts
	Was     string
	Class   string
	Changed bool
	Spark   template.HTML
	Blank   string // why there is nothing, if so
}

type changeRow struct {
	Mark, Kind, Scenario, Server, Href string
	Before, Now, Note, Around          string
	Promise                            string
	Bad                                bool
	Strip                              template.HTML
}

type standingRow struct {
	Scenario, Server, Href string
	Promise, By            string
	Since, Last            string
	Mark                   string // of a night that did not tell; empty where it did
	Happened               string
	Strip                  template.HTML
}

// runsOf are the runs of one scenario, newest first.
type runsOf struct {
	Scenario, Note string
	Runs           []runRow
}

type runRow struct {
	Mark, Word, Server, Started, Seed string
	Number, Happened                  string
	Links                             []link
	Gone                              string
}

type link struct{ Text, Href string }

func newPage(into string, r *nights.Report, broken []string) *page {
	p := &page{into: into, Last: "Last run", Before: "The run before", Nights: "runs"}
	if r.Last != nil {
		p.Last, p.Before, p.Nights = "Last night", "The night before", "nights"
	}
	p.slots = 2
	for _, c := range r.Cells {
		p.slots = min(nights.Shown, max(p.slots, len(c.Nights)+1))
	}
	p.Notices = notices(r, broken)
	p.Around = r.Around
	for i := range r.Changes {
		p.Changes = append(p.Changes, p.change(&r.Changes[i], r))
	}
	for i := range r.Standing {
		p.Standing = append(p.Standing, p.standing(&r.Standing[i], r))
	}
	count := map[string]int{}
	p.matrix(r, count)
	p.sentence(r, count)
	p.Facts = facts(r)
	p.Filters = filters(count, changedCells(r), notRun(r)+p.Blank)
	return p
}

// notices say what could not be read.
func notices(r *nights.Report, broken []string) []string {
	var out []string
	for _, b := range broken {
		out = append(out, "Cannot be read: "+b)
	}
	if n := len(r.History.Damaged); n > 0 {
		out = append(out, fmt.Sprintf("%s of %s cannot be read. Kept as they stand, not counted here.", words.Plural(int64(n), "line", "lines"), nights.FileName))
	}
	if n := len(r.History.Newer); n > 0 {
		out = append(out, fmt.Sprintf("%s of %s by a newer schism. Kept as they stand, not counted here.", words.Plural(int64(n), "line is", "lines are"), nights.FileName))
	}
	if n := len(r.Old); n > 0 {
		var names []string
		for _, c := range r.Old[:min(n, 5)] {
			names = append(names, c.Scenario+" on "+c.Server)
		}
		out = append(out, fmt.Sprintf("Not run in the last %d nights, and left out below: %s%s.", nights.Shown, strings.Join(names, ", "), more(n-5)))
	}
	return out
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// href is the address of a run's page, relative to the index; empty where its folder is gone.
func (p *page) href(l *nights.Line) string {
	if !nights.Page(p.into, l) {
		return ""
	}
	var parts []string
	for _, s := range strings.Split(l.Dir, "/") {
		parts = append(parts, url.PathEscape(s))
	}
	return "./" + strings.Join(parts, "/") + "/report.html"
}

// run is a row of the list of runs.
func (p *page) run(l *nights.Line) runRow {
	out := runRow{Server: cmp.Or(l.Name, l.Server), Started: frame.Moment(l.Started), Seed: fmt.Sprint(l.Seed), Number: words.Dash, Happened: strings.TrimSpace(l.Headline + " " + l.Sub)}
	out.Mark, out.Word = markOf(l)
	if f := l.Number; f != nil {
		out.Number = f.Text + " " + f.Noun
	}
	if h := p.href(l); h != "" {
		out.Links = append(out.Links, link{"report", h})
	} else {
		out.Gone = "folder gone"
		if l.Unfinished {
			out.Gone = "no page"
		}
	}
	if u, err := url.Parse(l.URL); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		out.Links = append(out.Links, link{"the job", l.URL})
	}
	return out
}

func (p *page) change(c *nights.Change, r *nights.Report) changeRow {
	out := changeRow{Kind: c.Kind, Scenario: c.Cell.Scenario, Server: serverName(c.Last, c.Cell), Href: p.href(c.Line), Before: c.Before, Now: c.Now, Note: c.Note,
		Around: c.AroundWords(), Bad: c.Class == nights.New}
	out.Mark, _ = markOf(c.Line)
	if c.Prev == c.Last {
		out.Mark = "na"
	}
	if c.Held != nil {
		out.Promise = c.Held.Text
		if c.Note == c.Held.Text {
			out.Note = ""
		}
		out.Strip = p.strip(r, c.Cell, c.Held.Key)
	} else {
		out.Strip = p.strip(r, c.Cell, "")
	}
	return out
}

func (p *page) standing(s *nights.Standing, r *nights.Report) standingRow {
	since := "since " + s.Since.When()
	of := words.Plural(int64(s.Nights), "night", "nights")
	if p.Last == "Last run" {
		of = words.Plural(int64(s.Nights), "run", "runs")
	}
	out := standingRow{Scenario: s.Cell.Scenario, Server: serverName(s.Last, s.Cell), Href: p.href(s.Line), Promise: s.Held.Text, By: s.Held.By, Since: of + ", " + since,
		Happened: s.Line.Headline, Strip: p.strip(r, s.Cell, s.Held.Key)}
	out.Last = fmt.Sprintf("%s; limit %s; %s", s.Held.Measured, s.Held.Limit, s.Runs)
	if !s.Told {
		out.Mark, _ = markOf(s.Last.Worst())
		if s.Why == nights.NotRun {
			out.Mark = "na"
		}
		out.Last = s.Why
	}
	return out
}

func serverName(n *nights.Night, c nights.Cell) string { return cmp.Or(n.Lines[0].Name, c.Server) }

// strip shows a cell's last nights: what they say of a promise, or their verdicts.
func (p *page) strip(r *nights.Report, c nights.Cell, key string) template.HTML {
	i := slices.IndexFunc(r.Cells, func(x *nights.CellReport) bool { return x.Cell == c })
	if i < 0 || len(r.Cells[i].Nights) < 2 {
		return ""
	}
	var out []charts.State
	for _, n := range recent(r.Cells[i]) {
		out = append(out, stateOf(n, key))
	}
	if r.Cells[i].NotRun {
		out = append(out[max(0, len(out)-nights.Shown+1):], charts.NotThere)
	}
	return charts.Strip(out, p.slots)
}

func stateOf(n *nights.Night, key string) charts.State {
	if key != "" {
		switch {
		case n.Broke(key):
			return charts.Broken
		case n.Kept(key):
			return charts.Kept
		}
		if n.Worst().Verdict != result.Error {
			return charts.Open
		}
	}
	switch n.Worst().Verdict {
	case result.Violation:
		return charts.Broken
	case result.Pass:
		return charts.Kept
	case result.Unknown:
		return charts.Open
	}
	return charts.NotThere
}
