package schism

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/attach"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/internal/monotime"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/workloads"
)

const (
	attachName = "attach"
	attachWhy  = "A setup that somebody else runs was watched from outside; nothing in it was broken."
	// statusEvery is how often who watches is told, growEvery how often a master is asked for replicas that are new.
	statusEvery = time.Second
	growEvery   = 5 * time.Second
	// lastLooks are how many looks follow the end of the watch: what came before it is bounded by a look after it.
	lastLooks = 3
)

// attachment is a look at somebody else's setup, while it goes on.
type attachment struct {
	run

	o      AttachOptions
	again  string // the line that watches the same
	target *attach.Target
	setup  *attach.Setup // changed by grow alone
	worker int32         // number of the load's worker; history.NoNode without a load
	rec    *attach.Recorder
	meter  *attach.Meter

	nodesMu  sync.Mutex
	byAddr   map[string]int32 // by every address that the setup uses: number in Run.Nodes
	watchers guard.WaitGroup
	keys     []string // that the load may have written
}

// Attach watches a setup that somebody else started until its time is over or ctx ends, which is no failure, and judges what was seen. It
// injects no fault, and without AttachOptions.Load it writes nothing. The error is a *Problem.
func Attach(ctx context.Context, o AttachOptions) (*Outcome, error) {
	began := time.Now()
	again := o.command()
	o = o.withDefaults()
	promises, err := withOwn(nil, o.Promises)
	if err != nil {
		return nil, err
	}
	target, err := o.target()
	if err != nil {
		return nil, err
	}
	a := &attachment{o: o, again: again, target: target, meter: attach.NewMeter(), worker: history.NoNode, byAddr: map[string]int32{}}
	a.run = run{opts: Options{Artifacts: o.Artifacts, Seed: o.Seed, Progress: o.Progress}, live: history.NewLive()}
	var out *Outcome
	err = guard.Do(func() (err error) {
		a.progress("find", "looking for the setup's servers")
		if a.setup, err = attach.Discover(ctx, target); err != nil {
			return attachProblem(err)
		}
		if err = a.begin(ctx, began, promises); err != nil {
			return err
		}
		out, err = a.execute(ctx)
		return err
	})
	if a.folder != nil {
		err = a.evidence(out, err)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = &Problem{Exit: ExitError, Text: "interrupted before anything was watched", Err: err}
	}
	if out != nil {
		out.Took = time.Since(began)
	}
	return out, err
}

// begin makes the run's folder and says in it what is watched.
func (a *attachment) begin(ctx context.Context, began time.Time, promises []result.Promise) error {
	base := monotime.Now()
	a.clock = func() int64 { return monotime.Now() - base }
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw run id: %w", err)
	}
	first := a.setup.Nodes[0]
	server := first.Family + ":" + first.Version
	about := buildOf(agentbin.Agent{})
	a.meta = &history.Run{Schema: history.RunSchema, ID: hex.EncodeToString(id), Scenario: attachName, Why: attachWhy, Server: server, Seed: a.o.Seed,
		Started: began.UTC().Format(time.RFC3339), Command: a.again, Duration: a.o.For.Nanoseconds(), Promises: data(promises), Slots: a.setup.Slots,
		Schism: &about, Host: hostFacts(about)[:2], Costs: map[string]int64{}, Attached: &history.Attached{Uncovered: a.setup.Uncovered}}
	for _, n := range a.setup.Nodes {
		a.adopt(n)
	}
	a.settings(ctx)
	if a.o.Load {
		a.tryLoad(ctx)
	}
	for _, note := range a.setup.Notes {
		a.progress("find", note)
	}
	for _, why := range a.meta.Attached.Uncovered {
		a.progress("find", "not covered: "+why)
	}
	a.meta.Setup = a.describe()
	f, err := createFolder(a.o.Artifacts, attachName, server, began, a.o.Seed)
	if err != nil {
		return err
	}
	a.folder = f
	a.w, err = history.Create(f.dir, a.meta)
	a.rec = &attach.Recorder{Sink: a.take}
	return err
}

// adopt gives a node of the setup its number in the history.
func (a *attachment) adopt(n attach.Node) int32 {
	a.nodesMu.Lock()
	defer a.nodesMu.Unlock()
	i := int32(len(a.meta.Nodes))
	a.meta.Nodes = append(a.meta.Nodes, n.Node)
	for _, addr := range n.Addrs {
		a.byAddr[addr] = i
	}
	return i
}

