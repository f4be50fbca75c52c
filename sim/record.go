package sim

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/schismtest/schism/history"
)

// sample looks at a node as its agent would: the server answers at some moment between call and return. The clock of the samples may
// be slow: they come late, and take long.
func (w *world) sample(n *node, t int64) {
	before, after := 20*us+w.r.Int63n(200*us), 20*us+w.r.Int63n(200*us)
	next := t + w.c.Sampling
	if w.c.Late > 0 && w.r.Intn(100) < w.c.Late {
		after += w.r.Int63n(500 * ms)
	}
	w.settle(t)
	s := history.Sample{Node: w.gid(n), Call: t - before, Return: t + after, RunDelay: -1, CPUTime: -1, Steal: -1, Priority: -1, Connected: -1, MinGood: -1}
	switch {
	case n.down:
		s.NoAnswerSince = n.since
	case n.frozen:
		s.Up, s.Frozen, s.NoAnswerSince = true, true, n.since
	default:
		s.Answered, s.Up = true, true
		s.Role, s.RunID, s.ReplID, s.ReplID2 = history.RoleReplica, fmt.Sprintf("run%d.%d", w.gid(n), n.run), n.replID, n.replID2
		s.Offset, s.SecondOffset, s.SyncFull = n.offset(), n.second, n.full
		s.LinkUp, s.SyncRunning, s.Priority = n.link, n.sync, 100
		s.Rest = history.Rest{Known: true, Changes: int64(len(n.log)) + n.left, LastSave: n.saved}
		if n.master {
			s.Role, s.LinkUp, s.Priority, s.Connected = history.RoleMaster, true, -1, 0
			for _, r := range w.nodes {
				if r != n && r.link && r.of == n.id && !r.master {
					s.Replicas++
					s.Connected++
				}
			}
		} else {
			s.MasterAddr = addr(w.base + n.of)
		}
	}
	w.h.Samples = append(w.h.Samples, s)
	if s.Answered {
		w.look(n, s.Call, s.Return, t)
	}
	w.at(max(next, t+after+1)+220*us, func(t int64) { w.sample(n, t) })
}

// dumps reads every node twice.
func (w *world) dumps(t int64) {
	w.settle(t)
	for _, n := range w.nodes {
		for k, key := range w.h.Keys[:w.c.Keys] {
			w.dump(n, key, n.data[k], t)
		}
		for read := range int32(2) {
			at := t + 10*ms + int64(read)*100*ms
			w.h.Readings = append(w.h.Readings, history.Reading{Node: w.gid(n), Read: read + 1, Call: at, Return: at + 10*ms, WallCall: at, WallReturn: at + 10*ms, Keys: int64(w.c.Keys)})
		}
	}
}

// sortDumps puts the dumps in the order of a history that was loaded.
func (w *shared) sortDumps() {
	slices.SortStableFunc(w.h.Dumps, func(a, b history.Dump) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return int(a.Node - b.Node)
	})
}

// dump writes down a key as its type is seen, with its ledgers.
func (w *world) dump(n *node, key string, o *object, t int64) {
	d := history.Dump{Node: w.gid(n), Key: key, Type: "none", ExpireAt: -1, Read: 1, ReadCall: t + 10*ms, ReadReturn: t + 20*ms}
	switch w.c.Object {
	case Register, Shared, Blind:
		if o.is {
			d.Type, d.Elems = "string", []int64{o.value}
		}
	case Expiring, Lock:
		if o.there(t) {
			d.Type, d.Elems, d.ExpireAt = "string", []int64{o.value}, o.until/ms
		}
	case Set:
		for v := range o.set {
			d.Elems = append(d.Elems, v)
		}
		slices.Sort(d.Elems)
		d.Type = "set"
	case List, Queue:
		d.Type, d.Elems = "list", slices.Clone(o.list)
	case Counter:
		if o.n != 0 {
			d.Type, d.Elems = "string", []int64{o.n}
		}
	case Bank:
		d.Type, d.Elems = "hash", slices.Clone(o.accounts)
	}
	if len(d.Elems) == 0 {
		d.Type = "none"
	}
	w.put(d)
	ledgers := map[string][]int64{}
	for _, id := range o.ledger {
		l := history.LedgerKey(key, id)
		ledgers[l] = append(ledgers[l], id)
	}
	for l, ids := range ledgers {
		d.Key, d.Type, d.Elems, d.ExpireAt = l, "list", ids, -1
		w.put(d)
	}
}

func (w *world) put(d history.Dump) {
	if d.Type == "none" {
		return
	}
	f := fnv.New64a()
	fmt.Fprint(f, d.Type, d.Elems, d.ExpireAt)
	d.Digest = f.Sum64()
	w.h.Dumps = append(w.h.Dumps, d)
}

// lose takes records away as a run may lose them.
func (w *world) lose() {
	h := w.h
	switch w.c.Records {
	case Cut:
		h.Cut = w.between(w.c.Load/2, w.c.Load)
		h.Torn = "the harness ended before the run did"
		kept := history.Columns{}
		for i := range h.Ops.Len() {
			switch o := h.Ops.At(i); {
			case o.Call > h.Cut || o.Return > h.Cut && !o.F.IsWrite():
				continue
			case o.Return > h.Cut && o.Outcome != history.Fail:
				o.Outcome, o.Out, o.Err, o.Acked = history.Info, history.None, history.ErrTimeout, -1
				fallthrough
			default:
				kept.Append(o)
				w.truth.kept = append(w.truth.kept, i)
			}
		}
		h.Ops = kept
		h.Dumps, h.Readings = nil, nil
		h.Samples = slices.DeleteFunc(h.Samples, func(s history.Sample) bool { return s.Return > h.Cut })
		h.Events = slices.DeleteFunc(h.Events, func(e history.Event) bool { return e.T > h.Cut })
		h.Faults = slices.DeleteFunc(h.Faults, func(f history.Fault) bool { return f.Injected > h.Cut })
		for i := range h.Faults {
			if f := &h.Faults[i]; f.Healed > h.Cut {
				f.HealCalled, f.Healed = 0, 0
			}
		}
		h.End = h.Cut
	case Gone:
		from := w.r.Int63n(w.c.Load)
		kept := history.Columns{}
		for i := range h.Ops.Len() {
			if o := h.Ops.At(i); o.Worker != w.workerID(firstWorker) || o.Call < from || o.Call > from+100*ms {
				kept.Append(o)
				w.truth.kept = append(w.truth.kept, i)
			}
		}
		h.Ops = kept
		h.Missing = append(h.Missing, "w1: batch 7 is missing")
	default:
		for i := range h.Ops.Len() {
			w.truth.kept = append(w.truth.kept, i)
		}
	}
}
