package nemesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// Cluster is the deployment that faults are injected into: its nodes by number, and a way to ask each one's agent.
type Cluster interface {
	Nodes() []history.Node
	Call(ctx context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error)
}

// Config is what Run needs.
type Config struct {
	// Schedule was written out by Draw: what runs is what the caller could record.
	Schedule Schedule
	Cluster  Cluster
	Live     *history.Live
	// Clock is the present moment on the run's clock, ns; LoadStart is the beginning of the load on it.
	Clock     func() int64
	LoadStart int64
	// HoldUntil is the moment before which faults without an end are not healed, ns; 0: they are when all else is done.
	HoldUntil int64
	// EventTimeout bounds the wait for what may never come (a failover, a link, acknowledgements); default 1 min.
	EventTimeout time.Duration
	// HealTime is how long after ctx ended healing may go on; default 20 s.
	HealTime time.Duration
	// Record takes each fault's record at each of its stages. It is called by one goroutine at a time.
	Record func(history.Fault)
	// Progress takes one line for people at each stage; nil: nobody listens.
	Progress func(text string)
}

const (
	defaultEventTimeout = time.Minute
	// defaultHealTime bounds the healing of what is still broken when the run was interrupted.
	defaultHealTime = 20 * time.Second
)

// Run carries the schedule out, and returns when its last fault is healed. When ctx ends it heals what is broken, on time of its own,
// and says so. A fault that could not be injected or proved is no error: its record says why, and the verdict will be unknown. What
// could not be healed is one.
func Run(ctx context.Context, c Config) error {
	if err := c.Schedule.Validate(); err != nil {
		return fmt.Errorf("check schedule: %w", err)
	}
	if !c.Schedule.drawn() {
		return errors.New("the schedule has random or repeated steps: write them out with Draw")
	}
	r := newRunner(c)
	unavailable, err := Available(ctx, c.Cluster, r.sched)
	if err != nil {
		return err
	}
	for _, p := range unavailable {
		r.faults[p.Fault-1].rec.Unavailable = p.Why
	}
	var end context.CancelFunc
	r.ends, end = outlive(ctx, r.HealTime)
	defer end()
	g, gctx := guard.WithContext(ctx)
	for _, f := range r.faults {
		g.Go(func() error { f.run(gctx); return nil })
	}
	_ = g.Wait() // no errors, but perhaps a panic
	if hold := c.HoldUntil; hold > 0 && r.anyOpen() {
		_ = r.sleep(ctx, hold) // an interrupted hold heals at once
	}
	err = r.healOpen()
	if ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("run schedule: %w", context.Cause(ctx)), err)
	}
	return err
}

// outlive is a context that ends so long after ctx did.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return after, func() { stop(); cancel() }
}

// runner is one schedule on its way.
type runner struct {
	Config
	// ends is when healing must be over: a while after the run was interrupted.
	ends   context.Context
	sched  Schedule
	nodes  []history.Node
	faults []*fault
	links  *matrix
	seen   *tracker
	dead   *marks // processes that were killed or stopped
	frozen *marks // processes that were paused

	mu   sync.Mutex // guards every fault's rec, and Record
	errs []error
}

func newRunner(c Config) *runner {
	if c.EventTimeout == 0 {
		c.EventTimeout = defaultEventTimeout
	}
	if c.HealTime == 0 {
		c.HealTime = defaultHealTime
	}
	r := &runner{Config: c, sched: c.Schedule, nodes: c.Cluster.Nodes(), dead: newMarks(), frozen: newMarks()}
	r.links = newMatrix(c.Cluster, r.nodes, c.Clock)
	r.seen = newTracker(r.nodes)
	list := r.sched.list()
	for _, n := range list {
		f := &fault{numbered: n, r: r, begun: make(chan struct{}), healed: make(chan struct{}), base: r.sched.before(list, n)}
		f.rec = history.Fault{ID: n.id, Kind: string(n.action.Kind), Text: n.action.String(), When: n.when.String(),
			Permanent: !n.action.heals()}
		r.faults = append(r.faults, f)
	}
	return r
}

// update changes a fault's record and hands it on.
func (r *runner) update(f *fault, change func(*history.Fault)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&f.rec)
	if r.Record != nil {
		r.Record(f.rec)
	}
}

func (r *runner) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}

func (r *runner) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// sleep waits for a moment on the run's clock.
func (r *runner) sleep(ctx context.Context, until int64) error {
	d := time.Duration(until - r.Clock())
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *runner) anyOpen() bool {
	for _, f := range r.faults {
		if f.open() && f.action.heals() {
			return true
		}
	}
	return false
}

// healOpen heals what is still broken: the network first, so that what runs again finds its peers, then frozen and dead processes,
// roles last.
func (r *runner) healOpen() error {
	order := func(a Action) int {
		switch {
		case a.network():
			return 0
		case a.Kind == KindReplicaOf, a.ofCluster():
			return 2
		}
		return 1
	}
	for stage := range 3 {
		var wg guard.WaitGroup
		for _, f := range r.faults {
			if f.open() && f.action.heals() && order(f.action) == stage {
				wg.Go(f.heal)
			}
		}
		wg.Wait()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// poll asks until done says yes or the time is over; the error then says what was waited for, and the last error of done.
func poll(ctx context.Context, every, within time.Duration, what string, done func(ctx context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("%s within %s: %w", what, span(within), err)
		}
	}
}
