package reports

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

// table is any table of the page; its first column names the row.
type table struct {
	Title string // also its caption
	Note  string
	CSV   string // file name; empty: no button
	Head  []column
	Rows  [][]cell
}

type column struct {
	Name  string
	Right bool
}

// cell is text, escaped by the template.
type cell struct {
	Text  string
	Small string // a second line
	Class string // bad, b, m (mono)
	Right bool
}

func heads(names ...string) []column {
	var out []column
	for _, n := range names {
		out = append(out, column{strings.TrimPrefix(n, ">"), strings.HasPrefix(n, ">")})
	}
	return out
}

// row adds a row of plain cells.
func (t *table) row(texts ...string) {
	var cells []cell
	for i, s := range texts {
		cells = append(cells, cell{Text: s, Right: i < len(t.Head) && t.Head[i].Right})
	}
	t.Rows = append(t.Rows, cells)
}

// mark gives the last row's cell a class.
func (t *table) mark(col int, cls string) { t.Rows[len(t.Rows)-1][col].Class = cls }

// staleTable is the staleness of reads by node over the whole run, with and without the lost writes where there are any.
func (t *timeline) staleTable() *table {
	out := &table{Title: "Staleness of reads, by node", Head: heads("Node", ">Reads", ">Fresh", ">p50", ">p99", ">Max", ">Max, versions")}
	surviving := t.surviving
	if surviving {
		out.Head = append(out.Head[:6], append(heads(">Fresh, of what survived", ">p99", ">Max"), out.Head[6:]...)...)
		out.Note = "The first figures take every acknowledged write for good. Those of what survived leave the lost writes out, as the timeline and the histogram do: a read of lost data is then as old as what it stands on."
	}
	for i := range t.a.Result.Staleness {
		s := &t.a.Result.Staleness[i]
		if s.Window != "" || s.Reads == 0 {
			continue
		}
		if s.KeptWhy != "" && t.lossy() {
			out.Note = "Lost writes count too, as in the timeline and the histogram: " + s.KeptWhy + ". After a loss every later read looks ever more stale."
		}
		name := "all replicas"
		if s.Node >= 0 {
			name = nodeName(&t.h.Run, s.Node)
		} else if len(t.a.Result.Staleness) == 2 {
			continue
		}
		versions := num(s.Versions)
		if !s.Exact && s.Versions > 0 {
			versions = "≥ " + versions
		}
		cells := []string{name, num(s.Reads), fresh(&s.Ages, s.Reads), between(s.P50, s.P50Most), between(s.P99, s.P99Most), between(s.Max, s.MaxMost)}
		if surviving {
			k := t.shownAges(s)
			cells = append(cells, fresh(k, s.Reads), between(k.P99, k.P99Most), between(k.Max, k.MaxMost))
		}
		out.row(append(cells, versions)...)
		if s.Node >= 0 {
			out.Rows[len(out.Rows)-1][0].Small = t.roleStory(s.Node)
		}
	}
	if len(out.Rows) == 0 {
		return nil
	}
	return out
}

// roleStory tells a node's roles in a few words: master until 40.3 s, then replica.
func (t *timeline) roleStory(n int32) string {
	var parts []string
	last := ""
	for _, r := range t.roles(n) {
		what := r.state
		if what == "deposed" || what == "replica" || what == "master" {
			if what != last {
				if len(parts) > 0 {
					parts = append(parts, fmt.Sprintf("%s from %s", what, atShort(r.from)))
				} else {
					parts = append(parts, what)
				}
			}
			last = what
		}
	}
	if len(parts) > 3 {
		parts = append(parts[:3], "…")
	}
	return strings.Join(parts, ", ")
}

// accountTable accounts for every write: what was replied, and where it was found.
func accountTable(r *checker.Result) *table {
	w := &r.Writes
	if w.Attempted == 0 {
		return nil
	}
	if !w.Known {
		t := &table{Title: "Every write by its reply", Head: heads("Reply", ">Total")}
		t.row("ok", num(w.Acked))
		t.row("info: timeout, connection cut", num(r.Counts.Info))
		t.row("fail: not executed", num(r.Counts.Fail))
		return t
	}
	t := &table{Title: "Every write accounted for", Head: heads("Reply", ">Total", ">In the final read", ">Seen, then gone", ">Never seen")}
	lostUnseen := w.Lost - w.LostAfterVisible
	t.row("ok", num(w.Acked), num(w.Survived)+" survived", num(w.LostAfterVisible)+" lost", num(lostUnseen)+" lost")
	if w.LostAfterVisible > 0 {
		t.mark(3, "bad")
	}
	if lostUnseen > 0 {
		t.mark(4, "bad")
	}
	if w.Masked > 0 {
		t.Rows[0][1].Small = num(w.Masked) + " cannot be told"
	}
	info := w.Recovered + w.HappenedThenLost + w.Indeterminate
	t.row("info", num(info), num(w.Recovered)+" recovered", num(w.HappenedThenLost)+" happened, lost", num(w.Indeterminate)+" indeterminate")
	t.Rows[1][0].Small = "timeout, cut off"
	t.row("fail", num(w.Failed+w.AbortedRead), "0", num(w.AbortedRead)+" aborted reads", num(w.Failed)+" correct")
	t.Rows[2][0].Small = "not executed"
	if w.AbortedRead > 0 {
		t.mark(3, "bad")
	}
	return t
}

