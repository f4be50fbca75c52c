package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// causes reads what refusals and the servers' own counters tell of the run.
func (c *check) causes() {
	cs := &c.a.Result.Causes
	cs.Takeover = c.harness
	c.refusals()
	c.waitCounts()
	from, to := c.counted()
	for n := range c.h.Run.Nodes {
		if len(c.s.byNode[n]) > 0 {
			if k, any := c.counters(int32(n), from, to); any {
				cs.Servers = append(cs.Servers, k)
			}
		}
	}
	c.syncLoop(from, to)
}

// counted is the time in which counters count: from the beginning of the load to the end of the records, or until the harness took over.
func (c *check) counted() (from, to int64) {
	from, _ = load(c.h)
	to = c.h.End
	if c.h.Cut > 0 {
		to = min(to, c.h.Cut)
	}
	if c.harness != nil {
		to = min(to, c.harness.T)
	}
	return from, to
}

// refusals counts the writes that servers refused, by reason.
func (c *check) refusals() {
	cs, ops := &c.a.Result.Causes, &c.h.Ops
	_, to := c.judged()
	at := map[history.ErrCode]int{}
	for i := range ops.F {
		if !ops.IsWrite(i) || ops.Call[i] > to {
			continue
		}
		cs.Tried++
		e := ops.Err[i]
		if ops.Outcome[i] == history.OK || !e.Refused() || e == history.ErrExecAbort && !c.third() {
			continue // files of versions before 3 call a watched key that had changed so
		}
		k, ok := at[e]
		if !ok {
			k = len(cs.Refused)
			at[e] = k
			cs.Refused = append(cs.Refused, result.Refusal{Reason: e.String(), First: ops.Call[i], Last: ops.Call[i]})
		}
		r := &cs.Refused[k]
		r.Writes++
		r.First, r.Last = min(r.First, ops.Call[i]), max(r.Last, ops.Call[i])
	}
	slices.SortFunc(cs.Refused, func(a, b result.Refusal) int {
		return cmp.Or(cmp.Compare(b.Writes, a.Writes), cmp.Compare(a.Reason, b.Reason))
	})
}

// waitCounts sums up what became of the writes that WAIT was asked about, by what it answered.
func (c *check) waitCounts() {
	ops := &c.h.Ops
	if ops.Acked == nil || !c.fin.held {
		return
	}
	type counted struct {
		n     int32
		local bool
	}
	at := map[counted]*result.WaitCount{}
	for i, n := range ops.Acked {
		if n < 0 || ops.Outcome[i] != history.OK || !ops.IsWrite(i) || !leaves(ops, i) {
			continue
		}
		k := counted{int32(n), ops.Flags[i]&history.FlagLocal != 0}
		w := at[k]
		if w == nil {
			w = &result.WaitCount{Acked: k.n, Local: k.local}
			at[k] = w
		}
		w.Writes++
		switch c.a.Fate[i] {
		case result.FateLost:
			w.Lost++
		case result.FateMasked:
			w.Untold++
		}
	}
	cs := &c.a.Result.Causes
	for _, w := range at {
		cs.Waits = append(cs.Waits, *w)
	}
	slices.SortFunc(cs.Waits, func(a, b result.WaitCount) int {
		if a.Acked == b.Acked && a.Local != b.Local {
			return map[bool]int{true: -1, false: 1}[b.Local]
		}
		return cmp.Compare(a.Acked, b.Acked)
	})
}

// counters are what one server's own counters grew by; any is false where none did.
func (c *check) counters(n int32, from, to int64) (k result.Counters, any bool) {
	least := func(of counter) int64 { return int64(c.s.grew(n, of, from, to, nothing).lo) }
	told := func(of counter) int64 { // -1 where the server does not tell
		if g := c.s.grew(n, of, from, to, nothing); g.known {
			return int64(g.lo)
		}
		return -1
	}
	k = result.Counters{Node: n, Evicted: least(evictedKeys), Expired: least(expiredKeys), Full: least(fullSyncs), Partial: least(partialSyncs), TurnedDown: least(turnedDown),
		OOM: told(refusedOOM), Disconnects: told(outputKills), MaxMemory: -1, Policy: c.h.Run.Nodes[n].Setting("maxmemory-policy")}
	for _, m := range c.s.byNode[n] {
		if m.Answered && m.Call <= to {
			k.Memory, k.MaxMemory = max(k.Memory, m.Memory), m.MaxMemory
		}
	}
	if k.Disconnects < 0 {
		if lines, _ := c.bufferLines(n, from, to); lines > 0 {
			k.Disconnects = lines
		}
	}
	return k, k.Evicted+k.Expired+k.Full+k.Partial+k.TurnedDown+max(0, k.OOM)+max(0, k.Disconnects) > 0
}

// bufferLines counts what a server wrote of connections closed over their output buffer; whole is false where not all of it was kept.
func (c *check) bufferLines(n int32, from, to int64) (lines int64, whole bool) {
	all := 0
	for i := range c.h.Events {
		e := &c.h.Events[i]
		switch {
		case e.Node == n && e.Kind == history.EvLog && e.Name == history.LogBuffer:
			all++
			if e.T >= from && e.T <= to {
				lines++
			}
		case e.Kind == history.EvNote && e.Name == "dropped-log":
			all = history.MostLogEvents
		}
	}
	return lines, all < history.MostLogEvents
}

