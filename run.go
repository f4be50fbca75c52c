package schism

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/wire"
)

// Outcome is what a run came to.
type Outcome struct {
	Dir      string // the run's folder
	Report   string // path of its page, by the latest link
	Run      *history.Run
	Result   *result.Result
	Analysis *result.Analysis
	History  *history.History
	Took     time.Duration
	// Left is why something that the run had started could not be removed; the next start tries again. nil: nothing is left.
	Left error
}

// run is one run in progress.
type run struct {
	opts   Options
	plan   plan
	meta   *history.Run
	folder *folder
	w      *history.Writer
	live   *history.Live
	d      *topology.Deployment
	logs   *logFiles
	// clock is the run's, ns, where there is no deployment that has one.
	clock func() int64

	stood atomic.Int64 // the longest that the harness itself stood still, ns

	mu    sync.Mutex
	errs  []error      // what went wrong while writing the history
	panic *guard.Panic // the first, if any
}

// Run runs the scenario and returns what it came to. The error is a *Problem where the user or the surroundings are at fault;
// with an Outcome beside it, the run was interrupted and its report is marked incomplete.
func Run(ctx context.Context, s scenarios.Scenario, o Options) (*Outcome, error) {
	began := time.Now()
	o = o.withDefaults()
	if err := s.Validate(); err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	p, err := o.apply(s)
	if err != nil {
		return nil, err
	}
	// What the schedule leaves to chance is drawn here and nowhere else: run.json holds what ran.
	p.Faults = p.Faults.Draw(rand.New(rand.NewSource(o.Seed)))
	if err := o.changeFaults(&p); err != nil {
		return nil, err
	}
	r := &run{opts: o, plan: p, live: history.NewLive()}
	var out *Outcome
	err = guard.Do(func() (err error) {
		if err = r.prepare(ctx, began); err == nil {
			out, err = r.execute(ctx)
		}
		return err
	})
	if r.folder != nil {
		err = r.evidence(out, err)
	}
	if out != nil {
		out.Took = time.Since(began)
	}
	return out, err
}

// execute starts the topology, runs the scenario in it and judges what was recorded.
func (r *run) execute(ctx context.Context) (*Outcome, error) {
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.unstarted(err))
	}
	stopStalls := r.measureStalls()
	runErr := r.carry(func() error { return r.scenario(ctx) })
	if runErr != nil {
		stopStalls() // so that it is known how long the harness itself stood still
		if lost := r.whyLost(ctx); lost != nil {
			runErr, r.meta.Lost = lost, true
		}
		stopStalls = r.measureStalls()
	}
	if ctx.Err() != nil {
		r.meta.Incomplete = "interrupted: " + context.Cause(ctx).Error()
	}
	if runErr != nil {
		r.note("incomplete", runErr.Error())
		if r.meta.Incomplete == "" {
			r.meta.Incomplete = runErr.Error()
		}
	}
	// From here on the run is over: what follows must happen even after Ctrl-C.
	r.failed(r.carry(func() error {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), collectBudget)
		defer cancel()
		r.collect(after)
		return nil
	}))
	stopStalls()
	stopped := make(chan stopResult, 1)
	if r.opts.Keep && ctx.Err() == nil {
		stopped <- stopResult{} // the containers stay until the report is written, and then until Ctrl-C
	} else {
		go func() { stopped <- r.clean(ctx) }()
	}
	out, err := r.conclude(stopped)
	if r.opts.Keep && ctx.Err() == nil {
		r.progress("keep", "the containers of run "+r.meta.ID+" stay until Ctrl-C")
		<-ctx.Done()
		return r.leave(out, err, r.clean(ctx))
	}
	if err == nil && ctx.Err() != nil {
		err = &Problem{Exit: ExitError, Text: "interrupted; the report is incomplete", Err: context.Cause(ctx)}
	}
	return out, err
}

// stopResult is how stopping the containers went.
type stopResult struct {
	took time.Duration
	left error // what could not be removed
	err  error // what the run lacks for it
}

func (s stopResult) all() error { return errors.Join(s.left, s.err) }

// whyLost says what took a node away: one of the surroundings, or that the harness itself stood still for so long that the agents took
// it for dead; nil when none was.
func (r *run) whyLost(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), collectBudget)
	defer cancel()
	err := r.d.WhyLost(ctx)
	if stood := time.Duration(r.stood.Load()); err != nil && stood >= wire.IdleLimit {
		return fmt.Errorf("the harness stood still for %s, and an agent that hears nothing for %s ends: %w", stood.Round(time.Second), wire.IdleLimit, err)
	}
	return err
}

// clean removes the containers, on a budget of its own.
func (r *run) clean(ctx context.Context) (s stopResult) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanBudget)
	defer cancel()
	if err := r.carry(func() error { s = r.stop(ctx); return nil }); err != nil {
		s.err = errors.Join(s.err, err)
	}
	return s
}

