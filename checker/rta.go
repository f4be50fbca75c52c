package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// lasting is how long writes must go on, without a gap of lastingGap, for a recovery to count (checkers.md, RTA), ns.
const (
	lasting    = int64(5e9)
	lastingGap = int64(1e9)
)

// outage is a time in which one worker could not write: from its last ok write to its first one that lasts.
type outage struct {
	last, first int // operations; first is -1 while it goes on
	fault       int // ID of the fault that it is put down to
	lo, hi      int64
	seen        int64 // ns as the clients saw it: from the effect, or the last reply after it, to the first reply
}

// rta measures, by worker, the longest outage that a fault explains, and keeps the longest of those workers that no fault cut off from
// the promoted node, of these groups, and the sentinels (checkers.md, RTA). It is done twice: as if every write that may have stayed did, for the least,
// and as if none did, for the most.
func (c *check) rta(written *[256]workerWrites, groups []*group, worth []standing, end int64) {
	av := &c.a.Result.Availability
	av.RTA = -1
	if !c.attached() && !slices.ContainsFunc(c.h.Faults, func(f history.Fault) bool { return f.Effect > 0 && f.Effect < end }) {
		return
	}
	type found struct{ least, most outage }
	best, bestAny := -1, -1
	outages := make([]found, len(av.ByWorker))
	for k := range av.ByWorker {
		w := &av.ByWorker[k]
		ws := written[uint8(w.Worker)]
		f := found{c.longestOutage(ws, worth, mayStay, end), c.longestOutage(ws, worth, firm, end)}
		outages[k] = f
		if f.most.fault == 0 {
			continue
		}
		w.RTA, w.RTAFault, w.RTAValue = f.most.seen, f.most.fault, outageValue(f.least, f.most)
		if f.most.first < 0 {
			w.RTA = -1
		}
		w.CutOff = c.cutOff(w.Worker, groups, &f.most, end)
		longer := func(b int) bool {
			return b < 0 || f.most.hi > outages[b].most.hi || f.most.hi == outages[b].most.hi && f.least.lo > outages[b].least.lo
		}
		if longer(bestAny) {
			bestAny = k
		}
		if !w.CutOff && longer(best) {
			best = k
		}
	}
	if best < 0 {
		best = bestAny
	}
	if best < 0 {
		return
	}
	w, o := &av.ByWorker[best], outages[best].most
	av.RTA, av.RTAFault, av.RTAValue = w.RTA, w.RTAFault, w.RTAValue
	av.Outage = result.Gap{From: c.h.Ops.Return[o.last], To: end}
	if o.first >= 0 {
		av.Outage.To = c.h.Ops.Return[o.first]
	} else {
		av.RTAOpen = o.lo
	}
}

// outageValue joins what the two ways of reading the fates make of a worker's longest outage, in seconds.
func outageValue(least, most outage) result.Value {
	why := "a write is executed somewhere between its call and its reply"
	if most.first < 0 {
		why = "writes had not lasted again when what can be judged ended"
		return result.AtLeast(secondsOf(least.lo), why)
	}
	if least.last != most.last || least.first != most.first {
		why = "which writes stayed is not known of each"
	}
	return result.Between(secondsOf(least.lo), secondsOf(max(least.hi, most.hi)), why)
}

// workerWrites are the writes of one worker within what can be judged.
type workerWrites struct {
	acked   []int32 // by return
	unacked []int32 // those that were not answered with OK, by call
}

// writesByWorker are those of every worker that count, by its byte in the history.
func (c *check) writesByWorker(from, end int64, counts func(i int) bool) *[256]workerWrites {
	ops := &c.h.Ops
	ws := &[256]workerWrites{}
	for i := range ops.F {
		if ops.Call[i] > end || !ops.IsWrite(i) || !counts(i) {
			continue
		}
		w := &ws[uint8(ops.Worker[i])]
		switch {
		case ops.Outcome[i] != history.OK:
			w.unacked = append(w.unacked, int32(i))
		case ops.Return[i] >= from && ops.Return[i] <= end:
			w.acked = append(w.acked, int32(i))
		}
	}
	for n := range ws {
		slices.SortFunc(ws[n].acked, func(a, b int32) int { return cmp.Compare(ops.Return[a], ops.Return[b]) })
		slices.SortFunc(ws[n].unacked, func(a, b int32) int { return cmp.Compare(ops.Call[a], ops.Call[b]) })
	}
	return ws
}

// longestOutage is a worker's longest outage that a fault explains; its fault is 0 where there is none. A write counts as one that
// stays up to the standing worst.
func (c *check) longestOutage(w workerWrites, worth []standing, worst standing, end int64) outage {
	ops := &c.h.Ops
	acked := make([]int32, 0, len(w.acked))
	for _, i := range w.acked {
		// What a deposed master acknowledged is no availability; where that is not known, either is tried.
		if worth[i] != aside && (worth[i] != goneAside || worst == mayStay) {
			acked = append(acked, i)
		}
	}
	good := func(i int32) bool { return worth[i] <= worst }
	lasts := c.lasting(acked, good, end)
	best := outage{first: -1}
	last, open := int32(-1), false // the write before, or before the outage that goes on
	for k, i := range acked {
		switch {
		case last < 0: // nothing was acknowledged before
		case lasts[k]:
			if o, ok := c.outageOf(w, last, i, end); ok && (best.fault == 0 || o.hi > best.hi) {
				best = o
			}
		case open || good(i) && ops.Return[i]-ops.Return[last] > lastingGap:
			open = true // it came and went
			continue
		}
		last, open = i, false
	}
	if len(acked) > 0 && !lasts[len(acked)-1] {
		if o, ok := c.outageOf(w, last, -1, end); ok && (best.fault == 0 || o.hi > best.hi) {
			best = o
		}
	}
	return best
}

