// Package topology says what is deployed (standalone, master with replicas, Sentinel, Cluster), on what image and with what config, starts it in
// containers, and hands out one wire connection to each.
package topology

import (
	"encoding/json"
	"time"

	"github.com/schismtest/schism/conf"
)

// Kind is the shape of a deployment.
type Kind string

// The kinds.
const (
	KindStandalone Kind = "standalone"
	KindReplicas   Kind = "replicas"
	KindSentinel   Kind = "sentinel"
	KindChain      Kind = "chain"
	KindCluster    Kind = "cluster"
)

// Spec is a deployment as data. Servers are named n1 (the first master), n2...; sentinels s1...; workers w1....
type Spec struct {
	Kind     Kind `json:"kind"`
	Replicas int  `json:"replicas"` // of a Cluster: of each shard
	// Follows says of replicas whom they follow, by name, where that is not the master; of a chain it is the server before.
	Follows   map[string]string `json:"follows,omitempty"`
	Sentinels int               `json:"sentinels,omitempty"`
	Quorum    int               `json:"quorum,omitempty"` // 0: majority
	// DownAfter is down-after-milliseconds (default 2 s), FailoverTimeout Sentinel's failover-timeout (default 10 s).
	DownAfter       time.Duration `json:"down_after,omitempty"`
	FailoverTimeout time.Duration `json:"failover_timeout,omitempty"`
	// Shards is how many masters share the keys of a Cluster (default 3), NodeTimeout its cluster-node-timeout (default 2 s).
	Shards      int           `json:"shards,omitempty"`
	NodeTimeout time.Duration `json:"node_timeout,omitempty"`
	// Cold lets sentinels discover each other instead of pre-seeding them.
	Cold bool `json:"cold,omitempty"`
	// Persistence is "aof-everysec" (default), "aof-always", "aof-no", "rdb" or "none".
	Persistence string `json:"persistence,omitempty"`
	// Config are raw redis.conf lines for every server, NodeConfig for one by name (a sentinel's too); they come last, so they win.
	Config     []string            `json:"config,omitempty"`
	NodeConfig map[string][]string `json:"node_config,omitempty"`
	// SentinelConfig are lines for every sentinel. A master that they name is called MasterName.
	SentinelConfig []string `json:"sentinel_config,omitempty"`
	// ParallelSyncs is how many replicas are led to a new master at once; 0: 1.
	ParallelSyncs int `json:"parallel_syncs,omitempty"`
	// AsGiven leaves what is kept over a restart to Config, and to the server where that says nothing; Persistence then only names it.
	AsGiven bool `json:"as_given,omitempty"`
	// Files are what Config names (an ACL file, certificates), SentinelFiles what SentinelConfig names, by their paths in the containers.
	// They hold secrets, and go nowhere but there.
	Files         map[string]string `json:"-"`
	SentinelFiles map[string]string `json:"-"`
	// Workers is how many worker containers there are (default 1); more only where a scenario splits the clients.
	Workers int `json:"workers,omitempty"`
	// Strangers are servers with a data set of their own, outside the replication setup until a fault brings them in. They come after
	// the replicas: with two replicas the first is n4.
	Strangers int `json:"strangers,omitempty"`
	// Disk keeps the data on the container's file system instead of a tmpfs: slower, and fsync reaches a disk.
	Disk bool `json:"disk,omitempty"`
	// Caps are the capabilities that the scenario's faults need ("NET_ADMIN"); nodes get no others.
	Caps []string `json:"caps,omitempty"`
}

// MarshalJSON leaves secrets out: what is written down of a run holds none.
func (s Spec) MarshalJSON() ([]byte, error) {
	type plain Spec
	s.Config, s.SentinelConfig = conf.MaskLines(s.Config), conf.MaskLines(s.SentinelConfig)
	nodes := make(map[string][]string, len(s.NodeConfig))
	for n, l := range s.NodeConfig {
		nodes[n] = conf.MaskLines(l)
	}
	if s.NodeConfig != nil {
		s.NodeConfig = nodes
	}
	return json.Marshal(plain(s))
}

// Topology is anything that describes a deployment.
type Topology interface{ Spec() Spec }

// Standalone is one server.
type Standalone struct {
	Persistence string
	Config      []string
	_           struct{}
}

// MasterReplicas is a master with N replicas and no failover.
type MasterReplicas struct {
	Replicas    int
	Persistence string
	Config      []string
	NodeConfig  map[string][]string
	Workers     int
	Strangers   int
	_           struct{}
}

// Sentinel is a master with N replicas and M sentinels.
type Sentinel struct {
	Replicas    int
	Sentinels   int
	Quorum      int
	DownAfter   time.Duration
	Persistence string
	Config      []string
	NodeConfig  map[string][]string
	Workers     int
	Strangers   int
	_           struct{}
}

// Spec implements Topology.
func (s Standalone) Spec() Spec {
	return Spec{Kind: KindStandalone, Persistence: s.Persistence, Config: s.Config}
}

// Spec implements Topology.
func (s MasterReplicas) Spec() Spec {
	return Spec{Kind: KindReplicas, Replicas: s.Replicas, Persistence: s.Persistence, Config: s.Config, NodeConfig: s.NodeConfig, Workers: s.Workers,
		Strangers: s.Strangers}
}

// Spec implements Topology.
func (s Sentinel) Spec() Spec {
	return Spec{Kind: KindSentinel, Replicas: s.Replicas, Sentinels: s.Sentinels, Quorum: s.Quorum, DownAfter: s.DownAfter,
		Persistence: s.Persistence, Config: s.Config, NodeConfig: s.NodeConfig, Workers: s.Workers, Strangers: s.Strangers}
}

// Spec implements Topology, so that a Spec is one too.
func (s Spec) Spec() Spec { return s }
