package workloads

import (
	"github.com/schismtest/schism/history"
)

// readMostlyRate is how often a second each pinned reader of the read-mostly part reads.
const readMostlyRate = 100

// planReadMostly makes a client that writes a few registers in turn, each about once a second, and clients that read them over and over,
// each on one connection to one server: most reads of a key find what the one before found, and none may find less.
func (r *Runner) planReadMostly() {
	s := &r.job.Spec
	keys := make([]*key, s.ReadMostly)
	for i := range keys {
		keys[i] = r.keys.get("m", int64(r.job.WorkerIndex*s.ReadMostly+i))
	}
	w := r.extra(place{addr: r.job.master()})
	w.when = r.arrivals(w, float64(s.ReadMostly), false)
	w.act = &registerWriter{keys: keys, version: make([]int64, len(keys)), pick: newPicker(r.rng(w.client), 0, len(keys))}
	for _, p := range append([]place{{addr: r.job.master()}}, r.job.replicas()...) {
		sl := r.extra(p)
		sl.when = r.arrivals(sl, readMostlyRate, false)
		sl.act = newReader(r, sl, history.FRead, keys, readFlags(p.replica, true))
	}
}

// planReplicaWrites makes a client for each replica that writes where nobody should.
func (r *Runner) planReplicaWrites() {
	if r.job.Spec.ReplicaWrites <= 0 {
		return
	}
	for _, addr := range r.job.Replicas {
		sl := r.extra(place{addr: addr, replica: true})
		sl.when = r.arrivals(sl, float64(r.job.Spec.ReplicaWrites), false)
		sl.act = &replicaWriter{key: r.keys.named(r.replicaKey(addr))}
	}
}

// replicaWriter writes versions of one register. Once its server is promoted they are writes like any other.
type replicaWriter struct {
	key     *key
	version int64
}

func (w *replicaWriter) next(op *history.Op) *key {
	w.version++
	op.F, op.In = history.FWrite, w.version
	op.Flags = history.FlagPred | history.FlagVersion | history.FlagReplicaWrite
	return w.key
}

func (w *replicaWriter) done(*history.Op) {}
