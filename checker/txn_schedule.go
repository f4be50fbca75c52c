package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// order looks for an order of one part: events are placed one after the other, each after those that the graph wants before it, and
// a version is replaced only after all who read it. What can follow depends on the set of placed events alone, so that each set is
// tried once. Events that write nothing are placed as soon as they can be: that never hinders another.
func (o *orderSearch) order(part []int32, r *region) (ok, spent bool) {
	id := r.mark(part)
	if o.split {
		o.part, o.of = o.g.split(part, r.label, id, o.kinds)
	} else {
		o.part, o.of = o.g.part(part, r.label, id, o.kinds)
	}
	n := o.part.nodes
	o.indeg, o.waits = make([]int32, n), make([]bool, n)
	o.ready, o.done, o.old, o.set = nil, nil, nil, [2]uint64{}
	o.failed = map[[2]uint64]struct{}{}
	for _, to := range o.part.to {
		o.indeg[to]++
	}
	reads := func(d int32) {
		for _, n := range part {
			o.members(n, func(_ *regVersion, i int32, writes bool) {
				if !writes {
					o.pending[i] += d
				}
			})
		}
	}
	reads(1)
	var first []int32
	for e := range n {
		if o.indeg[e] == 0 {
			first = append(first, e)
		}
	}
	for _, e := range first {
		if o.writes(e) {
			o.wait(e)
		} else {
			o.place(e)
		}
	}
	ok, spent = o.run()
	o.take(0)
	reads(-1)
	return ok, spent
}

// orderStep is one choice of the search.
type orderStep struct {
	mark  int // placed before it
	next  int
	among []int32
}

func (o *orderSearch) run() (ok, spent bool) {
	var steps []orderStep
	for len(o.done) < int(o.part.nodes) {
		if o.budget -= 10; o.budget < 0 {
			return false, true
		}
		if _, tried := o.failed[o.set]; !tried {
			steps = append(steps, orderStep{mark: len(o.done), among: o.candidates()})
		}
		for len(steps) > 0 {
			s := &steps[len(steps)-1]
			o.take(s.mark)
			if s.next < len(s.among) {
				break
			}
			o.failed[o.set] = struct{}{}
			steps = steps[:len(steps)-1]
		}
		if len(steps) == 0 {
			return false, false
		}
		s := &steps[len(steps)-1]
		s.next++
		o.place(s.among[s.next-1])
	}
	return true, false
}

// candidates are the ready events that could be next, in their order.
func (o *orderSearch) candidates() []int32 {
	var es []int32
	among := o.ready
	if o.narrow {
		among = among[:min(len(among), narrowLook)]
	}
	o.budget -= int64(len(among) + len(o.ready)/64) // the latter for keeping them in order
	for _, e := range among {
		if o.fits(e) {
			es = append(es, e)
			if o.narrow && len(es) == narrowChoices {
				break
			}
		}
	}
	return es
}

// compare is the order of ready events: what returned first comes first.
func (o *orderSearch) compare(a, b int32) int {
	c := o.t.c
	i, j := o.t.ops[o.txn(a)], o.t.ops[o.txn(b)]
	return cmp.Or(cmp.Compare(c.Return[i], c.Return[j]), cmp.Compare(c.Call[i], c.Call[j]), cmp.Compare(a, b))
}

// txn is an event's node of the whole graph.
func (o *orderSearch) txn(e int32) int32 {
	if o.split {
		return o.of[e/2]
	}
	return o.of[e]
}

// members calls f for the versions of a transaction, and for none of another node.
func (o *orderSearch) members(n int32, f func(v *regVersion, i int32, writes bool)) {
	if int(n) >= len(o.t.ops) {
		return
	}
	for _, m := range o.member[o.off[n]:o.off[n+1]] {
		f(&o.versions[m/2], m/2, m%2 == 1)
	}
}

// starts and commits tell what an event is: a transaction as a whole is both.
func (o *orderSearch) starts(e int32) bool  { return !o.split || e%2 == 0 }
func (o *orderSearch) commits(e int32) bool { return !o.split || e%2 == 1 }

// fits tells whether a ready event can be next: nobody has yet to read what it replaces and, under snapshot isolation, no
// transaction that writes the same key has started and not committed.
func (o *orderSearch) fits(e int32) bool {
	fits := true
	o.members(o.txn(e), func(v *regVersion, _ int32, writes bool) {
		if !writes {
			return
		}
		if o.split && o.starts(e) {
			fits = fits && o.active[v.key] == 0
			return
		}
		if c := o.now[v.key]; c >= 0 {
			wait := o.pending[c]
			if !o.split {
				o.members(o.txn(e), func(_ *regVersion, i int32, writes bool) {
					if i == c && !writes {
						wait-- // it reads it itself
					}
				})
			}
			fits = fits && wait == 0
		}
	})
	return fits
}

