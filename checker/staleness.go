package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// measureAges measures how stale each read of the register was (checkers.md, "Staleness of reads"): at least from when the first value
// that is surely newer was known, at most from the call of the first write that may have replaced what was read. It is the one
// computation of staleness: table, timeline, histogram and measures read it.
func (w *registerWorker) measureAges(plan *agePlan, final *history.Dump) (ages []result.OpAge) {
	t, sc := &w.table, &w.ages
	w.firstMissed(plan, final)
	sc.lossy = plan.lossy && w.withoutLost()
	w.beside()
	sc.stale = sc.stale[:0]
	ranked := false
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&(regWrite|regProbe|regOK) != regOK || o.ref == noOp || w.mayBeEvicted(o) {
			continue
		}
		v := o.ref
		a := result.ReadAge{Lo: since(sc.missed[v], o.call), Hi: since(sc.first[v], o.ret)}
		a.Hi = max(a.Lo, a.Hi)
		a.KeptLo, a.KeptHi = a.Lo, a.Hi
		if sc.lossy {
			a.KeptLo, a.KeptHi = since(sc.missedKept[v], o.call), since(sc.firstKept[v], o.ret)
			a.KeptHi = max(a.KeptLo, a.KeptHi)
		}
		c := sc.cell(o.node, plan.windows.at(o.call), o.is&regReplica != 0)
		c.add(&a, o, plan.lossy)
		w.x.a.Ages.Fresh(o.op)
		if a != (result.ReadAge{}) {
			ages = append(ages, result.OpAge{Op: o.op, Age: a})
		}
		if a.Hi > 0 {
			if !ranked {
				w.rank()
				ranked = true
			}
			c.versionsMost = max(c.versionsMost, w.versionsMost(o))
		}
		if a.Lo > 0 {
			sc.stale = append(sc.stale, sortKey{o.call, int32(j)})
		}
	}
	if len(sc.stale) > 0 {
		w.countVersions(plan)
	}
	return ages
}

// mayBeEvicted tells of a read that found nothing whether that may be an eviction's doing: then it says nothing of its age.
func (w *registerWorker) mayBeEvicted(o *regOp) bool { return o.ref == 0 && w.x.evicted.any() }

// since is how long before t from was, 0 if it was not.
func since(from, t int64) int64 {
	if from < t {
		return t - from
	}
	return 0
}

func (c *ageCell) add(a *result.ReadAge, o *regOp, lossy bool) {
	c.reads++
	if a.Lo > 0 {
		c.lo = append(c.lo, a.Lo)
	}
	if a.Hi > 0 {
		c.hi = append(c.hi, a.Hi)
	}
	if lossy && a.KeptLo > 0 {
		c.keptLo = append(c.keptLo, a.KeptLo)
	}
	if lossy && a.KeptHi > 0 {
		c.keptHi = append(c.keptHi, a.KeptHi)
	}
	if a.Lo > c.worstAge || a.Lo == c.worstAge && o.op < c.worst {
		c.worst, c.worstAge = o.op, a.Lo
	}
}

// newerThan finds for each value those that are surely newer: their writes were called after the value was known.
func (w *registerWorker) newerThan() {
	t, sc := &w.table, &w.ages
	m, n := len(t.order), len(t.value)
	sc.least, sc.newer, sc.missed = resize(sc.least, m+1), resize(sc.newer, n), resize(sc.missed, n)
	sc.least[m] = history.Inf
	for p := m - 1; p >= 0; p-- {
		sc.least[p] = min(sc.least[p+1], t.k[t.order[p]])
	}
	near := 0
	for v := range sc.newer {
		sc.newer[v], sc.missed[v] = int32(m), history.Inf
	}
	sc.newer[0], sc.missed[0] = 0, sc.least[0]
	for _, v := range t.order {
		if t.k[v] != history.Inf {
			near = t.after(t.k[v], near)
			sc.newer[v], sc.missed[v] = int32(near), sc.least[near]
		}
	}
}

