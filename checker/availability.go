package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// lasting is how long writes must go on, without a gap of lastingGap, for a recovery to count (checkers.md, RTA), ns.
const (
	lasting    = int64(5e9)
	lastingGap = int64(1e9)
)

// availability measures what clients could do within the load.
func (c *check) availability() {
	ops, av := &c.h.Ops, &c.a.Result.Availability
	av.RTA = -1
	from, to := load(c.h)
	if c.h.Cut > 0 {
		to = min(to, c.h.Cut)
	}
	var writes, surviving, reads []int64
	workers := map[int32]*struct{ writes, reads []int64 }{}
	for i := range ops.Len() {
		if ops.Outcome[i] != history.OK || ops.Flags[i]&history.FlagReplicaWrite != 0 || ops.Return[i] < from || ops.Call[i] > to {
			continue
		}
		w := workers[int32(ops.Worker[i])]
		if w == nil {
			w = &struct{ writes, reads []int64 }{}
			workers[int32(ops.Worker[i])] = w
		}
		if ops.F[i].IsWrite() {
			writes = append(writes, ops.Return[i])
			w.writes = append(w.writes, ops.Return[i])
			if f := c.a.Fate[i]; f != FateLost {
				surviving = append(surviving, ops.Return[i])
			}
		} else {
			reads = append(reads, ops.Return[i])
			w.reads = append(w.reads, ops.Return[i])
		}
	}
	av.LongestWrite = longestGap(writes, from, to)
	av.LongestWriteS = longestGap(surviving, from, to)
	av.LongestRead = longestGap(reads, from, to)
	for n, w := range workers {
		av.ByWorker = append(av.ByWorker, WorkerAvailability{Worker: n, LongestWrite: longestGap(w.writes, from, to), LongestRead: longestGap(w.reads, from, to),
			OKWrites: int64(len(w.writes)), OKReads: int64(len(w.reads))})
	}
	slices.SortFunc(av.ByWorker, func(a, b WorkerAvailability) int { return cmp.Compare(a.Worker, b.Worker) })
	c.rta(to)
}

// longestGap sorts the moments and returns the longest time between two of them, or between one and the edge.
func longestGap(ts []int64, from, to int64) Gap {
	slices.Sort(ts)
	best, prev := Gap{from, from}, from
	for _, t := range append(ts, to) {
		if t > to {
			t = to
		}
		if t-prev > best.Len() {
			best = Gap{prev, t}
		}
		prev = max(prev, t)
	}
	return best
}

// rta measures, over every fault that took effect, from its effect to the return of the first lasting ok write that was called
// after it, and keeps the longest.
func (c *check) rta(end int64) {
	ops, av := &c.h.Ops, &c.a.Result.Availability
	type w struct{ call, ret int64 }
	var ws []w
	for i, f := range ops.F {
		if f.IsWrite() && ops.Outcome[i] == history.OK && ops.Flags[i]&history.FlagReplicaWrite == 0 && c.a.Fate[i] != FateLost {
			ws = append(ws, w{ops.Call[i], ops.Return[i]})
		}
	}
	slices.SortFunc(ws, func(a, b w) int { return cmp.Compare(a.ret, b.ret) })
	// lastsFrom[i]: from write i on there is no gap above lastingGap for the time of lasting, or until the load's end.
	lasts := make([]bool, len(ws))
	runEnd := end
	for i := len(ws) - 1; i >= 0; i-- {
		next := end
		if i+1 < len(ws) {
			next = ws[i+1].ret
		}
		if next-ws[i].ret > lastingGap {
			runEnd = ws[i].ret
		}
		lasts[i] = runEnd-ws[i].ret >= min(lasting, end-ws[i].ret) && runEnd > ws[i].ret
	}
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect == 0 || f.Effect >= end {
			continue
		}
		rta := int64(-1)
		for j := range ws {
			if ws[j].call > f.Effect && lasts[j] {
				rta = ws[j].ret - f.Effect
				break
			}
		}
		if rta < 0 {
			av.RTA, av.RTAFault, av.RTAOpen = -1, f.ID, end-f.Effect
			return // never recovered from this one
		}
		if rta > av.RTA {
			av.RTA, av.RTAFault = rta, f.ID
		}
	}
}
