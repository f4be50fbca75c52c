package checker

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// lineage follows lost writes through their group's data: from the node that acknowledged a write along whoever took its data over, until
// a branch end that threw it away. Where samples leave open whether a branch had the write, both cases are followed; since the write is
// gone in the end, a case in which nothing kills it did not happen.
type lineage struct {
	c       *check
	counted bool                // every write here adds one change to the server's count of them
	calls   map[int32][]int64   // by node: of the writes that may have happened, ascending
	returns map[int32][]int64   // of the same, ascending
	counts  map[nodeRun]bool    // whether a run of a node never set its count of changes back
	fresh   map[*branchEnd]bool // whether a restarted node may have taken a write before its first answer
}

type nodeRun struct {
	node int32
	run  string
}

// place is where a write stands.
type place struct {
	node   int32
	since  int64      // its call
	ids    []string   // the replication ids under which its offset may count
	lo, hi int64      // what its offset lies in: above lo and up to hi
	run    string     // the run of the node that acknowledged it; empty where that is not known
	most   int64      // the node's count of changes was at most this with the write in it; -1 unknown
	done   *branchEnd // a restart that it has come through already, although it stands later; nil for none
}

func newLineage(c *check) *lineage {
	l := &lineage{c: c, calls: map[int32][]int64{}, returns: map[int32][]int64{}, counts: map[nodeRun]bool{}, fresh: map[*branchEnd]bool{}}
	l.counted = c.x.all&(queueOps|expiryOps|txnOps|bankOps|lockOps) == 0
	ops := &c.h.Ops
	for i, f := range ops.F {
		if n := int32(ops.Node[i]); f.IsWrite() && n >= 0 && ops.Outcome[i] != history.Fail {
			l.calls[n] = append(l.calls[n], ops.Call[i])
			l.returns[n] = append(l.returns[n], ops.Return[i])
		}
	}
	for n := range l.calls {
		slices.Sort(l.calls[n])
		slices.Sort(l.returns[n])
	}
	return l
}

// endOf is the branch end that killed a lost write, nil if none explains it. It is ambiguous where more than one may have: then the
// ends differ in kind or in trigger.
func (l *lineage) endOf(i int) (end *branchEnd, ambiguous bool) {
	ops := &l.c.h.Ops
	n := int32(ops.Node[i])
	ks := l.killers(l.place(i), l.c.s.withAt(n, ops.Call[i]).ends, 0)
	if len(ks) == 0 {
		return nil, false
	}
	first, _ := l.c.faultsBehind(ks[0], n, ops.Return[i])
	for _, k := range ks[1:] {
		if t, _ := l.c.faultsBehind(k, n, ops.Return[i]); k.kind != ks[0].kind || t != first {
			return nil, true
		}
	}
	return ks[0], false
}

// place brackets a write by the acking node's samples before its call and after its return.
func (l *lineage) place(i int) place {
	ops := &l.c.h.Ops
	n := int32(ops.Node[i])
	p := place{node: n, since: ops.Call[i], lo: -1, hi: history.Inf, most: -1}
	before, after := l.c.s.at(n, ops.Call[i]), l.c.s.after(n, ops.Return[i])
	b := before != nil && before.Role == history.RoleMaster && !before.Loading
	a := after != nil && after.Role == history.RoleMaster && !after.Loading
	restarted := before != nil && after != nil && before.RunID != after.RunID
	if restarted { // a sample that found no process between tells on which side the write was
		earlier, later := l.c.s.downBetween(n, before.Return, ops.Call[i]), l.c.s.downBetween(n, ops.Return[i], after.Call)
		a, b = a && !later, b && !earlier
		restarted = !earlier && !later
	}
	switch {
	case b && a && before.RunID == after.RunID && before.ReplID == after.ReplID:
		p.ids, p.lo, p.hi, p.run = []string{before.ReplID}, before.Offset, after.Offset, before.RunID
	case b && a && before.RunID == after.RunID:
		p.ids, p.run = []string{before.ReplID, after.ReplID}, before.RunID
	case restarted: // before that or after it, when it may have been master for less than a sampling interval
		if b {
			p.ids = append(p.ids, before.ReplID)
		}
		if a {
			p.ids = append(p.ids, after.ReplID)
		}
		return p
	case b: // it was gone before its next sample
		p.ids, p.lo, p.run = []string{before.ReplID}, before.Offset, before.RunID
	case a: // it was promoted since
		p.ids, p.hi, p.run = []string{after.ReplID}, after.Offset, after.RunID
	default:
		return p
	}
	if a && after.RunID == p.run && after.Rest.Known {
		p.most = after.Rest.Changes
	}
	if b && before.RunID == p.run && before.Rest.Known {
		up, _ := slices.BinarySearch(l.calls[n], ops.Return[i]+1)
		done, _ := slices.BinarySearch(l.returns[n], before.Call)
		if most := before.Rest.Changes + int64(up-done); p.most < 0 || most < p.most {
			p.most = most
		}
	}
	return p
}