// canonical is the address that the history knows a node by.
func (a *attachment) canonical(addr string) string {
	a.nodesMu.Lock()
	defer a.nodesMu.Unlock()
	if i, ok := a.byAddr[addr]; ok {
		return a.meta.Nodes[i].Addr
	}
	return addr
}

// take writes a batch down, and shows it to whoever looks.
func (a *attachment) take(b *history.Batch) {
	a.failed(a.carry(func() error {
		err := a.w.Append(history.EncodeBatch(nil, b))
		a.live.Observe(b)
		a.meter.Observe(b)
		return err
	}))
}

// settings asks the servers what is in effect there. Who may not ask is not told.
func (a *attachment) settings(ctx context.Context) {
	for i, n := range a.setup.Nodes {
		if n.Kind != history.Server {
			if err := attach.Subscribes(ctx, &n, a.target.SentinelAccess); err != nil {
				a.uncover("the events of the sentinel %s: %s", n.Name, oneLine(err))
			}
			continue
		}
		kv, err := attach.Settings(ctx, &n, a.target.Access, settingNames(true))
		if err != nil {
			a.uncover("the settings of %s: %s", n.Name, oneLine(err))
			continue
		}
		a.meta.Nodes[i].Settings = kv
	}
}

func (a *attachment) uncover(format string, args ...any) {
	a.meta.Attached.Uncovered = append(a.meta.Attached.Uncovered, words.Line(fmt.Sprintf(format, args...)))
}

// describe says for people what is watched, and how.
func (a *attachment) describe() []history.KV {
	kv := []history.KV{{K: "watched", V: a.found()}}
	for _, note := range a.setup.Notes {
		kv = append(kv, history.KV{K: "found", V: note})
	}
	kv = append(kv, history.KV{K: "looks", V: "at each node every " + a.o.Every.String() + ", over the network"}, history.KV{K: "logged in as", V: a.target.Access.String()})
	if a.meta.Attached.Load {
		return append(kv, history.KV{K: "workload", V: workText(a.work().WithDefaults()) + "; keys " + a.meta.Attached.Prefix + "*, which live for " + a.o.life().String()})
	}
	return append(kv, history.KV{K: "workload", V: "none: nothing was written"})
}

// found counts the nodes by kind.
func (a *attachment) found() string {
	n := map[history.Role]int{}
	for _, node := range a.setup.Nodes {
		n[node.Role]++
	}
	var parts []string
	for _, r := range []history.Role{history.RoleMaster, history.RoleReplica, history.RoleSentinel} {
		if n[r] > 0 {
			parts = append(parts, words.Plural(int64(n[r]), string(r), string(r)+"s"))
		}
	}
	return words.List(parts)
}

// execute watches, ends the load, reads what it left, and judges.
func (a *attachment) execute(ctx context.Context) (*Outcome, error) {
	stopStalls := a.measureStalls()
	after := context.WithoutCancel(ctx) // what follows the watch happens after Ctrl-C too
	watching, stop := context.WithCancel(after)
	cfg := attach.WatchConfig{Target: a.target, MasterName: a.setup.MasterName, IDs: a.setup.IDs, Interval: a.o.Every, Clock: a.clock, Canonical: a.canonical, Record: a.rec.Record}
	for i, n := range a.setup.Nodes {
		a.watchers.Go(func() { attach.Watch(watching, int32(i), n, cfg) })
	}
	err := a.carry(func() error { return a.watchFor(ctx, watching, cfg) })
	if err != nil {
		a.note("incomplete", err.Error())
		a.meta.Incomplete = oneLine(err)
	}
	stop()
	err = errors.Join(err, a.carry(func() error { a.watchers.Wait(); return nil }))
	a.remove(after)
	stopStalls()
	stopped := make(chan stopResult, 1)
	stopped <- stopResult{}
	out, cerr := a.conclude(stopped)
	return out, errors.Join(err, cerr)
}

