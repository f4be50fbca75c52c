package workloads

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/history"
)

const (
	// batchEvery is well below the 100 ms that a reader of the history may rely on.
	batchEvery = 80 * time.Millisecond
	// leaveFor is for how long elements are put on queues and streams after their consumers have stopped, so that some are left.
	leaveFor = 500 * time.Millisecond
	// retryAfter is the least time between an attempt that failed and the next one of the same client.
	retryAfter = int64(20 * time.Millisecond)
	// processBits is how many of a process number's low bits count the processes of one worker.
	processBits = 22
)

// Runner runs one worker's clients.
type Runner struct {
	job   Job
	clock func() int64
	emit  func(*history.Batch)
	dial  func(context.Context, clients.Options) (clients.Client, error)
	setup func(context.Context, clients.Options, [][]any) error

	keys   keyTable
	slots  []*slot
	extras int // slots beside the load's writers and readers

	mu        sync.Mutex
	processes int32
}

// NewRunner makes a runner ready to be prepared. Clock is the run's, in ns; it is read twice an operation, so it must be cheap. Emit gets a batch at least every 100 ms while it runs, from
// one goroutine; the batch is then emit's own, to number and to send.
func NewRunner(job Job, clock func() int64, emit func(*history.Batch)) (*Runner, error) {
	if err := job.Spec.Validate(); err != nil {
		return nil, err
	}
	job.Spec = job.Spec.WithDefaults()
	if job.Master == "" && len(job.Sentinels) == 0 && len(job.Cluster) == 0 {
		return nil, errors.New("workload: the job names neither a master nor sentinels")
	}
	if s := &job.Spec; job.FirstWriter < 0 || job.FirstReader < 0 || job.FirstWriter+job.Writers > s.Writers || job.FirstReader+job.Readers > s.Readers {
		return nil, fmt.Errorf("workload: writers %d+%d of %d and readers %d+%d of %d: a worker's part is larger than the whole",
			job.FirstWriter, job.Writers, s.Writers, job.FirstReader, job.Readers, s.Readers)
	}
	if (job.Prefix != "" || job.TTL > 0) && job.Spec.Kind != Register {
		return nil, fmt.Errorf("workload: a prefix and a time to live are of registers only, not of %s", job.Spec.Kind)
	}
	r := &Runner{job: job, clock: clock, emit: emit, dial: clients.Dial, setup: clients.Setup,
		keys: keyTable{prefix: job.Prefix, tagged: len(job.Cluster) > 0 && job.Spec.pairs(), turns: newTurns(job.Slots, job.Prefix)}}
	r.plan()
	return r, nil
}

// Prepare makes what the load needs to exist, where this is the first worker, and connects all clients.
func (r *Runner) Prepare(ctx context.Context) error {
	if r.job.WorkerIndex == 0 {
		opt := r.job.options()
		opt.Addr = r.job.master()
		if err := r.setup(ctx, opt, r.prepares()); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, s := range r.slots {
		g.Go(func() error {
			c, err := r.dial(ctx, s.opt)
			if err != nil {
				return fmt.Errorf("prepare client %d: %w", s.client, err)
			}
			s.conn = c
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		r.close()
		return err
	}
	return nil
}

// Keys are the names of all keys that the runner reads and writes.
func (r *Runner) Keys() []string { return r.keys.names() }

func (r *Runner) close() {
	for _, s := range r.slots {
		if s.conn != nil {
			s.conn.Close()
			s.conn = nil
		}
	}
}

// Run issues operations until ctx ends, waits for those in flight, and emits the last batch. Where there are consumers, all others go
// on for leaveFor after them. It may run once.
func (r *Runner) Run(ctx context.Context) error {
	for _, s := range r.slots {
		if s.conn == nil {
			return errors.New("run workload: it is not prepared")
		}
		s.process = r.newProcess()
	}
	start := r.clock()
	var g errgroup.Group
	others, cancel := ctx, context.CancelFunc(func() {})
	if r.job.Spec.consumes() {
		others, cancel = outlasting(ctx, leaveFor)
	}
	defer cancel()
	for _, s := range r.slots {
		until := others
		if s.consumes {
			until = ctx
		}
		g.Go(func() error {
			s.run(until, start)
			return nil
		})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(batchEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.emit(r.batch(false))
			case <-stop:
				return
			}
		}
	}()
	err := g.Wait()
	close(stop)
	<-stopped
	r.emit(r.batch(true))
	r.close()
	return err
}

// outlasting is a context that ends so long after ctx has ended.
func outlasting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(d, cancel)
		<-longer.Done()
		t.Stop()
	})
	return longer, func() {
		stop()
		cancel()
	}
}

