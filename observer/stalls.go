package observer

import (
	"context"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/monotime"
)

// tickEvery is how often a process of the harness's looks whether it gets to run, stallAfter how late a tick is a stall.
const (
	tickEvery  = 10 * time.Millisecond
	stallAfter = 50 * time.Millisecond
)

// Stalls measures until ctx ends how this process is held up, by a tick every 10 ms, and records every tick that comes more than 50 ms
// late on the clock, ns, and every suspension of the machine. Emit may take its time: what comes meanwhile is kept, and given at once.
func Stalls(ctx context.Context, clock func() int64, emit func(*history.Batch)) {
	found := make(chan []history.Event)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for evs := range found {
			emit(&history.Batch{Events: evs})
		}
	}()
	watchTicks(ctx, clock, monotime.Suspended, found)
	close(found)
	<-done
}

// watchTicks sends the stalls that it sees and never waits for their taker but at the end.
func watchTicks(ctx context.Context, clock, suspended func() int64, found chan<- []history.Event) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var kept []history.Event
	last, slept := clock(), suspended()
	for {
		var out chan<- []history.Event
		if len(kept) > 0 {
			out = found
		}
		select {
		case out <- kept:
			kept = nil
		case <-tick.C:
			now := clock()
			if e, ok := stall(last, now); ok {
				kept = append(kept, e)
			}
			last = now
			if s := suspended(); s-slept > stallAfter.Nanoseconds() {
				kept = append(kept, history.Event{Node: history.NoNode, T: now, Dur: s - slept, Kind: history.EvStall, Name: history.StallSuspended})
				slept = s
			}
		case <-ctx.Done():
			if e, ok := stall(last, clock()); ok {
				kept = append(kept, e)
			}
			if len(kept) > 0 {
				found <- kept
			}
			return
		}
	}
}

// stall is what two ticks in a row say: the second was due a tick after the first.
func stall(last, now int64) (history.Event, bool) {
	due := last + tickEvery.Nanoseconds()
	if now-due <= stallAfter.Nanoseconds() {
		return history.Event{}, false
	}
	return history.Event{Node: history.NoNode, T: due, Dur: now - due, Kind: history.EvStall, Name: history.StallTick}, true
}
