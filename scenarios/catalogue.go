package scenarios

import (
	"fmt"

	"github.com/schismtest/schism/internal/words"
)

// All is the catalogue, in the order in which it is listed.
func All() []Scenario {
	all := []Scenario{
		healthy(), replicaCrash(), masterCrashNoFailover(), sentinelKill(), sentinelKillLagging(), splitBrain(), splitBrainMinReplicas(),
		zombieMaster(), sentinelManualFailover(), emptyRestartWipe(), staleFailback(), replicaofWrongMaster(), slowReplica(), waitHealthy(), waitIsNotConsensus(),
		waitTimeout(), waitAOF(), chainHealthy(), chainMiddleDies(),
	}
	all = append(all, clusters()...)
	for _, o := range objects() {
		all = append(all, o.healthy())
	}
	for _, o := range objects() {
		if !o.elsewhere {
			all = append(all, o.failover())
		}
	}
	return all
}

// CI names the scenarios that every push runs: the zero of every measure, one of each kind of fault, the stories that the catalogue
// exists for, and another kind of object, in less than 6 minutes.
func CI() []string {
	return []string{"healthy", "replica-crash", "empty-restart-wipe", "slow-replica", "sentinel-kill", "sentinel-kill-lagging", "split-brain", "cluster-kill",
		"healthy-list", "lock-failover"}
}

// Names are the names of all scenarios.
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// Find is the scenario of that name. The error suggests what may have been meant.
func Find(name string) (Scenario, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	if meant := words.DidYouMean(name, Names()); meant != "" {
		return Scenario{}, fmt.Errorf("unknown scenario %q%s", name, meant)
	}
	return Scenario{}, fmt.Errorf("unknown scenario %q: schism list names them all", name)
}
