package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// tails takes the reads of a list's end into the check of one list: an element stands where every other view of the list has it, and
// a list that only grows is ordered by its length. It must run before replies are held against places.
func (l *listCheck) tails(ops []int32, master bool) {
	c := l.s.c
	number := l.s.numbers()
	at := map[int64]int32{} // place beyond the longest whole read: the element that a tail has there
	for _, i := range ops {
		if c.F[i] != history.FReadTail || c.Outcome[i] != history.OK || master && !masterRead(c, i) {
			continue
		}
		for j, v := range c.List(int(i)) {
			e, ok := number[v]
			if !ok {
				continue // a phantom, told by itself
			}
			place := arg(c, i) + int64(j) + 1
			switch {
			case l.place[e] == 0 && place <= int64(len(l.ref)):
				l.broke(fmt.Sprintf("the read of operation %d has %d at place %d, where another stands", i, v, place), int(i))
			case l.place[e] == 0 && at[place] != 0:
				l.broke(fmt.Sprintf("the read of operation %d has %d at place %d, where another stands", i, v, place), int(i))
			case l.place[e] == 0:
				l.place[e], at[place] = int32(place), e+1
			case int64(l.place[e]) != place:
				l.broke(fmt.Sprintf("the read of operation %d has %d at place %d; it stands at %d", i, v, place, l.place[e]), int(i))
			}
		}
		l.put = append(l.put, placed{key: 2*c.Out[i] + 1, call: c.Call[i], ret: c.Return[i], op: i})
	}
}

// numbers finds an element by its value.
func (s *collection) numbers() map[int64]int32 {
	if s.number == nil {
		s.number = make(map[int64]int32, len(s.elems))
		for n, e := range s.elems {
			s.number[e.value] = int32(n)
		}
	}
	return s.number
}

// partial looks at what single elements and tails of a collection show: an element that must not be there.
func (o *oddities) partial(ops []int32) {
	c := o.s.c
	number := o.s.numbers()
	gone := o.x.removed(o.k)
	for _, i := range ops {
		if c.Outcome[i] != history.OK {
			continue
		}
		var values []int64
		switch {
		case c.F[i] == history.FReadTail:
			values = c.List(int(i))
		case c.F[i] == history.FContains && c.Out[i] != 0:
			values = []int64{c.In[i]}
		default:
			continue
		}
		if c.F[i] == history.FContains && c.Out[i] < 0 {
			values = []int64{-1} // something else stands beside it than what was added
		}
		elems := make([]int32, len(values))
		for j, v := range values {
			n, ok := number[v]
			switch {
			case hasKey(gone, v):
				n = taken
			case !ok:
				n = noOp
			}
			elems[j] = n
		}
		o.look(values, elems, o.x.who(int(i))+" found", int(i))
		o.early(i, values, elems)
	}
}

// early counts an element that a read showed before it was asked for, once.
func (o *oddities) early(read int32, values []int64, elems []int32) {
	c := o.s.c
	for j, e := range elems {
		if e < 0 || !o.s.elems[e].tried || o.told[e] || c.Return[read] >= o.s.elems[e].call {
			continue
		}
		o.told[e] = true
		o.future.count(fmt.Sprintf("%s: %s showed %d, which was added only %s later", o.x.keyName(o.k), o.x.who(int(read)), values[j],
			o.x.span(o.s.elems[e].call-c.Return[read])), int(read), int(o.s.elems[e].add))
	}
}
