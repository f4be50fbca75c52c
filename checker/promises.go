package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// value is a measure's value.
func (c *check) value(name string) MeasureValue {
	for _, m := range c.a.Result.Measures {
		if m.Name == name {
			return m
		}
	}
	return MeasureValue{Name: name, Why: "this run did not measure it"}
}

// promises judges each promise and each weakness to be shown.
func (c *check) promises(promises, shows []Promise) {
	r := &c.a.Result
	for _, p := range promises {
		r.Promises = append(r.Promises, c.judge(p))
	}
	for _, m := range alwaysBug() {
		r.Promises = append(r.Promises, c.judge(Promise{Measure: m.Name, By: "always"}))
	}
	for _, a := range r.Anomalies {
		if _, known := measureOf(a.Class); a.AlwaysBug && !known && !slices.ContainsFunc(r.Promises, func(p PromiseResult) bool { return p.Promise.Measure == a.Class }) {
			r.Promises = append(r.Promises, c.judgeAnomaly(a))
		}
	}
	rank := map[Status]int{Broken: 0, Undecided: 1, Kept: 2}
	slices.SortStableFunc(r.Promises, func(a, b PromiseResult) int { return cmp.Compare(rank[a.Status], rank[b.Status]) })
	for _, p := range shows {
		s := c.judge(p)
		if m, _ := measureOf(p.Measure); m.unit == share && s.Status != Undecided {
			s.Status = Broken // a share is shown when it was measured
		}
		s.Text = p.Noun()
		r.Shows = append(r.Shows, s)
		if s.Status == Broken && p.Measure != "other_reads" {
			r.Weakness = true
		}
	}
}

// Noun is what the promise's measure is called where a scenario shows it.
func (p Promise) Noun() string {
	m, _ := measureOf(p.Measure)
	if m.noun == "" {
		return p.Measure
	}
	return m.noun
}

// String is the promise in words.
func (p Promise) String() string {
	if p.Within != nil {
		return p.Within.words(0)
	}
	m, _ := measureOf(p.Measure)
	return m.words(p.Limit)
}

// judge compares one promise with what was measured.
func (c *check) judge(p Promise) PromiseResult {
	m, _ := measureOf(p.Measure)
	pr := PromiseResult{Promise: p, Text: m.words(p.Limit), Limit: m.format(p.Limit), Status: Undecided, Measured: "–"}
	if p.Within != nil {
		return c.judgeWindow(p, pr)
	}
	v := c.value(p.Measure)
	if !v.Known {
		pr.Why = v.Why
		if pr.Why == "" {
			pr.Why = "this run did not measure it"
		}
		// A measure that could only be known had things gone well says so by itself: nodes that differ never converge.
		if p.Measure == "converge" && c.a.Result.Convergence.Barrier || p.Measure == "rta" && c.a.Result.Availability.RTAFault != 0 {
			pr.Status, pr.Measured = Broken, "never"
		}
		return pr
	}
	pr.Measured = m.format(v.Value)
	pr.Status = Kept
	if m.unit == share && v.Value < p.Limit || m.unit != share && v.Value > p.Limit {
		pr.Status = Broken
		pr.Witness = c.witnessFor(p.Measure)
	}
	if m.unit == share {
		pr.Limit = "≥ " + pr.Limit
	}
	return pr
}

func (c *check) judgeAnomaly(a Anomaly) PromiseResult {
	pr := PromiseResult{Promise: Promise{Measure: a.Class, By: "always"}, Text: "no " + a.Class, Limit: "0", Measured: Count(a.Count), Status: Kept}
	switch {
	case a.Count > 0:
		pr.Status, pr.Why = Broken, a.Text
	case a.Undecided != "":
		pr.Status, pr.Measured, pr.Why = Undecided, "–", a.Undecided
	}
	return pr
}

// judgeWindow counts the lost writes that were acknowledged outside the promise's window.
func (c *check) judgeWindow(p Promise, pr PromiseResult) PromiseResult {
	pr.Text = p.Within.words(len(c.h.Faults))
	lost := c.value("lost")
	if !lost.Known {
		pr.Why = lost.Why
		return pr
	}
	from, ok1 := c.moment(p.Within.From)
	to, ok2 := c.moment(p.Within.To)
	if !ok1 || !ok2 {
		pr.Why = "a moment of its window did not come: " + p.Within.From.words(len(c.h.Faults)) + ", " + p.Within.To.words(len(c.h.Faults))
		if lost.Value == 0 {
			pr.Status, pr.Measured, pr.Why = Kept, "0", ""
		}
		return pr
	}
	var n int64
	ops := &c.h.Ops
	for i, f := range c.a.Fate {
		if f == FateLost && (ops.Return[i] < from || ops.Return[i] > to) {
			n++
		}
	}
	pr.Measured = Count(n)
	pr.Status = Kept
	if float64(n) > p.Limit {
		pr.Status = Broken
		pr.Witness = c.witnessFor(p.Measure)
	}
	return pr
}

// moment is when an anchor came to be, on the run's clock.
func (c *check) moment(a Anchor) (t int64, ok bool) {
	from, to := load(c.h)
	switch a.At {
	case "start":
		t, ok = from, true
	case "end":
		t, ok = max(to, c.h.End), true
	default:
		f := c.fault(a.Fault)
		if f == nil || f.Effect == 0 {
			return 0, false
		}
		switch a.At {
		case "effect":
			t, ok = f.Effect, true
		case "heal":
			t, ok = f.Healed, f.Healed != 0
		case "promotion":
			for _, p := range c.s.promoted {
				if p.t > f.Effect {
					t, ok = p.t, true
					break
				}
			}
		}
	}
	return t + a.Offset.Nanoseconds(), ok
}

func (c *check) fault(id int) *history.Fault {
	for i := range c.h.Faults {
		if c.h.Faults[i].ID == id {
			return &c.h.Faults[i]
		}
	}
	return nil
}

// words says when lost writes may have been acknowledged. faults is how many the run had, 0 if that is not known.
func (w Window) words(faults int) string {
	switch {
	case w.From.At == "start":
		return "loss only until " + w.To.words(faults)
	case w.To.At == "end":
		return "nothing lost that was acknowledged before " + w.From.words(faults)
	}
	return "loss only between " + w.From.words(faults) + " and " + w.To.words(faults)
}

// words names a moment.
func (a Anchor) words(faults int) string {
	var text string
	switch a.At {
	case "start", "end":
		text = "the " + a.At
	case "promotion":
		text = "the promotion"
	default:
		text = fmt.Sprintf("the %s of fault %d", a.At, a.Fault)
		if faults == 1 {
			text = "the fault's " + a.At
		}
	}
	switch {
	case a.Offset > 0:
		return text + " plus " + Words(a.Offset.Nanoseconds())
	case a.Offset < 0:
		return text + " less " + Words(-a.Offset.Nanoseconds())
	}
	return text
}

// witnessFor names the witness that shows a measure's value, if there is one.
func (c *check) witnessFor(measure string) string {
	want := measure
	for _, w := range c.a.Result.Witnesses {
		if w.Of == want || (w.Of == "lost" && (measure == "lost_outside" || measure == "lost_elsewhere" || measure == "split_brain_lost")) {
			return w.ID
		}
	}
	return ""
}
