package reports

// Output rules: at most Width columns; plain text that says everything without colour (marks x ? +); colour only where the caller found a
// terminal and no NO_COLOR; nothing from a server or user reaches the terminal with its control characters.

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// SummaryOptions say how the terminal's summary is written.
type SummaryOptions struct {
	// Color: the output is a terminal. The environment's NO_COLOR overrules it.
	Color bool
	// Width in columns; 0 is 80.
	Width int
	// ReportPath is the page's path for people; left out when empty.
	ReportPath string
	// Took is how long the whole run took; left out when 0.
	Took time.Duration
	_    struct{}
}

type terminal struct {
	b     strings.Builder
	color bool
	width int
}

// Summary writes what a run came to, for a terminal.
func Summary(w io.Writer, run *history.Run, r *result.Result, o SummaryOptions) error {
	t := &terminal{color: o.Color && os.Getenv("NO_COLOR") == "", width: o.Width}
	if t.width <= 0 {
		t.width = 80
	}
	t.head(run, r, o)
	say := sentences.Of(run, r)
	text := strings.TrimSpace(say.Headline + " " + say.Sub)
	t.wrap(text)
	t.reasons(text, r)
	kept := t.promises(r)
	if r.Verdict != result.Error {
		t.shows(r)
	}
	t.kept(kept, r)
	if n := len(run.Replaced); n > 0 {
		t.field("config", words.Plural(int64(n), "line", "lines")+" of the config replaced by the run's own; the page says which, and why")
	}
	if a := run.Attached; a != nil {
		for _, why := range a.Uncovered {
			t.wrap("- not covered: " + why)
		}
		t.field("left", a.Leftover)
	}
	t.field("report", o.ReportPath)
	if r.Verdict != result.Pass && r.Verdict != result.Watched || r.Weakness {
		t.field("again", run.Again())
	}
	t.field("do", r.Do)
	_, err := io.WriteString(w, t.b.String())
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// reasons lists what the sentences have not said already.
func (t *terminal) reasons(said string, r *result.Result) {
	const most = 6
	n := 0
	for _, reason := range sentences.Reasons(r) {
		if strings.Contains(said, strings.TrimSuffix(reason, ".")) {
			continue
		}
		if n++; n <= most {
			t.wrap("- " + reason)
		}
	}
	if n > most {
		t.wrap(fmt.Sprintf("- and %d more", n-most))
	}
}

// promises lists the broken ones, then those that are not decided, and returns how many were kept. With records missing none is judged.
func (t *terminal) promises(r *result.Result) (kept int) {
	if r.Verdict == result.Error {
		if n := len(r.Promises); n > 0 {
			fmt.Fprintf(&t.b, "  %s %s\n", t.paint("? not judged", yellow), words.Plural(int64(n), "promise", "promises"))
		}
		return 0
	}
	open := map[string]int{} // undecided promises of which nothing was measured, by reason
	for _, p := range r.Promises {
		if p.Status == result.Undecided && !measured(p) {
			open[p.Why]++
		}
	}
	const many = 4 // so many with one reason stand in one row
	for _, p := range r.Promises {
		switch {
		case p.Status == result.Broken:
			t.row("x", "broken", p.Text, p.Limit, p.Measured, red)
		case p.Status == result.Kept:
			kept++
		case measured(p):
			t.row("?", "undecided", p.Text, p.Limit, p.Measured, yellow)
			t.indented(p.Why)
		case open[p.Why] >= many:
			t.row("?", "undecided", fmt.Sprintf("%d promises", open[p.Why]), "", p.Why, yellow)
			open[p.Why] = -1
		case open[p.Why] > 0:
			t.row("?", "undecided", p.Text, "", p.Why, yellow)
		}
	}
	return kept
}

// measured tells whether a promise's row has a value to show.
func measured(p result.PromiseResult) bool { return p.Measured != "" && p.Measured != words.Dash }

// shows lists what the scenario exists to show.
func (t *terminal) shows(r *result.Result) {
	for _, p := range r.Shows {
		switch p.Status {
		case result.Broken:
			mark, code := "x", red
			if !r.Weakness { // a figure that is no weakness
				mark, code = "+", ""
			}
			t.row(mark, "shown", p.Text, "", p.Measured, code)
		case result.Kept:
			t.row("+", "not shown", p.Text, "", p.Measured, "")
		default:
			t.row("?", "not told", p.Text, "", p.Why, yellow)
		}
	}
}

const (
	red    = "31"
	yellow = "33"
	green  = "32"
	bold   = "1"
)

func (t *terminal) paint(s, code string) string {
	if !t.color || code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *terminal) head(run *history.Run, r *result.Result, o SummaryOptions) {
	code := map[result.Verdict]string{result.Pass: green, result.Violation: red, result.Unknown: yellow, result.Error: bold, result.Watched: bold}[r.Verdict]
	word := strings.ToUpper(string(r.Verdict))
	parts := []string{words.Clean(run.Scenario), words.Clean(sentences.Server(run)), fmt.Sprintf("seed %d", run.Seed)}
	if run.Attached != nil {
		parts = parts[:2]
	}
	if run.Imported != "" {
		parts = []string{words.Clean(run.Scenario), "imported, " + words.Clean(run.Imported)}
	}
	if o.Took > 0 {
		parts = append(parts, o.Took.Round(time.Second).String())
	}
	if o.Took > 0 && o.Took < 10*time.Minute {
		parts[len(parts)-1] = fmt.Sprintf("%d s", int(o.Took.Seconds()+0.5))
	}
	if r.Weakness && r.Verdict == result.Pass {
		parts = append(parts, "weakness shown")
	}
	rest := strings.Join(nonEmpty(parts), "  ")
	fmt.Fprintf(&t.b, "%s  %s\n", t.paint(word, code+";"+bold), words.Clip(rest, t.width-len(word)-2))
}

func nonEmpty(in []string) []string {
	var out []string
	for _, s := range in {
		if strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

// wrap writes a paragraph, indented by two.
func (t *terminal) wrap(s string) {
	for _, l := range wrapLines(words.Clean(s), t.width-2) {
		t.b.WriteString("  " + l + "\n")
	}
}

// row writes "  x broken     text   limit   measured"; a measure that does not fit goes to a line of its own.
func (t *terminal) row(mark, state, text, limit, measured, code string) {
	const textWidth, limitWidth = 31, 11
	text, limit, measured = words.Clean(text), words.Clean(limit), words.Clean(measured)
	head := "  " + t.paint(fmt.Sprintf("%s %-10s", mark, state), code)
	used := 14 + 1 + max(textWidth, utf8.RuneCountInString(text)) + 1
	tail := pad(limit, limitWidth) + measured
	if limit == "" {
		tail = measured
	}
	if used+utf8.RuneCountInString(tail) <= t.width {
		fmt.Fprintf(&t.b, "%s %s %s\n", head, pad(text, textWidth), strings.TrimRight(tail, " "))
		return
	}
	fmt.Fprintf(&t.b, "%s %s\n", head, words.Clip(text, t.width-15))
	tail = strings.TrimSpace(tail)
	if limit != "" {
		tail = "measured " + measured + ", limit " + limit
	}
	t.indented(tail)
}

// indented writes what belongs to the row above.
func (t *terminal) indented(s string) {
	for _, l := range wrapLines(words.Clean(s), t.width-17) {
		fmt.Fprintf(&t.b, "%17s%s\n", "", l)
	}
}

// wrapLines breaks a text between words, never between a number and its unit.
func wrapLines(s string, width int) []string {
	var out []string
	line := ""
	for _, word := range glued(strings.Fields(s)) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// glued joins each number with the unit behind it.
func glued(fields []string) []string {
	var out []string
	for _, f := range fields {
		unit := strings.TrimRight(f, ".,;:)")
		n := len(out)
		if n > 0 && slices.Contains([]string{"s", "ms", "µs", "min", "h", "B", "kB", "MB", "GB", "%"}, unit) && strings.ContainsAny(out[n-1][len(out[n-1])-1:], "0123456789") {
			out[n-1] += " " + f
			continue
		}
		out = append(out, f)
	}
	return out
}

func pad(s string, n int) string {
	if m := n - utf8.RuneCountInString(s); m > 0 {
		return s + strings.Repeat(" ", m)
	}
	return s + " "
}

// kept closes the list of promises, with the two figures that a healthy run is judged by.
func (t *terminal) kept(kept int, r *result.Result) {
	if kept == 0 {
		return
	}
	line := fmt.Sprintf("%d of %d", kept, len(r.Promises))
	if kept < len(r.Promises) {
		line = fmt.Sprintf("%d more", kept)
	} else {
		if g := r.Availability.LongestWriteS.Len(); g > 0 {
			line = pad(line, 13) + "longest write gap " + words.Duration(g)
		}
		if s := sentences.Overall(r); s != nil && s.Max >= 0 && s.Reads > 0 {
			line += "    staleness max " + words.Duration(max(s.Max, s.MaxMost))
		}
	}
	fmt.Fprintf(&t.b, "  %s %s\n", t.paint("+ kept      ", green), words.Clip(line, t.width-15))
}

// field is not wrapped: what one copies must stay whole.
func (t *terminal) field(name, value string) {
	if value != "" {
		fmt.Fprintf(&t.b, "  %-8s%s\n", name, words.Clean(value))
	}
}
