package observer

import (
	"context"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// Timeout is how long a look may go unanswered before a sample says so.
const Timeout = 200 * time.Millisecond

// DefaultInterval is how often a server is looked at.
const DefaultInterval = 50 * time.Millisecond

// Config says whom to observe and how.
type Config struct {
	Addr     string        // over loopback
	Access   access.Access // how to get in
	Interval time.Duration // 0: DefaultInterval
	Sentinel bool
	// Master is what the sentinel calls the master that is looked at, for one that watches several; empty: the first.
	Master string
	// Timeout is how long a look may go unanswered before a sample says so, Dial how long a connection may take to be made; 0: what suits
	// loopback.
	Timeout, Dial time.Duration
	// Cluster are the ids of a Cluster's servers with their numbers; nil: the server is in none.
	Cluster map[string]int32
	// Clock is the run's clock, ns.
	Clock func() int64
	// Proc says whether the server's process exists and whether it is stopped.
	Proc func() (up, frozen bool)
	// Times are the present run delay and processor time of the server and the machine's steal time, ns, -1 where unknown; nil: all
	// unknown (history.Sample).
	Times func() (runDelay, cpuTime, steal int64)
	// Wakes grows with all that the server's other threads than the serving one do, -1 where unknown; nil: it is not looked at. It makes
	// history.Sample.Fsyncs, with the server's own count of its children.
	Wakes func() int64
	// Emit takes what was seen; Node and the batch's source are the taker's business.
	Emit func(*history.Batch)
}

// Run observes until ctx ends, and emits what is left then.
func Run(ctx context.Context, cfg Config) {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = Timeout
	}
	if cfg.Dial <= 0 {
		cfg.Dial = dialTimeout
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if cfg.Sentinel {
			subscribe(ctx, cfg)
		}
	}()
	s := newSampler(cfg)
	s.run(ctx)
	<-done
}
