package scenarios

import (
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// object is one kind of workload with what is promised of it where nothing is broken, and what a failover that loses the last half
// second of writes does to it.
type object struct {
	name string
	load workloads.Spec
	// failing is load where the failover needs another one; its Kind is empty where not.
	failing  workloads.Spec
	what     string // what is checked, in a sentence
	why      string // what the failover does
	promises []result.Promise
	shows    []result.Promise
	// elsewhere: its failover is a scenario of another name.
	elsewhere bool
}

// none promises that a measure is 0.
func none(measure string) result.Promise { return result.Promise{Measure: measure, By: "scenario"} }

// shown lists a measure that is above 0 as a weakness.
func shown(measure string) result.Promise { return result.Promise{Measure: measure, By: "shows"} }

// objects are all workloads but registers, which have scenarios of their own. Rates are lower where the search for an order is hard.
func objects() []object {
	return append(collections(), []object{{
		name:     "list",
		load:     workloads.Spec{Kind: workloads.List, Writers: 8, Readers: 4, Rate: 1000},
		what:     "Every element that was appended to a list is there once, in order, and every read is a prefix of the next.",
		why:      "The tail of every list that the old master alone held is cut off, and other elements grow in its place.",
		promises: []result.Promise{result.Linearizable(), result.NothingLost()},
		shows:    []result.Promise{result.LostWrites},
	}, {
		name:     "counter",
		load:     workloads.Spec{Kind: workloads.Counter, Writers: 8, Readers: 4, Rate: 1000},
		what:     "A counter never goes back, and holds every increment that was acknowledged.",
		why:      "The counter falls back by what the old master alone had counted, and the same values are handed out again.",
		promises: []result.Promise{result.Linearizable(), result.NothingLost()},
		shows:    []result.Promise{result.LostWrites},
	}, {
		name:     "cas",
		load:     workloads.Spec{Kind: workloads.CAS, Writers: 6, Readers: 4, Keys: 50, Rate: 500},
		what:     "A value that is set only when it is what the client believes it to be: there is one order that explains every answer.",
		why:      "Two clients both win the same comparison: one at the old master, whose answer is forgotten, one at the new.",
		promises: []result.Promise{result.Linearizable()},
		shows:    []result.Promise{shown("master_conflicts")},
	}, {
		name: "lock",
		load: workloads.Spec{Kind: workloads.Lock, Writers: 12, Readers: 4, Rate: 1000},
		// The lease outlives the failover, and there are enough locks that those of the last half second are not taken anyway.
		failing:  workloads.Spec{Kind: workloads.Lock, Writers: 12, Readers: 4, Rate: 1000, Keys: 200, Lease: 15 * time.Second},
		what:     "A lock has one holder at a time.",
		why:      "A lock that was granted in the last half second is unknown to the new master, which grants it again: two holders at once.",
		promises: []result.Promise{none("lock_overlap")},
		shows:    []result.Promise{shown("lock_overlap")},
	}, {
		name:     "bank",
		load:     workloads.Spec{Kind: workloads.Bank, Writers: 8, Readers: 4, Rate: 1000},
		failing:  workloads.Spec{Kind: workloads.Bank, Writers: 8, Readers: 4, Rate: 1000, Lua: true},
		what:     "Money that is moved between accounts in MULTI/EXEC: the total holds in every read, on replicas too.",
		why:      "Transfers of the last half second are undone as a whole: the total still holds, but money that was acknowledged as moved is back.",
		promises: []result.Promise{none("fractured"), result.NothingLost()},
		shows:    []result.Promise{result.LostWrites},
	}, {
		name: "queue",
		load: workloads.Spec{Kind: workloads.Queue, Writers: 4, Readers: 8, Rate: 1000},
		// The consumers take half of what is put in, so that there are elements waiting when the master dies.
		failing:  workloads.Spec{Kind: workloads.Queue, Writers: 8, Readers: 4, Rate: 1000, ReadRate: 1000},
		what:     "What is put on a queue comes out once, in order.",
		why:      "Elements that were put on the queue in the last half second are gone, and those taken off then come out again.",
		promises: []result.Promise{result.NothingLost(), none("queue_duplicated")},
		shows:    []result.Promise{result.LostWrites, shown("queue_duplicated")},
	}, {
		name:     "stream",
		load:     workloads.Spec{Kind: workloads.Stream, Writers: 4, Readers: 8, Rate: 1000},
		failing:  workloads.Spec{Kind: workloads.Stream, Writers: 8, Readers: 4, Rate: 1000, ReadRate: 1000},
		what:     "What is added to a stream reaches its consumer group once, in order.",
		why:      "Entries of the last half second are gone, and those that the group acknowledged then are delivered again.",
		promises: []result.Promise{result.NothingLost(), none("queue_duplicated")},
		shows:    []result.Promise{result.LostWrites},
	}, {
		name: "expiry",
		load: workloads.Spec{Kind: workloads.Expiry, Writers: 8, Readers: 4, Rate: 1000},
		// Most keys are written once or twice, and live longer than the run takes.
		failing:  workloads.Spec{Kind: workloads.Expiry, Writers: 8, Readers: 8, Rate: 2000, Keys: 10000, Lease: 2 * time.Minute},
		what:     "A key with a time to live is there until then and never after.",
		why:      "Keys of the last half second are gone long before their time.",
		promises: []result.Promise{none("expired_read"), none("early_nil")},
		shows:    []result.Promise{result.LostWrites, shown("early_nil")},
	}, {
		name: "txn",
		load: workloads.Spec{Kind: workloads.Txn, Writers: 6, Readers: 4, Rate: 400},
		// With more lists at a time each is in use for longer than the failover takes.
		failing:  workloads.Spec{Kind: workloads.Txn, Writers: 6, Readers: 4, Rate: 400, Keys: 60},
		what:     "Transactions that append to lists and read them in MULTI/EXEC are strictly serializable at one master.",
		why:      "Transactions read what the old master alone held; no order of all transactions explains what is read after it.",
		promises: []result.Promise{none("txn_anomalies")},
		shows:    []result.Promise{shown("txn_anomalies")},
	}}...)
}

// collections hold elements that are added once and, a few of them, removed.
func collections() []object {
	of := func(name string, kind workloads.Kind, what string) object {
		return object{
			name:     name,
			load:     workloads.Spec{Kind: kind, Writers: 8, Readers: 4, Rate: 1000},
			what:     what,
			why:      "Elements that the old master alone held are gone, and those that it alone had removed are back.",
			promises: []result.Promise{result.Linearizable(), result.NothingLost()},
			shows:    []result.Promise{result.LostWrites},
		}
	}
	all := []object{
		of("set", workloads.Set, "Every element that was added to a set is there until it is removed, and not after."),
		of("hash", workloads.Hash, "Every field that was set in a hash is there with its value until it is removed, and not after."),
		of("zset", workloads.SortedSet, "Every member that was added to a sorted set is there with its score until it is removed, and not after."),
	}
	all[0].elsewhere = true // sentinel-kill-lagging
	return all
}

// healthy is the object's scenario without faults.
func (o object) healthy() Scenario {
	return Scenario{
		Name:     "healthy-" + o.name,
		Why:      o.what + " Nothing is broken: any finding here is a bug of the server or of schism.",
		Topology: topology.MasterReplicas{Replicas: 2},
		Workload: o.load,
		Promises: append(o.promises, result.ConvergesWithin(5*time.Second)),
	}
}

// failover is its scenario with a failover of a master whose replicas lagged by half a second.
func (o object) failover() Scenario {
	w := o.failing
	if w.Kind == "" {
		w = o.load
	}
	s := lagging(o.name+"-failover", w)
	s.Why = o.what + " The master loses its replicas half a second before it dies. " + o.why
	s.Promises = []result.Promise{result.WritableWithin(15 * time.Second), result.ConvergesWithin(rejoinTime)}
	s.Shows = o.shows
	return s
}
