package exact

import (
	"cmp"
	"slices"
)

// QueueF is what an operation does to a queue.
type QueueF uint8

// The functions of queues.
const (
	// Enqueue puts Value in at the back.
	Enqueue QueueF = iota
	// Dequeue takes Value off the front. Unknown: it may have taken whatever was there.
	Dequeue
	// DequeueEmpty found nothing. Unknown: the same as an unknown Dequeue.
	DequeueEmpty
)

// QueueOp is one operation on a queue. Times are on one clock.
type QueueOp struct {
	F            QueueF
	Unknown      bool // the outcome is not known; Return does not count
	Value        int64
	Call, Return int64
}

// item is what happened to one element.
type item struct {
	value    int64
	enq, deq int32 // its operations, -1 for none
	ec, er   int64 // call and return of the enqueue; er is Inf when unknown
	dc, dr   int64 // of the dequeue; both Inf when nobody is known to have got it
}

// Queue decides whether a history of a queue that was empty before it is linearizable. It returns nil when it is, else one violation.
// It is exact, unknown enqueues and dequeues included, if left is 0. Elements that more than one operation put in are left out with
// all their operations, left of them; without them nothing is a false alarm, but what only they would show is not seen.
//
// Time O(n log n).
func Queue(ops []QueueOp) (v *Violation, left int) {
	q := queue{ops: ops}
	if v = q.items(); v == nil {
		v = q.reordered()
	}
	if v == nil {
		v = q.overtaken()
	}
	if v == nil {
		v = q.notEmpty()
	}
	return v, q.left
}

// queue is one history, sorted out.
type queue struct {
	ops     []QueueOp
	known   []item  // those that somebody is known to have got, ascending value
	rest    []item  // acknowledged, and nobody is known to have got them; ascending er
	takes   []int64 // calls of the unknown dequeues, ascending
	empties []int32
	left    int
}

// items sorts the history out by element and finds the violations of single elements.
func (q *queue) items() *Violation {
	var of []int32 // the operations that name an element
	var values []int64
	for i := range q.ops {
		switch o := &q.ops[i]; {
		case o.F != Enqueue && o.Unknown:
			q.takes = append(q.takes, o.Call)
		case o.F == DequeueEmpty:
			q.empties = append(q.empties, int32(i))
		default:
			of, values = append(of, int32(i)), append(values, o.Value)
		}
	}
	q.takes = ordered(q.takes)
	by := order(values)
	for len(by) > 0 {
		n := 1
		for n < len(by) && values[by[n]] == values[by[0]] {
			n++
		}
		if v := q.item(of, by[:n]); v != nil {
			return v
		}
		by = by[n:]
	}
	slices.SortFunc(q.rest, func(a, b item) int { return cmp.Compare(a.er, b.er) })
	return nil
}

// item looks at the operations of[n] of one element, for all n of ns. What was put in with unknown outcome and never came out need
// not have been there; what has no single place is left out.
func (q *queue) item(of, ns []int32) *Violation {
	t := item{enq: -1, deq: -1, dc: Inf, dr: Inf}
	puts := 0
	for _, n := range ns {
		i := of[n]
		o := &q.ops[i]
		t.value = o.Value
		if o.F == Enqueue {
			puts++
			t.enq, t.ec, t.er = i, o.Call, o.Return
			if o.Unknown {
				t.er = Inf
			}
		}
	}
	if puts > 1 {
		q.left += len(ns)
		return nil
	}
	for _, n := range ns {
		i := of[n]
		o := &q.ops[i]
		switch {
		case o.F == Enqueue:
			continue
		case puts == 0:
			return violation(Phantom, []int64{t.value}, i)
		case t.deq >= 0:
			return violation(Twice, []int64{t.value}, t.enq, t.deq, i)
		case o.Return < t.ec:
			return violation(Early, []int64{t.value}, i, t.enq)
		}
		t.deq, t.dc, t.dr = i, o.Call, o.Return
	}
	switch {
	case t.deq >= 0:
		q.known = append(q.known, t)
	case t.er != Inf:
		q.rest = append(q.rest, t)
	}
	return nil
}

// reordered looks for a in before b and b out before a. It is enough to look at pairs: precedence of enqueues is an interval order, and
// that of dequeues too, so of any cycle made of both, two neighbours make one already.
func (q *queue) reordered() *Violation {
	in, asked := make([]int64, len(q.known)), make([]int64, len(q.known))
	for i := range q.known {
		in[i], asked[i] = q.known[i].er, q.known[i].ec
	}
	byIn, byAsked := order(in), order(asked)
	var top *item // of those in before b, the one asked for out last
	for i := 0; len(byAsked) > 0; byAsked = byAsked[1:] {
		b := &q.known[byAsked[0]]
		for ; i < len(byIn) && q.known[byIn[i]].er < b.ec; i++ {
			if a := &q.known[byIn[i]]; top == nil || a.dc > top.dc {
				top = a
			}
		}
		if top != nil && top.dc > b.dr {
			return violation(Reordered, []int64{top.value, b.value}, top.enq, b.enq, b.deq, top.deq)
		}
	}
	return nil
}

// overtaken looks for an element that came out although some put in before it never did. Unknown dequeues may have taken as many:
// all that were in before b was asked for must have been taken by dequeues called before b was out.
//
// That counting is enough: what must be gone by some moment is always the first so many by er, because whatever was in before b
// was asked for was in before every element asked for later. So at each moment the dequeues called by then must be as many as the
// elements that must be gone by then, and by Hall's theorem each of these then finds a dequeue of its own.
func (q *queue) overtaken() *Violation {
	if len(q.rest) == 0 {
		return nil
	}
	for i := range q.known {
		b := &q.known[i]
		if q.rest[0].er >= b.ec {
			continue
		}
		if can := q.taken(b.dr); can < len(q.rest) && q.rest[can].er < b.ec {
			ops, values := q.gone(can+1, b.dr)
			return violation(Overtaken, append([]int64{b.value}, values...), append([]int32{b.enq, b.deq}, ops...)...)
		}
	}
	return nil
}

// taken is how many unknown dequeues were called up to t.
func (q *queue) taken(t int64) int {
	n, _ := slices.BinarySearchFunc(q.takes, t, func(call, t int64) int {
		if call <= t {
			return -1
		}
		return 1
	})
	return n
}

// gone names the first n elements that nobody is known to have got, and all dequeues up to t that may have taken them.
func (q *queue) gone(n int, t int64) (ops []int32, values []int64) {
	for _, a := range q.rest[:n] {
		ops, values = append(ops, a.enq), append(values, a.value)
	}
	for i := range q.ops {
		if o := &q.ops[i]; o.F != Enqueue && o.Unknown && o.Call <= t {
			ops = append(ops, int32(i))
		}
	}
	return ops, values
}
