package charts

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// lineClass tells nodes apart by the style of their line; hue has a meaning of its own.
func lineClass(i int) string { return [...]string{"l-1", "l-2", "l-3", "l-4", "l-5"}[i%5] }

// total counts the points of a series over the whole run.
func total(s *Series) int64 { return int64(s.max) }

func peak(vs []float64) float64 {
	m := 0.0
	for _, v := range vs {
		if !math.IsNaN(v) {
			m = max(m, v)
		}
	}
	return m
}

func (t *Timeline) writeLane(g *gathered) (Lane, []*Series) {
	up := t.counts("ws", "rate", g.survived)
	name := "survived"
	switch {
	case len(g.untold) > 0:
		up, name = t.counts("ws", "rate", append(g.survived, g.untold...)), "not known to be lost"
	case !t.a.Result.Writes.Known || len(g.survived) == 0 && len(g.acked) > 0:
		up, name = t.counts("ws", "rate", append(g.survived, g.acked...)), "acknowledged"
	}
	down := t.counts("wl", "rate", g.lost)
	if total(up)+total(down) == 0 {
		return Lane{}, nil
	}
	per := float64(t.coarse) / 1e9
	top, low := peak(up.coarse)/per, peak(down.coarse)/per
	shown, deepest := top, low
	if c := cut(per, up.coarse, down.coarse); c > 0 {
		shown = min(top, c)
	}
	step := float64(nice(int64(max(shown, 1)/3), 1))
	hi := math.Ceil(shown/step) * step
	low = min(low, hi)
	k := 84 / hi
	zero, h := 96.0, 108.0
	if low > 0 {
		h = zero + max(22, low*k+20)
	}
	s := newSVG(h, fmt.Sprintf("Acknowledged writes a second: up to %s %s; %s.", words.Count(int64(top)), name, lostSentence(total(down))))
	var ys []ylabel
	for v := hi; v >= 0; v -= step {
		ys = append(ys, ylabel{zero - v*k, words.Count(int64(v))})
	}
	t.ground(s, h)
	grid(s, ys)
	t.zoomed(s, h)
	t.area(s, up, &scale{zero: zero, perUnit: k, most: hi}, "a-ok")
	ss := []*Series{up}
	if total(down) > 0 {
		t.area(s, down, &scale{zero: zero, perUnit: -k, most: max(low, 1)}, "a-lost")
		ss = append(ss, down)
	}
	t.singles(s, zero)
	s.b.WriteString("</svg>")
	note := "per second"
	if low > 0 {
		note = "per second; up: " + name + ", down: lost, same scale"
	}
	if top > hi {
		note += fmt.Sprintf("; cut off at %s", words.Count(int64(hi)))
		i := slices.Index(up.coarse, peak(up.coarse))
		t.ttext(s, t.t0+int64(i)*t.coarse, 22, label{cls: "k halo", dx: 6}, "↑ up to "+words.Count(int64(top)))
		t.tline(s, t.t0+int64(i)*t.coarse+t.coarse/2, zero-hi*k-6, zero-hi*k+6, "up")
	}
	if deepest > low {
		note += fmt.Sprintf("; lost cut off at %s of up to %s", words.Count(int64(low)), words.Count(int64(deepest)))
	}
	if low > 0 {
		first := g.lost[0]
		for _, x := range g.lost {
			first = min(first, x)
		}
		t.ttext(s, first, h-5, label{cls: "red halo", dx: 0}, words.Count(total(down))+" lost")
	}
	l := Lane{ID: "writes", Title: "Acknowledged writes", Note: note, Y: yaxis(h, ys), Plot: s.done(),
		Legend: []Legend{{Swatch("r-r"), name, "ws", words.Count(total(up))}}}
	if total(down) > 0 {
		l.Legend = append(l.Legend, Legend{Swatch("r-x"), "lost", "wl", words.Count(total(down))})
	}
	return l, ss
}

// cut is where the scale of rates ends, 0 for at the highest: a short burst, as of an open loop that catches up after an outage, must
// not flatten the steady rate.
func cut(per float64, counts ...[]float64) float64 {
	var busy []float64
	for _, c := range counts {
		for _, v := range c {
			if v > 0 {
				busy = append(busy, v/per)
			}
		}
	}
	if len(busy) < 20 {
		return 0
	}
	slices.Sort(busy)
	usual := busy[len(busy)*9/10]
	if usual*2 >= busy[len(busy)-1] {
		return 0
	}
	return usual * 1.5
}

func lostSentence(n int64) string {
	if n == 0 {
		return "none lost"
	}
	return words.Count(n) + " lost, drawn downwards"
}

func msName(us float64) string { return words.Duration(int64(us * 1e3)) }

