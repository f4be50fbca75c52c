package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// counters checks counters. A read lies between what was acknowledged before it was called and what was attempted before it
// returned; for negative increments the bounds swap. Where every increment is 1, the check is exact besides (counter_exact.go).
func (x *extra) counters() {
	g := x.group(counterOps)
	for _, ns := range perKey(x.keysOf(counterOps), func(k uint32) []note { return x.counter(k, g.of(k)) }) {
		x.notes(ns)
	}
	x.looks("counter_above", "counter_below", "counter_conflict", "counter_fork", "counter_regressed")
}

func (x *extra) counter(k uint32, ops []int32) []note {
	c := &x.h.Ops
	b := counterBounds(c, ops)
	ns := []note{x.counterForks(k, ops)}
	if !b.negative {
		ns = append(ns, x.regressions(k, ops))
	}
	for scope, name := range [2]string{scopeMaster, scopeAll} {
		high := note{class: "counter_above", scope: name}
		low := note{class: "counter_below", scope: name}
		for _, r := range ops {
			if c.F[r] != history.FReadCounter || c.Outcome[r] != history.OK || (scope == 0 && !masterRead(c, r)) {
				continue
			}
			v := counterValue(c, r)
			lo, hi := b.at(c.Call[r], c.Return[r])
			if v > hi {
				high.count(fmt.Sprintf("%s: %s read %d, more than the %d that were attempted before it returned", x.keyName(k), x.who(int(r)), v, hi), int(r))
			}
			if v < lo {
				low.count(fmt.Sprintf("%s: %s read %d, less than the %d that were acknowledged before it was called", x.keyName(k), x.who(int(r)), v, lo), int(r))
			}
		}
		x.counterReplies(k, ops, b, &low, &high)
		if scope == 1 {
			x.finalCounter(k, b, &high)
		}
		ns = append(ns, high, low)
		if high.n+low.n == 0 { // the bounds have told it already
			ns = append(ns, x.exactCounter(k, ops, scope, name))
		}
	}
	return ns
}

// counterReplies holds the replies of increments to the bounds, as reads of what they left. Where every increment is 1 the exact
// check judges replies that are too low, by their order.
func (x *extra) counterReplies(k uint32, ops []int32, b *bounds, low, high *note) {
	c := &x.h.Ops
	ones := !slices.ContainsFunc(ops, func(i int32) bool { return c.F[i] == history.FIncr && c.In[i] != 1 })
	for _, i := range ops {
		if c.F[i] != history.FIncr || c.Outcome[i] != history.OK || c.Out[i] == history.None || c.Out[i] == history.Nil {
			continue
		}
		lo, hi := b.at(c.Call[i], c.Return[i])
		own := max(0, c.In[i]) // a decrement is in the lower bound already
		switch v := c.Out[i]; {
		case v > hi+min(0, c.In[i]):
			high.count(fmt.Sprintf("%s: %s was told %d, more than the %d that were attempted before it returned", x.keyName(k), x.who(int(i)), v, hi), int(i))
		case v < lo+own && !ones:
			low.count(fmt.Sprintf("%s: %s was told %d, less than the %d that were acknowledged before it was called and its own", x.keyName(k), x.who(int(i)), v, lo+own), int(i))
		}
	}
}

// finalCounter looks whether a node held more at the end than was ever attempted.
func (x *extra) finalCounter(k uint32, b *bounds, high *note) {
	_, most := b.at(history.Inf-1, history.Inf-1)
	for _, d := range x.fin.byKey[x.keyName(k)] {
		if len(d.Elems) == 1 && d.Elems[0] > most && !b.negative && high.n == 0 {
			high.count(fmt.Sprintf("%s: after the barrier %s held %d, more than the %d that were attempted", x.keyName(k), x.node(d.Node), d.Elems[0], most))
		}
	}
}

// counterValue is what a read returned; an absent counter is 0.
func counterValue(c *history.Columns, r int32) int64 {
	if c.Out[r] == history.Nil || c.Out[r] == history.None {
		return 0
	}
	return c.Out[r]
}

// step is a sum from a moment on.
type step struct{ t, sum int64 }

// bounds are running sums of increments, by the moment they count from.
type bounds struct {
	ackedUp, ackedDown, triedUp, triedDown []step
	negative                               bool
}

func counterBounds(c *history.Columns, ops []int32) *bounds {
	b := &bounds{}
	for _, i := range ops {
		if c.F[i] != history.FIncr || c.Outcome[i] == history.Fail {
			continue
		}
		d := c.In[i]
		acked, tried := &b.ackedUp, &b.triedUp
		if d < 0 {
			acked, tried, b.negative = &b.ackedDown, &b.triedDown, true
		}
		*tried = append(*tried, step{c.Call[i], d})
		if c.Outcome[i] == history.OK {
			*acked = append(*acked, step{c.Return[i], d})
		}
	}
	for _, s := range []*[]step{&b.ackedUp, &b.ackedDown, &b.triedUp, &b.triedDown} {
		slices.SortFunc(*s, func(a, b step) int { return cmp.Compare(a.t, b.t) })
		for i := 1; i < len(*s); i++ {
			(*s)[i].sum += (*s)[i-1].sum
		}
	}
	return b
}

// at is the least and greatest value that a read over this interval can return.
func (b *bounds) at(call, ret int64) (lo, hi int64) {
	lo = sumUntil(b.ackedUp, call) + sumUntil(b.triedDown, ret+1)
	hi = sumUntil(b.triedUp, ret+1) + sumUntil(b.ackedDown, call)
	return lo, hi
}

// sumUntil is the sum of what happened before t.
func sumUntil(s []step, t int64) int64 {
	i, _ := slices.BinarySearchFunc(s, t, func(a step, t int64) int { return cmp.Compare(a.t, t) })
	if i == 0 {
		return 0
	}
	return s[i-1].sum
}

// counterForks counts acknowledged increments whose reply another one got too: on one lineage each reply comes once.
func (x *extra) counterForks(k uint32, ops []int32) note {
	c := &x.h.Ops
	n := note{class: "counter_fork"}
	if slices.ContainsFunc(ops, func(i int32) bool { return c.F[i] == history.FIncr && c.In[i] <= 0 }) {
		return n
	}
	seen := map[int64]int32{}
	for _, i := range ops {
		if c.F[i] != history.FIncr || c.Outcome[i] != history.OK || c.Out[i] == history.None || c.Out[i] == history.Nil {
			continue
		}
		if o, ok := seen[c.Out[i]]; ok {
			x.blame(&n, fmt.Sprintf("%s: two increments were told %d", x.keyName(k), c.Out[i]), o, i)
			continue
		}
		seen[c.Out[i]] = i
	}
	return n
}

// regressions counts reads that returned less than an earlier read of the same node.
func (x *extra) regressions(k uint32, ops []int32) note {
	c := &x.h.Ops
	n := note{class: "counter_regressed"}
	byNode := map[int8][]placed{}
	for _, i := range ops {
		if c.F[i] == history.FReadCounter && c.Outcome[i] == history.OK {
			byNode[c.Node[i]] = append(byNode[c.Node[i]], placed{key: counterValue(c, i), call: c.Call[i], ret: c.Return[i], op: i})
		}
	}
	for _, ps := range byNode {
		sweepOrder(ps, func(m misplaced) {
			n.count(fmt.Sprintf("%s: a later read of one node returned less", x.keyName(k)), int(m.a), int(m.b))
		})
	}
	return n
}
