package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// chains joins values along acknowledged predecessor replies and judges each chain's own order: an operation of an earlier value
// must not begin after one of a later value has ended. It returns each value's chain; a value without links is one of its own.
func (v *vals) chains(r *keyResult, ops *history.Columns) []int32 {
	n := v.n
	v.next = resize(v.next, n)
	next := v.next
	for i := range next {
		next[i] = noOp
	}
	linked := false
	for k := 1; k < n; k++ {
		p := v.pred[k]
		if p == noOp || !v.used[k] {
			continue
		}
		linked = true
		if o := next[p]; o != noOp {
			r.forks++
			a, b := v.write[o], v.write[k]
			r.forked = append(r.forked, [2]int32{a, b})
			r.note(Conflict{Kind: "fork", U: v.value[o], V: v.value[k], Ops: forkOps(v.write[p], a, b), Overlap: max(ops.Call[a], ops.Call[b]) - min(ops.Return[a], ops.Return[b])})
			if v.f[o] <= v.f[k] {
				continue // the first to return goes on with the chain
			}
		}
		next[p] = int32(k)
	}
	if !linked {
		return nil
	}
	v.chain, v.isNext = resize(v.chain, n), resize(v.isNext, n)
	chain, isNext := v.chain, v.isNext
	for i := range chain {
		chain[i], isNext[i] = noOp, false
	}
	for _, k := range next {
		if k != noOp {
			isNext[k] = true
		}
	}
	for k := range n {
		if !isNext[k] {
			v.follow(int32(k), next, chain, r)
		}
	}
	for k := range n {
		if chain[k] == noOp { // nothing leads into it: a cycle
			r.cycles++
			r.note(Conflict{Kind: "cycle", V: v.value[k], Ops: []int{int(v.write[k])}})
			for j := int32(k); chain[j] == noOp; j = next[j] {
				chain[j] = int32(k)
			}
		}
	}
	return chain
}

func forkOps(pred, a, b int32) []int {
	if pred == noOp {
		return []int{int(a), int(b)}
	}
	return []int{int(pred), int(a), int(b)}
}

// follow walks one chain from its head.
func (v *vals) follow(head int32, next, chain []int32, r *keyResult) {
	top, owner := int64(minTime), head
	for k := head; k != noOp; k = next[k] {
		chain[k] = head
		if k != head && v.used[k] && top > v.f[k] {
			r.conflicts++
			r.overlap += top - v.f[k]
			r.gamma = max(r.gamma, top-v.f[k])
			r.note(Conflict{Kind: "conflict", U: v.value[owner], V: v.value[k], Ops: present(v.sOp[owner], v.fOp[k]), Overlap: top - v.f[k]})
		}
		if v.used[k] && v.s[k] > top {
			top, owner = v.s[k], k
		}
	}
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

// conflicts finds all zones in conflict.
func (v *vals) conflicts(r *keyResult, chain []int32) {
	zones := v.zones(chain)
	sortZones(zones)
	v.best = resize(v.best, len(zones))
	var overlaps []Gap
	found := conflicts(zones, v.best, 0, func(u, w *zone) {
		o := Gap{max(u.f, w.f), min(u.s, w.s)}
		overlaps = append(overlaps, o)
		r.conflicts++
		r.note(Conflict{Kind: "conflict", U: v.value[u.v], V: v.value[w.v], Ops: present(u.fOp, u.sOp, w.fOp, w.sOp), Overlap: max(0, o.Len())})
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

// zones are the values that take part, chains joined.
func (v *vals) zones(chain []int32) []zone {
	out := v.zs[:0]
	var of []int32 // zone of each chain's head
	if chain != nil {
		v.at = resize(v.at, v.n)
		of = v.at
		for i := range of {
			of[i] = noOp
		}
	}
	for k := range v.n {
		if !v.used[k] {
			continue
		}
		z := zone{v.f[k], v.s[k], v.fOp[k], v.sOp[k], int32(k)}
		if chain != nil {
			if at := of[chain[k]]; at != noOp {
				o := &out[at]
				if z.f < o.f {
					o.f, o.fOp = z.f, z.fOp
				}
				if z.s > o.s {
					o.s, o.sOp, o.v = z.s, z.sOp, z.v
				}
				continue
			}
			of[chain[k]] = int32(len(out))
		}
		out = append(out, z)
	}
	v.zs = out
	return out
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
