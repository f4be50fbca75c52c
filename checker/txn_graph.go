package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// edgeKind says why one transaction comes before another.
type edgeKind uint8

const (
	edgeWW edgeKind = 1 << iota // the second overwrote or appended to what the first wrote
	edgeWR                      // the second read what the first wrote
	edgeRW                      // the second overwrote or appended to what the first read
	edgeProcess
	edgeRealtime
	// edgeVia goes on from a node that is no transaction; the edge into that node says why.
	edgeVia
	// inferredRealtime comes with edgeWW or edgeRW: two versions of a register are in this order because of real time alone.
	inferredRealtime
)

// among tells whether a search by some kinds of edges may use an edge.
func (k edgeKind) among(kinds edgeKind) bool {
	return k&kinds&^inferredRealtime != 0 && k&inferredRealtime&^kinds == 0
}

// txnGraph is the dependency graph: transactions, and behind them nodes that stand for many edges at once.
type txnGraph struct {
	txns  int32
	nodes int32
	edges []txnEdge // until sealed
	off   []int32
	to    []int32
	kind  []edgeKind
}

type txnEdge struct {
	from, to int32
	kind     edgeKind
}

func newTxnGraph(txns int) *txnGraph { return &txnGraph{txns: int32(txns), nodes: int32(txns)} }

// add adds an edge; none from or to -1, and none from a transaction to itself.
func (g *txnGraph) add(from, to int32, kind edgeKind) {
	if from >= 0 && to >= 0 && from != to {
		g.edges = append(g.edges, txnEdge{from, to, kind})
	}
}

func (g *txnGraph) node() int32 {
	g.nodes++
	return g.nodes - 1
}

// fan is edges from each of some transactions to every other transaction of a set.
type fan struct {
	sources []txnEdge
	to      []int32
}

func (f *fan) from(txn int32, kind edgeKind) {
	if txn >= 0 {
		f.sources = append(f.sources, txnEdge{from: txn, kind: kind})
	}
}

// addFan adds a fan with a number of edges that grows with the sum, not the product, of its two sides. up[i] leads to the targets
// from i on, down[i] to those up to i: a source that is a target itself takes the two that leave it out.
func (g *txnGraph) addFan(f *fan) {
	slices.Sort(f.to)
	f.to = slices.Compact(f.to)
	n := len(f.to)
	if n == 0 || len(f.sources) == 0 {
		return
	}
	if n <= 2 {
		for _, s := range f.sources {
			for _, to := range f.to {
				g.add(s.from, to, s.kind)
			}
		}
		return
	}
	first := g.nodes
	g.nodes += int32(2 * n)
	up := func(i int) int32 { return first + int32(i) }
	down := func(i int) int32 { return first + int32(n+i) }
	for i, to := range f.to {
		g.add(up(i), to, edgeVia)
		g.add(down(i), to, edgeVia)
		if i > 0 {
			g.add(up(i-1), up(i), edgeVia)
			g.add(down(i), down(i-1), edgeVia)
		}
	}
	for _, s := range f.sources {
		i, own := slices.BinarySearch(f.to, s.from)
		if !own {
			g.add(s.from, up(0), s.kind)
			continue
		}
		if i > 0 {
			g.add(s.from, down(i-1), s.kind)
		}
		if i+1 < n {
			g.add(s.from, up(i+1), s.kind)
		}
	}
}

// sessionEdges orders each process's transactions. Those that read from a replica are left out, here and in real time: a replica
// may be behind, and is right as long as what it shows is whole.
func (t *txnCheck) sessionEdges() {
	order := make([]int32, 0, len(t.ops))
	for n, i := range t.ops {
		if t.happen[n] && masterRead(t.c, i) {
			order = append(order, int32(n))
		}
	}
	c := t.c
	slices.SortFunc(order, func(a, b int32) int {
		i, j := t.ops[a], t.ops[b]
		return cmp.Or(cmp.Compare(c.Process[i], c.Process[j]), cmp.Compare(c.Call[i], c.Call[j]), cmp.Compare(a, b))
	})
	for n := 1; n < len(order); n++ {
		a, b := order[n-1], order[n]
		if i, j := t.ops[a], t.ops[b]; c.Process[i] == c.Process[j] && c.Outcome[i] == history.OK {
			t.graph.add(a, b, edgeProcess)
		}
	}
}

