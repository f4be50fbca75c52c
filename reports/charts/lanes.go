package charts

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
)

// Lane is one row of the timeline.
type Lane struct {
	ID, Title, Note string
	Legend          []Legend
	Y, Plot         template.HTML
	// Fold is what stands on the lane's fold, empty for one that does not fold; Open: it is not folded at first.
	Fold string
	Open bool
}

// Legend is one line of a lane's key; the script puts the reading at the crosshair where Default stands.
type Legend struct {
	Swatch  template.HTML
	Label   string
	Key     string // of the series, several separated by spaces; empty: no reading
	Default string
}

// Swatch is a square of the given class, stroke a piece of line.
func Swatch(cls string) template.HTML {
	return template.HTML(`<svg class="sw" width="10" height="10" aria-hidden="true"><rect width="10" height="10" class="` + cls + `"/></svg>`)
}

func stroke(cls string) template.HTML {
	return template.HTML(`<svg class="sl" width="18" height="8" aria-hidden="true"><path d="M0 4H18" class="` + cls + `"/></svg>`)
}

// Lanes draws every lane that has data, and collects the series for the script and the table.
func (t *Timeline) Lanes() ([]Lane, []*Series) {
	g := t.gather()
	var ls []Lane
	var all []*Series
	add := func(l Lane, ss []*Series) {
		if l.ID != "" {
			ls = append(ls, l)
			all = append(all, ss...)
		}
	}
	add(t.eventLane(), nil)
	if t.cluster() {
		shards, ss := t.shardLanes()
		ls, all = append(ls, shards...), append(all, ss...)
		add(t.slotLane(), nil)
	} else {
		add(t.roleLane(), nil)
	}
	add(t.writeLane(g))
	add(t.staleLane(g))
	add(t.lagLane())
	add(t.latencyLane(g))
	add(t.availLane(g), nil)
	return ls, all
}

// scale maps values to y. A logarithmic one has a line for a true 0 below its lowest decade.
type scale struct {
	log      bool
	lo, hi   float64 // of a logarithmic one
	top, bot float64 // y of hi and lo
	zero     float64 // y of 0
	perUnit  float64 // px a unit of a linear one, downwards where negative
	most     float64 // where a linear one is cut off; 0: nowhere
}

func (s *scale) y(v float64) float64 {
	if !s.log {
		if s.most > 0 {
			v = min(v, s.most)
		}
		return s.zero - v*s.perUnit
	}
	if v <= 0 {
		return s.zero
	}
	p := (math.Log10(v) - math.Log10(s.lo)) / (math.Log10(s.hi) - math.Log10(s.lo))
	return s.bot - (s.bot-s.top)*min(1, max(0, p))
}

// attr tells the script the same.
func (s *scale) attr() string {
	if s.log {
		return fmt.Sprintf(`log,%s,%s,%s,%s,%s`, f2(math.Log10(s.lo)), f2(math.Log10(s.hi)), f1(s.top), f1(s.bot), f1(s.zero))
	}
	return fmt.Sprintf(`lin,%s,%s,%s`, f1(s.zero), words.Trim(fmt.Sprintf("%.6f", s.perUnit)), f1(s.most))
}

// zoomed opens the part of a lane whose paths are drawn in time units.
func (t *Timeline) zoomed(s *svg, h float64) {
	w := f2(t.unit(t.t1))
	s.printf(`<svg class="z" width="100%%" height="%s" viewBox="0 0 %s %s" preserveAspectRatio="none">`, f1(h), w, f1(h))
}

// gapBins is how many empty bins a line bridges: reads and samples are sparser than bins.
func (t *Timeline) gapBins(step int64) int { return max(1, int(500e6/step)) }

