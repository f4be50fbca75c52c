package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// leaseTolerance is taken off every lease, in ns: a server counts it in whole milliseconds from the start of its event loop's
// round, which can lie a little before the client's call.
const leaseTolerance = 5_000_000

// holding is one acquisition with the release that belongs to it.
type holding struct {
	op     int32 // the acquisition, or the release when the acquisition's outcome is unknown
	holder int64
	// The holder surely holds from sure to until: from the reply on, until it asks to release or the lease may have ended. In
	// some order of the operations the lock is taken at sure or before, and given back at until or later. sure may lie behind
	// until: then it may have held for a moment only, somewhere between the two.
	sure, until int64
	lost        bool  // the release said that it was no longer the holder, before the lease can have ended
	gave        int32 // that release
}

// locks checks mutual exclusion: two holdings that each must come before the other overlap. That is the conflict of two register
// values with f = sure and s = until, so the sweep is exact for the same reason. And fencing tokens: none older than one that the
// resource has taken may be taken later.
func (x *extra) locks() {
	g := x.group(lockOps)
	for _, ns := range perKey(x.keysOf(lockOps), func(k uint32) []note { return x.lock(k, g.of(k)) }) {
		x.notes(ns)
	}
	x.looks("phantom", "lock_overlap", "lock_lost", "stale_token", "token_not_growing")
}

func (x *extra) lock(k uint32, ops []int32) []note {
	c := &x.h.Ops
	hs := holdings(c, ops)
	over := note{class: "lock_overlap"}
	var worst int64
	var worstBug bool
	overlapping(hs, func(a, b holding, by int64) {
		text := fmt.Sprintf("%s: holders %d and %d both held it for at least %s", x.keyName(k), a.holder, b.holder, x.span(by))
		bug := x.oneReign(a.op, b.op)
		if bug {
			over.bugs++
		}
		over.n++
		if over.n == 1 || bug && !worstBug || bug == worstBug && by > worst {
			worst, worstBug, over.text, over.ops = by, bug, text, []int{int(a.op), int(b.op)}
		}
	})
	lost := note{class: "lock_lost"}
	for _, h := range hs {
		if h.lost {
			x.blame(&lost, fmt.Sprintf("%s: holder %d found the lock gone before its lease ended", x.keyName(k), h.holder), h.op, h.gave)
		}
	}
	stale, again := x.fencing(k, ops)
	return []note{over, lost, stale, again, x.strangeHolders(k, ops)}
}

// strangeHolders counts holders that a read of the lock named and that never asked for it, each once.
func (x *extra) strangeHolders(k uint32, ops []int32) note {
	c := &x.h.Ops
	n := note{class: "phantom"}
	asked := map[int64]bool{history.Nil: true, history.None: true}
	for _, i := range ops {
		if c.F[i] == history.FAcquire && c.Outcome[i] != history.Fail {
			asked[c.In[i]] = true
		}
	}
	for _, i := range ops {
		if c.F[i] == history.FReadLock && c.Outcome[i] == history.OK && !asked[c.Out[i]] {
			asked[c.Out[i]] = true
			n.count(fmt.Sprintf("%s: %s found %d holding it, who never asked for it", x.keyName(k), x.who(int(i)), c.Out[i]), int(i))
		}
	}
	return n
}

// acquired tells whether an acquisition says that it got the lock.
func acquired(c *history.Columns, i int32) bool {
	return c.F[i] == history.FAcquire && c.Outcome[i] == history.OK && c.Out[i] != history.Nil
}

// holdings pairs acquisitions with the next release of the same holder by the same process.
func holdings(c *history.Columns, ops []int32) []holding {
	var hs []holding
	sorted := bySession(c, ops)
	open := map[int64]int32{} // holder: its acquisition that is not released
	closeAll := func() {
		for _, i := range open {
			if acquired(c, i) {
				hs = append(hs, heldUntil(c, i, history.Inf))
			}
		}
		clear(open)
	}
	for n, i := range sorted {
		if n > 0 && c.Process[i] != c.Process[sorted[n-1]] {
			closeAll()
		}
		switch c.F[i] {
		case history.FAcquire:
			if o, ok := open[c.In[i]]; ok && acquired(c, o) { // taken again: the earlier one ended unnoticed
				hs = append(hs, heldUntil(c, o, c.Call[i]))
			}
			delete(open, c.In[i])
			if acquired(c, i) || c.Outcome[i] == history.Info {
				open[c.In[i]] = i
			}
		case history.FRelease:
			if c.Outcome[i] == history.Fail {
				continue
			}
			o, ok := open[c.In[i]]
			if ok {
				delete(open, c.In[i])
				hs = append(hs, released(c, o, i)...)
			}
		}
	}
	closeAll()
	slices.SortFunc(hs, func(a, b holding) int { return cmp.Or(cmp.Compare(a.sure, b.sure), cmp.Compare(a.op, b.op)) })
	return hs
}

