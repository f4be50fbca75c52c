package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// All is the catalogue, in the order in which it is listed.
func All() []Scenario {
	all := []Scenario{
		healthy(), replicaCrash(), masterCrashNoFailover(), sentinelKill(), sentinelKillLagging(), splitBrain(), splitBrainMinReplicas(),
		zombieMaster(), emptyRestartWipe(), staleFailback(), replicaofWrongMaster(), slowReplica(), waitHealthy(), waitLagging(),
	}
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
	return []string{"healthy", "replica-crash", "empty-restart-wipe", "slow-replica", "sentinel-kill", "sentinel-kill-lagging", "split-brain",
		"healthy-list", "lock-failover"}
}

// Find is the scenario of that name. The error suggests what may have been meant.
func Find(name string) (Scenario, error) {
	type near struct {
		name string
		far  int
	}
	var nears []near
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		d := distance(name, s.Name)
		if strings.Contains(s.Name, name) && len(name) > 2 {
			d = 1
		}
		if d <= 2+len(name)/4 {
			nears = append(nears, near{s.Name, d})
		}
	}
	if len(nears) == 0 || name == "" {
		return Scenario{}, fmt.Errorf("unknown scenario %q: schism list names them all", name)
	}
	slices.SortStableFunc(nears, func(a, b near) int { return a.far - b.far })
	var names []string
	for _, n := range nears[:min(3, len(nears))] {
		names = append(names, n.name)
	}
	return Scenario{}, fmt.Errorf("unknown scenario %q: did you mean %s?", name, strings.Join(names, " or "))
}

// distance is how many letters must be put in, taken out or changed to make a of b.
func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur := make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			change := prev[j]
			if a[i] != b[j] {
				change++
			}
			cur[j+1] = min(change, prev[j+1]+1, cur[j]+1)
		}
		prev = cur
	}
	return prev[len(b)]
}
