package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis" // so that a schedule reads like a sentence
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// Registers judge what these scenarios are about besides loss: linearizability of master reads and staleness of replica reads,
// exactly, because each key has one writer, its values are versions, and SET..GET tells each write's predecessor. That chain makes
// the loss count exact too.
func registers() workloads.Spec {
	return workloads.Spec{Kind: workloads.Register, Writers: 8, Readers: 4, ReadFrom: workloads.Both}
}

// Sets count lost writes one by one: an element is in the final set or it is not, and nothing overwrites it. They carry the
// scenarios whose number must equal a recount from the servers' final sets.
func sets() workloads.Spec {
	return workloads.Spec{Kind: workloads.Set, Writers: 8, Readers: 4, ReadFrom: workloads.Both}
}

// healthy is the zero of every measure. Beside the load, a few registers are read far more often than written, each connection from one
// server: what one read found, the next one mostly finds again, which shows a server that goes back.
func healthy() Scenario {
	w := registers()
	w.ReadMostly = 20
	return Scenario{
		Name:     "healthy",
		Why:      "Nothing is broken: what every measure reads when replication just works. Any finding here is a bug of the server or of schism.",
		Topology: topology.MasterReplicas{Replicas: 2},
		Workload: w,
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
	}
}

func replicaCrash() Scenario {
	return Scenario{
		Name:     "replica-crash",
		Why:      "One of two replicas is killed and comes back. The master must not care, and reads must go on at the other replica.",
		Topology: topology.MasterReplicas{Replicas: 2},
		Workload: registers(),
		Faults:   Schedule{After(3*time.Second, Kill(OneReplica).For(4*time.Second))},
		Promises: []result.Promise{result.Linearizable(), result.NothingLost(), result.ConvergesWithin(5 * time.Second), result.ReadsGoOn(time.Second)},
		Shows:    []result.Promise{result.OtherReads},
	}
}

func masterCrashNoFailover() Scenario {
	return Scenario{
		Name: "master-crash-no-failover",
		Why: "The master is killed and nobody fails over: nobody can write until it is started again. What it had handed " +
			"to the kernel for its AOF outlives the process; a power loss would be another matter.",
		Topology: topology.MasterReplicas{Replicas: 2, Persistence: "aof-everysec"},
		Workload: registers(),
		Faults:   Schedule{After(4*time.Second, Kill(Master).For(3*time.Second))},
		Promises: []result.Promise{result.NothingLost(), result.ConvergesWithin(10 * time.Second)},
		Shows:    []result.Promise{result.WriteGap},
	}
}

func emptyRestartWipe() Scenario {
	return Scenario{
		Name: "empty-restart-wipe",
		Why: "A master without persistence is restarted faster than anyone notices. It comes back empty, and its replicas make " +
			"themselves equal to it: the whole data set is gone on every node, as the documentation warns.",
		Topology: topology.MasterReplicas{Replicas: 2, Persistence: "none"},
		Workload: sets(),
		Faults:   Schedule{After(5*time.Second, KillAndRestart(Master))},
		Promises: []result.Promise{result.ConvergesWithin(10 * time.Second)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

func replicaofWrongMaster() Scenario {
	return Scenario{
		Name: "replicaof-wrong-master",
		Why: "The master is told by mistake to follow a server of another data set. It throws its own data away without a question, its " +
			"replicas do the same after it, and making it a master again does not bring anything back.",
		Topology: topology.MasterReplicas{Replicas: 2, Strangers: 1},
		Workload: sets(),
		Faults:   Schedule{After(5*time.Second, ReplicaOf(Master, Stranger).For(3*time.Second))},
		Promises: []result.Promise{result.ConvergesWithin(10 * time.Second)},
		Shows:    []result.Promise{result.DataReplaced},
	}
}

func slowReplica() Scenario {
	return Scenario{
		Name: "slow-replica",
		Why: "One replica does not answer for 3 s (DEBUG SLEEP stands for a long command). It falls behind by what was written " +
			"meanwhile and catches up; its readers wait, and nothing is lost.",
		Topology: topology.MasterReplicas{Replicas: 2},
		Workload: registers(),
		Faults:   Schedule{After(4*time.Second, DebugSleep(OneReplica, 3*time.Second))},
		Promises: []result.Promise{result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
		Shows:    []result.Promise{result.Lag},
	}
}
