package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// failovers tells each promotion step by step.
func (c *check) failovers() {
	for _, g := range c.s.groups {
		c.failoversOf(g)
	}
	slices.SortStableFunc(c.a.Result.Failovers, func(a, b result.Failover) int { return cmp.Compare(a.T, b.T) })
}

func (c *check) failoversOf(g *group) {
	for k, p := range g.promoted {
		fo := result.Failover{Old: p.old, New: p.node, T: p.t}
		if c.s.slots != nil {
			fo.Shard = g.shard
		}
		from := int64(0)
		if c.attached() {
			from = max(0, p.t-story)
		}
		for i := range c.h.Faults {
			if f := &c.h.Faults[i]; f.Effect > 0 && f.Effect <= p.t && c.concerns(f, g) {
				fo.Fault, from = f.ID, f.Effect
			}
		}
		for i := range c.h.Faults { // the story begins with the first fault that still held then
			f := &c.h.Faults[i]
			if f.Effect > 0 && f.Effect <= p.t && (f.Healed == 0 || f.Healed >= p.t) && c.concerns(f, g) {
				from = min(from, f.Effect)
			}
		}
		until := c.h.End
		if k+1 < len(g.promoted) {
			until = g.promoted[k+1].t
		}
		fo.Steps = c.steps(g, p, from, until)
		c.a.Result.Failovers = append(c.a.Result.Failovers, fo)
	}
}

func (c *check) steps(g *group, p promotion, from, until int64) []result.Step {
	var steps []result.Step
	add := func(t int64, key bool, text, detail string) {
		steps = append(steps, result.Step{T: t, Text: text, Detail: detail, Key: key})
	}
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if !c.concerns(f, g) {
			continue
		}
		if f.Effect >= from && f.Effect <= until {
			add(f.Effect, true, f.Text, f.Proof)
		}
		if f.Healed > from && f.Healed <= until && !f.Permanent {
			add(f.Healed, true, "healed: "+f.Text, f.HealProof)
		}
	}
	c.ackSteps(p, from, until, add)
	add(p.t, true, c.node(p.node)+" says it is master", fmt.Sprintf("its branch leaves the old one at offset %s", words.Count(p.offset)))
	c.sentinelSteps(from, until, add)
	c.clusterSteps(p, from, until, add)
	if p.old >= 0 {
		for i := range c.s.spans[p.old] {
			sp := &c.s.spans[p.old][i]
			if sp.from <= p.t || sp.from > until {
				continue
			}
			switch {
			case sp.role() == history.RoleMaster && (i == 0 || c.s.spans[p.old][i-1].role() != history.RoleMaster):
				add(sp.from, true, c.node(p.old)+" is back and says it is master", "")
			case sp.role() == history.RoleReplica && (i == 0 || c.s.spans[p.old][i-1].role() != history.RoleReplica):
				add(sp.from, true, c.node(p.old)+" is a replica now", "")
			case sp.role() == history.RoleReplica && sp.first.LinkUp && !c.s.spans[p.old][i-1].first.LinkUp:
				add(sp.from, false, c.node(p.old)+" is in sync with its master", "")
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b result.Step) int { return cmp.Compare(a.T, b.T) })
	for i := range steps {
		steps[i].Masters = c.mastersAt(g, steps[i].T)
	}
	return steps
}

// ackSteps adds the last ok write on the old master before the promotion, and the first on the new one.
func (c *check) ackSteps(p promotion, from, until int64, add func(int64, bool, string, string)) {
	ops := &c.h.Ops
	last, first := int64(-1), history.Inf
	for i := range ops.F {
		if !ops.IsWrite(i) || ops.Outcome[i] != history.OK {
			continue
		}
		switch n, t := int32(ops.Node[i]), ops.Return[i]; {
		case n == p.old && t >= from-int64(1e9) && t <= until:
			last = max(last, t)
		case n == p.node && t > from && t >= p.t-int64(1e9):
			first = min(first, t)
		}
	}
	if last >= 0 {
		add(last, true, "last ok write on "+c.node(p.old), "")
	}
	if first <= until {
		add(first, true, "first ok write on "+c.node(p.node), "")
	}
}

// sentinelSteps adds the first of each of Sentinel's events that matter.
func (c *check) sentinelSteps(from, until int64, add func(int64, bool, string, string)) {
	words := map[string]string{"+sdown": "a sentinel holds the master for down", "+odown": "the sentinels agree that it is down", "+try-failover": "a sentinel tries a failover",
		"+elected-leader": "it is elected leader", "+selected-slave": "it chose a replica", "+promoted-slave": "it saw the promotion", "+switch-master": "the sentinels name the new master",
		"+convert-to-slave": "it tells the old master to be a replica", "-failover-abort-no-good-slave": "no replica is good enough: failover given up", "+tilt": "a sentinel is in TILT"}
	seen := map[string]bool{}
	for i := range c.h.Events {
		e := &c.h.Events[i]
		text, ok := words[e.Name]
		if e.Kind != history.EvSentinel || !ok || e.T < from || e.T > until || seen[e.Name] {
			continue
		}
		if (e.Name == "+sdown" || e.Name == "+odown") && !strings.HasPrefix(e.Text, "master ") {
			continue
		}
		seen[e.Name] = true
		add(e.T, e.Name == "+switch-master" || e.Name == "+odown", text, c.node(e.Node)+": "+e.Name)
	}
}

// mastersAt is how many nodes of a group say they are master right after t.
func (c *check) mastersAt(g *group, t int64) int {
	n := 0
	for _, r := range c.a.Result.Masters.Spans {
		if c.s.withAt(r.Node, t) == g && r.From <= t && t < r.To && c.servesAt(r.Node, t) {
			n++
		}
	}
	return n
}

// concerns tells whether a fault is part of the story of a group: in a Cluster, where it hit a node of it or no server at all.
func (c *check) concerns(f *history.Fault, g *group) bool {
	if c.s.slots == nil {
		return true
	}
	hit := c.hit(f.ID)
	return hit == nil || hit[g.shard]
}