// realtimeEdges orders what returned before what was called later. Instead of a number of edges that grows with the square, a chain
// of moments carries the order: an edge from each transaction to the moment of its return, from each moment to the next, and to
// each transaction from the last moment before its call.
func (t *txnCheck) realtimeEdges() {
	type moment struct {
		t    int64
		txn  int32
		call bool
	}
	ms := make([]moment, 0, 2*len(t.ops))
	for n, i := range t.ops {
		if !t.happen[n] || !masterRead(t.c, i) {
			continue
		}
		ms = append(ms, moment{t.c.Call[i], int32(n), true})
		if t.c.Outcome[i] == history.OK {
			ms = append(ms, moment{t.c.Return[i], int32(n), false})
		}
	}
	// At one time calls come before returns, for intervals are closed.
	slices.SortFunc(ms, func(a, b moment) int {
		if a.t != b.t {
			return cmp.Compare(a.t, b.t)
		}
		if a.call != b.call {
			if a.call {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.txn, b.txn)
	})
	g := t.graph
	t.moments[0] = g.nodes
	defer func() { t.moments[1] = g.nodes }()
	now, open := int32(-1), false // the present moment, and whether only returns have come since it began
	for _, m := range ms {
		if m.call {
			g.add(now, m.txn, edgeVia)
			open = false
			continue
		}
		if !open {
			next := g.node()
			g.add(now, next, edgeVia)
			now, open = next, true
		}
		g.add(m.txn, now, edgeRealtime)
	}
}

// part is the graph of some nodes with a label and the edges between them. of are the nodes by number.
func (g *txnGraph) part(nodes, label []int32, id int32, kinds edgeKind) (p *txnGraph, of []int32) {
	of = slices.Clone(nodes)
	slices.Sort(of) // transactions first
	txns, _ := slices.BinarySearch(of, g.txns)
	p = &txnGraph{txns: int32(txns), nodes: int32(len(of))}
	for i, n := range of {
		for e := g.off[n]; e < g.off[n+1]; e++ {
			if label[g.to[e]] == id && g.kind[e].among(kinds|edgeVia) {
				to, _ := slices.BinarySearch(of, g.to[e])
				p.add(int32(i), int32(to), g.kind[e])
			}
		}
	}
	p.seal()
	return p, of
}

// split makes of some nodes with a label a graph of their halves: node 2i is the start of the i-th node, 2i+1 its commit. A
// dependency leads from a commit to a start, an anti-dependency from a start to a commit. A node that is no transaction is two, one
// for either sort. of are the nodes by number.
func (g *txnGraph) split(nodes, label []int32, id int32, kinds edgeKind) (halves *txnGraph, of []int32) {
	of = slices.Clone(nodes)
	slices.Sort(of) // transactions first
	txns, _ := slices.BinarySearch(of, g.txns)
	halves = &txnGraph{txns: int32(2 * txns), nodes: int32(2 * len(of))}
	for i, n := range of {
		from := int32(i)
		if n < g.txns {
			halves.add(2*from, 2*from+1, edgeVia)
		}
		for e := g.off[n]; e < g.off[n+1]; e++ {
			if label[g.to[e]] != id || !g.kind[e].among(kinds|edgeVia) {
				continue
			}
			at, _ := slices.BinarySearch(of, g.to[e])
			to := int32(at)
			switch {
			case n >= g.txns: // the copy of dependencies leads to the start, the other to the commit
				halves.add(2*from, 2*to, g.kind[e])
				halves.add(2*from+1, 2*to+1, g.kind[e])
			case g.kind[e]&edgeRW != 0:
				halves.add(2*from, 2*to+1, g.kind[e])
			default:
				halves.add(2*from+1, 2*to, g.kind[e])
			}
		}
	}
	halves.seal()
	return halves, of
}

// seal turns the edges into arrays by source.
func (g *txnGraph) seal() {
	g.off = make([]int32, g.nodes+1)
	for _, e := range g.edges {
		g.off[e.from+1]++
	}
	for n := range g.nodes {
		g.off[n+1] += g.off[n]
	}
	at := slices.Clone(g.off[:g.nodes])
	g.to = make([]int32, len(g.edges))
	g.kind = make([]edgeKind, len(g.edges))
	for _, e := range g.edges {
		g.to[at[e.from]], g.kind[at[e.from]] = e.to, e.kind
		at[e.from]++
	}
	g.edges = nil
}