// checkTables are what the consistency checkers counted.
func checkTables(h *history.History, r *checker.Result) []*table {
	var out []*table
	if len(r.Registers) > 0 {
		t := &table{Title: "Linearizability of registers", Head: heads("Reads", ">Keys", ">Values", ">In conflict", ">Forks", ">Gamma", ">k at least", "Second opinion")}
		for _, l := range r.Registers {
			k := dash
			if l.K >= 0 {
				k = num(l.K)
			}
			note := l.Porcupine
			if l.Undecided != "" {
				note = "undecided: " + l.Undecided
			}
			if note == "" {
				note = dash
			}
			t.row(l.Scope, num(int64(l.Keys)), num(l.Values), num(l.Conflicts), num(l.Forks), words(l.Gamma), k, note)
			if l.BadKeys > 0 {
				t.Rows[len(t.Rows)-1][3].Small = "in " + plural(int64(l.BadKeys), "key", "keys") + ", for " + words(l.Overlap) + " in all"
			}
		}
		out = append(out, t)
	}
	if len(r.Sessions) > 0 {
		t := &table{Title: "Session guarantees", Head: heads("Guarantee", "Reads", ">Checked", ">Broken", ">Worst")}
		for _, s := range r.Sessions {
			worst := dash
			if s.Breaks > 0 {
				worst = words(s.Worst)
			}
			t.row(strings.ReplaceAll(s.Name, "_", " "), s.Scope, num(s.Checked), num(s.Breaks), worst)
		}
		out = append(out, t)
	}
	if len(r.Findings) > 0 {
		t := &table{Title: "Findings", Head: heads("Class", "Seen by", ">Count", ">Bugs", "First of them")}
		for _, f := range r.Findings {
			count, text := num(f.Count), f.Text
			if f.Undecided != "" {
				count, text = "≥ "+count, "undecided: "+f.Undecided
			}
			scope := f.Scope
			if scope == "" {
				scope = dash
			}
			t.row(f.Class, scope, count, num(f.Bugs), text)
			if f.Bugs > 0 {
				t.mark(3, "bad")
			}
		}
		out = append(out, t)
	}
	if len(r.Unclaimed) > 0 {
		t := &table{Title: "Operations that nobody judges", Head: heads("Function", ">Count", "Why")}
		for _, u := range r.Unclaimed {
			t.row(u.F, num(u.Count), u.Why)
		}
		out = append(out, t)
	}
	if len(r.Collections) > 0 {
		t := &table{Title: "Elements as whole reads tell them", Head: heads("Kind", ">Elements", ">Stable", ">Stale", ">Missing at last", ">Never read", ">Stable after, p99", ">Longest")}
		for _, c := range r.Collections {
			t.row(c.Kind, num(c.Elements), num(c.Stable), num(c.Stale), num(c.Lost), num(c.NeverRead), words(c.StableP99), words(c.StableMax))
		}
		out = append(out, t)
	}
	if c := &r.Convergence; len(c.Sample) > 0 {
		t := &table{Title: fmt.Sprintf("Keys that differ between nodes: %s of %s", num(int64(len(c.Sample))), num(c.Divergent)), Head: heads("Key", "Node", "Holds")}
		for _, k := range c.Sample {
			for i, n := range k.Nodes {
				key, holds := k.Key, ""
				if i > 0 {
					key = ""
				}
				if i < len(k.Text) {
					holds = clip(k.Text[i], 160)
				}
				t.row(key, nodeName(&h.Run, n), holds)
			}
		}
		out = append(out, t)
	}
	return out
}

