package schism

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/schismtest/schism/attach"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/workloads"
)

const (
	// firstLook is how long the first look at every node is waited for before the clients begin.
	firstLook = 5 * time.Second
	// goneAfter is how long a server that does not answer is waited for before what the others hold is read without it, ns.
	goneAfter = int64(5e9)
)

// tryLoad makes the worker, where the user may write at all.
func (a *attachment) tryLoad(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attach.DefaultTimeout)
	defer cancel()
	prefix := a.o.Prefix + a.meta.ID[:8] + ":"
	key := prefix + "try"
	n := &a.setup.Nodes[0]
	switch err := attach.TryWrite(ctx, n, a.target.Access, key, a.o.life()); {
	case errors.Is(err, attach.ErrWrite):
		a.uncover("the load, so loss, outages and staleness: %s does not let it write (%s)", n.Name, oneLine(err))
		return
	case err != nil: // the run says at its end what that cost
		a.uncover("%s refuses a part of the load (%s)", n.Name, oneLine(err))
		a.keys = append(a.keys, key)
	}
	a.meta.Attached.Load, a.meta.Attached.Prefix = true, prefix
	a.meta.Workload = data(a.work())
	a.worker = a.adopt(attach.Node{Node: history.Node{Name: "w1", Kind: history.Worker, Role: history.RoleClient}})
}

// job is what the worker gets.
func (a *attachment) job() workloads.Job {
	spec := a.work().WithDefaults()
	j := workloads.Job{Spec: spec, Worker: "w1", WorkerNode: a.worker, Writers: spec.Writers, Readers: spec.Readers, Seed: a.o.Seed,
		Servers: map[string]int32{}, Dials: map[string]string{}, Access: a.target.Access, SentinelAccess: a.target.SentinelAccess,
		Prefix: a.meta.Attached.Prefix, TTL: a.o.life(), Version: oldest(a.setup.Nodes)}
	for i, n := range a.setup.Nodes {
		for _, addr := range n.Addrs {
			j.Dials[addr] = n.Dial
			if n.Kind == history.Server {
				j.Servers[addr] = a.number(i)
			}
		}
		switch {
		case n.Kind == history.Sentinel:
			j.Sentinels, j.MasterName = append(j.Sentinels, n.Addr), a.setup.MasterName
		case i == 0:
			j.Master = n.Addr
		case n.Role == history.RoleReplica:
			j.Replicas = append(j.Replicas, n.Addr)
		}
	}
	return j
}

// oldest is the version of a server whose commands all of them have: the first one's, of Redis before 6.2 if any is.
func oldest(nodes []attach.Node) string {
	for _, n := range nodes {
		if n.Kind == history.Server && (len(n.Version) > 2 && (n.Version[:2] == "5." || n.Version[:3] == "6.0")) {
			return n.Version
		}
	}
	return nodes[0].Version
}

// startLoad begins the watch, with the clients where there are any, after the first look at every node. What it returns ends the load and
// waits for its last records.
func (a *attachment) startLoad(ctx context.Context) (end func() error, err error) {
	looked, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	_ = a.live.Wait(looked, "the first look at every node", func(v *history.LiveView) bool { return len(v.Samples) >= len(a.setup.Nodes) })
	if !a.meta.Attached.Load {
		a.phase(history.PhaseLoad, "")
		return func() error { return nil }, nil
	}
	a.progress("load", "connecting the clients")
	r, err := workloads.NewRunner(a.job(), a.clock, func(b *history.Batch) { a.rec.Record(a.worker, b) })
	if err != nil {
		return nil, err
	}
	if err := r.Prepare(looked); err != nil {
		if ctx.Err() != nil { // it was ended before it began
			return func() error { return nil }, nil
		}
		return nil, &Problem{Exit: ExitError, Text: "the load's clients cannot connect: " + oneLine(err), Do: "an address that sentinels announce may need -map OLD=NEW", Err: err}
	}
	a.keys = append(a.keys, r.Keys()...)
	a.phase(history.PhaseLoad, "")
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var g guard.WaitGroup
	var runErr error
	g.Go(func() { runErr = r.Run(running) })
	return func() error {
		stop()
		return errors.Join(a.carry(func() error { g.Wait(); return nil }), runErr)
	}, nil
}

// barrier waits until one master is left and its replicas have what it had when the load had ended, and reads the load's keys on every
// server, twice. What others write meanwhile does not matter: they write other keys.
func (a *attachment) barrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, barrierTime)
	defer cancel()
	err := a.tryBarrier(ctx)
	if err != nil {
		a.phase(history.PhaseNoBarr, oneLine(err))
		return err
	}
	a.phase(history.PhaseFinalEnd, "")
	return nil
}

func (a *attachment) tryBarrier(ctx context.Context) error {
	var last error
	began := a.now()
	for range barrierTries {
		before, err := a.level(ctx, began)
		if err != nil {
			return err
		}
		a.phase(history.PhaseBarrier, "")
		refused, err := a.readKeys(ctx, before)
		if err != nil {
			return err
		}
		after, err := a.level(ctx, began)
		if err != nil {
			return err
		}
		if last = a.changed(before, after); last == nil {
			a.leaveOut(before, refused)
			return nil
		}
	}
	return last
}

