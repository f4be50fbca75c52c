package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// measureLatency measures, for each acknowledged write and each replica that was read after it, how long it took to be visible there:
// at least from the acknowledgement to the last read that still missed it, at most from its call to the return of the first read that
// showed it or a newer one (checkers.md, visibility_latency). What no read showed, the final data does where it was read. Writes that
// are or may be lost are left out.
func (w *registerWorker) measureLatency(plan *agePlan, held []*history.Dump) {
	t, sc := &w.table, &w.seen
	for n := range sc.byNode {
		sc.byNode[n] = sc.byNode[n][:0]
	}
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&(regWrite|regOK|regReplica) != regOK|regReplica || o.ref == noOp || o.node < 0 {
			continue
		}
		for int(o.node) >= len(sc.byNode) {
			sc.byNode = append(sc.byNode, nil)
		}
		sc.byNode[o.node] = append(sc.byNode[o.node], sortKey{o.call, int32(j)})
	}
	for n, reads := range sc.byNode {
		if len(reads) > 0 {
			sortKeys(reads)
			w.latencyOn(plan, int8(n), reads, w.atEnd(plan, held, int32(n)))
		}
	}
}

// atEnd is the value that a node held at the end, noOp where that is not known.
func (w *registerWorker) atEnd(plan *agePlan, held []*history.Dump, node int32) int32 {
	if !plan.held || plan.end == 0 {
		return noOp
	}
	for _, d := range held {
		if d.Node == node && len(d.Elems) == 1 {
			return w.table.index.get(d.Elems[0], w.table.value)
		}
	}
	return noOp
}

// latencyOn measures it on one node, whose reads stand by call.
func (w *registerWorker) latencyOn(plan *agePlan, node int8, reads []sortKey, last int32) {
	t, sc := &w.table, &w.seen
	m := len(t.order)
	sc.hits, sc.own = resize(sc.hits, m+1), resize(sc.own, len(t.value))
	for p := range sc.hits {
		sc.hits[p] = history.Inf
	}
	for v := range sc.own {
		sc.own[v] = history.Inf
	}
	show := func(v int32, ret int64) {
		if v > 0 && t.place[v] != noOp && !gone(w.fate(v)) {
			sc.own[v] = min(sc.own[v], ret)
			sc.hits[t.place[v]] = min(sc.hits[t.place[v]], ret)
		}
	}
	for _, r := range reads {
		show(t.ops[r.i].ref, t.ops[r.i].ret)
	}
	if last != noOp {
		show(last, plan.end)
	}
	for p := m - 1; p >= 0; p-- {
		sc.hits[p] = min(sc.hits[p], sc.hits[p+1])
	}
	for p, v := range t.order {
		if t.outcome[v] != history.OK || gone(w.fate(v)) || w.fate(v) == result.FateMasked || reads[len(reads)-1].t <= t.ret[v] {
			continue
		}
		hit := min(sc.own[v], sc.hits[w.ages.newer[v]])
		if t.versions {
			hit = sc.hits[p] // one writer: later calls are newer
		}
		lo, hi := w.lastMiss(reads, v, hit), int64(math.MaxInt64)
		if hit != history.Inf {
			hi = max(lo, hit-t.call[v])
		}
		c := sc.cell(node, plan.windows.at(t.ret[v]))
		c.lo, c.hi = append(c.lo, micros(lo, 0)), append(c.hi, micros(hi, 999))
	}
}

// mostSteps bounds how many reads before the first hit are looked at for a miss.
const mostSteps = 64

// lastMiss is how long after the acknowledgement of v the last read before hit was called that surely missed it.
func (w *registerWorker) lastMiss(reads []sortKey, v int32, hit int64) int64 {
	t := &w.table
	j, _ := slices.BinarySearchFunc(reads, hit, func(r sortKey, t int64) int { return cmp.Compare(r.t, t) })
	for n := 0; n < mostSteps && j > 0; n++ {
		j--
		if reads[j].t <= t.ret[v] {
			break
		}
		if ref := t.ops[reads[j].i].ref; w.standsOn(ref) < t.call[v] {
			return reads[j].t - t.ret[v]
		}
	}
	return 0
}

// micros is ns in whole µs, after add ns were added; the greatest number stands for what is not known.
func micros(ns, add int64) int32 {
	if ns > math.MaxInt64-add || (ns+add)/1000 >= math.MaxInt32 {
		return math.MaxInt32
	}
	return int32((ns + add) / 1000)
}

// latency sums the intervals up; nil where there are none. It sorts them.
func (c *visCell) latency() *result.VisLatency {
	n := len(c.lo)
	if n == 0 {
		return nil
	}
	slices.Sort(c.lo)
	slices.Sort(c.hi)
	at := func(us []int32, i int) int64 {
		if us[i] == math.MaxInt32 {
			return -1
		}
		return int64(us[i]) * 1000
	}
	return &result.VisLatency{Writes: int64(n), P50: at(c.lo, n/2), P50Most: at(c.hi, n/2), P99: at(c.lo, n*99/100), P99Most: at(c.hi, n*99/100), Max: at(c.lo, n-1), MaxMost: at(c.hi, n-1)}
}
