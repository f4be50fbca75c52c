package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// collectionFindings are what one set or list shows.
type collectionFindings struct {
	notes   []note
	full    setFull
	repeats bool // a list in which an element was appended more than once
}

// sets checks sets that are read whole. Nothing is ever taken out of them, so what reads return must grow: the distinct reads
// form a chain by inclusion, and each addition has its place at the first of them that holds it.
func (x *extra) sets() {
	g := x.group(setOps)
	keys := x.keysOf(setOps)
	parts := perKey(keys, func(k uint32) collectionFindings {
		s := collect(&x.h.Ops, g.of(k))
		s.span = x.span
		odd := x.strange(s, k, g.of(k))
		f := collectionFindings{notes: append(slices.Clone(odd), x.resurrected(k, g.of(k)))}
		f.full = s.full()
		for scope, name := range [2]string{scopeMaster, scopeAll} {
			bad, text, ops := s.setConflicts(scope == 0)
			if bad == 0 {
				if text, ops = x.setExact(k, g.of(k), odd, scope == 0); text != "" {
					bad = 1
				}
			}
			if bad > 0 {
				f.notes = append(f.notes, note{class: "set_conflict", scope: name, n: bad, text: x.keyName(k) + ": " + text, ops: ops})
			}
		}
		return f
	})
	x.looks("phantom", "aborted_read", "future_read", "resurrected", "set_conflict")
	x.addCollections("set", parts)
}

// addCollections sums up what the keys of a kind showed.
func (x *extra) addCollections(kind string, parts []collectionFindings) {
	var full setFull
	for _, p := range parts {
		x.notes(p.notes)
		full.add(p.full)
	}
	full.report(x, kind)
}

// strange finds values that were never added, that were added by a failed operation only, and that stand there twice, in reads and
// in what the nodes held at the end. Each element is counted once a class, whatever the number of reads that show it.
func (x *extra) strange(s *collection, k uint32, ops []int32) []note {
	o := &oddities{x: x, s: s, k: k, phantom: note{class: "phantom"}, aborted: note{class: "aborted_read"}, twice: note{class: "duplicated"}, retried: note{class: "executed_twice"},
		future: note{class: "future_read"}, seen: make([]int32, len(s.elems)), told: make([]bool, len(s.elems)), ghosts: map[int64]bool{}}
	for n, i := range s.reads {
		o.look(s.c.List(int(i)), s.read(n), x.who(int(i))+" read", int(i))
		o.early(i, s.c.List(int(i)), s.read(n))
	}
	o.partial(ops)
	number := s.numbers()
	gone := x.removed(k)
	for _, d := range x.fin.byKey[x.keyName(k)] {
		elems := make([]int32, len(d.Elems))
		for p, v := range d.Elems {
			n, ok := number[v]
			switch {
			case hasKey(gone, v):
				n = taken
			case !ok:
				n = noOp
			}
			elems[p] = n
		}
		o.look(d.Elems, elems, "after the barrier "+x.node(d.Node)+" held")
	}
	return []note{o.phantom, o.aborted, o.future, o.twice, o.retried}
}

// oddities looks through views of one collection for elements that must not be there.
type oddities struct {
	x *extra
	s *collection
	k uint32

	phantom, aborted, future, twice, retried note

	views  int32
	seen   []int32 // by element: the last view that held it, from 1
	told   []bool
	ghosts map[int64]bool
}

// look takes in one view: values and their elements' numbers, who saw it, and the operation that did, if one.
func (o *oddities) look(values []int64, elems []int32, who string, ops ...int) {
	o.views++
	name := o.x.keyName(o.k)
	for j, e := range elems {
		if e == taken {
			continue // judged with its removal
		}
		if e < 0 {
			if !o.ghosts[values[j]] {
				o.ghosts[values[j]] = true
				o.phantom.count(fmt.Sprintf("%s: %s %s, which nobody added", name, who, valueText(values[j])), ops...)
			}
			continue
		}
		el := &o.s.elems[e]
		dup := o.seen[e] == o.views
		o.seen[e] = o.views
		if o.told[e] || (el.tried && !dup) {
			continue
		}
		o.told[e] = true
		at := append([]int{int(el.add)}, ops...)
		switch {
		case !el.tried:
			o.aborted.count(fmt.Sprintf("%s: %s %d, although adding it failed", name, who, el.value), at...)
		case el.adds == 1:
			o.twice.count(fmt.Sprintf("%s: %s %d twice, which was added once", name, who, el.value), at...)
		default:
			o.retried.count(fmt.Sprintf("%s: %s %d twice; %d operations added it", name, who, el.value, el.adds), at...)
		}
	}
}

