package charts

import (
	"fmt"
	"html/template"
	"sort"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// ackRun is a stretch of one node's acknowledgements with one fate.
type ackRun struct {
	from, to int64
	n        int64
	lost     bool
	untold   int64 // of n: whether they survived cannot be told
}

// word says what became of the stretch.
func (r ackRun) word(known bool) string {
	switch {
	case r.lost:
		return "acknowledged, then lost"
	case !known || r.untold > 0:
		return "acknowledged"
	}
	return "survived"
}

// class is its colour.
func (r ackRun) class() string {
	switch {
	case r.lost:
		return "r-x"
	case 2*r.untold > r.n:
		return "r-d"
	}
	return "r-r"
}

// ackRuns are the stretches by node, from bins of a 400th of the run.
func (t *Timeline) ackRuns() (map[int8][]ackRun, bool) {
	step := max((t.t1-t.t0)/400, 1e6)
	type cell struct{ kept, lost, untold, first, last int64 } // kept: not known to be lost
	nodes := map[int8][]cell{}
	c := &t.h.Ops
	any, known := false, t.a.Result.Writes.Known
	for i := range c.Len() {
		if known && t.fate(i) == result.FateNone {
			continue // removals are in no account of writes
		}
		if !c.F[i].IsWrite() || c.Outcome[i] != history.OK || c.Return[i] < t.t0 || c.Return[i] > t.t1 {
			continue
		}
		by := t.rowOf(c.Node[i])
		row := nodes[by]
		if row == nil {
			row = make([]cell, t.bins(step)+1)
			nodes[by] = row
		}
		x := &row[t.bin(c.Return[i], step, len(row))]
		if x.first == 0 || c.Return[i] < x.first {
			x.first = c.Return[i]
		}
		x.last = max(x.last, c.Return[i])
		if t.fate(i) == result.FateLost {
			x.lost++
			any = true
		} else {
			x.kept++
			if t.fate(i) != result.FateSurvived && known {
				x.untold++
			}
		}
	}
	out := map[int8][]ackRun{}
	for n, row := range nodes {
		var runs []ackRun
		var spare [2]int64 // the minority of mixed bins, kept and lost, owed to the next stretch of its fate
		for _, x := range row {
			if x.kept+x.lost == 0 {
				continue
			}
			lost := x.lost > x.kept
			if lost {
				spare[0] += x.kept
			} else {
				spare[1] += x.lost
			}
			k := len(runs)
			if k > 0 && runs[k-1].lost == lost && x.first-runs[k-1].to < 20*step {
				runs[k-1].to = x.last
				runs[k-1].n += cellCount(lost, x.kept, x.lost)
				runs[k-1].untold += cellCount(lost, x.untold, 0)
				continue
			}
			runs = append(runs, ackRun{x.first, x.last, cellCount(lost, x.kept, x.lost), lost, cellCount(lost, x.untold, 0)})
		}
		runs = joinSlivers(runs, 3*step, &spare)
		for i := range runs { // so that the stretches add up to the totals
			if k := boolInt(runs[i].lost); spare[k] > 0 {
				runs[i].n += spare[k]
				spare[k] = 0
			}
		}
		out[n] = runs
	}
	return out, any
}

// joinSlivers takes a moment of kept writes out of a stretch of lost ones: between two fates it would be drawn as a line that says nothing
// (a removal survives wherever its element is lost). What was lost is never taken out.
func joinSlivers(runs []ackRun, most int64, spare *[2]int64) []ackRun {
	var out []ackRun
	for i := 0; i < len(runs); i++ {
		r := runs[i]
		if k := len(out); k > 0 && i+1 < len(runs) && !r.lost && out[k-1].lost && runs[i+1].lost && r.to-r.from < most {
			out[k-1].to, out[k-1].n = runs[i+1].to, out[k-1].n+runs[i+1].n
			spare[0] += r.n
			i++
			continue
		}
		out = append(out, r)
	}
	return out
}

func cellCount(lost bool, kept, gone int64) int64 {
	if lost {
		return gone
	}
	return kept
}

// Picture shows who acknowledged writes and what became of them: a row for each node that did.
func (t *Timeline) Picture() template.HTML {
	runs, _ := t.ackRuns()
	var nodes []int8
	for n := range runs {
		if n >= 0 {
			nodes = append(nodes, n)
		}
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i] < nodes[j] })
	if len(nodes) == 0 {
		return ""
	}
	if t.cluster() {
		nodes = t.shownShards(nodes)
	} else if len(nodes) > 4 {
		nodes = nodes[:4]
	}
	const width, rowH = 480.0, 62.0
	base := 26 + rowH*float64(len(nodes))
	var say []string
	for _, n := range nodes {
		say = append(say, t.ackSentence(n, runs[n]))
	}
	for _, b := range t.bands {
		say = append(say, fmt.Sprintf("%s from %s", b.label, words.At(b.from)))
	}
	s := newSVG(base+24, strings.Join(say, ". ")+".")
	for _, b := range t.bands {
		x := t.pct(b.from)
		if !b.edge {
			s.rect(x, t.pct(b.to)-x, 0, base, "fb")
			s.line(t.pct(b.to), 0, t.pct(b.to), base, "fe")
		}
		s.line(x, 0, x, base, "fe")
	}
	t.pictureFaults(s, width)
	known := t.a.Result.Writes.Known
	for i, n := range nodes {
		t.ackRow(s, n, runs[n], 26+rowH*float64(i), width, known)
	}
	s.hline(base+.5, "base")
	for _, x := range t.ticks(6) {
		l := label{anchor: "middle"}
		if t.pct(x) < 2 {
			l.anchor = ""
		} else if t.pct(x) > 96 {
			l.anchor = "end"
		}
		s.text(t.pct(x), base+18, l, tick(x))
	}
	return s.done()
}

