package charts

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// WitnessView is the evidence for one broken promise: true intervals in a chart, and the same operations in a table.
type WitnessView struct {
	ID, Title, Text string
	Mark            string // of a broken promise, of a weakness, or none
	Key             string
	Rows, Chart     template.HTML
	Ops             []WitnessOp
	More            []WitnessOp // the whole window, folded
}

// WitnessOp is one operation of it, as a row.
type WitnessOp struct {
	N                                            string
	When, Client, Node, Op, Reply, Became, Class string
}

const (
	shownOps  = 14 // in the chart and its table
	foldedOps = 500
)

// Witnesses shows the result's witnesses, 20 at most.
func (t *Timeline) Witnesses() []WitnessView {
	var out []WitnessView
	for i, w := range t.a.Result.Witnesses {
		if i == 20 {
			break
		}
		v := WitnessView{ID: w.ID, Title: fmt.Sprintf("Witness %d: %s", i+1, w.Title), Text: words.Capital(w.Text)}
		for _, p := range t.a.Result.Promises {
			if p.Witness == w.ID && p.Status == result.Broken {
				v.Mark = "bad"
			}
		}
		for _, p := range t.a.Result.Shows {
			if v.Mark == "" && p.Status == result.Broken && t.a.Result.Weakness && shows(p, w) {
				v.Mark = "weak"
			}
		}
		valid := func(ops []int) []int {
			var ok []int
			for _, o := range ops {
				if o >= 0 && o < t.h.Ops.Len() {
					ok = append(ok, o)
				}
			}
			slices.SortStableFunc(ok, func(a, b int) int {
				switch {
				case t.h.Ops.Call[a] < t.h.Ops.Call[b]:
					return -1
				case t.h.Ops.Call[a] > t.h.Ops.Call[b]:
					return 1
				}
				return a - b
			})
			return slices.Compact(ok)
		}
		all, main := valid(w.Ops), valid(w.Marked)
		if len(main) == 0 {
			main = all
		}
		if len(main) > shownOps {
			main = main[:shownOps]
		}
		if len(main) > 0 {
			v.Key = opKey(t.h, t.h.Ops.Key[main[0]])
			v.Text = words.Capital(strings.TrimPrefix(w.Text, v.Key+": ")) // it stands before the text
			v.Rows, v.Chart = t.intervals(main, w.Chain)
		}
		for k, o := range main {
			v.Ops = append(v.Ops, t.witnessOp(o, fmt.Sprint(k+1)))
		}
		if len(all) > len(main) {
			for k, o := range all[:min(len(all), foldedOps)] {
				n := ""
				if m := slices.Index(main, o); m >= 0 {
					n = fmt.Sprint(m + 1)
				}
				_ = k
				v.More = append(v.More, t.witnessOp(o, n))
			}
		}
		out = append(out, v)
	}
	return out
}

// shows tells whether a witness is one of a weakness; those of lost writes stand for every kind of loss.
func shows(p result.PromiseResult, w result.Witness) bool {
	return p.Witness == w.ID || p.Promise.Measure == w.Of || w.Of == "lost" && strings.HasSuffix(p.Promise.Measure, "_lost")
}

func (t *Timeline) witnessOp(i int, n string) WitnessOp {
	o := t.h.Ops.At(i)
	w := WitnessOp{N: n, Client: t.who(o), Node: sentences.Node(&t.h.Run, o.Node), Op: words.Clip(opText(t.h, o), 120), Reply: words.Clip(reply(o), 80)}
	w.When = words.Trim(fmt.Sprintf("%.6f", float64(o.Call)/1e9)) + " s"
	if o.Return != history.Inf {
		w.When += ", +" + words.Duration(o.Return-o.Call)
	}
	var bad bool
	if w.Became, bad = t.became(i); bad {
		w.Class = "bad"
	}
	return w
}

// window is a stretch of the cut axis.
type window struct{ from, to int64 }

// windows clusters operations; between clusters the axis is cut.
func (t *Timeline) windows(ops []int) []window {
	c := &t.h.Ops
	longest := int64(200e3)
	for _, o := range ops {
		if c.Return[o] != history.Inf {
			longest = max(longest, c.Return[o]-c.Call[o])
		}
	}
	var out []window
	for _, o := range ops {
		to := c.Call[o] + longest
		if c.Return[o] != history.Inf {
			to = c.Return[o]
		}
		if n := len(out); n > 0 && (c.Call[o]-out[n-1].to < 6*longest || n == 8) {
			out[n-1].to = max(out[n-1].to, to)
			continue
		}
		out = append(out, window{c.Call[o], to})
	}
	for i := range out {
		pad := max((out[i].to-out[i].from)/4, longest)
		out[i].from -= pad / 2
		out[i].to += pad * 2
		if i > 0 && out[i].from < out[i-1].to {
			mid := (out[i].from + out[i-1].to) / 2
			out[i].from, out[i-1].to = mid, mid
		}
	}
	return out
}

