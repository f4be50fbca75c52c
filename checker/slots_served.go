package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// A server serves a slot while its own view says that the cluster is well and that it is the slot's master, and while it answers as one.
// Both have a time in which it was surely so and one in which it may have been; what nobody served surely lies outside of all of the
// latter, and two masters served a slot at once only where their sure times meet.

// served is when one node served one atom.
type served struct {
	node        int32
	sure, maybe []result.Gap
}

// service is who served which atom, by atom.
type service struct {
	c         *check
	by        [][]served
	from, end int64
}

func (c *check) newService(from, end int64) *service {
	s := &service{c: c, by: make([][]served, len(c.s.slots.atoms)), from: from, end: end}
	views := map[int32][]*history.View{}
	for i := range c.h.Views {
		v := &c.h.Views[i]
		views[v.Node] = append(views[v.Node], v)
	}
	for _, n := range c.s.servers {
		sure, maybe := reignBounds(c.s.byNode[n], from, end)
		first := c.h.Run.Nodes[n].Role == history.RoleMaster // as it was started
		if ms := c.s.byNode[n]; first && len(sure) > 0 && sure[0].From == ms[0].Return {
			sure[0].From = min(sure[0].From, from)
		}
		for a, claim := range c.claims(views[n], first) {
			if len(claim.maybe) == 0 {
				continue
			}
			x := served{n, meet(sure, claim.sure), meet(maybe, claim.maybe)}
			if len(x.maybe) > 0 {
				s.by[a] = append(s.by[a], x)
			}
		}
	}
	return s
}

// claims are, by atom, when a node's own views said that it serves it; first: it was a master from the start.
func (c *check) claims(views []*history.View, first bool) []served {
	out := make([]served, len(c.s.slots.atoms))
	type begun struct{ sure, maybe int64 }
	open := make([]*begun, len(out))
	mine := make([]bool, len(out))
	for i, v := range views {
		clear(mine)
		before := c.s.unseen(v)
		if self := v.Self(); claimsSlots(v) {
			for _, r := range self.Slots {
				for a := int(c.s.slots.of[r.From]); a <= int(c.s.slots.of[r.To]); a++ {
					mine[a] = true
				}
			}
		}
		for a := range out {
			switch {
			case mine[a] && open[a] == nil:
				open[a] = &begun{v.Return, before}
				if i == 0 {
					open[a].maybe = minTime
				}
				if i == 0 && first {
					open[a].sure = minTime // the run's record says the same of the start
				}
			case !mine[a] && open[a] != nil:
				if to := before; to > open[a].sure {
					out[a].sure = append(out[a].sure, result.Gap{From: open[a].sure, To: to})
				}
				out[a].maybe = append(out[a].maybe, result.Gap{From: open[a].maybe, To: v.Return})
				open[a] = nil
			}
		}
	}
	for a := range out {
		if open[a] != nil {
			out[a].sure = append(out[a].sure, result.Gap{From: open[a].sure, To: history.Inf})
			out[a].maybe = append(out[a].maybe, result.Gap{From: open[a].maybe, To: history.Inf})
		}
	}
	return out
}

// claimsSlots tells of a view that its node would serve the slots that it names its own.
func claimsSlots(v *history.View) bool {
	self := v.Self()
	return v.OK && self != nil && self.Role == history.RoleMaster && len(self.Slots) > 0
}

// rests is what a time has beside the union of gaps, which it sorts.
func rests(gs []result.Gap, from, end int64) (out []result.Gap) {
	slices.SortFunc(gs, func(a, b result.Gap) int { return cmp.Compare(a.From, b.From) })
	at := from
	for _, g := range gs {
		if g.From > at && at < end {
			out = append(out, result.Gap{From: at, To: min(g.From, end)})
		}
		at = max(at, g.To)
	}
	if at < end {
		out = append(out, result.Gap{From: at, To: end})
	}
	return out
}

// idle is when nobody served an atom: surely, and perhaps.
func (s *service) idle(a int) (sure, maybe []result.Gap) {
	var all, some []result.Gap
	for _, x := range s.by[a] {
		all, some = append(all, x.sure...), append(some, x.maybe...)
	}
	return rests(some, s.from, s.end), rests(all, s.from, s.end)
}

