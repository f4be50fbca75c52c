package sim

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// one in so many times a planted defect shows.
const rarely = 15

// broken tells whether a planted defect shows now.
func (w *world) broken(d Defect) bool { return w.c.Defect == d && w.r.Intn(rarely) == 0 }

// execute carries an operation out on a node at t: its reply, and the entry of the log if it changed something.
func (w *world) execute(n *node, i int, o *history.Op, t int64) history.ErrCode {
	if o.Flags&history.FlagReplicaWrite != 0 {
		if n.master {
			return history.ErrNone // it was promoted meanwhile; the register is nobody's
		}
		if w.c.Defect == TakesWrites {
			return history.ErrNone
		}
		return history.ErrReadOnly
	}
	if w.owner[o.Key] != w.place && n.deposed == nil {
		return history.ErrMoved
	}
	if o.F.IsWrite() && !n.master {
		return history.ErrReadOnly
	}
	tr := &w.truth.Ops[i]
	tr.At, tr.aside = t, n.deposed != nil
	if !o.F.IsWrite() {
		w.read(n, i, o, t)
		return history.ErrNone
	}
	e := w.write(n, o, t)
	if e == nil {
		return history.ErrNone
	}
	e.op, e.key, e.t, e.node = i, o.Key, t, n.id
	if w.broken(Hole) {
		return history.ErrNone
	}
	e.death = n.deposed
	tr.entry, tr.Executed = e, true
	n.log = append(n.log, e)
	w.entries = append(w.entries, e)
	n.data[o.Key].apply(e)
	w.lagging(n)
	if w.broken(Duplicate) || w.c.Defect == DoubleCount && w.r.Intn(4) == 0 {
		n.log = append(n.log, e)
		n.data[o.Key].apply(e)
	}
	if w.broken(Refused) {
		tr.Executed = false
		return history.ErrNoReplicas
	}
	return history.ErrNone
}

// write is a write's reply and its effect, nil for none.
func (w *world) write(n *node, o *history.Op, t int64) *entry {
	d := n.data[o.Key]
	e := &entry{f: o.F, in: o.In, out: o.Out, arg: o.Arg}
	switch o.F {
	case history.FWrite:
		e.arg = history.Inf
		if o.Flags&history.FlagPred != 0 {
			o.Out = history.Nil
			if d.is {
				o.Out = d.value
			}
		}
	case history.FExpiring:
		e.arg, e.ledger = t+o.Arg, o.Flags&history.FlagLedger != 0
	case history.FAdd:
		o.Out = 1
	case history.FRemove:
		o.Out = 0
		if !d.set[o.In] {
			return nil
		}
		o.Out = 1
		if w.c.Defect == Resurrected && w.r.Intn(3) == 0 { // it comes back later
			w.at(t+300*ms, func(int64) {
				for _, n := range w.nodes {
					n.data[o.Key].apply(&entry{f: history.FAdd, in: o.In})
				}
			})
		}
	case history.FAppend, history.FEnqueue:
		o.Out = int64(len(d.list)) + 1
	case history.FDequeue:
		if len(d.list) == 0 {
			o.Out = history.Nil
			return nil
		}
		o.Out = d.list[0]
		e.out = o.Out
		if w.broken(TakenTwice) {
			return nil
		}
	case history.FIncr:
		o.Out = d.n + o.In
	case history.FAcquire:
		if d.there(t) && w.c.Defect != TwoHolders {
			o.Out = history.Nil
			return nil
		}
		o.Out = d.token + 1
		e.out, e.arg = o.Out, t+o.Arg
	case history.FRelease:
		o.Out = 0
		if !d.there(t) || d.value != o.In {
			return nil
		}
		o.Out = 1
	case history.FFenced:
		o.Out = 0
		if o.In < d.used {
			return nil
		}
		o.Out = 1
	case history.FTransfer:
		e.from, e.to, e.ledger = o.List[0], o.List[1], o.In != history.None
		o.Out = 0
		if d.accounts == nil || d.accounts[e.from] < o.Arg {
			return nil
		}
		o.Out = 1
	}
	return e
}

// read is a read's reply.
func (w *world) read(n *node, i int, o *history.Op, t int64) {
	d, log := n.data[o.Key], n.log
	if w.c.Defect == Back && !n.master && len(log) > 40 && w.r.Intn(rarely) == 0 {
		log = log[:len(log)-20-w.r.Intn(20)]
		d = &object{op: -1}
		for _, e := range log {
			if e.key == o.Key {
				d.apply(e)
			}
		}
	}
	w.truth.Ops[i].seen, w.truth.Ops[i].saw = d.op, len(log)
	w.truth.Ops[i].log = log[:len(log):len(log)]
	ghost := w.broken(Phantom)
	const nobody = int64(99)<<32 | 1
	switch o.F {
	case history.FRead, history.FReadExpiring, history.FReadLock:
		o.Out = history.Nil
		if d.there(t) {
			o.Out = d.value
		}
		if ghost {
			o.Out = nobody + int64(i)
		}
	case history.FReadSet:
		for v := range d.set {
			o.List = append(o.List, v)
		}
		if ghost {
			o.List = append(o.List, nobody+int64(i))
		}
		slices.Sort(o.List)
	case history.FContains:
		o.Out = 0
		if d.set[o.In] {
			o.Out = 1
		}
	case history.FReadList, history.FReadQueue:
		o.List = slices.Clone(d.list)
		if ghost {
			o.List = append(o.List, nobody+int64(i))
		}
	case history.FReadTail:
		o.Out = int64(len(d.list))
		o.Arg = max(0, o.Out-o.In)
		o.List = slices.Clone(d.list[o.Arg:])
		w.ops[i].Arg = o.Arg
	case history.FReadCounter:
		o.Out = d.n
	case history.FReadBank:
		o.List = slices.Clone(d.accounts)
		if len(o.List) == 0 {
			o.List = slices.Repeat([]int64{history.Nil}, accounts)
		}
		if w.broken(Torn) && d.accounts != nil {
			o.List[0] -= 3
		}
	}
}

// lagging keeps the greatest lag, which only a write makes greater.
func (w *world) lagging(m *node) {
	for _, r := range w.nodes {
		if r == m || r.master || r.replID != m.replID {
			continue
		}
		by := m.offset() - r.offset()
		w.truth.lagDown = max(w.truth.lagDown, by)
		if !r.down && !r.frozen {
			w.truth.lag = max(w.truth.lag, by)
		}
	}
}
