package nemesis

import (
	"fmt"
	"slices"
	"time"
)

// Required names the capabilities that the agents need: NET_ADMIN for a network fault.
func (s Schedule) Required() []string {
	for _, st := range s {
		if slices.ContainsFunc(st.Actions, Action.network) {
			return []string{"NET_ADMIN"}
		}
	}
	return nil
}

// Required names the capabilities that a schedule needs.
func Required(s Schedule) []string { return s.Required() }

// Workers is how many worker containers the schedule needs: the highest number of one that it names, at least 1.
func (s Schedule) Workers() int { return max(1, s.highest('w')) }

// Names are the nodes that the schedule names by their own name, in order of name.
func (s Schedule) Names() []string {
	var out []string
	s.each(func(t Target) {
		if _, n := t.name(); n > 0 && !slices.Contains(out, string(t)) {
			out = append(out, string(t))
		}
	})
	slices.Sort(out)
	return out
}

// highest is the highest number of a node of this letter that the schedule names.
func (s Schedule) highest(letter byte) int {
	n := 0
	s.each(func(t Target) {
		if l, k := t.name(); l == letter {
			n = max(n, k)
		}
	})
	return n
}

// each calls f with every target that the schedule names.
func (s Schedule) each(f func(Target)) {
	var moment func(w When)
	moment = func(w When) {
		f(w.Target)
		for _, p := range w.All {
			moment(p)
		}
	}
	for _, st := range s {
		moment(st.When)
		for _, a := range st.Actions {
			for _, side := range []Nodes{a.On, a.From, a.To, {a.Master}} {
				for _, t := range side {
					f(t)
				}
			}
			if a.Ends != nil {
				moment(*a.Ends)
			}
		}
	}
}

// Describe is one line a fault, for people.
func (s Schedule) Describe() []string {
	var out []string
	id := 1
	for _, st := range s {
		switch {
		case st.Random != nil:
			line := fmt.Sprintf("%d to %d. at random moments between %s and %s after the load began, one of:", id, id+st.Random.N-1, span(st.Random.From), span(st.Random.To))
			for i, a := range st.Actions {
				if i > 0 {
					line += ";"
				}
				line += " " + a.full()
			}
			out = append(out, line)
		default:
			for _, a := range st.Actions {
				line := fmt.Sprintf("%d. %s: %s", id, st.When, a.full())
				if st.Repeat != nil {
					line += fmt.Sprintf(", %d times, every %s", st.Repeat.Times, span(st.Repeat.Every))
				}
				out = append(out, line)
				id++
			}
			id -= len(st.Actions)
		}
		id += st.count()
	}
	return out
}

// full is the sentence with its ending.
func (a Action) full() string {
	if e := a.ending(); e != "" {
		return a.String() + ", " + e
	}
	return a.String()
}

// MinDuration is how long the schedule takes at least from the beginning of the load: events that it waits for count as coming at
// once.
func (s Schedule) MinDuration() time.Duration {
	if s.Validate() != nil {
		return 0
	}
	sched := s.outline()
	for i, st := range s {
		// A drawn fault may begin as late as To.
		if st.Random != nil {
			sched = append(sched, On(LoadStart().Plus(s[i].Random.To), st.Actions...))
		}
	}
	faults := sched.list()
	var effect, heal func(id int) time.Duration
	var at func(w When, own time.Duration) time.Duration
	at = func(w When, own time.Duration) time.Duration {
		base := own
		switch {
		case w.Event == EvHeal:
			base = heal(w.Fault)
		case w.Fault > 0:
			base = effect(w.Fault)
		}
		for _, p := range w.All {
			base = max(base, at(p, own))
		}
		return base + w.Offset
	}
	effect = func(id int) time.Duration {
		f := faults[id-1]
		base := time.Duration(0)
		if f.when.Event != EvLoad && id > 1 && f.when.Fault == 0 {
			if prev := s.before(faults, f); prev > 0 {
				base = effect(prev)
			}
		}
		return at(f.when, base)
	}
	heal = func(id int) time.Duration {
		f := faults[id-1]
		e := effect(id)
		switch {
		case f.action.Ends != nil:
			return max(e, at(*f.action.Ends, e))
		case f.action.Kind == KindDebugSleep:
			return e + f.action.Sleep
		}
		return e + f.action.Lasts
	}
	var out time.Duration
	for _, f := range faults {
		out = max(out, heal(f.id))
	}
	return out
}

// before is the fault after whose effect a failover or a link's change counts when the moment names none: the first one of the
// latest step above whose own moment is none of these; 0 for the beginning of the load.
func (s Schedule) before(faults []numbered, f numbered) int {
	for i := len(faults) - 1; i >= 0; i-- {
		p := faults[i]
		if p.step >= f.step {
			continue
		}
		if p.when.observed() && p.when.Fault == 0 && p.step > 0 {
			continue
		}
		for i > 0 && faults[i-1].step == p.step {
			i--
		}
		return faults[i].id
	}
	return 0
}

// observed tells whether the moment is read off the servers.
func (w When) observed() bool {
	switch w.Event {
	case EvFailover, EvLinkDown, EvLinkUp:
		return true
	case EvAll:
		return slices.ContainsFunc(w.All, When.observed)
	}
	return false
}
