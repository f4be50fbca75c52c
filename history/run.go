package history

import (
	"encoding/json"
	"slices"
	"strings"
)

// RunSchema is the version of run.json. From 2 on a run ends with a manifest.
const RunSchema = 2

// Run is run.json: what was asked for, as data, written before the first container starts.
type Run struct {
	Schema   int    `json:"schema"`
	ID       string `json:"id"` // unique: the label of the run's containers
	Scenario string `json:"scenario"`
	Why      string `json:"why"`
	// Server is what was asked for ("redis:7.0"), Image what ran ("schism/redis:7.0").
	Server, Image string
	// ImageID is the image's digest, by the engine.
	ImageID string `json:"image_id,omitempty"`
	Seed    int64  `json:"seed"`
	Started string `json:"started"` // wall clock, RFC 3339
	// Night names the night that the run is part of, empty for a run by hand; NightURL is the job's page.
	Night    string `json:"night,omitempty"`
	NightURL string `json:"night_url,omitempty"`
	Command  string `json:"command"`        // repeats the run; empty where only a test can
	Test     string `json:"test,omitempty"` // repeats it by go test, in the folder of its package
	Duration int64  `json:"duration_ns"`

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

	// Slots is who owns what at the start of a Cluster; empty without one.
	Slots []ShardSlots `json:"slots,omitempty"`

	Nodes []Node `json:"nodes"` // servers, sentinels and workers; filled in when they are up
	// Schism is what ran it; nil in runs of before it was recorded, and until the agent is found.
	Schism *Build `json:"schism,omitempty"`
	// Host tells where it ran, for people: CPUs, memory, kernel, engine, schism's version.
	Host []KV `json:"host"`
	// Costs are the harness's own times in ns by phase: start, stop, check, report.
	Costs map[string]int64 `json:"costs,omitempty"`
	// Incomplete says why the run did not go to its end ("interrupted"); empty otherwise.
	Incomplete string `json:"incomplete,omitempty"`
	// Lost: the surroundings, or a harness that stood still, took a node or the engine away; Incomplete says which. Nothing is judged then.
	Lost bool `json:"lost,omitempty"`
	// Attached is set where the setup is somebody else's, and was watched from outside; nil where schism had started it.
	Attached *Attached `json:"attached,omitempty"`
	// Imported is the format of a history from elsewhere ("edn", "jsonl"); rules about faults and barriers do not apply to it.
	Imported string `json:"imported,omitempty"`
}

// Attached is a look at a setup that schism did not start: its servers were sampled over the network, no fault was injected, and none of
// their processes was seen.
type Attached struct {
	// Load: clients of schism's own wrote and read keys that begin with Prefix. Without it nothing was written at all.
	Load   bool   `json:"load,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Uncovered says what could not be looked at, and why, a sentence each.
	Uncovered []string `json:"uncovered,omitempty"`
	// Leftover says what of the written keys could not be removed, and why; empty for nothing.
	Leftover string `json:"leftover,omitempty"`
}

// Build is one build of schism.
type Build struct {
	// Version is a release's or a module's, Commit the whole hash; either is empty where it is not known.
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit,omitempty"`
	// Modified: the sources differed from the commit.
	Modified bool `json:"modified,omitempty"`
	// Go is the toolchain's version.
	Go string `json:"go"`
	// Agent is the SHA-256 of the agent's binary, in hex, AgentHow where it came from, for people.
	Agent    string `json:"agent,omitempty"`
	AgentHow string `json:"agent_how,omitempty"`
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
	// Shard tells the replication groups of a run apart, whose masters are several at a time by right: of a Cluster the shard, from 1, that
	// the node belongs to at the start; 0 where there is but one.
	Shard int `json:"shard,omitempty"`
	// ClusterID is the id that the server has in its Cluster; empty without one.
	ClusterID string `json:"cluster_id,omitempty"`
	// Version, RunID and Build are INFO's at the start.
	Version string `json:"version,omitempty"`
	RunID   string `json:"run_id,omitempty"`
	Build   string `json:"build,omitempty"`
	Config  []KV   `json:"config,omitempty"` // what differs from the server's defaults
	// Settings are what CONFIG GET said of the settings that sentences and measures speak of, when the load began; none where it did not
	// answer.
	Settings []KV `json:"settings,omitempty"`
}

// Setting is a setting of the node as it was in effect, by what the server said of itself, else by its config; empty where neither tells, so
// that it is the server's default.
func (n *Node) Setting(name string) string {
	for _, list := range [][]KV{n.Settings, n.Config} {
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].K == name {
				return strings.Trim(list[i].V, `"`)
			}
		}
	}
	return ""
}

// Has reports whether a setting is told of the node.
func (n *Node) Has(name string) bool {
	named := func(kv KV) bool { return kv.K == name }
	return slices.ContainsFunc(n.Settings, named) || slices.ContainsFunc(n.Config, named)
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

// Again is a line that repeats the run; empty when there is none.
func (r *Run) Again() string {
	if r.Command != "" {
		return r.Command
	}
	return r.Test
}
