package checker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/checker/result"
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
	unlevel, level := c.levelIn(c.s.groups, healed, t)
	cv.Took = max(0, level-healed)
	cv.Value = result.Between(secondsOf(max(0, unlevel-healed)), secondsOf(max(0, level-c.lastHealCalled())), "it came to be between two looks")
	c.x.looks("divergent", "bad_reply")
	c.badReplies()
	divergent := note{class: "divergent"}
	// Dumps stand by key, then node.
	for from := 0; from < len(c.h.Dumps); {
		to := from
		for ; to < len(c.h.Dumps) && c.h.Dumps[to].Key == c.h.Dumps[from].Key; to++ {
		}
		if hs := c.holdings(c.h.Dumps[from].Key); len(hs) > 0 {
			cv.Keys++
			if differ(hs) {
				d := describe(c.h.Dumps[from].Key, hs)
				cv.Divergent++
				c.differing[c.s.groupOf(d.Key).shard]++
				divergent.count(c.divergence(&d))
				if len(cv.Sample) < 20 {
					cv.Sample = append(cv.Sample, d)
				}
			}
		}
		from = to
	}
	c.x.notes([]note{divergent})
	c.strangers = c.foreign()
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

// nodeHolds is what one node holds of a key; dump is nil where it has none.
type nodeHolds struct {
	node int32
	dump *history.Dump
}

// holdings are what the nodes of a key's group that were read hold of it, as far as they must agree: without those where it is gone and may
// have expired by the time they were read. None where nothing is left to compare.
func (c *check) holdings(key string) []nodeHolds {
	of := map[int32]*history.Dump{}
	members := c.s.groupOf(key).members()
	end := int64(-1) // when the key is gone by its time to live on every node, Unix ms; Inf for never
	for _, d := range c.fin.byKey[key] {
		if d.Type == "none" || !slices.Contains(members, d.Node) {
			continue // what lies elsewhere is no part of it
		}
		of[d.Node] = d
		if d.ExpireAt <= 0 {
			end = history.Inf
		}
		end = max(end, d.ExpireAt)
	}
	if len(of) == 0 {
		return nil
	}
	var hs []nodeHolds
	nodes, out := 0, c.h.LeftOut()
	for _, n := range members {
		if out[n] {
			continue
		}
		nodes++
		if of[n] != nil || end == history.Inf || c.mustHave(n, end) {
			hs = append(hs, nodeHolds{n, of[n]})
		}
	}
	if len(hs) < min(2, nodes) {
		return nil
	}
	return hs
}

// expiryTold is how sure the end of a key's life is, in ns: what lies nearer to a reading may have been gone by then.
const expiryTold = int64(10e6)

// mustHave tells of a node that lacks a key whether the key's life, as others tell it, ended only after the node was read.
func (c *check) mustHave(n int32, end int64) bool {
	return slices.ContainsFunc(c.h.Readings, func(r history.Reading) bool { return r.Node == n && r.Read <= 1 && end*1e6 > r.WallReturn+expiryTold })
}

// differ: a node lacks the key, or holds other content. Digest 0 equals nothing.
func differ(hs []nodeHolds) bool {
	for _, h := range hs[1:] {
		a, b := hs[0].dump, h.dump
		if a == nil || b == nil || a.Digest == 0 || a.Digest != b.Digest || a.Type != b.Type {
			return true
		}
	}
	return false
}

func describe(key string, hs []nodeHolds) result.DivergentKey {
	k := result.DivergentKey{Key: key}
	all := map[int64]bool{} // every element that some node holds
	for _, h := range hs {
		if h.dump != nil {
			for _, e := range h.dump.Elems {
				all[e] = true
			}
		}
	}
	for _, h := range hs {
		k.Nodes = append(k.Nodes, h.node)
		k.Text = append(k.Text, h.words(all))
	}
	return k
}

