package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// Cycles of what is known to depend on what show that no order exists. That there is one follows from their absence only where the
// order of every key's versions is known: for lists, not for registers that are written without being read. There an order is
// searched for: one that is found is the proof, and where all were tried in vain there is none. In between the answer is unknown.

const (
	// orderBudget bounds a search for an order, in events looked at.
	orderBudget = 20_000_000
	// coreBudget bounds each search that makes the transactions without an order fewer, and coreSize how many may be left to try.
	coreBudget = 100_000
	coreSize   = 40
	// narrowLook is how many events a narrow search looks at for each place, narrowChoices how many of them it tries.
	narrowLook    = 256
	narrowChoices = 4
)

// decide looks for an order of the versions that the level allows, after nothing was found that it forbids.
func (t *txnCheck) decide() {
	level := t.x.level()
	rank := slices.Index(levels, level)
	if rank < slices.Index(levels, "snapshot-isolation") {
		return // an order of versions that follows the reads is always one
	}
	o := &orderSearch{t: t, g: t.graph, split: level == "snapshot-isolation", kinds: edgeWW | edgeWR | edgeRW, versions: t.versions}
	if o.split {
		o.versions = append(slices.Clone(t.versions), t.unplaced()...)
	}
	if len(o.versions) == 0 {
		return // lists show their order
	}
	strict := edgeProcess | edgeRealtime | inferredRealtime
	o.index()
	switch level {
	case "strict-serializable":
		o.kinds, o.suffix = o.kinds|strict, "-realtime"
	case "strong-session-serializable":
		o.kinds, o.suffix = o.kinds|edgeProcess, "-process"
	}
	if o.easy(strict) {
		return
	}
	o.budget = orderBudget
	bad, spent := o.search()
	switch {
	case bad != nil:
		o.tell(bad)
	case spent:
		t.x.unsure("no-order", fmt.Sprintf("no order of the versions of all keys was found in the time there is (%d versions, as %s)", len(o.versions), level))
	}
}

// easy looks where an order is found most easily, and tells whether there is one: an order that even follows real time; where something
// contradicts that, one that does for all transactions that write, since old snapshots are the most common reason; and one near it.
func (o *orderSearch) easy(strict edgeKind) bool {
	var tries []orderSearch
	add := func(g *txnGraph, near edgeKind, split bool) {
		s := *o
		s.g, s.kinds, s.split, s.narrow, s.budget = g, o.kinds|near, split, true, orderBudget/4
		tries = append(tries, s)
	}
	if o.t.x.forbidden(levels[len(levels)-1]) {
		add(o.t.writersInTime(o.kinds&edgeProcess), edgeProcess|edgeRealtime, false)
	} else {
		add(o.g, strict, false)
	}
	add(o.g, 0, false)
	if o.split {
		add(o.g, 0, true)
	}
	for i := range tries {
		if bad, spent := tries[i].search(); bad == nil && !spent {
			return true
		}
	}
	return false
}

// writersInTime is the graph without the real time of transactions that only read and, unless they are to be kept, their processes;
// and without what these tell.
func (t *txnCheck) writersInTime(keep edgeKind) *txnGraph {
	reads := make([]bool, t.graph.nodes)
	for n, i := range t.ops {
		reads[n] = true
		it := mopIter{list: t.c.List(int(i))}
		for it.next() {
			reads[n] = reads[n] && it.f != history.FAppend && it.f != history.FWrite
		}
	}
	g := &txnGraph{txns: t.graph.txns, nodes: t.graph.nodes}
	for n := range t.graph.nodes {
		for e := t.graph.off[n]; e < t.graph.off[n+1]; e++ {
			to, kind := t.graph.to[e], t.graph.kind[e]
			timed := kind&(edgeProcess|edgeRealtime)&^keep != 0 || (kind == edgeVia && n >= t.moments[0] && n < t.moments[1])
			if kind&inferredRealtime == 0 && !(timed && (reads[n] || reads[to])) {
				g.add(n, to, kind)
			}
		}
	}
	g.seal()
	return g
}

// unplaced are the appends that no read holds, as versions of keys of their own: they come after all others, in an order that only
// snapshot isolation cares about.
func (t *txnCheck) unplaced() []regVersion {
	var vs []regVersion
	for _, w := range t.lists.all {
		if w.place == 0 && w.last && t.happen[w.txn] && !t.vague[w.key] {
			vs = append(vs, regVersion{key: int32(len(t.keys)) + w.key, writer: w.txn})
		}
	}
	return vs
}

