package index

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/nights"
	"github.com/schismtest/schism/reports/sentences"
)

// sentence says what is new, or what there is.
func (p *page) sentence(r *nights.Report, count map[string]int) {
	total := count["violation"] + count["unknown"] + count["error"] + count["pass"] + count["watched"]
	tally := tallyWords(count)
	news := r.NewOnes()
	since := strings.ToLower(p.Before)
	gone := len(r.Of(nights.Gone))
	switch {
	case total == 0:
		p.Mark = sentences.Mark{ID: "und", Class: "v-und", Char: "?", Word: "No run"}
		p.Headline, p.Sub = "No run yet.", "Run a scenario, and it will stand here."
		if len(p.Rows) > 0 {
			p.Headline, p.Sub = "No cell was run "+strings.ToLower(p.Last)+".", "What was run earlier stands below."
		}
	case len(news) > 0:
		c := news[0]
		p.Mark = sentences.MarkOf(result.Violation, false)
		p.Mark.Word = words.Capital(words.Plural(int64(len(news)), "new violation", "new violations"))
		p.Headline = fmt.Sprintf("%s on %s: %s.", c.Cell.Scenario, serverName(c.Last, c.Cell), strings.TrimSuffix(c.Note, "."))
		if len(news) > 1 {
			p.Headline = fmt.Sprintf("%d new violations. %s", len(news), p.Headline)
		}
		p.Sub = fmt.Sprintf("Changed around it: %s.", nights.Around(c.Around))
		if c.Prev == nil {
			p.Sub = "There is no earlier run that tells of this promise."
		}
		p.Sub += fmt.Sprintf(" %s.", p.changed(r, total))
	case len(r.Changes) > 0:
		c := &r.Changes[0]
		mark, _ := markOf(c.Line)
		if c.Prev == c.Last {
			mark = "na"
		}
		p.Mark = sentences.Mark{ID: mark, Class: "v-chg", Char: "~", Word: c.Kind}
		p.Headline = fmt.Sprintf("%s changed since %s; no new violation.", words.Plural(int64(changedCells(r)), "cell", "cells"), since)
		p.Sub = words.Capital(tally) + "."
		if gone > 0 {
			p.Sub += fmt.Sprintf(" %s gone.", words.Plural(int64(gone), "violation is", "violations are"))
		}
	default:
		p.quiet(r, count, total, tally)
	}
	if n := len(r.Standing); n > 0 {
		p.Sub += fmt.Sprintf(" %s from before%s.", words.Plural(int64(n), "violation stands", "violations stand"), untold(r))
	}
	p.Title = fmt.Sprintf("%s %s | schism", p.Mark.Char, strings.TrimSuffix(p.Headline, "."))
	p.Tag = tally
	if n := notRun(r); n > 0 {
		p.Tag = strings.TrimPrefix(fmt.Sprintf("%s, %d not run", tally, n), ", ")
	}
}

// quiet is the sentence of a night in which nothing changed.
func (p *page) quiet(r *nights.Report, count map[string]int, total int, tally string) {
	v := result.Pass
	for _, w := range []result.Verdict{result.Error, result.Unknown, result.Violation} {
		if count[string(w)] > 0 {
			v = w
		}
	}
	p.Mark = sentences.MarkOf(v, false)
	p.Headline = words.Capital(tally) + "."
	if n := count["watched"]; v == result.Pass && n > 0 { // of these nothing was promised
		p.Headline = words.Capital(tally) + "."
		if n == total {
			p.Mark = sentences.MarkOf(result.Watched, false)
		}
	} else if v == result.Pass {
		p.Headline = fmt.Sprintf("All %s pass.", words.Plural(int64(total), "cell", "cells"))
		if n := count["weakness"]; n > 0 {
			p.Mark = sentences.MarkOf(v, true)
			p.Headline = fmt.Sprintf("All %s pass; %d of them %s the weakness that they exist for.", words.Plural(int64(total), "cell", "cells"), n, verb(n, "shows", "show"))
		}
	}
	p.Sub = fmt.Sprintf("%s on %s.", words.Plural(int64(len(p.Rows)), "scenario", "scenarios"), words.Plural(int64(len(p.Servers)), "server", "servers"))
	if r.Earlier {
		p.Sub += fmt.Sprintf(" Nothing changed since %s.", strings.ToLower(p.Before))
	} else {
		p.Sub += " There is no earlier run to compare with."
	}
	if v == result.Violation {
		p.Mark.Word = "Violations, none new"
		p.Mark.ID = "old"
	}
}

