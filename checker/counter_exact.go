package checker

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"

	"github.com/schismtest/schism/history"
)

// exactCounter decides linearizability of a counter whose increments are all 1, in O(n log n). The values that reads and replies
// name cut the order into slots; the slot between two neighbouring values must hold exactly as many increments as they differ by.
// An increment with a reply has its slot. Any other may go into those from its release (behind everything that had returned
// before it was called) to its deadline (before everything called after it returned; none for an unknown one, which may also
// stay out). Increments are interchangeable, so filling each slot with the earliest deadlines is right whenever anything is.
func (x *extra) exactCounter(k uint32, ops []int32, scope int, name string) note {
	n := note{class: "counter_conflict", scope: name}
	e := newCounterCheck(&x.h.Ops, ops, scope == 0)
	if e == nil {
		return n
	}
	if text, at := e.run(); text != "" {
		n.count(x.keyName(k)+": "+text, at...)
	}
	return n
}

// fixed is an operation that tells the counter's value: before is what it was just before, after just after.
type fixed struct {
	before, after int64
	call, ret     int64
	op            int32
}

// counterCheck is one counter in one scope of reads.
type counterCheck struct {
	fixed []fixed
	loose []int32 // increments without a reply
	c     *history.Columns
	cuts  []int64 // values, ascending, from 0
}

// newCounterCheck is nil when some increment is not 1.
func newCounterCheck(c *history.Columns, ops []int32, master bool) *counterCheck {
	e := &counterCheck{c: c, cuts: []int64{0}}
	for _, i := range ops {
		told := c.Outcome[i] == history.OK && c.Out[i] != history.None && c.Out[i] != history.Nil
		switch {
		case c.Outcome[i] == history.Fail:
		case c.F[i] == history.FIncr && c.In[i] != 1:
			return nil
		case c.F[i] == history.FIncr && told:
			e.fixed = append(e.fixed, fixed{c.Out[i] - 1, c.Out[i], c.Call[i], c.Return[i], i})
			e.cuts = append(e.cuts, c.Out[i]-1, c.Out[i])
		case c.F[i] == history.FIncr:
			e.loose = append(e.loose, i)
		case c.Outcome[i] == history.OK && (!master || masterRead(c, i)):
			v := counterValue(c, i)
			e.fixed = append(e.fixed, fixed{v, v, c.Call[i], c.Return[i], i})
			e.cuts = append(e.cuts, v)
		}
	}
	slices.Sort(e.cuts)
	e.cuts = slices.Compact(e.cuts)
	return e
}

func (e *counterCheck) run() (text string, ops []int) {
	if e.cuts[0] < 0 {
		return "a value below 0, although every increment is 1", nil
	}
	if text, ops = e.monotone(); text != "" {
		return text, ops
	}
	taken := make([]bool, len(e.cuts)) // slots of increments with a reply
	for _, f := range e.fixed {
		if f.before == f.after {
			continue
		}
		j, _ := slices.BinarySearch(e.cuts, f.after)
		if taken[j] {
			return fmt.Sprintf("two increments were told %d", f.after), []int{int(f.op)}
		}
		taken[j] = true
	}
	return e.fill(taken), nil
}

// monotone checks that values never fall in real time.
func (e *counterCheck) monotone() (text string, ops []int) {
	byCall := slices.Clone(e.fixed)
	slices.SortFunc(byCall, func(a, b fixed) int { return cmp.Compare(a.call, b.call) })
	slices.SortFunc(e.fixed, func(a, b fixed) int { return cmp.Compare(a.ret, b.ret) })
	top, i := -1, 0
	for _, b := range byCall {
		for i < len(e.fixed) && e.fixed[i].ret < b.call {
			if top < 0 || e.fixed[i].after > e.fixed[top].after {
				top = i
			}
			i++
		}
		if top >= 0 && e.fixed[top].after > b.before {
			return fmt.Sprintf("%d was seen before an operation that still found %d was called", e.fixed[top].after, b.before), []int{int(e.fixed[top].op), int(b.op)}
		}
	}
	return "", nil
}

// job is an increment of unknown place: the slots that it can go into.
type job struct{ release, deadline int }

// jobs are the loose increments by release. Slot j ends at cuts[j]; the last one, behind all cuts, is open.
func (e *counterCheck) jobs() []job {
	byCall := slices.Clone(e.fixed)
	slices.SortFunc(byCall, func(a, b fixed) int { return cmp.Compare(a.call, b.call) })
	lowest := make([]int64, len(byCall)+1) // least value before any of byCall[i:]
	lowest[len(byCall)] = math.MaxInt64
	for i := len(byCall) - 1; i >= 0; i-- {
		lowest[i] = min(lowest[i+1], byCall[i].before)
	}
	highest := make([]int64, len(e.fixed)+1) // greatest value after any of fixed[:i], which is by return
	for i, f := range e.fixed {
		highest[i+1] = max(highest[i], f.after)
	}
	js := make([]job, 0, len(e.loose))
	for _, i := range e.loose {
		n, _ := slices.BinarySearchFunc(e.fixed, e.c.Call[i], func(f fixed, t int64) int { return cmp.Compare(f.ret, t) })
		release, _ := slices.BinarySearch(e.cuts, highest[n])
		j := job{release: release + 1, deadline: math.MaxInt}
		if e.c.Outcome[i] == history.OK {
			n, _ = slices.BinarySearchFunc(byCall, e.c.Return[i]+1, func(f fixed, t int64) int { return cmp.Compare(f.call, t) })
			j.deadline, _ = slices.BinarySearch(e.cuts, lowest[n])
		}
		js = append(js, j)
	}
	slices.SortFunc(js, func(a, b job) int { return cmp.Compare(a.release, b.release) })
	return js
}

// fill goes through the slots and gives each its increments.
func (e *counterCheck) fill(taken []bool) string {
	js := e.jobs()
	for _, j := range js {
		if j.release > j.deadline {
			return fmt.Sprintf("%d was still seen after an increment that followed it was acknowledged", e.cuts[j.deadline])
		}
	}
	open := &deadlines{}
	next := 0
	for j := 1; j < len(e.cuts); j++ {
		for next < len(js) && js[next].release <= j {
			heap.Push(open, js[next].deadline)
			next++
		}
		need := e.cuts[j] - e.cuts[j-1]
		if taken[j] {
			need--
		}
		for ; need > 0; need-- {
			if open.Len() == 0 {
				return fmt.Sprintf("%d was seen, more than the increments that can have come before it", e.cuts[j])
			}
			heap.Pop(open)
		}
		if open.Len() > 0 && (*open)[0] <= j {
			return fmt.Sprintf("%d was seen, less than the increments that must have come before it", e.cuts[j])
		}
	}
	return ""
}

// deadlines is a heap, least first.
type deadlines []int

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i] < d[j] }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(v any)        { *d = append(*d, v.(int)) }
func (d *deadlines) Pop() any          { o := *d; v := o[len(o)-1]; *d = o[:len(o)-1]; return v }