// writes tells whether an event's transaction writes anything that is searched for.
func (o *orderSearch) writes(e int32) bool {
	writes := false
	o.members(o.txn(e), func(_ *regVersion, _ int32, w bool) { writes = writes || w })
	return writes
}

// wait makes an event that writes something ready.
func (o *orderSearch) wait(e int32) {
	i, _ := slices.BinarySearchFunc(o.ready, e, o.compare)
	o.ready = slices.Insert(o.ready, i, e)
	o.waits[e] = true
}

// leave takes an event out of ready, if it is there.
func (o *orderSearch) leave(e int32) {
	if o.waits[e] {
		i, _ := slices.BinarySearchFunc(o.ready, e, o.compare)
		o.ready = slices.Delete(o.ready, i, i+1)
		o.waits[e] = false
	}
}

// place puts an event next, and after it those that write nothing and now can be.
func (o *orderSearch) place(e int32) {
	o.leave(e)
	o.free = append(o.free[:0], e)
	for len(o.free) > 0 {
		e := o.free[len(o.free)-1]
		o.free = o.free[:len(o.free)-1]
		o.effect(e, 1)
		o.done = append(o.done, e)
		o.flip(e)
		for _, to := range o.part.to[o.part.off[e]:o.part.off[e+1]] {
			if o.indeg[to]--; o.indeg[to] > 0 {
				continue
			}
			if o.writes(to) {
				o.wait(to)
			} else {
				o.free = append(o.free, to)
			}
		}
	}
}

// take undoes steps until so many are left.
func (o *orderSearch) take(left int) {
	for len(o.done) > left {
		e := o.done[len(o.done)-1]
		o.done = o.done[:len(o.done)-1]
		o.flip(e)
		for _, to := range o.part.to[o.part.off[e]:o.part.off[e+1]] {
			if o.indeg[to]++; o.indeg[to] == 1 {
				o.leave(to)
			}
		}
		o.effect(e, -1)
		if o.writes(e) {
			o.wait(e)
		}
	}
}

// effect does or, with d -1, undoes what an event does.
func (o *orderSearch) effect(e int32, d int32) {
	o.members(o.txn(e), func(v *regVersion, i int32, writes bool) {
		switch {
		case !writes && o.starts(e):
			o.pending[i] -= d
		case writes && o.split && o.starts(e):
			o.active[v.key] += d
		case writes && o.split:
			o.active[v.key] -= d
		}
		if writes && o.commits(e) && d > 0 {
			o.old = append(o.old, v.key, o.now[v.key])
			o.now[v.key] = i
		}
		if writes && o.commits(e) && d < 0 { // a transaction has one version of a key, so the sequence among them is free
			end := len(o.old) - 2
			o.now[o.old[end]] = o.old[end+1]
			o.old = o.old[:end]
		}
	})
}

// flip adds an event to the set of those done, or takes it out: the set is told by two sums of well-mixed numbers.
func (o *orderSearch) flip(e int32) {
	for i := range o.set {
		o.set[i] ^= mix(uint64(e)*2 + uint64(i) + 1)
	}
}

// mix is splitmix64.
func mix(z uint64) uint64 {
	z *= 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// core leaves out of transactions without an order what is not needed for that.
func (o *orderSearch) core(bad []int32, r *region) []int32 {
	o.budget = coreBudget
	for n := len(bad) - 1; n >= 0; n-- {
		if bad[n] < o.g.txns {
			less := slices.Delete(slices.Clone(bad), n, n+1)
			if ok, spent := o.order(less, r); !ok && !spent {
				bad = less
			}
			if o.budget = max(o.budget, 0); o.budget == 0 {
				break
			}
		}
	}
	return bad
}

// tell reports transactions that no order explains.
func (o *orderSearch) tell(bad []int32) {
	r := newRegion(o.g)
	if len(bad) <= coreSize {
		bad = o.core(bad, r)
		// What has no order even without real time is told so.
		free := *o
		free.kinds, free.budget = edgeWW|edgeWR|edgeRW, coreBudget
		if ok, spent := free.order(bad, r); !ok && !spent {
			o.suffix = ""
		}
	}
	var ops []int
	var names []string
	for _, n := range bad[:countBelow(bad, o.g.txns)] {
		ops = append(ops, int(o.t.ops[n]))
		if len(names) < 10 {
			names = append(names, fmt.Sprint(o.t.ops[n]))
		}
	}
	if len(ops) > len(names) {
		names = append(names, "...")
	}
	how := "no order of them explains what they read"
	if o.split {
		how = "no order of their starts and commits explains what they read"
	}
	o.t.x.anomaly("no-order"+o.suffix, 1, false, fmt.Sprintf("operations %s: %s (all were tried)", strings.Join(names, ", "), how), ops...)
}