// curve draws a series as a line.
func (t *Timeline) curve(s *svg, sr *Series, sc *scale, cls string) {
	var b strings.Builder
	last := -1 << 30
	gap := t.gapBins(t.coarse)
	for i, v := range sr.coarse {
		if math.IsNaN(v) {
			continue
		}
		cmd := "L"
		if i-last > gap {
			cmd = "M"
		}
		x := float64(i)*float64(t.coarse)/1e8 + float64(t.coarse)/2e8
		if cmd == "M" { // a point alone would be invisible
			fmt.Fprintf(&b, "M%s %sh.4", f2(x), f1(sc.y(v)))
		} else {
			fmt.Fprintf(&b, "L%s %s", f2(x), f1(sc.y(v)))
		}
		last = i
	}
	s.printf(`<path d="%s" class="%s" data-k="%s" data-sc="%s"/>`, b.String(), cls, frame.Esc(sr.key), sc.attr())
}

// area draws a count a bin as steps upon the zero line.
func (t *Timeline) area(s *svg, sr *Series, sc *scale, cls string) {
	var b strings.Builder
	per := float64(t.coarse) / 1e9
	fmt.Fprintf(&b, "M0 %s", f1(sc.zero))
	prev := math.Inf(1)
	for i, v := range sr.coarse {
		y := sc.y(v / per)
		if y != prev {
			fmt.Fprintf(&b, "H%sV%s", f2(float64(i)*float64(t.coarse)/1e8), f1(y))
			prev = y
		}
	}
	fmt.Fprintf(&b, "H%sV%sZ", f2(float64(len(sr.coarse))*float64(t.coarse)/1e8), f1(sc.zero))
	s.printf(`<path d="%s" class="%s" data-k="%s" data-sc="%s" data-area="1"/>`, b.String(), cls, frame.Esc(sr.key), sc.attr())
}

// yaxis writes the labels of a lane's scale.
type ylabel struct {
	y   float64
	txt string
}

func yaxis(h float64, ls []ylabel) template.HTML {
	s := newSVG(h, "")
	for _, l := range ls {
		s.printf(`<text x="42" y="%s" text-anchor="end">%s</text>`, f1(min(h-2, max(9, l.y+4))), frame.Esc(l.txt))
	}
	return s.done()
}

// decades makes a logarithmic scale that holds lo to hi, with a label at every decade or every second one.
func decades(lo, hi, h float64, name func(float64) string) (*scale, []ylabel) {
	l, u := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(max(hi, lo*10)))
	sc := &scale{log: true, lo: math.Pow(10, l), hi: math.Pow(10, u), top: 10, bot: h - 30, zero: h - 8}
	every := 1.0
	for (u-l)/every*22 > sc.bot-sc.top {
		every++
	}
	var ys []ylabel
	for d := u; d >= l; d -= every {
		v := math.Pow(10, d)
		ys = append(ys, ylabel{sc.y(v), name(v)})
	}
	return sc, append(ys, ylabel{sc.zero, "0"})
}

// grid draws the lines of a scale's labels, the last one as the base.
func grid(s *svg, ys []ylabel) {
	for i, y := range ys {
		cls := "grid"
		if i == len(ys)-1 {
			cls = "base"
		}
		s.hline(y.y, cls)
	}
}

// eventLane holds faults and events: labels in rows, wherever they do not run into each other.
func (t *Timeline) eventLane() Lane {
	const row = 16.0
	wide, narrow := t.faultLabels(plotWide, 3), t.faultLabels(plotNarrow, 4)
	eventsWide, eventsNarrow := t.eventLabels(plotWide), t.eventLabels(plotNarrow)
	top := 14 + row*float64(max(rowsOf(wide), rowsOf(narrow)))
	height := top + row*float64(max(rowsOf(eventsWide), rowsOf(eventsNarrow))) + 18
	s := newSVG(height, t.eventSentence())
	t.ground(s, height)
	for _, g := range []struct {
		ls  []laid
		y   float64
		cls string
	}{{wide, 14, "k halo wide"}, {narrow, 14, "k halo narrow"}, {eventsWide, top + 4, "halo wide"}, {eventsNarrow, top + 4, "halo narrow"}} {
		for _, l := range g.ls {
			t.lay(s, l, g.y+row*float64(l.row), g.cls)
		}
	}
	for _, m := range t.marks {
		if m.key {
			t.tline(s, m.t, height-12, height-1, "tk2")
		} else {
			t.tline(s, m.t, height-8, height-1, "tk")
		}
	}
	note := "hatched: a fault is in effect"
	if len(t.bands) == 0 {
		note = "no fault"
	}
	return Lane{ID: "events", Title: "Faults and events", Note: note, Y: yaxis(height, nil), Plot: s.done()}
}

