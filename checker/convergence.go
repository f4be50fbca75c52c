package checker

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/history"
)

// convergence compares what every node holds after the barrier.
func (c *check) convergence() {
	cv := &c.a.Result.Convergence
	cv.Took = -1
	held, t, _ := barrier(c.h)
	cv.Barrier = held
	cv.Nodes = len(c.s.servers)
	if !held {
		return
	}
	healed := c.lastHealed()
	cv.Took = max(0, c.level(healed, t)-healed)
	setup := map[int32]bool{}
	for _, n := range c.s.servers {
		setup[n] = true
	}
	c.x.looks("divergent")
	divergent := note{class: "divergent"}
	// Dumps stand by key, then node.
	for from := 0; from < len(c.h.Dumps); {
		to := from
		var of []*history.Dump
		for ; to < len(c.h.Dumps) && c.h.Dumps[to].Key == c.h.Dumps[from].Key; to++ {
			if setup[c.h.Dumps[to].Node] {
				of = append(of, &c.h.Dumps[to])
			}
		}
		if len(of) > 0 {
			cv.Keys++
			if differ(of, len(c.s.servers)) {
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

// differ: a node lacks the key, or holds other content. Digest 0 equals nothing.
func differ(ds []*history.Dump, nodes int) bool {
	absent := 0
	for _, d := range ds {
		if d.Type == "none" {
			absent++
		}
	}
	if absent == len(ds) {
		return false
	}
	if absent > 0 || len(ds) != nodes {
		return true
	}
	for _, d := range ds {
		if d.Digest == 0 || d.Digest != ds[0].Digest || d.Type != ds[0].Type {
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

// level is the first moment after from at which every replica's link was up for good and it had reached the offset of the
// final master; the barrier itself where the samples do not tell.
func (c *check) level(from, barrier int64) int64 {
	latest := from
	for _, g := range c.s.groups {
		master := g.finalMaster()
		for _, n := range g.servers {
			if n == master {
				continue
			}
			at := c.levelOf(n, master, from, barrier)
			if at < 0 {
				return barrier
			}
			latest = max(latest, at)
		}
	}
	return min(latest, barrier)
}

func (c *check) levelOf(n, master int32, from, barrier int64) int64 {
	at := int64(-1)
	for _, m := range c.s.byNode[n] {
		if m.Return < from {
			continue
		}
		if m.Call > barrier {
			break
		}
		if !m.Answered || m.Role != history.RoleReplica || !m.LinkUp || m.SyncRunning {
			at = -1 // what it had reached before does not last
			continue
		}
		ref := c.s.at(master, m.Call)
		if at < 0 && ref != nil && ref.Role == history.RoleMaster && ref.ReplID == m.ReplID && m.Offset >= ref.Offset {
			at = m.Return
		}
	}
	return at
}