// killers are the branch ends, from number k on, that may have killed a write that stands at p.
func (l *lineage) killers(p place, ends []branchEnd, k int) []*branchEnd {
	for ; k < len(ends); k++ {
		e := &ends[k]
		switch {
		case e.kind == endPromotion:
			if e.winner == p.node || !slices.Contains(p.ids, e.replID) {
				continue // it went on with all it had, or on another branch
			}
			if p.lo >= e.fork {
				return l.left(p, ends, k)
			}
			there := p
			there.node, there.ids, there.hi = e.winner, append(slices.Clone(p.ids), e.next), min(p.hi, e.fork)
			if p.hi <= e.fork {
				p = there
				continue
			}
			return append(l.left(p, ends, k), l.killers(there, ends, k+1)...)
		case e.loser != p.node || e.t < p.since || e == p.done:
		case e.kind == endRestart:
			loaded, told := l.loaded(e, p)
			if told && !loaded {
				return []*branchEnd{e}
			}
			if told {
				p = l.after(e, p)
				continue
			}
			return append([]*branchEnd{e}, l.killers(l.after(e, p), ends, k+1)...)
		default: // a resync: whoever it took the data from may have had the write
			if l.c.s.withAt(e.winner, e.t) != l.c.s.withAt(p.node, p.since) {
				return []*branchEnd{e}
			}
			there := place{node: e.winner, since: e.t, ids: []string{e.next}, lo: -1, hi: history.Inf, most: -1}
			return append([]*branchEnd{e}, l.killers(there, ends, k+1)...)
		}
	}
	return nil
}

// left are the branch ends that may have killed a write which promotion number k left out: that one, unless the write's node still had it
// when the others came back to its data.
func (l *lineage) left(p place, ends []branchEnd, k int) []*branchEnd {
	killed := []*branchEnd{&ends[k]}
	sure := true // that the node still has it
	through := func(restart *branchEnd) bool {
		loaded, told := l.loaded(restart, p)
		sure, p = sure && told, l.after(restart, p)
		return loaded || !told
	}
	for j := k + 1; j < len(ends); j++ {
		e := &ends[j]
		switch {
		case e.winner == p.node && e.loser != p.node: // promoted again, or another one copied its data
			rest := ends[j+1:]
			if r := restartBehind(e, p, rest); r >= 0 {
				if !through(&rest[r]) {
					return killed
				}
				p.done = &rest[r]
			}
			later := l.killers(p, rest, 0)
			if sure && len(later) > 0 {
				return later
			}
			return append(killed, later...)
		case e.loser != p.node || e.kind == endPromotion:
		case e.kind == endResync:
			return killed
		default:
			if !through(e) {
				return killed
			}
		}
	}
	return killed
}

// restartBehind is which of the later ends is the restart of a write's node into the process that another one copied, -1 for none: its
// copy may have been seen before its own first sample.
func restartBehind(copied *branchEnd, p place, later []branchEnd) int {
	if copied.kind != endResync || slices.Contains(p.ids, copied.next) {
		return -1
	}
	return slices.IndexFunc(later, func(e branchEnd) bool { return e.kind == endRestart && e.loser == p.node && e.next == copied.next })
}

// after is where a write stands that a restarted node still had.
func (l *lineage) after(e *branchEnd, p place) place {
	if e.fork < 0 { // it counts offsets anew
		p.ids, p.lo, p.hi = []string{e.next}, -1, history.Inf
	} else {
		p.ids, p.hi = append(slices.Clone(p.ids), e.next), min(p.hi, e.fork)
	}
	return p
}

// loaded tells whether a restarted node still had a write, by its offset, else by its count of changes: what is loaded from an AOF is
// counted again, so a count that is as high as with the write in it shows that the write was loaded. A lower count shows nothing.
func (l *lineage) loaded(e *branchEnd, p place) (yes, told bool) {
	if e.fork >= 0 && slices.Contains(p.ids, e.replID) {
		switch {
		case p.lo >= e.fork:
			return false, true
		case p.hi <= e.fork:
			return true, true
		}
		return false, false
	}
	if l.counted && p.most >= 0 && e.now.Rest.Known && p.run == e.prev.RunID && e.now.Rest.Changes >= p.most && l.countsOn(p.node, p.run) && !l.mayBeFresh(e) {
		return true, true
	}
	return false, false
}

// countsOn reports whether a run of a node never set its count of changes back, as a save does.
func (l *lineage) countsOn(n int32, run string) bool {
	key := nodeRun{n, run}
	ok, seen := l.counts[key]
	if seen {
		return ok
	}
	ok = true
	var last *history.Sample
	for _, m := range l.c.s.byNode[n] {
		if !m.Answered || m.RunID != run {
			continue
		}
		if !m.Rest.Known || last != nil && (m.Rest.Changes < last.Rest.Changes || m.Rest.LastSave != last.Rest.LastSave && last.Rest.Changes > 0) {
			ok = false
		}
		last = m
	}
	l.counts[key] = ok
	return ok
}

// mayBeFresh reports whether a restarted node may have taken a write before the answer that is compared with what it had.
func (l *lineage) mayBeFresh(e *branchEnd) bool {
	fresh, seen := l.fresh[e]
	if seen {
		return fresh
	}
	down := e.prev.Call // when it was seen without its process for the last time
	for _, m := range l.c.s.byNode[e.loser] {
		if m.Call > down && m.Call < e.now.Call && !m.Up {
			down = m.Call
		}
	}
	ops := &l.c.h.Ops
	for i, f := range ops.F {
		if f.IsWrite() && int32(ops.Node[i]) == e.loser && ops.Outcome[i] != history.Fail && ops.Call[i] <= e.now.Return && ops.Return[i] > down {
			// One without a reply that was called before it died is no fresh one: its connection died with it.
			fresh = fresh || ops.Return[i] != history.Inf || ops.Call[i] > down
		}
	}
	l.fresh[e] = fresh
	return fresh
}
