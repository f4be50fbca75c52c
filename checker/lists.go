package checker

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/schismtest/schism/history"
)

// lists checks lists that grow at their end and are read whole: every read is a prefix of the longest one, and each element has
// its place there; the reply to an append tells the place even of an element that nobody read.
func (x *extra) lists() {
	g := x.group(listOps)
	keys := x.keysOf(listOps)
	parts := perKey(keys, func(k uint32) collectionFindings {
		s := collect(&x.h.Ops, g.of(k))
		s.span = x.span
		f := collectionFindings{notes: x.strange(s, k, g.of(k))}
		f.full = s.full()
		if f.repeats = slices.ContainsFunc(s.elems, func(e element) bool { return e.adds > 1 }); f.repeats {
			return f // its places are not known, so it goes to porcupine
		}
		for scope, name := range [2]string{scopeMaster, scopeAll} {
			l := s.newListCheck(scope == 0)
			l.tails(g.of(k), scope == 0)
			l.run()
			if l.bad > 0 {
				f.notes = append(f.notes, note{class: "list_conflict", scope: name, n: l.bad, text: x.keyName(k) + ": " + l.text, ops: l.ops})
			}
		}
		return f
	})
	x.looks("phantom", "aborted_read", "future_read", "duplicated", "executed_twice", "list_conflict", "hole", "reordered")
	x.addCollections("list", parts)
	for n, p := range parts {
		if p.repeats {
			x.repeated[keys[n]] = true
		}
	}
	x.finalLists(keys, g)
}

// listCheck judges the reads of one list in one scope.
type listCheck struct {
	s     *collection
	reads []int   // into s.reads
	ref   []int32 // the longest read: elements in their order
	place []int32 // by element: place in ref from 1, 0 for none
	put   []placed
	fill  []int64 // calls of appends whose place nobody knows
	bad   int64
	text  string
	ops   []int
}

func (s *collection) newListCheck(master bool) *listCheck {
	l := &listCheck{s: s, place: make([]int32, len(s.elems))}
	longest := -1
	for n, i := range s.reads {
		if master && !masterRead(s.c, i) {
			continue
		}
		l.reads = append(l.reads, n)
		if longest < 0 || len(s.read(n)) > len(s.read(longest)) {
			longest = n
		}
	}
	if longest >= 0 {
		l.ref = s.read(longest)
	}
	for p, e := range l.ref {
		if e >= 0 && l.place[e] == 0 {
			l.place[e] = int32(p + 1)
		}
	}
	return l
}

// broke counts a contradiction.
func (l *listCheck) broke(text string, ops ...int) {
	if l.bad == 0 {
		l.text, l.ops = text, ops
	}
	l.bad++
}

// run counts reads that are no prefix, replies that name another's place, and operations whose place contradicts real time. None
// exactly when the history is linearizable: the places are then the only possible order.
func (l *listCheck) run() {
	l.prefixes()
	l.appends()
	sweepOrder(l.put, func(m misplaced) { l.broke(l.s.describe(m), int(m.a), int(m.b)) })
}

func (l *listCheck) prefixes() {
	c := l.s.c
	for _, n := range l.reads {
		i := l.s.reads[n]
		if p := differsAt(l.s.read(n), l.ref); p >= 0 {
			l.broke(fmt.Sprintf("the read of operation %d is no prefix of the longest one: they differ at place %d", i, p+1), int(i))
			continue
		}
		l.put = append(l.put, placed{key: 2*int64(len(l.s.read(n))) + 1, call: c.Call[i], ret: c.Return[i], op: i})
	}
	for p, e := range l.ref {
		if e >= 0 && l.place[e] != int32(p+1) {
			l.broke(fmt.Sprintf("%d stands at places %d and %d", l.s.elems[e].value, l.place[e], p+1), int(l.s.elems[e].add))
		}
	}
}

// differsAt is the first place at which a is not a prefix of b, -1 when it is one.
func differsAt(a, b []int32) int {
	for p := range a {
		if p >= len(b) || a[p] != b[p] {
			return p
		}
	}
	return -1
}

func (l *listCheck) appends() {
	owner := map[int64]int32{} // place beyond the longest whole read, by the tail or the reply that told it
	for n := range l.s.elems {
		if p := int64(l.place[n]); p > int64(len(l.ref)) {
			owner[p] = l.s.elems[n].add
		}
	}
	for n := range l.s.elems {
		e := &l.s.elems[n]
		place := int64(l.place[n])
		told := l.told(e)
		switch {
		case place > 0 && told > 0 && told != place:
			l.broke(fmt.Sprintf("the reply to appending %d said place %d; it stands at %d", e.value, told, place), int(e.add))
		case place == 0 && told > 0 && told <= int64(len(l.ref)):
			l.broke(fmt.Sprintf("the reply to appending %d said place %d, where another stands", e.value, told), int(e.add))
			continue
		case place == 0 && told > 0:
			if o, ok := owner[told]; ok {
				l.broke(fmt.Sprintf("two appends were told place %d", told), int(o), int(e.add))
				continue
			}
			owner[told] = e.add
			place = told
		}
		switch {
		case place > 0:
			l.put = append(l.put, placed{key: 2 * place, call: e.call, ret: e.ret, op: e.add})
		case e.ret != history.Inf && len(owner) == 0:
			l.put = append(l.put, placed{key: never, call: e.call, ret: e.ret, op: e.add})
			l.fill = append(l.fill, e.call)
		case e.ret != history.Inf:
			// It stands beyond the longest read, before or after the appends whose replies told their place: only its lower
			// bound is sure, and nothing is before it for sure.
			l.put = append(l.put, placed{key: 2*int64(len(l.ref)) + 2, call: math.MinInt64, ret: e.ret, op: e.add})
			l.fill = append(l.fill, e.call)
		case e.tried:
			l.fill = append(l.fill, e.call)
		}
	}
	l.gaps(owner)
}

// gaps demands an append of unknown place for each place between the longest read and the last one that a reply told.
func (l *listCheck) gaps(owner map[int64]int32) {
	last := int64(len(l.ref))
	for p := range owner {
		last = max(last, p)
	}
	if last == int64(len(l.ref)) {
		return
	}
	least := leastPlaces(l.put, l.fill)
	missing := 0
	for p := int64(len(l.ref)) + 1; p < last; p++ {
		if _, ok := owner[p]; ok {
			continue
		}
		if missing >= len(least) || least[missing] > 2*p {
			l.broke(fmt.Sprintf("nobody can have appended what stands at place %d", p), int(owner[last]))
			return
		}
		missing++
	}
}

// leastPlaces is, for each call, the greatest key of an operation that had returned before it; ascending.
func leastPlaces(put []placed, calls []int64) []int64 {
	put = slices.Clone(put)
	slices.SortFunc(put, func(a, b placed) int { return cmp.Compare(a.ret, b.ret) })
	slices.Sort(calls)
	least := make([]int64, 0, len(calls))
	top, i := int64(math.MinInt64), 0
	for _, c := range calls {
		for i < len(put) && put[i].ret < c {
			if put[i].key != never {
				top = max(top, put[i].key)
			}
			i++
		}
		least = append(least, top)
	}
	return least
}

// told is the place that the reply named, 0 when there is none or more than one append of the value.
func (l *listCheck) told(e *element) int64 {
	c := l.s.c
	if e.adds != 1 || c.Outcome[e.add] != history.OK || c.Out[e.add] == history.None || c.Out[e.add] == history.Nil {
		return 0
	}
	return c.Out[e.add]
}
