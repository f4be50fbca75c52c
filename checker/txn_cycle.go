package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// cycleBudget bounds the search for cycles with a single anti-dependency in one knot, in edges looked at.
const cycleBudget = 100_000_000

// candidates is among how many cycles of one class the shortest is chosen.
const candidates = 50

// cycles finds, in each knot of the dependency graph, a cycle of each class: by data dependencies alone, then with each process's
// order, then with real time. A class is told once a knot, in its strongest form.
func (t *txnCheck) cycles() {
	g := t.graph
	g.seal()
	r := newRegion(g)
	all := make([]int32, g.nodes)
	for n := range all {
		all[n] = int32(n)
	}
	const data = edgeWW | edgeWR | edgeRW
	knots := r.components(all, 0, data|edgeProcess|edgeRealtime|inferredRealtime)
	t.tornLists(knots)
	if len(knots) == 0 {
		return
	}
	clean := t.steady()
	var seen [5][]bool // by class and node: a cycle of that class goes through it
	for i := range seen {
		seen[i] = make([]bool, g.nodes)
	}
	for _, v := range []struct {
		suffix string
		kinds  edgeKind
	}{{"", 0}, {"-process", edgeProcess}, {"-realtime", edgeProcess | edgeRealtime | inferredRealtime}} {
		for _, knot := range knots {
			id := r.mark(knot)
			for _, part := range r.components(knot, id, data|v.kinds) {
				s := &cycleSearch{t: t, r: r, knot: part, extra: v.kinds, id: r.mark(part)}
				for class, name := range result.CycleClasses() {
					if slices.ContainsFunc(part, func(n int32) bool { return seen[class][n] }) {
						s.found[class] = true
						continue
					}
					hops := s.find(class)
					for _, h := range hops {
						seen[class][h.from] = true
					}
					if hops != nil {
						if t.isTold(hops) {
							t.twice++
						}
						t.tell(name+v.suffix, hops, len(part), class < 2 && v.suffix == "" && clean)
					}
				}
			}
		}
	}
}

// steady tells that one node was master all the time. After a failover both branches of the log lend their versions to the order, so
// a cycle may be due to lost data and not to a torn transaction.
func (t *txnCheck) steady() bool {
	node, from, to := int8(-2), int64(0), int64(0)
	for _, i := range t.ops {
		if t.c.Outcome[i] != history.OK || !masterRead(t.c, i) {
			continue
		}
		if node == -2 {
			node, from = t.c.Node[i], t.c.Call[i]
		}
		if t.c.Node[i] != node {
			return false
		}
		from, to = min(from, t.c.Call[i]), max(to, t.c.Return[i])
	}
	return t.x.sameReign(int32(node), from, to)
}

// cycleSearch looks for cycles within one strongly connected part.
type cycleSearch struct {
	t     *txnCheck
	r     *region
	knot  []int32
	extra edgeKind // process and realtime edges that may help
	id    int32    // the label of knot
	found [5]bool
	spent bool // the budget ran out before the single anti-dependencies were through
}

// find returns a short cycle of the class, nil if there is none.
func (s *cycleSearch) find(class int) []hop {
	var hops []hop
	switch class {
	case 0:
		hops = s.through(edgeWW, (edgeWW|s.extra)&^inferredRealtime)
	case 1:
		hops = s.through(edgeWR, (edgeWW|edgeWR|s.extra)&^inferredRealtime)
	case 2:
		hops = s.single()
	case 3:
		hops = s.nonadjacent()
	case 4:
		hops = s.double()
	}
	s.found[class] = hops != nil
	return hops
}

