package checker

import (
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// mixedFates judges the writes of a register on which keys are deleted too: no reply says what a deletion or a blind write replaced, so
// there is no path back from the final content. While nothing ended the one branch of data the log is one, and then the final content
// tells: what was asked for after the write, or the deletion, that made it had been acknowledged must have come after it, so it is gone.
// What was earlier was overwritten by it. Where a branch ended, the servers' offsets tell which writes the surviving one holds, which
// it lacks, and of which neither can be told.
func (c *check) mixedFates(is []int, key uint32, d *history.Dump, m *pathMemory) {
	ops := &c.h.Ops
	log := c.finalLogOf(key)
	m.reset(len(is))
	for p, i := range is {
		m.values[p+1] = c.made(i)
	}
	last, told := int64(minTime), m.number(is, ops)
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
		case told && log.holds(i):
			c.a.Fate[i] = fateOf(history.OK, ops.Call[i] <= last)
		case c.beyondFork(i):
			c.a.Fate[i] = result.FateLost
		default:
			c.masked(i, "deletions do not say what they replaced")
		}
	}
}

// finalLog is what tells of writes to one key that they are in the log which the final master ended with.
type finalLog struct {
	c       *check
	g       *group
	master  int32
	evicted bool
}

func (c *check) finalLogOf(key uint32) finalLog {
	l := finalLog{c: c, g: c.s.groupOf(c.h.Keys[key])}
	l.master, l.evicted = l.g.finalMaster(), c.x.evicted.any()
	return l
}

// holds reports whether a write is surely in that log, where nothing was evicted: the final master acknowledged it and nothing ended its
// branch since, or the one promotion since made the final master of a replica that had it.
func (l *finalLog) holds(i int) bool {
	ops := &l.c.h.Ops
	n, since := int32(ops.Node[i]), ops.Call[i]
	if l.evicted {
		return false
	}
	if n != l.master {
		s, before := l.c.s.after(n, ops.Return[i]), l.c.s.at(n, ops.Call[i])
		if s == nil || before == nil || s.Role != history.RoleMaster || before.Role != history.RoleMaster || s.RunID != before.RunID || s.ReplID != before.ReplID {
			return false
		}
		var by *promotion
		for k := range l.g.promoted {
			switch p := &l.g.promoted[k]; {
			case p.t < ops.Call[i]:
			case by != nil || p.node != l.master || p.replID != s.ReplID || s.Offset > p.offset:
				return false
			default:
				by = p
			}
		}
		if by == nil {
			return false
		}
		since = by.t + 1
	}
	return !slices.ContainsFunc(l.g.ends, func(e branchEnd) bool {
		return e.t >= since && (e.loser == l.master || e.loser == history.NoNode && e.winner != l.master)
	})
}
