package checker

import (
	"fmt"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// verdict joins what was found: an error of the harness beats a broken promise, which beats what was not put to the test, which
// beats a pass.
func (c *check) verdict() {
	r := &c.a.Result
	r.Verdict = result.Pass
	var broken, undecided int
	for _, p := range r.Promises {
		switch p.Status {
		case result.Broken:
			broken++
		case result.Undecided:
			undecided++
		}
	}
	if len(c.h.Missing) > 0 || c.h.Run.Lost {
		r.Verdict = result.Error
		r.Reasons = append(r.Reasons, c.h.Missing...)
		why := "records are missing"
		if len(c.h.Missing) == 0 {
			why = "the surroundings ended the run"
			r.Reasons = append(r.Reasons, "the run is incomplete: "+c.h.Run.Incomplete)
		}
		for _, ps := range [][]result.PromiseResult{r.Promises, r.Shows} { // what is missing may be what would have kept them
			for i := range ps {
				p := &ps[i]
				p.Status, p.Value, p.Measured, p.Why, p.Witness = result.Undecided, result.Unmeasured(why), "–", why, ""
			}
		}
		r.Weakness = false
		return
	}
	if broken > 0 {
		r.Verdict = result.Violation
		return
	}
	if c.attached() {
		c.watched()
		return
	}
	c.vacuous()
	if len(r.Unclaimed) > 0 {
		r.Reasons = append(r.Reasons, unclaimedWhy(r.Unclaimed))
	}
	for _, p := range r.Promises {
		if p.Status == result.Undecided && (len(r.Unclaimed) == 0 || p.Promise.By != "always") {
			r.Reasons = append(r.Reasons, fmt.Sprintf("not decided: %s (%s)", p.Text, p.Why))
		}
	}
	if undecided > 0 || len(r.Reasons) > 0 {
		r.Verdict = result.Unknown
	}
}

// vacuous collects why the run tested nothing (checkers.md, Verdicts).
func (c *check) vacuous() {
	r, ops := &c.a.Result, &c.h.Ops
	say := func(format string, args ...any) { r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...)) }
	if ops.Len() == 0 {
		say("no operation was run")
		return
	}
	if c.h.Run.Imported != "" {
		return
	}
	if c.h.Run.Incomplete != "" {
		say("the run is incomplete: %s", c.h.Run.Incomplete)
	}
	if c.h.Torn != "" {
		say("the history is incomplete: %s", c.h.Torn)
	}
	if still := c.stoodStill(); still != "" {
		say("%s, so neither the load nor the faults went as planned", still)
	}
	if held, _, why := barrier(c.h); !held {
		say("no barrier: %s", why)
	}
	if !c.anyAck() {
		say("no write was acknowledged")
	}
	for _, s := range r.Shows {
		if s.Status == result.Undecided {
			say("%s could not be measured: %s", s.Text, s.Why)
		}
	}
	c.vacuousFaults(say)
}

// anyAck reports whether any write at all was acknowledged.
func (c *check) anyAck() bool {
	for i := range c.h.Ops.F {
		if c.h.Ops.IsWrite(i) && c.h.Ops.Outcome[i] == history.OK {
			return true
		}
	}
	return false
}

func (c *check) vacuousFaults(say func(string, ...any)) {
	ops := &c.h.Ops
	first := history.Inf
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		switch {
		case f.Unavailable != "":
			say("fault %d is not available here: %s", f.ID, f.Unavailable)
			c.a.Result.Do = "run it where the fault is available; schism doctor says what is missing"
			continue
		case f.Effect == 0:
			say("fault %d never took effect (%s)", f.ID, orWhy(f.Err, "nobody knows why"))
			continue
		case f.Err != "":
			say("fault %d: %s", f.ID, f.Err)
		}
		first = min(first, f.Effect)
		end := f.Healed
		if end == 0 {
			_, end = load(c.h)
		}
		// A window between two looks of a client holds nothing to judge by.
		if !c.attempted(f.Effect, end) && end-f.Effect > int64(200e6) {
			say("no operation was attempted while fault %d held", f.ID)
		}
	}
	if first == history.Inf {
		return
	}
	for i := range ops.F {
		if ops.IsWrite(i) && ops.Outcome[i] == history.OK && ops.Return[i] <= first && ops.Return[i] >= first-int64(1e9) {
			return
		}
	}
	say("no write was acknowledged in the second before the first fault")
}

func (c *check) attempted(from, to int64) bool {
	for i := range c.h.Ops.Len() {
		if t := c.h.Ops.Call[i]; t >= from && t <= to {
			return true
		}
	}
	return false
}

func orWhy(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// fair lists the conditions of a fair test, met or not.
func (c *check) fair() {
	r, ops := &c.a.Result, &c.h.Ops
	add := func(ok bool, format string, args ...any) {
		r.Fair = append(r.Fair, result.Fair{OK: ok, Text: fmt.Sprintf(format, args...)})
	}
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Effect == 0 {
			add(false, "fault %d never took effect: %s", f.ID, orWhy(f.Err, f.Unavailable))
			continue
		}
		late := ""
		if f.Scheduled > 0 && f.Effect >= f.Scheduled {
			late = ", " + words.Span(f.Effect-f.Scheduled) + " after its time"
		}
		add(true, "fault %d took effect%s (%s)", f.ID, late, orWhy(f.Proof, "proved"))
		end := f.Healed
		if end == 0 {
			end = c.h.End
		}
		var acks int64
		for j, fn := range ops.F {
			if fn.IsWrite() && ops.Outcome[j] == history.OK && ops.Return[j] >= f.Effect && ops.Return[j] <= end {
				acks++
			}
		}
		add(true, "%s %s %s acknowledged while it held", words.Count(acks), plural(acks, "write", "writes"), wasWere(acks))
	}
	if c.h.Run.Imported != "" {
		return
	}
	if a := c.h.Run.Attached; a != nil && !a.Load {
		return // there was nothing to bring to rest
	}
	held, t, why := barrier(c.h)
	if held {
		add(true, "the barrier held at %s", words.At(t))
	} else {
		add(false, "no barrier: %s", why)
	}
	if len(c.h.Missing) == 0 {
		add(true, "no record is missing")
	} else {
		add(false, "records are missing")
	}
	if m := r.Writes.Masked; m > 0 {
		add(true, "the fate of %s acknowledged %s cannot be told: %s", words.Count(m), plural(m, "write", "writes"), r.Writes.MaskedWhy)
	}
}
