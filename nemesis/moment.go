package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/schismtest/schism/history"
)

// await waits for what the moment is counted from and returns the moment, which may be ahead. After says after which fault's effect
// a failover or a link's change counts, 0 for the beginning of the load.
func (r *runner) await(ctx context.Context, w When, after int) (int64, error) {
	at, err := r.occurred(ctx, w, after)
	if err != nil {
		return r.Clock(), fmt.Errorf("%s: %w", w, err)
	}
	at += w.Offset.Nanoseconds()
	if w.Event != EvLoad {
		at = max(at, r.Clock()) // what is learned late cannot have been scheduled earlier
	}
	return at, nil
}

// occurred returns when the event happened.
func (r *runner) occurred(ctx context.Context, w When, after int) (int64, error) {
	switch w.Event {
	case EvLoad:
		return r.LoadStart, nil
	case EvEffect:
		return r.faults[w.Fault-1].afterEffect(ctx)
	case EvHeal:
		return r.faults[w.Fault-1].afterHeal(ctx)
	case EvAll:
		var at int64
		for _, p := range w.All {
			t, err := r.await(ctx, p, after)
			if err != nil {
				return 0, err
			}
			at = max(at, t)
		}
		return at, nil
	}
	since := r.LoadStart
	if w.Fault > 0 {
		after = w.Fault
	}
	if after > 0 {
		var err error
		if since, err = r.faults[after-1].afterEffect(ctx); err != nil {
			return 0, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, r.EventTimeout)
	defer cancel()
	var at int64
	var cond func(v *history.LiveView) bool
	switch w.Event {
	case EvFailover:
		cond = func(v *history.LiveView) bool {
			f, ok := r.seen.failoverAfter(v, since)
			at = f.at
			return ok
		}
	case EvAcked:
		cond = func(v *history.LiveView) bool { at = v.LastAck; return v.Acked >= w.Count }
	case EvLinkDown, EvLinkUp:
		cond = func(v *history.LiveView) bool {
			t, ok := r.linkChange(v, w, since)
			at = t
			return ok
		}
	}
	err := r.Live.Wait(limited, w.event(), cond)
	if err != nil && ctx.Err() == nil {
		err = &timedOut{w.event(), r.EventTimeout}
	}
	return at, err
}

// timedOut is the error of a step that was to follow on something which did not happen.
type timedOut struct {
	what   string // "the failover is done"
	within time.Duration
}

func (t *timedOut) Error() string { return history.StepTimedOut + " " + span(t.within) }

// linkChange looks whether a replica is seen without its link, or all with it, in samples taken after since.
func (r *runner) linkChange(v *history.LiveView, w When, since int64) (at int64, ok bool) {
	target := w.Target
	if target == "" {
		target = AllReplicas
	}
	nodes, err := r.resolve(v, Nodes{target}, nil)
	if err != nil {
		return 0, false
	}
	up := 0
	for _, n := range nodes {
		s, ok := v.Samples[int32(n)]
		if !ok || s.Call < since || !s.Answered || s.Role != history.RoleReplica {
			continue
		}
		if w.Event == EvLinkDown && !s.LinkUp {
			return s.Call, true
		}
		if s.LinkUp {
			at = max(at, s.Call)
			up++
		}
	}
	return at, w.Event == EvLinkUp && up == len(nodes) && up > 0
}
