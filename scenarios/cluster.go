package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis" // so that a schedule reads like a sentence
	"github.com/schismtest/schism/topology"
)

// clusters are the scenarios of a Cluster.
func clusters() []Scenario {
	return []Scenario{
		clusterHealthy(), clusterKill(), clusterMinority(), clusterZombie(), clusterManual("plain", FailoverPlain), clusterManual("force", FailoverForce),
		clusterManual("takeover", FailoverTakeover), clusterValidity("10"), clusterValidity("0"), clusterReshard(), clusterReshardFailover(),
		clusterReplicaReads(), clusterUncoveredSlots(), clusterReadsWhenDown(), clusterReplicaMigration(),
	}
}

// cluster is the Cluster of most scenarios: three masters, each with a replica.
func cluster() topology.Cluster { return topology.Cluster{Shards: 3, Replicas: 1} }

func clusterHealthy() Scenario {
	return Scenario{
		Name:     "cluster-healthy",
		Why:      "Nothing is broken in a Cluster of three shards: the zero of every measure, in each shard and in all.",
		Topology: cluster(),
		Workload: registers(),
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
	}
}

func clusterKill() Scenario {
	return Scenario{
		Name: "cluster-kill",
		Why: "The master of one shard dies and its replica is elected. Until then no shard answers, since a slot is served by nobody " +
			"(cluster-require-full-coverage yes); what was acknowledged and not yet replicated is gone, in that shard alone.",
		Topology: cluster(),
		Workload: registers(),
		Faults:   Schedule{After(5*time.Second, Kill(Shard(1).Master())), AfterFailover(3*time.Second, Restart(Killed))},
		Promises: []result.Promise{result.WritableWithin(15 * time.Second), result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime),
			result.LossOnlyBetween(result.EffectOf(1).Plus(-time.Second), result.End())},
		Shows: []result.Promise{result.RTA},
	}
}

