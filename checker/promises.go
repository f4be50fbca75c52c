package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// value is a measure's value.
func (c *check) value(name string) Value {
	for _, m := range c.a.Result.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	if cl, ok := classOf(name); ok {
		return Unmeasured("nothing was run that could show " + cl.Noun)
	}
	return Unmeasured("this run did not measure it")
}

// promises judges each promise and each weakness to be shown. What is always a bug is a promise of every run that looked for it.
func (c *check) promises(promises, shows []Promise) {
	r := &c.a.Result
	for _, p := range promises {
		p.Measure = today(p.Measure)
		r.Promises = append(r.Promises, c.judge(p))
	}
	r.Promises = append(r.Promises, c.x.always()...)
	rank := map[Status]int{Broken: 0, Undecided: 1, Kept: 2}
	slices.SortStableFunc(r.Promises, func(a, b PromiseResult) int { return cmp.Compare(rank[a.Status], rank[b.Status]) })
	for _, p := range shows {
		p.Measure = today(p.Measure)
		s := c.judge(p)
		if m, _ := measureOf(p.Measure); m.unit == share && s.Value.Lo > 0 {
			s.Status = Broken // a share is shown when it was measured
		}
		s.Text = p.Noun()
		r.Shows = append(r.Shows, s)
		if s.Status == Broken && p.Measure != "other_reads" {
			r.Weakness = true
		}
	}
}

// always judges the classes that are a bug whatever was promised: those that some judge looked for.
func (x *extra) always() []PromiseResult {
	unclaimed := ""
	if us := x.a.Result.Unclaimed; len(us) > 0 {
		unclaimed = unclaimedWhy(us)
	}
	var out []PromiseResult
	for _, name := range x.a.Result.Looked {
		cl, ok := classOf(name)
		if !ok || cl.Blame == Measured {
			continue
		}
		bugs, why := x.bugs(name)
		if why == "" {
			why = unclaimed
		}
		pr := PromiseResult{Promise: Promise{Measure: name, By: "always"}, Text: cl.Promise, Limit: "0", Status: Kept, Value: open(float64(bugs), why)}
		pr.Measured = cl.measure().interval(pr.Value)
		switch {
		case bugs > 0:
			pr.Status, pr.Witness, pr.Why = Broken, x.witnessOf(name), x.firstOf(name)
		case why != "":
			pr.Status, pr.Measured, pr.Why = Undecided, "–", why
		}
		out = append(out, pr)
	}
	return out
}

// bugs counts the cases of a class that nothing excuses; why says that there may be more.
func (x *extra) bugs(class string) (n int64, why string) {
	var scoped int64
	for i := range x.found {
		f := &x.found[i]
		if f.Class != class {
			continue
		}
		if f.Undecided != "" {
			why = f.Undecided
		}
		if f.Scope == MasterReads || f.Scope == AllReads {
			scoped = max(scoped, f.Bugs)
		} else {
			n += f.Bugs
		}
	}
	return n + scoped, why
}

// firstOf is the first case of a class that nothing excuses, in words.
func (x *extra) firstOf(class string) string {
	for i := range x.found {
		if f := &x.found[i]; f.Class == class && f.Bugs > 0 && f.Text != "" {
			return f.Text
		}
	}
	return ""
}

// Noun is what the promise's measure is called where a scenario shows it.
func (p Promise) Noun() string {
	m, _ := measureOf(today(p.Measure))
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
	m, _ := measureOf(today(p.Measure))
	return m.words(p.Limit)
}

// judge compares one promise with what was measured: kept when even the worst value keeps it, broken when even the best breaks it.
func (c *check) judge(p Promise) PromiseResult {
	m, _ := measureOf(p.Measure)
	pr := PromiseResult{Promise: p, Text: m.words(p.Limit), Limit: m.format(p.Limit)}
	if !c.healed() { // there is nothing to count from but the load's end
		pr.Text = strings.Replace(pr.Text, "after the heal", "after the load ended", 1)
	}
	pr.Value = c.value(p.Measure)
	if p.Within != nil {
		pr.Text = p.Within.words(len(c.h.Faults))
		pr.Value = c.lostOutside(p.Within)
	}
	pr.Status = against(pr.Value, p.Limit, m.unit == share)
	pr.Measured, pr.Why = m.interval(pr.Value), pr.Value.Why
	if p.By != "shows" {
		c.undisturbed(p, m, &pr)
	}
	if m.unit == share {
		pr.Limit = "≥ " + pr.Limit
	}
	if pr.Status == Broken {
		pr.Witness = c.x.witnessOf(p.Measure)
	}
	return pr
}

// healed reports whether any fault did.
func (c *check) healed() bool {
	return slices.ContainsFunc(c.h.Faults, func(f history.Fault) bool { return f.Healed > 0 })
}

// against compares a value with a limit that it must not be above (below, for a promise from below).
func against(v Value, limit float64, below bool) Status {
	lo, hi := v.Lo, v.Hi
	if below {
		lo, hi, limit = -v.Hi, -v.Lo, -limit
	}
	switch {
	case lo > limit:
		return Broken
	case hi <= limit:
		return Kept
	}
	return Undecided
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

// witnessOf names the witness that shows a measure's value, if there is one.
func (x *extra) witnessOf(measure string) string {
	for _, w := range x.a.Result.Witnesses {
		if w.Of == measure || w.Of == "lost" && slices.Contains([]string{"lost_outside", "lost_elsewhere", "split_brain_lost"}, measure) ||
			measure == "master_conflicts" && x.isOrder(w.Of) || measure == "all_conflicts" && x.isOrder(w.Of) ||
			measure == "txn_anomalies" && x.isTxn(w.Of) {
			return w.ID
		}
	}
	return ""
}

func (x *extra) isOrder(class string) bool {
	c, ok := classOf(class)
	return ok && c.Order
}

func (x *extra) isTxn(class string) bool {
	c, ok := classOf(class)
	return ok && c.Txn
}
