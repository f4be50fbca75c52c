package history

import (
	"context"
	"fmt"
	"sync"
)

// Live is the part of a history that the nemesis looks at while the run goes on.
type Live struct {
	mu      sync.Mutex
	view    LiveView
	changed chan struct{} // closed and replaced at every change
}

// LiveView is what Live knows now.
type LiveView struct {
	Attempted int64            // writes that returned, whatever their outcome
	Acked     int64            // writes that returned ok
	LastAck   int64            // return of the latest ok write, ns
	Samples   map[int32]Sample // the latest of each node
	Views     map[int32]View   // the latest of each node of a Cluster
	AllViews  []View           // every one, in the order of arrival
	Events    []Event
	Faults    map[int]Fault
}

// NewLive returns an empty one.
func NewLive() *Live {
	return &Live{view: LiveView{Samples: map[int32]Sample{}, Views: map[int32]View{}, Faults: map[int]Fault{}}, changed: make(chan struct{})}
}

// Observe takes a batch in.
func (l *Live) Observe(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Ops {
		o := &b.Ops[i]
		if !o.IsWrite() {
			continue
		}
		l.view.Attempted++
		if o.Outcome == OK {
			l.view.Acked++
			l.view.LastAck = max(l.view.LastAck, o.Return)
		}
	}
	for _, s := range b.Samples {
		if old, ok := l.view.Samples[s.Node]; !ok || s.Call >= old.Call {
			l.view.Samples[s.Node] = s
		}
	}
	l.view.AllViews = append(l.view.AllViews, b.Views...)
	for _, v := range b.Views {
		if old, ok := l.view.Views[v.Node]; !ok || v.Call >= old.Call {
			l.view.Views[v.Node] = v
		}
	}
	l.view.Events = append(l.view.Events, b.Events...)
	for _, f := range b.Faults {
		l.view.Faults[f.ID] = f
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// Look calls f with the view, which f must not keep.
func (l *Live) Look(f func(*LiveView)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.view)
}

// Wait returns when cond holds, or with an error that names what was waited for when ctx ends first.
func (l *Live) Wait(ctx context.Context, what string, cond func(*LiveView) bool) error {
	for {
		l.mu.Lock()
		ok, ch := cond(&l.view), l.changed
		l.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}
