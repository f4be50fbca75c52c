//go:build linux

package agent

import (
	"context"
	"sync"
	"time"

	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
)

// watcher runs at most one observer.
type watcher struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// watch starts the observer, in place of one that runs; interval 0 stops it, and then all that it saw has been sent.
func (a *Agent) watch(w wire.WatchArgs) error {
	a.obs.stop()
	if w.IntervalMS <= 0 {
		return nil
	}
	addr, login, err := a.server()
	if err != nil {
		return err
	}
	var wakes func() int64
	if w.Fsyncs {
		wakes = a.sup.wakes
	}
	a.obs.start(observer.Config{
		Wakes: wakes,
		Addr:  addr, Access: login, Sentinel: w.Sentinel, Cluster: w.Cluster,
		Interval: time.Duration(w.IntervalMS) * time.Millisecond,
		Clock:    a.emit.now, Proc: a.sup.upFrozen, Times: a.sup.times, Emit: a.emit.batch,
	})
	return nil
}

func (o *watcher) start(cfg observer.Config) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	o.cancel, o.done = cancel, done
	go func() {
		defer close(done)
		observer.Run(ctx, cfg)
	}()
}

func (o *watcher) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cancel != nil {
		o.cancel()
		<-o.done
		o.cancel = nil
	}
}
