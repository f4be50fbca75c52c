package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// entryLife is what happened to one element of a queue or stream.
type entryLife struct {
	value  int64
	put    int32 // its enqueue
	took   int32 // its first delivery by return that is no redelivery, -1 for none
	call   int64 // of the enqueue
	ret    int64 // Inf when not acknowledged
	tried  bool
	ackRet int64 // least return of an acknowledgement of the element, Inf for none
	ackOp  int32 // that acknowledgement
	taken  int   // deliveries that are no redeliveries
	late   bool  // the first delivery anybody heard of was a redelivery: its place in the order is not known
}

// queues checks queues and streams: nothing comes out that did not go in, nothing comes out twice, and the order holds. What was
// acknowledged and is missing at the end is loss (loss_queue.go).
func (x *extra) queues() {
	g := x.group(queueOps)
	for _, ns := range perKey(x.keysOf(queueOps), func(k uint32) []note { return x.queue(k, g.of(k)) }) {
		x.notes(ns)
	}
	x.looks("phantom", "aborted_read", "future_read", "reordered", "queue_duplicated", "queue_redelivered", "queue_redelivered_after_ack", "queue_reordered", "queue_conflict")
}

// queue checks one.
func (x *extra) queue(k uint32, ops []int32) []note {
	c := &x.h.Ops
	es, index := x.entries(ops)
	phantom, aborted, future := note{class: "phantom"}, note{class: "aborted_read"}, note{class: "future_read"}
	twice := note{class: "queue_duplicated"}
	again := note{class: "queue_redelivered"}
	after := note{class: "queue_redelivered_after_ack"}
	told := map[int64]bool{} // each element is counted once as phantom, refused or too early
	for _, i := range byReturn(c, ops) {
		if c.F[i] != history.FDequeue || c.Outcome[i] != history.OK {
			continue
		}
		v := c.Out[i]
		if v == history.Nil || v == history.None {
			continue
		}
		n, ok := index[v]
		if !ok {
			if !told[v] {
				phantom.count(fmt.Sprintf("%s: %s got %d, which nobody put in", x.keyName(k), x.who(int(i)), v), int(i))
			}
			told[v] = true
			continue
		}
		e := &es[n]
		switch {
		case told[v]:
		case !e.tried:
			told[v] = true
			aborted.count(fmt.Sprintf("%s: %s got %d, although putting it in failed", x.keyName(k), x.who(int(i)), v), int(e.put), int(i))
		case c.Return[i] < e.call:
			told[v] = true
			future.count(fmt.Sprintf("%s: %s got %d, which was put in only %s later", x.keyName(k), x.who(int(i)), v, x.span(e.call-c.Return[i])), int(i), int(e.put))
		}
		if e.ackRet < c.Call[i] {
			x.blame(&after, fmt.Sprintf("%s: %s got %d again after it was acknowledged for good", x.keyName(k), x.who(int(i)), v), e.ackOp, i)
		}
		if arg(c, i) == 1 {
			if e.taken == 0 { // the reply to the first delivery was lost
				e.taken, e.took, e.late = 1, i, true
				continue
			}
			again.count(fmt.Sprintf("%s: %s got %d again", x.keyName(k), x.who(int(i)), v), int(i))
			continue
		}
		e.taken++
		if e.taken == 1 {
			e.took = i
			continue
		}
		// The same master handed it out twice without a break in between: no failover can excuse that.
		x.blame(&twice, fmt.Sprintf("%s: %d came out twice", x.keyName(k), v), e.took, i)
	}
	ns := append(x.queueViews(ops, k, es, index, told), phantom, aborted, future, twice, again, after, x.queueOrder(k, es))
	return append(ns, x.queueExact(k, ops, es, index, ns))
}

// entries lists what was put in, and where to find each value.
func (x *extra) entries(ops []int32) ([]entryLife, map[int64]int) {
	c := &x.h.Ops
	var es []entryLife
	index := map[int64]int{}
	for _, i := range ops {
		if c.F[i] != history.FEnqueue {
			continue
		}
		e := entryLife{value: c.In[i], put: i, took: -1, call: c.Call[i], ret: history.Inf, tried: c.Outcome[i] != history.Fail, ackRet: history.Inf}
		if c.Outcome[i] == history.OK {
			e.ret = c.Return[i]
		}
		if n, ok := index[e.value]; ok { // a retry: it may be there from the first attempt on
			o := &es[n]
			o.tried = o.tried || e.tried
			o.call, o.ret = min(o.call, e.call), min(o.ret, e.ret)
			continue
		}
		index[e.value] = len(es)
		es = append(es, e)
	}
	for _, i := range ops {
		if c.F[i] == history.FAck && c.Outcome[i] == history.OK && c.Out[i] != 0 {
			if n, ok := index[c.In[i]]; ok {
				if c.Return[i] < es[n].ackRet {
					es[n].ackRet, es[n].ackOp = c.Return[i], i
				}
			}
		}
	}
	return es, index
}

func byReturn(c *history.Columns, ops []int32) []int32 {
	s := slices.Clone(ops)
	slices.SortFunc(s, func(a, b int32) int { return cmp.Or(cmp.Compare(c.Return[a], c.Return[b]), cmp.Compare(a, b)) })
	return s
}

// queueOrder counts elements that came out before one that had gone in before them: b was asked for after a was acknowledged, and
// b was out before anybody asked for what turned out to be a.
func (x *extra) queueOrder(k uint32, es []entryLife) note {
	c := &x.h.Ops
	n := note{class: "queue_reordered"}
	// "a in before b in" is the real-time order of the sweep; the key of a is when it was asked for out, that of b when it was out.
	type inOut struct{ at, key, other int64 }
	var as, bs []inOut
	for i, e := range es {
		if e.taken == 0 || e.late || !e.tried {
			continue
		}
		if e.ret != history.Inf {
			as = append(as, inOut{e.ret, c.Call[e.took], int64(i)})
		}
		bs = append(bs, inOut{e.call, c.Return[e.took], int64(i)})
	}
	byAt := func(a, b inOut) int { return cmp.Compare(a.at, b.at) }
	slices.SortFunc(as, byAt)
	slices.SortFunc(bs, byAt)
	top, i := -1, 0
	for _, b := range bs {
		for i < len(as) && as[i].at < b.at {
			if top < 0 || as[i].key > as[top].key {
				top = i
			}
			i++
		}
		if top >= 0 && as[top].key > b.key {
			first, second := es[as[top].other], es[b.other]
			n.count(fmt.Sprintf("%s: %d went in before %d and came out after it", x.keyName(k), first.value, second.value),
				int(first.put), int(second.put), int(second.took), int(first.took))
		}
	}
	return n
}
