package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// measures fills in every measure that can be promised.
func (c *check) measures() {
	r := &c.a.Result
	set := func(name string, v result.Value) {
		r.Measures = append(r.Measures, result.MeasureValue{Name: name, Value: v})
	}
	c.lossMeasures(set)
	conv := r.Convergence.Value
	switch held, _, why := barrier(c.h); {
	case !held:
		conv = result.Unmeasured(why)
	case c.harness != nil:
		conv = result.Unmeasured("schism itself healed what its schedule had left open")
	case r.Convergence.Keys == 0:
		conv = result.Unmeasured("no key was there to compare")
	case r.Convergence.Divergent > 0:
		conv = result.AtLeast(secondsOf(max(0, c.h.End-c.lastHealed())), "the nodes still differ")
	}
	set("converge", conv)
	if c.s.slots != nil {
		set("lost_other_shards", c.lostOtherShards(0))
	}
	c.availabilityMeasures(set)
	c.slotMeasures(set)
	twoMasters := r.Masters.Two
	if len(c.h.Samples) == 0 {
		twoMasters = result.Unmeasured("no server was sampled")
	}
	set("two_masters", twoMasters)
	c.staleMeasures(set)
	set("other_reads", c.otherReads())
	for _, name := range []string{result.ReadYourWrites, result.MonotonicReads, result.MonotonicWrites, result.WritesFollowReads} {
		v := result.Unmeasured("nothing to compare was read")
		for _, s := range r.Sessions {
			if s.Scope != result.AllReads || s.Name != name || s.Checked == 0 {
				continue
			}
			v = result.Exactly(float64(s.Breaks))
			if c.x.all&(setOps|listOps) != 0 && c.x.evicted.any() { // an eviction takes elements away from later reads
				v = result.Between(0, float64(s.Breaks), c.x.evicted.why)
			}
			if n := c.readsUnderway(); n > 0 && (name == result.ReadYourWrites || name == result.MonotonicReads) {
				v = v.Widened(float64(n), "some replicas were read while the key's slot was on its way to another shard")
			}
		}
		set(name, v)
	}
	expired := result.Unmeasured("no key with a time to live was read")
	if slices.Contains(r.Looked, "expired_read") {
		expired = result.Exactly(secondsOf(r.ExpiredWorst))
	}
	set("expired_worst", expired)
	set("master_conflicts", c.x.orderMeasure(result.MasterReads))
	set("all_conflicts", c.x.orderMeasure(result.AllReads))
	c.causeMeasures(set)
	set("txn_anomalies", c.x.txnMeasure())
	for _, name := range r.Looked {
		set(name, c.x.classValue(name))
	}
	c.beyondJudging()
}

// secondsOf is a duration in ns as a measure's value.
func secondsOf(ns int64) float64 { return float64(ns) / 1e9 }

// lossMeasures are the measures of lost writes. What became of some writes cannot be told: they may be lost too.
func (c *check) lossMeasures(set func(string, result.Value)) {
	r := &c.a.Result
	held, _, why := barrier(c.h)
	w := &r.Writes
	switch {
	case !held:
	case w.Attempted == 0:
		why = "no write was tried that leaves something behind"
	case w.Acked == 0:
		why = "no write was acknowledged"
	default:
		why = ""
	}
	if why != "" {
		for _, name := range []string{"lost", "split_brain_lost", "lost_elsewhere"} {
			set(name, result.Unmeasured(why))
		}
		return
	}
	lost := result.Between(float64(w.Lost), float64(w.LostMost), c.unsureLoss())
	set("lost", lost)
	untold := lost.Hi - float64(c.told())
	var split float64
	if r.Loss != nil {
		split = float64(r.Loss.SplitBrain)
		untold += float64(r.Loss.Ambiguous + r.Loss.AtPromotion)
	}
	set("split_brain_lost", result.Between(split, split+max(0, untold), c.unsureLoss()))
	elsewhere, maybe := c.lostElsewhere()
	set("lost_elsewhere", result.Between(elsewhere, elsewhere+maybe, c.unsureLoss()))
}

// told is how many lost writes are known one by one.
func (c *check) told() (n int64) {
	for _, f := range c.a.Fate {
		if f == result.FateLost {
			n++
		}
	}
	return n
}

// unsureLoss says why the number of lost writes is not known exactly.
func (c *check) unsureLoss() string {
	w := &c.a.Result.Writes
	if w.MaskedWhy == "" {
		return "not every write's fate can be told"
	}
	return fmt.Sprintf("the fate of %s %s cannot be told: %s", words.Count(w.Masked), plural(w.Masked, "write", "writes"), w.MaskedWhy)
}

