package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// attribute finds for each lost write the end of the branch that it was on, and the faults behind that.
func (c *check) attribute() {
	ops := &c.h.Ops
	var lost []int
	for i, f := range c.a.Fate {
		if f == result.FateLost {
			lost = append(lost, i)
		}
	}
	if c.a.Result.Writes.Known && c.a.Result.Writes.Acked > 0 {
		c.x.looks("hole")
		if c.s.slots != nil && c.s.slots.moved {
			c.x.looks("lost_in_migration")
		}
	}
	if len(lost) == 0 {
		return
	}
	slices.SortFunc(lost, func(a, b int) int { return cmp.Compare(ops.Return[a], ops.Return[b]) })
	l := c.loss()
	l.First, l.Last = ops.Return[lost[0]], ops.Return[lost[len(lost)-1]]
	causes := map[*branchEnd]*result.Cause{}
	lineage := newLineage(c)
	c.moving = c.newMoveLoss()
	for _, i := range lost {
		e, ambiguous := lineage.endOf(i)
		if c.moving.take(i, e, l) {
			continue
		}
		if ambiguous {
			l.Ambiguous++
			continue
		}
		if e == nil {
			l.Unattributed++
			l.Other++
			continue
		}
		cause := causes[e]
		if cause == nil {
			cause = &result.Cause{Kind: string(e.kind), Node: int32(ops.Node[i]), Winner: e.winner, T: e.t, First: ops.Return[i]}
			if c.s.slots != nil {
				cause.Shard = c.shardOfOp(i)
			}
			cause.Trigger, cause.Enablers = c.faultsBehind(e, cause.Node, ops.Return[i])
			causes[e] = cause
		}
		cause.Lost++
		cause.Last = ops.Return[i]
		switch {
		case e.kind != endPromotion:
			l.Other++
		case ops.Call[i] > e.t:
			l.SplitBrain++
		default:
			l.ReplicationLag++
			if ops.Return[i] > c.s.withAt(e.winner, e.t).promotedFrom(e) {
				l.AtPromotion++
			}
		}
	}
	for _, cause := range c.moving.causes {
		cause.RPA = max(0, cause.Last-cause.First)
		l.Causes = append(l.Causes, *cause)
	}
	c.x.notes([]note{c.moving.note()})
	for _, cause := range causes {
		cause.RPA = max(0, cause.Last-cause.First)
		cause.Text = c.causeText(cause)
		l.Causes = append(l.Causes, *cause)
		l.RPA = max(l.RPA, cause.RPA)
	}
	slices.SortFunc(l.Causes, func(a, b result.Cause) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.T, b.T), cmp.Compare(a.Shard, b.Shard))
	})
	c.x.notes(c.holes(lost))
	l.BytesThrownAway = c.bytesThrownAway()
}

// faultsBehind names the trigger of a branch end, 0 for none, and its enablers. The trigger is the last fault that hit the node whose
// branch ended, or its links to the sentinels, before the end; enablers are faults that held back the link from the acking node to the
// winner between the acknowledgement and the end.
func (c *check) faultsBehind(e *branchEnd, acker int32, ack int64) (trigger int, enablers []int) {
	last := int64(-1)
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect == 0 || f.Effect > e.t {
			continue
		}
		over := f.Healed
		if over == 0 {
			over = c.h.End
		}
		toWinner, toSentinel := c.cuts(f, acker, e.winner)
		hits := len(f.Links) == 0 && (slices.Contains(f.Targets, acker) || e.loser >= 0 && slices.Contains(f.Targets, e.loser))
		hits = hits || e.kind == endPromotion && f.Kind == "replicaof" && slices.Contains(f.Targets, e.winner) // it was told to be the master
		if (hits || toSentinel && (over >= e.t || e.kind != endPromotion)) && f.Effect > last {
			trigger, last = f.ID, f.Effect
		}
		if toWinner && over >= ack {
			enablers = append(enablers, f.ID)
		}
	}
	return trigger, slices.DeleteFunc(enablers, func(id int) bool { return id == trigger })
}