// clusterMinority cuts off one master with the second client, so that somebody still writes to it.
func clusterMinority() Scenario {
	w := sets() // each writer's set lies in one shard: of six, some lie in the one that is cut off
	w.WorkerShare = map[string]int{"w2": 9}
	t := cluster()
	t.Workers = 2
	return Scenario{
		Name: "cluster-minority",
		Why: "The network cuts off one master together with one client. It goes on acknowledging until it notices, after the node timeout, that it " +
			"hears no majority of the masters; the others elect its replica. What it took in that time is lost when the network is whole again.",
		Topology: t,
		Workload: w,
		Faults:   Schedule{After(5*time.Second, Partition(Side(Shard(1).Master(), "w2"), Rest).For(12*time.Second))},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.LastLossBy(result.EffectOf(1).Plus(5 * time.Second)), result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

// clusterZombie leaves commands waiting in the frozen master's sockets: clients wait longer than it sleeps.
func clusterZombie() Scenario {
	w := sets()
	w.Timeout = 20 * time.Second
	return Scenario{
		Name: "cluster-zombie",
		Why: "The master of one shard freezes, is replaced, and wakes up. It executes and acknowledges what had waited in its sockets before it hears " +
			"that it was deposed; these writes are lost.",
		Topology: cluster(),
		Workload: w,
		Faults:   Schedule{After(5*time.Second, Pause(Shard(1).Master()).For(8*time.Second))},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.LossOnlyOnDeposed(), result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

// clusterManual is a failover that an operator asks a replica for.
func clusterManual(name, how string) Scenario {
	s := Scenario{
		Name:     "cluster-manual-" + name,
		Topology: cluster(),
		Workload: sets(),
		Faults:   Schedule{After(5*time.Second, ClusterFailover(Shard(1).Replica(), how))},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.WritableWithin(5 * time.Second), result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
	switch how {
	case FailoverPlain:
		s.Why = "An operator tells a replica to take over (CLUSTER FAILOVER). The master stops its clients until the replica has all that it has: nothing is " +
			"lost, and for a moment nobody writes."
		s.Promises, s.Shows = append(s.Promises, result.NothingLost()), []result.Promise{result.WriteGap}
	case FailoverForce:
		s.Why = "CLUSTER FAILOVER FORCE asks the other masters, but not the one that is replaced: what that one acknowledged and had not yet passed on is lost."
	case FailoverTakeover:
		s.Why = "CLUSTER FAILOVER TAKEOVER asks nobody: the old master goes on until it hears of it, and what it acknowledged meanwhile is lost."
	}
	return s
}

// staleFor is how long the replica of clusterValidity is cut off before its master dies.
const staleFor = 24 * time.Second

// clusterValidity kills a master whose replica has been cut off for long. With a ping each second a replica is too old after the validity factor
// times the node timeout, and that second.
func clusterValidity(factor string) Scenario {
	t := cluster()
	t.Config = []string{"cluster-replica-validity-factor " + factor, "repl-ping-replica-period 1"}
	s := Scenario{
		Name:     "cluster-validity-factor-" + factor,
		Topology: t,
		Workload: sets(),
		Faults: Schedule{
			After(3*time.Second, CutLinks(Shard(1).Master(), Shard(1).Replicas()).Until(HealOf(2))),
			AfterEffect(1, staleFor, Kill(Shard(1).Master()).For(12*time.Second)),
		},
		Load:     45 * time.Second,
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime)},
	}
	if factor == "0" {
		s.Why = "A replica that has been cut off for 24 s is promoted all the same (cluster-replica-validity-factor 0): whatever its master acknowledged in " +
			"that time is lost."
		s.Promises = append(s.Promises, result.LossOnlyBetween(result.EffectOf(1), result.PromotionAfter(2)))
		s.Shows = []result.Promise{result.LostWrites}
		return s
	}
	s.Why = "A replica that has been cut off for 24 s is too old to be promoted (cluster-replica-validity-factor 10): when its master dies, the Cluster is down " +
		"until that one is back, and nothing is lost."
	s.Promises = append(s.Promises, result.NothingLost())
	s.Shows = []result.Promise{result.UnservedFor}
	return s
}

func clusterReshard() Scenario {
	return Scenario{
		Name:     "cluster-reshard",
		Why:      "Slots move from one shard to another under load, with the keys in them. Clients are sent after them, and nothing may get lost on the way.",
		Topology: cluster(),
		Workload: registers(),
		Faults:   Schedule{After(4*time.Second, MigrateSlots(Shard(1).Master(), Shard(2).Master(), 40))},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.NothingLost(), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.WriteGap},
	}
}

func clusterReshardFailover() Scenario {
	return Scenario{
		Name: "cluster-reshard-failover",
		Why: "The master that slots move to dies while they move. Its replica is elected; what became of the slot that was on its way, and of its keys, is " +
			"what this run shows.",
		Topology: cluster(),
		Workload: registers(),
		Faults: Schedule{
			After(4*time.Second, MigrateSlots(Shard(1).Master(), Shard(2).Master(), 400)),
			AfterEffect(1, 500*time.Millisecond, Kill(Shard(2).Master())),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
		Settle:   8 * time.Second,
		Promises: []result.Promise{result.WritableWithin(20 * time.Second), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

func clusterReplicaReads() Scenario {
	return Scenario{
		Name:     "cluster-replica-reads",
		Why:      "Clients read from masters and from replicas (READONLY), and one shard's replica hears nothing of its master for 3 s: it answers with what it has, as old as that is.",
		Topology: cluster(),
		Workload: registers(),
		Faults:   Schedule{After(4*time.Second, CutLinks(Shard(1).Master(), Shard(1).Replicas()).For(3*time.Second))},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.StaleReads},
	}
}

// downShard kills a shard whole, and starts it again.
func downShard() Schedule {
	return Schedule{
		After(5*time.Second, Kill(Shard(1).Replicas()).Until(HealOf(2))),
		AfterEffect(1, 0, Kill(Shard(1).Master()).For(10*time.Second)),
	}
}

func clusterUncoveredSlots() Scenario {
	t := cluster()
	t.Config = []string{"cluster-require-full-coverage no"}
	return Scenario{
		Name: "cluster-uncovered-slots",
		Why: "A whole shard is down, and the others go on (cluster-require-full-coverage no): a third of the keys cannot be written, and the others can all " +
			"the time.",
		Topology: t,
		Workload: registers(),
		Faults:   downShard(),
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.NothingLost(), result.UnservedAtMost(0.34), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.SlotsUnserved},
	}
}

func clusterReadsWhenDown() Scenario {
	t := cluster()
	t.Config = []string{"cluster-allow-reads-when-down yes"}
	return Scenario{
		Name: "cluster-reads-when-down",
		Why: "A whole shard is down, and with it the Cluster: nobody takes writes. Reads of the other shards are answered all the same " +
			"(cluster-allow-reads-when-down yes).",
		Topology: t,
		Workload: registers(),
		Faults:   downShard(),
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.NothingLost(), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.WriteGap},
	}
}

func clusterReplicaMigration() Scenario {
	t := cluster()
	t.Replicas = 2
	return Scenario{
		Name: "cluster-replica-migration",
		Why: "A shard loses both replicas, and one of another shard that has two comes over (cluster-migration-barrier 1). Then its master dies: without " +
			"that there would be nobody to promote.",
		Topology: t,
		Workload: registers(),
		Faults: Schedule{
			After(3*time.Second, Kill(Shard(1).Replicas())),
			AfterEffect(1, 12*time.Second, Kill(Shard(1).Master())),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
		Settle:   5 * time.Second,
		Promises: []result.Promise{result.WritableWithin(15 * time.Second), result.LossOnlyInShard(1), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.RTA},
	}
}