// through finds a cycle of these kinds of edges with at least one edge of the kind must.
func (s *cycleSearch) through(must, kinds edgeKind) []hop {
	g := s.r.g
	var best []hop
	tries := 0
	for _, part := range s.r.components(s.knot, s.id, kinds) {
		id := s.r.mark(part)
		for _, n := range part {
			for e := g.off[n]; e < g.off[n+1] && tries < candidates; e++ {
				if g.kind[e]&must == 0 || !g.kind[e].among(kinds) || s.r.label[g.to[e]] != id {
					continue
				}
				tries++
				best = s.shorter(best, n, g.to[e], g.kind[e], s.r.path(g.to[e], n, id, kinds))
			}
		}
		relabel(s.r.label, part, s.id)
	}
	return best
}

func relabel(label, nodes []int32, id int32) {
	for _, n := range nodes {
		label[n] = id
	}
}

// shorter closes a way back with its edge, and keeps the shorter cycle.
func (s *cycleSearch) shorter(best []hop, from, to int32, kind edgeKind, back []hop) []hop {
	if back == nil {
		return best
	}
	cycle := s.r.g.join(append([]hop{{from, to, kind}}, back...))
	if best == nil || len(cycle) < len(best) {
		return cycle
	}
	return best
}

// single finds a cycle with exactly one anti-dependency: an edge whose way back needs none.
func (s *cycleSearch) single() []hop {
	g := s.r.g
	kinds := edgeWW | edgeWR | s.extra
	var best []hop
	tries := 0
	start := s.r.visits
	for _, n := range s.knot {
		for e := g.off[n]; e < g.off[n+1]; e++ {
			if g.kind[e]&edgeRW == 0 || !g.kind[e].among(kinds|edgeRW) || s.r.label[g.to[e]] != s.id {
				continue
			}
			if s.r.visits-start > cycleBudget {
				s.spent = true
				return best
			}
			back := s.r.path(g.to[e], n, s.id, kinds)
			best = s.shorter(best, n, g.to[e], g.kind[e], back)
			if back != nil {
				tries++
			}
			if tries >= candidates || len(best) == 2 {
				return best
			}
		}
	}
	return best
}

// double finds a cycle with two anti-dependencies or more. It is looked for where no stronger class was found in the part: any
// cycle there is one.
func (s *cycleSearch) double() []hop {
	if s.found[0] || s.found[1] || s.found[2] || s.found[3] {
		return nil
	}
	if s.spent {
		s.t.x.unsure("no-order", fmt.Sprintf("a knot of %d transactions is too large to tell G-single from G2-item", len(s.knot)))
	}
	if hops := s.through(edgeRW, edgeWW|edgeWR|edgeRW|s.extra); hops != nil {
		return hops
	}
	return s.through(inferredRealtime, edgeWW|edgeWR|edgeRW|s.extra) // of orders alone that real time tells
}

// nonadjacent finds a cycle of which no two anti-dependencies follow each other, which snapshot isolation forbids: the long fork. It
// is looked for where no single one was found. Each transaction is split into the moment that it reads at and the one that it commits
// at (Cerone and Gotsman); between the two halves only such cycles are left.
func (s *cycleSearch) nonadjacent() []hop {
	if s.found[0] || s.found[1] || s.found[2] {
		return nil
	}
	halves, of := s.r.g.split(s.knot, s.r.label, s.id, edgeWW|edgeWR|edgeRW|s.extra)
	r := newRegion(halves)
	all := make([]int32, halves.nodes)
	for n := range all {
		all[n] = int32(n)
	}
	half := &cycleSearch{t: s.t, r: r, knot: all, id: 0}
	var out []hop
	for _, h := range half.through(edgeRW, edgeWW|edgeWR|edgeRW|edgeProcess|edgeRealtime|inferredRealtime) {
		if h.kind != edgeVia { // from a transaction's start to its own commit
			out = append(out, hop{of[h.from/2], of[h.to/2], h.kind})
		}
	}
	return out
}

// tell reports a cycle in words.
func (t *txnCheck) tell(class string, hops []hop, size int, bug bool) {
	var b strings.Builder
	ops := make([]int, len(hops))
	for i, h := range hops {
		ops[i] = int(t.ops[h.from])
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(t.why(h))
	}
	fmt.Fprintf(&b, ": each must come before the next, and the last before the first")
	if size > len(hops) {
		fmt.Fprintf(&b, " (the shortest found in a knot of %d)", size)
	}
	t.x.anomaly(class, 1, bug, b.String(), ops...)
}

