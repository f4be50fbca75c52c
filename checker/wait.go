package checker

import (
	"fmt"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// waits judges the replies of WAIT: none counts more replicas than can have held the write, and what it counted is not lost.
//
// A replica surely lacked the write when its own applied offset, sampled after WAIT's reply under the same ids, is at most what the
// master's was before the write was called. Links prove nothing: WAIT 1 answered 1 rightly while the only replica was frozen, since
// it had acknowledged before. A loss is a bug only where WAIT counted every replica that could be promoted, and none of them
// restarted or was wiped since.
func (x *extra) waits() {
	c := &x.h.Ops
	if c.Acked == nil {
		return
	}
	impossible, lost := note{class: "wait_impossible"}, note{class: "wait_lost"}
	for i, n := range c.Acked {
		if n < 0 || c.Outcome[i] != history.OK || !c.F[i].IsWrite() || changedNothing(c, i) || c.Node[i] < 0 || len(x.s.byNode[c.Node[i]]) == 0 {
			continue
		}
		node, command := int32(c.Node[i]), "WAITAOF"
		if c.Flags[i]&history.FlagAOF == 0 { // what WAITAOF counts is judged by waitAOFs
			command = "WAIT"
			x.looks("wait_impossible")
		}
		if may := x.mayHold(node, c.Call[i], c.Return[i]); int(n) > may && command == "WAIT" {
			impossible.count(fmt.Sprintf("WAIT said that %d %s had a write which %s acknowledged at %s; at most %d can have had it", n, plural(int64(n), "replica", "replicas"), x.node(node), seconds(c.Return[i]), may), i)
		}
		if n == 0 || !x.fin.held {
			continue
		}
		x.looks("wait_lost")
		all := int(n) >= len(x.s.with(node).servers)-1 && x.unbroken(node, c.Return[i]) && x.s.slots.movesOf(x.keyName(c.Key[i])) == nil
		switch text := fmt.Sprintf("%s acknowledged a write at %s, %s counted %d %s that had it, and it is gone", x.node(node), seconds(c.Return[i]), command, n, plural(int64(n), "replica", "replicas")); {
		case x.a.Fate[i] == result.FateLost && all:
			lost.bug(text, i)
		case x.a.Fate[i] == result.FateLost:
			lost.count(text, i)
		case x.a.Fate[i] == result.FateMasked && len(x.s.with(node).ends) > 0:
			lost.more++
			if all {
				x.unsure("wait_lost", "the fate of a write that WAIT counted on every replica cannot be told")
			}
		}
	}
	x.notes([]note{impossible, lost})
}

// changedNothing tells that a write's reply says that it found nothing to change: then nothing of it is sent to replicas, and WAIT counts
// those that have what the connection wrote before.
func changedNothing(c *history.Columns, i int) bool {
	switch c.F[i] {
	case history.FAdd, history.FRemove, history.FDel, history.FCAS, history.FTransfer, history.FAck, history.FRelease, history.FFenced:
		return c.Out[i] == 0
	case history.FDequeue, history.FAcquire:
		return c.Out[i] == history.Nil
	case history.FTxn:
		return !writesSomething(c.List(i))
	}
	return false
}

// mayHold is how many replicas may have held a write, and been counted, when WAIT returned.
func (x *extra) mayHold(master int32, call, ret int64) int {
	may := 0
	for _, r := range x.s.with(master).servers {
		if r != master && !x.surelyLacks(master, r, call, ret) {
			may++
		}
	}
	return may
}

// surelyLacks tells of a replica that WAIT, when it returned, could not count it for a write: by its offset it lacked it, or it followed
// another replica all the while, and a master hears only of its own.
func (x *extra) surelyLacks(master, r int32, call, ret int64) bool {
	m, before, after := x.s.at(master, call), x.s.at(r, call), x.s.after(r, ret)
	if m == nil || before == nil || after == nil || m.Role != history.RoleMaster || !steadyReplica(before, after) || before.SyncRunning || after.SyncRunning {
		return false
	}
	if after.ReplID == m.ReplID && after.Offset <= m.Offset {
		return true
	}
	up := int32(x.h.Run.NodeByAddr(after.MasterAddr))
	return before.LinkUp && after.LinkUp && before.MasterAddr == after.MasterAddr && up != master && x.s.with(up) == x.s.with(master)
}

// unbroken tells whether no other server than the master was restarted or took over another data set since t, as far as samples tell.
func (x *extra) unbroken(master int32, t int64) bool {
	for _, r := range x.s.with(master).servers {
		if r == master {
			continue
		}
		first := x.s.at(r, t)
		if first == nil {
			return false
		}
		for i := range x.s.spans[r] {
			sp := &x.s.spans[r][i]
			if sp.to <= t || !sp.first.Answered {
				continue
			}
			if sp.first.RunID != first.RunID {
				return false
			}
		}
	}
	for _, e := range x.s.with(master).ends {
		if e.t > t && e.loser != master && e.kind != endPromotion {
			return false
		}
	}
	return true
}
