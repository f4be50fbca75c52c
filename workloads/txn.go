package workloads

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/schismtest/schism/history"
)

const (
	// txnListLen is how many elements a list of the transactions gets, about; reads return it whole.
	txnListLen = 100
	// txnMops is the most micro-operations of one transaction.
	txnMops = 4
)

// transactions: writers append to and read a few lists at once, readers only read. Keys are the lists in use at a time; the oldest
// gives way to a new one for every txnListLen elements appended by this worker. In a Cluster the lists of one slot in each shard are a group
// of their own, and so is each client's: no transaction, and no session, is of several shards.
func (r *Runner) transactions() work {
	s := &r.job.Spec
	tags := r.txnTags()
	groups := make([]txnGroup, min(len(tags), max(s.Writers, 1)))
	for i := range groups {
		g := &groups[i]
		g.key, g.first, g.appended = r.keys.named(history.TxnGroup(tags[i])), tags[i]<<32, &atomic.Int64{}
		g.lists = int64(max((s.Keys+len(groups)-1)/len(groups), 2))
		if tags[i] == 0 {
			g.key, g.lists = r.keys.named("t"), int64(s.Keys)
		}
	}
	actorOf := func(sl *slot, n int, appends bool, flags history.Flag) actor {
		return &transactor{n: n, txnGroup: groups[n%len(groups)], rng: r.rng(sl.client), appends: appends, flags: flags}
	}
	return work{
		writer: func(sl *slot, n int) actor { return actorOf(sl, n, true, 0) },
		reader: func(sl *slot, n int, replica bool) actor { return actorOf(sl, n, false, readFlags(replica, false)) },
	}
}

// txnGroup is lists that transactions take together.
type txnGroup struct {
	key      *key
	first    int64 // the first list's number
	lists    int64 // in use at a time
	appended *atomic.Int64
}

type transactor struct {
	n int
	txnGroup
	rng     *rand.Rand
	appends bool
	flags   history.Flag
	seq     int64
}

func (t *transactor) next(op *history.Op) *key {
	oldest := t.first + t.appended.Load()/txnListLen
	mops := make([]history.Mop, 1+t.rng.IntN(txnMops))
	for i := range mops {
		m := &mops[i]
		m.Key = oldest + t.rng.Int64N(t.lists)
		m.F, m.In = history.FReadList, history.None
		if t.appends && t.rng.IntN(2) == 0 {
			t.seq++
			t.appended.Add(1)
			m.F, m.In = history.FAppend, unique(t.n, t.seq)
		}
	}
	op.F, op.Flags, op.List = history.FTxn, t.flags, history.EncodeMops(mops)
	return t.key
}

func (t *transactor) done(*history.Op) {}
