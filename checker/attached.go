package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A setup that schism did not start (history.Attached) is judged by what was seen of it from outside. There are no faults, no processes
// and no logs; a server that does not answer may be well and only not be reached; what clients and operators of others do to it is not
// known, so what Sentinel's documentation promises of a failover that nobody asked for is not judged. Loss, staleness, outages and
// two masters are what they are elsewhere.

// attached reports whether the setup is somebody else's.
func (c *check) attached() bool { return c.h.Run.Attached != nil }

// watched is the verdict on it: broken and undecided promises count as everywhere; where the user promised nothing, nothing is passed
// either, and what could not be decided of what is always a bug is said. Only watching leaves no operations, which is no reason to
// decide nothing.
func (c *check) watched() {
	r := &c.a.Result
	promised := slices.ContainsFunc(r.Promises, func(p result.PromiseResult) bool { return p.Promise.By != "always" })
	for _, p := range r.Promises {
		if p.Status == result.Undecided {
			r.Reasons = append(r.Reasons, fmt.Sprintf("not decided: %s (%s)", p.Text, p.Why))
		}
	}
	if c.h.Run.Incomplete != "" {
		r.Reasons = append(r.Reasons, "the watch is incomplete: "+c.h.Run.Incomplete)
	}
	if c.h.Torn != "" {
		r.Reasons = append(r.Reasons, "the history is incomplete: "+c.h.Torn)
	}
	if still := c.stoodStill(); still != "" {
		r.Reasons = append(r.Reasons, still+", so not all of the time was watched")
	}
	if !c.sampled() {
		r.Reasons = append(r.Reasons, "no server answered")
	}
	switch {
	case !promised && c.sampled():
		r.Verdict = result.Watched
	case len(r.Reasons) > 0:
		r.Verdict = result.Unknown
	}
}

// sampled reports whether any server was ever seen to answer.
func (c *check) sampled() bool {
	return slices.ContainsFunc(c.h.Samples, func(s history.Sample) bool {
		return s.Answered && int(s.Node) < len(c.h.Run.Nodes) && c.h.Run.Nodes[s.Node].Kind == history.Server
	})
}

// unforced brackets an outage that no fault of ours explains by the promotion that fell into it: from the last ok write, as nobody knows
// when what led to it began. False where none did, since then clients may have been held up by anything.
func (c *check) unforced(o outage, call, ret int64) (outage, bool) {
	ops := &c.h.Ops
	from := ops.Call[o.last]
	in := false
	for _, g := range c.s.groups {
		in = in || slices.ContainsFunc(g.promoted, func(p promotion) bool { return p.t >= from && p.from <= ret })
	}
	if !in {
		return o, false
	}
	o.fault = result.NoFault
	o.lo, o.seen = max(0, call-ops.Return[o.last]), max(0, ret-ops.Return[o.last])
	if o.first >= 0 {
		o.hi = max(o.lo, ret-from)
	}
	return o, true
}

// looked tells of a time whether looks alone measure it. The servers do not stand still with a harness that is not on their machine, and
// when it was held up between two looks, the times of these say so.
func looked(measure string) bool { return measure == "lag_time" || measure == "two_masters" }

// story is how long before a promotion in somebody else's setup the steps that led to it are told, ns: a Sentinel that waits half a minute
// before it holds a master for down is among the slowest.
const story = int64(60e9)

// whyNoBarrier is why a run without a barrier has none.
func whyNoBarrier(h *history.History) string {
	if a := h.Run.Attached; a != nil && !a.Load {
		return "nothing was written: it was only watched"
	}
	return "the run ended before its servers were brought to rest"
}
