package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// collection is one set or list with its elements numbered from 0 in ascending order of value.
type collection struct {
	c     *history.Columns
	elems []element
	reads []int32 // ok whole reads, by call
	// data and off hold each read's elements by number, -1 for a value never added, taken for one that somebody tried to remove.
	data []int32
	off  []int
	span func(ns int64) string // writes a duration for people
	// number finds an element by its value, made when first asked for.
	number map[int64]int32
}

// element is one value that somebody tried to add.
type element struct {
	value int64
	add   int32 // the first operation to add it, by call
	adds  int32 // how many operations tried to
	tried bool  // at least one may have done so: it is not Fail
	// call is the least call of those that may have added it, ret the least return of those that did (Inf if none).
	call, ret int64
}

func (s *collection) read(n int) []int32 { return s.data[s.off[n]:s.off[n+1]] }

func collect(c *history.Columns, ops []int32) *collection {
	s := &collection{c: c, span: words.Span}
	gone := removals(c, ops)
	s.elems = elementsOf(c, ops)
	for _, i := range ops {
		if isWhole(c.F[i]) && c.Outcome[i] == history.OK {
			s.reads = append(s.reads, i)
		}
	}
	slices.SortFunc(s.reads, func(a, b int32) int { return cmp.Or(cmp.Compare(c.Call[a], c.Call[b]), cmp.Compare(a, b)) })
	s.off = make([]int, 1, len(s.reads)+1)
	number := make(map[int64]int32, len(s.elems))
	for n, e := range s.elems {
		number[e.value] = int32(n)
	}
	for _, i := range s.reads {
		for _, v := range c.List(int(i)) {
			n, ok := number[v]
			switch {
			case gone[v]:
				n = taken
			case !ok:
				n = -1
			}
			s.data = append(s.data, n)
		}
		s.off = append(s.off, len(s.data))
	}
	return s
}

const taken = -2

// removals are the elements that somebody tried to remove: what is left of a collection without them only grows.
func removals(c *history.Columns, ops []int32) map[int64]bool {
	var gone map[int64]bool
	for _, i := range ops {
		if c.F[i] != history.FRemove || c.Outcome[i] == history.Fail {
			continue
		}
		if gone == nil {
			gone = map[int64]bool{}
		}
		gone[c.In[i]] = true
	}
	return gone
}

func isAddition(f history.F) bool { return f == history.FAdd || f == history.FAppend }

func isWhole(f history.F) bool { return f == history.FReadSet || f == history.FReadList }

// elementsOf joins the operations that add the same value: the value is there from some moment between the least call and the
// least return on, whichever of them did it.
func elementsOf(c *history.Columns, ops []int32) []element {
	var es []element
	gone := removals(c, ops)
	for _, i := range ops {
		if !isAddition(c.F[i]) || gone[c.In[i]] {
			continue
		}
		e := element{value: c.In[i], add: i, adds: 1, call: history.Inf, ret: history.Inf}
		switch c.Outcome[i] {
		case history.OK:
			e.call, e.ret, e.tried = c.Call[i], c.Return[i], true
		case history.Info:
			e.call, e.tried = c.Call[i], true
		}
		es = append(es, e)
	}
	slices.SortFunc(es, func(a, b element) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(c.Call[a.add], c.Call[b.add]))
	})
	out := es[:0]
	for _, e := range es {
		if n := len(out); n > 0 && out[n-1].value == e.value {
			o := &out[n-1]
			o.adds++
			o.tried = o.tried || e.tried
			o.call, o.ret = min(o.call, e.call), min(o.ret, e.ret)
			continue
		}
		out = append(out, e)
	}
	return out
}

// additions are what one session added to a collection, in its order.
type additions struct {
	elems []int32
	acked []int32 // acked[j]: how many of the first j were acknowledged
	// seenAt is when the session first read each element, Inf if never; times are those moments, ascending. Only for sessions
	// that read and add.
	seenAt []int64
	times  []int64
	seenBy []int32 // the read that showed it, by element
}

// sessionIndex tells whose the elements of a collection are.
type sessionIndex struct {
	sessions []additions
	owner    []int32 // by element: its session, -1 when more than one operation added it
	place    []int32 // by element: its place in that session
}

func indexSessions(s *collection) *sessionIndex {
	x := &sessionIndex{owner: make([]int32, len(s.elems)), place: make([]int32, len(s.elems))}
	order := make([]int32, 0, len(s.elems))
	for n, e := range s.elems {
		x.owner[n] = -1
		if e.adds == 1 && e.tried {
			order = append(order, int32(n))
		}
	}
	c := s.c
	slices.SortFunc(order, func(a, b int32) int {
		p, q := s.elems[a].add, s.elems[b].add
		return cmp.Or(cmp.Compare(c.Process[p], c.Process[q]), cmp.Compare(c.Call[p], c.Call[q]))
	})
	number := map[int32]int32{}
	for _, n := range order {
		p := c.Process[s.elems[n].add]
		id, ok := number[p]
		if !ok {
			id = int32(len(x.sessions))
			number[p] = id
			x.sessions = append(x.sessions, additions{acked: []int32{0}})
		}
		a := &x.sessions[id]
		x.owner[n], x.place[n] = id, int32(len(a.elems))
		a.elems = append(a.elems, n)
		acked := a.acked[len(a.acked)-1]
		if c.Outcome[s.elems[n].add] == history.OK {
			acked++
		}
		a.acked = append(a.acked, acked)
	}
	x.noteReads(s, number)
	return x
}

