package checker

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// mixedFates judges the writes of a register on which keys are deleted too: no reply says what a deletion or a blind write replaced, so
// there is no path back from the final content. While nothing ended the one branch of data the log is one, and then the final content
// tells: what was asked for after the write, or the deletion, that made it had been acknowledged must have come after it, so it is gone.
// What was earlier was overwritten by it. Where a branch ended, only the servers' offsets tell of a write that it is lost.
func (c *check) mixedFates(is []int, key uint32, d *history.Dump, m *pathMemory) {
	ops := &c.h.Ops
	m.reset(len(is))
	for p, i := range is {
		m.writes[p].value = c.made(i)
	}
	last, told := int64(minTime), m.number(is, ops) && c.oneLog(is, key)
	if d == nil || len(d.Elems) != 1 {
		told = told && (d == nil || d.Type == "none")
		for i, f := range ops.F {
			if f != history.FDel || ops.Key[i] != key {
				continue
			}
			switch {
			case ops.Outcome[i] == history.Info:
				last = history.Inf // it may have come at any time
			case ops.Outcome[i] == history.OK && ops.Out[i] == 1:
				last = max(last, ops.Return[i])
			}
		}
	} else if p := m.find(d.Elems[0]); p != noOp {
		last = ops.Return[is[p]]
	} else {
		told = false // nobody wrote it
	}
	for _, i := range is {
		switch {
		case ops.Outcome[i] != history.OK:
			c.a.Fate[i] = fateOf(ops.Outcome[i], d != nil && len(d.Elems) == 1 && d.Elems[0] == c.made(i))
		case told:
			c.a.Fate[i] = fateOf(history.OK, ops.Call[i] <= last)
		case c.beyondFork(i):
			c.a.Fate[i] = FateLost
		default:
			c.masked(i, "deletions do not say what they replaced")
		}
	}
}

// oneLog reports whether all that was acknowledged of a key went to the node that is the master at the end, nothing ended its branch of
// the data, and no server of its group evicted anything.
func (c *check) oneLog(is []int, key uint32) bool {
	g := c.s.groupOf(c.h.Keys[key])
	master := g.finalMaster()
	if slices.ContainsFunc(g.ends, func(e branchEnd) bool { return e.loser == master || e.loser == history.NoNode && e.winner != master }) {
		return false
	}
	for _, i := range is {
		if c.h.Ops.Outcome[i] == history.OK && int32(c.h.Ops.Node[i]) != master {
			return false
		}
	}
	for _, n := range g.servers {
		for _, s := range c.s.byNode[n] {
			if s.Rest.Known && s.Rest.Evicted > 0 {
				return false
			}
		}
	}
	return true
}
