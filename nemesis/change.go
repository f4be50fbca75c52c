package nemesis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Change is the schedule with faults changed, each by a text: "1.for=5s" is how long fault 1 lasts, "1.target=n2" what it hits (several by
// commas). The schedule must have been drawn; faults keep their numbers.
func (s Schedule) Change(changes []string) (Schedule, error) {
	out := slices.Clone(s)
	for i := range out {
		out[i].Actions = slices.Clone(out[i].Actions)
	}
	for _, c := range changes {
		if err := out.change(c); err != nil {
			return nil, fmt.Errorf("-fault %s: %w", c, err)
		}
	}
	if err := out.Validate(); err != nil && len(changes) > 0 {
		return nil, fmt.Errorf("-fault %s: %w", strings.Join(changes, ", "), err)
	}
	return out, nil
}

func (s Schedule) change(text string) error {
	where, value, ok := strings.Cut(text, "=")
	number, what, ok2 := strings.Cut(where, ".")
	if !ok || !ok2 || value == "" {
		return fmt.Errorf("write a fault's number, what to change and its value, as in 1.for=5s or 1.target=n2")
	}
	n, err := strconv.Atoi(number)
	if count := s.Count(); err != nil || n < 1 || n > count {
		return fmt.Errorf("there is no fault %s: this scenario has %d", number, count)
	}
	a := s.action(n)
	switch what {
	case "for":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("%s is no duration above 0, such as 5s", value)
		}
		if s.ends(n, d) {
			return nil
		}
		return a.last(d)
	case "target":
		return a.hit(strings.Split(value, ","))
	}
	return fmt.Errorf("%s cannot be changed: use for or target", what)
}

// action is the one of fault n.
func (s Schedule) action(n int) *Action {
	for i := range s {
		if n <= len(s[i].Actions) {
			return &s[i].Actions[n-1]
		}
		n -= len(s[i].Actions)
	}
	return nil
}

// ends has the step that ends a kill or a pause do so d after it took effect, where the schedule has such a step: what is over by itself
// by then would leave that step nothing to do.
func (s Schedule) ends(n int, d time.Duration) bool {
	a := *s.action(n)
	id := 0
	for i, st := range s {
		for _, b := range st.Actions {
			id++
			if id <= n || len(st.Actions) > 1 {
				continue
			}
			again := b.Kind == KindRestart && (a.Kind == KindKill || a.Kind == KindStop) && (slices.Contains(b.On, Killed) || slices.Equal(a.On, b.On)) ||
				b.Kind == KindResume && a.Kind == KindPause && (slices.Contains(b.On, Paused) || slices.Equal(a.On, b.On)) ||
				b.Kind == KindHeal && b.Fault == n
			if again {
				s[i].When = EffectOf(n).Plus(d)
				return true
			}
		}
	}
	return false
}

func (a *Action) last(d time.Duration) error {
	if a.Kind == KindDebugSleep {
		a.Sleep = d
		return nil
	}
	if !a.heals() || a.itself() {
		return fmt.Errorf("%s has no end to choose", a.Kind)
	}
	a.Lasts, a.Ends, a.Stays = d, nil, false
	return nil
}

func (a *Action) hit(names []string) error {
	if len(a.On) == 0 {
		return fmt.Errorf("%s has two sides, no target", a.Kind)
	}
	var on Nodes
	for _, n := range names {
		on = append(on, Target(strings.TrimSpace(n)))
	}
	a.On = on
	return nil
}
