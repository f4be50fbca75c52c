package checker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// value is a measure's value.
func (c *check) value(name string) result.Value {
	for _, m := range c.a.Result.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	if cl, ok := result.ClassOf(name); ok {
		return result.Unmeasured("nothing was run that could show " + cl.Noun)
	}
	return result.Unmeasured("this run did not measure it")
}

// promises judges each promise and each weakness to be shown. What is always a bug is a promise of every run that looked for it.
func (c *check) promises(promises, shows []result.Promise) {
	r := &c.a.Result
	for _, p := range promises {
		p.Measure = result.NameToday(p.Measure)
		r.Promises = append(r.Promises, c.judge(p))
	}
	r.Promises = append(r.Promises, c.x.always()...)
	rank := map[result.Status]int{result.Broken: 0, result.Undecided: 1, result.Kept: 2}
	slices.SortStableFunc(r.Promises, func(a, b result.PromiseResult) int { return cmp.Compare(rank[a.Status], rank[b.Status]) })
	for _, p := range shows {
		p.Measure = result.NameToday(p.Measure)
		s := c.judge(p)
		if m, _ := result.MeasureOf(p.Measure); m.Unit == result.Share && s.Value.Lo > 0 {
			s.Status = result.Broken // a share is shown when it was measured
		}
		s.Text = p.Noun()
		r.Shows = append(r.Shows, s)
		if s.Status == result.Broken && p.Measure != "other_reads" {
			r.Weakness = true
		}
	}
}

// always judges the classes that are a bug whatever was promised: those that some judge looked for.
func (x *extra) always() []result.PromiseResult {
	unclaimed := ""
	if us := x.a.Result.Unclaimed; len(us) > 0 {
		unclaimed = unclaimedWhy(us)
	}
	var out []result.PromiseResult
	for _, name := range x.a.Result.Looked {
		cl, ok := result.ClassOf(name)
		if !ok || cl.Blame == result.Measured {
			continue
		}
		bugs, why := x.bugs(name)
		if why == "" {
			why = unclaimed
		}
		pr := result.PromiseResult{Promise: result.Promise{Measure: name, By: "always"}, Text: cl.Promise, Limit: "0", Status: result.Kept, Value: open(float64(bugs), why)}
		pr.Measured = cl.Measure().Interval(pr.Value)
		switch {
		case bugs > 0:
			pr.Status, pr.Witness, pr.Why = result.Broken, x.witnessOf(name), x.firstOf(name)
		case why != "":
			pr.Status, pr.Measured, pr.Why = result.Undecided, "–", why
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
		if f.Scope == result.MasterReads || f.Scope == result.AllReads {
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

// judge compares one promise with what was measured: kept when even the worst value keeps it, broken when even the best breaks it.
func (c *check) judge(p result.Promise) result.PromiseResult {
	m, _ := result.MeasureOf(p.Measure)
	pr := result.PromiseResult{Promise: p, Text: m.Sentence(p.Limit), Limit: m.Format(p.Limit)}
	if !c.healed() { // there is nothing to count from but the load's end
		pr.Text = strings.Replace(pr.Text, "after the heal", "after the load ended", 1)
	}
	pr.Value = c.value(p.Measure)
	if p.Within != nil {
		pr.Text = p.Within.Words(len(c.h.Faults))
		pr.Value = c.lostOutside(p.Within)
	}
	if p.Measure == "lost_other_shards" && p.Shard > 0 {
		pr.Text, pr.Value = p.String(), c.lostOtherShards(p.Shard)
	}
	pr.Status = against(pr.Value, p.Limit, m.Unit == result.Share)
	pr.Measured, pr.Why = m.Interval(pr.Value), pr.Value.Why
	if p.By != "shows" {
		c.undisturbed(p, m, &pr)
	}
	if m.Unit == result.Share {
		pr.Limit = "≥ " + pr.Limit
	}
	if pr.Status == result.Broken {
		pr.Witness = c.x.witnessOf(p.Measure)
	}
	return pr
}

// healed reports whether any fault did.
func (c *check) healed() bool {
	return slices.ContainsFunc(c.h.Faults, func(f history.Fault) bool { return f.Healed > 0 })
}

// against compares a value with a limit that it must not be above (below, for a promise from below).
func against(v result.Value, limit float64, below bool) result.Status {
	lo, hi := v.Lo, v.Hi
	if below {
		lo, hi, limit = -v.Hi, -v.Lo, -limit
	}
	switch {
	case lo > limit:
		return result.Broken
	case hi <= limit:
		return result.Kept
	}
	return result.Undecided
}

func (c *check) fault(id int) *history.Fault {
	for i := range c.h.Faults {
		if c.h.Faults[i].ID == id {
			return &c.h.Faults[i]
		}
	}
	return nil
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
	c, ok := result.ClassOf(class)
	return ok && c.Order
}

func (x *extra) isTxn(class string) bool {
	c, ok := result.ClassOf(class)
	return ok && c.Txn
}
