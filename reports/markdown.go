package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/nights"
)

// SummaryMost is how long Markdown's text may be, in bytes: GitHub takes 1 MiB a step.
const SummaryMost = 1_000_000

// limited is a text that ends with a sentence where it would become too long.
type limited struct {
	b    strings.Builder
	most int
	cut  bool
}

// cutOff ends a summary that is too long.
const cutOff = "\nThe summary is cut off here, since it would be too long. The page has the rest.\n"

func (l *limited) line(format string, args ...any) {
	s := fmt.Sprintf(format, args...) + "\n"
	if l.cut || l.b.Len()+len(s) > l.most-len(cutOff) {
		l.cut = true
		return
	}
	l.b.WriteString(s)
}

// Markdown writes what the last night says, for a page such as a CI job's: what is new, what is gone, what changed and what around it, what
// stands. It is at most so many bytes long; SummaryMost where most is 0.
func Markdown(w io.Writer, r *nights.Report, most int) error {
	if most <= 0 {
		most = SummaryMost
	}
	t := &limited{most: most}
	before := "the run before"
	if r.Last != nil {
		before = "the night before"
	}
	news, gone, changed := r.NewOnes(), r.Of(nights.Gone), r.Of(nights.Changed)
	t.line("## %s", md(Headline(r)))
	t.line("")
	t.line("%s", md(tally(r)))
	t.line("")
	if len(news) > 0 {
		t.line("### New violations")
		t.line("")
		t.line("| Scenario | Server | Promise | Before | Now | What happened | Changed around it |\n|---|---|---|---|---|---|---|")
		for _, c := range news {
			t.line("| ✕ **%s** | %s | %s | %s | %s | %s | %s |", md(c.Cell.Scenario), md(c.Cell.Server), md(c.Held.Text), md(c.Before), md(c.Now), md(c.Note), md(c.AroundWords()))
		}
		t.line("")
		said := map[string]bool{"": true}
		for _, c := range news {
			if !said[c.Line.Command] {
				t.line("- Again: `%s`", strings.ReplaceAll(c.Line.Command, "`", "'"))
			}
			said[c.Line.Command] = true
		}
		t.line("")
	}
	list(t, "Gone", gone, func(c nights.Change) string {
		return fmt.Sprintf("✓ %s on %s: %s. It was %s; now %s. Changed around it: %s.", c.Cell.Scenario, c.Cell.Server, c.Held.Text, c.Before, c.Now, c.AroundWords())
	})
	list(t, "Changed", changed, func(c nights.Change) string {
		s := fmt.Sprintf("%s: %s on %s. %s: %s; now %s.", c.Kind, c.Cell.Scenario, c.Cell.Server, words.Capital(before), c.Before, c.Now)
		if c.Note != "" {
			s += " " + strings.TrimSuffix(c.Note, ".") + "."
		}
		if c.Prev != c.Last {
			s += " Changed around it: " + c.AroundWords() + "."
		}
		return s
	})
	list(t, "Changed around the night", r.Around, func(s string) string { return s })
	list(t, "Violations that stand from before", r.Standing, func(s nights.Standing) string {
		text := fmt.Sprintf("✕ %s on %s: %s. ", s.Cell.Scenario, s.Cell.Server, s.Held.Text)
		since := fmt.Sprintf("Broken in %s, since %s", words.Plural(int64(s.Nights), "night", "nights"), s.Since.When())
		if r.Last == nil {
			since = fmt.Sprintf("Broken in %s, since %s", words.Plural(int64(s.Nights), "run", "runs"), s.Since.When())
		}
		if !s.Told {
			return text + since + ". Not told now (" + s.Why + "): neither gone nor new."
		}
		return text + since + fmt.Sprintf("; now %s in %s.", s.Held.Measured, s.Runs)
	})
	list(t, "Not pass", open(r), func(s string) string { return s })
	text := t.b.String()
	if t.cut {
		text += cutOff
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func list[T any](t *limited, title string, items []T, say func(T) string) {
	if len(items) == 0 {
		return
	}
	t.line("### %s", title)
	t.line("")
	for _, x := range items {
		t.line("- %s", md(say(x)))
	}
	t.line("")
}

// open are the cells that are undecided, failed or were not run, and why.
func open(r *nights.Report) []string {
	var out []string
	for _, c := range r.Cells {
		last := c.Last()
		switch {
		case last == nil:
		case c.NotRun:
			out = append(out, fmt.Sprintf("– %s on %s: not run; the last time was %s", c.Cell.Scenario, c.Cell.Server, last.When()))
		default:
			if w := last.Worst(); w.Verdict == result.Unknown || w.Verdict == result.Error {
				mark := "?"
				if w.Verdict == result.Error {
					mark = "!"
				}
				out = append(out, fmt.Sprintf("%s %s on %s: %s. %s", mark, c.Cell.Scenario, c.Cell.Server, w.Verdict, strings.TrimSpace(w.Headline+" "+w.Sub)))
			}
		}
	}
	return out
}

// Headline is what the last night says, in a few words.
func Headline(r *nights.Report) string {
	count := map[result.Verdict]int{}
	total := 0
	for _, c := range r.Cells {
		if last := c.Last(); last != nil && !c.NotRun {
			count[last.Worst().Verdict]++
			total++
		}
	}
	news, gone, changed := len(r.NewOnes()), len(r.Of(nights.Gone)), len(r.Of(nights.Changed))
	switch {
	case total == 0:
		return "? No run."
	case news > 0:
		return fmt.Sprintf("✕ %s, %d gone, %d changed", words.Plural(int64(news), "new violation", "new violations"), gone, changed)
	case gone+changed > 0:
		return fmt.Sprintf("~ No new violation, %d gone, %d changed", gone, changed)
	case len(r.Standing) > 0:
		return fmt.Sprintf("✕ No new violation; %s", words.Plural(int64(len(r.Standing)), "one stands from before", "stand from before"))
	case count[result.Unknown]+count[result.Error] > 0 && !r.Earlier:
		return "? No violation; not everything was decided"
	case count[result.Unknown]+count[result.Error] > 0:
		return "? No violation, and nothing changed; not everything was decided"
	case count[result.Watched] > 0:
		return fmt.Sprintf("• %s only watched; no violation", words.Plural(int64(count[result.Watched]), "setup was", "setups were"))
	case !r.Earlier:
		return "✓ All cells pass; there is no earlier run to compare with"
	}
	return "✓ All cells pass, and nothing changed"
}

// tally counts the cells by what they came to.
func tally(r *nights.Report) string {
	count := map[string]int{}
	runs := 0
	for _, c := range r.Cells {
		last := c.Last()
		switch {
		case last == nil:
		case c.NotRun:
			count["not run"]++
		default:
			runs += len(last.Lines)
			w := last.Worst()
			count[string(w.Verdict)]++
			if w.Verdict == result.Pass && w.Weakness {
				count["weakness"]++
			}
		}
	}
	var parts []string
	for _, k := range []string{"violation", "unknown", "error", "not run", "watched", "pass"} {
		if n := count[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k))
		}
	}
	if n := count["weakness"]; n > 0 {
		parts[len(parts)-1] += fmt.Sprintf(" (%d of them with the weakness shown that they exist for)", n)
	}
	cells := words.Plural(int64(len(r.Cells)), "cell", "cells")
	if len(parts) == 0 {
		return cells + "."
	}
	return fmt.Sprintf("%s in %s: %s.", words.Plural(int64(runs), "run", "runs"), cells, strings.Join(parts, ", "))
}

// md escapes what Markdown or the HTML in it would read.
func md(s string) string {
	return strings.NewReplacer("\\", "\\\\", "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", "\\|", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "`", "\\`", "#", "\\#", "!", "\\!", "@", "&#64;").Replace(words.Clean(s))
}