func (t *Timeline) staleLane(g *gathered) (Lane, []*Series) {
	var ss []*Series
	var names, say []string
	hi, lo := 0.0, math.Inf(1)
	var cls []string
	plain := 0
	for _, n := range t.serverNodes() {
		for _, deposed := range []bool{false, true} {
			p := t.whileDeposed(g.stale[int8(n)], n, deposed)
			if p == nil {
				continue
			}
			name, key, c := sentences.Node(&t.h.Run, n), fmt.Sprintf("s%d", n), "l-lost"
			if deposed {
				name, key = name+", deposed", fmt.Sprintf("d%d", n)
			} else {
				c = lineClass(plain)
				plain++
			}
			sr := t.quantiles(key, p, 0.99)
			ss, names, cls = append(ss, sr), append(names, name), append(cls, c)
			say = append(say, fmt.Sprintf("%s at most %s", name, words.Duration(int64(sr.max))))
			for _, v := range sr.coarse {
				if v > 0 {
					hi, lo = max(hi, v), min(lo, v)
				}
			}
		}
	}
	if len(ss) == 0 || hi == 0 {
		return Lane{}, nil
	}
	const h = 130
	s := newSVG(h, "Staleness of reads, 99th percentile over time: "+strings.Join(say, ", ")+".")
	sc, ys := decades(max(lo, 10), hi, h, msName)
	t.ground(s, h)
	grid(s, ys)
	t.zoomed(s, h)
	var keys []Legend
	for i, sr := range ss {
		t.curve(s, sr, sc, cls[i])
		keys = append(keys, Legend{stroke(cls[i]), names[i], sr.key, "max " + words.Duration(int64(sr.max))})
	}
	s.b.WriteString("</svg>")
	t.nameLines(s, ss, sc, names)
	note := "at least, p99 per " + words.Duration(t.coarse) + ", log scale"
	if which := t.whichAges(); which != "" {
		note += "; " + which
	}
	return Lane{ID: "stale", Title: "Staleness of reads", Note: note, Y: yaxis(h, ys), Plot: s.done(), Legend: keys}, ss
}

// whileDeposed is the part of a node's reads that it answered while it was a master no longer rightfully, or the other part.
func (t *Timeline) whileDeposed(p *points, n int32, deposed bool) *points {
	if p == nil {
		return nil
	}
	out := &points{}
	for i, x := range p.t {
		in := false
		for _, r := range t.a.Result.Masters.Spans {
			in = in || (r.Node == n && !r.Rightful && x >= r.From && x <= r.To)
		}
		if in == deposed {
			out.add(x, p.v[i])
		}
	}
	if len(out.t) == 0 {
		return nil
	}
	return out
}

// nameStart writes names above the beginnings of lines.
func (t *Timeline) nameStart(s *svg, ss []*Series, sc *scale, names []string) {
	for i, sr := range ss {
		for k := len(sr.coarse) / 40; k < len(sr.coarse); k++ {
			if v := sr.coarse[k]; !math.IsNaN(v) {
				t.ttext(s, t.t0+int64(k)*t.coarse, sc.y(v)-4, label{cls: "halo"}, names[i])
				break
			}
		}
	}
}

// nameLines writes a node's name at the peak of its line, where there is room.
func (t *Timeline) nameLines(s *svg, ss []*Series, sc *scale, names []string) {
	var rows [8][]float64
	for i, sr := range ss {
		best := -1
		for k, v := range sr.coarse {
			if !math.IsNaN(v) && v > 0 && (best < 0 || v > sr.coarse[best]) {
				best = k
			}
		}
		if best < 0 {
			continue
		}
		when := t.t0 + int64(best)*t.coarse
		y := max(10, sc.y(sr.coarse[best])-4)
		if placeEither(&rows[min(7, int(y/18))], t.pct(when)/100*plotWide, px(names[i])+12, plotWide) {
			t.ttext(s, when, y, label{cls: "halo k", dx: 4}, names[i])
		}
	}
}

func (t *Timeline) lagLane() (Lane, []*Series) {
	type line struct {
		p      points
		node   int32
		branch bool
		max    int64
	}
	var lines []*line
	find := func(node int32, branch bool) *line {
		for _, l := range lines {
			if l.node == node && l.branch == branch {
				return l
			}
		}
		lines = append(lines, &line{node: node, branch: branch})
		return lines[len(lines)-1]
	}
	for _, p := range t.a.Lag {
		if p.Bytes >= 0 {
			l := find(p.Node, p.Branch)
			l.p.add(p.T, p.Bytes)
			l.max = max(l.max, p.Bytes)
		}
	}
	hi := int64(0)
	for _, l := range lines {
		hi = max(hi, l.max)
	}
	if hi == 0 {
		return Lane{}, nil
	}
	const h = 142
	sc, ys := decades(100, float64(hi), h, func(v float64) string { return strings.Replace(words.Size(int64(v)), ".0", "", 1) })
	for i := range ys {
		ys[i].txt = strings.Replace(ys[i].txt, ".00", "", 1)
	}
	var ss []*Series
	var names, say []string
	var keys []Legend
	var cls []string
	n := 0
	for _, l := range lines {
		c, name, key := "", sentences.Node(&t.h.Run, l.node), fmt.Sprintf("l%d", l.node)
		if l.branch {
			c, name, key = "l-lost", name+"’s branch", fmt.Sprintf("b%d", l.node)
		} else {
			c = lineClass(n)
			n++
		}
		sr := &Series{key: key, unit: "bytes", coarse: t.quantile(&l.p, t.coarse, 1), fine: t.quantile(&l.p, max(t.fine, 50e6), 1), step: max(t.fine, 50e6), max: float64(l.max)}
		ss, names, cls = append(ss, sr), append(names, name), append(cls, c)
		keys = append(keys, Legend{stroke(c), name, key, "max " + words.Size(l.max)})
		say = append(say, fmt.Sprintf("%s at most %s", name, words.Size(l.max)))
	}
	s := newSVG(h, "Replication lag in bytes over time: "+strings.Join(say, ", ")+".")
	t.ground(s, h)
	grid(s, ys)
	t.zoomed(s, h)
	for i, sr := range ss {
		t.curve(s, sr, sc, cls[i])
	}
	s.b.WriteString("</svg>")
	t.nameLines(s, ss, sc, names)
	return Lane{ID: "lag", Title: "Replication lag", Note: "bytes behind the master whose data it holds, log scale", Y: yaxis(h, ys), Plot: s.done(), Legend: keys}, ss
}

