package checker

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/checker/exact"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// queueExact asks for an order of all operations on a queue, where the checks of single elements and pairs, found, saw nothing wrong.
// What one reign of one master shows alone is a bug; across failovers it is a measure, since what was not replicated is lost. Where
// records are missing, one of them may be what explains the rest.
func (x *extra) queueExact(k uint32, ops []int32, es []entryLife, index map[int64]int, found []note) note {
	n := note{class: "queue_conflict"}
	if len(x.h.Missing) > 0 {
		return n
	}
	for _, f := range found {
		if f.n > 0 && f.class != "queue_redelivered" {
			return n
		}
	}
	qs, at := x.exactQueue(ops, es, index)
	v, _ := exact.Queue(qs)
	switch {
	case v == nil:
		return n
	case v.Kind == exact.Overtaken && x.imported():
		n.class = "queue_reordered" // a queue from elsewhere need not keep an order (models.md)
	}
	shown := make([]int, len(v.Ops))
	for j, i := range v.Ops {
		shown[j] = int(at[i])
	}
	text := x.keyName(k) + ": " + queueConflictText(v, x.who(int(at[v.Ops[0]])))
	if v.More == 0 && x.allInOneReign(shown) {
		n.bug(text, shown...)
	} else {
		n.count(text, shown...)
	}
	return n
}

// exactQueue writes the operations of a queue or stream as package exact has them, and which each is. Elements of which only a redelivery
// or an acknowledgement was heard are left out with all their operations, which never makes a history worse: when they first came out
// is not known.
func (x *extra) exactQueue(ops []int32, es []entryLife, index map[int64]int) ([]exact.QueueOp, []int32) {
	c := &x.h.Ops
	out, at := make([]exact.QueueOp, 0, len(ops)), make([]int32, 0, len(ops))
	for _, i := range ops {
		f, v := c.F[i], c.Out[i]
		if f == history.FEnqueue {
			v = c.In[i]
		}
		o := exact.QueueOp{F: exact.Dequeue, Value: v, Unknown: c.Outcome[i] == history.Info, Call: c.Call[i], Return: c.Return[i]}
		n, named := index[v]
		switch {
		case f != history.FEnqueue && f != history.FDequeue, c.Outcome[i] == history.Fail:
			continue
		case f == history.FDequeue && arg(c, i) == 1:
			continue // it asked for what had come out before: nothing of that says nothing of the queue
		case f == history.FEnqueue:
			o.F = exact.Enqueue
		case o.Unknown || v == history.None:
			o.Unknown, named = true, false
		case v == history.Nil && !masterRead(c, i):
			continue
		case v == history.Nil:
			o.F, named = exact.DequeueEmpty, false
		}
		if named && (es[n].late || es[n].taken == 0 && es[n].ackRet != history.Inf) {
			continue
		}
		out, at = append(out, o), append(at, i)
	}
	return out, at
}

// allInOneReign tells whether all of these operations fell into one reign of one master, in a run that evicted nothing.
func (x *extra) allInOneReign(ops []int) bool {
	c := &x.h.Ops
	if x.evicted.any() {
		return false
	}
	first, last := int32(ops[0]), int32(ops[0]) // called first, ended last
	end := func(i int32) int64 {
		if c.Outcome[i] == history.Info {
			return c.Call[i]
		}
		return c.Return[i]
	}
	for _, o := range ops {
		i := int32(o)
		if c.Node[i] != c.Node[first] {
			return false
		}
		if c.Call[i] < c.Call[first] {
			first = i
		}
		if end(i) > end(last) {
			last = i
		}
	}
	return x.oneReign(first, last)
}

// queueConflictText tells a violation in words; who names its first operation.
func queueConflictText(v *exact.Violation, who string) string {
	switch v.Kind {
	case exact.NotEmpty:
		return fmt.Sprintf("%s found nothing, although at each moment of it some of %s was there", who, someValues(v.Values))
	case exact.Overtaken:
		return fmt.Sprintf("%d came out, but %s, acknowledged before it was put in, never did", v.Values[0], someValues(v.Values[1:]))
	}
	return "no order of the operations explains the replies about " + someValues(v.Values)
}

// someValues names up to five.
func someValues(vs []int64) string {
	var names []string
	for _, v := range vs[:min(len(vs), 5)] {
		names = append(names, valueText(v))
	}
	text := strings.Join(names, ", ")
	if more := len(vs) - 5; more > 0 {
		text += fmt.Sprintf(" and %s more", words.Count(int64(more)))
	}
	return text
}
