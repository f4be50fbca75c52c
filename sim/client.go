package sim

import (
	"github.com/schismtest/schism/history"
)

// patience is how long a client waits for a reply, ns.
const patience = 500 * ms

// client is one sequential client of a worker.
type client struct {
	worker, slot, process int32
	n                     int64 // its number among all
	seq                   int64
	rep                   int32 // the replica that it prefers
	// of a client that works with locks
	lock   uint32
	holder int64
	token  int64
	fenced bool
	added  []added // elements that it may remove
	turns  int64   // of the probes
}

// added is an element of a set.
type added struct {
	key uint32
	v   int64
}

// route is the node that a client asks; NoNode when it knows none. reach is false where it cannot reach it.
func (w *world) route(cl *client, replica bool) (n *node, reach bool) {
	id := w.named
	if cl.worker == secondWorker && w.pinned != history.NoNode {
		id = w.pinned
	}
	if replica {
		master := id
		if id = cl.rep; id == master || w.r.Intn(4) == 0 {
			id = (master + 1 + int32(w.r.Intn(2))) % 3
		}
	}
	n = w.nodes[id]
	if w.walled {
		return n, (n.id == w.pinned) == (cl.worker == secondWorker)
	}
	return n, true
}

// call is an operation on its way.
type call struct {
	cl   *client
	i    int // its number
	n    *node
	run  int
	over bool // the client has an answer, or gave up
}

// next issues a client's next operation.
func (w *world) next(cl *client, t int64) {
	if w.ended {
		return
	}
	o := history.Op{Process: cl.process, Client: cl.slot, Worker: cl.worker, Node: history.NoNode, Key: uint32(w.r.Intn(w.c.Keys)), In: history.None, Arg: history.None,
		Out: history.None, Acked: -1, Call: t, Intended: t, Return: history.Inf}
	if w.r.Intn(100) < w.c.Reads {
		w.ask(cl, &o)
	} else {
		w.tell1(cl, &o)
	}
	w.worlds[w.owner[o.Key]].send(cl, o, t, func(t int64) { w.at(t+1+w.r.Int63n(2*w.c.Pace), func(t int64) { w.next(cl, t) }) })
}

// send lets an operation reach its node, and calls back when the client has an answer.
func (w *world) send(cl *client, o history.Op, t int64, done func(t int64)) {
	c := &call{cl: cl, i: len(w.ops)}
	n, reach := w.route(cl, o.Flags&history.FlagReplicaRead != 0)
	if o.Flags&history.FlagReplicaWrite != 0 {
		n, reach = w.nodes[o.Node], true
	}
	o.Node = w.gid(n)
	c.n, c.run = n, n.run
	w.ops = append(w.ops, o)
	w.truth.Ops = append(w.truth.Ops, Op{shard: w.place})
	end := func(t int64, e history.ErrCode) {
		if c.over {
			return
		}
		c.over = true
		o := &w.ops[c.i]
		o.Err, o.Outcome, o.Return = e, e.Outcome(), t
		if e != history.ErrNone {
			o.Out, o.Acked = history.None, -1
			if !o.F.IsWrite() {
				o.List = nil
			}
		}
		w.answered(cl, o)
		if o.Outcome == history.Info {
			o.Return = history.Inf
			cl.process += 1000
		}
		done(t)
	}
	soon := t + 100*us + w.r.Int63n(2*ms)
	switch {
	case !reach:
		w.at(t+patience, func(t int64) { end(t, history.ErrDialTimeout) })
		return
	case n.down:
		w.at(soon, func(t int64) { end(t, history.ErrDialRefused) })
		return
	}
	w.at(t+patience, func(t int64) { end(t, history.ErrTimeout) })
	w.at(soon, func(t int64) { w.arrive(c, t, end) })
}

// arrive is when a request reaches its server.
func (w *world) arrive(c *call, t int64, end func(t int64, e history.ErrCode)) {
	n := c.n
	if n.frozen && n.run == c.run {
		n.waiting = append(n.waiting, func(t int64) { w.arrive(c, t, end) })
		return
	}
	soon := t + 1 + w.r.Int63n(2*ms)
	if n.down || n.run != c.run {
		w.at(soon, func(t int64) { end(t, history.ErrEOF) })
		return
	}
	w.settle(t)
	o := w.ops[c.i]
	err := w.execute(n, c.i, &o, t)
	if !c.over {
		w.ops[c.i].Out, w.ops[c.i].List = o.Out, o.List
	}
	if err == history.ErrNone && w.c.Unheard > 0 && w.r.Intn(w.c.Unheard) == 0 {
		return // the reply is lost
	}
	wait := err == history.ErrNone && o.F.IsWrite() && w.c.Wait > 0 && w.r.Intn(100) < w.c.Wait && w.truth.Ops[c.i].entry != nil
	if wait {
		soon += w.r.Int63n(50 * ms)
	}
	w.at(soon, func(t int64) {
		switch {
		case n.down || n.run != c.run:
			end(t, history.ErrEOF)
			return
		case n.frozen: // what it would have answered is not on its way yet
			return
		case wait && !c.over:
			w.ops[c.i].Acked = w.holders(n, w.truth.Ops[c.i].entry, t)
		}
		end(t, err)
	})
}

