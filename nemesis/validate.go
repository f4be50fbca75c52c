package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/schismtest/schism/history"
)

// Validate says what is wrong with the schedule, naming the fault and the fix. Whether the deployment has the nodes is not looked at
// here: Available does.
func (s Schedule) Validate() error {
	var errs []error
	id := 0
	for i, st := range s {
		if err := st.validate(); err != nil {
			errs = append(errs, fmt.Errorf("step %d: %w", i+1, err))
		}
		id += st.count()
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	count := s.Count()
	faults := s.outline().list()
	check := func(id int, w When) {
		w.refs(func(ev Event, fault int) {
			if ev == EvHeal && fault >= 1 && fault <= count && faults[fault-1].action.Stays {
				errs = append(errs, fmt.Errorf("fault %d: it waits for the heal of fault %d, which never heals", id, fault))
			}
			if fault < 1 || fault > count {
				errs = append(errs, fmt.Errorf("fault %d: it refers to fault %d, but there are %d", id, fault, count))
			}
		})
	}
	for _, f := range faults {
		check(f.id, f.when)
		if f.action.Ends != nil {
			check(f.id, *f.action.Ends)
		}
		if f.action.Kind == KindHeal {
			check(f.id, HealOf(f.action.Fault))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return s.cycles()
}

// outline is the schedule written out without a generator: a random step becomes faults at its earliest moment.
func (s Schedule) outline() Schedule {
	var out Schedule
	for _, st := range s {
		if st.Random != nil {
			for i := range st.Random.N {
				out = append(out, After(st.Random.From, st.Actions[i%len(st.Actions)]))
			}
			continue
		}
		out = append(out, Schedule{st}.Draw(nil)...)
	}
	return out
}

func (s Step) validate() error {
	if len(s.Actions) == 0 {
		return errors.New("it has no action: name at least one, as in After(5*time.Second, Kill(Master))")
	}
	if s.Repeat != nil && (s.Repeat.Times < 1 || s.Repeat.Every <= 0) {
		return fmt.Errorf("it repeats %d times every %v: both must be above 0", s.Repeat.Times, s.Repeat.Every)
	}
	if r := s.Random; r != nil && (r.N < 1 || r.From < 0 || r.To <= r.From) {
		return fmt.Errorf("it draws %d faults between %v and %v: the number must be above 0 and the span must not be empty", r.N, r.From, r.To)
	}
	if s.Repeat != nil && s.Random != nil {
		return errors.New("it is both repeated and random: choose one")
	}
	if err := s.When.validate(); err != nil {
		return err
	}
	for _, a := range s.Actions {
		if err := a.validate(); err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
	}
	return nil
}

func (w When) validate() error {
	if w.Offset < 0 {
		return fmt.Errorf("its moment is %v before an event: offsets must not be negative", -w.Offset)
	}
	switch w.Event {
	case EvLoad, EvFailover:
	case EvLinkDown, EvLinkUp:
		if w.Target != "" && !w.Target.valid() {
			return fmt.Errorf("unknown target %q in its moment", string(w.Target))
		}
	case EvAcked:
		if w.Count < 1 {
			return errors.New("it waits for fewer than 1 acknowledged writes")
		}
	case EvEffect, EvHeal:
		if w.Fault < 1 {
			return fmt.Errorf("it waits for fault %d: faults count from 1", w.Fault)
		}
	case EvAll:
		if len(w.All) == 0 {
			return errors.New("it waits for all of no moments")
		}
		for _, p := range w.All {
			if err := p.validate(); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("unknown event %q", string(w.Event))
	}
	return nil
}

func (a Action) validate() error {
	for _, side := range []Nodes{a.On, a.From, a.To} {
		for _, t := range side {
			if !t.valid() || t == NoOne {
				return fmt.Errorf("unknown target %q: use a node's name (n1, s1, w1) or one of nemesis' targets", string(t))
			}
		}
	}
	switch a.Kind {
	case KindKill, KindStop, KindRestart, KindKillAndRestart, KindPause, KindResume, KindDebugSleep, KindReplicaOf, KindIsolate, KindSentinelFailover, KindClusterFailover, KindMoveReplica, KindForget,
		KindAddReplica:
		if len(a.On) == 0 {
			return errors.New("it hits nothing: name a target")
		}
		if slices.Contains(a.On, Rest) {
			return errors.New("the rest of what? Rest only stands on a side of a network fault")
		}
	case KindPartition, KindOneWay, KindCutLinks:
		if len(a.From) == 0 || len(a.To) == 0 {
			return errors.New("it needs two sides")
		}
		if slices.Contains(a.From, Rest) && slices.Contains(a.To, Rest) {
			return errors.New("only one side can be the rest")
		}
	case KindMigrateSlots:
		if len(a.From) != 1 || len(a.To) != 1 || a.From[0] == Rest || a.To[0] == Rest {
			return errors.New("slots move from one master to another: name both")
		}
		if a.Slots < 1 || a.Slots > history.Slots {
			return fmt.Errorf("it moves %d slots: name a number from 1 to %d", a.Slots, history.Slots)
		}
	case KindHeal:
		if a.Fault < 1 {
			return fmt.Errorf("it heals fault %d: faults count from 1", a.Fault)
		}
	default:
		return fmt.Errorf("unknown fault %q", string(a.Kind))
	}
	if !slices.Contains([]string{FailoverPlain, FailoverForce, FailoverTakeover}, a.How) || a.How != "" && a.Kind != KindClusterFailover {
		return fmt.Errorf("%q is no way of CLUSTER FAILOVER: use force, takeover, or none", a.How)
	}
	if !a.network() && a.Kind != KindHeal {
		for _, t := range slices.Concat(a.On, a.From, a.To) {
			if l, _ := t.name(); l == 'w' || t == Workers {
				return errors.New("clients can only be cut off, not hit")
			}
		}
	}
	return a.validateEnd()
}

func (a Action) validateEnd() error {
	switch {
	case a.Kind == KindDebugSleep && a.Sleep < 500*time.Millisecond:
		return fmt.Errorf("it sleeps %v: less than 500 ms cannot be proved", a.Sleep)
	case a.Kind == KindReplicaOf && !(a.Master == NoOne || a.Master.valid()):
		return fmt.Errorf("unknown target %q to follow", string(a.Master))
	case (a.Kind == KindMoveReplica || a.Kind == KindAddReplica) && !a.Master.valid():
		return fmt.Errorf("unknown target %q to follow", string(a.Master))
	case a.Lasts < 0:
		return errors.New("it lasts less than nothing")
	case a.Lasts > 0 && a.Ends != nil || (a.Lasts > 0 || a.Ends != nil) && a.Stays:
		return errors.New("it ends in more than one way: use one of For, Until and Forever")
	case (a.Lasts > 0 || a.Ends != nil || a.Stays) && (a.itself() || !a.heals() && !a.Stays):
		return errors.New("it has no end to choose: drop For, Until or Forever")
	case a.Stays && a.network():
		return errors.New("a network fault must heal: drop Forever")
	case a.Stays && a.Kind == KindPause:
		return errors.New("a frozen process must be resumed: drop Forever")
	case a.Ends != nil:
		return a.Ends.validate()
	}
	return nil
}

// cycles finds faults that wait for each other.
func (s Schedule) cycles() error {
	type moment struct {
		id   int
		heal bool
	}
	faults := s.outline().list()
	state := map[moment]int{} // 1: on the way, 2: done
	var visit func(m moment) error
	visit = func(m moment) error {
		switch state[m] {
		case 1:
			return fmt.Errorf("fault %d waits for itself: its moment depends on its own effect or heal", m.id)
		case 2:
			return nil
		}
		state[m] = 1
		f := faults[m.id-1]
		var err error
		follow := func(ev Event, fault int) {
			if err == nil {
				err = visit(moment{fault, ev == EvHeal})
			}
		}
		if m.heal {
			follow(EvEffect, m.id)
			if f.action.Ends != nil {
				f.action.Ends.refs(follow)
			}
		} else {
			f.when.refs(follow)
		}
		state[m] = 2
		return err
	}
	for _, f := range faults {
		for _, heal := range []bool{false, true} {
			if err := visit(moment{f.id, heal}); err != nil {
				return err
			}
		}
	}
	return nil
}
