package sim

import (
	"math/rand"

	"github.com/schismtest/schism/history"
)

// Object is what the clients work on.
type Object string

// The objects.
const (
	Register Object = "register" // one writer a key, versions and predecessor replies
	Shared   Object = "shared"   // registers with many writers and predecessor replies
	Blind    Object = "blind"    // registers with many writers, without predecessor replies
	Set      Object = "set"
	List     Object = "list"
	Counter  Object = "counter"
	Lock     Object = "lock" // with a lease and fencing tokens
	Bank     Object = "bank"
	Queue    Object = "queue"
	Expiring Object = "expiring"
)

// Objects are all of them.
func Objects() []Object {
	return []Object{Register, Shared, Blind, Set, List, Counter, Lock, Bank, Queue, Expiring}
}

// Failure is something that happens to the servers.
type Failure string

// The failures. Kill, Split and Zombie end with another master.
const (
	Kill       Failure = "kill"        // the master dies; another is promoted; it comes back and is made a replica
	Split      Failure = "split"       // the master is cut off with the second worker, which goes on writing to it
	Zombie     Failure = "zombie"      // the master is frozen; when it wakes it goes on with what waits in its sockets, and acknowledges more
	OldRestart Failure = "old-restart" // the master restarts with the data of an earlier moment, before anybody is promoted
	Wipe       Failure = "wipe"        // the master restarts empty, and its replicas copy that
	Failback   Failure = "failback"    // as Kill, but then the old master takes over again, with its older data
	CutReplica Failure = "cut-replica" // a replica is cut off for a while
	KillOther  Failure = "kill-other"  // a replica restarts empty
)

// Failures are all of them.
func Failures() []Failure {
	return []Failure{Kill, Split, Zombie, OldRestart, Wipe, Failback, CutReplica, KillOther}
}

// Records says which records are lost on the way.
type Records string

// What may be lost. The zero value draws nothing lost in nine of ten runs.
const (
	Whole Records = "whole"
	Cut   Records = "cut"     // a worker's last batches never arrived: the history ends early
	Gone  Records = "missing" // a batch in the middle is missing
)

// Defect breaks the servers.
type Defect string

// The defects that can be planted.
const (
	Phantom     Defect = "phantom"      // reads return what nobody wrote
	Hole        Defect = "hole"         // an acknowledged write is dropped, those after it are kept
	Duplicate   Defect = "duplicate"    // a write takes effect twice
	Back        Defect = "back"         // a replica answers from older data than before
	Torn        Defect = "torn"         // a read shows half of a transfer
	TwoHolders  Defect = "two-holders"  // a lock is granted although somebody holds it
	Resurrected Defect = "resurrected"  // what was removed comes back
	DoubleCount Defect = "double-count" // an increment counts twice
	TakenTwice  Defect = "taken-twice"  // an element comes off a queue twice
	TakesWrites Defect = "takes-writes" // replicas accept writes
	WaitHigh    Defect = "wait-high"    // WAIT counts replicas that lack the write
	Refused     Defect = "refused"      // a write that was refused takes effect all the same
	Divergent   Defect = "divergent"    // a replica leaves writes out
)

// Defects are all of them, with the objects that each can be seen on.
func Defects() map[Defect][]Object {
	return map[Defect][]Object{
		Phantom: {Register, Shared, Blind, Set, List, Queue, Expiring}, Hole: {Set, List}, Duplicate: {List}, Back: {Register, Set, List}, Torn: {Bank},
		TwoHolders: {Lock}, Resurrected: {Set}, DoubleCount: {Counter}, TakenTwice: {Queue}, TakesWrites: {Register, Set, Counter}, WaitHigh: {Register, Set},
		Refused: {Register, Set, List, Queue}, Divergent: {Set, List, Counter, Bank},
	}
}