// words say what a node holds of a key: its one value, or how many elements and which of those that others hold it lacks.
func (h nodeHolds) words(all map[int64]bool) string {
	d := h.dump
	switch {
	case d == nil:
		return "nothing"
	case d.Elems == nil:
		return d.Type
	case len(d.Elems) == 1:
		return fmt.Sprintf("%s %d", d.Type, d.Elems[0])
	}
	text := fmt.Sprintf("%s of %d", d.Type, len(d.Elems))
	has := map[int64]bool{}
	for _, e := range d.Elems {
		has[e] = true
	}
	var lacks []int64
	for e := range all {
		if !has[e] {
			lacks = append(lacks, e)
		}
	}
	if len(lacks) == 0 {
		return text
	}
	slices.Sort(lacks)
	var names []string
	for _, e := range lacks[:min(3, len(lacks))] {
		names = append(names, strconv.FormatInt(e, 10))
	}
	text += ", without " + strings.Join(names, ", ")
	if more := len(lacks) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// divergence says which nodes hold what of a key: "s: n1 holds set of 5; n2, n3 hold set of 4, without 17".
func (c *check) divergence(d *result.DivergentKey) string {
	var parts []string
	for i, text := range d.Text {
		if slices.Index(d.Text, text) != i {
			continue // said with the first that holds it
		}
		var who []int32
		for j, n := range d.Nodes {
			if d.Text[j] == text {
				who = append(who, n)
			}
		}
		parts = append(parts, strings.Join(c.names(who), ", ")+" "+plural(int64(len(who)), "holds ", "hold ")+text)
	}
	text := d.Key + ": " + strings.Join(parts, "; ")
	if len(parts) == 1 { // the elements are the same: their order or times to live differ, or what is no integer
		text += ", but not in the same state"
	}
	return text
}

// levelIn bounds, for some groups, the moment at which every replica's link was up for good and it had what the final master had then: after the last look
// at which that was surely not so, by its call, and before the first at which it surely was, by its return; the barrier itself
// where the samples do not tell.
func (c *check) levelIn(groups []*group, from, barrier int64) (unlevel, level int64) {
	unlevel, level = from, from
	gone := c.h.LeftOut()
	for _, g := range groups {
		master := g.finalMaster()
		for _, n := range g.members() {
			if n == master || gone[n] {
				continue
			}
			before, at := c.levelOf(n, master, from, barrier)
			unlevel, level = max(unlevel, before), max(level, at)
		}
	}
	return min(unlevel, level, barrier), min(level, barrier)
}

// linked tells of a replica's sample whether its link to the master's branch was up.
func linked(m, ref *history.Sample) bool {
	return m.Role == history.RoleReplica && m.LinkUp && !m.SyncRunning && !m.Loading && (ref == nil || ref.ReplID == m.ReplID)
}

func (c *check) levelOf(n, master int32, from, barrier int64) (unlevel, level int64) {
	unlevel = from
	var up *history.Sample // the first look since when the link was up at every look
	for _, m := range c.s.byNode[n] {
		switch {
		case m.Return < from:
		case m.Call > barrier:
		case !m.Answered:
			up = nil // what it had reached before may not last
		case !linked(m, c.s.after(master, m.Return)) && !linked(m, c.s.at(master, m.Call)):
			unlevel, up = max(unlevel, m.Call), nil
		case up == nil:
			up = m
		}
	}
	if up == nil {
		return unlevel, barrier
	}
	had, has := c.s.at(master, unlevel), c.s.after(master, up.Return) // the master had at least the one and at most the other when the link came up
	for _, m := range c.s.byNode[n] {
		if m.Return < from || m.Call > barrier || !m.Answered {
			continue
		}
		if had != nil && had.ReplID == m.ReplID && m.Offset < had.Offset {
			unlevel = max(unlevel, m.Call)
		}
		if m.Call >= up.Call && (has == nil || has.ReplID != m.ReplID || m.Offset >= has.Offset) {
			return unlevel, m.Return
		}
	}
	return unlevel, barrier
}