// why tells one step.
func (t *txnCheck) why(h hop) string {
	a, b := t.ops[h.from], t.ops[h.to]
	switch h.kind &^ inferredRealtime {
	case edgeProcess:
		return fmt.Sprintf("operation %d came before operation %d in process %d", a, b, t.c.Process[a])
	case edgeRealtime:
		return fmt.Sprintf("operation %d returned before operation %d was called", a, b)
	case edgeWW:
		if key, ok := t.common(h, history.FAppend, history.FWrite, history.FAppend, history.FWrite); ok {
			return fmt.Sprintf("operation %d wrote key %d after operation %d", b, key, a)
		}
	case edgeWR:
		if key, ok := t.common(h, history.FAppend, history.FWrite, history.FReadList, history.FRead); ok {
			return fmt.Sprintf("operation %d read on key %d what operation %d had written", b, key, a)
		}
	case edgeRW:
		if key, ok := t.common(h, history.FReadList, history.FRead, history.FAppend, history.FWrite); ok {
			return fmt.Sprintf("operation %d read key %d without what operation %d wrote", a, key, b)
		}
	}
	return fmt.Sprintf("operation %d depends on operation %d", b, a)
}

// common is a key on which the one transaction did f1 or f2 and the other g1 or g2, in a way that makes the dependency.
func (t *txnCheck) common(h hop, f1, f2, g1, g2 history.F) (int64, bool) {
	a := mopIter{list: t.c.List(int(t.ops[h.from]))}
	for a.next() {
		if a.f != f1 && a.f != f2 {
			continue
		}
		b := mopIter{list: t.c.List(int(t.ops[h.to]))}
		for b.next() {
			if b.key == a.key && (b.f == g1 || b.f == g2) && t.depends(h.kind&^inferredRealtime, &a, &b) {
				return a.key, true
			}
		}
	}
	return 0, false
}

// depends tells whether one micro-operation comes before another as a dependency of the kind.
func (t *txnCheck) depends(kind edgeKind, a, b *mopIter) bool {
	switch kind {
	case edgeWR:
		if b.f == history.FReadList {
			return a.f == history.FAppend && slices.Contains(b.read, a.in)
		}
		return a.f == history.FWrite && a.in == b.in
	case edgeRW:
		if a.f == history.FReadList {
			return b.f == history.FAppend && !slices.Contains(a.read, b.in)
		}
		return b.f == history.FWrite && a.in != b.in
	}
	if a.f != history.FAppend || b.f != history.FAppend {
		return a.f == b.f
	}
	k := t.number[a.key]
	u, v := t.lists.find(k, a.in), t.lists.find(k, b.in)
	return u != nil && v != nil && u.place > 0 && (v.place == 0 || u.place < v.place)
}

// levels are the isolation levels that transactions can be judged by, weakest first.
var levels = []string{"read-uncommitted", "read-committed", "snapshot-isolation", "repeatable-read", "serializable", "strong-session-serializable",
	"strict-serializable"}

// forbidden tells whether a level forbids a class of anomaly.
func forbidden(class, level string) bool {
	rank := slices.Index(levels, level)
	base, process := strings.CutSuffix(class, "-process")
	base, realtime := strings.CutSuffix(base, "-realtime")
	if (process && rank < slices.Index(levels, "strong-session-serializable")) || (realtime && rank < len(levels)-1) {
		return false
	}
	switch base {
	case "G0", "duplicate-elements", "incompatible-order", "phantom":
		return true
	case "G1a", "G1b", "G1c":
		return rank >= 1
	case "internal", "fractured", "G-single", "G-nonadjacent", "lost-update", "no-order":
		return rank >= 2
	case "G2-item":
		return rank >= 3
	}
	return false
}
