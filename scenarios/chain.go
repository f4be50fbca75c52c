package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis" // so that a schedule reads like a sentence
	"github.com/schismtest/schism/topology"
)

func chainHealthy() Scenario {
	return Scenario{
		Name: "chain-healthy",
		Why: "A replica of a replica: n3 copies n2, which copies n1. Nothing is broken; all three hold one stream under one replication id, and " +
			"what n3 serves is a little older than what n2 does.",
		Topology: topology.Chain{Length: 3},
		Workload: registers(),
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
	}
}

// chainMiddleDies has every write followed by WAIT for two replicas, of which a chain's master has but one.
func chainMiddleDies() Scenario {
	return Scenario{
		Name: "chain-middle-dies",
		Why: "The middle of a chain is killed and comes back: meanwhile the last server hears nothing and serves what it has, and the master, which " +
			"knows only its own replicas, goes on as if nothing hung behind. WAIT 2 never counts the last one: it gives 1, and 0 while the middle is away.",
		Topology: topology.Chain{Length: 3},
		Workload: waitedSlowly(registers(), 2),
		Faults:   Schedule{After(4*time.Second, Kill("n2").For(4*time.Second))},
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(10 * time.Second)},
		Shows:    []result.Promise{result.ShortWaits, result.Lag, result.StaleReads},
	}
}
