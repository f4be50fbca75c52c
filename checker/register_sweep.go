package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// chains joins values along acknowledged predecessor replies and judges each chain's own order: an operation of an earlier value
// must not begin after one of a later value has ended. It returns the zones of the chains; a value without links is one of its own.
func (v *vals) chains(r *keyResult, ops *history.Columns) []zone {
	v.zs = v.zs[:0]
	if v.forks {
		v.fork(r, ops)
	}
	n := len(v.of)
	counted, followed := 0, 0
	for k := range n {
		// Chains lead back and forth within a batch of operations, so the values are counted a batch ahead of where chains are followed:
		// what is read in order first is near when it is read in any.
		for ; counted < min(k+2*ahead, n); counted++ {
			if v.of[counted].used() {
				r.values++
			}
		}
		if v.heads(int32(k)) {
			followed += v.follow(int32(k), r)
		}
	}
	r.values-- // the initial value is no value of a write
	if followed < n {
		v.cycles(r)
	}
	return v.zs
}

// heads tells whether nothing leads into a value.
func (v *vals) heads(k int32) bool {
	p := v.of[k].pred
	return p < 0 || v.forks && v.of[p].next != k
}

// fork finds the values with more than one successor: the first to return goes on with the chain.
func (v *vals) fork(r *keyResult, ops *history.Columns) {
	for k := range v.of {
		v.of[k].next = noOp
	}
	for k := range int32(len(v.of)) {
		p := v.of[k].pred
		if p < 0 {
			continue
		}
		if o := v.of[p].next; o != noOp {
			r.forks++
			a, b := v.write[o], v.write[k]
			r.forked = append(r.forked, [2]int32{a, b})
			r.note(result.Conflict{Kind: "fork", U: v.value[o], V: v.value[k], Ops: forkOps(v.write[p], a, b), Overlap: max(ops.Call[a], ops.Call[b]) - min(ops.Return[a], ops.Return[b])})
			if v.of[o].f <= v.of[k].f {
				continue
			}
		}
		v.of[p].next = k
	}
}

// cycles finds the chains without a beginning.
func (v *vals) cycles(r *keyResult) {
	begun := make([]bool, len(v.of))
	for k := range int32(len(v.of)) {
		if v.heads(k) {
			for j := k; j != noOp; j = v.of[j].next {
				begun[j] = true
			}
		}
	}
	for k := range int32(len(v.of)) {
		if begun[k] {
			continue
		}
		r.cycles++
		r.note(result.Conflict{Kind: "cycle", V: v.value[k], Ops: []int{int(v.write[k])}})
		z := zone{v: noOp}
		for j := k; !begun[j]; j = v.of[j].next {
			begun[j] = true
			z.take(&v.of[j], j)
		}
		v.zs = append(v.zs, z)
	}
}

func forkOps(pred, a, b int32) []int {
	if pred == noOp {
		return []int{int(a), int(b)}
	}
	return []int{int(pred), int(a), int(b)}
}

// follow walks one chain from its head, makes its zone, and returns how many values it has.
func (v *vals) follow(head int32, r *keyResult) (n int) {
	z := zone{v: noOp}
	for k := head; k != noOp; k = v.of[k].next {
		n++
		u := &v.of[k]
		if !u.used() {
			continue
		}
		if z.v != noOp && z.s > u.f {
			r.conflicts++
			r.overlap += z.s - u.f
			r.gamma = max(r.gamma, z.s-u.f)
			r.note(result.Conflict{Kind: "conflict", U: v.value[z.v], V: v.value[k], Ops: present(z.sOp, u.fOp), Overlap: z.s - u.f})
		}
		z.take(u, k)
	}
	if z.v != noOp {
		v.zs = append(v.zs, z)
	}
	return n
}

func present(ops ...int32) []int {
	var out []int
	for _, o := range ops {
		if o != noOp && !slices.Contains(out, int(o)) {
			out = append(out, int(o))
		}
	}
	return out
}

// zone is a value, or a chain of them, in the sweep.
type zone struct {
	f, s     int64
	fOp, sOp int32
	v        int32 // a value of it
}