// cuts tells whether a fault holds links of a node back: to the winner, to a sentinel.
func (c *check) cuts(f *history.Fault, node, winner int32) (toWinner, toSentinel bool) {
	for _, l := range f.Links {
		other := l[0]
		switch node {
		case l[0]:
			other = l[1]
		case l[1]:
		default:
			continue
		}
		switch {
		case other == winner:
			toWinner = true
		case other >= 0 && int(other) < len(c.h.Run.Nodes) && c.h.Run.Nodes[other].Kind == history.Sentinel:
			toSentinel = true
		}
	}
	return toWinner, toSentinel
}

// holes counts lost writes with a survivor after them that the same node acknowledged on the same branch, before it ended: loss
// within one epoch of asynchronous replication must be a suffix of the log.
func (c *check) holes(lost []int) []note {
	ops := &c.h.Ops
	// latest call of a surviving write by node and replication id, for writes whose branch is certain at both ends.
	type branch struct {
		node int32
		repl string
		run  string
	}
	on := func(i int) (branch, bool) {
		n := int32(ops.Node[i])
		a, b := c.s.at(n, ops.Call[i]), c.s.after(n, ops.Return[i])
		if a == nil || b == nil || a.ReplID != b.ReplID || a.RunID != b.RunID || a.Role != history.RoleMaster || b.Role != history.RoleMaster {
			return branch{}, false
		}
		return branch{n, a.ReplID, a.RunID}, true
	}
	latest := map[branch]int64{}
	for i, f := range c.a.Fate {
		if f != result.FateSurvived || !c.shows(i) || c.s.slots.movesOf(c.keyName(i)) != nil {
			continue // what went over to another shard is there whatever became of this one's log
		}
		if b, ok := on(i); ok {
			latest[b] = max(latest[b], ops.Call[i])
		}
	}
	byKey := map[uint32]*note{}
	var ns []*note // one a key
	for _, i := range lost {
		if ops.F[i] == history.FAppend || ops.F[i] == history.FRemove || c.s.slots.movesOf(c.keyName(i)) != nil {
			continue // lists_final.go, resurrected.go and migrated.go tell of these
		}
		if b, ok := on(i); ok && latest[b] > ops.Return[i] {
			n := byKey[ops.Key[i]]
			if n == nil {
				n = &note{class: "hole"}
				byKey[ops.Key[i]], ns = n, append(ns, n)
			}
			n.bug(fmt.Sprintf("%s: what %s acknowledged at %s is gone, although it kept what it acknowledged later in the same reign", c.x.keyName(ops.Key[i]), c.node(b.node), words.At(ops.Return[i])), i)
		}
	}
	out := make([]note, len(ns))
	for k, n := range ns {
		out[k] = *n
	}
	return out
}

// shows reports whether the final data itself shows that a surviving write is in it. That a removed element is not there, or one that
// was taken off a queue, would be so on any branch.
func (c *check) shows(i int) bool {
	ops := &c.h.Ops
	switch ops.F[i] {
	case history.FRemove, history.FIncr:
		return false
	case history.FAdd:
		return !hasKey(c.x.removed(ops.Key[i]), ops.In[i])
	case history.FEnqueue:
		return c.fin.remains(ops.In[i])
	}
	return true
}

// bytesThrownAway is, over all promotions, what the old master had written beyond the fork point.
func (c *check) bytesThrownAway() int64 {
	total := int64(-1)
	for _, g := range c.s.groups {
		for _, p := range g.promoted {
			if p.old < 0 {
				continue
			}
			top := int64(-1)
			for _, m := range c.s.byNode[p.old] {
				if m.Answered && m.ReplID == p.replID {
					top = max(top, m.Offset)
				}
			}
			if top >= 0 {
				total = max(total, 0) + max(0, top-p.offset)
			}
		}
	}
	return total
}

func (c *check) causeText(cause *result.Cause) string {
	loser, winner := c.node(cause.Node), c.node(cause.Winner)
	switch endKind(cause.Kind) {
	case endPromotion:
		return winner + " was promoted without them"
	case endRestart:
		return loser + " came back with another history"
	}
	return loser + " took over the data of " + winner
}
