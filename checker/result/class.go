package result

import "strings"

// Blame says when a finding of a class is a bug whatever was promised (checkers.md, "Always a bug").
type Blame uint8

const (
	// Measured: never by itself; a promise makes it one.
	Measured Blame = iota
	// Unexcused: where nothing that happened to the setup excuses it: it lies within one reign of one master, without a branch
	// end in between. Its judge counts those cases apart.
	Unexcused
	// Always: in any setup, across failovers too.
	Always
)

// Class is a kind of finding, as data: every one of them can be promised (`-promise CLASS=0`), each is counted by exactly one judge,
// and each has, in checker/class_test.go, the smallest history that has it and the nearest that has not.
type Class struct {
	Name    string
	Blame   Blame
	Promise string // what holds when there is none: "no read returns what was never written"
	Noun    string // what a count of it counts: "phantom reads"
	// Order: it contradicts linearizability, so it counts in master_conflicts and all_conflicts by the scope of its findings.
	Order bool
	// Txn: it is an anomaly of transactions, counted in txn_anomalies where the level forbids it.
	Txn bool
	// Evicted: a key that the server evicted shows the same, so no more is known of as many keys as servers evicted.
	Evicted bool
}

// Classes are all of them.
func Classes() []Class {
	cs := []Class{
		{Name: "phantom", Blame: Always, Order: true, Promise: "nothing is there that was never written", Noun: "values that nobody wrote"},
		{Name: "aborted_read", Blame: Always, Order: true, Promise: "no refused write is visible", Noun: "visible refused writes"},
		{Name: "future_read", Blame: Always, Order: true, Promise: "nothing is read before it is written", Noun: "reads of what was written only later"},
		{Name: "cycle", Blame: Always, Order: true, Promise: "no value replaces one that replaced it", Noun: "values whose predecessors run in a circle"},
		{Name: "bad_reply", Blame: Always, Promise: "two reads of one node at rest agree", Noun: "keys that one node at rest answered differently"},
		{Name: "duplicated", Blame: Always, Order: true, Evicted: true, Promise: "no write takes effect twice", Noun: "writes that took effect twice"},
		{Name: "executed_twice", Promise: "no write is executed twice by a retry", Noun: "writes that a retry executed twice"},
		{Name: "reordered", Blame: Always, Promise: "what is appended later stands later", Noun: "elements that stand before an earlier one"},
		{Name: "counter_above", Blame: Always, Order: true, Promise: "no counter is above what was attempted", Noun: "counters above what was attempted"},
		{Name: "fractured", Blame: Always, Evicted: true, Promise: "no read shows a torn transaction", Noun: "reads of a torn transaction"},
		{Name: "negative_balance", Blame: Always, Evicted: true, Promise: "no balance is below 0", Noun: "reads of a balance below 0"},
		{Name: "divergent", Blame: Always, Evicted: true, Promise: "all nodes hold the same data after the barrier", Noun: "keys that differ between nodes"},
		{Name: "crash", Blame: Always, Promise: "no server ends by itself", Noun: "servers that ended by themselves"},
		{Name: "replica_write", Blame: Always, Promise: "no replica takes a write", Noun: "writes that a replica took"},
		{Name: "wait_impossible", Blame: Always, Promise: "WAIT counts no replica that lacks the write", Noun: "WAIT replies above the replicas that had the write"},
		{Name: "waitaof_early", Blame: Always, Promise: "WAITAOF counts nobody that has not fsynced the write", Noun: "WAITAOF replies that came before a fsync they counted"},
		{Name: "wait_cut_short", Blame: Always, Promise: "WAIT goes on until it has what it asked for or its time is over", Noun: "WAIT replies that came early with fewer than asked for"},
		{Name: "replica_back", Blame: Always, Promise: "no replica goes back in time", Noun: "reads in which a replica went back in time"},
		{Name: "minority_failover", Blame: Always, Promise: "no minority of sentinels fails over", Noun: "failovers by a minority"},
		{Name: "foreign_key", Blame: Always, Promise: "no key lies on a node that does not own its slot", Noun: "keys on a node that does not own their slot"},
		{Name: "epoch_back", Blame: Always, Promise: "epochs only grow", Noun: "epochs that went back"},

		{Name: "fork", Blame: Unexcused, Order: true, Evicted: true, Promise: "no value is replaced twice", Noun: "values that were replaced twice"},
		{Name: "hole", Blame: Unexcused, Evicted: true, Promise: "loss has no holes", Noun: "lost writes before one that is there"},
		{Name: "resurrected", Blame: Unexcused, Promise: "nothing removed comes back", Noun: "removed elements that came back"},
		{Name: "queue_duplicated", Blame: Unexcused, Order: true, Promise: "every element comes off a queue once", Noun: "elements that came off a queue twice"},
		{Name: "queue_conflict", Blame: Unexcused, Order: true, Evicted: true, Promise: "operations on queues agree with one order", Noun: "queues that contradict one order"},
		{Name: "queue_redelivered_after_ack", Blame: Unexcused, Promise: "nothing comes back after it was acknowledged for good", Noun: "elements that came back after their acknowledgement"},
		{Name: "stale_token", Blame: Unexcused, Evicted: true, Promise: "no outdated fencing token is taken", Noun: "outdated fencing tokens taken"},
		{Name: "token_not_growing", Blame: Unexcused, Evicted: true, Promise: "fencing tokens grow", Noun: "fencing tokens that did not grow"},
		{Name: "lock_overlap", Blame: Unexcused, Order: true, Evicted: true, Promise: "a lock has one holder at a time", Noun: "lock holdings that overlap another"},
		{Name: "lock_lost", Blame: Unexcused, Evicted: true, Promise: "no lock is lost before its lease ends", Noun: "locks lost before their lease ended"},
		{Name: "counter_fork", Blame: Unexcused, Order: true, Evicted: true, Promise: "no two increments get the same reply", Noun: "increments that got another's reply"},
		{Name: "lost_in_migration", Blame: Unexcused, Evicted: true, Promise: "no migration of slots loses a write", Noun: "keys that lost writes when their slot moved"},
		{Name: "wait_lost", Blame: Unexcused, Evicted: true, Promise: "no write that WAIT counted on a replica is lost", Noun: "lost writes that WAIT had counted on a replica"},

		{Name: "conflict", Order: true, Evicted: true, Promise: "reads of registers agree with one order", Noun: "register values that contradict one order"},
		{Name: "set_conflict", Order: true, Evicted: true, Promise: "reads of sets agree with one order", Noun: "operations on sets that contradict one order"},
		{Name: "list_conflict", Order: true, Evicted: true, Promise: "reads of lists agree with one order", Noun: "operations on lists that contradict one order"},
		{Name: "counter_below", Order: true, Evicted: true, Promise: "no counter is below what was acknowledged", Noun: "reads of counters below what was acknowledged"},
		{Name: "counter_conflict", Order: true, Evicted: true, Promise: "reads of counters agree with one order", Noun: "counters that contradict one order"},
		{Name: "object_conflict", Order: true, Evicted: true, Promise: "operations on each key agree with one order", Noun: "keys whose operations contradict one order"},
		{Name: "expiry_conflict", Order: true, Evicted: true, Promise: "no read returns an older value after a newer one was acknowledged", Noun: "reads of expiring keys that returned an older value"},
		{Name: "queue_reordered", Promise: "queues keep their order", Noun: "elements that overtook another in a queue"},
		{Name: "queue_redelivered", Promise: "no element is delivered again", Noun: "redelivered elements"},
		{Name: "counter_regressed", Evicted: true, Promise: "no node's counter goes back", Noun: "reads in which a node's counter went back"},
		{Name: "expired_read", Promise: "no read returns a value after its time to live", Noun: "reads after the time to live"},
		{Name: "early_nil", Evicted: true, Promise: "no value is gone from the master before its time", Noun: "values gone before their time"},
		{Name: "early_nil_replica", Evicted: true, Promise: "no value is gone from a replica before its time", Noun: "values gone from a replica before their time"},
		{Name: "avoidable_lost", Evicted: true, Promise: "no write is lost that another eligible replica held", Noun: "lost writes that another eligible replica held"},
		{Name: "slot_two_masters", Promise: "no slot has two masters at once", Noun: "slots that two masters served at once"},
		{Name: "announce_late", Promise: "every reachable sentinel names the new master in time", Noun: "sentinels that named another master too long"},
		{Name: "demotion_late", Promise: "a deposed master that can be reached is demoted in time", Noun: "deposed masters that took writes too long"},

		{Name: "internal", Blame: Always, Txn: true, Promise: "a transaction sees its own operations in order", Noun: "transactions that contradict themselves"},
		{Name: "G1a", Blame: Always, Txn: true, Promise: "no transaction reads what a failed one wrote", Noun: "reads of a failed transaction"},
		{Name: "G1b", Blame: Always, Txn: true, Promise: "no transaction reads an intermediate state", Noun: "reads of an intermediate state"},
		{Name: "duplicate-elements", Blame: Always, Txn: true, Promise: "no element stands in a list twice", Noun: "elements read twice in one list"},
		{Name: "incompatible-order", Txn: true, Evicted: true, Promise: "all reads of a list agree on its order", Noun: "reads that no order of a list explains"},
		{Name: "lost-update", Txn: true, Evicted: true, Promise: "no update is overwritten unseen", Noun: "lost updates"},
	}
	for _, name := range append(CycleClasses(), "no-order") {
		c, _ := cycleClass(name)
		cs = append(cs, c)
	}
	return cs
}