// take adds a value.
func (z *zone) take(u *val, k int32) {
	switch {
	case z.v == noOp:
		*z = zone{u.f, u.s, u.fOp, u.sOp, k}
		return
	case u.f < z.f:
		z.f, z.fOp = u.f, u.fOp
	}
	if u.s > z.s {
		z.s, z.sOp, z.v = u.s, u.sOp, k
	}
}

// conflicts finds all zones in conflict.
func (v *vals) conflicts(r *keyResult, zones []zone) {
	sortZones(zones)
	v.best = resize(v.best, len(zones))
	var overlaps []result.Gap
	found := conflicts(zones, v.best, 0, func(u, w *zone) {
		o := result.Gap{From: max(u.f, w.f), To: min(u.s, w.s)}
		overlaps = append(overlaps, o)
		r.conflicts++
		r.note(result.Conflict{Kind: "conflict", U: v.value[u.v], V: v.value[w.v], Ops: present(u.fOp, u.sOp, w.fOp, w.sOp), Overlap: max(0, o.Len())})
	})
	if !found {
		return
	}
	for i := range overlaps { // a conflict with the initial value begins with the run
		overlaps[i].From = max(overlaps[i].From, 0)
		overlaps[i].To = max(overlaps[i].To, overlaps[i].From)
	}
	r.overlap += union(overlaps)
	r.gamma = max(r.gamma, gamma(zones, v.best))
}

// two are the zones of greatest s among some.
type two struct{ top, second int32 }

// conflicts calls found for every zone that conflicts with another when all greatest calls are moved back by g, each with the one
// that reaches furthest. zones stand by f; best is memory for as many.
func conflicts(zones []zone, best []two, g int64, found func(u, w *zone)) bool {
	t := two{-1, -1}
	for i := range zones {
		switch {
		case t.top < 0 || zones[i].s > zones[t.top].s:
			t = two{int32(i), t.top}
		case t.second < 0 || zones[i].s > zones[t.second].s:
			t.second = int32(i)
		}
		best[i] = t
	}
	any := false
	for i := range zones {
		w := &zones[i]
		if w.s == minTime {
			continue // no operation of it was called at all
		}
		// Zones with f before limit form a prefix; it mostly ends near this one.
		limit := w.s - g
		hi := i
		if w.f < limit {
			for n := 0; hi+1 < len(zones) && zones[hi+1].f < limit; n++ {
				if hi++; n == near {
					hi = lastBefore(zones, limit)
					break
				}
			}
		} else {
			for n := 0; hi >= 0 && zones[hi].f >= limit; n++ {
				if hi--; n == near {
					hi = lastBefore(zones, limit)
					break
				}
			}
			if hi < 0 {
				continue
			}
		}
		o := best[hi].top
		if int(o) == i {
			o = best[hi].second
		}
		if o >= 0 && zones[o].s != minTime && w.f < zones[o].s-g {
			any = true
			if found == nil {
				return true
			}
			found(&zones[o], w)
		}
	}
	return any
}

// near is how far the end of a prefix is looked for step by step.
const near = 16

// lastBefore is the last zone with f before limit, -1 for none.
func lastBefore(zones []zone, limit int64) int {
	lo, hi := 0, len(zones)
	for lo < hi {
		if mid := (lo + hi) / 2; zones[mid].f < limit {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// sortZones sorts by f. Values come in about that order, each a few clients' writes off its place, so insertion is tried first,
// for as long as it stays cheap.
func sortZones(zones []zone) {
	budget := 32 * len(zones)
	for i := 1; i < len(zones); i++ {
		if zones[i].f >= zones[i-1].f {
			continue
		}
		z := zones[i]
		j := i
		for ; j > 0 && zones[j-1].f > z.f; j-- {
			zones[j] = zones[j-1]
		}
		zones[j] = z
		if budget -= i - j; budget < 0 {
			slices.SortFunc(zones, func(a, b zone) int { return cmp.Compare(a.f, b.f) })
			return
		}
	}
}

// gamma is the least widening of all intervals, ns, that leaves no conflict.
func gamma(zones []zone, best []two) int64 {
	lo, hi := int64(0), int64(1)
	for conflicts(zones, best, hi, nil) {
		if hi > 1<<60 {
			return hi
		}
		lo, hi = hi, hi*2
	}
	for lo+1 < hi {
		if mid := lo + (hi-lo)/2; conflicts(zones, best, mid, nil) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}
