package workloads

import (
	"github.com/schismtest/schism/history"
)

// unique is a value that no other writer of the run writes, and this one once.
func unique(writer int, seq int64) int64 { return int64(writer+1)<<32 | seq }

// registers: each key has one writer, which writes versions, unless all writers share the keys.
func (r *Runner) registers() work {
	s := &r.job.Spec
	keys := r.numbered("r", r.objects())
	return work{
		writer: func(sl *slot, n int) actor {
			w := &registerWriter{n: n, shared: s.Shared, keys: keys}
			if !s.Shared {
				w.keys = nil
				for i := n; i < len(keys); i += s.Writers {
					w.keys = append(w.keys, keys[i])
				}
			}
			w.version = make([]int64, len(w.keys))
			w.pick = newPicker(r.rng(sl.client), s.Zipf, len(w.keys))
			return w
		},
		reader: func(sl *slot, _ int, replica bool) actor {
			return newReader(r, sl, history.FRead, keys, readFlags(replica, !s.Shared))
		},
	}
}

// numbered are the keys prefix:0 to prefix:n-1.
func (r *Runner) numbered(prefix string, n int) []*key {
	keys := make([]*key, n)
	for i := range keys {
		keys[i] = r.keys.get(prefix, int64(i))
	}
	return keys
}

func readFlags(replica, version bool) (f history.Flag) {
	if replica {
		f |= history.FlagReplicaRead
	}
	if version {
		f |= history.FlagVersion
	}
	return f
}

type registerWriter struct {
	n       int
	shared  bool
	keys    []*key
	pick    picker
	version []int64
	seq     int64
}

// next never writes a value twice, whatever became of it: what failed must not be seen, so it must be told from what is tried next.
func (w *registerWriter) next(op *history.Op) *key {
	i := w.pick.pick()
	op.F, op.Flags = history.FWrite, history.FlagPred
	if w.shared {
		w.seq++
		op.In = unique(w.n, w.seq)
	} else {
		w.version[i]++
		op.In = w.version[i]
		op.Flags |= history.FlagVersion
	}
	return w.keys[i]
}

func (w *registerWriter) done(*history.Op) {}

// reader reads one of the keys each time.
type reader struct {
	f     history.F
	flags history.Flag
	keys  []*key
	pick  picker
}

func newReader(r *Runner, sl *slot, f history.F, keys []*key, flags history.Flag) *reader {
	return &reader{f: f, flags: flags, keys: keys, pick: newPicker(r.rng(sl.client), r.job.Spec.Zipf, len(keys))}
}

func (a *reader) next(op *history.Op) *key {
	op.F, op.Flags = a.f, a.flags
	return a.keys[a.pick.pick()]
}

func (a *reader) done(*history.Op) {}
