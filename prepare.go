package schism

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/images"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/wire"
	"github.com/schismtest/schism/workloads"
)

// watchInterval is how often each server is sampled; two samples are needed for most moments to be known within 50 ms.
const watchInterval = 25 * time.Millisecond

// prepare gets what the run needs before anything starts, and writes run.json.
func (r *run) prepare(ctx context.Context, began time.Time) error {
	r.plan.Spec.Caps = append(r.plan.Spec.Caps, nemesis.Required(r.plan.Faults)...)
	name := r.opts.Server
	if r.opts.Image != "" {
		name = r.opts.Image
	}
	if err := r.opts.checkServer(); err != nil {
		return err
	}
	if err := agentbin.CheckNamed(); err != nil {
		return surroundings(err)
	}
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw run id: %w", err)
	}
	f, err := createFolder(r.opts.Artifacts, r.plan.Name, name, began, r.opts.Seed)
	if err != nil {
		return err
	}
	r.folder = f
	r.meta = &history.Run{Schema: history.RunSchema, ID: hex.EncodeToString(id), Scenario: r.plan.Name, Why: r.plan.Why, Server: name,
		Seed: r.opts.Seed, Night: r.opts.Night, NightURL: r.opts.NightURL, Started: began.UTC().Format(time.RFC3339), Command: r.opts.command(r.plan.Name), Test: r.opts.testCommand(), Duration: r.plan.Load.Nanoseconds(),
		Topology: data(r.plan.Spec), Workload: data(r.plan.Work), Schedule: data(r.plan.Faults), Promises: data(r.plan.Promises), Shows: data(r.plan.Shows),
		Setup: r.setup(), Replaced: r.plan.Replaced, Costs: map[string]int64{}}
	w, err := history.Create(f.dir, r.meta)
	if err != nil {
		return err
	}
	r.w = w
	return nil
}

// setup says for people what was asked for.
func (r *run) setup() []history.KV {
	kv := []history.KV{{K: "topology", V: r.plan.Spec.String()}, {K: "workload", V: workText(r.plan.Work.WithDefaults())}}
	for i, line := range r.plan.Faults.Describe() {
		kv = append(kv, history.KV{K: fmt.Sprintf("fault %d", i+1), V: line})
	}
	if who := r.plan.user.User; who != "" {
		kv = append(kv, history.KV{K: "clients log in as", V: who})
	} else if r.plan.Spec.AsksLogin() {
		kv = append(kv, history.KV{K: "clients log in as", V: "the agents' user, which may do everything"})
	}
	return kv
}

// start brings the topology up with agents, observers and all.
func (r *run) start(ctx context.Context) (err error) {
	r.progress("prepare", "looking for the image and the agent")
	var image images.Image
	var agent agentbin.Agent
	g, gctx := guard.WithContext(ctx)
	g.Go(func() (err error) {
		image, err = r.image(gctx)
		return err
	})
	g.Go(func() (err error) {
		agent, err = topology.FindAgent(gctx)
		return err
	})
	if err := g.Wait(); err != nil {
		return surroundings(err)
	}
	if err := topology.Sweep(ctx); err != nil {
		return surroundings(err)
	}
	r.meta.Image, r.meta.ImageID = image.Ref, image.ID
	build := buildOf(agent)
	r.meta.Schism = &build
	r.logs, err = openLogs(filepath.Join(r.folder.dir, logFolder), r.plan.Spec.NodeName)
	if err != nil {
		return err
	}
	if len(r.plan.Replaced) > 0 {
		r.progress("prepare", replacedText(r.plan.Replaced))
	}
	r.progress("start", r.plan.Spec.String())
	t := time.Now()
	r.d, err = topology.Start(ctx, topology.Options{Spec: r.plan.Spec, Image: topology.Image{Ref: image.Ref, Binary: image.Binary}, RunID: r.meta.ID, Seed: r.opts.Seed, AgentPath: agent.Path,
		Check:    r.checkVersion,
		LockFile: r.folder.lock.Name(), OnRecords: r.onRecords, OnLog: r.onLog, OnLost: r.onLost})
	if err != nil {
		return errors.Join(surroundings(err), r.logs.Close())
	}
	r.meta.Costs["start"] = time.Since(t).Nanoseconds()
	for _, n := range r.d.Nodes {
		r.meta.Nodes = append(r.meta.Nodes, n.Node)
	}
	r.meta.Slots = r.plan.Spec.Slots()
	r.readSettings(ctx)
	r.meta.Host = append(hostFacts(build), r.d.Facts()...)
	if err := r.w.SaveRun(r.meta); err != nil {
		return errors.Join(err, r.clean(ctx).all())
	}
	if err := r.watch(ctx, watchInterval); err != nil {
		return errors.Join(err, r.clean(ctx).all())
	}
	return nil
}

// checkVersion refuses servers that do not know what the clients send.
func (r *run) checkVersion(v topology.Version) error {
	if r.plan.Work.WaitAOF == (workloads.WaitAOF{}) {
		return nil
	}
	return knowsWaitAOF(v.String(), v)
}

