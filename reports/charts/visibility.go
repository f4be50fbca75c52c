package charts

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// Panel is one chart with its caption.
type Panel struct {
	Title, Note string
	Chart       template.HTML
	Table       *frame.Table
	Legend      []Legend
}

// Visibility draws how soon and how fresh replicas answered.
func (t *Timeline) Visibility() ([]Panel, []*frame.Table) {
	var ps []Panel
	if p := t.curves(); p != nil {
		ps = append(ps, *p)
	}
	if p := t.histogram(); p != nil {
		ps = append(ps, *p)
	}
	var tables []*frame.Table
	if w := t.staleWindows(); w != nil {
		tables = append(tables, w)
	}
	return ps, tables
}

// nines maps a share to how many nines it has, drawn up to 4.
func nines(p float64) float64 {
	return min(4, -math.Log10(max(1e-9, 1-p)))
}

// curves is t-visibility: the share of reads that see a write, by time since its acknowledgement.
func (t *Timeline) curves() *Panel {
	var vs []result.Visibility
	for _, v := range t.a.Result.Visibility {
		if v.Node == history.NoNode && len(v.Bins) > 0 {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return nil
	}
	if len(vs) > 1 { // the whole run is the mixture of the others
		vs = slices.DeleteFunc(vs, func(v result.Visibility) bool { return v.Window == "" })
	}
	if len(vs) > 5 {
		vs = vs[:5]
	}
	lo, hi := math.Inf(1), 0.0
	for _, v := range vs {
		for _, b := range v.Bins {
			if b.N > 0 && b.To > 0 {
				lo, hi = min(lo, float64(max(b.From, b.To/4))), max(hi, float64(b.To))
			}
		}
	}
	if hi <= lo {
		return nil
	}
	promise, promised := t.visiblePromise()
	if promised {
		lo, hi = min(lo, visibleAfter/2), max(hi, visibleAfter*2)
	}
	lo = math.Max(lo, hi/1e8)
	const h, left, top, bot = 230.0, 0.0, 14.0, 198.0
	x := func(ns float64) float64 {
		return left + (math.Log10(max(ns, lo))-math.Log10(lo))/(math.Log10(hi)-math.Log10(lo))*100
	}
	y := func(p float64) float64 { return bot - (bot-top)*nines(p)/4 }
	var say []string
	tb := &frame.Table{Title: "Visibility", CSV: "visibility", Head: frame.Heads("Window", ">Since the ack", ">Reads", ">Fresh", ">Share", ">95 % interval")}
	for _, v := range vs {
		var p []string
		for i, name := range []string{"50 %", "90 %", "99 %", "99.9 %"} {
			if v.At[i] >= 0 {
				p = append(p, name+" after "+words.Duration(v.At[i]))
			} else {
				p = append(p, name+" never")
			}
		}
		say = append(say, windowName(v.Window)+": "+strings.Join(p, ", "))
		for _, b := range v.Bins {
			if b.N > 0 {
				tb.Row(windowName(v.Window), words.Duration(b.From)+" to "+words.Duration(b.To), words.Count(b.N), words.Count(b.Fresh), pct2(b.P), pct2(b.Lo)+" to "+pct2(b.Hi))
			}
		}
	}
	if promised {
		say = append(say, fmt.Sprintf("promised: %s after %s", pct2(promise), words.Duration(visibleAfter)))
	}
	s := newSVG(h, "Share of reads of a replica that see a write, by time since its acknowledgement. "+strings.Join(say, ". ")+".")
	for _, p := range []float64{0, .5, .9, .99, .999, .9999} {
		cls := "grid"
		if p == 0 {
			cls = "base"
		}
		s.hline(y(p), cls)
	}
	for d := math.Ceil(math.Log10(lo)); d <= math.Log10(hi)+1e-9; d++ {
		v := math.Pow(10, d)
		s.line(x(v), top, x(v), bot, "grid")
		l := label{anchor: "middle"}
		if x(v) > 97 {
			l.anchor = "end"
		} else if x(v) < 3 {
			l.anchor = ""
		}
		s.text(x(v), bot+17, l, words.Duration(int64(v)))
	}
	s.printf(`<svg width="100%%" height="%s" viewBox="0 0 1000 %s" preserveAspectRatio="none" class="zz">`, f1(h), f1(h))
	for _, v := range vs {
		line, band := visPaths(v, func(ns float64) float64 { return x(ns) * 10 }, y)
		cl, cb := "l-ok", "band"
		if isFaultWindow(v.Window) {
			cl, cb = "l-lost", "band2"
		}
		s.printf(`<path d="%s" class="%s"/><path d="%s" class="%s"/>`, band, cb, line, cl)
	}
	s.b.WriteString("</svg>")
	if promised {
		cx, cy := x(visibleAfter), y(promise)
		s.printf(`<svg x="%s%%" y="%s" class="o" role="presentation"><path d="M-5-5L5 5M5-5L-5 5" class="up"/></svg>`, f2(cx), f1(cy))
		l := label{cls: "k halo", dx: 9}
		if cx > 70 {
			l.anchor, l.dx = "end", -9
		}
		s.text(cx, cy+4, l, "promised: "+pct2(promise)+" after "+words.Duration(visibleAfter))
	}
	var keys []Legend
	var unsure int64
	for _, v := range vs {
		for _, b := range v.Bins {
			unsure += b.Unsure
		}
		cls := "l-ok"
		if isFaultWindow(v.Window) {
			cls = "l-lost"
		}
		last := v.Bins[len(v.Bins)-1]
		keys = append(keys, Legend{Swatch: stroke(cls), Label: words.Clip(windowName(v.Window), 60), Default: fmt.Sprintf("%s from %s on, %s reads there", pct2(last.P), words.Duration(last.From), words.Count(last.N))})
	}
	ys := newSVG(h, "")
	for _, p := range []struct {
		p float64
		n string
	}{{0, "0"}, {.5, "50 %"}, {.9, "90 %"}, {.99, "99 %"}, {.999, "99.9 %"}, {.9999, "99.99 %"}} {
		ys.printf(`<text x="48" y="%s" text-anchor="end">%s</text>`, f1(y(p.p)+4), p.n)
	}
	note := "Share of reads that see a write, by time since its acknowledgement. Each grid line is one more nine; the band is the 95 % interval."
	if t.lossy() {
		note += " Lost writes are left out: no replica ever shows them."
	}
	if unsure > 0 {
		note += " " + words.Count(unsure) + " reads missed a write of which it cannot be told whether it is lost: the band holds both cases."
	}
	return &Panel{Title: "Does a replica show a write yet?", Note: note,
		Chart: template.HTML(`<div class="iv"><div class="ivy">` + string(ys.done()) + `</div><div class="ivp">` + string(s.done()) + `</div></div>`), Table: tb, Legend: keys}
}

// visibleAfter is the time of the measure visible_100ms.
const visibleAfter = 100e6

// visiblePromise is the share of writes that must be visible on a replica by then, the highest where there are several promises.
func (t *Timeline) visiblePromise() (share float64, ok bool) {
	for _, p := range t.a.Result.Promises {
		if p.Promise.Measure == "visible_100ms" {
			share, ok = max(share, p.Promise.Limit), true
		}
	}
	return share, ok
}

// leastReads is how many reads a bin needs to be drawn; the table has them all.
const leastReads = 5

func visPaths(v result.Visibility, x func(float64) float64, y func(float64) float64) (line, band string) {
	var l, up, down strings.Builder
	var lows []string
	cmd := "M"
	for _, b := range v.Bins {
		if b.N < leastReads {
			continue
		}
		mid := math.Sqrt(max(1, float64(b.From)) * max(1, float64(b.To)))
		if b.From == 0 {
			mid = float64(b.To) / 2
		}
		px := f1(x(mid))
		fmt.Fprintf(&l, "%s%s %s", cmd, px, f1(y(b.P)))
		fmt.Fprintf(&up, "%s%s %s", cmd, px, f1(y(b.Hi)))
		lows = append(lows, fmt.Sprintf("L%s %s", px, f1(y(b.Lo))))
		cmd = "L"
	}
	for i := len(lows) - 1; i >= 0; i-- {
		down.WriteString(lows[i])
	}
	return l.String(), up.String() + down.String() + "Z"
}

func pct2(p float64) string { return words.Trim(fmt.Sprintf("%.2f", p*100)) + " %" }

func isFaultWindow(w string) bool { return w != "" && w != "steady" }

func windowName(w string) string {
	switch w {
	case "":
		return "whole run"
	case "steady":
		return "steady state"
	}
	return w
}

// histogram shows how stale the stale reads were, by node, in bins of a third of a decade.
func (t *Timeline) histogram() *Panel {
	const perDecade = 4
	type hist struct {
		name string
		bins map[int]int64
		top  int64
		row  *result.Staleness
		ages *result.Ages
	}
	byNode := map[int8]*hist{}
	lo, hi := math.MaxInt, math.MinInt
	c := &t.h.Ops
	for i := range c.Len() {
		s := t.staleness(i)
		if s < 0 || c.Node[i] < 0 {
			continue
		}
		b := byNode[c.Node[i]]
		if b == nil {
			b = &hist{bins: map[int]int64{}, name: sentences.Node(&t.h.Run, int32(c.Node[i]))}
			byNode[c.Node[i]] = b
		}
		if s == 0 {
			continue
		}
		k := int(math.Floor(math.Log10(float64(s)) * perDecade))
		b.bins[k]++
		b.top = max(b.top, b.bins[k])
		lo, hi = min(lo, k), max(hi, k)
	}
	if lo > hi {
		return nil
	}
	lo, hi = int(math.Floor(float64(lo)/perDecade))*perDecade, int(math.Ceil(float64(hi+1)/perDecade))*perDecade
	const rowH, top = 56.0, 8.0
	x := func(ns float64) float64 {
		return (math.Log10(ns)*perDecade - float64(lo)) / float64(hi-lo) * 100
	}
	var nodes []*hist
	for _, n := range t.serverNodes() {
		if b := byNode[int8(n)]; b != nil {
			if b.row = t.nodeAges(n); b.row == nil {
				continue
			}
			b.ages = t.shownAges(b.row)
			nodes = append(nodes, b)
		}
	}
	h := top + rowH*float64(len(nodes)) + 24
	tb := &frame.Table{Title: "Staleness by age", CSV: "staleness", Head: frame.Heads("Node", ">From", ">To", ">Reads")}
	var say []string
	for _, b := range nodes {
		say = append(say, fmt.Sprintf("%s: %s fresh, p99 %s, max %s", b.name, fresh(b.ages, b.row.Reads), words.Between(b.ages.P99, b.ages.P99Most), words.Between(b.ages.Max, b.ages.MaxMost)))
	}
	s := newSVG(h, "How stale the stale reads were. "+strings.Join(say, "; ")+".")
	base := top + rowH*float64(len(nodes))
	for d := lo / perDecade; d <= hi/perDecade; d++ {
		v := math.Pow(10, float64(d))
		s.line(x(v), top, x(v), base, "grid")
		l := label{anchor: "middle"}
		if x(v) > 97 {
			l.anchor = "end"
		} else if x(v) < 3 {
			l.anchor = ""
		}
		if hi/perDecade-lo/perDecade > 4 && (d-lo/perDecade)%2 == 1 {
			l.cls = "wide"
		}
		s.text(x(v), base+17, l, words.Duration(int64(v)))
	}
	ys := newSVG(h, "")
	for i, b := range nodes {
		y := top + rowH*float64(i+1) - 4
		s.hline(y, "base")
		for k := lo; k < hi; k++ {
			n := b.bins[k]
			if n == 0 {
				continue
			}
			bar := max(1.5, float64(n)/float64(b.top)*26)
			cls := "r-r"
			if float64(k)/perDecade >= 9 { // a second and more
				cls = "r-x"
			}
			w := 100 / float64(hi-lo)
			s.rect(float64(k-lo)*w, w*.94, y-bar, bar, cls)
			tb.Row(b.name, words.Duration(int64(math.Pow(10, float64(k)/perDecade))), words.Duration(int64(math.Pow(10, float64(k+1)/perDecade))), words.Count(n))
		}
		for _, v := range []int64{b.ages.P99, b.ages.Max} {
			if v > 0 {
				s.line(x(float64(v)), y-30, x(float64(v)), y, "up")
			}
		}
		s.text(100, y-34, label{anchor: "end", cls: "halo"}, fmt.Sprintf("p99 %s, max %s", words.Between(b.ages.P99, b.ages.P99Most), words.Between(b.ages.Max, b.ages.MaxMost)))
		ys.printf(`<text x="0" y="%s" class="k">%s</text><text x="0" y="%s">%s fresh</text>`, f1(y-18), frame.Esc(b.name), f1(y-4), frame.Esc(fresh(b.ages, b.row.Reads)))
	}
	note := "Stale reads by the age they had at least, log scale, each row on its own height; fresh ones as text. Upright lines: p99 and maximum of all reads."
	if which := t.whichAges(); which != "" {
		note += " " + strings.ToUpper(which[:1]) + which[1:] + "."
	}
	return &Panel{Title: "How stale were the stale reads?", Note: note,
		Chart: template.HTML(`<div class="iv"><div class="ivy ivw">` + string(ys.done()) + `</div><div class="ivp">` + string(s.done()) + `</div></div>`), Table: tb}
}

// staleWindows tells steady state and fault windows apart, where the checker did.
func (t *Timeline) staleWindows() *frame.Table {
	head := frame.Heads("Node", "Window", ">Reads", ">Fresh", ">p50", ">p99", ">Max", ">Versions", ">Lag, bytes", ">Lag, time")
	surviving := t.surviving
	if surviving {
		head = append(head[:7], append(frame.Heads(">Max, of what survived"), head[7:]...)...)
	}
	tb := &frame.Table{Title: "Staleness by node and window", CSV: "staleness-windows", Head: head}
	for i := range t.a.Result.Staleness {
		s := &t.a.Result.Staleness[i]
		if s.Reads == 0 {
			continue
		}
		name := "all replicas"
		if s.Node >= 0 {
			name = sentences.Node(&t.h.Run, s.Node)
		}
		cells := []string{name, words.Clip(windowName(s.Window), 50), words.Count(s.Reads), fresh(&s.Ages, s.Reads), words.Between(s.P50, s.P50Most), words.Between(s.P99, s.P99Most), words.Between(s.Max, s.MaxMost)}
		if k := t.shownAges(s); surviving {
			cells = append(cells, words.Between(k.Max, k.MaxMost))
		}
		tb.Row(append(cells, words.Ends(words.Count(s.Versions), words.Count(s.VersionsMost)), words.Size(s.LagBytes), words.Duration(s.LagTime))...)
	}
	if len(tb.Rows) == 0 || len(tb.Rows) > 200 {
		return nil
	}
	return tb
}
