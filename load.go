package schism

import (
	"context"
	"fmt"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/wire"
	"github.com/schismtest/schism/workloads"
)

// jobs divides the workload's clients over the workers.
func (r *run) jobs() map[int32]workloads.Job {
	workers := r.nodesOf(func(n history.Node) bool { return n.Kind == history.Worker })
	spec := r.plan.Work.WithDefaults()
	shares := spec.Shares(len(workers))
	base := workloads.Job{Spec: spec, Seed: r.opts.Seed, Servers: map[string]int32{}, Slots: r.meta.Slots, Shards: map[string]int{}, Version: r.meta.Nodes[0].Version,
		Access: r.plan.login(r.d.Access(history.Server)), SentinelAccess: r.d.Access(history.Sentinel)}
	for i, n := range r.meta.Nodes {
		switch {
		case n.Kind == history.Sentinel:
			base.Sentinels = append(base.Sentinels, n.Addr)
			base.MasterName = topology.MasterName
		case n.Kind == history.Server && !n.Stranger:
			base.Servers[n.Addr] = int32(i)
			if n.Shard > 0 {
				base.Cluster = append(base.Cluster, n.Addr)
				base.Shards[n.Addr] = n.Shard
			}
			if n.Role == history.RoleMaster {
				base.Master = n.Addr
			} else {
				base.Replicas = append(base.Replicas, n.Addr)
			}
		}
	}
	base.ReplicasOf = replicasOf(r.meta.Nodes)
	jobs := map[int32]workloads.Job{}
	var writers, readers int
	for i, w := range workers {
		j := base
		j.Worker, j.WorkerNode, j.WorkerIndex = r.meta.Nodes[w].Name, w, i
		j.FirstWriter, j.FirstReader = writers, readers
		j.Writers, j.Readers = shares[i].Writers, shares[i].Readers
		writers += j.Writers
		readers += j.Readers
		jobs[w] = j
	}
	return jobs
}

// replicasOf are, by the address of each server of a Cluster, those that are replicas of its shard at the start; nil without a Cluster.
func replicasOf(nodes []history.Node) map[string][]string {
	var out map[string][]string
	for _, n := range nodes {
		if n.Kind != history.Server || n.Shard == 0 {
			continue
		}
		if out == nil {
			out = map[string][]string{}
		}
		for _, o := range nodes {
			if o.Kind == history.Server && o.Shard == n.Shard && o.Role == history.RoleReplica {
				out[n.Addr] = append(out[n.Addr], o.Addr)
			}
		}
	}
	return out
}

// startLoad makes the workers ready, then starts them all. It returns the moment on the run's clock.
func (r *run) startLoad(ctx context.Context) (int64, error) {
	r.progress("load", "connecting the clients")
	jobs := r.jobs()
	g, gctx := guard.WithContext(ctx)
	for w, job := range jobs {
		g.Go(func() error {
			_, err := r.call(gctx, w, wire.OpLoad, job, nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("prepare load: %w", err)
	}
	if err := r.levelled(ctx); err != nil {
		return 0, err
	}
	start := r.now()
	r.append(&history.Batch{Events: []history.Event{{Node: history.NoNode, T: start, Kind: history.EvPhase, Name: history.PhaseLoad}}})
	g, gctx = guard.WithContext(ctx)
	for w := range jobs {
		g.Go(func() error {
			_, err := r.call(gctx, w, wire.OpRun, nil, nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("start load: %w", err)
	}
	return start, nil
}

// levelled waits, in a tree, until what the clients prepared has come through to every server: a client can ask only the master's own
// replicas whether they have it.
func (r *run) levelled(ctx context.Context) error {
	if len(r.plan.Spec.Follows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, barrierTime)
	defer cancel()
	if _, err := r.atRest(ctx, r.deployed(), r.now()); err != nil {
		return fmt.Errorf("prepare load: %w", err)
	}
	return nil
}

// endLoad stops the writers and waits until their last records are here.
func (r *run) endLoad(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), haltBudget)
	defer cancel()
	r.phase(history.PhaseLoadEnd, "")
	var g guard.Group
	for w := range r.jobs() {
		g.Go(func() error {
			_, err := r.call(ctx, w, wire.OpHalt, nil, nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("stop load: %w", err)
	}
	return nil
}
