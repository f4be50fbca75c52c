package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis" // so that a schedule reads like a sentence
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// waited are sets whose every write is followed by WAIT for so many replicas, which gives up long before the client does.
func waited(replicas int) workloads.Spec {
	w := sets()
	w.Rate = 1000
	w.Wait, w.WaitTimeout = replicas, 200*time.Millisecond
	return w
}

func waitHealthy() Scenario {
	return Scenario{
		Name: "wait-healthy",
		Why: "Every write is followed by WAIT for both replicas, and nothing is broken: WAIT counts the replicas that hold the write, " +
			"never one that does not, and nothing is lost.",
		Topology: topology.MasterReplicas{Replicas: 2},
		Workload: waited(2),
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
	}
}

// waitedSlowly follows every write with WAIT at a rate that the clients keep up although it goes on until it gives up.
func waitedSlowly(w workloads.Spec, replicas int) workloads.Spec {
	w.Writers, w.Rate = 32, 300
	w.Wait, w.WaitTimeout = replicas, 50*time.Millisecond
	return w
}

// waitIsNotConsensus cuts the replica off that Sentinel prefers, so that it is not the one that answers WAIT.
func waitIsNotConsensus() Scenario {
	t := sentinels()
	t.NodeConfig = map[string][]string{"n2": {"replica-priority 10"}}
	return Scenario{
		Name: "wait-is-not-consensus",
		Why: "A replica had the write when WAIT answered 1, but Sentinel promotes another one, by priority, that had been cut off for half a second. " +
			"All writes of that time are lost although WAIT had counted them, as the documentation warns.",
		Topology: t,
		Workload: waited(1),
		Faults: Schedule{
			After(5*time.Second, CutLinks(Master, Side("n2")).Until(FailoverDone())),
			AfterEffect(1, 500*time.Millisecond, Kill(Master)),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
		Promises: []result.Promise{result.WritableWithin(15 * time.Second), result.ConvergesWithin(rejoinTime),
			result.LossOnlyBetween(result.EffectOf(1), result.PromotionAfter(2))},
		Shows: []result.Promise{result.LostAfterWait, result.LostWrites},
	}
}

func waitTimeout() Scenario {
	return Scenario{
		Name: "wait-timeout",
		Why: "The only replica is frozen, so WAIT answers 0 when its time is over. That undoes nothing: the write was acknowledged, everybody reads it at " +
			"the master, and the replica gets it when it wakes. A short WAIT says that one does not know, not that it failed.",
		Topology: topology.MasterReplicas{Replicas: 1},
		Workload: waitedSlowly(sets(), 1),
		Faults:   Schedule{After(4*time.Second, Pause(OneReplica).For(4*time.Second))},
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
		Shows:    []result.Promise{result.ShortWaits},
	}
}

// waitAOF has many clients: each waits for the next fsync, which comes once a second, and for the replica's.
func waitAOF() Scenario {
	w := sets()
	w.Writers, w.Rate = 64, 60
	w.WaitAOF = workloads.WaitAOF{Local: 1, Replicas: 1}
	return Scenario{
		Name: "waitaof",
		Why: "Every write is followed by WAITAOF for the master's own append-only file and a replica's, which are fsynced once a second: it is to answer " +
			"when they were, not before. Nothing is broken.",
		Topology: topology.MasterReplicas{Replicas: 1, Persistence: topology.AOFEverySec},
		Workload: w,
		Load:     15 * time.Second,
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
	}
}
