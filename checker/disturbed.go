package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// A machine that stands still, or is too busy, makes times longer that no server is to blame for. checkers.md, "Disturbed", says
// when a broken promise in seconds is undecided because of that. The thresholds are judgement; the figures are said.
const (
	disturbedBefore = int64(10e9)  // how long before a span its disturbances count
	stallsMost      = int64(500e6) // of stalls in a span and before it
	stallsShare     = 0.05
	runDelayShare   = 0.20        // of the time that a server waited for a processor
	rateShare       = 0.10        // of the load that was not offered, outside outages
	tiltLasts       = int64(30e9) // how long a sentinel in TILT does nothing
	harnessStall    = int64(5e9)  // of the harness itself, after which the schedule is not the one that was asked for
	tiltStall       = int64(2e9)  // a stall so near before a TILT may be its cause
)

// disturbances knows when the machine was disturbed.
type disturbances struct {
	c      *check
	stalls []result.Gap // of every source, by beginning
	tilts  []result.Gap // times in which a sentinel did nothing because of a stall
}

func (c *check) newDisturbances() *disturbances {
	d := &disturbances{c: c}
	for i := range c.h.Events {
		if e := &c.h.Events[i]; e.Kind == history.EvStall && e.Name == history.StallTick && e.Dur > 0 {
			d.stalls = append(d.stalls, result.Gap{From: e.T, To: e.T + e.Dur})
		}
	}
	slices.SortFunc(d.stalls, func(a, b result.Gap) int { return int(a.From - b.From) })
	for i := range c.h.Events {
		e := &c.h.Events[i]
		if e.Kind == history.EvSentinel && e.Name == "+tilt" && slices.ContainsFunc(d.stalls, func(g result.Gap) bool { return g.From <= e.T && e.T-g.To <= tiltStall }) {
			d.tilts = append(d.tilts, result.Gap{From: e.T, To: e.T + tiltLasts})
		}
	}
	return d
}

// figures sum the whole run up.
func (d *disturbances) figures() result.Disturbance {
	f := result.Disturbance{Stalls: len(d.stalls), StallsTotal: union(slices.Clone(d.stalls)), RunDelay: -1, RunDelayNode: history.NoNode, Tilts: len(d.tilts)}
	for _, s := range d.stalls {
		f.StallsMax = max(f.StallsMax, s.Len())
	}
	from, to := load(d.c.h)
	for _, n := range d.c.s.servers {
		if s, ok := d.runDelay(n, from, to); ok && s > f.RunDelay {
			f.RunDelay, f.RunDelayNode = s, n
		}
	}
	return f
}

// stoodStill says that the harness did not run for so long during the load that neither the load nor the faults went as planned; empty when
// it did.
func (c *check) stoodStill() string {
	from, to := load(c.h)
	var longest int64
	text := ""
	for i := range c.h.Events {
		e := &c.h.Events[i]
		during := e.T+e.Dur > from && e.T < to
		switch {
		case e.Kind != history.EvStall || e.Node != history.NoNode || !during || e.Dur < harnessStall || e.Dur <= longest:
		case e.Name == history.StallTick:
			longest, text = e.Dur, "the harness stood still for "+words.Duration(e.Dur)
		case e.Name == history.StallSuspended:
			longest, text = e.Dur, "the machine was suspended for "+words.Duration(e.Dur)
		}
	}
	return text
}

// within is the union of the stalls in a span, ns.
func (d *disturbances) within(g result.Gap) int64 {
	var in []result.Gap
	for _, s := range d.stalls {
		if s.To > g.From && s.From < g.To {
			in = append(in, result.Gap{From: max(s.From, g.From), To: min(s.To, g.To)})
		}
	}
	return union(in)
}

// runDelay is the share of a span in which a server waited for a processor, from samples of one process.
func (d *disturbances) runDelay(n int32, from, to int64) (float64, bool) {
	var first, last *history.Sample
	var waited, span int64
	close := func() {
		if first != nil && last.Call > first.Call && last.RunDelay >= first.RunDelay {
			waited += last.RunDelay - first.RunDelay
			span += last.Call - first.Call
		}
		first = nil
	}
	for _, m := range d.c.s.byNode[n] {
		if m.Call < from || m.Call > to {
			continue
		}
		if m.RunDelay < 0 || first != nil && m.Answered && m.RunID != first.RunID || first != nil && m.RunDelay < last.RunDelay {
			close()
		}
		if m.RunDelay < 0 || !m.Answered {
			continue
		}
		if first == nil {
			first = m
		}
		last = m
	}
	close()
	if span == 0 {
		return 0, false
	}
	return float64(waited) / float64(span), true
}

