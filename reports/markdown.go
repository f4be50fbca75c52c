package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// Markdown writes a run's summary for a page such as a CI job's: the verdict, what was found, and the promises that were not kept.
func Markdown(w io.Writer, run *history.Run, r *result.Result) error {
	m := sentences.MarkOf(r.Verdict, r.Weakness)
	say := sentences.Of(run, r)
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s: %s on %s\n\n%s", m.Char, md(m.Word), md(run.Scenario), md(sentences.Server(run)), md(say.Headline))
	if say.Sub != "" {
		b.WriteString(" " + md(say.Sub))
	}
	b.WriteString("\n\n")
	for _, s := range r.Reasons {
		b.WriteString("- " + md(s) + "\n")
	}
	if r.Do != "" {
		b.WriteString("- What to do: " + md(r.Do) + "\n")
	}
	if len(r.Reasons) > 0 || r.Do != "" {
		b.WriteString("\n")
	}
	rows := openPromises(r)
	if r.Verdict == result.Error {
		rows = nil
		if n := len(r.Promises); n > 0 {
			fmt.Fprintf(&b, "? %s not judged. ", words.Plural(int64(n), "promise", "promises"))
		}
	}
	if len(rows) > 0 {
		b.WriteString("| | Promise | Limit | Measured |\n|---|---|---|---|\n")
		for _, p := range rows {
			mark, text := "✕ broken", p.Measured
			if p.Status == result.Undecided {
				mark = "? undecided"
			}
			switch {
			case !measured(p):
				text = p.Why
			case p.Status == result.Undecided && p.Why != "":
				text += " (" + p.Why + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", mark, md(p.Text), md(p.Limit), md(text))
		}
		b.WriteString("\n")
	}
	if n := len(r.Promises) - len(openPromises(r)); n > 0 && r.Verdict != result.Error {
		fmt.Fprintf(&b, "✓ %d of %d promises kept. ", n, len(r.Promises))
	}
	if again := run.Again(); again != "" {
		fmt.Fprintf(&b, "Again: `%s`", strings.ReplaceAll(words.Clean(again), "`", "'"))
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func openPromises(r *result.Result) []result.PromiseResult {
	var out []result.PromiseResult
	for _, s := range []result.Status{result.Broken, result.Undecided} {
		for _, p := range r.Promises {
			if p.Status == s {
				out = append(out, p)
			}
		}
	}
	return out
}

// md escapes what Markdown or the HTML in it would read.
func md(s string) string {
	return strings.NewReplacer("\\", "\\\\", "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", "\\|", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "`", "\\`", "#", "\\#", "!", "\\!").Replace(words.Clean(s))
}
