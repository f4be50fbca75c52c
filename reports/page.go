package reports

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

//go:embed assets
var assets embed.FS

// frame is what every page has: its style and scripts, and the policy that admits these and nothing else.
type frame struct {
	Style, Theme, Script, Marks template.HTML
	CSP                         string
}

func newFrame(script string) (frame, error) {
	css, err := assets.ReadFile("assets/style.css")
	if err != nil {
		return frame{}, fmt.Errorf("read style: %w", err)
	}
	theme, err := assets.ReadFile("assets/theme.js")
	if err != nil {
		return frame{}, fmt.Errorf("read script: %w", err)
	}
	js, err := assets.ReadFile("assets/" + script)
	if err != nil {
		return frame{}, fmt.Errorf("read script: %w", err)
	}
	marks, err := assets.ReadFile("assets/marks.svg")
	if err != nil {
		return frame{}, fmt.Errorf("read marks: %w", err)
	}
	return frame{
		Style:  template.HTML("<style>" + string(css) + "</style>"),
		Theme:  template.HTML("<script>" + string(theme) + "</script>"),
		Script: template.HTML("<script>" + string(js) + "</script>"),
		Marks:  template.HTML(marks),
		CSP: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s' 'sha256-%s'; base-uri 'none'; form-action 'none'",
			digest(css), digest(theme), digest(js)),
	}, nil
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

// page is a run's page, section by section. A section without data stays empty and is left out.
type page struct {
	frame
	Run      *history.Run
	Result   *checker.Result
	Title    string
	Server   string
	Mark     verdictMark
	Tag      string
	Why      template.HTML
	Bounds   template.HTML
	Notices  []string
	Picture  template.HTML
	Setup    []history.KV
	Figures  []figure
	Stale    *table
	Account  *table
	Sums     string
	Commands []history.KV
	Nav      []navLink
	Promises []promiseRow
	PromNote string
	Shows    template.HTML
	Axis     template.HTML
	Lanes    []lane
	Zooms    []zoomButton
	TimeNote string
	Tables   []*table // of the timeline
	Failover *failoverView
	Wits     []witnessView
	Checks   []*table
	Panels   []panel
	VisTable []*table
	Env      []*table
	Facts    []facts
	Plan     *table
	Files    []fileLink
	Data     template.HTML
}

type navLink struct{ ID, Name string }

type zoomButton struct {
	From, To, Label string
	at              int64
}

// Run writes a run's page. files are paths relative to the page of what can be downloaded beside it.
func Run(w io.Writer, h *history.History, a *checker.Analysis, files []string) error {
	fr, err := newFrame("report.js")
	if err != nil {
		return err
	}
	t := newTimeline(h, a)
	r := &a.Result
	p := &page{frame: fr, Run: &h.Run, Result: r, Server: serverName(&h.Run), Mark: markOf(r.Verdict, r.Weakness)}
	p.Title = title(&h.Run, r)
	p.Tag = promiseTally(r)
	p.Why, p.Bounds = inline(r.Why), inline(asCode(r.Bounds))
	p.Notices = notices(h, r)
	p.Picture = t.picture()
	p.Setup = setup(&h.Run)
	p.Figures = t.figures()
	p.Stale, p.Account, p.Sums = t.staleTable(), accountTable(r), lossSums(h, r)
	p.Commands = commands(&h.Run)
	p.Promises, p.PromNote = promiseRows(h, r), promiseNote(r)
	p.Shows = showsLine(r)
	var all []*series
	p.Lanes, all = t.lanes()
	p.Axis = t.axis().done()
	p.Zooms = t.zooms()
	p.TimeNote = t.note()
	p.Tables = t.tables(all)
	p.Failover = t.failover()
	p.Wits = t.witnesses()
	p.Checks = checkTables(h, r)
	p.Panels, p.VisTable = t.visibility()
	p.Env, p.Facts, p.Plan = environment(h, r)
	p.Files = downloads(files)
	if p.Data, err = t.data(all); err != nil {
		return err
	}
	p.Nav = p.nav()
	tmpl, err := template.New("").Funcs(funcs()).ParseFS(assets, "assets/*.tmpl")
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	var b bytes.Buffer
	if err := tmpl.ExecuteTemplate(&b, "report.tmpl", p); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func funcs() template.FuncMap {
	return template.FuncMap{"upper": upper, "moment": moment, "mark": func(id string) template.HTML {
		return template.HTML(`<svg class="mk" width="16" height="16" aria-hidden="true"><use href="#m-` + id + `"/></svg>`)
	}}
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
	add(len(p.Checks) > 0, "checks", "Consistency")
	add(len(p.Panels) > 0, "visibility", "Visibility and staleness")
	add(true, "environment", "Environment")
	add(len(p.Files) > 0, "downloads", "Downloads")
	return out
}

// verdictMark is a verdict's sign: a shape, a colour, a character and a word, since none alone reaches everybody.
type verdictMark struct{ ID, Class, Char, Word string }

func markOf(v checker.Verdict, weakness bool) verdictMark {
	switch {
	case v == checker.Violation:
		return verdictMark{"bad", "v-bad", "✕", "Violation"}
	case v == checker.Unknown:
		return verdictMark{"und", "v-und", "?", "Unknown"}
	case v == checker.Error:
		return verdictMark{"err", "v-err", "!", "Error"}
	case weakness:
		return verdictMark{"old", "v-old", "☒", "Pass, weakness shown"}
	}
	return verdictMark{"ok", "v-ok", "✓", "Pass"}
}

func title(run *history.Run, r *checker.Result) string {
	m := markOf(r.Verdict, r.Weakness)
	return fmt.Sprintf("%s %s, %s: %s | schism", m.Char, run.Scenario, serverName(run), strings.TrimSuffix(r.Headline, "."))
}

func promiseTally(r *checker.Result) string {
	n := map[checker.Status]int{}
	for _, p := range r.Promises {
		n[p.Status]++
	}
	switch {
	case len(r.Promises) == 0:
		return ""
	case n[checker.Kept] == len(r.Promises):
		return fmt.Sprintf("all %d promises kept", len(r.Promises))
	}
	var parts []string
	for _, s := range []checker.Status{checker.Broken, checker.Undecided, checker.Kept} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	return strings.Replace(strings.Join(parts, ", "), parts[0], fmt.Sprintf("%d of %d promises %s", firstCount(n), len(r.Promises), strings.Fields(parts[0])[1]), 1)
}

func firstCount(n map[checker.Status]int) int {
	for _, s := range []checker.Status{checker.Broken, checker.Undecided, checker.Kept} {
		if n[s] > 0 {
			return n[s]
		}
	}
	return 0
}

// typed matches what one types: a configuration's name, a command.
var typed = regexp.MustCompile(`\b(min-replicas-(to-write|max-lag)|down-after(-milliseconds)?|append(only|fsync)|replica-[a-z]+(-[a-z]+)*|split-brain-min-replicas|WAIT(AOF)?|REPLICAOF|DEBUG SLEEP)\b`)

// asCode puts what one types into backticks, unless a sentence has some already.
func asCode(s string) string {
	if strings.Contains(s, "`") {
		return s
	}
	return typed.ReplaceAllString(s, "`$0`")
}

// inline escapes a sentence and sets what stands in backticks as code.
func inline(s string) template.HTML {
	parts := strings.Split(s, "`")
	if len(parts)%2 == 0 {
		return template.HTML(esc(s))
	}
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 1 {
			b.WriteString("<code>" + esc(p) + "</code>")
		} else {
			b.WriteString(esc(p))
		}
	}
	return template.HTML(b.String())
}