func (t *Timeline) latencyLane(g *gathered) (Lane, []*Series) {
	if len(g.latency.t) == 0 {
		return Lane{}, nil
	}
	p50, p99 := t.quantiles("p50", &g.latency, 0.5), t.quantiles("p99", &g.latency, 0.99)
	info, fail := t.counts("in", "count", g.info), t.counts("fl", "count", g.fail)
	all50, all99 := quantileOf(g.latency.v, 0.5), quantileOf(g.latency.v, 0.99)
	const h = 132
	lo, hi := math.Inf(1), 0.0
	for _, v := range p50.coarse {
		if v > 0 {
			lo = min(lo, v)
		}
	}
	hi = peak(p99.coarse)
	sc, _ := decades(max(lo, 10), hi, h, msName)
	sc.bot, sc.zero = h-10, h-10
	ys := logLabels(sc)
	s := newSVG(h, fmt.Sprintf("ok writes take %s at the median and %s at the 99th percentile. Fate unknown: %s. Not executed: %s.", words.Duration(all50), words.Duration(all99), words.Count(total(info)), words.Count(total(fail))))
	t.ground(s, h)
	grid(s, ys)
	t.zoomed(s, h)
	t.curve(s, p99, sc, "l-ok thin")
	t.curve(s, p50, sc, "l-ok")
	s.b.WriteString("</svg>")
	t.nameStart(s, []*Series{p99, p50}, sc, []string{"p99", "p50"})
	t.outcomes(s, info, 16, diamond)
	t.outcomes(s, fail, 30, circle)
	l := Lane{ID: "latency", Title: "Write latency", Note: "p50 and p99 of ok per " + words.Duration(t.coarse) + ", log scale; marks: writes that were not ok", Y: yaxis(h, ys), Plot: s.done(),
		Legend: []Legend{{stroke("l-ok"), "ok p50", "p50", words.Duration(all50)}, {stroke("l-ok thin"), "ok p99", "p99", words.Duration(all99)}}}
	if total(info) > 0 {
		l.Legend = append(l.Legend, Legend{template.HTML(`<svg class="sl" width="18" height="10" aria-hidden="true"><path d="M9 0L14 5 9 10 4 5z" class="mk-i"/></svg>`), "info: fate unknown", "in", words.Count(total(info))})
	}
	if total(fail) > 0 {
		l.Legend = append(l.Legend, Legend{template.HTML(`<svg class="sl" width="18" height="10" aria-hidden="true"><circle cx="9" cy="5" r="3.5" class="mk-f"/></svg>`), "fail: not executed", "fl", words.Count(total(fail))})
	}
	return l, []*Series{p50, p99, info, fail}
}

// logLabels are the decades of a scale without a line for 0.
func logLabels(sc *scale) []ylabel {
	var ys []ylabel
	for v := sc.hi; v >= sc.lo*0.99; v /= 10 {
		ys = append(ys, ylabel{sc.y(v), msName(v)})
	}
	return ys
}

func diamond(s *svg, x, y float64, at string) {
	s.printf(`<svg x="%s%%" y="%s" class="o" data-t="%s"><path d="M0-5L5 0 0 5-5 0z" class="mk-i"/></svg>`, f2(x), f1(y), at)
}

func circle(s *svg, x, y float64, at string) {
	s.printf(`<circle cx="%s%%" cy="%s" r="3.5" class="mk-f" data-t="%s"/>`, f2(x), f1(y), at)
}

// outcomes puts one mark where writes were not ok; marks nearer than their size are one.
func (t *Timeline) outcomes(s *svg, sr *Series, y float64, draw func(*svg, float64, float64, string)) {
	last := math.Inf(-1)
	for i, v := range sr.coarse {
		when := t.t0 + int64(i)*t.coarse + t.coarse/2
		if x := t.pct(when); v > 0 && x-last >= 0.9 {
			draw(s, x, y, secs(when))
			last = x
		}
	}
}

func quantileOf(v []int64, q float64) int64 {
	if len(v) == 0 {
		return -1
	}
	s := append([]int64(nil), v...)
	sortInts(s)
	return s[min(len(s)-1, int(q*float64(len(s))))]
}
