package exact

import (
	"cmp"
	"slices"
)

// notEmpty looks for a dequeue that found nothing, although at each moment of it something was surely there: an element in its span,
// after its enqueue returned and before its dequeue was called, or more elements that never came out than unknown dequeues called
// so far.
//
// Each such dequeue can be judged alone. A moment at which nothing is surely there splits the elements into those that come and go
// before and those that come after it, and no order between two elements contradicts the split. Unknown dequeues are enough for all
// of them when they are enough for each, since the elements that must be gone are always the first so many.
//
// If a moment will do, so will an earlier one that is the dequeue's call, the call of an unknown dequeue, or the end of a span:
// going back in time, only there can something appear. So only these are tried.
func (q *queue) notEmpty() *Violation {
	if len(q.empties) == 0 {
		return nil
	}
	l := q.levels()
	good := l.moments()
	for _, i := range q.empties {
		o := &q.ops[i]
		n, _ := slices.BinarySearch(good, o.Call)
		if n < len(good) && good[n] <= o.Return || l.empty(o.Call) {
			continue
		}
		return q.covered(i)
	}
	return nil
}

// levels are the moments at which what is surely in the queue changes, each ascending.
type levels struct {
	from, to []int64 // ends of the spans
	rest     []int64 // returns of the enqueues of what never came out
	takes    []int64 // calls of the unknown dequeues
}

func (q *queue) levels() *levels {
	l := &levels{takes: q.takes}
	for i := range q.known {
		if t := &q.known[i]; t.er < t.dc {
			l.from, l.to = append(l.from, t.er), append(l.to, t.dc)
		}
	}
	for i := range q.rest {
		l.rest = append(l.rest, q.rest[i].er)
	}
	l.from, l.to = ordered(l.from), ordered(l.to)
	return l
}

// empty tells whether the queue can be empty at t.
func (l *levels) empty(t int64) bool {
	return below(l.from, t) == upTo(l.to, t) && below(l.rest, t) <= upTo(l.takes, t)
}

// moments lists the ends of spans and calls of unknown dequeues at which the queue can be empty, ascending.
func (l *levels) moments() []int64 {
	var good []int64
	var from, to, rest, takes int
	for to < len(l.to) || takes < len(l.takes) {
		t := Inf
		if to < len(l.to) {
			t = l.to[to]
		}
		if takes < len(l.takes) {
			t = min(t, l.takes[takes])
		}
		for ; from < len(l.from) && l.from[from] < t; from++ {
		}
		for ; rest < len(l.rest) && l.rest[rest] < t; rest++ {
		}
		for ; to < len(l.to) && l.to[to] <= t; to++ {
		}
		for ; takes < len(l.takes) && l.takes[takes] <= t; takes++ {
		}
		if from == to && rest <= takes {
			good = append(good, t)
		}
	}
	return good
}

// below is how many of the ascending ts are less than t.
func below(ts []int64, t int64) int {
	n, _ := slices.BinarySearch(ts, t)
	return n
}

// upTo is how many of the ascending ts are at most t.
func upTo(ts []int64, t int64) int {
	if t == Inf {
		return len(ts)
	}
	return below(ts, t+1)
}

// covered names what was there during the dequeue i that found nothing: spans that follow one another as long as they reach, and what
// never came out.
func (q *queue) covered(i int32) *Violation {
	o := &q.ops[i]
	ops, values := []int32{i}, []int64{}
	if n := below(q.restReturns(), o.Return); n > 0 {
		if len(q.takes) == 0 || q.takes[0] > o.Return {
			n = 1 // the first is there from then on
		}
		ops, values = q.gone(n, o.Return)
		ops = append([]int32{i}, ops...)
		if n == 1 && q.rest[0].er < o.Call && len(ops) == 2 {
			return violation(NotEmpty, values, ops...)
		}
	}
	byFrom := slices.DeleteFunc(slices.Clone(q.known), func(t item) bool { return t.er >= t.dc })
	slices.SortFunc(byFrom, func(a, b item) int { return cmp.Compare(a.er, b.er) })
	at := o.Call
	for n := 0; n < len(byFrom); {
		var best *item
		for ; n < len(byFrom) && byFrom[n].er < at; n++ {
			if t := &byFrom[n]; t.dc > at && (best == nil || t.dc > best.dc) {
				best = t
			}
		}
		switch {
		case best != nil:
			ops, values = append(ops, best.enq, best.deq), append(values, best.value)
			at = best.dc
		case n < len(byFrom):
			at = max(at, byFrom[n].er+1)
		}
		if at > o.Return {
			break
		}
	}
	return violation(NotEmpty, values, ops...)
}

func (q *queue) restReturns() []int64 {
	ts := make([]int64, len(q.rest))
	for i := range q.rest {
		ts[i] = q.rest[i].er
	}
	return ts
}
