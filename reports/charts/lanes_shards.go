package charts

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// cluster tells that the run had shards.
func (t *Timeline) cluster() bool { return len(t.a.Result.Shards) > 0 }

// shardOf is the shard that a node belonged to at the start.
func (t *Timeline) shardOf(n int32) int {
	if n < 0 || int(n) >= len(t.h.Run.Nodes) {
		return -1
	}
	return t.h.Run.Nodes[n].Shard
}

// shardLanes are one lane a shard, with its nodes' roles and its writes. Those of shards in which nothing happened are folded.
func (t *Timeline) shardLanes() (ls []Lane, ss []*Series) {
	kept, lost := map[int][]int64{}, map[int][]int64{}
	c := &t.h.Ops
	for i := range c.Len() {
		if c.F[i].IsWrite() && c.Outcome[i] == history.OK && c.Flags[i]&history.FlagReplicaWrite == 0 {
			shard := t.shardOf(int32(c.Node[i]))
			if t.fate(i) == result.FateLost {
				lost[shard] = append(lost[shard], c.Return[i])
			} else {
				kept[shard] = append(kept[shard], c.Return[i])
			}
		}
	}
	for i := range t.a.Result.Shards {
		s := &t.a.Result.Shards[i]
		l, series := t.shardLane(s, kept[s.Shard], lost[s.Shard])
		if l.ID != "" {
			ls, ss = append(ls, l), append(ss, series...)
		}
	}
	return ls, ss
}

func (t *Timeline) shardLane(s *result.Shard, kept, lost []int64) (Lane, []*Series) {
	var nodes []int32
	for _, n := range s.Nodes {
		if t.shardOf(n) == s.Shard {
			nodes = append(nodes, n)
		}
	}
	const rowH, areaH = 34.0, 44.0
	h := 12 + rowH*float64(len(nodes)) + areaH
	sv := newSVG(h, t.roleSentence(nil, func(yield func(string, []reign)) {
		for _, n := range nodes {
			yield(sentences.Node(&t.h.Run, n), t.roles(n))
		}
	})+" "+t.shardSentence(s)+".")
	t.ground(sv, h)
	var ys []ylabel
	tops := map[int32]float64{}
	seen := map[string]bool{}
	for i, n := range nodes {
		y := 10 + rowH*float64(i)
		tops[n] = y
		ys = append(ys, ylabel{y + 12, sentences.Node(&t.h.Run, n)})
		for _, sp := range t.roles(n) {
			seen[sp.state] = true
			t.roleBar(sv, sp, y)
		}
	}
	t.twoMasters(sv, tops)
	up, down := t.counts(fmt.Sprintf("ws%d", s.Shard), "rate", kept), t.counts(fmt.Sprintf("wl%d", s.Shard), "rate", lost)
	per := float64(t.coarse) / 1e9
	most := max(1, peak(up.coarse)/per, peak(down.coarse)/per)
	if c := cut(per, up.coarse, down.coarse); c > 0 {
		most = min(most, c)
	}
	zero := h - 6
	sc := &scale{zero: zero, perUnit: (areaH - 12) / most, most: most}
	sv.hline(zero, "base")
	t.zoomed(sv, h)
	t.area(sv, up, sc, "a-ok")
	series := []*Series{up}
	if len(lost) > 0 {
		t.area(sv, down, sc, "a-lost")
		series = append(series, down)
	}
	sv.b.WriteString("</svg>")
	ys = append(ys, ylabel{zero - areaH + 14, words.Count(int64(math.Ceil(most)))}, ylabel{zero, "0"})
	l := Lane{ID: fmt.Sprintf("shard-%d", s.Shard), Title: t.shardTitle(s.Shard), Note: "roles; below, acknowledged writes a second", Y: yaxis(h, ys), Plot: sv.done(),
		Fold: t.shardTitle(s.Shard) + ": " + t.shardSentence(s), Open: t.eventful(s)}
	for _, k := range [][3]string{{"master", "r-m", "master"}, {"deposed", "r-x", "deposed, still master"}, {"replica", "r-r", "replica"}} {
		if seen[k[0]] {
			l.Legend = append(l.Legend, Legend{Swatch: Swatch(k[1]), Label: k[2]})
		}
	}
	if seen["down"] || seen["frozen"] || seen["silent"] || seen["loading"] || seen["unknown"] {
		l.Legend = append(l.Legend, Legend{Swatch: Swatch("r-d"), Label: "down, frozen or loading"})
	}
	l.Legend = append(l.Legend, Legend{Swatch("r-r"), "writes", up.key, words.Count(total(up))})
	if len(lost) > 0 {
		l.Legend = append(l.Legend, Legend{Swatch("r-x"), "lost", down.key, words.Count(total(down))})
	}
	return l, series
}