func (r *Runner) newProcess() int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.processes++
	return r.job.WorkerNode<<processBits | r.processes
}

// batch takes what ended since the last one. T is read first: whatever returned before it was noted under its slot's lock before
// the lock is taken here, and whatever was called before it is noted there too, as ended or as in flight, since a slot reads the
// clock while it holds its lock. T is rounded down to the whole microseconds of all other times.
func (r *Runner) batch(final bool) *history.Batch {
	t := r.clock()
	b := &history.Batch{Watermark: &history.Watermark{T: t - t%1000, Final: final}}
	idx := r.keys.batch()
	taken := make([][]history.Op, len(r.slots))
	n := 0
	for i, s := range r.slots {
		s.mu.Lock()
		done := s.done
		s.done = s.spare[:0]
		flying, busy := s.flying, s.busy
		s.mu.Unlock()
		taken[i], n = done, n+len(done)
		if busy {
			flying.Key = idx.of(flying.Key)
			flying.Node = s.conn.Node()
			flying.Call -= flying.Call % 1000
			flying.Intended -= flying.Intended % 1000
			b.Watermark.InFlight = append(b.Watermark.InFlight, flying)
		}
	}
	b.Ops = make([]history.Op, 0, n)
	for i, s := range r.slots {
		b.Ops = append(b.Ops, taken[i]...)
		clear(taken[i]) // lists belong to the batch now
		s.spare = taken[i]
	}
	for i := range b.Ops {
		b.Ops[i].Key = idx.of(b.Ops[i].Key)
		history.RoundOut(&b.Ops[i])
	}
	b.Keys = idx.names
	return b
}

// slot is one client: a sequence of processes, each of which ends with an operation of unknown outcome.
type slot struct {
	r      *Runner
	client int32
	opt    clients.Options
	act    actor
	when   arrivals
	conn   clients.Client
	// consumes: it takes elements off, and stops before the others do.
	consumes bool

	process int32      // of the goroutine that runs the slot
	op      history.Op // the same: the operation under way
	spare   []history.Op

	mu     sync.Mutex
	done   []history.Op
	flying history.InFlight
	busy   bool // flying is a write in flight
}

// actor decides what a client does.
type actor interface {
	// next fills in what the next operation does: F, In, Arg, List, Flags.
	next(op *history.Op) *key
	// done is told how it ended.
	done(op *history.Op)
}

// arrivals decides when.
type arrivals interface {
	// wait returns when the next operation is due, with the time it was wanted at; 0: as soon as possible. False: no more.
	wait(ctx context.Context, start int64) (intended int64, more bool)
}

func (s *slot) run(ctx context.Context, start int64) {
	sleep := newSleeper(s.r.clock)
	defer sleep.stop()
	for ctx.Err() == nil {
		intended, more := s.when.wait(ctx, start)
		if !more {
			return
		}
		op := &s.op
		*op = history.Op{Process: s.process, Client: s.client, Worker: s.r.job.WorkerNode, Node: history.NoNode,
			In: history.None, Arg: history.None, Out: history.None, Acked: -1, Intended: intended}
		k := s.act.next(op)
		op.Key = k.id
		s.issue(op, k)
		s.act.done(op)
		if op.Outcome == history.Info {
			s.process = s.r.newProcess()
		}
		if op.Outcome != history.OK && op.Err != history.ErrWatched {
			sleep.until(ctx, op.Call+retryAfter)
		}
	}
}

// issue stamps, runs and notes an operation. The stamps are read under the lock; batch relies on it.
func (s *slot) issue(op *history.Op, k *key) {
	s.mu.Lock()
	op.Call = s.r.clock()
	if op.Intended == 0 {
		op.Intended = op.Call
	}
	if op.F.IsWrite() {
		s.busy = true
		s.flying = history.InFlight{Process: op.Process, Client: op.Client, F: op.F, Key: op.Key, In: op.In, Arg: op.Arg,
			Intended: op.Intended, Call: op.Call, List: op.List, Flags: op.Flags}
	}
	s.mu.Unlock()
	// Not the run's context: an operation in flight when the load ends is waited for.
	s.conn.Do(context.Background(), k.name, op)
	s.mu.Lock()
	op.Return = s.r.clock()
	s.busy = false
	noted := *op
	if op.Outcome == history.Info {
		noted.Return = history.Inf
	}
	s.done = append(s.done, noted)
	s.mu.Unlock()
}

// rng is the random source of one client.
func (r *Runner) rng(client int32) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(r.job.Seed), uint64(client)))
}
