package history

import "encoding/json"

// RunSchema is the version of run.json.
const RunSchema = 1

// Run is run.json: what was asked for, as data, written before the first container starts.
type Run struct {
	Schema   int    `json:"schema"`
	ID       string `json:"id"` // unique: the label of the run's containers
	Scenario string `json:"scenario"`
	Why      string `json:"why"`
	// Server is what was asked for ("redis:7.0"), Image what ran ("schism/redis:7.0").
	Server, Image string
	Seed          int64  `json:"seed"`
	Started       string `json:"started"` // wall clock, RFC 3339
	Command       string `json:"command"` // repeats the run
	Duration      int64  `json:"duration_ns"`

	// Topology, Workload, Schedule, Promises and Shows are the scenario as data; topology.Spec, workloads.Spec,
	// nemesis.Schedule, []result.Promise and []result.Promise (checker/result) decode them.
	Topology json.RawMessage `json:"topology"`
	Workload json.RawMessage `json:"workload"`
	Schedule json.RawMessage `json:"schedule"`
	Promises json.RawMessage `json:"promises"`
	Shows    json.RawMessage `json:"shows"`
	// Setup says the same for people: "topology: 1 master, 2 replicas", in the order to show it.
	Setup []KV `json:"setup"`
	// Replaced are the lines of the user's config files in whose place the run's own stand.
	Replaced []Replaced `json:"replaced,omitempty"`

	Nodes []Node `json:"nodes"` // servers, sentinels and workers; filled in when they are up
	// Host tells where it ran: CPUs, memory, kernel, engine, schism's version.
	Host []KV `json:"host"`
	// Costs are the harness's own times in ns by phase: start, stop, check, report.
	Costs map[string]int64 `json:"costs,omitempty"`
	// Incomplete says why the run did not go to its end ("interrupted"); empty otherwise.
	Incomplete string `json:"incomplete,omitempty"`
	// Imported is the format of a history from elsewhere ("edn", "jsonl"); rules about faults and barriers do not apply to it.
	Imported string `json:"imported,omitempty"`
}

// Replaced is a line of a config file that no server gets, without secrets, and why.
type Replaced struct {
	Where string `json:"where"` // "redis.conf:12"
	Line  string `json:"line"`
	Why   string `json:"why"`
}

// KV is one line of a table for people.
type KV struct{ K, V string }

// NodeKind tells servers, sentinels and workers apart.
type NodeKind string

// The kinds of nodes.
const (
	Server   NodeKind = "server"
	Sentinel NodeKind = "sentinel"
	Worker   NodeKind = "worker"
)

// Node is one container of the run. Its index in Run.Nodes is its number everywhere in the history.
type Node struct {
	Name string   `json:"name"` // n1, n2 (servers), s1 (sentinels), w1 (workers)
	Kind NodeKind `json:"kind"`
	Addr string   `json:"addr"` // ip:port; a worker's ip
	Role Role     `json:"role"` // at the start
	// Stranger: a server with a data set of its own, outside the replication setup until a fault brings it in.
	Stranger bool `json:"stranger,omitempty"`
	// Shard tells the replication groups of a run apart, whose masters are several at a time by right; 0 where there is but one.
	Shard int `json:"shard,omitempty"`
	// Version, RunID and Build are INFO's at the start.
	Version string `json:"version,omitempty"`
	RunID   string `json:"run_id,omitempty"`
	Build   string `json:"build,omitempty"`
	Config  []KV   `json:"config,omitempty"` // what differs from the server's defaults
}

// NodeByName finds a node; -1 if there is none.
func (r *Run) NodeByName(name string) int {
	for i, n := range r.Nodes {
		if n.Name == name {
			return i
		}
	}
	return NoNode
}

// NodeByAddr finds the server with this ip:port; -1 if there is none.
func (r *Run) NodeByAddr(addr string) int {
	for i, n := range r.Nodes {
		if n.Addr == addr {
			return i
		}
	}
	return NoNode
}
