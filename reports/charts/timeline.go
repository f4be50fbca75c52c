// Package charts draws what a history holds: the timeline and all that lies on it, as SVG with the words that say the same.
package charts

import (
	"fmt"
	"html/template"
	"math"
	"sort"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// Timeline is the one time axis of the page and what crosses all its lanes.
type Timeline struct {
	h      *history.History
	a      *result.Analysis
	t0, t1 int64 // ns
	bands  []band
	marks  []mark
	coarse int64 // ns a bin over the whole run
	fine   int64 // ns a bin when zoomed in
	// surviving: staleness is shown without the lost writes.
	surviving bool
}

// band is the time of one fault, from its effect to its heal.
type band struct {
	from, to int64
	edge     bool // a moment, not a span
	label    string
	kind     string
	id       int
}

// mark is one event; those with line set cross all lanes.
type mark struct {
	t     int64
	label string
	key   bool // labelled in the top lane
	line  bool
}

// New reads what crosses the axis of a run.
func New(h *history.History, a *result.Analysis) *Timeline {
	t := &Timeline{h: h, a: a, t1: h.End}
	t.surviving = t.ofSurviving()
	for _, e := range h.Events {
		if e.Kind == history.EvPhase && e.Name == history.PhaseFinalEnd {
			t.t1 = e.T
		}
	}
	first := int64(math.MaxInt64)
	for i := range h.Ops.Len() {
		first = min(first, h.Ops.Call[i])
	}
	for _, e := range h.Events {
		if e.Kind == history.EvPhase && e.Name == history.PhaseLoad {
			first = min(first, e.T)
		}
	}
	if first != math.MaxInt64 && (first > 1e9 || first < 0) {
		t.t0 = first - mod(first, 1e8)
	}
	if t.t1 <= t.t0 {
		t.t1 = t.t0 + 1e9
	}
	span := t.t1 - t.t0
	t.coarse = nice(span/300, 5e6)
	t.fine = min(nice(span/10000, 10e6), t.coarse)
	t.findBands()
	t.findMarks()
	return t
}

func mod(a, m int64) int64 { return ((a % m) + m) % m }

// nice rounds up to 1, 2 or 5 times a power of ten, at least least.
func nice(v, least int64) int64 {
	p := int64(1)
	for p <= v/10 {
		p *= 10
	}
	for _, m := range []int64{1, 2, 5, 10} {
		if p*m >= v {
			return max(p*m, least)
		}
	}
	return max(v, least)
}

// clamp brings a moment onto the axis.
func (t *Timeline) clamp(x int64) int64 { return min(max(x, t.t0), t.t1) }

func (t *Timeline) pct(x int64) float64 {
	return float64(x-t.t0) / float64(t.t1-t.t0) * 100
}

// unit is x in the paths' unit, a tenth of a second from the start of the axis.
func (t *Timeline) unit(x int64) float64 { return float64(x-t.t0) / 1e8 }

func (t *Timeline) findBands() {
	for _, f := range t.h.Faults {
		if f.Effect == 0 {
			continue
		}
		b := band{from: f.Effect, to: f.Healed, kind: f.Kind, id: f.ID, label: fmt.Sprintf("fault %d: %s", f.ID, sentences.Fault(f))}
		switch {
		case f.Permanent:
			b.edge = true
		case b.to == 0:
			b.to = t.t1
		}
		t.bands = append(t.bands, b)
	}
}

func (t *Timeline) findMarks() {
	add := func(at int64, label string, key, line bool) {
		if at >= t.t0 && at <= t.t1 {
			t.marks = append(t.marks, mark{at, label, key, line})
		}
	}
	run := &t.h.Run
	for _, f := range t.h.Faults {
		if f.Effect > 0 {
			add(f.Effect, fmt.Sprintf("%s takes effect", f.Kind), false, false) // its fault has a label there
		}
		if f.Healed > 0 && !f.Permanent {
			add(f.Healed, fmt.Sprintf("%s healed", f.Kind), true, false)
		}
	}
	for _, f := range t.a.Result.Failovers {
		add(f.T, sentences.Node(run, f.New)+" promoted", true, true)
	}
	for _, r := range t.a.Result.Masters.Spans {
		if !r.Rightful && r.To < t.t1-2e8 {
			add(r.To, sentences.Node(run, r.Node)+" gives way", true, true)
		}
	}
	for _, e := range t.h.Events {
		who := sentences.Node(run, e.Node)
		switch {
		case e.Kind == history.EvPhase && e.Name == history.PhaseLoadEnd:
			if a := run.Attached; a == nil || a.Load { // else the axis ends there
				add(e.T, "load ends", true, false)
			}
		case e.Kind == history.EvPhase && e.Name == history.PhaseBarrier:
			add(e.T, "barrier held", true, false)
		case e.Kind == history.EvPhase && e.Name == history.PhaseNoBarr:
			add(e.T, "no barrier", true, false)
		case e.Kind == history.EvLog && e.Name == history.LogBuffer: // a loop of them would hide all else
		case e.Kind == history.EvLog && e.Name != "warning":
			add(e.T, who+": "+e.Name, true, false)
		case e.Kind == history.EvPhase:
		case e.Kind == history.EvNote:
			add(e.T, strings.TrimSpace(e.Name+" "+words.Clip(e.Text, 60)), false, false)
		default:
			add(e.T, words.Clip(strings.TrimSpace(who+" "+e.Name+" "+e.Text), 90), false, false)
		}
	}
	sort.SliceStable(t.marks, func(i, j int) bool { return t.marks[i].t < t.marks[j].t })
}

// ground draws what crosses every lane: fault bands, their edges, and the events that change who is master.
func (t *Timeline) ground(s *svg, h float64) {
	for _, b := range t.bands {
		if !b.edge {
			t.span(s, b.from, b.to, 0, h, "fb")
			t.tline(s, b.to, 0, h, "fe")
		}
		t.tline(s, b.from, 0, h, "fe")
	}
	for _, m := range t.marks {
		if m.line {
			t.tline(s, m.t, 0, h, "ev")
		}
	}
}

// secs writes a moment for the script: s with µs.
func secs(ns int64) string { return words.Trim(fmt.Sprintf("%.6f", float64(ns)/1e9)) }

// span is a rectangle in time that follows the zoom.
func (t *Timeline) span(s *svg, a, b int64, y, h float64, cls string) {
	s.printf(`<rect x="%s%%" width="%s%%" y="%s" height="%s"%s data-a="%s" data-b="%s"/>`, f2(t.pct(a)), f2(max(0, t.pct(b)-t.pct(a))), f1(y), f1(h), class(cls), secs(a), secs(b))
}

func (t *Timeline) tline(s *svg, at int64, y1, y2 float64, cls string) {
	x := f2(t.pct(at))
	s.printf(`<line x1="%s%%" x2="%s%%" y1="%s" y2="%s"%s data-t="%s"/>`, x, x, f1(y1), f1(y2), class(cls), secs(at))
}

// ttext is a label at a moment. It turns to the other side of it near the end of the axis.
func (t *Timeline) ttext(s *svg, at int64, y float64, l label, txt string) {
	if l.anchor == "" && (100-t.pct(at))/100*plotWide < px(txt) {
		l.anchor, l.dx = "end", -l.dx
	}
	l.attrs += ` data-t="` + secs(at) + `"`
	s.text(t.pct(at), y, l, txt)
}

// within is a label inside of a span: shown where it fits, and anew at each zoom.
func (t *Timeline) within(s *svg, a, b int64, y float64, cls, txt string) {
	room := (t.pct(b) - t.pct(a)) / 100
	switch need := px(txt); {
	case room*plotWide < need:
		cls += " hid"
	case room*plotNarrow < need:
		cls += " wide"
	}
	s.text(t.pct(a), y, label{cls: strings.TrimSpace(cls), dx: 4, attrs: fmt.Sprintf(` data-a="%s" data-b="%s"`, secs(a), secs(b))}, txt)
}

// ticks are the places of the axis' labels.
func (t *Timeline) ticks(count int) []int64 {
	step := nice((t.t1-t.t0)/int64(count), 1e6)
	var out []int64
	for x := t.t0 + mod(-t.t0, step); x <= t.t1; x += step {
		out = append(out, x)
	}
	return out
}

// tick writes a moment on the axis.
func tick(ns int64) string {
	if ns == 0 {
		return "0"
	}
	return words.Trim(fmt.Sprintf("%.3f", float64(ns)/1e9)) + " s"
}

// Axis draws the labels of the time axis; a phone shows every third.
func (t *Timeline) Axis() template.HTML {
	s := newSVG(22, "")
	for i, x := range t.ticks(11) {
		l := label{anchor: "middle"}
		switch p := t.pct(x); {
		case p < 1:
			l.anchor = ""
		case p > 98:
			l.anchor = "end"
		}
		if i%3 != 0 {
			l.cls = "wide"
		}
		s.text(t.pct(x), 15, l, tick(x))
	}
	return s.done()
}