// levelState is what servers said when they were level, by number; those that did not answer are not in it.
type levelState struct {
	master  int32
	samples map[int32]history.Sample
}

// level waits until replicas have what their master had at a look after this call. A server that has not answered for a while is left out.
func (a *attachment) level(ctx context.Context, began int64) (levelState, error) {
	since := a.now()
	var st levelState
	var target *history.Sample // the master's first look since
	why := "no server was looked at"
	err := a.live.Wait(ctx, "one master and replicas that are level with it", func(v *history.LiveView) bool {
		st = levelState{master: history.NoNode, samples: map[int32]history.Sample{}}
		why = a.unlevel(v, since, a.now()-began > goneAfter, &st, &target)
		return why == ""
	})
	if err != nil {
		return st, fmt.Errorf("the servers did not come to be level: %s", why)
	}
	return st, nil
}

// unlevel says what keeps the servers from being level, and fills in their state; empty when nothing does.
func (a *attachment) unlevel(v *history.LiveView, since int64, late bool, st *levelState, target **history.Sample) string {
	for i, n := range a.setup.Nodes {
		if n.Kind != history.Server {
			continue
		}
		s, ok := v.Samples[a.number(i)]
		switch {
		case ok && s.Call <= since:
			return n.Name + " was not looked at since"
		case !ok || !s.Answered:
			if !late {
				return n.Name + " does not answer"
			}
			continue
		case s.Loading:
			return n.Name + " still loads its data"
		case s.Role == history.RoleMaster && st.master != history.NoNode:
			return a.meta.Nodes[st.master].Name + " and " + n.Name + " both say they are master"
		case s.Role == history.RoleMaster:
			st.master = a.number(i)
		}
		st.samples[a.number(i)] = s
	}
	if st.master == history.NoNode {
		return "no server says it is master"
	}
	m := st.samples[st.master]
	if *target == nil || (*target).ReplID != m.ReplID {
		*target = &m
	}
	for i, s := range st.samples {
		name := a.meta.Nodes[i].Name
		switch {
		case i == st.master:
		case !s.LinkUp || s.SyncRunning:
			return name + " has no link to its master"
		case s.ReplID != m.ReplID:
			return name + " has another replication id than " + a.meta.Nodes[st.master].Name
		case s.Offset < (*target).Offset:
			return fmt.Sprintf("%s is at offset %d, and its master was at %d", name, s.Offset, (*target).Offset)
		}
	}
	return a.sentinelsElse(v, m)
}

// sentinelsElse says that the sentinels lead clients to another master than the one that there is.
func (a *attachment) sentinelsElse(v *history.LiveView, m history.Sample) string {
	all, other := 0, ""
	same := 0
	for i, n := range a.setup.Nodes {
		s, ok := v.Samples[a.number(i)]
		if n.Kind != history.Sentinel || !ok || !s.Answered || s.Watch.Announced == "" {
			continue
		}
		all++
		if s.Watch.Announced == a.meta.Nodes[m.Node].Addr {
			same++
		} else {
			other = n.Name + " leads clients to " + s.Watch.Announced
		}
	}
	if 2*same <= all && all > 0 {
		return other
	}
	return ""
}

// readKeys reads the load's keys on every server that was level. One that does not let us is named; the master must.
func (a *attachment) readKeys(ctx context.Context, st levelState) (refused map[int32]string, err error) {
	refused = map[int32]string{}
	for i := range a.setup.Nodes {
		n, number := &a.setup.Nodes[i], a.number(i)
		if _, ok := st.samples[number]; !ok {
			continue
		}
		err := attach.ReadKeys(ctx, n, a.target.Access, a.keys, a.clock, func(b *history.Batch) { a.rec.Record(number, b) })
		switch {
		case err == nil:
		case errors.Is(err, attach.ErrRefused) && number != st.master:
			refused[number] = oneLine(err)
		default:
			return nil, fmt.Errorf("read the load's keys on %s: %w", n.Name, err)
		}
	}
	return refused, nil
}

// changed says what happened to the servers between two looks at which they were level; nil when nothing did.
func (a *attachment) changed(before, after levelState) error {
	for i, b := range before.samples {
		s, ok := after.samples[i]
		if !ok || s.RunID != b.RunID || s.Role != b.Role || s.ReplID != b.ReplID {
			return fmt.Errorf("%s changed while the keys were read", a.meta.Nodes[i].Name)
		}
	}
	return nil
}

// leaveOut notes the servers whose keys were not read.
func (a *attachment) leaveOut(st levelState, refused map[int32]string) {
	for i, n := range a.setup.Nodes {
		number := a.number(i)
		_, read := st.samples[number]
		why := refused[number]
		if !read {
			why = "it did not answer"
		}
		if n.Kind == history.Server && why != "" {
			a.uncover("what %s holds at the end: %s", n.Name, why)
			a.append(&history.Batch{Events: []history.Event{{Node: number, T: a.now(), Kind: history.EvPhase, Name: history.PhaseLeftOut, Text: why}}})
		}
	}
}
