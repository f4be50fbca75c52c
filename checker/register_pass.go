package checker

import (
	"runtime"
	"sync/atomic"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
)

// registerPass is everything that is read off the registers' tables, in one pass over the keys: whoever asks first makes it.
type registerPass struct {
	keys  *registerOpsByKey
	found []registerFound // by key, as in keys
	ages  *ageTally       // nil without fates: an imported history has no staleness
	seen  *visTally
}

// registerFound is what one register came to.
type registerFound struct {
	swept    [2]*keyResult // master reads, all reads
	sessions sessionTallies
	ages     []result.OpAge // of reads that are or may be stale
	stretch  []stretchRead  // of reads within a replica's stretch
}

// registerWorker goes over one key after the other in its own memory.
type registerWorker struct {
	x        *extra
	table    regTable
	vals     vals
	sessions sessionScratch
	ages     ageScratch
	seen     visScratch
	back     stretchScratch
}

// registerPass makes the pass when first needed: after the fates, where there are any.
func (x *extra) registerPass() *registerPass {
	if x.registered != nil {
		return x.registered
	}
	p := &registerPass{keys: registerKeys(x.h)}
	x.registered = p
	p.found = make([]registerFound, len(p.keys.of))
	measured := len(x.a.Fate) > 0
	var plan *agePlan
	if measured {
		plan = x.newAgePlan()
		x.a.Ages = result.NewReadAges(x.h.Ops.Len())
	}
	stretches := x.replicaStretches().count
	workers := make(chan *registerWorker, runtime.GOMAXPROCS(0))
	inParallel(len(p.keys.of), func() func(i int) {
		w := &registerWorker{x: x}
		workers <- w
		return func(i int) {
			f := &p.found[i]
			key := p.keys.of[i]
			if !w.table.fill(&x.h.Ops, key, p.keys.ops(i)) {
				r := &keyResult{key: key, gamma: -1, repeated: true}
				f.swept = [2]*keyResult{r, r}
				return
			}
			held := x.fin.byKey[keyName(x.h, uint32(key))]
			f.swept = w.vals.judge(&w.table, &x.h.Ops, held)
			w.table.leaveOut(x.s.slots.movesOf(keyName(x.h, uint32(key))))
			f.sessions = w.registerSessions()
			if !measured && stretches == 0 {
				return
			}
			w.table.sortByCall()
			w.newerThan()
			if stretches > 0 {
				f.stretch = w.registerStretch()
			}
			if !measured {
				return
			}
			f.ages = w.measureAges(plan, x.fin.of(keyName(x.h, uint32(key))))
			if w.table.replicas {
				w.measureVisibility(plan, held)
			}
		}
	})
	close(workers)
	if measured {
		p.ages, p.seen = newAgeTally(plan), newVisTally(plan)
		for w := range workers {
			p.ages.add(&w.ages)
			p.seen.add(&w.seen)
		}
		for i := range p.found {
			x.a.Ages.Add(p.found[i].ages)
			p.found[i].ages = nil
		}
	}
	return p
}

// inParallel calls what a worker's start returns for each number below n: each worker with memory of its own.
func inParallel(n int, start func() func(i int)) {
	var next atomic.Int64
	var wg guard.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			do := start()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
}

// fate is what became of value v's write; FateNone where that is not known.
func (w *registerWorker) fate(v int32) result.Fate {
	if v <= 0 {
		return result.FateSurvived // the initial value: whatever went on from it stands on it
	}
	return w.x.a.Fate[w.table.write[v]]
}

// gone tells whether a value's write is surely not part of the final data.
func gone(f result.Fate) bool { return f == result.FateLost || f == result.FateHappenedThenLost }

// stays tells whether a value's write is surely part of the final data.
func stays(f result.Fate) bool { return f == result.FateSurvived || f == result.FateRecovered }

// windows name the faults that hold at a time: the first that does.
type windows struct {
	names []string // Steady first; one a text
	of    []int    // by fault
	h     *history.History
}

// Steady is the window in which no fault holds.
const Steady = "steady"

func newWindows(h *history.History) *windows {
	w := &windows{names: []string{Steady}, h: h}
	at := map[string]int{Steady: 0}
	for i := range h.Faults {
		n, ok := at[h.Faults[i].Text]
		if !ok {
			n = len(w.names)
			at[h.Faults[i].Text] = n
			w.names = append(w.names, h.Faults[i].Text)
		}
		w.of = append(w.of, n)
	}
	return w
}

// at is the number of the window that t falls into.
func (w *windows) at(t int64) int {
	for i := range w.h.Faults {
		f := &w.h.Faults[i]
		if f.Effect > 0 && t >= f.Effect && (f.Healed == 0 || t <= f.Healed) {
			return w.of[i]
		}
	}
	return 0
}
