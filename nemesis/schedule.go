package nemesis

import (
	"cmp"
	"math/rand"
	"slices"
	"time"
)

// Schedule is the faults of a run. Its faults are numbered from 1 in the order in which they are written (Count), which is how
// moments and promises refer to them.
type Schedule []Step

// Step is one or several faults that begin at one moment.
type Step struct {
	When    When     `json:"when"`
	Actions []Action `json:"actions"`
	// Repeat makes the step begin anew. Each time counts as faults of its own.
	Repeat *Repeat `json:"repeat,omitempty"`
	// Random draws moments and actions instead of using all of them at When.
	Random *Draws `json:"random,omitempty"`
}

// Repeat begins a step Times times, each one Every after the one before it.
type Repeat struct {
	Every time.Duration `json:"every_ns"`
	Times int           `json:"times"`
}

// Draws is how many faults are drawn, and the span after the beginning of the load in which they begin.
type Draws struct {
	N    int           `json:"n"`
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
}

// After begins the actions d after the load began.
func After(d time.Duration, actions ...Action) Step { return On(LoadStart().Plus(d), actions...) }

// AfterFailover begins the actions d after the next failover is done: the first one after the latest step above that does not
// itself wait for a failover.
func AfterFailover(d time.Duration, actions ...Action) Step {
	return On(FailoverDone().Plus(d), actions...)
}

// AfterEffect begins the actions d after a fault took effect.
func AfterEffect(fault int, d time.Duration, actions ...Action) Step {
	return On(EffectOf(fault).Plus(d), actions...)
}

// AfterHeal begins the actions d after a fault healed.
func AfterHeal(fault int, d time.Duration, actions ...Action) Step {
	return On(HealOf(fault).Plus(d), actions...)
}

// AfterAcked begins the actions as soon as n writes were acknowledged.
func AfterAcked(n int64, actions ...Action) Step { return On(Acked(n), actions...) }

// On begins the actions at the moment.
func On(w When, actions ...Action) Step { return Step{When: w, Actions: actions} }

// Every begins the actions the given number of times, first after the load began and then once a period.
func Every(first, period time.Duration, times int, actions ...Action) Step {
	s := After(first, actions...)
	s.Repeat = &Repeat{Every: period, Times: times}
	return s
}

// Random begins n faults at random moments between from and to after the load began, each drawn from the actions.
func Random(n int, from, to time.Duration, actions ...Action) Step {
	return Step{When: LoadStart(), Actions: actions, Random: &Draws{N: n, From: from, To: to}}
}

// Count is the number of faults.
func (s Schedule) Count() int {
	n := 0
	for _, st := range s {
		n += st.count()
	}
	return n
}

func (s Step) count() int {
	switch {
	case s.Random != nil:
		return s.Random.N
	case s.Repeat != nil:
		return s.Repeat.Times * len(s.Actions)
	}
	return len(s.Actions)
}

// Draw is the schedule with its random and repeated steps written out, so that it can be replayed without the generator. Faults
// keep their numbers. A schedule without random steps needs no generator.
func (s Schedule) Draw(rng *rand.Rand) Schedule {
	var out Schedule
	for _, st := range s {
		switch {
		case st.Random != nil:
			out = append(out, st.draw(rng)...)
		case st.Repeat != nil:
			for i := range st.Repeat.Times {
				out = append(out, On(st.When.Plus(time.Duration(i)*st.Repeat.Every), st.Actions...))
			}
		default:
			out = append(out, st)
		}
	}
	return out
}

// draw picks moments in whole milliseconds, so that a drawn schedule is readable.
func (s Step) draw(rng *rand.Rand) Schedule {
	var out Schedule
	span := int64((s.Random.To - s.Random.From) / time.Millisecond)
	for range s.Random.N {
		at := s.Random.From + time.Duration(rng.Int63n(max(span, 1)))*time.Millisecond
		out = append(out, After(at, s.Actions[rng.Intn(len(s.Actions))]))
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(a.When.Offset, b.When.Offset) })
	return out
}

// drawn tells whether Draw would change nothing.
func (s Schedule) drawn() bool {
	return !slices.ContainsFunc(s, func(st Step) bool { return st.Random != nil || st.Repeat != nil })
}

// numbered is a fault with its number and its step's place.
type numbered struct {
	id     int
	step   int
	when   When
	action Action
}

// list numbers the faults of a schedule that Draw wrote out.
func (s Schedule) list() []numbered {
	var out []numbered
	for i, st := range s {
		for _, a := range st.Actions {
			out = append(out, numbered{id: len(out) + 1, step: i, when: st.When, action: a})
		}
	}
	return out
}