// pictureFaults names the faults above the picture, after all that could cross the names; one that has no room goes without.
func (t *Timeline) pictureFaults(s *svg, width float64) {
	wide, narrow := make([][]float64, 1), make([][]float64, 1)
	for _, b := range t.bands {
		txt := b.kind
		if !b.edge {
			txt += ", " + words.Duration(b.to-b.from)
		}
		l, ok := t.fit(wide, b.from, width, 1, txt)
		m, also := t.fit(narrow, b.from, plotNarrow, 1, txt)
		o := label{dx: 5}
		switch {
		case ok && also && l.left == m.left:
			o.cls = "halo"
		case ok:
			o.cls = "halo wide"
		default:
			continue
		}
		if l.left {
			o.anchor, o.dx = "end", -5
		}
		s.text(t.pct(b.from), 12, o, txt)
	}
}

func (t *Timeline) ackRow(s *svg, n int8, runs []ackRun, y, width float64, known bool) {
	name := t.rowStory(n)
	x := t.pct(runs[0].from)
	l := label{cls: "k halo"}
	if x/100*width+px(name)*1.05 > width {
		x, l.anchor = 100, "end"
	}
	s.text(x, y+12, l, name)
	for _, r := range runs {
		cls, txt, word := r.class(), "onr big", r.word(known)
		if r.lost {
			txt = "onx big"
		}
		a, b := t.pct(r.from), t.pct(r.to)
		s.rect(a, max(b-a, .5), y+18, 30, cls)
		room := (b - a) / 100 * width
		// 13 px text is about a fifth wider than the charts' usual 11 px.
		fit := func(room float64) string {
			for _, c := range []string{words.Count(r.n) + " " + word, words.Count(r.n) + " lost", words.Count(r.n)} {
				if px(c)*1.2 < room && (r.lost || !strings.HasSuffix(c, "lost")) {
					return c
				}
			}
			return ""
		}
		wide, narrow := fit(room), fit(room*360/width)
		switch {
		case wide == narrow && wide != "":
			s.text(a, y+38, label{cls: txt, dx: 7}, wide)
		case wide != "":
			s.text(a, y+38, label{cls: txt + " wide", dx: 7}, wide)
			if narrow != "" {
				s.text(a, y+38, label{cls: txt + " narrow", dx: 7}, narrow)
			}
		}
	}
	// Behind the last stretch, where it was lost: until when, and how many if that had no room inside.
	r := runs[len(runs)-1]
	if !r.lost {
		return
	}
	txt := "until " + words.AtShort(r.to)
	if (t.pct(r.to)-t.pct(r.from))/100*360 < px(words.Count(r.n)+" lost")*1.2 {
		txt = words.Count(r.n) + " lost"
	}
	if (100-t.pct(r.to))/100*360 > px(txt) {
		s.text(t.pct(r.to), y+38, label{cls: "red halo", dx: 6}, txt)
	}
}

// rowOf is the row of the picture that a node's acknowledgements belong to: its own, or its shard's.
func (t *Timeline) rowOf(n int8) int8 {
	if !t.cluster() || n < 0 {
		return n
	}
	return int8(t.shardOf(int32(n)))
}

// rowStory names a row of the picture.
func (t *Timeline) rowStory(n int8) string {
	if t.cluster() {
		return t.shardStory(int(n))
	}
	return t.nodeStory(int32(n))
}

// nodeStory names a node by its part in the first failover.
func (t *Timeline) nodeStory(n int32) string {
	name := sentences.Node(&t.h.Run, n)
	for _, f := range t.a.Result.Failovers {
		switch n {
		case f.Old:
			return name + ", the old master"
		case f.New:
			return name + ", promoted at " + words.AtShort(f.T)
		}
	}
	if int(n) < len(t.h.Run.Nodes) && n >= 0 && t.h.Run.Nodes[n].Role == history.RoleMaster {
		return name + ", master"
	}
	return name
}

func (t *Timeline) ackSentence(n int8, runs []ackRun) string {
	var parts []string
	for _, r := range runs {
		word := "that survived"
		if r.lost {
			word = "that were lost"
		} else if !t.a.Result.Writes.Known || r.untold == r.n {
			word = "of unknown fate"
		} else if r.untold > 0 {
			word = fmt.Sprintf("that survived, as far as that can be told (of %s it cannot)", words.Count(r.untold))
		}
		parts = append(parts, fmt.Sprintf("%s %s from %s to %s", words.Count(r.n), word, words.AtShort(r.from), words.AtShort(r.to)))
	}
	return fmt.Sprintf("%s acknowledged %s", t.rowStory(n), strings.Join(parts, ", "))
}
