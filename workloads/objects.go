package workloads

import (
	"math/rand/v2"
	"time"

	"github.com/schismtest/schism/history"
)

// counters: every writer increments every counter by one.
func (r *Runner) counters() work {
	s := &r.job.Spec
	keys := r.numbered("c", r.objects())
	return work{
		writer: func(sl *slot, _ int) actor {
			return &incrementer{keys: keys, pick: newPicker(r.rng(sl.client), s.Zipf, len(keys))}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FReadCounter, keys, readFlags(replica, false))
		},
	}
}

type incrementer struct {
	keys []*key
	pick picker
}

func (w *incrementer) next(op *history.Op) *key {
	op.F, op.In = history.FIncr, 1
	return w.keys[w.pick.pick()]
}

func (w *incrementer) done(*history.Op) {}

// compareAndSet: writers write, delete, read, and mostly set a register from the value that they know it to have.
func (r *Runner) compareAndSet() work {
	s := &r.job.Spec
	keys := r.numbered("a", r.objects())
	return work{
		writer: func(sl *slot, n int) actor {
			rng := r.rng(sl.client)
			return &casWriter{n: n, rng: rng, keys: keys, pick: newPicker(rng, s.Zipf, len(keys)), known: make([]int64, len(keys))}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FRead, keys, readFlags(replica, false))
		},
	}
}

type casWriter struct {
	n     int
	rng   *rand.Rand
	keys  []*key
	pick  picker
	known []int64 // the last value seen of each key; history.Nil: absent; 0: not known
	seq   int64
	i     int
}

func (w *casWriter) next(op *history.Op) *key {
	w.i = w.pick.pick()
	switch x := w.rng.IntN(20); {
	case x == 0:
		op.F = history.FDel
	case x < 3:
		op.F, op.In = history.FWrite, w.value()
	case x < 6 || w.known[w.i] == 0:
		op.F = history.FRead
	default:
		op.F, op.In, op.Arg = history.FCAS, w.known[w.i], w.value()
	}
	return w.keys[w.i]
}

func (w *casWriter) value() int64 {
	w.seq++
	return unique(w.n, w.seq)
}

func (w *casWriter) done(op *history.Op) {
	known := &w.known[w.i]
	*known = 0
	if op.Outcome != history.OK {
		return
	}
	switch op.F {
	case history.FDel:
		*known = history.Nil
	case history.FWrite:
		*known = op.In
	case history.FRead:
		*known = op.Out
	case history.FCAS:
		if op.Out == 1 {
			*known = op.Arg
		}
	}
}

const (
	// longEvery-th keys of a writer live for longLife to three times that: they outlive the run and its final reads, so that what is left
	// of them tells what became of their last writes.
	longEvery = 4
	longLife  = 5 * time.Minute
)

// expiring: each key has one writer, which writes versions with a time to live around the lease, or a long one. Half of the writes leave
// the version on the key's ledger, which does not expire.
func (r *Runner) expiring() work {
	s := &r.job.Spec
	keys := r.numbered("e", r.objects())
	return work{
		writer: func(sl *slot, n int) actor {
			w := &expiringWriter{lease: s.Lease, rng: r.rng(sl.client)}
			for i := n; i < len(keys); i += s.Writers {
				w.keys = append(w.keys, keys[i])
			}
			w.version = make([]int64, len(w.keys))
			w.pick = newPicker(w.rng, s.Zipf, len(w.keys))
			return w
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FReadExpiring, keys, readFlags(replica, true))
		},
	}
}

type expiringWriter struct {
	lease   time.Duration
	rng     *rand.Rand
	keys    []*key
	pick    picker
	version []int64
}

func (w *expiringWriter) next(op *history.Op) *key {
	i := w.pick.pick()
	w.version[i]++
	op.F, op.In, op.Flags = history.FExpiring, w.version[i], history.FlagVersion|history.FlagPred
	if w.rng.IntN(2) == 0 {
		op.Flags |= history.FlagLedger
	}
	least, most := w.lease/2, w.lease*3/2
	if i%longEvery == longEvery-1 {
		least, most = longLife, 3*longLife
	}
	ms := int64(time.Millisecond)
	op.Arg = max(int64(least)/ms+w.rng.Int64N(int64(most-least)/ms+1), 1) * ms
	return w.keys[i]
}

func (w *expiringWriter) done(*history.Op) {}
