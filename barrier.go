package schism

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/wire"
)

const (
	// barrierTime bounds the wait for one master, links up and equal offsets: Sentinel takes 10 s to turn an old master into a
	// replica, a full sync some more.
	barrierTime = 60 * time.Second
	// barrierTries is how often the nodes are read again when data moved meanwhile.
	barrierTries = 3
)

// barrier brings the deployment to rest and reads every node (checkers.md, "Data loss", "At rest"). Its error says why what was read is
// not final; the history says so too.
func (r *run) barrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, barrierTime)
	defer cancel()
	err := r.tryBarrier(ctx)
	if err != nil {
		r.phase(history.PhaseNoBarr, err.Error())
		return err
	}
	r.phase(history.PhaseFinalEnd, "")
	return nil
}

func (r *run) tryBarrier(ctx context.Context) error {
	out := r.leaveOut()
	servers := slices.DeleteFunc(r.servers(), func(i int32) bool { return out[i] })
	setup := slices.DeleteFunc(r.deployed(), func(i int32) bool { return out[i] })
	since, err := r.dropClients(ctx, servers)
	if err != nil {
		return err
	}
	r.phase(history.PhaseDropped, "")
	var last error
	for range barrierTries {
		before, err := r.atRest(ctx, setup, since)
		if err != nil {
			return err
		}
		r.phase(history.PhaseBarrier, "")
		if since, err = r.dumpAll(ctx, servers); err != nil {
			return err
		}
		after, err := r.atRest(ctx, setup, since)
		if err != nil {
			return err
		}
		if last = moved(r.meta.Nodes, setup, before, after); last == nil {
			return nil
		}
	}
	return last
}

// leaveOut are the servers that a fault has ended for good, and whose process is still gone. The history names them.
func (r *run) leaveOut() map[int32]bool {
	why := map[int32]string{}
	r.live.Look(func(v *history.LiveView) { why = cutOff(r.meta, downForGood(v.Faults, v.Samples), v.Samples) })
	out := map[int32]bool{}
	for _, i := range r.servers() {
		if text, ok := why[i]; ok {
			out[i] = true
			r.append(&history.Batch{Events: []history.Event{{Node: i, T: r.now(), Kind: history.EvPhase, Name: history.PhaseLeftOut, Text: text}}})
		}
	}
	return out
}

// downForGood says which nodes a fault without an end took away, and which fault. One that runs is not left out, whatever started it.
func downForGood(faults map[int]history.Fault, samples map[int32]history.Sample) map[int32]string {
	out := map[int32]string{}
	for _, f := range faults {
		kind := nemesis.Kind(f.Kind)
		if !f.Permanent || f.Injected == 0 || kind != nemesis.KindKill && kind != nemesis.KindStop {
			continue
		}
		for _, i := range f.Targets {
			if s, ok := samples[i]; ok && !s.Up && s.Call > f.Injected {
				out[i] = fmt.Sprintf("fault %d (%s) holds it down for good", f.ID, f.Text)
			}
		}
	}
	return out
}

// cutOff adds to the servers that are down for good those that follow one of them, directly or not, and have no link: what the master has
// cannot reach them any more. Who follows the master itself may yet follow another one.
func cutOff(run *history.Run, down map[int32]string, samples map[int32]history.Sample) map[int32]string {
	for again := len(down) > 0; again; {
		again = false
		for i, s := range samples {
			if s.Role != history.RoleReplica || !s.Answered || s.LinkUp || down[i] != "" {
				continue
			}
			up := int32(run.NodeByAddr(s.MasterAddr))
			if why := down[up]; why != "" && run.Nodes[up].Role == history.RoleReplica {
				down[i], again = fmt.Sprintf("it follows %s, and %s", run.Nodes[up].Name, why), true
			}
		}
	}
	return down
}

// latest is the latest of moments that several goroutines tell, ns on the run's clock.
type latest struct {
	mu sync.Mutex
	t  int64
}

func (l *latest) add(t int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = max(l.t, t)
}

// dropClients closes every client connection, since data still queued in a server's sockets would land later. It returns the moment at
// which the last server had done so, ns on the run's clock.
func (r *run) dropClients(ctx context.Context, servers []int32) (int64, error) {
	var done latest
	g, ctx := guard.WithContext(ctx)
	for _, i := range servers {
		g.Go(func() error {
			var reply wire.RedisReply
			st, err := r.call(ctx, i, wire.OpRedis, wire.RedisArgs{Args: []string{"CLIENT", "KILL", "TYPE", "normal"}, TimeoutMS: 5000}, &reply)
			if err == nil && reply.Err != "" {
				err = errors.New(reply.Err)
			}
			if err != nil {
				return fmt.Errorf("drop clients of %s: %w", r.meta.Nodes[i].Name, err)
			}
			done.add(st.T1)
			return nil
		})
	}
	err := g.Wait()
	return done.t, err
}

// atRest waits until the servers are at rest on two samples in a row of each, all of them called after the moment. It returns the second
// ones.
func (r *run) atRest(ctx context.Context, servers []int32, since int64) (map[int32]history.Sample, error) {
	w := restWatch{nodes: r.meta.Nodes, servers: servers, since: since}
	err := r.live.Wait(ctx, "one master and replicas that are level with it", func(v *history.LiveView) bool { return w.look(v.Samples) })
	if err != nil && w.why != "" {
		return nil, fmt.Errorf("the servers did not come to rest: %s: %w", w.why, err)
	}
	return w.second, err
}

// dumpAll reads every server whole, twice, and returns the moment at which the last had been, ns on the run's clock.
func (r *run) dumpAll(ctx context.Context, servers []int32) (int64, error) {
	var done latest
	g, ctx := guard.WithContext(ctx)
	for _, i := range servers {
		g.Go(func() error {
			st, err := r.call(ctx, i, wire.OpDump, wire.DumpArgs{Twice: true}, nil)
			if err != nil {
				return fmt.Errorf("read %s whole: %w", r.meta.Nodes[i].Name, err)
			}
			done.add(st.T1)
			return nil
		})
	}
	err := g.Wait()
	return done.t, err
}