// leave notes what cleaning left behind. It takes nothing from what was seen: the verdict stands.
func (r *run) leave(out *Outcome, err error, s stopResult) (*Outcome, error) {
	if out == nil {
		return nil, errors.Join(err, s.all())
	}
	out.Left = s.left
	return out, errors.Join(err, s.err)
}

// conclude closes the history, judges it and writes the page, while the containers stop.
func (r *run) conclude(stopped <-chan stopResult) (*Outcome, error) {
	var out *Outcome
	err := r.carry(func() (err error) {
		if err = r.closeHistory(); err == nil {
			out, err = r.judge()
		}
		return err
	})
	stop := <-stopped
	if err != nil {
		return nil, errors.Join(err, stop.all())
	}
	r.meta.Costs["stop"] = stop.took.Nanoseconds()
	if err = r.carry(func() error { return r.publish(out) }); err != nil {
		out.Report = "" // there may be none
	}
	return r.leave(out, err, stop)
}

// scenario drives the load and the faults, then brings everything to rest and reads it.
func (r *run) scenario(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	var watch guard.WaitGroup
	watch.Go(func() {
		select {
		case <-r.d.Lost(): // nothing that comes after it is worth waiting for
			stop(r.d.LostErr())
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer stop(nil)
	loadStart, err := r.startLoad(ctx)
	if err != nil {
		return err
	}
	faultErr := r.faults(ctx, loadStart)
	loadErr := r.endLoad(ctx)
	if err := errors.Join(faultErr, loadErr); err != nil || ctx.Err() != nil {
		return cmp.Or(err, r.d.LostErr())
	}
	r.progress("barrier", "waiting for one master and level replicas, then reading every node")
	// A barrier that did not hold is no failure of the run: the history says it, and the verdict is unknown.
	_ = r.barrier(ctx)
	return nil
}

// faults runs the schedule to its end and keeps the load up for as long as the plan wants.
func (r *run) faults(ctx context.Context, loadStart int64) error {
	err := nemesis.Run(ctx, nemesis.Config{
		Schedule:  r.plan.Faults,
		Cluster:   r,
		Live:      r.live,
		Clock:     r.now,
		LoadStart: loadStart,
		HealTime:  healBudget,
		HoldUntil: loadStart + r.plan.Load.Nanoseconds(),
		Record:    func(f history.Fault) { r.append(&history.Batch{Faults: []history.Fault{f}}) },
		Progress:  func(text string) { r.progress("load", text) },
	})
	if err != nil {
		return fmt.Errorf("run faults: %w", err)
	}
	until := loadStart + r.plan.Load.Nanoseconds()
	if len(r.plan.Faults) > 0 {
		until = max(until, r.now()+r.plan.Settle.Nanoseconds())
	}
	r.keepLoad(ctx, until)
	return nil
}

// keepLoad lets the clients go on until the moment on the run's clock.
func (r *run) keepLoad(ctx context.Context, until int64) {
	t := time.NewTimer(time.Duration(until - r.now()))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Nodes implements nemesis.Cluster.
func (r *run) Nodes() []history.Node { return r.meta.Nodes }

// Call implements nemesis.Cluster.
func (r *run) Call(ctx context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error) {
	return r.d.Nodes[node].Conn.Call(ctx, op, args, out)
}

func (r *run) call(ctx context.Context, node int32, op wire.Op, args, out any) (wire.Stamps, error) {
	return r.Call(ctx, int(node), op, args, out)
}

// now is the present moment on the run's clock, ns.
func (r *run) now() int64 {
	if r.clock != nil {
		return r.clock()
	}
	if r.d == nil {
		return 0 // it did not start
	}
	now, _ := r.d.Nodes[0].Conn.Now()
	return now
}

// append records a batch of the harness's own.
func (r *run) append(b *history.Batch) {
	r.live.Observe(b)
	r.failed(r.w.AppendBatch(b))
}

func (r *run) phase(name, text string) {
	r.append(&history.Batch{Events: []history.Event{{Node: history.NoNode, T: r.now(), Kind: history.EvPhase, Name: name, Text: text}}})
}

func (r *run) note(name, text string) {
	r.append(&history.Batch{Events: []history.Event{{Node: history.NoNode, T: r.now(), Kind: history.EvNote, Name: name, Text: text}}})
}

// failed keeps an error of writing for the verdict.
func (r *run) failed(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *run) progress(phase, text string) { r.opts.Progress(Progress{Phase: phase, Text: text}) }

// servers are the numbers of all servers; deployed leaves out those that are not part of the replication setup.
func (r *run) servers() []int32 {
	return r.nodesOf(func(n history.Node) bool { return n.Kind == history.Server })
}

func (r *run) deployed() []int32 {
	return r.nodesOf(func(n history.Node) bool { return n.Kind == history.Server && !n.Stranger })
}

func (r *run) nodesOf(want func(history.Node) bool) []int32 {
	var out []int32
	for i, n := range r.meta.Nodes {
		if want(n) {
			out = append(out, int32(i))
		}
	}
	return out
}

// data is v as JSON; what a scenario holds can always be written down.
func data(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("scenario cannot be written down: %v", err))
	}
	return b
}