// firstMissed finds for each value the call of the first write that may have replaced it. Where an acknowledged write says that it did,
// or the value was there at the end, that is one that is surely newer; where one writer wrote versions, the next of them; else it may be
// any write that does not say what it replaced, unless it is surely older.
func (w *registerWorker) firstMissed(plan *agePlan, final *history.Dump) {
	t, sc := &w.table, &w.ages
	m, n := len(t.order), len(t.value)
	sc.first, sc.succ, sc.pred, sc.next = resize(sc.first, n), resize(sc.succ, n), resize(sc.pred, n), resize(sc.next, n)
	for v := range n {
		sc.succ[v], sc.pred[v], sc.next[v] = history.Inf, unsaid, noOp
	}
	for j := range t.ops {
		if o := &t.ops[j]; o.is&regPred != 0 {
			sc.pred[o.ref] = o.pred
			if o.pred != noOp && o.call < sc.succ[o.pred] {
				sc.succ[o.pred], sc.next[o.pred] = o.call, o.ref
			}
		}
	}
	last := noOp
	if plan.held {
		last = 0
		if final != nil && len(final.Elems) == 1 {
			last = t.index.get(final.Elems[0], t.value)
		}
	}
	if !t.versions {
		sc.quiet, sc.quietK = resize(sc.quiet, m+1), resize(sc.quietK, m+1)
		sc.quiet[m], sc.quietK[0] = history.Inf, minTime
		for p := m - 1; p >= 0; p-- {
			if sc.quiet[p] = sc.quiet[p+1]; sc.pred[t.order[p]] == unsaid {
				sc.quiet[p] = t.call[t.order[p]]
			}
		}
		for p, v := range t.order {
			if sc.quietK[p+1] = sc.quietK[p]; sc.pred[v] == unsaid {
				sc.quietK[p+1] = max(sc.quietK[p], t.k[v])
			}
		}
	}
	for v := range int32(n) {
		first := min(w.callAt(int(sc.newer[v])), sc.succ[v])
		if v > 0 && v != last && sc.succ[v] == history.Inf && t.place[v] != noOp {
			switch p := t.place[v]; {
			case t.versions: // known to exist late, perhaps, but its writer's next call came after it
				first = min(first, w.callAt(int(p)+1))
			case sc.quietK[p] >= t.call[v]:
				first = min(first, t.call[v])
			default:
				first = min(first, sc.quiet[p+1])
			}
		}
		sc.first[v] = first
	}
}

// callAt is the call of the write at a position, Inf behind the last.
func (w *registerWorker) callAt(p int) int64 {
	if p < len(w.table.order) {
		return w.table.call[w.table.order[p]]
	}
	return history.Inf
}

