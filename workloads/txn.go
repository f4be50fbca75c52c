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
// gives way to a new one for every txnListLen elements appended by this worker.
func (r *Runner) transactions() work {
	s := &r.job.Spec
	k := r.keys.named("t")
	appended := &atomic.Int64{}
	actorOf := func(sl *slot, n int, appends bool, flags history.Flag) actor {
		return &transactor{n: n, key: k, lists: int64(s.Keys), rng: r.rng(sl.client), appended: appended, appends: appends, flags: flags}
	}
	return work{
		writer: func(sl *slot, n int) actor { return actorOf(sl, n, true, 0) },
		reader: func(sl *slot, n int, replica bool) actor { return actorOf(sl, n, false, readFlags(replica, false)) },
	}
}

type transactor struct {
	n        int
	key      *key
	lists    int64
	rng      *rand.Rand
	appended *atomic.Int64
	appends  bool
	flags    history.Flag
	seq      int64
}

func (t *transactor) next(op *history.Op) *key {
	oldest := t.appended.Load() / txnListLen
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
