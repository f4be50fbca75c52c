package charts

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"sort"
	"strings"

	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// StaleTable is the staleness of reads by node over the whole run, with and without the lost writes where there are any.
func (t *Timeline) StaleTable() *frame.Table {
	out := &frame.Table{Title: "Staleness of reads, by node", Head: frame.Heads("Node", ">Reads", ">Fresh", ">p50", ">p99", ">Max", ">Max, versions")}
	surviving := t.surviving
	if surviving {
		out.Head = append(out.Head[:6], append(frame.Heads(">Fresh, of what survived", ">p99", ">Max"), out.Head[6:]...)...)
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
			name = sentences.Node(&t.h.Run, s.Node)
		} else if len(t.a.Result.Staleness) == 2 {
			continue
		}
		cells := []string{name, words.Count(s.Reads), fresh(&s.Ages, s.Reads), words.Between(s.P50, s.P50Most), words.Between(s.P99, s.P99Most), words.Between(s.Max, s.MaxMost)}
		if surviving {
			k := t.shownAges(s)
			cells = append(cells, fresh(k, s.Reads), words.Between(k.P99, k.P99Most), words.Between(k.Max, k.MaxMost))
		}
		out.Row(append(cells, words.Ends(words.Count(s.Versions), words.Count(s.VersionsMost)))...)
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
func (t *Timeline) roleStory(n int32) string {
	var parts []string
	last := ""
	for _, r := range t.roles(n) {
		what := r.state
		if what == "deposed" || what == "replica" || what == "master" {
			if what != last {
				if len(parts) > 0 {
					parts = append(parts, fmt.Sprintf("%s from %s", what, strings.ReplaceAll(words.AtShort(r.from), " ", "\u00a0"))) // unbroken in a narrow cell
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

// Tables are the timeline's lanes as numbers, and its events.
func (t *Timeline) Tables(all []*Series) []*frame.Table {
	var out []*frame.Table
	if tb := t.laneTable(all); tb != nil {
		out = append(out, tb)
	}
	roles := &frame.Table{Title: "Roles", CSV: "roles", Head: frame.Heads("Node", ">From", ">To", "State")}
	for _, n := range t.serverNodes() {
		for _, r := range t.roles(n) {
			if len(roles.Rows) < 400 {
				roles.Row(sentences.Node(&t.h.Run, n), words.At(r.from), words.At(r.to), r.text)
			}
		}
	}
	if len(roles.Rows) > 0 {
		out = append(out, roles)
	}
	evs := &frame.Table{Title: "Events", CSV: "events", Head: frame.Heads(">Time", "What happened")}
	for _, m := range t.marks {
		if len(evs.Rows) < 600 {
			evs.Row(words.At(m.t), m.label)
		}
	}
	if len(evs.Rows) > 0 {
		out = append(out, evs)
	}
	return out
}

// laneTable sums the coarse bins up to at most some 120 rows of a round length.
func (t *Timeline) laneTable(all []*Series) *frame.Table {
	if len(all) == 0 {
		return nil
	}
	step := nice((t.t1-t.t0)/120, 1e9)
	if t.t1-t.t0 < 20e9 {
		step = max(t.coarse, nice((t.t1-t.t0)/60, 1e7))
	}
	per := int(max(1, step/t.coarse))
	tb := &frame.Table{Title: "Lanes, every " + words.Duration(int64(per)*t.coarse), CSV: "lanes", Head: frame.Heads("From")}
	for _, s := range all {
		tb.Head = append(tb.Head, frame.Column{Name: t.seriesName(s), Right: true})
	}
	for i := 0; i < t.bins(t.coarse); i += per {
		row := []frame.Cell{{Text: words.At(t.t0 + int64(i)*t.coarse)}}
		for _, s := range all {
			row = append(row, frame.Cell{Text: aggregate(s, i, min(i+per, len(s.coarse))), Right: true})
		}
		tb.Rows = append(tb.Rows, row)
	}
	return tb
}

func aggregate(s *Series, from, to int) string {
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
		return words.Count(int64(sum))
	case n == 0:
		return words.Dash
	case s.unit == "bytes":
		return words.Size(int64(top))
	}
	return words.Duration(int64(top * 1e3))
}

func (t *Timeline) seriesName(s *Series) string {
	if n, ok := map[string]string{"ws": "survived", "wl": "lost", "p50": "ok p50", "p99": "ok p99", "in": "info", "fl": "fail"}[s.key]; ok {
		switch w := &t.a.Result.Writes; {
		case s.key == "ws" && !w.Known:
			return "acknowledged"
		case s.key == "ws" && w.Masked > 0:
			return "not known to be lost"
		}
		return n
	}
	var n int32
	_, _ = fmt.Sscanf(s.key[1:], "%d", &n)
	return sentences.Node(&t.h.Run, n) + map[byte]string{'s': " staleness", 'l': " lag", 'b': " own branch", 'd': " staleness, deposed"}[s.key[0]]
}

// Zoom is a button of the timeline that shows one stretch of it.
type Zoom struct {
	From, To, Label string
	at              int64
}

// Zooms are the buttons of the timeline: the whole run, around each failover, around the end of two masters.
func (t *Timeline) Zooms() []Zoom {
	clampTo := func(a, b int64, name string) Zoom {
		a, b = max(a, t.t0), min(b, t.t1)
		return Zoom{secs(a), secs(b), fmt.Sprintf("%s, %s to %s s", name, words.Trim(fmt.Sprintf("%.0f", float64(a)/1e9)), words.Trim(fmt.Sprintf("%.0f", float64(b)/1e9))), a}
	}
	out := []Zoom{{secs(t.t0), secs(t.t1), "Whole run", t.t0}}
	for _, f := range t.a.Result.Failovers {
		from := f.T - 3e9
		if len(f.Steps) > 0 {
			from = max(f.Steps[0].T, f.T-10e9) - 1e9
		}
		out = append(out, clampTo(from, f.T+3e9, "Failover"))
	}
	if len(t.a.Result.Failovers) == 0 {
		for _, b := range t.bands {
			out = append(out, clampTo(b.from-1e9, b.from+4e9, words.Capital(b.kind)))
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

// Note says what the axis shows.
func (t *Timeline) Note() string {
	s := "Seconds on the run’s one clock. All lanes share the axis."
	if t.h.Run.Imported != "" {
		s = "Imported: the clock is the history’s own. All lanes share the axis."
	}
	return s
}

// Data is what the script needs: the binned series, coarse and fine, and the events.
func (t *Timeline) Data(all []*Series) (template.HTML, error) {
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