// lasting tells of each acknowledged write whether it begins a time without a gap: of such writes, for long enough or until the load's
// end.
func (c *check) lasting(acked []int32, good func(i int32) bool, end int64) []bool {
	ops := &c.h.Ops
	out := make([]bool, len(acked))
	whole := c.whole()
	next, until := int64(-1), end
	for k := len(acked) - 1; k >= 0; k-- {
		if !good(acked[k]) {
			continue
		}
		t := ops.Return[acked[k]]
		follower := next
		if follower < 0 {
			follower = end
		}
		if follower-t > lastingGap {
			until = t
		}
		need := lasting
		if whole {
			need = min(need, end-t)
		}
		out[k] = until-t >= need && until > t
		next = t
	}
	return out
}

// outageOf brackets the time between two writes of a worker; first is -1 for none. It is none where no fault explains it.
func (c *check) outageOf(w workerWrites, last, first int32, end int64) (outage, bool) {
	ops := &c.h.Ops
	o := outage{last: int(last), first: int(first), hi: history.Inf}
	call, ret := end, end
	if first >= 0 {
		call, ret = ops.Call[first], ops.Return[first]
	}
	if c.attached() {
		return c.unforced(o, call, ret)
	}
	f := c.faultOf(w, last, ret)
	idle := c.s.slots != nil && !c.tried(w, last, first, ret)
	if f == nil || idle && first < 0 {
		return o, false
	}
	o.fault = f.ID
	since := max(f.Effect, ops.Return[last])
	o.lo, o.seen = max(0, call-since), max(0, ret-since)
	if first >= 0 {
		o.hi = max(o.lo, ret-max(begin(f), ops.Call[last]))
		if idle { // all that is known is how long that write took
			o.lo, o.hi, o.seen = 0, min(o.hi, ret-call), min(o.seen, ret-call)
		}
	}
	return o, true
}

// tried tells whether a worker tried to write between two writes, in vain. Of a Cluster's shards each gets a part of the writes only, and a
// worker that another shard holds up asks this one nothing: that is no outage of it.
func (c *check) tried(w workerWrites, last, first int32, ret int64) bool {
	ops := &c.h.Ops
	at, _ := slices.BinarySearchFunc(w.unacked, ops.Call[last], func(i int32, t int64) int { return cmp.Compare(ops.Call[i], t) })
	if at < len(w.unacked) && ops.Call[w.unacked[at]] < ret {
		return true
	}
	at, _ = slices.BinarySearchFunc(w.acked, ops.Return[last]+1, func(i int32, t int64) int { return cmp.Compare(ops.Return[i], t) })
	return at < len(w.acked) && w.acked[at] != first && ops.Return[w.acked[at]] < ret
}

// faultOf is the fault that explains an outage: the first that began between the call of the last ok write and the first return of an
// unanswered one, or that began before and took effect after that write's reply; else the last before. A write without a reply has no
// return: what was refused at once tells when the outage had begun.
func (c *check) faultOf(w workerWrites, last int32, ret int64) *history.Fault {
	ops := &c.h.Ops
	until := ret
	at, _ := slices.BinarySearchFunc(w.unacked, ops.Call[last], func(i int32, t int64) int { return cmp.Compare(ops.Call[i], t) })
	for ; at < len(w.unacked) && ops.Call[w.unacked[at]] < until; at++ {
		until = min(until, ops.Return[w.unacked[at]])
	}
	var in, before *history.Fault
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		switch t := begin(f); {
		case f.Effect == 0 || t > until:
		case t < ops.Call[last] && f.Effect <= ops.Return[last]:
			if before == nil || t > begin(before) {
				before = f
			}
		case in == nil || t < begin(in):
			in = f
		}
	}
	if in == nil {
		return before
	}
	return in
}

// begin is the moment before which a fault surely had no effect: when the first of its rules was about to be applied.
func begin(f *history.Fault) int64 {
	if f.Injected > 0 {
		return f.Injected
	}
	return f.Effect
}

// cutOff tells whether a fault held a worker's links back, while its outage lasted, to the node that was promoted then, or to every
// sentinel.
func (c *check) cutOff(worker int32, groups []*group, o *outage, end int64) bool {
	ops := &c.h.Ops
	from, to := ops.Call[o.last], end
	if o.first >= 0 {
		to = ops.Return[o.first]
	}
	sentinels := map[int32]bool{}
	for i, n := range c.h.Run.Nodes {
		if n.Kind == history.Sentinel {
			sentinels[int32(i)] = true
		}
	}
	cut := map[int32]bool{}
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect == 0 || begin(f) > to || f.Healed != 0 && f.Healed < from {
			continue
		}
		for _, l := range f.Links {
			switch worker {
			case l[0]:
				cut[l[1]] = true
			case l[1]:
				cut[l[0]] = true
			}
		}
	}
	heard := len(sentinels) == 0
	for s := range sentinels {
		heard = heard || !cut[s]
	}
	if !heard {
		return true
	}
	for _, g := range groups {
		for _, p := range g.promoted {
			if cut[p.node] && p.t >= from && p.from <= to {
				return true
			}
		}
	}
	return false
}