// watch starts the observers; interval 0 stops them.
func (r *run) watch(ctx context.Context, interval time.Duration) error {
	g, ctx := guard.WithContext(ctx)
	for i, n := range r.meta.Nodes {
		if n.Kind == history.Worker {
			continue
		}
		g.Go(func() error {
			_, err := r.Call(ctx, i, wire.OpWatch, wire.WatchArgs{IntervalMS: interval.Milliseconds(), Sentinel: n.Kind == history.Sentinel, Cluster: r.d.ClusterIDs(),
				Fsyncs: n.Kind == history.Server && r.plan.Work.WaitAOF != (workloads.WaitAOF{})}, nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("watch servers: %w", err)
	}
	return nil
}

// measureStalls records how the harness itself is held up, until what it returns is called.
func (r *run) measureStalls() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var g guard.WaitGroup
	g.Go(func() {
		observer.Stalls(ctx, r.now, func(b *history.Batch) {
			for _, e := range b.Events {
				r.stood.Store(max(r.stood.Load(), e.Dur))
			}
			r.append(b)
		})
	})
	return func() {
		cancel()
		g.Wait()
	}
}

// onRecords takes an agent's batch: to the file first, then to whoever waits for an event.
func (r *run) onRecords(_ int32, payload []byte, _ uint64) {
	r.failed(r.carry(func() error {
		r.failed(r.w.Append(payload))
		b, err := history.DecodeBatch(payload)
		if err == nil {
			r.live.Observe(b)
		}
		return err
	}))
}

func (r *run) onLost(node int32, text string) {
	r.failed(r.w.AppendBatch(&history.Batch{Events: []history.Event{{Node: node, Kind: history.EvNote, Name: history.NoteLost, Text: text}}}))
}

// collect takes home what the containers hold: the last samples, the configs.
func (r *run) collect(ctx context.Context) {
	if err := r.watch(ctx, 0); err != nil {
		r.note("incomplete", err.Error())
		if r.meta.Incomplete == "" {
			r.meta.Incomplete = "the servers' last samples did not come: " + oneLine(err)
		}
	}
	dir := filepath.Join(r.folder.dir, confFolder)
	r.failed(os.MkdirAll(dir, 0o755))
	for name, text := range r.d.Configs() {
		r.failed(os.WriteFile(filepath.Join(dir, name+".conf"), []byte(text), 0o600))
	}
}

// stop removes the containers and closes the servers' logs.
func (r *run) stop(ctx context.Context) stopResult {
	t := time.Now()
	left := r.d.Stop(ctx)
	return stopResult{time.Since(t), left, r.logs.Close()}
}

// closeHistory ends the file; what failed while writing it makes the run an error.
func (r *run) closeHistory() error {
	r.mu.Lock()
	errs := slices.Clone(r.errs)
	r.mu.Unlock()
	for _, err := range errs {
		r.onLost(history.NoNode, err.Error())
	}
	err := r.w.SaveRun(r.meta)
	if err != nil {
		r.onLost(history.NoNode, err.Error()) // an old run.json does not say all that is to be known of this history
	}
	return errors.Join(err, r.w.Close())
}

// unstarted closes the history of a run whose servers did not come up.
func (r *run) unstarted(why error) error {
	if !recorded(r.folder.dir) {
		return r.w.Close()
	}
	r.meta.Incomplete = "it did not start: " + oneLine(why)
	r.note("incomplete", r.meta.Incomplete)
	return r.closeHistory()
}

// image finds the server's image.
func (r *run) image(ctx context.Context) (images.Image, error) {
	return images.Ensure(ctx, r.opts.Server, r.opts.Image, topology.Labels(r.meta.ID, r.folder.lock.Name()), func(s string) { r.progress("prepare", s) })
}

// checkServer refuses a -server that is not on the list before anything is made.
func (o Options) checkServer() error {
	if o.Image != "" {
		return surroundings(images.CheckName(o.Image))
	}
	if _, err := images.Find(o.Server); err != nil {
		return surroundings(err)
	}
	return nil
}

// onLog keeps a piece of a server's output.
func (r *run) onLog(node int32, chunk []byte) {
	r.logs.write(node, chunk)
}

// workText says what the clients do.
func workText(w workloads.Spec) string {
	text := fmt.Sprintf("%s, %d %s and %d %s", w.Kind, w.Writers, plural(w.Writers, "writer"), w.Readers, plural(w.Readers, "reader"))
	if w.Readers > 0 && w.ReadFrom != "" {
		text += " from " + map[workloads.ReadFrom]string{workloads.Master: "the master", workloads.Replicas: "replicas", workloads.Both: "master and replicas", workloads.Nowhere: "nowhere"}[w.ReadFrom]
	}
	if w.Wait > 0 {
		text += fmt.Sprintf(", each write followed by WAIT %d %d", w.Wait, w.WaitTimeout.Milliseconds())
	}
	if w.WaitAOF != (workloads.WaitAOF{}) {
		text += fmt.Sprintf(", each write followed by WAITAOF %d %d %d", w.WaitAOF.Local, w.WaitAOF.Replicas, w.WaitTimeout.Milliseconds())
	}
	if w.Closed {
		return text + ", as fast as replies come"
	}
	return text + fmt.Sprintf(", %d op/s", w.Rate)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// hostFacts say where the run ran.
func hostFacts(b history.Build) []history.KV {
	return []history.KV{{K: "harness", V: fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())},
		{K: "schism", V: buildText(b)}, {K: "agent", V: agentText(b)}}
}
