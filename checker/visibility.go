package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// visEdges are the bounds of the bins of t, ns: 1, 2, 5 a decade from 100 µs to 10 s.
func visEdges() []int64 {
	edges := []int64{0}
	for d := int64(100_000); d < int64(10e9); d *= 10 {
		edges = append(edges, d, 2*d, 5*d)
	}
	return append(edges, int64(10e9), history.Inf)
}

// visCell are the bins and latencies of one node in one window.
type visCell struct {
	node             int32
	window           int
	n, fresh, unsure []int64
	lo, hi           []int32 // latencies in µs, rounded outwards; math.MaxInt32: never
}

func (c *visCell) join(o *visCell) {
	for b := range o.n {
		c.n[b] += o.n[b]
		c.fresh[b] += o.fresh[b]
		c.unsure[b] += o.unsure[b]
	}
	c.lo, c.hi = append(c.lo, o.lo...), append(c.hi, o.hi...)
}

func newVisCell(edges []int64) *visCell {
	n := len(edges) - 1
	return &visCell{n: make([]int64, n), fresh: make([]int64, n), unsure: make([]int64, n)}
}

// visScratch is the memory of one worker.
type visScratch struct {
	edges  []int64
	cells  map[[2]int32]*visCell
	acks   []sortKey // values by the return of their writes
	byNode [][]sortKey
	hits   []int64 // by position in order: least return of the node's reads of values from there on
	own    []int64 // by value: least return of the node's reads of it
}

func (sc *visScratch) cell(node int8, window int) *visCell {
	at := [2]int32{int32(node), int32(window)}
	c := sc.cells[at]
	if c == nil {
		if sc.cells == nil {
			sc.cells = map[[2]int32]*visCell{}
		}
		c = newVisCell(sc.edges)
		c.node, c.window = at[0], window
		sc.cells[at] = c
	}
	return c
}

// standsOn is K of what a read of v stands on: of v, or of what its branch had left when it left the surviving one.
func (w *registerWorker) standsOn(v int32) int64 {
	if w.ages.lossy {
		return w.ages.baseLo[v]
	}
	return w.table.k[v]
}

// measureVisibility measures how likely a replica read that begins t after the acknowledgement of the newest write returns that
// write or a newer one (PBS, Bailis et al. 2012). Probes on a schedule count where there are any: a client that reads in a closed
// loop would meet the moments of its own making. Lost writes are left out, since no replica ever shows them.
func (w *registerWorker) measureVisibility(plan *agePlan, held []*history.Dump) {
	t, sc := &w.table, &w.seen
	if sc.edges == nil {
		sc.edges = visEdges()
	}
	sc.acks = sc.acks[:0]
	for v := 1; v < len(t.value); v++ {
		if t.outcome[v] == history.OK && !gone(w.fate(int32(v))) {
			sc.acks = append(sc.acks, sortKey{t.ret[v], int32(v)})
		}
	}
	sortKeys(sc.acks)
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&(regWrite|regOK|regReplica) != regOK|regReplica || (o.is&regProbe != 0) != plan.probes || o.ref == noOp {
			continue
		}
		at, _ := slices.BinarySearchFunc(sc.acks, o.call, func(a sortKey, t int64) int { return cmp.Compare(a.t, t) })
		if at == 0 {
			continue
		}
		newest := sc.acks[at-1].i
		b, exact := slices.BinarySearch(sc.edges, o.call-t.ret[newest])
		if !exact {
			b--
		}
		c := sc.cell(o.node, plan.windows.at(o.call))
		c.n[b]++
		switch {
		case w.standsOn(o.ref) >= t.call[newest]: // what was known before the write was asked for is older
			c.fresh[b]++
		case w.fate(newest) == result.FateMasked:
			c.unsure[b]++
		}
	}
	w.measureLatency(plan, held)
}

// visTally are the cells of all workers.
type visTally struct {
	plan *agePlan
	rows map[rowKey]*visCell
}

func newVisTally(plan *agePlan) *visTally { return &visTally{plan, map[rowKey]*visCell{}} }

func (t *visTally) add(sc *visScratch) {
	for _, c := range sc.cells {
		for _, window := range []string{"", t.plan.windows.names[c.window]} {
			for _, node := range []int32{c.node, history.NoNode} {
				k := rowKey{node, window}
				if t.rows[k] == nil {
					t.rows[k] = newVisCell(sc.edges)
				}
				t.rows[k].join(c)
				if c.node == history.NoNode {
					break
				}
			}
		}
	}
	sc.cells = nil
}

// measureVisibility sums up what the registers' replica reads showed, by node and window.
func (x *extra) measureVisibility() {
	p := x.registerPass()
	if p.seen == nil {
		return
	}
	r := &x.a.Result
	edges := visEdges()
	for row, c := range p.seen.rows {
		v := result.Visibility{Node: row.node, Window: row.window, At: [4]int64{-1, -1, -1, -1}, Latency: c.latency()}
		for b := range c.n {
			if c.n[b] == 0 {
				continue
			}
			p, lo, _ := wilson(c.fresh[b], c.n[b])
			hi := 1.0
			if sure := c.n[b] - c.unsure[b]; sure > 0 {
				_, _, hi = wilson(c.fresh[b], sure)
			}
			v.Bins = append(v.Bins, result.VisBin{From: edges[b], To: edges[b+1], N: c.n[b], Fresh: c.fresh[b], Unsure: c.unsure[b], P: p, Lo: lo, Hi: hi})
		}
		for q, want := range []float64{0.5, 0.9, 0.99, 0.999} {
			for b := len(v.Bins) - 1; b >= 0 && v.Bins[b].P >= want; b-- { // from there on it stays visible
				v.At[q] = v.Bins[b].From
			}
		}
		r.Visibility = append(r.Visibility, v)
	}
	slices.SortFunc(r.Visibility, func(x, y result.Visibility) int {
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Window, y.Window))
	})
}

// wilson is the share and its 95 % score interval (Wilson 1927).
func wilson(k, n int64) (p, lo, hi float64) {
	const z = 1.959964
	f := float64(n)
	p = float64(k) / f
	mid := (p + z*z/(2*f)) / (1 + z*z/f)
	half := z * math.Sqrt(p*(1-p)/f+z*z/(4*f*f)) / (1 + z*z/f)
	return p, max(0, mid-half), min(1, mid+half)
}
