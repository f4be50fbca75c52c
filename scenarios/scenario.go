// Package scenarios is the catalogue: each scenario a value that names topology, workload, schedule and promises, and says why it matters.
//
// The files of this package import nemesis by dot, so that a schedule reads like a sentence.
package scenarios

import (
	"errors"
	"fmt"
	"time"

	"github.com/schismtest/schism/checker/result"
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
	Promises []result.Promise
	// Shows are the weaknesses that the scenario exists to make visible.
	Shows []result.Promise
	_     struct{}
}

// Validate names what cannot be, and what to do about it.
func (s Scenario) Validate() error {
	err := s.validate()
	if err != nil && s.Name != "" {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return err
}

func (s Scenario) validate() error {
	switch {
	case !validName(s.Name):
		return fmt.Errorf("scenario name %q: use lower-case letters, digits and hyphens, as in split-brain", s.Name)
	case s.Why == "":
		return errors.New("it does not say why it matters: set Why")
	case s.Topology == nil:
		return errors.New("it has no topology: set Topology, for example to topology.MasterReplicas{Replicas: 2}")
	case s.Workload.Kind == "":
		return errors.New("it has no workload: set Workload.Kind, for example to workloads.Register")
	case s.Load < 0 || s.Settle < 0:
		return fmt.Errorf("load %v, settle %v: they cannot be negative", s.Load, s.Settle)
	}
	if err := s.Workload.Validate(); err != nil {
		return err
	}
	if err := s.Faults.Validate(); err != nil {
		return err
	}
	if err := s.Faults.Fits(s.Topology.Spec()); err != nil {
		return err
	}
	for _, name := range s.Faults.Names() {
		if err := s.hasNode(name); err != nil {
			return err
		}
	}
	for _, p := range append(append([]result.Promise(nil), s.Promises...), s.Shows...) {
		if err := s.validatePromise(p); err != nil {
			return err
		}
	}
	return nil
}

// hasNode tells whether the topology has the node that a fault names.
func (s Scenario) hasNode(name string) error {
	spec := s.Topology.Spec()
	var n int
	if _, err := fmt.Sscanf(name[1:], "%d", &n); err != nil {
		return fmt.Errorf("node %q: use n1, s1 or w1", name)
	}
	have, what := 0, ""
	switch name[0] {
	case 'n':
		have, what = 1+spec.Replicas+spec.Strangers, "servers"
		if spec = spec.WithDefaults(); spec.Kind == topology.KindCluster {
			have = spec.Shards*(1+spec.Replicas) + spec.Strangers
		}
	case 's':
		have, what = spec.Sentinels, "sentinels"
	case 'w':
		have, what = max(1, spec.Workers), "workers"
	}
	if n > have {
		return fmt.Errorf("a fault hits %s, but the topology has %d %s", name, have, what)
	}
	return nil
}

// validatePromise looks whether the faults exist that the promise's window speaks of.
func (s Scenario) validatePromise(p result.Promise) error {
	if p.Measure == "" {
		return errors.New("a promise names no measure")
	}
	if p.Within == nil {
		return nil
	}
	for _, a := range []result.Anchor{p.Within.From, p.Within.To} {
		switch a.At {
		case "start", "end":
		case "effect", "heal", "promotion":
			if n := s.Faults.Count(); a.Fault < 1 || a.Fault > n {
				return fmt.Errorf("the promise about %s refers to fault %d, but there are %d", p.Measure, a.Fault, n)
			}
		default:
			return fmt.Errorf("the promise about %s is anchored at %q: use start, end, effect, heal or promotion", p.Measure, a.At)
		}
	}
	return nil
}

func validName(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
