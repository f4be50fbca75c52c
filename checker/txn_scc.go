package checker

import "slices"

// region restricts a search to some nodes of the graph and some kinds of edges.
type region struct {
	g     *txnGraph
	label []int32 // by node
	next  int32   // the next label that nobody has
	// Of Tarjan's algorithm, by node; visited is 0 outside a run.
	visited, low []int32
	onStack      []bool
	// Of path, by node.
	stamp  []int32
	round  int32
	prev   []int32
	by     []edgeKind
	visits int64 // edges looked at by path, the budget's measure
}

func newRegion(g *txnGraph) *region {
	n := g.nodes
	return &region{g: g, next: 1, label: make([]int32, n), visited: make([]int32, n), low: make([]int32, n), onStack: make([]bool, n)}
}

// mark gives nodes a label of their own, so that a search can be kept among them.
func (r *region) mark(nodes []int32) int32 {
	id := r.next
	r.next++
	for _, n := range nodes {
		r.label[n] = id
	}
	return id
}

type tarjanFrame struct{ node, edge int32 }

// components finds the strongly connected components with at least two transactions among the nodes with a label, by edges of the
// given kinds. Tarjan's algorithm with a stack of its own: a knot can be a million transactions deep.
func (r *region) components(nodes []int32, id int32, kinds edgeKind) [][]int32 {
	g := r.g
	kinds |= edgeVia
	var out [][]int32
	var stack []int32
	var frames []tarjanFrame
	count := int32(0)
	enter := func(n int32) {
		count++
		r.visited[n], r.low[n] = count, count
		stack = append(stack, n)
		r.onStack[n] = true
		frames = append(frames, tarjanFrame{n, g.off[n]})
	}
	for _, start := range nodes {
		if r.visited[start] != 0 {
			continue
		}
		enter(start)
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			n := f.node
			if f.edge < g.off[n+1] {
				e := f.edge
				f.edge++
				to := g.to[e]
				if !g.kind[e].among(kinds) || r.label[to] != id {
					continue
				}
				if r.visited[to] == 0 {
					enter(to)
				} else if r.onStack[to] {
					r.low[n] = min(r.low[n], r.visited[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				p := frames[len(frames)-1].node
				r.low[p] = min(r.low[p], r.low[n])
			}
			if r.low[n] != r.visited[n] {
				continue
			}
			at := len(stack) - 1
			for stack[at] != n {
				at--
			}
			txns := 0
			for _, m := range stack[at:] {
				r.onStack[m] = false
				if m < g.txns {
					txns++
				}
			}
			if txns >= 2 {
				c := slices.Clone(stack[at:])
				slices.Sort(c)
				out = append(out, c)
			}
			stack = stack[:at]
		}
	}
	for _, n := range nodes {
		r.visited[n] = 0
	}
	return out
}

// hop is one step of a cycle: from comes before to because of kind.
type hop struct {
	from, to int32
	kind     edgeKind
}

// path is a way with the fewest transactions from one node to another within a label, by edges of the given kinds; nil when there is
// none. Steps by way of a node that is no transaction count once.
func (r *region) path(from, to, id int32, kinds edgeKind) []hop {
	g := r.g
	kinds |= edgeVia
	if r.stamp == nil {
		r.stamp, r.prev, r.by = make([]int32, g.nodes), make([]int32, g.nodes), make([]edgeKind, g.nodes)
	}
	r.round++
	r.stamp[from], r.prev[from] = r.round, -1
	now, later := []int32{from}, []int32(nil)
	for len(now) > 0 {
		for i := 0; i < len(now); i++ { // now grows by what is reached at no cost
			n := now[i]
			if n == to {
				return r.walk(to)
			}
			for e := g.off[n]; e < g.off[n+1]; e++ {
				r.visits++
				m := g.to[e]
				if !g.kind[e].among(kinds) || r.label[m] != id || r.stamp[m] == r.round {
					continue
				}
				r.stamp[m], r.prev[m], r.by[m] = r.round, n, g.kind[e]
				if g.kind[e] == edgeVia {
					now = append(now, m)
				} else {
					later = append(later, m)
				}
			}
		}
		now, later = later, now[:0]
	}
	return nil
}

// walk reads the way that path found, from its start, with the nodes that are no transactions taken out. The start may be one too.
func (r *region) walk(to int32) []hop {
	var hops []hop
	for n := to; r.prev[n] >= 0; n = r.prev[n] {
		hops = append(hops, hop{r.prev[n], n, r.by[n]})
	}
	slices.Reverse(hops)
	return hops
}

// join takes the nodes that are no transactions out of a closed way.
func (g *txnGraph) join(hops []hop) []hop {
	start := slices.IndexFunc(hops, func(h hop) bool { return h.from < g.txns })
	hops = append(slices.Clone(hops[start:]), hops[:start]...)
	var out []hop
	for _, h := range hops {
		if h.from < g.txns {
			out = append(out, h)
		} else {
			out[len(out)-1].to = h.to
		}
	}
	return out
}
