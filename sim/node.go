package sim

import (
	"slices"

	"github.com/schismtest/schism/history"
)

const entrySize = 64 // bytes of an offset that a write takes

// entry is what a write put into a log: its effect, no longer its question.
type entry struct {
	op       int
	key      uint32
	f        history.F
	in, out  int64
	arg      int64 // a lease's or a life's end, ns; an amount
	from, to int64 // accounts
	ledger   bool
	t        int64 // when it was executed, and where
	node     int32
	death    *death // why no later master has it; nil while one may
	// Of a key that comes from another shard: what it was made of, and what it holds.
	arrives bool
	carries []*entry
	content *object
	leaves  bool // the key goes to another shard
}

// death is the end of a branch.
type death struct {
	kind   string // "promotion", "restart", "resync"
	winner int32
	t      int64
}

// object is the content of one key.
type object struct {
	value    int64 // of a register, an expiring key; who holds a lock
	op       int   // that wrote it
	is       bool
	until    int64 // its life's end, history.Inf for none
	list     []int64
	set      map[int64]bool
	n        int64
	accounts []int64
	token    int64 // the last fencing token given out
	used     int64 // the greatest that the resource took
	ledger   []int64
}

// node is a server: its log and what it makes.
type node struct {
	id       int32
	log      []*entry
	data     []*object // by key
	opened   bool      // it has what was there before the load
	base     int64     // offset before the first entry
	replID   string
	replID2  string
	second   int64
	run      int // how often it was started
	down     bool
	frozen   bool
	since    int64 // when it went silent
	master   bool
	of       int32 // whom it copies
	link     bool  // it is connected to it
	linkUp   int64 // since
	cut      bool  // it cannot reach it
	sync     bool  // it waits for a whole copy
	syncs    int   // numbers the tries to sync
	full     int64
	lag      int64
	waiting  []func(t int64) // what lies in a frozen server's sockets
	deposed  *death          // what ended its branch, while it goes on
	demotion bool
	left     int64 // changes since the last save before the log
	saved    int64
	looked   int64         // when its view was looked at last
	viewed   *history.View // what that said
}

func (n *node) offset() int64 { return n.base + int64(len(n.log))*entrySize }

// load makes the data anew from the log.
func (w *world) load(n *node, log []*entry, opened bool) {
	n.log, n.opened = slices.Clone(log), opened
	n.data = make([]*object, w.c.Keys)
	for k := range n.data {
		n.data[k] = &object{until: history.Inf, op: -1}
		if opened && w.c.Object == Bank && w.atFirst(k) {
			n.data[k].accounts = slices.Repeat([]int64{opening}, accounts)
		}
	}
	for _, e := range n.log {
		n.data[e.key].apply(e)
	}
}

const (
	accounts = 4
	opening  = int64(100)
)

// apply gives an entry its effect.
func (o *object) apply(e *entry) {
	if e.ledger {
		o.ledger = append(o.ledger, e.in)
	}
	switch {
	case e.leaves:
		*o = object{until: history.Inf, op: -1}
		return
	case e.arrives:
		*o = *e.content.clone()
		return
	}
	switch e.f {
	case history.FWrite, history.FExpiring:
		o.value, o.is, o.until, o.op = e.in, true, e.arg, e.op
	case history.FAdd:
		if o.set == nil {
			o.set = map[int64]bool{}
		}
		o.set[e.in] = true
	case history.FRemove:
		delete(o.set, e.in)
	case history.FAppend, history.FEnqueue:
		o.list = append(o.list, e.in)
	case history.FDequeue:
		if i := slices.Index(o.list, e.out); i >= 0 {
			o.list = slices.Delete(o.list, i, i+1)
		}
	case history.FIncr:
		o.n += e.in
	case history.FAcquire:
		o.value, o.is, o.until, o.token = e.in, true, e.arg, e.out
	case history.FRelease:
		o.is = false
	case history.FFenced:
		o.used = e.in
	case history.FTransfer:
		o.accounts[e.from] -= e.arg
		o.accounts[e.to] += e.arg
	}
}

// there tells whether a value with a life is still there.
func (o *object) there(t int64) bool { return o.is && t < o.until }

// advance lets a replica apply what has reached it by t.
func (w *world) advance(n *node, t int64) {
	if n.master || n.down || n.frozen || !n.link {
		return
	}
	m := w.nodes[n.of]
	for len(n.log) < len(m.log) && m.log[len(n.log)].t+n.lag <= t {
		e := m.log[len(n.log)]
		n.log = append(n.log, e)
		if w.c.Defect == Divergent && n.id == 2 && e.op%3 == 0 {
			continue
		}
		n.data[e.key].apply(e)
	}
}

// attach makes a node a replica of another, now: what it has is gone on with where it fits, else copied.
func (w *world) attach(n, m *node, t int64) {
	w.settle(t)
	n.master, n.of, n.link, n.sync, n.demotion = false, m.id, false, false, false
	n.deposed = nil
	n.syncs++
	if n.down || n.cut || m.down || m.frozen {
		return
	}
	known := n.replID == m.replID || n.replID == m.replID2 && n.offset() < m.second
	if known && n.base == m.base && len(n.log) <= len(m.log) && slices.Equal(n.log, m.log[:len(n.log)]) {
		if n.replID != m.replID {
			n.replID2, n.second, n.replID = n.replID, n.offset()+1, m.replID
		}
		w.up(n, t)
		return
	}
	n.sync = true
	this, run, of := n.syncs, n.run, m.run
	w.at(t+50*ms+w.r.Int63n(300*ms), func(t int64) {
		if n.syncs != this || n.run != run || m.run != of || n.down || n.frozen || m.down || m.frozen || !n.sync {
			return
		}
		w.settle(t)
		w.load(n, m.log, m.opened)
		if w.c.Defect == Divergent && n.id == 2 {
			n.data[0].is, n.data[0].list, n.data[0].set, n.data[0].n = false, nil, nil, -1
		}
		n.base, n.replID, n.replID2, n.second, n.sync = m.base, m.replID, "", 0, false
		n.full++
		n.left = 0
		w.up(n, t)
	})
}

func (w *world) up(n *node, t int64) { n.link, n.linkUp = true, t }

// start brings a process back, with the first so many entries of its log. keepIDs: it knows from what it loaded which branch that was.
func (w *world) start(n *node, entries int, opened, keepIDs bool, t int64) {
	n.run++
	n.down, n.frozen, n.link, n.sync, n.waiting, n.deposed = false, false, false, false, nil, nil
	old, base := n.replID, n.base
	w.load(n, n.log[:entries], opened)
	n.replID, n.replID2, n.second = w.id(), "", 0
	if keepIDs {
		n.base, n.replID2 = base, old
		n.second = n.offset() + 1
	} else {
		n.base = -int64(entries) * entrySize
	}
	n.left, n.saved = -int64(entries), t/sec
}

// settle brings every replica up to t.
func (w *world) settle(t int64) {
	for _, n := range w.nodes {
		w.advance(n, t)
	}
}

// lineage makes a node's data what counts from now on: what only others hold dies, unless it comes back.
func (w *world) lineage(n *node, kind string, t int64) {
	d := &death{kind, w.gid(n), t}
	w.crowned = append(w.crowned, crown{t, n.id})
	kept := make(map[*entry]bool, len(n.log))
	for _, e := range n.log {
		kept[e] = true
		e.death = nil
	}
	for _, e := range w.entries {
		if !kept[e] && e.death == nil {
			e.death = d
		}
	}
	for _, o := range w.nodes {
		if o != n && o.master {
			o.deposed = d
		}
	}
	n.deposed = nil
	w.official = n
}
