package workloads

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/schismtest/schism/history"
)

const (
	// maxElements is how many elements a collection gets before its writer takes a new one.
	maxElements = 1000
	// removeEvery-th elements are removed again, once, removeAfter ns after they were acknowledged: long after every replica that is
	// well has shown them.
	removeEvery = 20
	removeAfter = int64(2e9)
)

// collections: each writer adds unique elements to a set or list of its own, and takes a new one after maxElements attempts. Key
// number k*writers+w is the k-th of writer w.
func (r *Runner) collections() work {
	s := &r.job.Spec
	prefix := map[Kind]string{Set: "s", Hash: "h", SortedSet: "z", List: "l"}[s.Kind]
	at := make([]collectionPlace, s.Writers)
	for i := range r.job.Writers {
		at[r.job.FirstWriter+i].local = true
	}
	keyOf := func(w int, k int64) *key { return r.keys.get(prefix, k*int64(s.Writers)+int64(w)) }
	return work{
		writer: func(_ *slot, n int) actor {
			return &collectionWriter{r: r, n: n, list: s.Kind == List, key: func(k int64) *key { return keyOf(n, k) }, at: &at[n]}
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return &collectionReader{r: r, list: s.Kind == List, flags: readFlags(replica, false), rng: r.rng(sl.client), key: keyOf, at: at,
				seen: make([]int64, s.Writers), whole: newWholeReads(s.Readers)}
		},
	}
}

// collectionPlace is how many elements a writer has asked for; only a writer of this worker tells.
type collectionPlace struct {
	local bool
	seq   atomic.Int64
}

// collectionOf is the collection, from 0, that element seq of a writer belongs to.
func collectionOf(seq int64) int64 { return max(seq-1, 0) / maxElements }

type collectionWriter struct {
	r    *Runner
	n    int
	list bool
	key  func(k int64) *key
	at   *collectionPlace
	seq  int64
	old  []removable // by when they were acknowledged
}

// removable is an element that will be removed.
type removable struct{ seq, acked int64 }

func (w *collectionWriter) next(op *history.Op) *key {
	if len(w.old) > 0 && w.old[0].acked+removeAfter <= w.r.clock() {
		seq := w.old[0].seq
		w.old = w.old[1:] // not again, whatever comes of it
		op.F, op.In = history.FRemove, unique(w.n, seq)
		return w.key(collectionOf(seq))
	}
	w.seq++
	w.at.seq.Store(w.seq)
	op.F, op.In = history.FAdd, unique(w.n, w.seq)
	if w.list {
		op.F = history.FAppend
	}
	return w.key(collectionOf(w.seq))
}

func (w *collectionWriter) done(op *history.Op) {
	if op.F == history.FAdd && op.Outcome == history.OK && w.seq%removeEvery == 0 {
		w.old = append(w.old, removable{w.seq, op.Return})
	}
}

// collectionReader reads the newest collection of a writer, now and then an older one, whole where that is due; otherwise one element, or
// the tail of a list. A writer of another worker has come further than seen once its next collection is not empty.
type collectionReader struct {
	r     *Runner
	list  bool
	flags history.Flag
	rng   *rand.Rand
	key   func(w int, k int64) *key
	at    []collectionPlace
	seen  []int64 // collections by writer
	whole wholeReads
	w     int
	ahead bool
	now   int64
}

func (a *collectionReader) next(op *history.Op) *key {
	op.Flags = a.flags
	a.w, a.ahead, a.now = a.rng.IntN(len(a.at)), false, a.r.moment(op)
	if a.at[a.w].local {
		a.seen[a.w] = collectionOf(a.at[a.w].seq.Load())
	}
	switch whole := a.whole.due(a.now); {
	case whole && a.list:
		op.F = history.FReadList
	case whole:
		op.F = history.FReadSet
	case a.list:
		op.F, op.In = history.FReadTail, tailLen
	default:
		return a.contains(op)
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

// contains asks for one element: one of the newest, the next one, which may not be there yet, or any of the last two collections.
func (a *collectionReader) contains(op *history.Op) *key {
	seq := a.at[a.w].seq.Load() + 1
	switch {
	case !a.at[a.w].local:
		seq = a.seen[a.w]*maxElements + 1 + a.rng.Int64N(maxElements)
	case a.rng.IntN(2) == 0:
		seq -= a.rng.Int64N(10)
	default:
		seq -= a.rng.Int64N(2 * maxElements)
	}
	seq = max(seq, 1)
	op.F, op.In = history.FContains, unique(a.w, seq)
	return a.key(a.w, collectionOf(seq))
}

func (a *collectionReader) done(op *history.Op) {
	if op.F == history.FReadSet || op.F == history.FReadList {
		a.whole.done(a.now, len(op.List))
	}
	if a.ahead && len(op.List) > 0 {
		a.seen[a.w]++
	}
}
