package checker

import (
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// moment is a time that is known to lie between two, both included, ns on the run's clock.
type moment struct{ lo, hi int64 }

// lostOutside counts the lost writes that were surely acknowledged outside a promise's window, and at most those that may have been. The
// window begins when the first rule of its fault was applied and ends when the last was removed (checkers.md, "Windows").
func (c *check) lostOutside(w *result.Window) result.Value {
	lost := c.value("lost")
	if !lost.Measured() {
		return lost
	}
	from, ok1 := c.moment(w.From)
	to, ok2 := c.moment(w.To)
	if !ok1 || !ok2 {
		return result.Unmeasured("a moment of its window did not come: " + w.From.Words(len(c.h.Faults)) + ", " + w.To.Words(len(c.h.Faults)))
	}
	hit := c.windowShards(w)
	if !c.acked(from.lo, to.hi, hit) {
		return result.Unmeasured("no write was acknowledged within its window")
	}
	if lost.Hi == 0 {
		return lost
	}
	var surely, edge, maybe float64
	ops := &c.h.Ops
	for i, f := range c.a.Fate {
		// Between the first rule and its proof, and between the call for the heal and its proof, the fault may have been there.
		if f != result.FateLost && f != result.FateMasked {
			continue
		}
		inside := hit == nil || hit[c.shardOfOp(i)]
		if inside && ops.Return[i] >= from.lo && ops.Call[i] <= to.hi {
			continue
		}
		switch {
		case f == result.FateLost && !inside:
			surely++
		case f == result.FateMasked:
			maybe++
		case ops.Call[i] > to.hi || c.reached(i, from.lo):
			surely++
		default:
			edge++ // on its way when the fault came
		}
	}
	why := c.unsureLoss()
	if edge > 0 {
		why = "some were on their way to the replicas when the fault came"
	}
	return result.Between(surely, surely+edge+min(maybe, lost.Hi-float64(c.told())), why)
}

// windowShards are the shards that a window is about: those that its faults hit. nil where there are none, or the faults hit no server.
func (c *check) windowShards(w *result.Window) map[int]bool {
	var ids []int
	for _, a := range []result.Anchor{w.From, w.To} {
		if a.Fault > 0 {
			ids = append(ids, a.Fault)
		}
	}
	if c.s.slots == nil || len(ids) == 0 {
		return nil
	}
	return c.hit(ids...)
}

// acked reports whether a write that leaves something was acknowledged within a time, by one of these shards where there are any.
func (c *check) acked(from, to int64, shards map[int]bool) bool {
	ops := &c.h.Ops
	for i, f := range ops.F {
		if f.IsWrite() && ops.Outcome[i] == history.OK && ops.Return[i] >= from && ops.Call[i] <= to && leaves(ops, i) && (shards == nil || shards[c.shardOfOp(i)]) {
			return true
		}
	}
	return false
}

// onItsWay is how long before a fault a write may have been acknowledged and yet not have reached every replica when it came, ns: two
// samples apart. What replicas had not got by then lagged for another reason.
const onItsWay = int64(100e6)

// reached reports whether a write that was acknowledged before t had surely reached every replica by then, or should have long before.
// One that was on its way when a fault came is part of what the fault did.
func (c *check) reached(i int, t int64) bool {
	ops := &c.h.Ops
	if ops.Return[i] < t-onItsWay || len(c.h.Samples) == 0 {
		return true
	}
	n := int32(ops.Node[i])
	m := c.s.after(n, ops.Return[i])
	if m == nil || m.Role != history.RoleMaster || m.Call >= t {
		return false // its offset is not known
	}
	for _, r := range c.s.withAt(n, ops.Return[i]).servers {
		if s := c.s.at(r, t); r != n && s != nil && s.Role == history.RoleReplica && s.ReplID == m.ReplID && s.Offset < m.Offset {
			return false
		}
	}
	return true
}

// moment is when an anchor came to be.
func (c *check) moment(a result.Anchor) (m moment, ok bool) {
	from, to := load(c.h)
	switch a.At {
	case "start":
		m, ok = moment{from, from}, true
	case "end":
		to = max(to, c.h.End)
		m, ok = moment{to, to}, true
	default:
		f := c.fault(a.Fault)
		if f == nil || f.Effect == 0 {
			return moment{}, false
		}
		switch a.At {
		case "effect":
			m, ok = moment{begin(f), f.Effect}, true
		case "heal":
			m, ok = healOf(f)
		case "promotion":
			for _, g := range c.groupsHit(a.Fault) {
				for _, p := range g.promoted {
					if p.t > f.Effect && (!ok || p.t < m.hi) {
						m, ok = moment{min(p.from, p.t), p.t}, true
					}
				}
			}
		}
	}
	d := a.Offset.Nanoseconds()
	return moment{m.lo + d, m.hi + d}, ok
}

// groupsHit are the groups of which a fault hit a node; all where there is but one, or it hit none.
func (c *check) groupsHit(fault int) []*group {
	hit := map[int]bool(nil)
	if c.s.slots != nil {
		hit = c.hit(fault)
	}
	if hit == nil {
		return c.s.groups
	}
	var out []*group
	for _, g := range c.s.groups {
		if hit[g.shard] {
			out = append(out, g)
		}
	}
	return out
}

// healOf is when a fault was healed.
func healOf(f *history.Fault) (m moment, ok bool) {
	if f.Healed == 0 {
		return moment{}, false
	}
	m = moment{f.Healed, f.Healed}
	if f.HealCalled > 0 {
		m.lo = min(f.HealCalled, f.Healed)
	}
	return m, true
}