// intervals draws operations as bars from call to return, a row a client, with the successors of a fork tied to what they replaced.
func (t *Timeline) intervals(ops []int, chain []int64) (rows, chart template.HTML) {
	c := &t.h.Ops
	win := t.windows(ops)
	const gap, rowH, top = 2.5, 26.0, 30.0
	width := (100 - gap*float64(len(win)-1)) / float64(len(win))
	x := func(when int64, last bool) float64 {
		for i, w := range win {
			if when <= w.to || i == len(win)-1 {
				p := float64(when-w.from) / float64(w.to-w.from)
				return float64(i)*(width+gap) + min(1, max(0, p))*width
			}
		}
		return 100
	}
	var clients []string
	row := map[int]int{}
	for _, o := range ops {
		name := t.lineOf(c.At(o))
		k := slices.Index(clients, name)
		if k < 0 {
			k = len(clients)
			clients = append(clients, name)
		}
		row[o] = k
	}
	h := top + rowH*float64(len(clients))
	var say []string
	for i, o := range ops {
		op := c.At(o)
		b, _ := t.became(o)
		say = append(say, strings.TrimSpace(fmt.Sprintf("%d: %s, %s at %s, reply %s %s", i+1, t.who(op), words.Clip(opText(t.h, op), 60), sentences.Node(&t.h.Run, op.Node), words.Clip(reply(op), 40), b)))
	}
	s := newSVG(h, strings.Join(say, "; ")+".")
	for i, w := range win {
		a := float64(i) * (width + gap)
		s.line(a, 24, a+width, 24, "base")
		cls := ""
		if i > 0 && len(win) > 3 {
			cls = "wide"
		}
		s.text(a, 15, label{cls: cls}, words.At(w.from))
		if len(win) < 6 {
			s.text(a+width, 15, label{cls: "wide", anchor: "end"}, "+"+words.Duration(w.to-w.from))
		}
		if i > 0 {
			s.text(a-gap/2, 28, label{anchor: "middle"}, "⋯")
		}
	}
	mid := func(o int) float64 { return top + rowH*float64(row[o]) + rowH/2 }
	end := func(o int) int64 {
		if c.Return[o] == history.Inf {
			return 1 << 62
		}
		return c.Return[o]
	}
	for k := range clients {
		s.hline(top+rowH*float64(k)+rowH/2, "grid")
	}
	t.links(s, ops, chain, func(o int) (float64, float64, float64) {
		return x(c.Call[o], false), x(min(end(o), c.Call[o]+1e9), true), mid(o)
	})
	names := newSVG(h, "")
	for k, n := range clients {
		names.printf(`<text x="72" y="%s" text-anchor="end" class="k">%s</text>`, f1(top+rowH*float64(k)+rowH/2+4), frame.Esc(words.Clip(n, 12)))
	}
	for i, o := range ops {
		op := c.At(o)
		a := x(op.Call, false)
		b := x(end(o), true)
		if op.Return == history.Inf { // open: to the end of its window
			for j, w := range win {
				if op.Call <= w.to {
					b = float64(j)*(width+gap) + width
					break
				}
			}
		}
		s.rect(a, max(b-a, .35), mid(o)-5, 10, t.opClass(o, op))
		short := words.Clip(shortOp(op), 16)
		l := label{cls: "k halo", dx: 5}
		place := b
		if b/100*1140+px(short)+14 > 1140 || (len(chain) > 2 && op.F == history.FWrite && op.In == chain[0]) {
			l.anchor, l.dx, place = "end", -5, a
		}
		s.text(place, mid(o)+4, l, fmt.Sprint(i+1))
		if l.anchor == "" && b+px(short)/11 < float64(windowOf(win, op.Call)+1)*(width+gap) {
			s.text(place, mid(o)+4, label{cls: "halo wide", dx: 20}, short)
		}
	}
	return names.done(), s.done()
}

// lineOf names a bar's row: a client, and the node that it asked. A fork's two sides then never share a row.
func (t *Timeline) lineOf(o history.Op) string {
	if o.Node < 0 {
		return fmt.Sprintf("c%d", o.Client)
	}
	return fmt.Sprintf("c%d → %s", o.Client, sentences.Node(&t.h.Run, o.Node))
}

func windowOf(win []window, t int64) int {
	for i, w := range win {
		if t <= w.to {
			return i
		}
	}
	return len(win) - 1
}

// links ties both successors of a fork to their predecessor: solid to the one that survived, dashed to the lost one.
func (t *Timeline) links(s *svg, ops []int, chain []int64, where func(int) (a, b, y float64)) {
	if len(chain) < 3 {
		return
	}
	find := func(v int64) int {
		for _, o := range ops {
			if t.h.Ops.F[o] == history.FWrite && t.h.Ops.In[o] == v {
				return o
			}
		}
		return -1
	}
	from := find(chain[0])
	for i, cls := range []string{"lk", "lk2"} {
		if to := find(chain[i+1]); from >= 0 && to >= 0 {
			_, x1, y1 := where(from)
			x2, _, y2 := where(to)
			s.line(x1, y1, x2, y2, cls)
		}
	}
}

func (t *Timeline) opClass(i int, o history.Op) string {
	_, bad := t.became(i)
	switch {
	case o.Outcome == history.Info:
		return "op-in"
	case o.Outcome == history.Fail:
		return "op-rd"
	case o.F.IsWrite() && bad:
		return "op-lost"
	case o.F.IsWrite():
		return "op-ok"
	case bad:
		return "op-st"
	}
	return "op-rd"
}

// shortOp is what stands at a bar: the verb and the value.
func shortOp(o history.Op) string {
	switch {
	case o.F == history.FRead && o.Out != history.None:
		return "GET " + value(o.Out)
	case o.F == history.FWrite:
		return "SET " + value(o.In)
	case o.F == history.FTxn:
		return "txn"
	case o.In != history.None:
		return value(o.In)
	}
	return ""
}