// laid is a label with its place: its row, and whether it stands on the left of its moment.
type laid struct {
	at   int64
	row  int
	left bool
	txt  string
}

func rowsOf(ls []laid) int {
	n := 0
	for _, l := range ls {
		n = max(n, l.row+1)
	}
	return n
}

// faultLabels names each fault as fully as there is room for all of them: the whole text, its beginning, or its number alone.
func (t *Timeline) faultLabels(width float64, most int) []laid {
	var out []laid
	for shorter := range 4 {
		rows := make([][]float64, most)
		out = out[:0]
		for _, b := range t.bands {
			texts := []string{b.label, words.Clip(b.label, 34), words.Clip(b.label, 22), fmt.Sprintf("fault %d", b.id)}
			if l, ok := t.fit(rows, b.from, width, 1.08, texts[shorter:]...); ok {
				out = append(out, l)
			}
		}
		if len(out) == len(t.bands) {
			break
		}
	}
	return out
}

// eventLabels name the events that matter most, as far as there is room for them in two rows.
func (t *Timeline) eventLabels(width float64) []laid {
	rows := make([][]float64, 2)
	var out []laid
	for _, m := range t.marks {
		if m.key {
			if l, ok := t.fit(rows, m.t, width, 1, m.label+" "+strconv.FormatFloat(float64(m.t)/1e9, 'f', 2, 64)); ok {
				out = append(out, l)
			}
		}
	}
	return out
}

// fit finds a free row for the first of several texts that fits at a moment, on its right or its left.
func (t *Timeline) fit(rows [][]float64, at int64, width, bold float64, texts ...string) (laid, bool) {
	x := t.pct(at) / 100 * width
	for _, txt := range texts {
		w := px(txt) * bold
		for r := range rows {
			if x+w <= width && place(&rows[r], x, w) {
				return laid{at, r, false, txt}, true
			}
			if x+w > width && x-w >= 0 && place(&rows[r], x-w, w) {
				return laid{at, r, true, txt}, true
			}
		}
	}
	return laid{}, false
}

// lay draws a label where fit placed it.
func (t *Timeline) lay(s *svg, l laid, y float64, cls string) {
	o := label{cls: cls, dx: 4, attrs: ` data-t="` + secs(l.at) + `"`}
	if l.left {
		o.anchor, o.dx = "end", -4
	}
	s.text(t.pct(l.at), y, o, l.txt)
}

// place takes the room from x to x+w in a row when it is free.
func place(row *[]float64, x, w float64) bool {
	for i := 0; i < len(*row); i += 2 {
		if x < (*row)[i+1] && x+w > (*row)[i] {
			return false
		}
	}
	*row = append(*row, x, x+w)
	return true
}

// placeEither is place, on the left of x where the right is out of the chart.
func placeEither(row *[]float64, x, w, width float64) bool {
	if x+w > width {
		x -= w
	}
	return place(row, x, w)
}

func (t *Timeline) eventSentence() string {
	var parts []string
	for _, b := range t.bands {
		if b.edge {
			parts = append(parts, fmt.Sprintf("%s, from %s on", b.label, words.At(b.from)))
		} else {
			parts = append(parts, fmt.Sprintf("%s, from %s to %s", b.label, words.At(b.from), words.At(b.to)))
		}
	}
	for _, m := range t.marks {
		if m.key && len(parts) < 12 {
			parts = append(parts, m.label+" at "+words.At(m.t))
		}
	}
	if len(parts) == 0 {
		return "No fault and no event."
	}
	return strings.Join(parts, "; ") + "."
}