// ClassOf finds a class by name.
func ClassOf(name string) (Class, bool) {
	for _, c := range Classes() {
		if c.Name == name {
			return c, true
		}
	}
	return cycleClass(name)
}

// cycleClass is one of Elle's kinds of circles of transactions, plain, or with -process or -realtime where only the order of a
// session or of real time closes it; or that no order of the transactions exists at all.
func cycleClass(name string) (Class, bool) {
	base := strings.TrimSuffix(strings.TrimSuffix(name, "-process"), "-realtime")
	c := Class{Name: name, Txn: true, Evicted: true, Promise: "no circle of transactions of the kind " + name, Noun: "circles of transactions of the kind " + name}
	switch base {
	case "G0", "G1c":
		c.Blame = Unexcused
	case "G-single", "G2-item":
	case "G-nonadjacent":
		c.Promise, c.Noun = "all transactions see independent writes in one order", "long forks ("+name+")"
	case "no-order":
		c.Promise, c.Noun = "some order of the transactions explains what they read", "groups of transactions that no order explains"
	default:
		return Class{}, false
	}
	return c, true
}

// OldNames are what measures and classes were called in results and run records of schema 1.
func OldNames() map[string]string {
	return map[string]string{
		"lock_overlaps": "lock_overlap", "stale_tokens_taken": "stale_token", "expired_reads": "expired_read", "holes": "hole", "bank_lost": "lost",
		"queue-lost": "lost", "queue-duplicated": "queue_duplicated", "queue-reordered": "queue_reordered", "queue-redelivered": "queue_redelivered",
	}
}

// NameToday is a measure's present name.
func NameToday(name string) string {
	if n, ok := OldNames()[name]; ok {
		return n
	}
	if _, ok := ClassOf(name); ok {
		return name
	}
	return strings.ReplaceAll(name, "-", "_")
}

// CycleClasses are Elle's, strongest first.
func CycleClasses() []string {
	return []string{"G0", "G1c", "G-single", "G-nonadjacent", "G2-item"}
}