// twice is when two nodes served an atom at once: surely, and perhaps; and the first pair that surely did.
func (s *service) twice(a int) (sure, maybe []result.Gap, pair result.Pair) {
	for i, x := range s.by[a] {
		for _, y := range s.by[a][:i] {
			both := meet(x.sure, y.sure)
			if len(both) > 0 && len(sure) == 0 {
				pair = result.Pair{A: y.node, B: x.node}
			}
			sure, maybe = append(sure, both...), append(maybe, meet(x.maybe, y.maybe)...)
		}
	}
	return sure, maybe, pair
}

// steps are how many slots nobody served over time.
func (s *service) steps() []result.Unserved {
	type edge struct {
		t      int64
		lo, hi int
	}
	var es []edge
	for a := range s.by {
		n := s.c.s.slots.atoms[a].slots()
		sure, maybe := s.idle(a)
		for _, g := range sure {
			es = append(es, edge{g.From, n, 0}, edge{g.To, -n, 0})
		}
		for _, g := range maybe {
			es = append(es, edge{g.From, 0, n}, edge{g.To, 0, -n})
		}
	}
	slices.SortFunc(es, func(a, b edge) int { return cmp.Compare(a.t, b.t) })
	var out []result.Unserved
	lo, hi := 0, 0
	for i, e := range es {
		lo, hi = lo+e.lo, hi+e.hi
		if i+1 < len(es) && es[i+1].t > e.t && hi > 0 {
			out = append(out, result.Unserved{From: e.t, To: es[i+1].t, Lo: lo, Hi: hi})
		}
	}
	return out
}

// longestUnserved is the longest time without a break in which some slot was served by nobody, in ns: surely, and perhaps.
func longestUnserved(us []result.Unserved) (lo, hi int64) {
	run := func(has func(u *result.Unserved) bool) (most int64) {
		from, to := int64(-1), int64(-1)
		for i := range us {
			switch u := &us[i]; {
			case !has(u):
				continue
			case from < 0 || u.From > to:
				from, to = u.From, u.To
			default:
				to = u.To
			}
			most = max(most, to-from)
		}
		return most
	}
	return run(func(u *result.Unserved) bool { return u.Lo > 0 }), run(func(u *result.Unserved) bool { return u.Hi > 0 })
}

// slotsServed measures which slots were served by nobody, and by two masters at once.
func (c *check) slotsServed() {
	if c.s.slots == nil {
		return
	}
	r := &c.a.Result
	r.Slots = &result.SlotsReport{Views: len(c.h.Views)}
	if len(c.h.Views) == 0 || len(c.h.Samples) == 0 {
		return
	}
	from, to := c.judged()
	r.Slots.Unserved = c.newService(from, to).steps()
	end := c.h.End
	if c.harness != nil {
		end = min(end, c.harness.T)
	}
	c.serving = c.newService(from, end)
	c.x.looks("slot_two_masters")
	n := note{class: "slot_two_masters"}
	for a := range c.serving.by {
		at := &c.s.slots.atoms[a]
		sure, _, pair := c.serving.twice(a)
		if len(sure) == 0 {
			continue
		}
		if n.n == 0 {
			n.text = fmt.Sprintf("slots %d to %d: %s and %s both served them at %s", at.from, at.to, c.node(pair.A), c.node(pair.B), words.At(sure[0].From))
		}
		n.n += int64(at.slots())
	}
	c.x.notes([]note{n})
}

// slotMeasures are those of the slots; there are none without a Cluster.
func (c *check) slotMeasures(set func(string, result.Value)) {
	r := &c.a.Result
	if r.Slots == nil {
		return
	}
	share, long := result.Unmeasured("no server's view of the cluster was recorded"), result.Unmeasured("no server's view of the cluster was recorded")
	if c.serving != nil {
		lo, hi := 0, 0
		for _, u := range r.Slots.Unserved {
			lo, hi = max(lo, u.Lo), max(hi, u.Hi)
		}
		least, most := longestUnserved(r.Slots.Unserved)
		const why = "what a server served is known at its looks only"
		share = result.Between(float64(lo)/history.Slots, float64(hi)/history.Slots, why)
		long = result.Between(secondsOf(least), secondsOf(most), why)
		if _, to := c.judged(); len(r.Slots.Unserved) > 0 && r.Slots.Unserved[len(r.Slots.Unserved)-1].To >= to && r.Slots.Unserved[len(r.Slots.Unserved)-1].Hi > 0 {
			long = result.AtLeast(secondsOf(least), "some slots were still served by nobody when what can be judged ended")
		}
	}
	set("unserved", share)
	set("unserved_for", long)
}
