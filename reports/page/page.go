// Package page writes one run's page.
package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

//go:embed assets
var assets embed.FS

// page is a run's page, section by section. A section without data stays empty and is left out.
type page struct {
	frame.Frame
	Run      *history.Run
	Result   *result.Result
	Say      sentences.Sentences
	Title    string
	Server   string
	Mark     sentences.Mark
	Tag      string
	Why      template.HTML
	Bounds   template.HTML
	Notices  []string
	Picture  template.HTML
	PicTitle string
	Setup    []history.KV
	Figures  []figure
	Stale    *frame.Table
	Shards   *frame.Table
	Wide     bool // the table of staleness has no room beside another
	Account  *frame.Table
	Sums     string
	Commands []history.KV
	Nav      []navLink
	Promises []promiseRow
	PromNote string
	Shows    template.HTML
	Axis     template.HTML
	Lanes    []charts.Lane
	Zooms    []charts.Zoom
	TimeNote string
	Tables   []*frame.Table // of the timeline
	Failover *charts.FailoverView
	Wits     []charts.WitnessView
	Checks   []*frame.Table
	Looked   string
	Panels   []charts.Panel
	VisTable []*frame.Table
	Env      []*frame.Table
	Facts    []facts
	Plan     *frame.Table
	Files    []fileLink
	Data     template.HTML
}

type navLink struct{ ID, Name string }

