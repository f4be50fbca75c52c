package topology

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
	"github.com/schismtest/schism/internal/guard"
)

// startCluster starts everything of a Cluster. The masters' containers come first, and their servers start while the other containers do: a
// new master refuses writes for two seconds, whatever it knows, and these pass meanwhile.
func (d *Deployment) startCluster(ctx context.Context) error {
	d.ids = clusterIDs(d.rng(), d.nodes())
	for _, n := range d.Nodes {
		n.ClusterID = d.ids[n.Name]
	}
	server := func(r history.Role) func(*Node) bool {
		return func(n *Node) bool { return n.Kind == history.Server && n.Role == r && !n.Stranger }
	}
	masters, replicas := d.of(server(history.RoleMaster)), d.of(server(history.RoleReplica))
	asked := d.Nodes[len(d.Nodes)-1] // the worker that is asked for the server's version
	first := append(d.of(server(history.RoleMaster)), asked)
	rest := d.of(func(n *Node) bool { return n != asked && (n.Role != history.RoleMaster || n.Stranger) })
	late := d.of(func(n *Node) bool { return n.Role == history.RoleReplica || n.Stranger })
	if err := d.startContainers(ctx, first); err != nil {
		return err
	}
	g, gctx := guard.WithContext(ctx)
	g.Go(func() error { return d.startContainers(ctx, rest) }) // not cut short: what is started must be known
	g.Go(func() error {
		return steps(gctx, func(ctx context.Context) error { return d.greet(ctx, first) }, d.findServer, d.openDoors,
			func(ctx context.Context) error { return d.setUp(ctx, masters) },
			func(ctx context.Context) error { return d.each(ctx, masters, d.startServer) })
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return steps(ctx, func(ctx context.Context) error { return d.greet(ctx, rest) }, d.checkNetwork, d.watchConns,
		func(ctx context.Context) error { return d.meet(ctx, masters, masters) },
		func(ctx context.Context) error { return d.setUp(ctx, late) },
		func(ctx context.Context) error { return d.each(ctx, late, d.startServer) },
		func(ctx context.Context) error { return d.meet(ctx, masters, replicas) },
		d.awaitCluster)
}

// meet tells the masters where others are. Who is told of one tells it of itself, so each pair of masters needs one word.
func (d *Deployment) meet(ctx context.Context, masters, others []*Node) error {
	return d.each(ctx, masters, func(ctx context.Context, m *Node) error {
		for _, o := range others {
			if o.Role == history.RoleMaster && o.Shard <= m.Shard {
				continue
			}
			var v any
			if err := m.redis(ctx, &v, "CLUSTER", "MEET", o.ip(), strconv.Itoa(ServerPort)); err != nil {
				return &StartError{Node: m.Name, Want: "it could not be told of " + o.Name, Err: err}
			}
		}
		return nil
	})
}

// awaitCluster waits until every server's view is the one that was asked for, all replicas follow, and their streams flow.
func (d *Deployment) awaitCluster(ctx context.Context) error {
	servers := d.of(func(n *Node) bool { return n.Kind == history.Server && !n.Stranger })
	g, gctx := guard.WithContext(ctx)
	for _, m := range servers[:d.spec.Shards] {
		replicas := d.of(func(n *Node) bool { return n.Role == history.RoleReplica && n.Shard == m.Shard })
		g.Go(func() error {
			if err := d.awaitReplicas(gctx, replicas); err != nil {
				return err
			}
			return d.awaitStream(gctx, m, replicas)
		})
	}
	for _, n := range servers {
		g.Go(func() error { return d.awaitView(gctx, n) })
	}
	return g.Wait()
}

// awaitView waits until the server sees the cluster as it was asked for.
func (d *Deployment) awaitView(ctx context.Context, n *Node) error {
	return d.await(ctx, n, "it does not see the cluster whole", func(ctx context.Context) (string, error) {
		var info, nodes string
		err := n.redis(ctx, &info, "CLUSTER", "INFO")
		if err == nil {
			err = n.redis(ctx, &nodes, "CLUSTER", "NODES")
		}
		if err != nil {
			return err.Error(), err
		}
		if why := d.disagreesOnCluster(clusterview.Info(info), nodes); why != "" {
			return why, errors.New(why)
		}
		return "", nil
	})
}

// disagreesOnCluster says what a server does not see yet; empty when it sees all.
func (d *Deployment) disagreesOnCluster(info map[string]string, nodes string) string {
	lines, err := clusterview.Read(nodes)
	if err != nil {
		return err.Error()
	}
	byID := map[string]clusterview.Line{}
	for _, l := range lines {
		byID[l.ID] = l
	}
	want := 0
	for _, n := range d.Nodes {
		if n.Kind != history.Server || n.Stranger {
			continue
		}
		want++
		l, ok := byID[d.ids[n.Name]]
		if !ok {
			return "it does not know " + n.Name
		}
		if why := d.misjudged(n, l); why != "" {
			return why
		}
	}
	if len(lines) != want {
		return fmt.Sprintf("it knows %d nodes of %d", len(lines), want)
	}
	if s := info["cluster_slots_ok"]; s != strconv.Itoa(history.Slots) {
		return fmt.Sprintf("it says %s of %d slots are served", s, history.Slots)
	}
	if s := info["cluster_state"]; s != "ok" {
		return "it says cluster_state:" + s
	}
	return ""
}

// misjudged says what another server believes wrongly of n; empty when nothing.
func (d *Deployment) misjudged(n *Node, l clusterview.Line) string {
	says := func(format string, args ...any) string {
		return "it says " + n.Name + " " + fmt.Sprintf(format, args...)
	}
	role, master, slots := "master", "", ""
	if n.Role == history.RoleReplica {
		role, master = "slave", d.ids[d.Nodes[n.Shard-1].Name]
	} else {
		slots = clusterview.Ranges(d.spec.Slots()[n.Shard-1].Ranges)
	}
	switch got := clusterview.Ranges(l.Slots); {
	case l.Is("handshake"), l.Is("fail?"), l.Is("fail"), l.Is("noaddr"), !l.Is(role):
		return says("is %s", strings.Join(l.Flags, ","))
	case l.MasterID != master:
		return says("follows %s", d.byID(l.MasterID))
	case got != slots && got == "":
		return says("owns no slots")
	case got != slots:
		return says("owns the slots %s", got)
	case !l.LinkUp && !l.Is("myself"):
		return "it has no link to " + n.Name
	}
	return ""
}

func (d *Deployment) byID(id string) string {
	for name, own := range d.ids {
		if own == id {
			return name
		}
	}
	return "an unknown node"
}
