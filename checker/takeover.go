package checker

import (
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// takeover finds the moment at which the harness took over, since something that a step of its schedule was to follow on had not happened;
// nil where that was never so. A step that did not begin in time leaves what it was to undo to the end of the run: that is undone then.
func (c *check) takeover() *result.Takeover {
	var by *history.Fault
	t, effect := int64(history.Inf), int64(0)
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		effect = max(effect, f.Effect)
		if late(f) && f.Effect > 0 && f.HealCalled > 0 && f.HealCalled < t { // its end did not come, so it was healed all the same
			t, by = f.HealCalled, f
		}
	}
	for i := range c.h.Faults {
		stuck := &c.h.Faults[i]
		if !late(stuck) || stuck.Effect > 0 {
			continue
		}
		for j := range c.h.Faults {
			if f := &c.h.Faults[j]; f.HealCalled > effect && f.HealCalled < t {
				t, by = f.HealCalled, stuck
			}
		}
	}
	if by == nil {
		return nil
	}
	o := &result.Takeover{T: t, Fault: by.ID, Missed: by.Awaited, Waited: by.Waited, Said: c.lastWord(t)}
	if o.Missed == "" { // records of version 2: "not injected: when the failover is done: it did not happen within 1 min"
		before, _, _ := strings.Cut(by.Err, ": "+history.StepTimedOut)
		_, what, ok := strings.Cut(before, "when ")
		if !ok {
			_, what, _ = strings.Cut(before, " after ")
		}
		o.Missed = what
	}
	for i := range c.h.Faults {
		if f := &c.h.Faults[i]; f.HealCalled >= t {
			o.Did = append(o.Did, result.Deed{Fault: f.ID, Kind: f.Kind, Nodes: f.Targets, T: f.HealCalled})
		}
	}
	slices.SortStableFunc(o.Did, func(a, b result.Deed) int { return int(min(1, max(-1, a.T-b.T))) })
	return o
}

// late tells of a fault whose beginning or end was to follow on something that did not happen in time.
func late(f *history.Fault) bool {
	return f.Awaited != "" || strings.Contains(f.Err, history.StepTimedOut)
}

// lastWord is the last that a sentinel said of a failover before t, without its sign; empty for nothing.
func (c *check) lastWord(t int64) (said string) {
	last := int64(-1)
	for i := range c.h.Events {
		e := &c.h.Events[i]
		if e.Kind == history.EvSentinel && e.T <= t && e.T > last && strings.HasPrefix(e.Name, "-failover-abort") {
			said, last = e.Name[1:], e.T
		}
	}
	return said
}

// takenOver leaves untold which of the lost writes the harness threw away when it took over: those that no end of a branch before that can
// have killed, and those that were acknowledged only then.
func (c *check) takenOver(sums []keySum) {
	if c.harness == nil {
		return
	}
	t := c.harness.T
	why := "after " + words.At(t) + " schism acted of its own, since something that its schedule waited for had not happened"
	ended := false // anything was thrown away afterwards
	for _, g := range c.s.groups {
		ended = ended || slices.ContainsFunc(g.ends, func(e branchEnd) bool { return e.t >= t })
	}
	if !ended {
		return
	}
	l := newLineage(c)
	for j := range sums {
		k := &sums[j]
		if k.bounded { // which of them are lost is not known
			k.lo = 0
			for _, i := range k.is {
				if c.a.Fate[i] == result.FateLost {
					c.masked(i, why)
				}
			}
			continue
		}
		for _, i := range k.is {
			if c.a.Fate[i] == result.FateLost && c.byHarness(l, i) {
				c.masked(i, why)
				k.lo--
			}
		}
	}
}

// beyondJudging opens the measures that count what was read after the harness had taken over as well: a conflict or a stale read may be its
// doing. What is always a bug is one still.
func (c *check) beyondJudging() {
	if c.harness == nil {
		return
	}
	ended := []string{"lost", "split_brain_lost", "lost_elsewhere", "lost_other_shards", "unserved", "unserved_for", "rta", "write_gap", "read_gap", "two_masters", "converge", "refused", "evicted", "full_syncs", "resyncs", "buffer_disconnects"}
	why := "what comes after " + words.At(c.harness.T) + " is schism's own doing"
	for i := range c.a.Result.Measures {
		m := &c.a.Result.Measures[i]
		if cl, ok := result.ClassOf(m.Name); slices.Contains(ended, m.Name) || ok && cl.Blame != result.Measured {
			continue
		}
		known, _ := result.MeasureOf(m.Name)
		switch {
		case known.Unit == result.Share && m.Value.Hi < 1:
			m.Value = result.Between(m.Value.Lo, 1, why)
		case known.Unit != result.Share && m.Value.Lo > 0:
			m.Value = result.Between(0, m.Value.Hi, why)
		}
	}
}

// byHarness tells of a lost write whether what the harness did after it had taken over may have thrown it away.
func (c *check) byHarness(l *lineage, i int) bool {
	ops, t := &c.h.Ops, c.harness.T
	if ops.Return[i] >= t {
		return true
	}
	return slices.ContainsFunc(l.killers(l.place(i), c.s.withAt(int32(ops.Node[i]), ops.Call[i]).ends, 0), func(e *branchEnd) bool { return e.t >= t })
}