func (t *Timeline) shardTitle(shard int) string {
	if shard == 0 {
		return "No shard at first"
	}
	return fmt.Sprintf("Shard %d", shard)
}

// eventful tells of a shard that something happened in it, which is worth to be seen at once.
func (t *Timeline) eventful(s *result.Shard) bool {
	return s.Promotions > 0 || s.Lost > 0 || s.TwoMasters.Lo > 0 || s.Unserved.Lo > 0 || s.Foreign > 0 || len(t.a.Result.Shards) == 1
}

// shardSentence says what a shard came to, in one line.
func (t *Timeline) shardSentence(s *result.Shard) string {
	var out []string
	for _, f := range t.a.Result.Failovers {
		if f.Shard == s.Shard {
			out = append(out, fmt.Sprintf("from %s to %s at %s", sentences.Node(&t.h.Run, f.Old), sentences.Node(&t.h.Run, f.New), words.AtShort(f.T)))
		}
	}
	if len(out) == 0 {
		for _, n := range s.Nodes {
			if t.shardOf(n) == s.Shard && t.h.Run.Nodes[n].Role == history.RoleMaster {
				out = append(out, sentences.Node(&t.h.Run, n)+" master all the time")
			}
		}
	}
	switch {
	case s.Lost > 0:
		out = append(out, words.Count(s.Lost)+" lost")
	case s.LostMost == 0 && s.Acked > 0:
		out = append(out, "nothing lost")
	}
	if s.Unserved.Lo > 0 {
		out = append(out, "not served for "+words.Duration(int64(s.Unserved.Lo*1e9)))
	}
	if s.SlotsEnd != s.Slots {
		out = append(out, fmt.Sprintf("%s slots at first, %s at the end", words.Count(int64(s.Slots)), words.Count(int64(s.SlotsEnd))))
	}
	return strings.Join(out, "; ")
}

// slotLane shows how many slots nobody served over time.
func (t *Timeline) slotLane() Lane {
	r := t.a.Result.Slots
	if !t.cluster() || r == nil || r.Views == 0 {
		return Lane{}
	}
	const h, top = 64.0, 14.0
	zero := h - 6
	most := history.Slots / 20
	for _, u := range r.Unserved {
		most = max(most, u.Hi)
	}
	k := (zero - top) / float64(most)
	say := "Every slot was served all the time."
	if len(r.Unserved) > 0 {
		say = fmt.Sprintf("Up to %s of the slots were served by nobody.", words.Share(int64(peakOf(r.Unserved)), history.Slots))
	}
	s := newSVG(h, say)
	t.ground(s, h)
	s.hline(zero, "base")
	for _, u := range r.Unserved {
		from, to := t.clamp(u.From), t.clamp(u.To)
		if to <= from {
			continue
		}
		if u.Hi > u.Lo {
			t.span(s, from, to, zero-float64(u.Hi)*k, float64(u.Hi-u.Lo)*k, "r-l2")
		}
		if u.Lo > 0 {
			t.span(s, from, to, zero-float64(u.Lo)*k, float64(u.Lo)*k, "r-x")
		}
	}
	if i := slices.IndexFunc(r.Unserved, func(u result.Unserved) bool { return u.Lo == peakOf(r.Unserved) && u.Lo > 0 }); i >= 0 {
		to := r.Unserved[i].To
		t.ttext(s, t.clamp(to), top+8, label{cls: "red halo", dx: 6}, words.Share(int64(r.Unserved[i].Lo), history.Slots)+" of the slots")
	} else if len(r.Unserved) == 0 {
		s.text(0, zero-12, label{dx: 4}, "none")
	}
	ys := []ylabel{{top, words.Share(int64(most), history.Slots)}, {zero, "0"}}
	l := Lane{ID: "slots", Title: "Slots served by nobody", Note: "by the servers' own views", Y: yaxis(h, ys), Plot: s.done()}
	if len(r.Unserved) > 0 {
		l.Legend = []Legend{{Swatch: Swatch("r-x"), Label: "surely"}, {Swatch: Swatch("r-l2"), Label: "perhaps"}}
	}
	return l
}

// peakOf is the most slots that surely nobody served at once.
func peakOf(us []result.Unserved) (n int) {
	for _, u := range us {
		n = max(n, u.Lo)
	}
	return n
}

