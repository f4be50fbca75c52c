package workloads

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/schismtest/schism/history"
)

// collections: each writer adds unique elements to a set or list of its own, and takes a new one after maxElements attempts. Key
// number k*writers+w is the k-th of writer w.
func (r *Runner) collections() work {
	s := &r.job.Spec
	prefix, add, read := "s", history.FAdd, history.FReadSet
	if s.Kind == List {
		prefix, add, read = "l", history.FAppend, history.FReadList
	}
	at := make([]collectionPlace, s.Writers)
	for i := range r.job.Writers {
		at[r.job.FirstWriter+i].local = true
	}
	keyOf := func(w int, k int64) *key { return r.keys.get(prefix, k*int64(s.Writers)+int64(w)) }
	return work{
		writer: func(_ *slot, n int) actor {
			return &collectionWriter{n: n, f: add, key: func(k int64) *key { return keyOf(n, k) }, at: &at[n]}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return &collectionReader{f: read, flags: readFlags(replica, false), rng: r.rng(sl.client), key: keyOf, at: at, seen: make([]int64, s.Writers)}
		},
	}
}

// collectionPlace is how far a writer has come; only a writer of this worker tells.
type collectionPlace struct {
	local bool
	k     atomic.Int64
}

type collectionWriter struct {
	n   int
	f   history.F
	key func(k int64) *key
	at  *collectionPlace
	cur *key
	k   int64
	seq int64
}

func (w *collectionWriter) next(op *history.Op) *key {
	if k := w.seq / maxElements; w.cur == nil || k != w.k {
		w.k, w.cur = k, w.key(k)
		w.at.k.Store(k)
	}
	w.seq++
	op.F, op.In = w.f, unique(w.n, w.seq)
	return w.cur
}

func (w *collectionWriter) done(*history.Op) {}

// collectionReader reads the newest collection of a writer, now and then an older one. A writer of another worker has come further
// than seen once its next collection is not empty.
type collectionReader struct {
	f     history.F
	flags history.Flag
	rng   *rand.Rand
	key   func(w int, k int64) *key
	at    []collectionPlace
	seen  []int64
	w     int
	ahead bool
}

func (a *collectionReader) next(op *history.Op) *key {
	op.F, op.Flags = a.f, a.flags
	a.w, a.ahead = a.rng.IntN(len(a.at)), false
	if a.at[a.w].local {
		a.seen[a.w] = a.at[a.w].k.Load()
	}
	k := a.seen[a.w]
	switch n := a.rng.IntN(8); {
	case n == 0:
		k = a.rng.Int64N(k + 1)
	case n < 5 && !a.at[a.w].local:
		k++
		a.ahead = true
	}
	return a.key(a.w, k)
}

func (a *collectionReader) done(op *history.Op) {
	if a.ahead && len(op.List) > 0 {
		a.seen[a.w]++
	}
}