// withoutLost finds the same without the lost writes; false: none of this register is lost or masked.
func (w *registerWorker) withoutLost() bool {
	t, sc := &w.table, &w.ages
	m, n := len(t.order), len(t.value)
	any := false
	for v := int32(1); int(v) < n; v++ {
		f := w.fate(v)
		any = any || gone(f) || f == result.FateMasked
		if f == result.FateMasked && !t.replies {
			sc.masked++
		}
	}
	if !any {
		return false
	}
	sc.leastKept, sc.callKept, sc.prevKept = resize(sc.leastKept, m+1), resize(sc.callKept, m+1), resize(sc.prevKept, m+1)
	sc.leastKept[m], sc.callKept[m], sc.prevKept[0] = history.Inf, history.Inf, 0
	for p := m - 1; p >= 0; p-- {
		v := t.order[p]
		f := w.fate(v)
		sc.leastKept[p], sc.callKept[p] = sc.leastKept[p+1], sc.callKept[p+1]
		if stays(f) {
			sc.leastKept[p] = min(sc.leastKept[p], t.k[v])
		}
		if !gone(f) && f != result.FateFailed {
			sc.callKept[p] = t.call[v]
		}
	}
	for p, v := range t.order {
		if sc.prevKept[p+1] = sc.prevKept[p]; stays(w.fate(v)) {
			sc.prevKept[p+1] = v
		}
	}
	sc.baseLo, sc.baseHi, sc.state = resize(sc.baseLo, n), resize(sc.baseHi, n), resize(sc.state, n)
	clear(sc.state)
	sc.missedKept, sc.firstKept, sc.succKept = resize(sc.missedKept, n), resize(sc.firstKept, n), resize(sc.succKept, n)
	for v := range sc.succKept {
		sc.succKept[v] = history.Inf
	}
	for v := int32(1); int(v) < n; v++ {
		if p := sc.pred[v]; p >= 0 && !gone(w.fate(v)) {
			sc.succKept[p] = min(sc.succKept[p], t.call[v])
		}
	}
	near := 0
	for v := range int32(n) {
		if t.k[v] == history.Inf {
			continue // nobody read it
		}
		w.base(v)
		near = t.after(sc.baseLo[v], near)
		sc.missedKept[v] = sc.leastKept[near]
		p := t.after(sc.baseHi[v], near)
		sc.firstKept[v] = sc.callKept[p]
		if sc.baseHi[v] != t.k[v] {
			continue
		}
		switch { // it is part of the final data itself
		case sc.succ[v] != history.Inf:
			sc.firstKept[v] = min(sc.firstKept[v], sc.succKept[v])
		case !t.versions:
			sc.firstKept[v] = min(sc.firstKept[v], sc.first[v])
		case t.place[v] != noOp:
			sc.firstKept[v] = min(sc.firstKept[v], sc.callKept[t.place[v]+1])
		}
	}
	return true
}

// base finds what a read of v stands on when the lost writes are left out: v itself, or what its branch had left when it left the
// surviving one, by what the writes say they replaced. K of that is at most baseLo, and at least baseHi where v may be lost.
func (w *registerWorker) base(v int32) {
	t, sc := &w.table, &w.ages
	sc.path = sc.path[:0]
	for !sc.state[v] {
		sc.state[v] = true
		sc.baseLo[v], sc.baseHi[v] = t.k[v], t.k[v]
		f := w.fate(v)
		if !gone(f) && f != result.FateMasked {
			break
		}
		p := sc.pred[v]
		if p == unsaid || p == noOp {
			sc.baseHi[v] = minTime
			if t.versions && t.place[v] != noOp { // one writer: what it had left before
				sc.baseHi[v] = min(t.k[v], t.k[sc.prevKept[t.place[v]]])
			}
			break
		}
		sc.path = append(sc.path, v)
		v = p
	}
	for i := len(sc.path) - 1; i >= 0; i-- {
		v := sc.path[i]
		p := sc.pred[v]
		sc.baseHi[v] = min(sc.baseHi[v], sc.baseHi[p])
		if gone(w.fate(v)) {
			sc.baseLo[v] = min(sc.baseLo[v], sc.baseLo[p])
		}
	}
}

// rowKey is a row's node and window; no node stands for all replicas, no window for the whole run.
type rowKey struct {
	node   int32
	window string
}

// ageTally are the cells of all workers.
type ageTally struct {
	plan   *agePlan
	rows   map[rowKey]*ageCell
	masked int64
}

func newAgeTally(plan *agePlan) *ageTally {
	return &ageTally{plan: plan, rows: map[rowKey]*ageCell{}}
}

// add takes in what one worker measured: each cell counts in the row of its node and, for reads of replicas, in that of all replicas;
// whole and in its window.
func (t *ageTally) add(sc *ageScratch) {
	t.masked += sc.masked
	for _, c := range sc.cells {
		for _, window := range []string{"", t.plan.windows.names[c.window]} {
			if c.node >= 0 {
				t.row(rowKey{c.node, window}).join(c)
			}
			if c.replica {
				t.row(rowKey{history.NoNode, window}).join(c)
			}
		}
	}
	sc.cells = nil
}

func (t *ageTally) row(k rowKey) *ageCell {
	r := t.rows[k]
	if r == nil {
		r = &ageCell{worst: noOp, worstAge: -1}
		t.rows[k] = r
	}
	return r
}