// shardStory names a shard by its failover, if it had one.
func (t *Timeline) shardStory(shard int) string {
	name := t.shardTitle(shard)
	for _, f := range t.a.Result.Failovers {
		if f.Shard == shard {
			return fmt.Sprintf("%s: %s, from %s on %s", name, sentences.Node(&t.h.Run, f.Old), words.AtShort(f.T), sentences.Node(&t.h.Run, f.New))
		}
	}
	for i, n := range t.h.Run.Nodes {
		if n.Shard == shard && n.Role == history.RoleMaster && n.Kind == history.Server {
			return name + ": " + sentences.Node(&t.h.Run, int32(i))
		}
	}
	return name
}

// shownShards are the shards that the picture has room for: first those in which something happened.
func (t *Timeline) shownShards(rows []int8) []int8 {
	const most = 4
	rank := func(n int8) int {
		for i := range t.a.Result.Shards {
			if s := &t.a.Result.Shards[i]; s.Shard == int(n) && t.eventful(s) {
				return 0
			}
		}
		return 1
	}
	slices.SortStableFunc(rows, func(a, b int8) int { return rank(a) - rank(b) })
	rows = rows[:min(len(rows), most)]
	slices.Sort(rows)
	return rows
}

// PictureTitle says what the rows of the picture are.
func (t *Timeline) PictureTitle() string {
	if !t.cluster() {
		return "Who acknowledged writes, and what became of them"
	}
	if n := len(t.a.Result.Shards); n > 4 {
		return fmt.Sprintf("Acknowledged writes of 4 of %d shards, and what became of them", n)
	}
	return "Acknowledged writes by shard, and what became of them"
}

// ShardTable has a row a shard, nil without a Cluster.
func ShardTable(h *history.History, r *result.Result) *frame.Table {
	if len(r.Shards) == 0 {
		return nil
	}
	ft := &frame.Table{Title: "By shard", Head: frame.Heads("Shard", "Nodes", ">Slots", ">Acknowledged", ">Lost", ">Not served", ">RTA", ">Longest write gap", ">Two masters", ">Stalest read")}
	for i := range r.Shards {
		s := &r.Shards[i]
		var nodes []string
		for _, n := range s.Nodes {
			nodes = append(nodes, sentences.Node(&h.Run, n))
		}
		name := fmt.Sprint(s.Shard)
		if s.Shard == 0 {
			name = "none at first"
		}
		ft.Row(name, strings.Join(nodes, ", "), words.Count(int64(s.Slots)), words.Count(s.Acked), shardLost(s), span(s.Unserved), span(s.RTA), span(s.WriteGap), span(s.TwoMasters), span(s.Stalest))
		row := ft.Rows[len(ft.Rows)-1]
		if s.SlotsEnd != s.Slots {
			row[2].Small = words.Count(int64(s.SlotsEnd)) + " at the end"
		}
		if s.Promotions > 0 {
			row[0].Small = words.Plural(int64(s.Promotions), "failover", "failovers")
		}
		if s.Lost > 0 {
			ft.Mark(4, "bad")
		}
	}
	return ft
}

func shardLost(s *result.Shard) string {
	switch {
	case s.LostMost < 0:
		return words.Dash
	case s.LostMost <= s.Lost:
		return words.Count(s.Lost)
	case s.Lost == 0:
		return "up to " + words.Count(s.LostMost)
	}
	return words.Count(s.Lost) + " to " + words.Count(s.LostMost)
}

// span writes a value in seconds.
func span(v result.Value) string {
	if !v.Measured() {
		return words.Dash
	}
	m, _ := result.MeasureOf("rta")
	return m.Interval(v)
}

// MoveTable lists the slots that went from one shard to another, and what is not judged because of that; nil for none.
func MoveTable(r *result.Result) *frame.Table {
	if r.Slots == nil || len(r.Slots.Moves)+len(r.Slots.Unjudged) == 0 {
		return nil
	}
	ft := &frame.Table{Title: "Slots that moved", Head: frame.Heads("From", "To", ">Slots", ">Began after", ">Over before", ">Keys that lost writes")}
	for _, m := range r.Slots.Moves {
		over := words.At(m.To)
		if m.To == history.Inf {
			over = "not until the end"
		}
		lost := words.Count(m.LostKeys)
		if m.LostMost > m.LostKeys {
			lost = fmt.Sprintf("%s to %s", lost, words.Count(m.LostMost))
		}
		ft.Row(fmt.Sprintf("shard %d", m.OldShard), fmt.Sprintf("shard %d", m.NewShard), words.Count(int64(m.Slots)), words.At(max(m.From, 0)), over, lost)
		if m.LostKeys > 0 {
			ft.Mark(5, "bad")
		}
	}
	if len(r.Slots.Unjudged) > 0 {
		ft.Note = "Not judged: " + strings.Join(r.Slots.Unjudged, "; ") + "."
	}
	return ft
}
