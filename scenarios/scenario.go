// Package scenarios is the catalogue: each scenario a value that names topology, workload, schedule and promises, and says why it matters.
package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// Scenario is one named test of a replication setup.
type Scenario struct {
	Name string
	Why  string // one or two sentences: the mechanism, and why it matters
	// Topology, Workload and Faults are what runs. Workload.Kind must be set; zero fields have defaults.
	Topology topology.Topology
	Workload workloads.Spec
	Faults   nemesis.Schedule
	// Load is how long clients write at least, default 10 s; a schedule that takes longer extends it by Settle (default 3 s).
	Load   time.Duration
	Settle time.Duration
	// Promises are what the documentation or an objective guarantees; classes that are always a bug are promised besides.
	Promises []checker.Promise
	// Shows are the weaknesses that the scenario exists to make visible.
	Shows []checker.Promise
	_     struct{}
}