// heldUntil is a holding that lasts to the end of its lease or to end, whichever is first.
func heldUntil(c *history.Columns, acquire int32, end int64) holding {
	return holding{op: acquire, holder: c.In[acquire], sure: c.Return[acquire], until: min(end, leaseEnd(c, acquire))}
}

// leaseEnd is when a lease can have ended at the earliest; Inf without a lease.
func leaseEnd(c *history.Columns, acquire int32) int64 {
	l := arg(c, acquire)
	if l == history.None || l == history.Nil || l <= 0 {
		return history.Inf
	}
	return c.Call[acquire] + max(0, l-leaseTolerance)
}

// released is the holding between an acquisition and a release, if there surely was one.
func released(c *history.Columns, acquire, release int32) []holding {
	confirmed := c.Outcome[release] == history.OK && c.Out[release] != 0
	h := heldUntil(c, acquire, history.Inf)
	switch {
	case confirmed:
		// It was still the holder when the release took effect, however long that is after the lease.
		h.until = c.Call[release]
		if !acquired(c, acquire) { // unknown outcome, but now we know
			h.op, h.sure = release, c.Return[release]
		}
		h.sure = min(h.sure, c.Return[release])
		return []holding{h}
	case !acquired(c, acquire):
		return nil
	case c.Outcome[release] == history.OK:
		// Somebody took it away within the lease: to the holder it was its own until it asked (checkers.md, lock_lost).
		h.lost, h.gave = c.Return[release] < h.until, release
		h.until = min(h.until, c.Call[release])
		return []holding{h}
	default:
		h.until = min(h.until, c.Call[release])
		return []holding{h}
	}
}

// overlapping reports each holding that conflicts with another, once, with the one that it overlaps longest.
func overlapping(hs []holding, report func(a, b holding, by int64)) {
	// hs is by sure. Two of them conflict when each one's sure lies before the other's until.
	best, second := -1, -1
	next := 0
	byUntil := make([]int, len(hs))
	for i := range hs {
		byUntil[i] = i
	}
	slices.SortFunc(byUntil, func(a, b int) int { return cmp.Compare(hs[a].until, hs[b].until) })
	for _, v := range byUntil {
		for next < len(hs) && hs[next].sure < hs[v].until {
			if best < 0 || hs[next].until > hs[best].until {
				best, second = next, best
			} else if second < 0 || hs[next].until > hs[second].until {
				second = next
			}
			next++
		}
		u := best
		if u == v {
			u = second
		}
		if u >= 0 && hs[u].until > hs[v].sure {
			report(hs[u], hs[v], min(hs[u].until, hs[v].until)-max(hs[u].sure, hs[v].sure))
		}
	}
}

// fencing checks the resource behind the lock, and that tokens grow.
func (x *extra) fencing(k uint32, ops []int32) (stale, again note) {
	c := &x.h.Ops
	stale = note{class: "stale_token"}
	again = note{class: "token_not_growing"}
	var taken, given []placed
	for _, i := range ops {
		switch {
		case c.F[i] == history.FFenced && c.Outcome[i] == history.OK && c.Out[i] == 1:
			taken = append(taken, placed{key: c.In[i], call: c.Call[i], ret: c.Return[i], op: i})
		case acquired(c, i) && c.Out[i] != history.None:
			given = append(given, placed{key: c.Out[i], call: c.Call[i], ret: c.Return[i], op: i})
		}
	}
	sweepOrder(taken, func(m misplaced) {
		// A failover may have lost that the newer one was taken; on one master nothing excuses it.
		x.blame(&stale, fmt.Sprintf("%s: the resource took token %d although it had taken %d before", x.keyName(k), c.In[m.b], c.In[m.a]), m.a, m.b)
	})
	tokens := map[int64]int32{}
	for _, p := range given {
		if o, ok := tokens[p.key]; ok {
			x.blame(&again, fmt.Sprintf("%s: token %d was given out twice", x.keyName(k), p.key), o, p.op)
		}
		tokens[p.key] = p.op
	}
	sweepOrder(given, func(m misplaced) {
		x.blame(&again, fmt.Sprintf("%s: token %d was given out after %d", x.keyName(k), c.Out[m.b], c.Out[m.a]), m.a, m.b)
	})
	return stale, again
}
