package workloads

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/schismtest/schism/history"
)

// probeKeys is over how many registers a worker's probes go in turn: at 15 a second one is written again after 4 s, long after
// its last read.
const probeKeys = 64

// planProbes makes a client that writes and one for each replica that reads what it wrote after a chosen delay.
func (r *Runner) planProbes() {
	s := &r.job.Spec
	w := r.extra(place{addr: r.job.master()})
	w.when = r.arrivals(w, float64(s.Probes), false)
	p := &probeWriter{clock: r.clock, rng: r.rng(w.client)}
	for i := range probeKeys {
		p.keys = append(p.keys, r.keys.get("p", int64(r.job.WorkerIndex*probeKeys+i)))
	}
	p.version = make([]int64, len(p.keys))
	w.act = p
	for _, at := range r.job.replicas() {
		sl := r.extra(at)
		q := &probeQueue{sleep: newSleeper(r.clock), wake: make(chan struct{}, 1)}
		sl.when, sl.act = q, q
		p.readers = append(p.readers, q)
	}
}

type probeWriter struct {
	clock   func() int64
	rng     *rand.Rand
	keys    []*key
	version []int64
	n       int
	readers []*probeQueue
}

func (p *probeWriter) next(op *history.Op) *key {
	p.n = (p.n + 1) % len(p.keys)
	p.version[p.n]++
	op.F, op.In = history.FWrite, p.version[p.n]
	op.Flags = history.FlagPred | history.FlagVersion | history.FlagProbe
	return p.keys[p.n]
}

// done asks for one read of what was acknowledged: at once in one of ten cases, else after 0.1 ms to 1 s, each decade as likely.
func (p *probeWriter) done(op *history.Op) {
	delay, reader := 0.0, p.rng.IntN(len(p.readers))
	if x := p.rng.Float64(); p.rng.IntN(10) > 0 {
		delay = 1e5 * math.Pow(10, 4*x)
	}
	if op.Outcome == history.OK {
		p.readers[reader].push(probe{due: op.Return + int64(delay), key: p.keys[p.n]})
	}
}

type probe struct {
	due int64
	key *key
}

// probeQueue holds the reads of one replica by the time at which they are due. It is both when and what that client does.
type probeQueue struct {
	sleep *sleeper
	wake  chan struct{}

	mu   sync.Mutex
	todo []probe // by due

	cur probe
}

func (q *probeQueue) push(p probe) {
	q.mu.Lock()
	i, _ := slices.BinarySearchFunc(q.todo, p, func(a, b probe) int { return cmp.Compare(a.due, b.due) })
	q.todo = slices.Insert(q.todo, i, p)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *probeQueue) wait(ctx context.Context, _ int64) (int64, bool) {
	for {
		q.mu.Lock()
		var first probe
		if len(q.todo) > 0 {
			first = q.todo[0]
		}
		if first.key != nil && first.due <= q.sleep.clock() {
			q.todo = q.todo[1:]
			q.cur = first
			q.mu.Unlock()
			return first.due, ctx.Err() == nil
		}
		q.mu.Unlock()
		due := int64(math.MaxInt64)
		if first.key != nil {
			due = first.due
		}
		if !q.sleep.untilOr(ctx, due, q.wake) {
			return 0, false
		}
	}
}

func (q *probeQueue) next(op *history.Op) *key {
	op.F, op.Flags = history.FRead, history.FlagReplicaRead|history.FlagVersion|history.FlagProbe
	return q.cur.key
}

func (q *probeQueue) done(*history.Op) {}
