package nemesis

import (
	"fmt"
	"strings"
	"time"
)

// Event names what a moment is counted from.
type Event string

// The events.
const (
	EvLoad     Event = ""          // the beginning of the load
	EvFailover Event = "failover"  // a failover is done: +switch-master, or without Sentinel another node became master
	EvLinkDown Event = "link-down" // a replica lost its link to its master
	EvLinkUp   Event = "link-up"   // all replicas have it (again)
	EvAcked    Event = "acked"     // so many writes were acknowledged
	EvEffect   Event = "effect"    // a fault took effect
	EvHeal     Event = "heal"      // a fault healed
	EvAll      Event = "all"       // the last of several moments
)

// When is a moment: an event of the run, and how long after it.
type When struct {
	Event  Event         `json:"event,omitempty"`
	Offset time.Duration `json:"offset_ns,omitempty"`
	// Fault is the one whose effect or heal it is; for failover, link-down and link-up the one after whose effect it comes (0: see
	// AfterFailover).
	Fault  int    `json:"fault,omitempty"`
	Target Target `json:"target,omitempty"` // of link-down and link-up; "": any replica is down, all are up
	Count  int64  `json:"count,omitempty"`  // of acked
	All    []When `json:"all,omitempty"`
}

// LoadStart is the beginning of the load.
func LoadStart() When { return When{} }

// FailoverDone is the end of the next failover (AfterFailover says which one that is).
func FailoverDone() When { return When{Event: EvFailover} }

// LinkDown is the moment at which a replica is seen without its link to its master.
func LinkDown(t Target) When { return When{Event: EvLinkDown, Target: t} }

// LinkUp is the moment at which the replicas are seen with their link.
func LinkUp(t Target) When { return When{Event: EvLinkUp, Target: t} }

// Acked is the moment at which n writes were acknowledged.
func Acked(n int64) When { return When{Event: EvAcked, Count: n} }

// EffectOf is the moment at which a fault took effect.
func EffectOf(fault int) When { return When{Event: EvEffect, Fault: fault} }

// HealOf is the moment at which a fault healed.
func HealOf(fault int) When { return When{Event: EvHeal, Fault: fault} }

// AllOf is the last of the moments.
func AllOf(ws ...When) When { return When{Event: EvAll, All: ws} }

// Plus is d later.
func (w When) Plus(d time.Duration) When { w.Offset += d; return w }

// AfterFault counts a failover or a link's change from the effect of this fault on.
func (w When) AfterFault(fault int) When { w.Fault = fault; return w }

// String says it for people: "5 s after the load began".
func (w When) String() string {
	ev := w.event()
	switch {
	case w.Offset == 0 && w.Event == EvLoad:
		return "when the load begins"
	case w.Offset == 0:
		return "when " + ev
	}
	return span(w.Offset) + " after " + ev
}

func (w When) event() string {
	after := ""
	if w.Fault > 0 {
		after = fmt.Sprintf(" after fault %d", w.Fault)
	}
	switch w.Event {
	case EvLoad:
		return "the load began"
	case EvFailover:
		return "the failover is done" + after
	case EvLinkDown:
		return "the link of " + w.links("a replica") + " is down" + after
	case EvLinkUp:
		return "the link of " + w.links("every replica") + " is up" + after
	case EvAcked:
		return fmt.Sprintf("%d writes are acknowledged", w.Count)
	case EvEffect:
		return fmt.Sprintf("fault %d took effect", w.Fault)
	case EvHeal:
		return fmt.Sprintf("fault %d healed", w.Fault)
	case EvAll:
		var parts []string
		for _, p := range w.All {
			parts = append(parts, p.String())
		}
		return "all of (" + strings.Join(parts, "; ") + ")"
	}
	return "unknown event " + string(w.Event)
}

func (w When) links(all string) string {
	if w.Target == "" {
		return all
	}
	return w.Target.String()
}

// refs calls f with every fault that the moment refers to.
func (w When) refs(f func(ev Event, fault int)) {
	if w.Fault != 0 {
		f(w.Event, w.Fault)
	}
	for _, p := range w.All {
		p.refs(f)
	}
}

// span prints a duration for people: "500 ms", "20 s", "1.5 s", "2 min".
func span(d time.Duration) string {
	switch {
	case d < time.Second && d%time.Millisecond == 0:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Second:
		return d.String()
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%g s", d.Round(time.Millisecond).Seconds())
}