// watchFor lets the watch, and the load if there is one, go on for as long as was asked.
func (a *attachment) watchFor(ctx, watching context.Context, cfg attach.WatchConfig) error {
	until := ctx
	if d := a.o.For; d > 0 || a.meta.Attached.Load {
		if d == 0 {
			d = attachMost
		}
		var cancel context.CancelFunc
		until, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	endLoad, err := a.startLoad(until)
	if err != nil {
		return err
	}
	a.progress("watch", a.found()+", until "+a.untilText())
	a.look(until, watching, cfg)
	err = endLoad()
	a.phase(history.PhaseLoadEnd, "")
	if a.meta.Attached.Load {
		a.progress("barrier", "waiting for replicas to be level, then reading the keys of the load")
		if err := a.barrier(watching); err != nil { // the history says so too
			a.uncover("what became of the writes: %s", oneLine(err))
		}
	}
	return errors.Join(err, a.lastLooks(watching))
}

func (a *attachment) untilText() string {
	if a.o.For > 0 {
		return a.o.For.String() + " are over, or Ctrl-C"
	}
	return "Ctrl-C"
}

// look tells who watches what was seen, once a second, and takes in replicas that are new, until the time is over.
func (a *attachment) look(until, watching context.Context, cfg attach.WatchConfig) {
	status, grow := time.NewTicker(statusEvery), time.NewTicker(growEvery)
	defer status.Stop()
	defer grow.Stop()
	for {
		select {
		case <-until.Done():
			return
		case <-status.C:
			a.o.Status(a.status())
		case <-grow.C:
			for _, i := range a.grow(until) {
				n := a.setup.Nodes[i]
				node := a.adopt(n)
				a.note("joined", fmt.Sprintf("%s (%s) is a replica that was not there at the start", n.Name, n.Addr))
				a.watchers.Go(func() { attach.Watch(watching, node, n, cfg) })
			}
		}
	}
}

// grow looks for replicas that are new, at every master.
func (a *attachment) grow(ctx context.Context) (added []int) {
	if a.o.Cluster {
		return nil
	}
	for i, n := range a.setup.Nodes {
		if n.Kind == history.Server && a.meter.Look(a.number(i), a.now()).Role == history.RoleMaster {
			added = append(added, attach.NewReplicas(ctx, a.target, a.setup, i)...)
		}
	}
	return added
}

// number is a node's of the setup in the history: the worker stands before those that joined later.
func (a *attachment) number(i int) int32 {
	if a.worker != history.NoNode && int32(i) >= a.worker {
		return int32(i) + 1
	}
	return int32(i)
}

// status is what was seen by now.
func (a *attachment) status() AttachStatus {
	now := a.now()
	st := AttachStatus{At: time.Duration(now)}
	st.Ops, st.OK = a.meter.Ops()
	a.nodesMu.Lock()
	nodes := slices.Clone(a.meta.Nodes)
	a.nodesMu.Unlock()
	for i, n := range nodes {
		if n.Kind != history.Worker {
			st.Nodes = append(st.Nodes, AttachNode{n.Name, n.Addr, a.meter.Look(int32(i), now)})
		}
	}
	return st
}

// lastLooks waits until every node that answers was looked at a few times more.
func (a *attachment) lastLooks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastLooks*a.o.Every+2*time.Second)
	defer cancel()
	since := a.now() + lastLooks*a.o.Every.Nanoseconds()
	_ = a.live.Wait(ctx, "the last looks", func(v *history.LiveView) bool { // those that do not answer bound nothing
		for _, s := range v.Samples {
			if s.Call < since {
				return false
			}
		}
		return true
	})
	return nil
}

// remove takes away what the load wrote, on every server that says it is master, and notes what it could not.
func (a *attachment) remove(ctx context.Context) {
	if len(a.keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, haltBudget)
	defer cancel()
	a.progress("clean", "removing the keys of the load")
	var masters []int
	a.live.Look(func(v *history.LiveView) {
		for i := range a.setup.Nodes {
			if v.Samples[a.number(i)].Role == history.RoleMaster {
				masters = append(masters, i)
			}
		}
	})
	left := ""
	if len(masters) == 0 {
		left = "no server says that it is master"
	}
	for _, i := range masters {
		n := &a.setup.Nodes[i]
		gone, err := attach.Remove(ctx, n, a.target.Access, a.keys)
		if err == nil {
			continue
		}
		left = fmt.Sprintf("%d of %d keys on %s could not be removed: %s", len(a.keys)-gone, len(a.keys), n.Name, oneLine(err))
	}
	if left != "" {
		left = words.Line(fmt.Sprintf("keys %s*: %s; they expire by themselves within %s", a.meta.Attached.Prefix, left, a.o.life()))
	}
	a.meta.Attached.Leftover = left
}

// work is what the clients of the load do.
func (a *attachment) work() workloads.Spec {
	return workloads.Spec{Kind: workloads.Register, Writers: 2, Readers: 2, ReadFrom: workloads.Both, Keys: 20, Rate: a.o.Rate, Probes: 5, ReplicaWrites: -1}
}