func (c *ageCell) join(o *ageCell) {
	c.reads += o.reads
	c.lo, c.hi = append(c.lo, o.lo...), append(c.hi, o.hi...)
	c.keptLo, c.keptHi = append(c.keptLo, o.keptLo...), append(c.keptHi, o.keptHi...)
	c.versions, c.versionsMost = max(c.versions, o.versions), max(c.versionsMost, o.versionsMost)
	if o.worstAge > c.worstAge || o.worstAge == c.worstAge && o.worst < c.worst {
		c.worst, c.worstAge = o.worst, o.worstAge
	}
}

// sumAges makes the figures of reads of which all but those listed are 0. It sorts the lists.
func sumAges(reads int64, lo, hi []int64) result.Ages {
	slices.Sort(lo)
	slices.Sort(hi)
	return result.Ages{Stale: int64(len(lo)), StaleMost: int64(len(hi)), P50: ageAt(lo, reads, reads/2), P50Most: ageAt(hi, reads, reads/2),
		P99: ageAt(lo, reads, reads*99/100), P99Most: ageAt(hi, reads, reads*99/100), Max: ageAt(lo, reads, reads-1), MaxMost: ageAt(hi, reads, reads-1)}
}

// ageAt is the age at a rank among reads of which all but those listed are 0.
func ageAt(sorted []int64, reads, rank int64) int64 {
	if i := rank - (reads - int64(len(sorted))); i >= 0 {
		return sorted[i]
	}
	return 0
}

// measureStaleness sums the ages of reads up by node and window, beside the replicas' lag.
func (x *extra) measureStaleness() {
	r := &x.a.Result
	p := x.registerPass()
	lags := measureLag(x.s, x.a)
	for key, row := range p.rows() {
		st := result.Staleness{Node: key.node, Window: key.window, Reads: row.reads, Ages: sumAges(row.reads, row.lo, row.hi), Versions: row.versions, VersionsMost: row.versionsMost,
			LagBytes: -1, LagTime: -1, WorstOp: int(row.worst)}
		switch {
		case !r.Writes.Known:
			st.KeptWhy = "the final data was not read, so it is not known what was lost"
		case p.ages.masked > 0:
			st.KeptWhy = "writes that do not say what they replaced cannot be told lost from overwritten"
		case p.ages.plan.lossy:
			kept := sumAges(row.reads, row.keptLo, row.keptHi)
			st.Kept = &kept
		default:
			kept := st.Ages
			st.Kept = &kept
		}
		if l, ok := lags[key.node]; ok && key.window == "" {
			st.LagBytes, st.LagTime, st.MeanLagB = l.bytes, l.age, l.mean()
		}
		r.Staleness = append(r.Staleness, st)
	}
	if _, ok := p.rows()[rowKey{history.NoNode, ""}]; !ok { // nothing was read from replicas, but they may have lagged
		if l, ok := lags[history.NoNode]; ok {
			none := result.Ages{P50: -1, P50Most: -1, P99: -1, P99Most: -1, Max: -1, MaxMost: -1}
			r.Staleness = append(r.Staleness, result.Staleness{Node: history.NoNode, Ages: none, LagBytes: l.bytes, LagTime: l.age, MeanLagB: l.mean(), WorstOp: -1})
		}
	}
	slices.SortFunc(r.Staleness, func(a, b result.Staleness) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Window, b.Window))
	})
}

func (p *registerPass) rows() map[rowKey]*ageCell {
	if p.ages == nil {
		return nil
	}
	return p.ages.rows
}

// registerK gives each scope of registers its k, from the largest version lag.
func registerK(a *result.Analysis) {
	for i := range a.Result.Registers {
		l := &a.Result.Registers[i]
		l.K = 1
		if l.Conflicts > 0 {
			l.K = 2
		}
		if l.Scope == result.AllReads {
			for _, st := range a.Result.Staleness {
				l.K = max(l.K, st.Versions+1)
			}
		}
	}
}