// holders is how many replicas of a node have an entry, as WAIT counts.
func (w *world) holders(n *node, e *entry, t int64) (have int32) {
	w.settle(t)
	for _, r := range w.nodes {
		if w.c.Defect == WaitHigh && r != n {
			have++
			continue
		}
		if r == n || r.master || r.of != n.id || !r.link || r.down {
			continue
		}
		for i := len(r.log) - 1; i >= 0 && r.log[i].t >= e.t; i-- {
			if r.log[i] == e {
				have++
				break
			}
		}
	}
	return have
}

// ask makes the operation a read.
func (w *world) ask(cl *client, o *history.Op) {
	if w.r.Intn(100) < w.c.Replica {
		o.Flags |= history.FlagReplicaRead
	}
	switch w.c.Object {
	case Register, Shared, Blind:
		o.F = history.FRead
		if w.c.Object == Register {
			o.Key = uint32(w.r.Intn(w.c.Keys))
		}
	case Set:
		o.F = history.FReadSet
		if k := len(cl.added); k > 0 && w.r.Intn(2) == 0 {
			a := cl.added[w.r.Intn(k)]
			o.F, o.Key, o.In = history.FContains, a.key, a.v
		}
	case List, Queue:
		o.F = map[Object]history.F{List: history.FReadList, Queue: history.FReadQueue}[w.c.Object]
		if w.r.Intn(2) == 0 {
			o.F, o.In = history.FReadTail, 5
		}
	case Counter:
		o.F = history.FReadCounter
	case Lock:
		o.F = history.FReadLock
	case Bank:
		o.F = history.FReadBank
	case Expiring:
		o.F = history.FReadExpiring
	}
}

// tell1 makes the operation a write.
func (w *world) tell1(cl *client, o *history.Op) {
	cl.seq++
	o.F, o.In = w.c.Object.write(), (cl.n+1)<<32|cl.seq
	switch w.c.Object {
	case Register:
		o.Flags |= history.FlagPred | history.FlagVersion
		o.Key = uint32(cl.n) % uint32(w.c.Keys)
		if int(cl.n) >= w.c.Keys { // somebody else writes that one
			w.ask(cl, o)
			o.In = history.None
			o.Flags &^= history.FlagPred | history.FlagVersion
			cl.seq--
			return
		}
		o.In = cl.seq
	case Shared:
		o.Flags |= history.FlagPred
	case Set:
		if k := len(cl.added); k > 0 && w.r.Intn(8) == 0 {
			a := cl.added[k-1]
			cl.added = cl.added[:k-1]
			o.F, o.Key, o.In = history.FRemove, a.key, a.v
		}
	case Counter:
		o.In = 1
	case Lock:
		w.lock(cl, o)
	case Bank:
		from := w.r.Int63n(accounts)
		o.List, o.Arg = []int64{from, (from + 1 + w.r.Int63n(accounts-1)) % accounts}, 1+w.r.Int63n(60)
		if w.c.Ledger < 0 {
			o.In = history.None
		}
	case Queue:
		if w.r.Intn(5) < 2 {
			o.F, o.In = history.FDequeue, history.None
		}
	case Expiring:
		o.Arg = 100*ms + w.r.Int63n(2*sec)
		if w.c.Ledger > 0 && cl.seq%2 == 0 {
			o.Flags |= history.FlagLedger
		}
	}
}

func (w *world) lock(cl *client, o *history.Op) {
	switch {
	case cl.holder == 0:
		o.F, o.Arg = history.FAcquire, 200*ms+w.r.Int63n(800*ms)
	case !cl.fenced && cl.token != history.None:
		o.F, o.In, o.Key = history.FFenced, cl.token, cl.lock
	default:
		o.F, o.In, o.Key = history.FRelease, cl.holder, cl.lock
	}
}

// answered is what a client does with a reply, or without one.
func (w *world) answered(cl *client, o *history.Op) {
	switch o.F {
	case history.FAdd:
		if o.Outcome == history.OK {
			cl.added = append(cl.added, added{o.Key, o.In})
		}
	case history.FAcquire:
		cl.holder, cl.fenced = 0, false
		if o.Outcome == history.OK && o.Out != history.Nil {
			cl.holder, cl.token, cl.lock = o.In, o.Out, o.Key
		}
	case history.FFenced:
		cl.fenced = true
	case history.FRelease:
		cl.holder = 0
	}
	if o.Outcome == history.Info {
		cl.holder = 0
	}
}

// probe tries to write to each server that was a replica when the run began, about once a second.
func (w *world) probe(cl *client, t int64) {
	if w.ended {
		return
	}
	cl.turns++
	n := int32(1 + cl.turns%2)
	o := history.Op{Process: cl.process, Client: cl.slot, Worker: cl.worker, Node: n, F: history.FWrite, Flags: history.FlagReplicaWrite, Key: uint32(w.c.Keys) + uint32(w.base+n),
		In: cl.turns, Arg: history.None, Out: history.None, Acked: -1, Call: t, Intended: t, Return: history.Inf}
	w.send(cl, o, t, func(t int64) { w.at(t+sec/2, func(t int64) { w.probe(cl, t) }) })
}
