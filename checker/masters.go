package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// masters looks for times in which two nodes of the setup both said they were master and answered.
func (c *check) masters() {
	m := &c.a.Result.Masters
	for _, g := range c.s.groups {
		c.reigns(g)
		m.DualAcks += c.dualAcks(g)
	}
	slices.SortStableFunc(m.Spans, func(a, b result.Reign) int { return cmp.Compare(a.From, b.From) })
	c.overlaps()
}

// reigns adds those of one group.
func (c *check) reigns(g *group) {
	var rs []result.Reign
	for _, n := range g.servers {
		spans := g.spansOf(n)
		for i := range spans {
			sp := &spans[i]
			if sp.role() != history.RoleMaster {
				continue
			}
			// Spans of one reign follow each other (link states differ); one that answers again goes on where it was.
			if k := len(rs); k > 0 && rs[k-1].Node == n && rs[k-1].To >= sp.from {
				rs[k-1].To = sp.to
				continue
			}
			rs = append(rs, result.Reign{Node: n, From: sp.from, To: sp.to, Rightful: true})
		}
	}
	m := &c.a.Result.Masters
	m.Spans = append(m.Spans, g.depose(rs)...)
}

// depose splits each reign at the promotion of another node: from then on it is no longer rightful.
func (g *group) depose(rs []result.Reign) []result.Reign {
	var out []result.Reign
	for _, r := range rs {
		at := r.To
		for _, p := range g.promoted {
			if p.node != r.Node && p.t < at && (p.t > r.From || g.promotedSince(r.Node) < p.t) {
				at = max(p.t, r.From)
			}
		}
		if at > r.From {
			out = append(out, result.Reign{Node: r.Node, From: r.From, To: at, Rightful: true})
		}
		if at < r.To {
			out = append(out, result.Reign{Node: r.Node, From: at, To: r.To})
		}
	}
	return out
}

// promotedSince is when a node was last promoted, -1 for never: the first master was not.
func (g *group) promotedSince(n int32) int64 {
	t := int64(-1)
	for _, p := range g.promoted {
		if p.node == n {
			t = p.t
		}
	}
	return t
}

func (c *check) overlaps() {
	m := &c.a.Result.Masters
	from, _ := load(c.h)
	end := c.h.End
	if c.harness != nil {
		end = min(end, c.harness.T)
	}
	for i, a := range m.Spans {
		for _, b := range m.Spans[i+1:] {
			if a.Node == b.Node || c.s.withAt(a.Node, a.From) != c.s.withAt(b.Node, b.From) {
				continue
			}
			for _, g := range c.bothServe(a.Node, b.Node, result.Gap{From: max(a.From, b.From), To: min(a.To, b.To, end)}) {
				m.Windows = append(m.Windows, g)
				m.Pairs = append(m.Pairs, result.Pair{A: a.Node, B: b.Node})
			}
		}
	}
	var least, most int64
	if c.serving != nil {
		least, most = c.twoOfSlots(from, end)
	} else {
		for _, g := range c.s.groups {
			l, h := g.twoMasters(from, end)
			least, most = least+l, most+h
		}
	}
	m.TwoWritable = union(slices.Clone(m.Windows))
	m.Two = result.Between(secondsOf(least), secondsOf(most), "a node's role is known at its looks only")
	if c.harness != nil {
		m.Two = result.AtLeast(secondsOf(least), "what comes after "+words.At(end)+" is schism's own doing")
	}
}

// bothServe is the part of a time in which two masters both would serve what is asked of them: all of it, but in a Cluster, where a master
// that its own view holds for cut off from the majority refuses.
func (c *check) bothServe(a, b int32, g result.Gap) []result.Gap {
	if g.Len() <= 0 {
		return nil
	}
	if c.serving == nil {
		return []result.Gap{g}
	}
	return meet(meet(c.serves(a), c.serves(b)), []result.Gap{g})
}

// serves are the times between a Cluster node's views in which the earlier one says that it serves slots.
func (c *check) serves(n int32) (out []result.Gap) {
	for i := range c.h.Views {
		v := &c.h.Views[i]
		if v.Node != n {
			continue
		}
		if k := len(out); k > 0 && out[k-1].To == history.Inf {
			out[k-1].To = v.Call
		}
		if claimsSlots(v) {
			if k := len(out); k > 0 && out[k-1].To == v.Call {
				out[k-1].To = history.Inf
			} else {
				out = append(out, result.Gap{From: v.Call, To: history.Inf})
			}
		}
	}
	return out
}

// twoOfSlots bounds the time in ns in which some slot had two masters at once.
func (c *check) twoOfSlots(from, end int64) (least, most int64) {
	var both, either []result.Gap
	load := []result.Gap{{From: from, To: end}}
	for a := range c.serving.by {
		sure, maybe, _ := c.serving.twice(a)
		both, either = append(both, clipped(sure, load)...), append(either, clipped(maybe, load)...)
	}
	return union(both), union(either)
}

// union is the length of the union of intervals, ns. It sorts them.
func union(gs []result.Gap) int64 {
	slices.SortFunc(gs, func(a, b result.Gap) int { return cmp.Compare(a.From, b.From) })
	var total, end int64
	for i, g := range gs {
		if i == 0 || g.From > end {
			total += g.Len()
			end = g.To
		} else if g.To > end {
			total += g.To - end
			end = g.To
		}
	}
	return total
}

// dualAcks counts acks by a deposed master of writes that were called after its successor's first ack.
func (c *check) dualAcks(g *group) int64 {
	ops := &c.h.Ops
	var n int64
	for _, p := range g.promoted {
		first := history.Inf
		for i := range ops.F {
			if int32(ops.Node[i]) == p.node && ops.Call[i] >= p.t && ops.Outcome[i] == history.OK && ops.IsWrite(i) {
				first = min(first, ops.Return[i])
			}
		}
		for i := range ops.F {
			if p.old >= 0 && int32(ops.Node[i]) == p.old && ops.Call[i] > first && ops.Outcome[i] == history.OK && ops.IsWrite(i) && c.s.roleOf(p.old, ops.Call[i], p.replID) {
				n++
			}
		}
	}
	return n
}

// roleOf reports whether the node still held the old branch at that time.
func (s *states) roleOf(n int32, t int64, replID string) bool {
	m := s.at(n, t)
	return m != nil && m.Role == history.RoleMaster && m.ReplID == replID
}