// orderSearch looks for an order of events: transactions as a whole or, under snapshot isolation, their starts and their commits.
type orderSearch struct {
	t        *txnCheck
	g        *txnGraph // the dependencies
	split    bool
	kinds    edgeKind
	suffix   string
	versions []regVersion
	narrow   bool // only a few events are looked at for each place: what is found holds, that nothing is says nothing
	budget   int64
	off      []int32 // by transaction, into member
	member   []int32 // version*2, plus 1 for its writer
	pending  []int32 // by version: readers in the part that have not read it yet
	now      []int32 // by key: the version it has, -1 for none of the part
	active   []int32 // by key: started transactions that will write it
	// Of the part that is searched.
	part   *txnGraph
	of     []int32
	indeg  []int32
	ready  []int32 // writing events that nothing holds back, sorted
	waits  []bool  // by event: it is in ready
	free   []int32 // events that write nothing, on their way to done
	done   []int32
	old    []int32                // what the done events replaced in now
	set    [2]uint64              // the done events
	failed map[[2]uint64]struct{} // sets from which no way led on
}

// index lists each transaction's versions.
func (o *orderSearch) index() {
	n := len(o.t.ops)
	o.off = make([]int32, n+1)
	each := func(f func(txn, m int32)) {
		for i := range o.versions {
			v := &o.versions[i]
			if v.writer >= 0 {
				f(v.writer, int32(2*i+1))
			}
			for _, r := range v.readers {
				f(r, int32(2*i))
			}
		}
	}
	each(func(txn, _ int32) { o.off[txn+1]++ })
	for i := range n {
		o.off[i+1] += o.off[i]
	}
	at := slices.Clone(o.off[:n])
	o.member = make([]int32, o.off[n])
	each(func(txn, m int32) {
		o.member[at[txn]] = m
		at[txn]++
	})
	o.pending = make([]int32, len(o.versions))
	o.now = make([]int32, 2*len(o.t.keys))
	o.active = make([]int32, 2*len(o.t.keys))
	for k := range o.now {
		o.now[k] = -1
	}
}

// search looks for an order of each part that can be ordered by itself: what can lie on a cycle together, whichever way the versions
// go. bad is a part that has none, spent tells that the budget ran out.
func (o *orderSearch) search() (bad []int32, spent bool) {
	g := o.g
	all := make([]int32, g.nodes)
	for n := range all {
		all[n] = int32(n)
	}
	r := newRegion(g)
	for _, part := range newRegion(o.choices()).components(all, 0, o.kinds) {
		part = part[:countBelow(part, g.nodes)]
		ok, over := o.order(part, r)
		if over {
			return nil, true
		}
		if !ok {
			return part, false
		}
	}
	return nil, false
}

// countBelow is how many of some sorted nodes are smaller than a bound.
func countBelow(nodes []int32, bound int32) int {
	n, _ := slices.BinarySearch(nodes, bound)
	return n
}

// choices is the graph with both directions of every order of two versions that is not known.
func (o *orderSearch) choices() *txnGraph {
	g := o.g
	c := newTxnGraph(int(g.txns))
	c.nodes = g.nodes
	for n := range g.nodes {
		for e := g.off[n]; e < g.off[n+1]; e++ {
			if g.kind[e].among(o.kinds | edgeVia) {
				c.add(n, g.to[e], g.kind[e])
			}
		}
	}
	for at := 0; at < len(o.versions); {
		end := at + 1
		for end < len(o.versions) && o.versions[end].key == o.versions[at].key {
			end++
		}
		o.keyChoices(c, o.versions[at:end])
		at = end
	}
	c.seal()
	return c
}

// keyChoices adds those of one key: with real time of each two versions that overlap, else of all.
func (o *orderSearch) keyChoices(c *txnGraph, vs []regVersion) {
	if len(vs) < 2 {
		return
	}
	join := func(hub int32, v *regVersion) {
		for _, n := range append(v.readers, v.writer) {
			c.add(n, hub, edgeWW)
			c.add(hub, n, edgeWW)
		}
	}
	if o.kinds&inferredRealtime == 0 {
		hub := c.node()
		for i := range vs {
			join(hub, &vs[i])
		}
		return
	}
	least := make([]int64, len(vs)+1) // of the greatest calls from a place on
	least[len(vs)] = history.Inf
	for i := len(vs) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], vs[i].last)
	}
	for i := range vs {
		u, hub := &vs[i], int32(-1)
		for j := i + 1; j < len(vs) && least[j] <= u.first; j++ {
			if v := &vs[j]; v.last <= u.first && u.last <= v.first && v.writer >= 0 && u.writer >= 0 {
				if hub < 0 {
					hub = c.node()
					join(hub, u)
				}
				join(hub, v)
			}
		}
	}
}