// Config says what to simulate. What is left at its zero value is drawn from the seed, always in the same way, so that pinning one
// field changes no other. Times are ns.
type Config struct {
	Seed    int64
	Object  Object
	Faults  []Failure // one after the other; empty, not nil: none
	Clients int       // per worker; there are two workers
	Keys    int
	Load    int64 // of the load; at least long enough for the faults
	Pace    int64 // mean pause of a client between two operations
	Lag     int64 // the largest usual lag of a replica
	Reads   int   // percent of operations
	Replica int   // percent of reads that go to replicas
	Wait    int   // percent of writes followed by WAIT; -1: none
	// Sampling is the period of the samples; Late percent of them come up to half a second late, and take as long. -1: none.
	Sampling int64
	Late     int
	Unheard  int // one in so many replies is lost; -1: none
	// Ledger: transfers and expiring writes leave an id on a ledger: 1 yes, -1 no; expiring keys half of them.
	Ledger  int
	Records Records
	Defect  Defect
	// Shards makes it a Cluster of so many shards, Moves lets so many slots go from one to another meanwhile. Neither is drawn: 0 is none.
	Shards, Moves int
}

const (
	us  = int64(1e3)
	ms  = int64(1e6)
	sec = int64(1e9)
)

// Draw fills in what is not pinned.
func (c Config) Draw() Config {
	r := rand.New(rand.NewSource(c.Seed))
	object := Objects()[r.Intn(len(Objects()))]
	var faults []Failure
	for range []int{0, 1, 1, 1, 2}[r.Intn(5)] {
		faults = append(faults, Failures()[r.Intn(len(Failures()))])
	}
	d := Config{
		Clients: 1 + r.Intn(3), Keys: 1 + r.Intn(5), Load: 6*sec + r.Int63n(4*sec), Pace: 10*ms + r.Int63n(30*ms), Lag: []int64{ms, 5 * ms, 50 * ms, 300 * ms}[r.Intn(4)],
		Reads: 20 + r.Intn(50), Replica: 20 + r.Intn(70), Wait: []int{-1, -1, 10, 50}[r.Intn(4)],
		Sampling: []int64{25 * ms, 25 * ms, 100 * ms, 400 * ms}[r.Intn(4)], Late: []int{-1, 2, 20}[r.Intn(3)], Unheard: []int{-1, 200, 40}[r.Intn(3)],
		Ledger: 1 - 2*r.Intn(2), Records: []Records{Whole, Whole, Whole, Whole, Whole, Whole, Whole, Whole, Whole, Cut, Gone}[r.Intn(11)],
	}
	pin(&c.Object, object)
	pin(&c.Clients, d.Clients)
	pin(&c.Keys, d.Keys)
	pin(&c.Load, d.Load)
	pin(&c.Pace, d.Pace)
	pin(&c.Lag, d.Lag)
	pin(&c.Reads, d.Reads)
	pin(&c.Replica, d.Replica)
	pin(&c.Wait, d.Wait)
	pin(&c.Sampling, d.Sampling)
	pin(&c.Late, d.Late)
	pin(&c.Unheard, d.Unheard)
	pin(&c.Ledger, d.Ledger)
	pin(&c.Records, d.Records)
	if c.Faults == nil {
		c.Faults = faults
	}
	c.Load = max(c.Load, 2*sec+int64(len(c.Faults))*5*sec)
	return c
}

func pin[T comparable](field *T, drawn T) {
	var zero T
	if *field == zero {
		*field = drawn
	}
}

// Sound is a configuration in which nothing happens to the servers and no record is lost.
func Sound(seed int64, o Object) Config {
	return Config{Seed: seed, Object: o, Faults: []Failure{}, Records: Whole}
}

// writers are the functions that write, by object.
func (o Object) write() history.F {
	switch o {
	case Set:
		return history.FAdd
	case List:
		return history.FAppend
	case Counter:
		return history.FIncr
	case Bank:
		return history.FTransfer
	case Queue:
		return history.FEnqueue
	case Expiring:
		return history.FExpiring
	}
	return history.FWrite
}
