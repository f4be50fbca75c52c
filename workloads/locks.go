package workloads

import (
	"math/rand/v2"
	"time"

	"github.com/schismtest/schism/history"
)

const (
	// keepEvery-th acquisitions of a client, each client's at another time, take a lock that nobody else takes, for keepLease, and keep
	// it: such locks are still held when the run is over, and whoever asks for one again in the meantime, which its client does every
	// tryKept-th time, must be refused.
	keepEvery = 25
	tryKept   = 10
	keepLease = 10 * time.Minute
)

// locks: every writer takes a lock, writes to the resource behind it when there are fencing tokens, and gives it back, all on its
// schedule, so that a lock is held for about two of its periods. Readers ask who holds a lock.
func (r *Runner) locks() work {
	s := &r.job.Spec
	keys := r.numbered("k", r.objects())
	return work{
		writer: func(sl *slot, n int) actor {
			return &locker{n: n, phase: int64(n * keepEvery / s.Writers), lease: s.Lease, rng: r.rng(sl.client), keys: keys,
				fresh: func(k int64) *key { return r.keys.get("k", int64(r.objects())+k*int64(s.Writers)+int64(n)) }}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FReadLock, keys, readFlags(replica, false))
		},
	}
}

type locker struct {
	n     int
	phase int64 // which acquisitions are kept
	lease time.Duration
	rng   *rand.Rand
	keys  []*key
	fresh func(k int64) *key // the k-th lock that this client keeps
	kept  []*key
	seq   int64

	cur    *key
	holder int64 // 0: holds nothing
	token  int64 // to be used once; None afterwards
	keep   bool  // the acquisition under way is to be kept
}

// next names each acquisition a holder of its own, so that a release cannot be taken for that of a later one.
func (l *locker) next(op *history.Op) *key {
	switch {
	case l.holder == 0:
		l.seq++
		l.keep = l.seq%keepEvery == l.phase
		op.F, op.In, op.Arg = history.FAcquire, unique(l.n, l.seq), int64(l.lease)
		switch {
		case l.keep:
			l.cur, op.Arg = l.fresh(l.seq/keepEvery), int64(keepLease)
		case l.seq%tryKept == 1 && len(l.kept) > 0:
			l.cur = l.kept[l.rng.IntN(len(l.kept))]
		default:
			l.cur = l.keys[l.rng.IntN(len(l.keys))]
		}
	case l.token != history.None:
		op.F, op.In = history.FFenced, l.token
	default:
		op.F, op.In = history.FRelease, l.holder
	}
	return l.cur
}

// done gives up a lock once it asked to release it, whatever the answer: the lease ends by itself.
func (l *locker) done(op *history.Op) {
	switch op.F {
	case history.FAcquire:
		l.holder, l.token = 0, history.None
		switch {
		case op.Outcome != history.OK || op.Out == history.Nil:
		case l.keep:
			l.kept = append(l.kept, l.cur)
		default:
			l.holder, l.token = op.In, op.Out
		}
	case history.FFenced:
		l.token = history.None
	case history.FRelease:
		l.holder = 0
	}
	if op.Outcome == history.Info {
		l.holder = 0 // the process that held it is retired
	}
}
