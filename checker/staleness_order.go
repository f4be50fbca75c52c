package checker

import "github.com/schismtest/schism/history"

// What is known of the order of one register's writes, for the upper ends of what a read missed (checkers.md, "Values are intervals").

// beside lets a value have been replaced by a write of another chain as well, while it was being written. Within a chain of predecessor
// replies the order is known; that of values of two chains is not where the one was known to exist only after the other's write was
// called: a branch that was thrown away went on beside the one that stayed, and what only its clients wrote is newer than what was
// written before it, wherever that was. Writes that nobody ever heard of are not missed.
func (w *registerWorker) beside() {
	t, sc := &w.table, &w.ages
	if !w.chains() {
		return
	}
	before := [2]chained{{noOp, minTime}, {noOp, minTime}}
	for _, v := range t.order {
		if t.k[v] == history.Inf {
			continue
		}
		c := sc.chain[v]
		if other(&before, c) >= t.call[v] {
			sc.first[v] = min(sc.first[v], t.call[v])
		}
		switch {
		case before[0].chain == c:
			before[0].t = max(before[0].t, t.k[v])
		case t.k[v] > before[0].t:
			before[0], before[1] = chained{c, t.k[v]}, before[0]
		case before[1].chain == c || t.k[v] > before[1].t:
			before[1] = chained{c, max(before[1].t, t.k[v])}
		}
	}
	after := [2]chained{{noOp, history.Inf}, {noOp, history.Inf}}
	for p := len(t.order) - 1; p >= 0; p-- {
		v := t.order[p]
		if t.k[v] == history.Inf {
			continue
		}
		c := sc.chain[v]
		sc.first[v] = min(sc.first[v], other(&after, c))
		if after[0].chain != c {
			after[1] = after[0]
		}
		after[0] = chained{c, t.call[v]}
	}
}

// chained is a time of a value of a chain.
type chained struct {
	chain int32
	t     int64
}

// other is the first of two times of different chains that is of another chain than c.
func other(ts *[2]chained, c int32) int64 {
	if ts[0].chain == c {
		return ts[1].t
	}
	return ts[0].t
}

// chains gives each value the chain that acknowledged predecessor replies join it to; false: all that are known of stand in one. Of two
// successors the one that was called first goes on with the chain, the other begins one.
func (w *registerWorker) chains() bool {
	t, sc := &w.table, &w.ages
	heads := 0
	if sc.next[0] != noOp {
		heads = 1
	}
	for _, v := range t.order {
		if t.k[v] != history.Inf && !w.continues(v) {
			heads++
		}
	}
	if heads < 2 {
		return false
	}
	n := len(t.value)
	sc.chain = resize(sc.chain, n)
	for v := range sc.chain {
		sc.chain[v] = noOp
	}
	for v := range int32(n) {
		if w.continues(v) {
			continue
		}
		for u := v; u != noOp; u = sc.next[u] {
			sc.chain[u] = v
		}
	}
	return true
}

// continues tells whether a value goes on with its predecessor's chain.
func (w *registerWorker) continues(v int32) bool {
	p := w.ages.pred[v]
	return p >= 0 && w.ages.next[p] == v
}

// rank makes what versions are counted by: the positions by K.
func (w *registerWorker) rank() {
	t, sc := &w.table, &w.ages
	sc.byK = sc.byK[:0]
	for p, v := range t.order {
		sc.byK = append(sc.byK, sortKey{t.k[v], int32(p)})
	}
	sortKeys(sc.byK)
	sc.older = resize(sc.older, len(t.value))
	for v := range sc.older {
		sc.older[v] = noOp
	}
	sc.until = 0
}

// versionsMost counts the writes that a read may have missed: all that were called before it ended, but for those that are surely no newer
// than what it returned.
func (w *registerWorker) versionsMost(o *regOp) int64 {
	w.ages.until = w.table.after(o.ret, w.ages.until)
	return int64(w.ages.until) - int64(w.surelyOlder(o.ref))
}

// surelyOlder counts the values that are surely no newer than v, itself among them: those that were known before its write was called, and
// those that it stands on by predecessor replies.
func (w *registerWorker) surelyOlder(v int32) int32 {
	t, sc := &w.table, &w.ages
	if v == 0 || sc.older[v] != noOp {
		return max(0, sc.older[v])
	}
	lo, hi := 0, len(sc.byK)
	for lo < hi {
		if mid := (lo + hi) / 2; sc.byK[mid].t < t.call[v] {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	n := int32(lo) + 1
	for p := sc.pred[v]; p > 0 && t.k[p] >= t.call[v] && int(n) < len(t.order); p = sc.pred[p] { // those that overlap it; in a circle, whatever
		n++
	}
	sc.older[v] = n
	return n
}

// countVersions counts for each stale read how many newer values were known before it began, by a Fenwick tree over their positions.
func (w *registerWorker) countVersions(plan *agePlan) {
	t, sc := &w.table, &w.ages
	sortKeys(sc.stale)
	m := len(t.order)
	sc.fenwick = resize(sc.fenwick, m+1)
	clear(sc.fenwick)
	added := 0
	for _, s := range sc.stale {
		o := &t.ops[s.i]
		for ; added < m && sc.byK[added].t < o.call; added++ {
			for i := int(sc.byK[added].i) + 1; i <= m; i += i & -i {
				sc.fenwick[i]++
			}
		}
		n := int64(added)
		for i := int(sc.newer[o.ref]); i > 0; i -= i & -i {
			n -= int64(sc.fenwick[i])
		}
		c := sc.cell(o.node, plan.windows.at(o.call), o.is&regReplica != 0)
		c.versions = max(c.versions, n)
		c.versionsMost = max(c.versionsMost, n)
	}
}