// notices are what stands against taking the run at face value.
func notices(h *history.History, r *checker.Result) []string {
	var out []string
	said := r.Headline
	add := func(s string) {
		if !strings.Contains(said, strings.TrimSuffix(s, ".")) {
			out = append(out, sentence(s))
		}
		said += " " + s
	}
	if h.Run.Incomplete != "" {
		said += " the run is incomplete: " + h.Run.Incomplete
		if !strings.Contains(r.Headline, h.Run.Incomplete) {
			out = append(out, "This run is incomplete: "+h.Run.Incomplete+".")
		}
	}
	for _, reason := range reasons(r) {
		add(reason)
	}
	if h.Cut > 0 {
		out = append(out, "The history ends at "+at(h.Cut)+", before the run did: writes in flight there count as unknown.")
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
	case r.Verdict != checker.Unknown && r.Verdict != checker.Error:
	case h.Run.Imported == "" && (h.Run.Incomplete != "" || h.Torn != "" || len(h.Missing) > 0):
		out = append(out, "What to do: run it again, to its end; the command stands below. What is shown here was judged from what had been written by then.")
	}
	return out
}

// reasons are those of an unknown or an error. Promises that are not decided stand in a table of their own, so that they are there is said once.
func reasons(r *checker.Result) []string {
	var out []string
	undecided := false
	for _, s := range r.Reasons {
		if strings.HasPrefix(s, "not decided: ") {
			undecided = true
			continue
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return r.Reasons
	}
	if undecided {
		out = append(out, "promises are not decided, as listed below")
	}
	return out
}

// sentence makes one of a reason.
func sentence(s string) string { return upper(strings.TrimSuffix(s, ".")) + "." }

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
	return out
}

// commands are the ways to run it again.
func commands(run *history.Run) []history.KV {
	var out []history.KV
	if run.Command != "" {
		out = append(out, history.KV{K: "Run it again", V: run.Command})
	}
	if run.Imported == "" && run.Server != "" && run.Scenario != "" {
		out = append(out, history.KV{K: "As a test", V: fmt.Sprintf("go test -run 'TestScenario/%s$/%s/seed=%d$' .", run.Scenario, run.Server, run.Seed)})
	}
	return out
}

// data is what the script needs: the binned series, coarse and fine, and the events.
func (t *timeline) data(all []*series) (template.HTML, error) {
	type js struct {
		Unit string `json:"u"`
		C    string `json:"c"`
		F    string `json:"f"`
		Step string `json:"s"`
	}
	d := struct {
		T0, T1, Step string
		Series       map[string]js
		Events       [][2]string
	}{secs(t.t0), secs(t.t1), secs(t.coarse), map[string]js{}, nil}
	for _, s := range all {
		d.Series[s.key] = js{s.unit, pack(s.coarse), pack(s.fine), secs(s.step)}
	}
	for i, m := range t.marks {
		if i == 2000 {
			break
		}
		d.Events = append(d.Events, [2]string{secs(m.t), m.label})
	}
	b, err := json.Marshal(d) // escapes <, > and &, so it cannot end its element
	if err != nil {
		return "", fmt.Errorf("encode page data: %w", err)
	}
	return template.HTML(`<script type="application/json" id="data">` + string(b) + `</script>`), nil
}