func (c *check) availabilityMeasures(set func(string, result.Value)) {
	r := &c.a.Result
	av := &r.Availability
	rta := av.RTAValue
	if av.RTAFault == 0 {
		why := "no fault took effect"
		if c.attached() {
			why = "no promotion was seen that kept clients of schism's from writing"
		}
		rta = result.Unmeasured(why)
	}
	set("rta", rta)
	write, read := av.WriteS, av.Read
	if r.Writes.Attempted == 0 {
		write = result.Unmeasured("no write was tried")
	}
	if r.Counts.Reads == 0 {
		read = result.Unmeasured("no read was tried")
	}
	set("write_gap", write)
	set("read_gap", read)
}

func (c *check) staleMeasures(set func(string, result.Value)) {
	all := result.Staleness{LagBytes: -1, LagTime: -1, KeptWhy: "no replica was read"}
	for _, s := range c.a.Result.Staleness {
		if s.Node == history.NoNode && s.Window == "" {
			all = s
		}
	}
	const why = "a read falls somewhere between its call and its reply, and so does what it missed"
	stale, staleness, lag, kept := result.Unmeasured("no replica was read"), result.Unmeasured("no replica was read"), result.Unmeasured("no replica was read"), result.Unmeasured(all.KeptWhy)
	if all.Reads > 0 {
		stale = result.Between(float64(all.Stale), float64(all.StaleMost), why)
		staleness = result.Between(secondsOf(all.Max), secondsOf(all.MaxMost), why)
		lag = result.Between(float64(all.Versions), float64(all.VersionsMost), "it is not known of every write whether it was executed, and of overlapping ones in which order")
		if all.Kept != nil {
			kept = result.Between(secondsOf(all.Kept.Max), secondsOf(all.Kept.MaxMost), why)
		}
	}
	if n := c.readsUnderway(); n > 0 && all.Reads >= 0 {
		const why = "some replicas were read while the key's slot was on its way to another shard"
		stale = stale.Widened(float64(n), why)
		for _, v := range []*result.Value{&staleness, &kept, &lag} {
			*v = result.AtLeast(v.Lo, why)
		}
	}
	set("stale_reads", stale)
	set("staleness", staleness)
	set("staleness_surviving", kept)
	set("version_lag", lag)
	const between = "between two looks it may have been more"
	bytes, age := result.AtLeast(float64(all.LagBytes), between), result.AtLeast(secondsOf(all.LagTime), between)
	if b, t, ok := c.s.lagMost(); ok {
		bytes, age = result.Between(float64(all.LagBytes), float64(max(b, all.LagBytes)), between), result.Between(secondsOf(all.LagTime), secondsOf(max(t, all.LagTime)), between)
	}
	if all.LagBytes < 0 {
		bytes = result.Unmeasured("no replica's lag was sampled")
	}
	if all.LagTime < 0 {
		age = result.Unmeasured("no replica's lag was sampled")
	}
	set("lag", bytes)
	set("lag_time", age)
	set("visible_100ms", c.visibleSoon())
	set("visibility_latency", c.visibilityLatency())
}

// visibilityLatency is the longest that an acknowledged write took to be visible on a replica that was read after it.
func (c *check) visibilityLatency() result.Value {
	for _, v := range c.a.Result.Visibility {
		if v.Node != history.NoNode || v.Window != "" || v.Latency == nil {
			continue
		}
		if v.Latency.MaxMost < 0 {
			return result.AtLeast(secondsOf(v.Latency.Max), "no read showed some writes until the end")
		}
		return result.Between(secondsOf(v.Latency.Max), secondsOf(v.Latency.MaxMost), "it became visible somewhere between the last read that missed it and the first that showed it")
	}
	return result.Unmeasured("no replica was read after a write")
}

// visibleSoon is the share of reads about 100 ms after an acknowledgement that returned that write or a newer one, with the 95 %
// interval that so many reads allow.
func (c *check) visibleSoon() result.Value {
	for _, v := range c.a.Result.Visibility {
		if v.Node != history.NoNode || v.Window != "" {
			continue
		}
		for _, b := range v.Bins {
			if b.From <= int64(100e6) && int64(100e6) < b.To && b.N > 0 {
				return result.Between(b.Lo, b.Hi, fmt.Sprintf("%s of %s reads: 95 %% of such samples lie in between%s", words.Count(b.Fresh), words.Count(b.N), unsureReads(b.Unsure)))
			}
		}
	}
	return result.Value{Lo: 0, Hi: 1, Why: "no replica was read 100 ms after a write"}
}

