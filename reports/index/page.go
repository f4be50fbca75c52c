package index

import (
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// indexPage is what index.tmpl shows.
type indexPage struct {
	frame.Frame
	Title, Headline, Sub string
	Mark                 sentences.Mark
	Tag                  string
	Facts                []history.KV
	Changes              []changeRow
	Earlier              bool // there are earlier runs to compare with
	Servers              []serverHead
	Rows                 []indexRow
	Broken               []string
	Filters              []filter
	NotRun               int
}

type serverHead struct{ Name, Version string }

type filter struct{ Mark, Value, Label string }

type indexRow struct {
	Name, Why, Measure string
	Cells              []indexCell
}

// indexCell is one scenario on one server.
type indexCell struct {
	Server      string
	Href        string
	Mark        string
	Word        string // the verdict, for who cannot see the mark
	Verdict     string // for the filter
	Text        string
	Was         string
	Class       string
	Changed     bool
	Spark       template.HTML
	Blank       bool
	BlankReason string
}

type changeRow struct {
	Mark, Change, Scenario, Server, Href string
	Before, Now, Note, Around            string
	Bad                                  bool
	Spark                                template.HTML
	rank                                 int
}

func newIndexPage(cells []cellRuns, broken []string) *indexPage {
	p := &indexPage{Broken: broken}
	var scenarios, servers []string
	by := map[[2]string]*cellRuns{}
	for i := range cells {
		c := &cells[i]
		by[[2]string{c.scenario, c.server}] = c
		scenarios, servers = append(scenarios, c.scenario), append(servers, c.server)
	}
	slices.Sort(scenarios)
	slices.Sort(servers)
	scenarios, servers = slices.Compact(scenarios), slices.Compact(servers)
	count := map[string]int{}
	total, finished := 0, 0
	for _, s := range scenarios {
		row := indexRow{Name: s}
		top := rowTop(cells, s)
		shown, of := 0, 0
		for _, v := range servers {
			c := by[[2]string{s, v}]
			if c == nil {
				row.Cells = append(row.Cells, indexCell{Server: v, Blank: true, BlankReason: "not run"})
				p.NotRun++
				continue
			}
			if len(c.runs) == 0 {
				row.Cells = append(row.Cells, indexCell{Server: v, Blank: true, BlankReason: "first run goes on"})
				continue
			}
			cell, ch := judgeCell(c, top)
			if c.going {
				cell.Was = strings.TrimPrefix(cell.Was+"; a new run goes on", "; ")
			}
			row.Cells = append(row.Cells, cell)
			count[cell.Verdict]++
			if last := c.runs[len(c.runs)-1].result; last != nil && last.Verdict == result.Pass && last.Weakness {
				count["weakness"]++
			}
			total++
			if ch != nil {
				p.Changes = append(p.Changes, *ch)
			}
			for _, e := range c.runs {
				row.Name, row.Why = e.run.Scenario, firstSentence(e.run.Why)
				if e.result == nil {
					continue
				}
				finished++
				if len(e.result.Shows) > 0 {
					of++
					if wasShown(&e.result.Result) {
						shown++
					}
				}
				if n, _, _, ok := e.number(); ok || row.Measure == "" {
					row.Measure = n
				}
			}
			p.Earlier = p.Earlier || len(c.runs) > 1
		}
		if of > 0 {
			row.Measure += fmt.Sprintf("; shown %d of %d", shown, of)
		}
		p.Rows = append(p.Rows, row)
	}
	for _, v := range servers {
		p.Servers = append(p.Servers, head(cells, v))
	}
	sort.SliceStable(p.Changes, func(i, j int) bool { return p.Changes[i].rank < p.Changes[j].rank })
	p.sentence(count, total, len(scenarios), len(servers))
	p.Facts = indexFacts(cells, finished, len(scenarios), len(servers))
	p.Filters = filters(count, len(p.Changes))
	return p
}

// wasShown tells whether a run showed something of what its scenario is for; a share is shown where it was measured.
func wasShown(r *result.Result) bool {
	return slices.ContainsFunc(r.Shows, func(p result.PromiseResult) bool { return p.Status == result.Broken })
}

// rowTop is the largest number of a scenario, so that a row's lines share one scale from 0.
func rowTop(cells []cellRuns, scenario string) float64 {
	top := 0.0
	for i := range cells {
		if cells[i].scenario != scenario {
			continue
		}
		for j := range cells[i].runs {
			if _, _, v, ok := cells[i].runs[j].number(); ok {
				top = max(top, v)
			}
		}
	}
	return top
}

func head(cells []cellRuns, server string) serverHead {
	h := serverHead{Name: server}
	for _, c := range cells {
		if c.server != server {
			continue
		}
		for _, e := range c.runs {
			if e.run.Server != "" {
				h.Name = strings.Replace(e.run.Server, ":", " ", 1)
			}
			if n := sentences.Server(e.run); n != h.Name {
				h.Version = n[strings.LastIndexByte(n, ' ')+1:]
			}
		}
	}
	return h
}

// verdictOf is how a finished or unfinished run counts.
func verdictOf(e *entry) (verdict, mark, word string) {
	if e.result == nil {
		return "error", "err", "not finished"
	}
	m := sentences.MarkOf(e.result.Verdict, e.result.Weakness)
	return string(e.result.Verdict), m.ID, strings.ToLower(m.Word)
}

func judgeCell(c *cellRuns, top float64) (indexCell, *changeRow) {
	last := &c.runs[len(c.runs)-1]
	verdict, mark, word := verdictOf(last)
	cell := indexCell{Server: c.server, Verdict: verdict, Mark: mark, Word: word, Spark: spark(c, top)}
	_, cell.Text, _, _ = last.number()
	if verdict == "unknown" || verdict == "error" {
		cell.Text = word
		if last.result != nil && last.run.Incomplete != "" {
			cell.Text += ", incomplete"
		}
	}
	if last.report {
		cell.Href = last.href()
	}
	if len(c.runs) == 1 {
		return cell, nil
	}
	prev := &c.runs[len(c.runs)-2]
	before, _, wasWord := verdictOf(prev)
	ch := &changeRow{Mark: mark, Scenario: last.run.Scenario, Server: sentences.Server(last.run), Href: cell.Href, Before: cellWords(prev), Now: cellWords(last),
		Around: around(prev, last), Spark: cell.Spark}
	if last.result != nil && len(last.result.Reasons) > 0 {
		ch.Note = last.result.Reasons[0]
	}
	switch {
	case verdict == "violation" && before != "violation":
		ch.Change, ch.Bad, ch.rank = "New violation", true, 0
		if last.result != nil {
			ch.Note = last.result.Headline
		}
	case verdict == "error" && before != "error":
		ch.Change, ch.rank = "Could not run", 1
	case verdict == "unknown" && before != "unknown":
		ch.Change, ch.rank = "No longer decided", 2
	case verdict == "pass" && before == "violation":
		ch.Change, ch.rank = "Fixed", 5
	case verdict == "pass" && before != "pass":
		ch.Change, ch.rank = "Passes again", 6
	case verdict == "pass" && word != wasWord:
		ch.Change, ch.rank = "Weakness no longer shown", 3
		if last.result.Weakness {
			ch.Change = "Weakness now shown"
		}
	default:
		note, out := outOfRange(c)
		if !out {
			if verdict == "violation" { // a known one is outlined
				cell.Mark, cell.Word = "old", "violation, as before"
			}
			return cell, nil
		}
		ch.Change, ch.Note, ch.rank = "Out of its range", note, 4
	}
	cell.Changed, cell.Class = true, "chd"
	if ch.Bad {
		cell.Class = "new"
	}
	cell.Was = "was " + cellShort(prev)
	return cell, ch
}

// cellShort and cellWords are a run's number, with its measure's name in the second.
func cellShort(e *entry) string {
	v, _, word := verdictOf(e)
	if v == "unknown" || v == "error" {
		return word
	}
	_, text, _, _ := e.number()
	return text
}

func cellWords(e *entry) string {
	v, _, word := verdictOf(e)
	if v == "unknown" || v == "error" {
		return word
	}
	name, text, _, _ := e.number()
	return text + " " + name
}

// outOfRange compares the last number with at least four earlier ones.
func outOfRange(c *cellRuns) (string, bool) {
	var lo, hi float64
	n := 0
	for i := range c.runs[:len(c.runs)-1] {
		if _, _, v, ok := c.runs[i].number(); ok {
			if n == 0 {
				lo, hi = v, v
			}
			lo, hi = min(lo, v), max(hi, v)
			n++
		}
	}
	_, _, v, ok := c.runs[len(c.runs)-1].number()
	if !ok || n < 4 || (v <= hi*1.25 && v >= lo*0.75) {
		return "", false
	}
	return fmt.Sprintf("the %d runs before: %s to %s", n, words.Short(lo), words.Short(hi)), true
}

// around names what changed besides: the server's build, the machine, schism, the seed.
func around(a, b *entry) string {
	var parts []string
	if x, y := sentences.Server(a.run), sentences.Server(b.run); x != y {
		parts = append(parts, x+" → "+y)
	}
	hosts := map[string]string{}
	for _, kv := range a.run.Host {
		hosts[kv.K] = kv.V
	}
	for _, kv := range b.run.Host {
		if old, ok := hosts[kv.K]; ok && old != kv.V {
			parts = append(parts, fmt.Sprintf("%s %s → %s", kv.K, old, kv.V))
		}
	}
	if a.run.Seed != b.run.Seed {
		parts = append(parts, fmt.Sprintf("seed %d → %d", a.run.Seed, b.run.Seed))
	}
	if string(a.run.Promises) != string(b.run.Promises) {
		parts = append(parts, "promises")
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// spark draws the last runs' numbers from 0.
func spark(c *cellRuns, top float64) template.HTML {
	if len(c.runs) < 2 || top <= 0 {
		return ""
	}
	var points []charts.Point
	for i := range c.runs {
		_, text, v, ok := c.runs[i].number()
		points = append(points, charts.Point{V: v, Known: ok, Text: text})
	}
	return charts.Spark(points, nights, top)
}

// sentence says what is new, or what there is.
func (p *indexPage) sentence(count map[string]int, total, scenarios, servers int) {
	tally := tallyWords(count)
	switch {
	case total == 0:
		p.Mark = sentences.Mark{ID: "und", Class: "v-und", Char: "?", Word: "No run"}
		p.Headline, p.Sub = "No run yet.", "Run a scenario, and it will stand here."
	case len(p.Changes) > 0 && p.Changes[0].Bad:
		c := p.Changes[0]
		p.Mark = sentences.MarkOf(result.Violation, false)
		p.Mark.Word = "New violation"
		p.Headline = fmt.Sprintf("%s on %s: %s", c.Scenario, c.Server, strings.TrimSuffix(c.Note, ".")+".")
		p.Sub = fmt.Sprintf("%d of %s changed since the run before. %s.", len(p.Changes), words.Plural(int64(total), "cell", "cells"), words.Capital(tally))
	case len(p.Changes) > 0:
		p.Mark = sentences.Mark{ID: p.Changes[0].Mark, Class: "v-chg", Char: "~", Word: p.Changes[0].Change}
		p.Headline = fmt.Sprintf("%s changed since the run before; no new violation.", words.Plural(int64(len(p.Changes)), "cell", "cells"))
		p.Sub = words.Capital(tally) + "."
	default:
		v := result.Pass
		for _, w := range []result.Verdict{result.Error, result.Unknown, result.Violation} {
			if count[string(w)] > 0 {
				v = w
			}
		}
		p.Mark = sentences.MarkOf(v, false)
		p.Headline = words.Capital(tally) + "."
		if v == result.Pass {
			p.Headline = fmt.Sprintf("All %s pass.", words.Plural(int64(total), "cell", "cells"))
			if n := count["weakness"]; n > 0 {
				p.Mark = sentences.MarkOf(v, true)
				p.Headline = fmt.Sprintf("All %s pass; %d of them show the weakness that they exist for.", words.Plural(int64(total), "cell", "cells"), n)
			}
		}
		p.Sub = fmt.Sprintf("%s on %s.", words.Plural(int64(scenarios), "scenario", "scenarios"), words.Plural(int64(servers), "server", "servers"))
		if p.Earlier {
			p.Sub += " Nothing changed since the run before."
		} else {
			p.Sub += " There is no earlier run to compare with."
		}
		if v == result.Violation {
			p.Mark.Word = "Violations, none new"
			if !p.Earlier {
				p.Mark.Word = "Violation"
			}
		}
	}
	p.Title = fmt.Sprintf("%s %s | schism", p.Mark.Char, strings.TrimSuffix(p.Headline, "."))
	p.Tag = tally
}

func indexFacts(cells []cellRuns, runs, scenarios, servers int) []history.KV {
	kv := []history.KV{{K: words.Count(int64(scenarios)), V: noun(scenarios, "scenario")}, {K: words.Count(int64(servers)), V: noun(servers, "server")}, {K: words.Count(int64(runs)), V: "finished runs, at most 14 a cell"}}
	newest := ""
	for _, c := range cells {
		for _, e := range c.runs {
			newest = max(newest, e.run.Started)
		}
	}
	if newest != "" {
		kv = append(kv, history.KV{K: frame.Moment(newest), V: "the newest"})
	}
	return kv
}
