package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// attribute finds for each lost write the end of the branch that it was on, and the faults behind that.
func (c *check) attribute() {
	ops := &c.h.Ops
	var lost []int
	for i, f := range c.a.Fate {
		if f == FateLost {
			lost = append(lost, i)
		}
	}
	if c.a.Result.Writes.Known && c.a.Result.Writes.Acked > 0 {
		c.x.looks("hole")
	}
	if len(lost) == 0 {
		return
	}
	slices.SortFunc(lost, func(a, b int) int { return cmp.Compare(ops.Return[a], ops.Return[b]) })
	l := c.loss()
	l.First, l.Last = ops.Return[lost[0]], ops.Return[lost[len(lost)-1]]
	causes := map[*branchEnd]*Cause{}
	for _, i := range lost {
		e, ambiguous := c.endOf(i)
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
			cause = &Cause{Kind: string(e.kind), Node: int32(ops.Node[i]), Winner: e.winner, T: e.t, First: ops.Return[i]}
			cause.Trigger, cause.Enablers = c.faultsBehind(e, cause.Node, ops.Return[i])
			causes[e] = cause
		}
		cause.Lost++
		cause.Last = ops.Return[i]
		switch {
		case e.kind != endPromotion:
			l.Other++
		case ops.Return[i] > e.t:
			l.SplitBrain++
		default:
			l.ReplicationLag++
		}
	}
	for e, cause := range causes {
		cause.RPA = max(0, c.lastAckOn(e, cause)-cause.First)
		cause.Text = c.causeText(cause)
		l.Causes = append(l.Causes, *cause)
		l.RPA = max(l.RPA, cause.RPA)
	}
	slices.SortFunc(l.Causes, func(a, b Cause) int { return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.T, b.T)) })
	c.x.notes([]note{c.holes(lost)})
	l.BytesThrownAway = c.bytesThrownAway()
}

// endOf is the branch end that killed a lost write, nil if none explains it. It is ambiguous when the write's bracket of offsets
// straddles the fork points of two ends with different triggers.
func (c *check) endOf(i int) (end *branchEnd, ambiguous bool) {
	ops := &c.h.Ops
	n := int32(ops.Node[i])
	before, after := c.s.at(n, ops.Call[i]), c.s.after(n, ops.Return[i])
	ends := c.s.with(n).ends
	for e := range ends {
		b := &ends[e]
		sure, maybe := false, false
		switch b.kind {
		case endPromotion:
			if n == b.winner && ops.Return[i] > b.t {
				continue // acknowledged on the branch that won
			}
			lo, hi := int64(-1), int64(-1)
			if before != nil && before.ReplID == b.replID {
				lo = before.Offset
			}
			if after != nil && after.ReplID == b.replID && after.RunID == beforeRun(before, after) {
				hi = after.Offset
			}
			switch {
			case before == nil || before.ReplID != b.replID:
			case lo >= b.fork:
				sure = true
			case hi < 0 || hi > b.fork: // killed before its next sample, or straddling
				maybe = n == b.loser || n != b.winner
			}
		default:
			sure = n == b.loser && b.t >= ops.Call[i] && (before == nil || before.ReplID == b.replID)
		}
		if sure && end == nil {
			return b, false
		}
		if (sure || maybe) && end != nil {
			ta, _ := c.faultsBehind(end, n, ops.Return[i])
			tb, _ := c.faultsBehind(b, n, ops.Return[i])
			return end, b.kind == endPromotion && ta != tb && ta != 0 && tb != 0
		}
		if sure || maybe {
			end = b
		}
	}
	return end, false
}

func beforeRun(before, after *history.Sample) string {
	if before == nil {
		return after.RunID
	}
	return before.RunID
}

// faultsBehind names the trigger of a branch end, 0 for none, and its enablers: faults that held back the link from the acking node
// to the winner between the acknowledgement and the end.
func (c *check) faultsBehind(e *branchEnd, acker int32, ack int64) (trigger int, enablers []int) {
	var triggerEffect int64 = -1
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect == 0 || f.Effect > e.t {
			continue
		}
		over := f.Healed
		if over == 0 {
			over = c.h.End
		}
		cutsWinner, cutsOther := false, false
		for _, l := range f.Links {
			touches := l[0] == acker || l[1] == acker
			other := l[0] + l[1] - acker
			switch {
			case !touches:
			case other == e.winner:
				cutsWinner = true
			case int(other) < len(c.h.Run.Nodes) && other >= 0 && c.h.Run.Nodes[other].Kind == history.Sentinel:
				cutsOther = true
			}
		}
		hits := len(f.Links) == 0 && slices.Contains(f.Targets, acker) || e.loser >= 0 && len(f.Links) == 0 && slices.Contains(f.Targets, e.loser) ||
			len(f.Links) == 0 && e.winner >= 0 && slices.Contains(f.Targets, e.winner)
		if (hits || cutsOther) && f.Effect > triggerEffect && (over >= e.t || e.kind != endPromotion || f.Permanent || hits) {
			trigger, triggerEffect = f.ID, f.Effect
		}
		if cutsWinner && over >= ack {
			enablers = append(enablers, f.ID)
		}
	}
	enablers = slices.DeleteFunc(enablers, func(id int) bool { return id == trigger })
	return trigger, enablers
}

// lastAckOn is the return of the last ok write that the loser of a branch acknowledged on it.
func (c *check) lastAckOn(e *branchEnd, cause *Cause) int64 {
	ops := &c.h.Ops
	last := cause.Last
	for i, f := range ops.F {
		if f.IsWrite() && ops.Outcome[i] == history.OK && int32(ops.Node[i]) == cause.Node && ops.Return[i] > last && c.a.Fate[i] == FateLost {
			if end, _ := c.endOf(i); end == e {
				last = ops.Return[i]
			}
		}
	}
	return last
}

// holes counts lost writes with a survivor after them that the same node acknowledged on the same branch, before it ended: loss
// within one epoch of asynchronous replication must be a suffix of the log.
func (c *check) holes(lost []int) note {
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
		if f != FateSurvived {
			continue
		}
		if b, ok := on(i); ok {
			latest[b] = max(latest[b], ops.Call[i])
		}
	}
	n := note{class: "hole"}
	for _, i := range lost {
		if ops.F[i] == history.FAppend {
			continue // lists have their own way to tell (lists_final.go)
		}
		if b, ok := on(i); ok && latest[b] > ops.Return[i] {
			n.bug(fmt.Sprintf("%s: what %s acknowledged at %s is gone, although it kept what it acknowledged later in the same reign", c.x.keyName(ops.Key[i]), c.node(b.node), Seconds(ops.Return[i])), i)
		}
	}
	return n
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

func (c *check) causeText(cause *Cause) string {
	loser, winner := c.node(cause.Node), c.node(cause.Winner)
	switch endKind(cause.Kind) {
	case endPromotion:
		return winner + " was promoted without them"
	case endRestart:
		return loser + " came back with another history"
	}
	return loser + " took over the data of " + winner
}