// known are the elements of a read that somebody may have added, each once.
func (s *collection) known(n int, stamp []int32) []int32 {
	var out []int32
	for _, e := range s.read(n) {
		if e >= 0 && s.elems[e].tried && stamp[e] != int32(n+1) {
			stamp[e] = int32(n + 1)
			out = append(out, e)
		}
	}
	return out
}

// setConflicts counts the reads outside the chain and the operations whose place contradicts real time. It is 0 exactly when
// the reads of the scope are linearizable.
func (s *collection) setConflicts(master bool) (bad int64, text string, ops []int) {
	stamp := make([]int32, len(s.elems))
	type whole struct {
		op    int32
		elems []int32
	}
	var reads []whole
	for n, i := range s.reads {
		if !master || masterRead(s.c, i) {
			reads = append(reads, whole{i, s.known(n, stamp)})
		}
	}
	slices.SortStableFunc(reads, func(a, b whole) int { return cmp.Compare(len(a.elems), len(b.elems)) })
	level := make([]int64, len(s.elems)) // 0: in no read so far
	var places []placed
	size, depth, lastOp := 0, int64(0), int32(-1)
	for _, r := range reads {
		inside := 0
		for _, e := range r.elems {
			if level[e] > 0 {
				inside++
			}
		}
		if inside < size { // it lacks something that a read no larger holds
			if bad == 0 {
				text = fmt.Sprintf("reads of operations %d and %d each hold an element that the other lacks", lastOp, r.op)
				ops = []int{int(lastOp), int(r.op)}
			}
			bad++
			continue
		}
		if len(r.elems) > size || depth == 0 {
			depth++
			size, lastOp = len(r.elems), r.op
			for _, e := range r.elems {
				if level[e] == 0 {
					level[e] = depth
				}
			}
		}
		places = append(places, placed{key: 2*depth + 1, call: s.c.Call[r.op], ret: s.c.Return[r.op], op: r.op})
	}
	for n := range s.elems {
		e := &s.elems[n]
		switch {
		case level[n] > 0:
			places = append(places, placed{key: 2 * level[n], call: e.call, ret: e.ret, op: e.add})
		case e.ret != history.Inf:
			places = append(places, placed{key: never, call: e.call, ret: e.ret, op: e.add})
		}
	}
	sweepOrder(places, func(m misplaced) {
		if bad == 0 {
			text, ops = s.describe(m), []int{int(m.a), int(m.b)}
		}
		bad++
	})
	return bad, text, ops
}

// describe tells a pair that contradicts real time in words.
func (s *collection) describe(m misplaced) string {
	later := s.c.Call[m.b] - s.c.Return[m.a]
	switch aw, bw := isWhole(s.c.F[m.a]), isWhole(s.c.F[m.b]); {
	case !aw && bw:
		return fmt.Sprintf("a read lacks %d, added and acknowledged at least %s before it", s.c.In[m.a], s.span(max(later, 0)))
	case aw && bw:
		return fmt.Sprintf("a read holds less than one that had returned %s before it", s.span(later))
	case aw:
		return fmt.Sprintf("a read held %d before it was asked for", s.c.In[m.b])
	default:
		return fmt.Sprintf("%d shows up before %d, which was acknowledged %s before it was asked for", s.c.In[m.b], s.c.In[m.a], s.span(max(later, 0)))
	}
}

func hasKey[V any](m map[int64]V, k int64) bool { _, ok := m[k]; return ok }
