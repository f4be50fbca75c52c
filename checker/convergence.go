package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// convergence compares what every node holds after the barrier.
func (c *check) convergence() {
	cv := &c.a.Result.Convergence
	cv.Took = -1
	held, t, _ := barrier(c.h)
	cv.Barrier = held
	cv.Nodes = c.fin.nodes
	if !held {
		return
	}
	healed := c.lastHealed()
	unlevel, level := c.level(healed, t)
	cv.Took = max(0, level-healed)
	cv.Value = Between(secondsOf(max(0, unlevel-healed)), secondsOf(max(0, level-c.lastHealCalled())), "it came to be between two looks")
	c.x.looks("divergent", "bad_reply")
	c.badReplies()
	divergent := note{class: "divergent"}
	// Dumps stand by key, then node.
	for from := 0; from < len(c.h.Dumps); {
		to := from
		var of []*history.Dump
		for ; to < len(c.h.Dumps) && c.h.Dumps[to].Key == c.h.Dumps[from].Key; to++ {
		}
		of = c.fin.byKey[c.h.Dumps[from].Key]
		if len(of) > 0 {
			cv.Keys++
			if c.differ(of) {
				d := describe(of)
				cv.Divergent++
				divergent.count(fmt.Sprintf("%s is not the same on %s", d.Key, strings.Join(c.names(d.Nodes), ", ")))
				if len(cv.Sample) < 20 {
					cv.Sample = append(cv.Sample, d)
				}
			}
		}
		from = to
	}
	c.x.notes([]note{divergent})
	if cv.Keys == 0 {
		c.x.unsure("divergent", "no key was there to compare")
	}
}

// names are the names of nodes.
func (c *check) names(ns []int32) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = c.node(n)
	}
	return out
}

// lastHealed is the last heal, or without one the load's end.
func (c *check) lastHealed() int64 {
	healed := int64(0)
	for i := range c.h.Faults {
		healed = max(healed, c.h.Faults[i].Healed)
	}
	if healed == 0 {
		_, healed = load(c.h)
	}
	return healed
}

// lastHealCalled is when the last heal was asked for, or without one the load's end.
func (c *check) lastHealCalled() int64 {
	called, healed := int64(0), c.lastHealed()
	for i := range c.h.Faults {
		if f := &c.h.Faults[i]; f.Healed == healed && f.HealCalled > 0 {
			called = f.HealCalled
		}
	}
	if called == 0 {
		return healed
	}
	return called
}

// badReplies counts the keys of which one node at rest gave two answers. Neither is believed.
func (c *check) badReplies() {
	n := note{class: "bad_reply"}
	for _, b := range c.fin.bad {
		was := "nothing"
		if b.first != nil {
			was = b.first.Type
		}
		n.count(fmt.Sprintf("%s: two readings of %s at rest differ (%s, then %s)", b.second.Key, c.node(b.second.Node), was, b.second.Type))
	}
	c.x.notes([]note{n})
}

// differ: a node lacks the key, or holds other content. Digest 0 equals nothing.
func (c *check) differ(ds []*history.Dump) bool {
	var there *history.Dump
	absent := c.fin.nodes - len(ds)
	for _, d := range ds {
		switch {
		case d.Type == "none":
			absent++
		case there == nil:
			there = d
		case d.Digest == 0 || d.Digest != there.Digest || d.Type != there.Type:
			return true
		}
	}
	if there == nil || absent == 0 {
		return there != nil && there.Digest == 0 && c.fin.nodes > 1
	}
	return c.mustHave(ds)
}

// expiryTold is how sure the end of a key's life is, in ns: what lies nearer to a reading may have been gone by then.
const expiryTold = int64(10e6)

// mustHave tells of a key that some nodes hold whether the others must hold it too: it does not expire, or only after they were read.
func (c *check) mustHave(ds []*history.Dump) bool {
	end, has := int64(0), map[int32]bool{}
	for _, d := range ds {
		if d.Type == "none" {
			continue
		}
		has[d.Node] = true
		if d.ExpireAt <= 0 {
			return true
		}
		end = max(end, d.ExpireAt)
	}
	for i := range c.h.Readings {
		r := &c.h.Readings[i]
		if r.Read <= 1 && !has[r.Node] && !c.h.LeftOut()[r.Node] && slices.Contains(c.s.servers, r.Node) && end*1e6 > r.WallReturn+expiryTold {
			return true
		}
	}
	return false
}

func describe(ds []*history.Dump) DivergentKey {
	k := DivergentKey{Key: ds[0].Key}
	for _, d := range ds {
		k.Nodes = append(k.Nodes, d.Node)
		text := d.Type
		if d.Elems != nil {
			text = fmt.Sprintf("%s of %d", d.Type, len(d.Elems))
			if len(d.Elems) == 1 {
				text = fmt.Sprintf("%s %d", d.Type, d.Elems[0])
			}
		}
		k.Text = append(k.Text, text)
	}
	return k
}

// level is the last look, by its call, at which some replica was not level yet after from, and the first one, by its return, at which
// every replica's link was up for good and it had reached the offset of the final master; the barrier itself where the samples do
// not tell.
func (c *check) level(from, barrier int64) (unlevel, level int64) {
	latest, gone := from, c.h.LeftOut()
	for _, g := range c.s.groups {
		master := g.finalMaster()
		for _, n := range g.servers {
			if n == master || gone[n] {
				continue
			}
			before, at := c.levelOf(n, master, from, barrier)
			unlevel = max(unlevel, before)
			if at < 0 {
				return unlevel, barrier
			}
			latest = max(latest, at)
		}
	}
	return min(unlevel, latest), min(latest, barrier)
}

func (c *check) levelOf(n, master int32, from, barrier int64) (unlevel, at int64) {
	unlevel, at = from, -1
	for _, m := range c.s.byNode[n] {
		if m.Return < from {
			continue
		}
		if m.Call > barrier {
			break
		}
		if !m.Answered || m.Role != history.RoleReplica || !m.LinkUp || m.SyncRunning {
			unlevel, at = m.Call, -1 // what it had reached before does not last
			continue
		}
		ref := c.s.at(master, m.Call)
		if at < 0 && ref != nil && ref.Role == history.RoleMaster && ref.ReplID == m.ReplID && m.Offset >= ref.Offset {
			at = m.Return
		} else if at < 0 {
			unlevel = m.Call
		}
	}
	return unlevel, at
}
