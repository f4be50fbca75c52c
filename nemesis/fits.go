package nemesis

import (
	"cmp"
	"errors"
	"fmt"
	"maps"

	"github.com/schismtest/schism/topology"
)

// Fits says what of the schedule cannot be in this topology, by its nature rather than by the number of its nodes: faults and targets of a
// Cluster elsewhere, and in a Cluster those that take for granted that there is one master, or sentinels.
func (s Schedule) Fits(t topology.Spec) error {
	t = t.WithDefaults()
	var errs []error
	seen := map[string]bool{}
	for _, f := range s.outline().list() {
		why := f.action.misfit(t)
		for w := range f.when.targets() {
			why = cmp.Or(why, w.misfit(t))
		}
		if why != "" && !seen[f.action.String()+why] {
			seen[f.action.String()+why] = true
			errs = append(errs, fmt.Errorf("fault %d (%s): %s", f.id, f.action, why))
		}
	}
	return errors.Join(errs...)
}

// misfit says why the action cannot be in this topology; empty when it can.
func (a Action) misfit(t topology.Spec) string {
	cluster := t.Kind == topology.KindCluster
	if a.ofCluster() && !cluster {
		return "the topology is " + string(t.Kind) + ", no Cluster"
	}
	switch a.Kind {
	case KindSentinelFailover:
		if cluster {
			return "a Cluster has no sentinels; use ClusterFailover"
		}
	case KindReplicaOf:
		if cluster {
			return "the servers of a Cluster refuse REPLICAOF"
		}
	}
	for _, side := range []Nodes{a.On, a.From, a.To, {a.Master}} {
		for _, target := range side {
			if why := target.misfit(t); why != "" {
				return why
			}
		}
	}
	if a.Ends != nil {
		for target := range a.Ends.targets() {
			if why := target.misfit(t); why != "" {
				return why
			}
		}
	}
	return ""
}

func (t Target) misfit(s topology.Spec) string {
	shard, _ := t.shard()
	switch cluster := s.Kind == topology.KindCluster; {
	case shard > 0 && !cluster:
		return t.String() + ": the topology is " + string(s.Kind) + ", no Cluster"
	case shard > s.Shards:
		return fmt.Sprintf("there is no shard %d: the Cluster has %d", shard, s.Shards)
	case !cluster:
		return ""
	case t == Master:
		return "every shard of a Cluster has a master: name one, as in Shard(1).Master()"
	case t == MajorityWithoutMaster:
		return "every shard of a Cluster has a master: name the others, as in Shard(1).Others()"
	case t == Sentinels:
		return "a Cluster has no sentinels"
	}
	return ""
}

// targets are those that the moment names.
func (w When) targets() map[Target]bool {
	out := map[Target]bool{}
	if w.Target != "" {
		out[w.Target] = true
	}
	for _, p := range w.All {
		maps.Copy(out, p.targets())
	}
	return out
}
