package workloads

import (
	"math/rand/v2"
	"time"

	"github.com/schismtest/schism/history"
)

// locks: every client, reader or writer, takes a lock, writes to the resource behind it when there are fencing tokens, and gives it
// back, all on its schedule, so that a lock is held for about two of its periods.
func (r *Runner) locks() work {
	s := &r.job.Spec
	keys := r.numbered("k", s.Keys)
	locker := func(sl *slot) actor {
		return &locker{client: int(sl.client), lease: s.Lease, rng: r.rng(sl.client), keys: keys}
	}
	return work{
		writer: func(sl *slot, _ int) actor { return locker(sl) },
		reader: func(sl *slot, _ int, _ bool) actor { return locker(sl) },
	}
}

type locker struct {
	client int
	lease  time.Duration
	rng    *rand.Rand
	keys   []*key
	seq    int64

	cur    *key
	holder int64 // 0: holds nothing
	token  int64 // to be used once; None afterwards
}

// next names each acquisition a holder of its own, so that a release cannot be taken for that of a later one.
func (l *locker) next(op *history.Op) *key {
	switch {
	case l.holder == 0:
		l.seq++
		l.cur = l.keys[l.rng.IntN(len(l.keys))]
		op.F, op.In, op.Arg = history.FAcquire, unique(l.client, l.seq), int64(l.lease)
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
		if op.Outcome == history.OK && op.Out != history.Nil {
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
