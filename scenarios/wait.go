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

// waitLagging cuts the replica off that Sentinel prefers, so that it is not the one that answers WAIT.
func waitLagging() Scenario {
	t := sentinels()
	t.NodeConfig = map[string][]string{"n2": {"replica-priority 10"}}
	return Scenario{
		Name: "wait-lagging",
		Why: "WAIT is no consensus: a replica had the write when WAIT answered 1, but Sentinel promotes another one, by priority, that had been " +
			"cut off for half a second. Writes that WAIT had counted are lost, as the documentation warns.",
		Topology: t,
		Workload: waited(1),
		Faults: Schedule{
			After(5*time.Second, CutLinks(Master, Side("n2")).Until(FailoverDone())),
			AfterEffect(1, 500*time.Millisecond, Kill(Master)),
			AfterFailover(3*time.Second, Restart(Killed)),
		},
		Promises: []result.Promise{result.WritableWithin(15 * time.Second), result.ConvergesWithin(rejoinTime),
			result.LossOnlyBetween(result.EffectOf(1), result.PromotionAfter(2))},
		Shows: []result.Promise{result.LostWrites},
	}
}
