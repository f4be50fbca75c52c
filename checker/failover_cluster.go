package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// servesAt tells whether a master would serve what is asked of it: of a Cluster's node by its latest view.
func (c *check) servesAt(n int32, t int64) bool {
	if c.serving == nil {
		return true
	}
	return slices.ContainsFunc(c.serves(n), func(g result.Gap) bool { return g.From <= t && t < g.To })
}

// clusterSteps adds what the other servers' views tell of a failover: who first held the old master for down, when the majority agreed, the
// election's epoch, who first named the new owner of its slots, and when the majority did.
func (c *check) clusterSteps(p promotion, from, until int64, add func(int64, bool, string, string)) {
	if c.s.slots == nil || p.old < 0 {
		return
	}
	var pfail, fail, refuses *history.View
	epoch, ran := int64(-1), (*history.View)(nil)
	named := map[int32]int64{}
	for i := range c.h.Views {
		v := &c.h.Views[i]
		if v.Return < from-lookGap {
			epoch = max(epoch, v.Epoch)
			continue
		}
		if v.Call > until {
			break
		}
		for j := range v.Peers {
			q := &v.Peers[j]
			switch {
			case q.Node == p.old && !q.Myself && q.PFail && pfail == nil:
				pfail = v
			case q.Node == p.old && !q.Myself && q.Fail && fail == nil:
				fail = v
			}
			if _, ok := named[v.Node]; q.Node == p.node && q.Role == history.RoleMaster && len(q.Slots) > 0 && !ok {
				named[v.Node] = v.Return
			}
		}
		if v.Epoch > epoch && epoch >= 0 && ran == nil && v.Return <= p.t+lookGap {
			ran = v
		}
		epoch = max(epoch, v.Epoch)
		if v.Node == p.old && !v.OK && refuses == nil {
			refuses = v
		}
	}
	if pfail != nil {
		add(pfail.Return, false, c.node(pfail.Node)+" holds "+c.node(p.old)+" for down", "flag fail?")
	}
	if fail != nil {
		add(fail.Return, true, "the masters agree that "+c.node(p.old)+" is down", "flag fail, first seen at "+c.node(fail.Node))
	}
	if ran != nil {
		add(ran.Return, true, "an election begins", fmt.Sprintf("epoch %d, first seen at %s", ran.Epoch, c.node(ran.Node)))
	}
	if refuses != nil {
		add(refuses.Return, true, c.node(p.old)+" refuses what it is asked", "its own view says cluster_state:fail")
	}
	c.namedSteps(p, named, add)
}

// namedSteps adds when the servers named the new owner: the first of them, and more than half.
func (c *check) namedSteps(p promotion, named map[int32]int64, add func(int64, bool, string, string)) {
	var ts []int64
	first := int32(history.NoNode)
	for n, t := range named {
		ts = append(ts, t)
		if first == history.NoNode || t < named[first] || t == named[first] && n < first {
			first = n
		}
	}
	if len(ts) == 0 {
		return
	}
	slices.Sort(ts)
	add(ts[0], true, c.node(p.node)+" owns the slots", "first named by "+c.node(first))
	if half := len(c.s.servers) / 2; len(ts) > half {
		add(ts[half], false, "most servers name "+c.node(p.node)+" as the owner", words.Plural(int64(half+1), "server", "servers")+" of "+words.Count(int64(len(c.s.servers))))
	}
}