// The marks of a loop: so many full resyncs at least, and so many times more than what the run's events explain.
const (
	loopSyncs  = 5
	loopFactor = 2
)

// syncLoop looks for a server whose replicas asked for one full resync after the other: more than twice as many as if each of them had needed
// one at the beginning and at each fault, heal and promotion.
func (c *check) syncLoop(from, to int64) {
	events, replicas := int64(1), int64(max(1, len(c.s.servers)-1))
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect > 0 {
			events++
		}
		if f.Healed > 0 && f.Healed != f.Effect {
			events++
		}
	}
	for _, g := range c.s.groups {
		events += int64(len(g.promoted))
	}
	cs := &c.a.Result.Causes
	for _, k := range cs.Servers {
		if k.Full < loopSyncs || k.Full <= loopFactor*replicas*events || cs.Loop != nil && cs.Loop.Full >= k.Full {
			continue
		}
		l := &result.SyncLoop{Node: k.Node, Full: k.Full, From: -1, Disconnects: max(0, k.Disconnects)}
		var last *history.Sample
		for _, m := range c.s.byNode[k.Node] {
			if !m.Answered || m.Call > to {
				continue
			}
			if last != nil && m.Return > from && (m.SyncFull != last.SyncFull || m.RunID != last.RunID) {
				if l.From < 0 {
					l.From = last.Return
				}
				l.To = m.Call
			}
			last = m
		}
		cs.Loop = l
	}
}

// causeMeasures are the measures of refusals and of the servers' own counters.
func (c *check) causeMeasures(set func(string, result.Value)) {
	set("refused", c.refused())
	set("wait_short", c.waitShort())
	from, to := c.counted()
	const why = "what a server did after its last answer before it ended is not counted"
	full, partial := c.s.sumOf(fullSyncs, from, to, c.s.oneEach), c.s.sumOf(partialSyncs, from, to, c.s.oneEach)
	set("full_syncs", c.censored(full, why))
	set("resyncs", c.censored(growth{full.lo + partial.lo, full.hi + partial.hi, full.known && partial.known}, why))
	set("evicted", c.censored(growth{c.s.sumOf(evictedKeys, from, to, nothing).lo, c.x.evicted.most, len(c.h.Samples) > 0}, why))
	set("buffer_disconnects", c.disconnects(from, to))
}

// refused is the share of the tried writes that servers refused.
func (c *check) refused() result.Value {
	cs := &c.a.Result.Causes
	if cs.Tried == 0 {
		return result.Value{Lo: 0, Hi: 1, Why: "no write was tried"}
	}
	var n int64
	for _, r := range cs.Refused {
		n += r.Writes
	}
	v := result.Exactly(float64(n) / float64(cs.Tried))
	if c.h.Cut > 0 || c.h.Run.Incomplete != "" || c.h.Torn != "" { // the rest of the load may have been refused, or not
		v = result.Value{Lo: 0, Hi: 1, Why: "the load was not seen to its end: " + words.Share(n, cs.Tried) + " until then"}
	}
	return v
}

// censored is a count as an interval; what the harness did after it had taken over ends what can be said.
func (c *check) censored(g growth, why string) result.Value {
	switch {
	case !g.known:
		return result.Unmeasured("no server told its counters")
	case c.harness != nil:
		return result.AtLeast(g.lo, "what comes after "+words.At(c.harness.T)+" is schism's own doing")
	case c.h.Cut > 0:
		return result.AtLeast(g.lo, "the records end early")
	case math.IsInf(g.hi, 1):
		return result.AtLeast(g.lo, why)
	}
	return result.Between(g.lo, g.hi, why)
}

// disconnects counts connections closed over their output buffer: by the servers' counters, and where they have none by what they wrote.
func (c *check) disconnects(from, to int64) result.Value {
	var sum growth
	why := "what a server did before it ended is not counted"
	for n := range c.s.byNode {
		if len(c.s.byNode[n]) == 0 {
			continue
		}
		sum.known = true
		if g := c.s.grew(int32(n), outputKills, from, to, anything); g.known {
			sum.lo, sum.hi = sum.lo+g.lo, sum.hi+g.hi
			continue
		}
		lines, whole := c.bufferLines(int32(n), from, to)
		sum.lo, sum.hi = sum.lo+float64(lines), sum.hi+float64(lines)
		if !whole || !c.third() {
			sum.hi, why = math.Inf(1), "this server has no counter of them, and not all that it wrote was looked through"
		}
	}
	return c.censored(sum, why)
}

// third tells a history of version 3 or later, in which the lines of connections closed over their buffer are recorded.
func (c *check) third() bool {
	for i := range c.h.Samples {
		if m := &c.h.Samples[i]; m.MaxMemory >= 0 && m.Answered {
			return true
		}
	}
	return false
}
