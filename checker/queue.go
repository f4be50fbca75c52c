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
	taken  int   // deliveries that are no redeliveries
	late   bool  // the first delivery anybody heard of was a redelivery: its place in the order is not known
}

// queues checks queues and streams: nothing comes out that did not go in, nothing comes out twice, the order holds, and at the end
// nothing acknowledged is missing.
func (x *extra) queues() {
	if x.all&queueOps == 0 {
		return
	}
	g := x.group(queueOps)
	keys := x.keysOf(queueOps)
	looked := map[string]bool{}
	left := map[int64]bool{} // on any key: what was taken into work lies on another one
	for _, d := range x.h.Dumps {
		looked[d.Key] = looked[d.Key] || d.Elems != nil || d.Type == "none"
		for _, v := range d.Elems {
			left[v] = true
		}
	}
	for _, ns := range perKey(keys, func(k uint32) []note {
		if !looked[x.keyName(k)] {
			return x.queue(k, g.of(k), nil)
		}
		return x.queue(k, g.of(k), left)
	}) {
		x.notes(ns)
	}
	for _, class := range []string{"queue-lost", "queue-duplicated", "queue-reordered", "queue-redelivered"} {
		n := int64(0)
		if i, ok := x.class[class]; ok {
			n = x.found[i].Count
		}
		if len(keys) > 0 {
			x.measure(class, float64(n))
		}
	}
}

// queue checks one. left are the elements that are still there at the end, nil when nobody looked.
func (x *extra) queue(k uint32, ops []int32, left map[int64]bool) []note {
	c := &x.h.Ops
	es, index := x.entries(ops)
	phantom := note{class: "phantom", bug: true}
	aborted := note{class: "aborted_read", bug: true}
	twice := note{class: "queue-duplicated"}
	again := note{class: "queue-redelivered"}
	after := note{class: "queue-redelivered-after-ack"}
	drained := int64(-1)
	for _, i := range byReturn(c, ops) {
		if c.F[i] != history.FDequeue || c.Outcome[i] != history.OK {
			continue
		}
		v := c.Out[i]
		if v == history.Nil || v == history.None {
			if masterRead(c, i) {
				drained = max(drained, c.Call[i])
			}
			continue
		}
		n, ok := index[v]
		if !ok {
			phantom.count(fmt.Sprintf("%s: %s got %d, which nobody put in", x.keyName(k), x.who(int(i)), v), int(i))
			continue
		}
		e := &es[n]
		if !e.tried {
			aborted.count(fmt.Sprintf("%s: %s got %d, although putting it in failed", x.keyName(k), x.who(int(i)), v), int(e.put), int(i))
		}
		if e.ackRet < c.Call[i] {
			after.count(fmt.Sprintf("%s: %s got %d again after it was acknowledged for good", x.keyName(k), x.who(int(i)), v), int(i))
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
		bug := c.Node[e.took] == c.Node[i] && x.sameReign(int32(c.Node[i]), min(c.Call[e.took], c.Call[i]), c.Return[i])
		twice.bug = twice.bug || bug
		twice.count(fmt.Sprintf("%s: %d came out twice", x.keyName(k), v), int(e.took), int(i))
	}
	return []note{phantom, aborted, twice, again, after, x.queueOrder(k, es), x.queueLost(k, es, ops, left, drained)}
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
				es[n].ackRet = min(es[n].ackRet, c.Return[i])
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
	n := note{class: "queue-reordered"}
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

// queueLost counts acknowledged elements that nobody got. Without a look at what the queue still holds, this can be told only
// after a dequeue that was called when all enqueues had ended and found it empty.
func (x *extra) queueLost(k uint32, es []entryLife, ops []int32, left map[int64]bool, drained int64) note {
	c := &x.h.Ops
	n := note{class: "queue-lost"}
	if left == nil {
		for _, i := range ops {
			if c.F[i] == history.FEnqueue && c.Outcome[i] == history.OK && c.Return[i] >= drained {
				return n
			}
		}
	}
	var pending int64 // dequeues without a reply: each may have taken one
	for _, i := range ops {
		if c.F[i] == history.FDequeue && c.Outcome[i] == history.Info {
			pending++
		}
	}
	for _, e := range es {
		if e.ret == history.Inf || e.taken > 0 || left[e.value] || e.ackRet != history.Inf {
			continue
		}
		n.count(fmt.Sprintf("%s: %d was acknowledged and never came out", x.keyName(k), e.value), int(e.put))
	}
	switch {
	case n.n > pending:
		n.n -= pending
	case n.n > 0:
		n.class = "queue-lost-or-taken-unknown"
	}
	return n
}