func (p *page) changed(r *nights.Report, total int) string {
	return fmt.Sprintf("%d of %s changed since %s", changedCells(r), words.Plural(int64(total), "cell", "cells"), strings.ToLower(p.Before))
}

// untold says how many of the violations that stand the last night did not tell of.
func untold(r *nights.Report) string {
	n := 0
	for _, s := range r.Standing {
		if !s.Told {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them not told of now", n)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func changedCells(r *nights.Report) int {
	n := 0
	for _, c := range r.Cells {
		if c.Change != nil {
			n++
		}
	}
	return n
}

// notRun counts the cells that were run before, and not in the last night.
func notRun(r *nights.Report) int {
	n := 0
	for _, c := range r.Cells {
		if c.NotRun {
			n++
		}
	}
	return n
}

func tallyWords(count map[string]int) string {
	var parts []string
	for _, k := range [][3]string{{"violation", "violation", "violations"}, {"unknown", "unknown", "unknown"}, {"error", "error", "errors"}, {"pass", "pass", "passes"}, {"watched", "watched", "watched"}} {
		if n := count[k[0]]; n > 0 {
			parts = append(parts, words.Plural(int64(n), k[1], k[2]))
		}
	}
	return strings.Join(parts, ", ")
}

func filters(count map[string]int, changes, notRun int) []filter {
	var out []filter
	for _, k := range [][3]string{{"violation", "bad", "Violation"}, {"pass", "ok", "Pass"}, {"unknown", "und", "Unknown"}, {"error", "err", "Error"}, {"watched", "na", "Watched"}} {
		if n := count[k[0]]; n > 0 {
			out = append(out, filter{k[1], k[0], fmt.Sprintf("%s %d", k[2], n)})
		}
	}
	if notRun > 0 {
		out = append(out, filter{"na", "notrun", fmt.Sprintf("Not run %d", notRun)})
	}
	if changes > 0 {
		out = append(out, filter{"", "changed", fmt.Sprintf("Changed %d", changes)})
	}
	return out
}

// firstSentence is what fits into a row's head.
func firstSentence(s string) string {
	for _, end := range []string{". ", "; "} {
		if i := strings.Index(s, end); i > 0 {
			s = s[:i]
		}
	}
	return words.Clip(strings.TrimSuffix(s, "."), 110)
}

func inFile(h *nights.History) string {
	if h.Cut {
		return "newest runs of " + nights.FileName + "; schism index goes over all"
	}
	return "runs in " + nights.FileName
}

// facts say how much there is.
func facts(r *nights.Report) []history.KV {
	var out []history.KV
	runs, newest := 0, ""
	schism := map[string]bool{}
	for _, c := range r.Cells {
		for _, n := range recent(c) {
			runs += len(n.Lines)
		}
		if last := c.Last(); last != nil && !c.NotRun {
			for _, l := range last.Lines {
				newest = max(newest, l.Started)
				if l.Schism != "" {
					schism[l.Schism] = true
				}
			}
		}
	}
	if r.Last != nil {
		begun := ""
		if r.Last.Started != "" {
			begun = ", begun " + frame.Moment(r.Last.Started)
		}
		out = append(out, history.KV{K: r.Last.Name, V: "the night" + begun})
		out = append(out, history.KV{K: words.Count(int64(len(r.Last.Lines))), V: "runs in it"})
	} else if newest != "" {
		out = append(out, history.KV{K: frame.Moment(newest), V: "the newest"})
	}
	out = append(out, history.KV{K: words.Count(int64(runs)), V: fmt.Sprintf("runs below, at most %d nights a cell", nights.Shown)},
		history.KV{K: words.Count(int64(len(r.History.Lines))), V: inFile(r.History)})
	for v := range schism {
		if len(schism) == 1 {
			out = append(out, history.KV{K: v, V: "schism"})
		}
	}
	return out
}
