package topology

import (
	"encoding/hex"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
)

// Cluster is a Redis Cluster: masters that share the keys among them, each with replicas of its own.
type Cluster struct {
	Shards   int // default 3
	Replicas int // of each shard; default 1
	// NodeTimeout is cluster-node-timeout (default 2 s).
	NodeTimeout time.Duration
	Persistence string
	Config      []string
	NodeConfig  map[string][]string
	Workers     int
	// Strangers are servers in cluster mode that know nobody, until a fault has one join.
	Strangers int
	_         struct{}
}

// Spec implements Topology.
func (c Cluster) Spec() Spec {
	return Spec{Kind: KindCluster, Shards: c.Shards, Replicas: c.Replicas, NodeTimeout: c.NodeTimeout, Persistence: c.Persistence, Config: c.Config,
		NodeConfig: c.NodeConfig, Workers: c.Workers, Strangers: c.Strangers}
}

const (
	defaultShards        = 3
	defaultShardReplicas = 1
	defaultNodeTimeout   = 2 * time.Second
	// nodesFile is where a server keeps what it knows of the cluster, in its folder of data.
	nodesFile = "nodes.conf"
)

// validateCluster names the first field that cannot be in a Cluster, or without one.
func (s Spec) validateCluster() error {
	switch {
	case s.Kind != KindCluster && s.Shards > 0:
		return fmt.Errorf("shards is %d: kind %s has none; use kind cluster", s.Shards, s.Kind)
	case s.Kind != KindCluster && s.NodeTimeout != 0:
		return fmt.Errorf("node_timeout is %s: kind %s has none; use kind cluster", s.NodeTimeout, s.Kind)
	case s.Kind != KindCluster:
		return nil
	case s.NodeTimeout < time.Millisecond:
		return fmt.Errorf("node_timeout is %s: it is at least 1ms", s.NodeTimeout)
	}
	return nil
}

// clusterLayout are the servers of a Cluster: the masters of all shards first, then replicas for one shard after the other, round by round.
func (s Spec) clusterLayout() []history.Node {
	var out []history.Node
	for i := range s.Shards * (1 + s.Replicas) {
		role := history.RoleReplica
		if i < s.Shards {
			role = history.RoleMaster
		}
		out = append(out, history.Node{Name: fmt.Sprintf("n%d", i+1), Kind: history.Server, Role: role, Shard: i%s.Shards + 1})
	}
	return out
}

// Slots is which shard owns which slots at the start: even shares, one range each. Empty without a Cluster.
func (s Spec) Slots() []history.ShardSlots {
	s = s.WithDefaults()
	if s.Kind != KindCluster {
		return nil
	}
	var out []history.ShardSlots
	for i := range s.Shards {
		from, to := i*history.Slots/s.Shards, (i+1)*history.Slots/s.Shards-1
		out = append(out, history.ShardSlots{Shard: i + 1, Ranges: []history.SlotRange{{From: uint16(from), To: uint16(to)}}})
	}
	return out
}

// clusterLines are the lines of redis.conf that make a server one of a Cluster.
func (s Spec) clusterLines() []string {
	return []string{"cluster-enabled yes", "cluster-config-file " + nodesFile, fmt.Sprintf("cluster-node-timeout %d", s.NodeTimeout.Milliseconds())}
}

// clusterIDs draws the ids of the servers, by their names.
func clusterIDs(rng *rand.Rand, all []history.Node) map[string]string {
	ids := map[string]string{}
	for _, n := range all {
		if n.Kind == history.Server {
			b := make([]byte, 20)
			rng.Read(b)
			ids[n.Name] = hex.EncodeToString(b)
		}
	}
	return ids
}

// ClusterIDs are the ids that the servers of a Cluster have in it, with their numbers in the history. Empty without a Cluster.
func (d *Deployment) ClusterIDs() map[string]int32 {
	if d.spec.Kind != KindCluster {
		return nil
	}
	out := map[string]int32{}
	for i, n := range d.Nodes {
		if id := d.ids[n.Name]; id != "" {
			out[id] = int32(i)
		}
	}
	return out
}

// nodesConf is what a server knows of the cluster when it starts. A master knows itself alone, since it starts before the addresses of the
// others are known: the two seconds in which a new master refuses writes pass while their containers start. A replica knows all but the
// strangers, who know themselves.
func (d *Deployment) nodesConf(n *Node) string {
	var lines []clusterview.Line
	for _, o := range d.Nodes {
		if o.Kind != history.Server || o != n && (n.Role == history.RoleMaster || o.Stranger) {
			continue
		}
		// Every shard has a config epoch of its own: with equal ones the masters would first have to settle that.
		l := clusterview.Line{ID: d.ids[o.Name], Addr: o.Addr, Flags: []string{"master"}, Epoch: int64(o.Shard)}
		if o.Stranger {
			l.Epoch = 0
		} else if o.Role == history.RoleReplica {
			l.Flags, l.MasterID = []string{"slave"}, d.ids[d.Nodes[o.Shard-1].Name]
		} else {
			l.Slots = d.spec.Slots()[o.Shard-1].Ranges
		}
		if o == n {
			l.Flags = append([]string{"myself"}, l.Flags...)
		}
		lines = append(lines, l)
	}
	if n.Stranger {
		return clusterview.File(lines, 0)
	}
	return clusterview.File(lines, int64(d.spec.Shards))
}

// clusterText says it for people: "3 shards of a master and 1 replica (node timeout 2s)".
func (s Spec) clusterText() string {
	return fmt.Sprintf("Cluster of %s, each a master and %s (node timeout %s)", count(s.Shards, "shard"), count(s.Replicas, "replica"), s.NodeTimeout)
}

// ip is the address without its port.
func (n *Node) ip() string {
	ip, _, _ := strings.Cut(n.Addr, ":")
	return ip
}
