package charts

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// spell is a time in which a worker was answered in one way.
type spell struct {
	from, to int64
	state    int // 0 answered, 1 answered then lost, 2 answered but stale, 3 no ok reply
}

const noReply = 100 * 1e6 // ns without an ok reply that show as a gap

// spells turns a worker's ok replies into what to draw. Sparse load raises the gap that counts, or it would look like an outage.
func (a *answers) spells(end int64) []spell {
	idx := make([]int32, len(a.t))
	for i := range idx {
		idx[i] = int32(i)
	}
	slices.SortFunc(idx, func(x, y int32) int {
		switch {
		case a.t[x] < a.t[y]:
			return -1
		case a.t[x] > a.t[y]:
			return 1
		}
		return 0
	})
	gap := int64(noReply)
	if n := int64(len(idx)); n > 0 {
		gap = max(gap, (a.last-a.first)/n*12)
	}
	var out []spell
	push := func(s spell) {
		if n := len(out); n > 0 && out[n-1].state == s.state && out[n-1].to >= s.from-1 {
			out[n-1].to = s.to
			return
		}
		out = append(out, s)
	}
	const bin = 100 * 1e6
	prev := a.first
	for i := 0; i < len(idx); {
		t := a.t[idx[i]]
		if t-prev >= gap {
			push(spell{prev, t, 3})
			prev = t
		}
		// What most replies of the next tenth of a second came to.
		var n [3]int
		stop := t + bin
		last := t
		j := i
		for ; j < len(idx) && a.t[idx[j]] < stop; j++ {
			if a.t[idx[j]]-last >= gap {
				break
			}
			last = a.t[idx[j]]
			n[a.state[idx[j]]]++
		}
		state := 0
		for k := 1; k < 3; k++ {
			if n[k]*2 > j-i {
				state = k
			}
		}
		push(spell{prev, last, state})
		prev, i = last, j
	}
	if tail := min(a.last, end); tail-prev >= gap {
		push(spell{prev, tail, 3})
	}
	return out
}

func (t *Timeline) availLane(g *gathered) Lane {
	var keys []answerKey
	for k := range g.answered {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].write != keys[j].write {
			return keys[i].write
		}
		return keys[i].worker < keys[j].worker
	})
	if len(keys) == 0 || len(keys) > 12 {
		return Lane{}
	}
	const rowH = 29.0
	h := rowH*float64(len(keys)) + 8
	type drawn struct {
		name   string
		spells []spell
	}
	var rows []drawn
	var say []string
	for _, k := range keys {
		name := "Reads"
		if k.write {
			name = "Writes"
		}
		if k.worker >= 0 {
			name += ", " + sentences.Node(&t.h.Run, int32(k.worker))
		}
		sp := g.answered[k].spells(t.t1)
		rows = append(rows, drawn{name, sp})
		say = append(say, name+": "+spellSentence(sp))
	}
	s := newSVG(h, strings.Join(say, ". ")+".")
	t.ground(s, h)
	seen := [4]bool{}
	cls := [4]string{"r-r", "r-x", "a-st", "gap"}
	for i, r := range rows {
		y := rowH*float64(i) + 17
		s.text(0, y-4, label{cls: "halo"}, r.name)
		var labels, narrow []float64
		place(&labels, 0, px(r.name))
		place(&narrow, 0, px(r.name))
		for _, sp := range r.spells {
			seen[sp.state] = true
			t.span(s, sp.from, sp.to, y, 9, cls[sp.state])
		}
		for _, sp := range r.spells {
			x := t.pct(sp.from) / 100 * plotWide
			switch txt := ""; sp.state {
			case 3:
				txt = words.Duration(sp.to - sp.from)
				if sp.to-sp.from >= 300e6 && place(&labels, x, px(txt)) {
					l := label{cls: "red halo"}
					if !place(&narrow, x/plotWide*plotNarrow, px(txt)) {
						l.cls += " wide"
					}
					t.ttext(s, sp.from, y-4, l, txt)
				}
			case 1, 2:
				txt = map[int]string{1: "answered, then lost", 2: "answered, but stale"}[sp.state]
				if (t.pct(sp.to)-t.pct(sp.from))/100*plotWide > px(txt) && place(&labels, x, px(txt)) {
					t.within(s, sp.from, sp.to, y-4, "red halo", txt)
				}
			}
		}
	}
	l := Lane{ID: "avail", Title: "Availability", Note: "by worker; white: 0.1 s or more without an ok reply", Y: yaxis(h, nil), Plot: s.done()}
	for i, n := range []string{"answered", "answered, then lost", "answered, stale", "no ok reply"} {
		if seen[i] {
			l.Legend = append(l.Legend, Legend{Swatch: Swatch(cls[i]), Label: n})
		}
	}
	return l
}

func spellSentence(sp []spell) string {
	var gaps, lost, stale int64
	var longest spell
	for _, s := range sp {
		switch d := s.to - s.from; s.state {
		case 3:
			gaps++
			if d > longest.to-longest.from {
				longest = s
			}
		case 1:
			lost += d
		case 2:
			stale += d
		}
	}
	out := "answered throughout"
	if gaps > 0 {
		out = fmt.Sprintf("%s without an ok reply, the longest %s from %s", words.Plural(gaps, "time", "times"), words.Duration(longest.to-longest.from), words.At(longest.from))
	}
	if lost > 0 {
		out += ", " + words.Duration(lost) + " of answers that were lost"
	}
	if stale > 0 {
		out += ", " + words.Duration(stale) + " of mostly stale answers"
	}
	return out
}

// serverNodes are the numbers of the run's servers.
func (t *Timeline) serverNodes() []int32 {
	var out []int32
	for i, n := range t.h.Run.Nodes {
		if n.Kind == history.Server {
			out = append(out, int32(i))
		}
	}
	return out
}
