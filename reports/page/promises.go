package page

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
)

// promiseRow is one promise, or several that every run makes and of which the same is to be said: its state, who made it, what was
// measured, and where the evidence is.
type promiseRow struct {
	Mark, Class, State string
	Text, Limit        string
	All                []string // what several are, folded
	By                 template.HTML
	Note               string
	Measured, Why      string
	Href, Evidence     string
}

// many promises of every run that were kept, or that one reason leaves undecided, stand in one row.
const many = 4

func promiseRows(h *history.History, r *result.Result) []promiseRow {
	var out []promiseRow
	joined := map[string]int{} // rows of several, by state and reason
	count := map[string]int{}
	for _, p := range r.Promises {
		count[joint(r, p)]++
	}
	for _, state := range []result.Status{result.Broken, result.Undecided, result.Kept} {
		for _, p := range r.Promises {
			if p.Status != state {
				continue
			}
			if key := joint(r, p); key != "" && count[key] >= many {
				i, ok := joined[key]
				if !ok {
					i = len(out)
					joined[key] = i
					out = append(out, newRow(h, r, p))
					row := &out[i]
					row.Text, row.Href = fmt.Sprintf("%d promises of every run", count[key]), ""
				}
				out[i].All = append(out[i].All, p.Text)
				continue
			}
			out = append(out, newRow(h, r, p))
		}
	}
	return out
}

// joint is what promises of every run have in common that stand in one row, empty for one that stands alone.
func joint(r *result.Result, p result.PromiseResult) string {
	switch {
	case p.Promise.By != "always":
		return ""
	case r.Verdict == result.Error:
		return "not judged"
	case p.Status == result.Kept && excused(r, p) == "":
		return "kept"
	case p.Status == result.Undecided && (p.Measured == "" || p.Measured == words.Dash):
		return "undecided " + p.Why
	}
	return ""
}

func newRow(h *history.History, r *result.Result, p result.PromiseResult) promiseRow {
	row := promiseRow{Text: words.Capital(p.Text), Limit: p.Limit, Measured: p.Measured, Why: p.Why, State: string(p.Status), By: maker(p.Promise), Note: p.Promise.Note}
	if row.Measured == "" {
		row.Measured = words.Dash
	}
	if row.Why == "" {
		row.Why = excused(r, p)
	}
	switch p.Status {
	case result.Broken:
		row.Mark, row.Class = "bad", "p-bad"
	case result.Undecided:
		row.Mark, row.Class = "und", "p-und"
	default:
		row.Mark, row.Class = "ok", "p-ok"
	}
	row.Href, row.Evidence = evidence(h, r, p)
	if r.Verdict == result.Error { // with records missing, what was counted of the rest decides nothing
		row.Mark, row.Class, row.State, row.Measured, row.Why, row.Href = "und", "p-und", "not judged", words.Dash, "records are missing", ""
	}
	return row
}

// excused says that a promise of every run is kept although its class was seen: what happened to the setup explains those cases.
func excused(r *result.Result, p result.PromiseResult) string {
	if p.Promise.By != "always" || p.Status != result.Kept {
		return ""
	}
	var n int64
	for _, f := range r.Findings {
		if f.Class == p.Promise.Measure {
			n = max(n, f.Count-f.Bugs)
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s besides, across a change of master or of its data", words.Count(n))
}

func maker(p result.Promise) template.HTML {
	switch p.By {
	case "flag":
		return template.HTML("<code>" + frame.Esc(fmt.Sprintf("-promise %s=%s", p.Measure, words.Trim(fmt.Sprintf("%.6f", p.Limit)))) + "</code>")
	case "always":
		return "every scenario"
	}
	return template.HTML(frame.Esc(p.By))
}

// evidence is where the page backs a promise up: its witness, else the section of its measure.
func evidence(h *history.History, r *result.Result, p result.PromiseResult) (href, name string) {
	for i, w := range r.Witnesses {
		if w.ID == p.Witness && w.ID != "" {
			return "#" + w.ID, fmt.Sprintf("Witness %d", i+1)
		}
	}
	switch m := p.Promise.Measure; {
	case strings.Contains(m, "visib") && len(r.Visibility) > 0:
		return "#visibility", "Visibility"
	case (m == "rta" || strings.Contains(m, "master")) && len(r.Failovers) > 0 && m != "master_conflicts":
		return "#failover", "Failover"
	case strings.HasPrefix(m, "lost") || m == "converge" || strings.Contains(m, "diverg"):
		return "#figures", "Key figures"
	case strings.Contains(m, "gap") || m == "rta" || m == "lag" || strings.Contains(m, "stale"):
		return "#timeline", "Timeline"
	case len(r.Registers)+len(r.Findings)+len(r.Sessions) > 0:
		return "#checks", "Consistency"
	}
	return "", ""
}

func promiseNote(r *result.Result) string {
	if r.Verdict == result.Error {
		return ""
	}
	if t := promiseTally(r); t != "" {
		return words.Capital(t) + ". Broken beats undecided beats kept."
	}
	return ""
}

// showsLine says what the scenario exists to make visible, and whether the run was a fair test of it.
func showsLine(r *result.Result) template.HTML {
	if r.Verdict == result.Error {
		return ""
	}
	var b strings.Builder
	var shown, not []string
	for _, p := range r.Shows {
		s := p.Text
		if p.Measured != "" {
			s += ": " + p.Measured
		}
		switch p.Status {
		case result.Broken:
			shown = append(shown, s)
		case result.Undecided:
			not = append(not, p.Text+" (not told: "+p.Why+")")
		default:
			not = append(not, s)
		}
	}
	if len(shown) > 0 {
		b.WriteString("<b>Shows</b> what it is for: " + frame.Esc(strings.Join(shown, "; ")) + ". ")
	}
	if len(not) > 0 {
		b.WriteString("<b>Not shown:</b> " + frame.Esc(strings.Join(not, "; ")) + ". ")
	}
	var fair, unfair []string
	for _, f := range r.Fair {
		if f.OK {
			fair = append(fair, f.Text)
		} else {
			unfair = append(unfair, f.Text)
		}
	}
	if len(unfair) > 0 {
		b.WriteString("<b>Not a fair test:</b> " + frame.Esc(strings.Join(unfair, "; ")) + ". ")
	}
	if len(fair) > 0 {
		word := "A fair test:"
		if len(unfair) > 0 {
			word = "Though"
		}
		b.WriteString("<b>" + word + "</b> " + frame.Esc(strings.Join(fair, "; ")) + ".")
	}
	return template.HTML(b.String())
}