// why says what disturbed a span so much that a time measured in it decides nothing; empty when nothing did.
func (d *disturbances) why(g result.Gap) string {
	wide := result.Gap{From: g.From - disturbedBefore, To: g.To}
	var out []string
	if s := d.within(wide); s > stallsMost || float64(s) > stallsShare*float64(wide.Len()) && s > 0 {
		out = append(out, fmt.Sprintf("its own processes stood still for %s of it", words.Duration(s)))
	}
	for _, n := range d.c.s.servers {
		if s, ok := d.runDelay(n, wide.From, wide.To); ok && s > runDelayShare {
			out = append(out, fmt.Sprintf("%s waited for a processor %s of the time", d.c.node(n), words.Share(int64(s*1e6), 1e6)))
			break
		}
	}
	if slices.ContainsFunc(d.tilts, func(t result.Gap) bool { return t.To > wide.From && t.From < wide.To }) {
		out = append(out, "a sentinel went into TILT after the machine had stood still")
	}
	if s := d.missedRate(wide); s > rateShare {
		out = append(out, fmt.Sprintf("%s of the load could not be offered", words.Share(int64(s*1e6), 1e6)))
	}
	if len(out) == 0 {
		return ""
	}
	return "the machine was disturbed: " + strings.Join(out, "; ")
}

// missedRate is the share of an open loop's operations that were not called in the second in which they were wanted, in those seconds of
// a span in which writes were answered throughout.
func (d *disturbances) missedRate(g result.Gap) float64 {
	ops := &d.c.h.Ops
	var spec struct {
		Closed bool `json:"closed"`
	}
	if raw := d.c.h.Run.Workload; ops.Intended == nil || len(raw) > 0 && json.Unmarshal(raw, &spec) != nil || spec.Closed {
		return 0
	}
	const second = int64(1e9)
	n := int(g.Len()/second) + 1
	if n > 1e6 {
		return 0
	}
	wanted, late, acks := make([]int64, n), make([]int64, n), make([][10]bool, n)
	for i := range ops.Len() {
		if t := ops.Intended[i]; t >= g.From && t < g.To {
			at := (t - g.From) / second
			wanted[at]++
			if ops.Call[i] > t+second {
				late[at]++
			}
		}
		if t := ops.Return[i]; ops.Outcome[i] == history.OK && t >= g.From && t < g.To {
			acks[(t-g.From)/second][(t-g.From)%second/(second/10)] = true
		}
	}
	var all, missed int64
	for i := range wanted {
		if slices.Contains(acks[i][:], false) || i > 0 && slices.Contains(acks[i-1][:], false) {
			continue // an outage, or what was held up by one
		}
		all += wanted[i]
		missed += late[i]
	}
	if all < 20 {
		return 0
	}
	return float64(missed) / float64(all)
}

// span is the time in which a measure in seconds, or a window of loss, came to its value.
func (c *check) span(p result.Promise) (result.Gap, bool) {
	r := &c.a.Result
	from, to := load(c.h)
	whole := result.Gap{From: from, To: max(to, c.h.End)}
	switch {
	case p.Within != nil:
		return whole, true
	case p.Measure == "rta":
		if f := c.fault(r.Availability.RTAFault); f != nil {
			return result.Gap{From: f.Injected, To: max(r.Availability.Outage.To, f.Injected)}, true
		}
		return whole, true
	case p.Measure == "write_gap":
		return r.Availability.LongestWriteS, true
	case p.Measure == "read_gap":
		return r.Availability.LongestRead, true
	case p.Measure == "converge":
		return result.Gap{From: min(c.lastHealed(), c.h.End), To: c.h.End}, true
	case p.Measure == "two_masters" && len(r.Masters.Windows) > 0:
		g := r.Masters.Windows[0]
		for _, w := range r.Masters.Windows {
			g = result.Gap{From: min(g.From, w.From), To: max(g.To, w.To)}
		}
		return g, true
	}
	m, _ := result.MeasureOf(p.Measure)
	return whole, m.Unit == result.Timed
}

// undisturbed makes a broken promise in seconds undecided where the machine is to blame, and lets a time be as much shorter or longer as
// the machine stood still in it.
func (c *check) undisturbed(p result.Promise, m result.Measure, pr *result.PromiseResult) {
	if c.attached() && looked(p.Measure) {
		return
	}
	g, ok := c.span(p)
	if !ok || m.Unit != result.Timed && p.Within == nil {
		return
	}
	if m.Unit == result.Timed && pr.Value.Measured() {
		if s := c.disturbed.within(g); s > 0 {
			pr.Value = result.Value{Lo: max(0, pr.Value.Lo-secondsOf(s)), Hi: pr.Value.Hi + secondsOf(s), Why: "the machine stood still for " + words.Duration(s) + " of it"}
			pr.Status = against(pr.Value, p.Limit, false)
			pr.Measured, pr.Why = m.Interval(pr.Value), pr.Value.Why
		}
	}
	if pr.Status != result.Broken {
		return
	}
	if why := c.disturbed.why(g); why != "" {
		pr.Status, pr.Why = result.Undecided, why
	}
}