// tables are the timeline's lanes as numbers, and its events.
func (t *timeline) tables(all []*series) []*table {
	var out []*table
	if tb := t.laneTable(all); tb != nil {
		out = append(out, tb)
	}
	roles := &table{Title: "Roles", CSV: "roles", Head: heads("Node", ">From", ">To", "State")}
	for _, n := range t.serverNodes() {
		for _, r := range t.roles(n) {
			if len(roles.Rows) < 400 {
				roles.row(nodeName(&t.h.Run, n), at(r.from), at(r.to), r.text)
			}
		}
	}
	if len(roles.Rows) > 0 {
		out = append(out, roles)
	}
	evs := &table{Title: "Events", CSV: "events", Head: heads(">Time", "What happened")}
	for _, m := range t.marks {
		if len(evs.Rows) < 600 {
			evs.row(at(m.t), m.label)
		}
	}
	if len(evs.Rows) > 0 {
		out = append(out, evs)
	}
	return out
}

// laneTable sums the coarse bins up to at most some 120 rows of a round length.
func (t *timeline) laneTable(all []*series) *table {
	if len(all) == 0 {
		return nil
	}
	step := nice((t.t1-t.t0)/120, 1e9)
	if t.t1-t.t0 < 20e9 {
		step = max(t.coarse, nice((t.t1-t.t0)/60, 1e7))
	}
	per := int(max(1, step/t.coarse))
	tb := &table{Title: "Lanes, every " + words(int64(per)*t.coarse), CSV: "lanes", Head: heads("From")}
	for _, s := range all {
		tb.Head = append(tb.Head, column{t.seriesName(s), true})
	}
	for i := 0; i < t.bins(t.coarse); i += per {
		row := []cell{{Text: at(t.t0 + int64(i)*t.coarse)}}
		for _, s := range all {
			row = append(row, cell{Text: aggregate(s, i, min(i+per, len(s.coarse))), Right: true})
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb
}

func aggregate(s *series, from, to int) string {
	sum, top, n := 0.0, 0.0, 0
	for _, v := range s.coarse[min(from, to):to] {
		if !math.IsNaN(v) {
			sum += v
			top = max(top, v)
			n++
		}
	}
	switch {
	case s.unit == "rate" || s.unit == "count":
		return num(int64(sum))
	case n == 0:
		return dash
	case s.unit == "bytes":
		return size(int64(top))
	}
	return words(int64(top * 1e3))
}

func (t *timeline) seriesName(s *series) string {
	if n, ok := map[string]string{"ws": "survived", "wl": "lost", "p50": "ok p50", "p99": "ok p99", "in": "info", "fl": "fail"}[s.key]; ok {
		if s.key == "ws" && !t.a.Result.Writes.Known {
			return "acknowledged"
		}
		return n
	}
	var n int32
	_, _ = fmt.Sscanf(s.key[1:], "%d", &n)
	return nodeName(&t.h.Run, n) + map[byte]string{'s': " staleness", 'l': " lag", 'b': " own branch", 'd': " staleness, deposed"}[s.key[0]]
}

// zooms are the buttons of the timeline: the whole run, around each failover, around the end of two masters.
func (t *timeline) zooms() []zoomButton {
	clampTo := func(a, b int64, name string) zoomButton {
		a, b = max(a, t.t0), min(b, t.t1)
		return zoomButton{secs(a), secs(b), fmt.Sprintf("%s, %s to %s s", name, trim(fmt.Sprintf("%.0f", float64(a)/1e9)), trim(fmt.Sprintf("%.0f", float64(b)/1e9))), a}
	}
	out := []zoomButton{{secs(t.t0), secs(t.t1), "Whole run", t.t0}}
	for _, f := range t.a.Result.Failovers {
		from := f.T - 3e9
		if len(f.Steps) > 0 {
			from = max(f.Steps[0].T, f.T-10e9) - 1e9
		}
		out = append(out, clampTo(from, f.T+3e9, "Failover"))
	}
	if len(t.a.Result.Failovers) == 0 {
		for _, b := range t.bands {
			out = append(out, clampTo(b.from-1e9, b.from+4e9, upper(b.kind)))
		}
	}
	for _, s := range t.a.Result.Masters.Spans {
		if !s.Rightful {
			out = append(out, clampTo(s.To-2e9, s.To+2e9, "Demotion"))
		}
	}
	sort.SliceStable(out[1:], func(i, j int) bool { return out[1+i].at < out[1+j].at })
	return out[:min(len(out), 4)]
}

func (t *timeline) note() string {
	s := "Seconds on the run’s one clock. All lanes share the axis."
	if t.h.Run.Imported != "" {
		s = "Imported: the clock is the history’s own. All lanes share the axis."
	}
	return s
}