// noteReads fills in what the adding sessions read themselves.
func (x *sessionIndex) noteReads(s *collection, number map[int32]int32) {
	c := s.c
	for n, i := range s.reads {
		id, ok := number[c.Process[i]]
		if !ok {
			continue
		}
		a := &x.sessions[id]
		last := a.elems[len(a.elems)-1]
		if c.Call[s.elems[last].add] <= c.Return[i] {
			continue // it adds nothing after this read
		}
		if a.seenAt == nil {
			a.seenAt = make([]int64, len(s.elems))
			a.seenBy = make([]int32, len(s.elems))
			for e := range a.seenAt {
				a.seenAt[e] = history.Inf
			}
		}
		for _, e := range s.read(n) {
			if e >= 0 && a.seenAt[e] == history.Inf {
				a.seenAt[e], a.seenBy[e] = c.Return[i], i
				a.times = append(a.times, c.Return[i])
			}
		}
	}
	for i := range x.sessions {
		slices.Sort(x.sessions[i].times)
	}
}

// sessionView is what one read shows of one session.
type sessionView struct {
	touched bool
	last    int32 // greatest place seen
	acked   int32 // acknowledged ones seen
	// swapped is an element that stands after a later one of its session, -1 for none (lists).
	swapped int32
}

// collectionSessions checks monotonic writes and writes-follow-reads on a set or list: a read holds e2 but not e1, where e2's
// session had added, or read, e1 before it added e2.
func collectionSessions(s *collection) (t sessionTallies) {
	c := s.c
	x := indexSessions(s)
	views := make([]sessionView, len(x.sessions))
	present := make([]int32, len(s.elems)) // number of the read that last held it, plus 1
	for n, i := range s.reads {
		x.view(s, n, views, present)
		var writes, follows sessionTally
		for id := range views {
			v := &views[id]
			if !v.touched {
				continue
			}
			x.checkWrites(s, id, v, n, present, &writes)
			x.checkFollows(s, id, v, n, present, &follows)
			*v = sessionView{}
		}
		for scope := range 2 {
			if scope == 0 && !masterRead(c, i) {
				continue
			}
			t[2][scope].add(oneRead(writes))
			t[3][scope].add(oneRead(follows))
		}
	}
	return t
}

// oneRead counts a read once, however many sessions it breaks.
func oneRead(t sessionTally) sessionTally {
	t.checked, t.breaks = min(t.checked, 1), min(t.breaks, 1)
	return t
}

func (x *sessionIndex) view(s *collection, n int, views []sessionView, present []int32) {
	ordered := s.c.F[s.reads[n]] == history.FReadList
	for _, e := range s.read(n) {
		if e < 0 || present[e] == int32(n+1) {
			continue
		}
		present[e] = int32(n + 1)
		id := x.owner[e]
		if id < 0 {
			continue
		}
		v := &views[id]
		if !v.touched {
			*v = sessionView{touched: true, last: -1, swapped: -1}
		}
		ok := s.c.Outcome[s.elems[e].add] == history.OK
		if ordered && ok && x.place[e] < v.last {
			v.swapped = e
		}
		v.last = max(v.last, x.place[e])
		if ok {
			v.acked++
		}
	}
}

func (x *sessionIndex) checkWrites(s *collection, id int, v *sessionView, n int, present []int32, t *sessionTally) {
	a := &x.sessions[id]
	if v.last == 0 {
		return
	}
	t.checked++
	c, read := s.c, s.reads[n]
	seen := v.acked
	if c.Outcome[s.elems[a.elems[v.last]].add] == history.OK {
		seen--
	}
	if seen < a.acked[v.last] {
		for _, e := range a.elems[:v.last] {
			if add := s.elems[e].add; present[e] != int32(n+1) && c.Outcome[add] == history.OK {
				t.broke(c.Call[read]-c.Return[add], add, read)
				return
			}
		}
	}
	if v.swapped >= 0 {
		add := s.elems[v.swapped].add
		t.broke(c.Call[read]-c.Return[add], add, read)
	}
}

func (x *sessionIndex) checkFollows(s *collection, id int, v *sessionView, n int, present []int32, t *sessionTally) {
	a := &x.sessions[id]
	if a.seenAt == nil {
		return
	}
	c, read := s.c, s.reads[n]
	before := c.Call[s.elems[a.elems[v.last]].add]
	want, _ := slices.BinarySearch(a.times, before)
	if want == 0 {
		return
	}
	t.checked++
	for _, e := range s.read(n) {
		if e >= 0 && present[e] == int32(n+1) && a.seenAt[e] < before {
			want--
			present[e] = -int32(n + 1) // a value that a list holds twice counts once
		}
	}
	for _, e := range s.read(n) {
		if e >= 0 && present[e] == -int32(n+1) {
			present[e] = int32(n + 1)
		}
	}
	if want == 0 {
		return
	}
	for e, at := range a.seenAt {
		if at < before && present[e] != int32(n+1) {
			t.broke(c.Call[read]-at, a.seenBy[e], read)
			return
		}
	}
}
