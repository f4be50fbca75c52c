package schism

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

const (
	// barrierTime bounds the wait for one master, links up and equal offsets: Sentinel takes 10 s to turn an old master into a
	// replica, a full sync some more.
	barrierTime = 60 * time.Second
	// barrierTries is how often the nodes are read again when an offset moved meanwhile.
	barrierTries = 3
	// pingBytes is what replication itself may add to an offset while the nodes are read: PINGs and GETACKs.
	pingBytes = 1024
)

// barrier brings the deployment to rest and reads every node (checkers.md, "Data loss"). Its error says why what was read is not
// final; the history says so too.
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
	if err := r.dropClients(ctx); err != nil {
		return err
	}
	var last error
	for range barrierTries {
		before, err := r.atRest(ctx)
		if err != nil {
			return err
		}
		r.phase(history.PhaseBarrier, "")
		if err := r.dumpAll(ctx); err != nil {
			return err
		}
		after, err := r.atRest(ctx)
		if err != nil {
			return err
		}
		if last = moved(before, after); last == nil {
			return nil
		}
	}
	return last
}

// dropClients closes every client connection, since data still queued in a server's sockets would land later.
func (r *run) dropClients(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range r.servers() {
		g.Go(func() error {
			var reply wire.RedisReply
			_, err := r.call(ctx, i, wire.OpRedis, wire.RedisArgs{Args: []string{"CLIENT", "KILL", "TYPE", "normal"}, TimeoutMS: 5000}, &reply)
			if err == nil && reply.Err != "" {
				err = errors.New(reply.Err)
			}
			if err != nil {
				return fmt.Errorf("drop clients of %s: %w", r.meta.Nodes[i].Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// atRest waits until there is one master and every replica's link is up with the master's replication id and offset, on two
// samples in a row of each node. It returns the offsets.
func (r *run) atRest(ctx context.Context) (map[int32]int64, error) {
	var first map[int32]history.Sample
	var why string
	offsets := map[int32]int64{}
	err := r.live.Wait(ctx, "one master and replicas that are level with it", func(v *history.View) bool {
		if why = restless(r.meta.Nodes, r.deployed(), v.Samples); why != "" {
			first = nil
			return false
		}
		if first == nil {
			first = map[int32]history.Sample{}
			for _, i := range r.deployed() {
				first[i] = v.Samples[i]
			}
			return false
		}
		for _, i := range r.deployed() {
			if v.Samples[i].Call <= first[i].Call {
				return false // the second sample of this node is still to come
			}
			offsets[i] = v.Samples[i].Offset
		}
		return true
	})
	if err != nil && why != "" {
		return nil, fmt.Errorf("the servers did not come to rest: %s: %w", why, err)
	}
	return offsets, err
}

// restless says what keeps the deployment from being at rest; empty when nothing does.
func restless(nodes []history.Node, servers []int32, samples map[int32]history.Sample) string {
	master := int32(history.NoNode)
	for _, i := range servers {
		s, ok := samples[i]
		switch {
		case !ok:
			return nodes[i].Name + " was never sampled"
		case !s.Answered:
			return nodes[i].Name + " does not answer"
		case s.Loading:
			return nodes[i].Name + " still loads its data"
		case s.Role == history.RoleMaster && master != history.NoNode:
			return nodes[master].Name + " and " + nodes[i].Name + " both say they are master"
		case s.Role == history.RoleMaster:
			master = i
		}
	}
	if master == history.NoNode {
		return "no node says it is master"
	}
	m := samples[master]
	for _, i := range servers {
		s := samples[i]
		switch {
		case i == master:
		case !s.LinkUp || s.SyncRunning:
			return nodes[i].Name + " has no link to its master"
		case s.ReplID != m.ReplID:
			return nodes[i].Name + " has another replication id than " + nodes[master].Name
		case s.Offset != m.Offset:
			return fmt.Sprintf("%s is at offset %d, %s at %d", nodes[i].Name, s.Offset, nodes[master].Name, m.Offset)
		}
	}
	return ""
}

// moved says which offset moved by more than replication's own PINGs.
func moved(before, after map[int32]int64) error {
	var out []string
	for i, a := range after {
		if d := a - before[i]; d < 0 || d > pingBytes {
			out = append(out, fmt.Sprintf("node %d: %+d bytes", i, d))
		}
	}
	if len(out) > 0 {
		return fmt.Errorf("data still moved while the nodes were read (%s)", strings.Join(out, ", "))
	}
	return nil
}

// dumpAll reads every server whole.
func (r *run) dumpAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range r.servers() {
		g.Go(func() error {
			if _, err := r.call(ctx, i, wire.OpDump, wire.DumpArgs{}, nil); err != nil {
				return fmt.Errorf("read %s whole: %w", r.meta.Nodes[i].Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}
