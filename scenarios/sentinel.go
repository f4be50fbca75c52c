package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis" // so that a schedule reads like a sentence
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// zombieWindow is how long a deposed master goes on accepting writes after it is back: Sentinel waits 4 of its publish periods of
// 2 s and polls INFO before it demotes it (10.3 s when measured), whatever down-after is.
const zombieWindow = 12 * time.Second

// rejoinTime bounds the convergence of setups in which a deposed master comes back: the zombie window and a full sync.
const rejoinTime = 20 * time.Second

func sentinels() topology.Sentinel { return topology.Sentinel{Replicas: 2, Sentinels: 3} }

func sentinelKill() Scenario {
	return Scenario{
		Name: "sentinel-kill",
		Why: "The master dies and Sentinel promotes a replica. Nobody can write until then, and what the master had acknowledged but not " +
			"yet replicated is gone.",
		Topology: sentinels(),
		Workload: registers(),
		Faults: Schedule{
			After(5*time.Second, Kill(Master)),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
		Promises: []result.Promise{result.WritableWithin(15 * time.Second), result.ConvergesWithin(rejoinTime),
			result.LossOnlyBetween(result.EffectOf(1).Plus(-time.Second), result.End())},
		Shows: []result.Promise{result.RTA},
	}
}

func sentinelKillLagging() Scenario {
	s := lagging("sentinel-kill-lagging", sets())
	s.Why = "The master loses its replicas half a second before it dies. What it acknowledged in that time exists nowhere else: the " +
		"promoted replica never saw it, and the old master throws it away when it rejoins."
	s.Promises = []result.Promise{result.WritableWithin(15 * time.Second), result.ConvergesWithin(rejoinTime),
		result.LossOnlyBetween(result.EffectOf(1), result.PromotionAfter(2))}
	s.Shows = []result.Promise{result.LostWrites}
	return s
}

// lagging is a failover that loses the last half second of writes for certain: the links between master and replicas are cut, the
// master is killed, and the cut stays until the failover is done.
func lagging(name string, w workloads.Spec) Scenario {
	return Scenario{
		Name:     name,
		Topology: sentinels(),
		Workload: w,
		Faults: Schedule{
			After(5*time.Second, CutLinks(Master, AllReplicas).Until(FailoverDone())),
			AfterEffect(1, 500*time.Millisecond, Kill(Master)),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
	}
}

// splitBrains is the setup of both split-brain scenarios: the second worker stands with the old master. Sets tell of each write whether
// it is lost: registers do not where a write without a reply, of which a cut makes some, may have replaced others.
func splitBrains(name string) Scenario {
	w := sets()
	w.WorkerShare = map[string]int{"w2": 3} // two writers and a reader
	t := sentinels()
	t.Workers = 2
	return Scenario{
		Name:     name,
		Topology: t,
		Workload: w,
		Faults: Schedule{
			After(5*time.Second, Partition(Side(Master, "s1", "w2"), Rest).For(20*time.Second)),
		},
		Settle: zombieWindow + 3*time.Second,
	}
}

func splitBrain() Scenario {
	s := splitBrains("split-brain")
	s.Why = "The network cuts off the master together with one sentinel and one client. The majority elects a new master; the old one " +
		"does not know and goes on acknowledging until Sentinel demotes it some 10 s after the network is whole again. All of that is lost."
	s.Promises = []result.Promise{
		result.LossOnlyBetween(result.EffectOf(1), result.HealOf(1).Plus(zombieWindow)),
		result.ConvergesWithin(rejoinTime)}
	s.Shows = []result.Promise{result.LostWrites, result.TwoMasters}
	return s
}

func splitBrainMinReplicas() Scenario {
	s := splitBrains("split-brain-min-replicas")
	s.Why = "The same cut, but the master refuses writes when no replica has answered for 3 s (min-replicas-to-write 1, " +
		"min-replicas-max-lag 3). The loss is bounded; it is not zero."
	t := sentinels()
	t.Workers = 2
	t.Config = []string{"min-replicas-to-write 1", "min-replicas-max-lag 3"}
	s.Topology = t
	s.Promises = []result.Promise{result.LastLossBy(result.EffectOf(1).Plus((3 + 2) * time.Second)), result.ConvergesWithin(rejoinTime)}
	s.Shows = []result.Promise{result.LostWrites}
	return s
}

func zombieMaster() Scenario {
	w := sets()
	// A client that waits longer than the freeze and hears no sentinel keeps its connection, and with it the old master.
	w.Timeout = 20 * time.Second
	w.WorkerShare = map[string]int{"w2": 3}
	t := sentinels()
	t.Workers = 2
	return Scenario{
		Name: "zombie-master",
		Why: "The master freezes, is replaced, and wakes up believing that nothing happened. A client that kept its connection and hears " +
			"no sentinel goes on writing to it for the 10 s that Sentinel takes to demote it; every one of those writes is acknowledged and lost.",
		Topology: t,
		Workload: w,
		Faults: Schedule{
			After(4*time.Second, CutLinks(Side("w2"), Sentinels).Until(HealOf(2).Plus(zombieWindow))),
			After(5*time.Second, Pause(Master).Until(FailoverDone().Plus(time.Second))),
		},
		Promises: []result.Promise{result.LossOnlyOnDeposed(), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.SplitBrain},
	}
}

func sentinelManualFailover() Scenario {
	return Scenario{
		Name: "sentinel-manual-failover",
		Why: "Nothing fails: an operator asks Sentinel for a failover, as before maintenance. Nobody stops the old master first, so what it " +
			"acknowledges from the promotion until clients hear of it and Sentinel demotes it is lost.",
		Topology: sentinels(),
		Workload: sets(),
		Faults:   Schedule{After(5*time.Second, SentinelFailover())},
		Settle:   zombieWindow + 3*time.Second,
		Promises: []result.Promise{result.LossOnlyOnDeposed(), result.WritableWithin(5 * time.Second), result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

func staleFailback() Scenario {
	return Scenario{
		Name: "stale-failback",
		Why: "A dies, B takes over and is written to, B dies, and only then A comes back with its old data. Sentinel promotes A, since it " +
			"is the only one there, and B is wiped when it returns: everything that B acknowledged is lost.",
		Topology: topology.Sentinel{Replicas: 1, Sentinels: 3},
		Workload: sets(),
		Faults: Schedule{
			After(4*time.Second, Kill("n1").Until(EffectOf(2).Plus(time.Second))),
			AfterFailover(4*time.Second, Kill("n2").Until(FailoverDone().Plus(3*time.Second))),
		},
		Promises: []result.Promise{result.ConvergesWithin(rejoinTime)},
		Shows:    []result.Promise{result.LostWrites},
	}
}