// Write writes a run's page. files are paths relative to the page of what can be downloaded beside it.
func Write(w io.Writer, h *history.History, a *result.Analysis, files []string) error {
	js, err := assets.ReadFile("assets/report.js")
	if err != nil {
		return fmt.Errorf("read script: %w", err)
	}
	fr, err := frame.New(js)
	if err != nil {
		return err
	}
	if a.Result.Verdict == result.Error {
		a = unjudged(a)
	}
	t := charts.New(h, a)
	r := &a.Result
	p := &page{Frame: fr, Run: &h.Run, Result: r, Say: sentences.Of(&h.Run, r), Server: sentences.Server(&h.Run), Mark: sentences.MarkOf(r.Verdict, r.Weakness)}
	p.Title = title(&h.Run, r, p.Say.Headline)
	p.Tag = promiseTally(r)
	p.Why, p.Bounds = frame.Inline(p.Say.Why), frame.Inline(frame.AsCode(p.Say.Bounds))
	p.Notices = notices(h, r, p.Say.Headline)
	p.Picture, p.PicTitle = t.Picture(), t.PictureTitle()
	p.Shards = charts.ShardTable(h, r)
	p.Setup = setup(&h.Run)
	p.Figures = figures(h, a)
	p.Stale, p.Account, p.Sums = t.StaleTable(), accountTable(r), accountNote(h, r)
	p.Wide = p.Stale != nil && len(p.Stale.Head) > 7
	p.Commands = commands(&h.Run)
	p.Promises, p.PromNote = promiseRows(h, r), promiseNote(r)
	p.Shows = showsLine(r)
	var all []*charts.Series
	p.Lanes, all = t.Lanes()
	p.Axis = t.Axis()
	p.Zooms = t.Zooms()
	p.TimeNote = t.Note()
	p.Tables = t.Tables(all)
	p.Failover = t.Failover()
	p.Wits = t.Witnesses()
	p.Checks, p.Looked = append(checkTables(h, r), causeTables(h, r)...), looked(r)
	p.Panels, p.VisTable = t.Visibility()
	p.Env, p.Facts, p.Plan = environment(h, r)
	p.Files = downloads(files)
	if p.Data, err = t.Data(all); err != nil {
		return err
	}
	p.Nav = p.nav()
	b, err := frame.Execute(assets, "assets/*.tmpl", "report.tmpl", p)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// unjudged takes away what was concluded of a run whose records are not whole: it shows what was written, and what became of nothing.
func unjudged(a *result.Analysis) *result.Analysis {
	b := *a
	b.Fate, b.Ages = nil, result.ReadAges{}
	r := &b.Result
	r.Loss, r.Weakness, r.Writes.Known, r.Convergence = nil, false, false, result.Convergence{}
	r.Staleness, r.Visibility, r.Collections, r.Witnesses = nil, nil, nil, nil
	r.Registers, r.Sessions, r.Findings, r.Looked, r.Causes = nil, nil, nil, nil, result.Causes{}
	r.Shards, r.Slots = nil, nil
	r.Availability = result.Availability{RTA: -1} // a lost reply looks like an outage
	return &b
}

// nav lists the sections that are there.
func (p *page) nav() []navLink {
	var out []navLink
	add := func(ok bool, id, name string) {
		if ok {
			out = append(out, navLink{id, name})
		}
	}
	add(len(p.Promises) > 0, "promises", "Promises")
	add(len(p.Lanes) > 0, "timeline", "Timeline")
	add(p.Failover != nil, "failover", "Failover")
	add(len(p.Wits) > 0, "witnesses", "Witnesses")
	add(len(p.Checks) > 0 || p.Looked != "", "checks", "Consistency")
	add(len(p.Panels) > 0, "visibility", "Visibility and staleness")
	add(true, "environment", "Environment")
	add(len(p.Files) > 0, "downloads", "Downloads")
	return out
}

func title(run *history.Run, r *result.Result, headline string) string {
	m := sentences.MarkOf(r.Verdict, r.Weakness)
	return fmt.Sprintf("%s %s, %s: %s | schism", m.Char, run.Scenario, sentences.Server(run), strings.TrimSuffix(headline, "."))
}

func promiseTally(r *result.Result) string {
	n := map[result.Status]int{}
	for _, p := range r.Promises {
		n[p.Status]++
	}
	switch {
	case len(r.Promises) == 0:
		return ""
	case r.Verdict == result.Error:
		return words.Plural(int64(len(r.Promises)), "promise", "promises") + " not judged"
	case n[result.Kept] == len(r.Promises):
		return fmt.Sprintf("all %d promises kept", len(r.Promises))
	}
	var parts []string
	for _, s := range []result.Status{result.Broken, result.Undecided, result.Kept} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Replace(strings.Join(parts, ", "), parts[0], fmt.Sprintf("%d of %d promises %s", firstCount(n), len(r.Promises), strings.Fields(parts[0])[1]), 1)
}

func firstCount(n map[result.Status]int) int {
	for _, s := range []result.Status{result.Broken, result.Undecided, result.Kept} {
		if n[s] > 0 {
			return n[s]
		}
	}
	return 0
}

// notices are what stands against taking the run at face value.
func notices(h *history.History, r *result.Result, headline string) []string {
	var out []string
	said := headline
	add := func(s string) {
		if !strings.Contains(said, strings.TrimSuffix(s, ".")) {
			out = append(out, sentence(s))
		}
		said += " " + s
	}
	if why := strings.Join(strings.Fields(h.Run.Incomplete), " "); why != "" {
		said += " the run is incomplete: " + why
		if !strings.Contains(headline, why) {
			out = append(out, "This run is incomplete: "+why+".")
		}
	}
	for _, reason := range sentences.Reasons(r) {
		add(reason)
	}
	out = append(out, uncovered(&h.Run)...)
	if h.Cut > 0 {
		out = append(out, "The history ends at "+words.At(h.Cut)+", before the run did: writes in flight there count as unknown.")
	}
	if h.Torn != "" && !strings.Contains(said, h.Torn) {
		out = append(out, "The history's file: "+h.Torn+".")
	}
	for i, m := range h.Missing {
		if i == 5 {
			out = append(out, fmt.Sprintf("%d more records are missing.", len(h.Missing)-i))
			break
		}
		out = append(out, "Missing records: "+m+".")
	}
	switch {
	case r.Do != "":
		out = append(out, "What to do: "+strings.TrimSuffix(r.Do, ".")+".")
	case r.Verdict != result.Unknown && r.Verdict != result.Error:
	case h.Run.Imported == "" && (h.Run.Incomplete != "" || h.Torn != "" || len(h.Missing) > 0):
		out = append(out, "What to do: run it again, to its end; the command stands below. What is shown here is what had been written by then.")
	}
	return out
}

// sentence makes one of a reason.
func sentence(s string) string { return words.Capital(strings.TrimSuffix(s, ".")) + "." }

// setup is what was asked for. A fault's line may begin with its number, which its name has already.
func setup(run *history.Run) []history.KV {
	var out []history.KV
	for _, kv := range run.Setup {
		var n int
		if _, err := fmt.Sscanf(kv.K, "fault %d", &n); err == nil {
			kv.V = strings.TrimPrefix(kv.V, fmt.Sprintf("%d. ", n))
		}
		out = append(out, kv)
	}
	for _, r := range run.Replaced {
		out = append(out, history.KV{K: "replaced, " + r.Where, V: r.Line + "\nthe run has its own: " + r.Why})
	}
	return out
}

// commands are the ways to run it again.
func commands(run *history.Run) []history.KV {
	var out []history.KV
	if run.Command != "" {
		out = append(out, history.KV{K: "Run it again", V: run.Command})
	}
	if run.Test != "" {
		out = append(out, history.KV{K: "As a test", V: run.Test})
	}
	return out
}