// unsureReads says that some reads missed a write that may be lost.
func unsureReads(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s missed a write that may be lost", words.Count(n))
}

// classValue is how many cases of a class there are. A scope of reads holds another, so the widest counts, not their sum.
func (x *extra) classValue(class string) result.Value {
	var n, scoped, more float64
	why := ""
	for i := range x.found {
		f := &x.found[i]
		if f.Class != class {
			continue
		}
		more += float64(f.More)
		if f.Undecided != "" {
			why = f.Undecided
		}
		if f.Scope == result.MasterReads || f.Scope == result.AllReads {
			scoped = max(scoped, float64(f.Count))
		} else {
			n += float64(f.Count)
		}
	}
	return open(n+scoped, why).Widened(more, "the fate of some of these writes cannot be told")
}

// open is a count that may be higher where something was not decided.
func open(n float64, why string) result.Value {
	if why != "" {
		return result.AtLeast(n, why)
	}
	return result.Exactly(n)
}

// orderMeasure is how much contradicts linearizability in one scope of reads.
func (x *extra) orderMeasure(scope string) result.Value {
	var n float64
	var why string
	looked := false
	for _, c := range result.Classes() {
		if !c.Order || !x.looked[c.Name] {
			continue
		}
		looked = true
		for i := range x.found {
			f := &x.found[i]
			if f.Class != c.Name || f.Scope == result.MasterReads && scope == result.AllReads || f.Scope == result.AllReads && scope == result.MasterReads {
				continue
			}
			n += float64(f.Count)
			if f.Undecided != "" {
				why = f.Undecided
			}
		}
	}
	if !looked {
		return result.Unmeasured("nothing was read that has an order")
	}
	if n == 0 && len(x.a.Result.Unclaimed) > 0 {
		why = unclaimedWhy(x.a.Result.Unclaimed)
	}
	return open(n, why)
}

// txnMeasure is how many anomalies there are that strict serializability forbids.
func (x *extra) txnMeasure() result.Value {
	if x.all&txnOps == 0 {
		return result.Unmeasured("no transaction was run")
	}
	n := float64(-x.txnTwice)
	var why string
	for i := range x.found {
		f := &x.found[i]
		if forbidden(f.Class, levels[len(levels)-1]) {
			n += float64(f.Count)
			if f.Undecided != "" {
				why = f.Undecided
			}
		}
	}
	return open(n, why)
}

func unclaimedWhy(us []result.Unclaimed) string {
	var parts []string
	for _, u := range us {
		parts = append(parts, fmt.Sprintf("%s %s (%s)", words.Count(u.Count), u.F, u.Why))
	}
	return "operations that nobody judges: " + strings.Join(parts, ", ")
}

// otherReads is the share of ok replica reads, while a fault held on a replica, that other nodes answered.
func (c *check) otherReads() result.Value {
	ops := &c.h.Ops
	var all, other float64
	for i := range ops.Len() {
		if ops.F[i].IsWrite() || ops.Flags[i]&history.FlagReplicaRead == 0 || ops.Outcome[i] != history.OK {
			continue
		}
		for j := range c.h.Faults {
			f := &c.h.Faults[j]
			if f.Effect == 0 || ops.Call[i] < f.Effect || f.Healed != 0 && ops.Call[i] > f.Healed {
				continue
			}
			all++
			if !slices.Contains(f.Targets, int32(ops.Node[i])) {
				other++
			}
			break
		}
	}
	if all == 0 {
		return result.Value{Lo: 0, Hi: 1, Why: "no replica was read while a fault held"}
	}
	return result.Exactly(other / all)
}

// lostElsewhere counts lost writes that were not acknowledged by a master which was deposed at some time, and those that may be.
func (c *check) lostElsewhere() (n, maybe float64) {
	deposed := map[int32]bool{}
	for _, g := range c.s.groups {
		for _, p := range g.promoted {
			deposed[p.old] = true
		}
	}
	for i, f := range c.a.Fate {
		switch {
		case deposed[int32(c.h.Ops.Node[i])]:
		case f == result.FateLost:
			n++
		case f == result.FateMasked:
			maybe++
		}
	}
	return n, min(maybe, max(0, float64(c.a.Result.Writes.LostMost-c.told())))
}
