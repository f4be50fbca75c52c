package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// mopIter walks the micro-operations of a transaction without decoding them into new memory.
type mopIter struct {
	list []int64 // what is left
	f    history.F
	key  int64
	in   int64
	read []int64 // of an FReadList
	full bool    // read is known
	// damaged: the list is none of transactions from here on, and nothing of that is believed.
	damaged bool
}

func (it *mopIter) next() bool {
	if len(it.list) < 4 {
		it.damaged = it.damaged || len(it.list) > 0
		return false
	}
	it.f, it.key, it.in = history.F(it.list[0]), it.list[1], it.list[2]
	n := it.list[3]
	it.list = it.list[4:]
	it.read, it.full = nil, n >= 0
	if n > int64(len(it.list)) {
		it.list, it.damaged = nil, true
		return false
	}
	if n > 0 {
		it.read, it.list = it.list[:n], it.list[n:]
	}
	return true
}

// txnWrite is one append or write of a transaction.
type txnWrite struct {
	key   int32 // dense
	value int64
	txn   int32
	place int32 // in the key's version order, from 1; 0: in none that is known
	nth   int32 // the how manieth of the transaction on the key, from 0
	last  bool  // the transaction's last one on the key
}

// txnCheck holds all transactions of a history. A transaction's number is its place among the FTxn operations.
type txnCheck struct {
	x      *extra
	c      *history.Columns
	ops    []int32 // by number
	number map[int64]int32
	keys   []int64 // by dense number
	lists  txnWrites
	regs   txnWrites
	order  [][]int64 // by dense key: the list's version order, its longest read
	vague  []bool    // by dense key: a value was written twice, so that nobody knows what a read saw
	happen []bool    // by number: it happened (ok, or unknown and observed)
	graph  *txnGraph
	// moments are the first node that is a moment of real time, and the first after them.
	moments [2]int32
	lreads  []listRead
	rreads  []regRead // sorted by transaction
	// versions are the registers' versions, whose order is known in part only.
	versions []regVersion
	// told are pairs of transactions, the smaller number first, that a class of its own tells of: a cycle of just the two says it again.
	told map[[2]int32]bool
	// twice counts the cycles that tell a second time what another class tells.
	twice int64
}

// txnWrites are all writes of one kind, sorted by key and value.
type txnWrites struct {
	all []txnWrite
	off []int32 // by dense key
}

func (w *txnWrites) of(k int32) []txnWrite { return w.all[w.off[k]:w.off[k+1]] }

func (w *txnWrites) find(k int32, v int64) *txnWrite {
	ws := w.of(k)
	i, ok := slices.BinarySearchFunc(ws, v, func(a txnWrite, v int64) int { return cmp.Compare(a.value, v) })
	if !ok {
		return nil
	}
	return &ws[i]
}

// transactions looks for Elle's anomalies in list-append and read-write-register transactions.
func (x *extra) transactions() {
	t := &txnCheck{x: x, c: &x.h.Ops, number: map[int64]int32{}, told: map[[2]int32]bool{}}
	x.opts.progress("ordering transactions")
	t.collect()
	t.graph = newTxnGraph(len(t.ops))
	t.listAppend()
	t.rwRegister()
	t.listEdges() // when all is known that happened
	t.registerEdges()
	t.sessionEdges()
	t.realtimeEdges()
	t.versionOrder()
	x.opts.progress("looking for cycles among %d transactions", len(t.ops))
	t.tornRegisters()
	t.cycles()
	x.looks("phantom", "internal", "G1a", "G1b", "duplicate-elements", "incompatible-order", "lost-update", "fractured", "no-order")
	x.looks(result.CycleClasses()...)
	if !x.forbidden(x.level()) {
		t.decide()
	}
	x.txnTwice = t.twice
}

// level is what transactions are judged by; a run's by the strictest.
func (x *extra) level() string {
	if x.opts.Level == "" {
		return levels[len(levels)-1]
	}
	return x.opts.Level
}

// forbidden tells whether something was found that the level forbids.
func (x *extra) forbidden(level string) bool {
	return slices.ContainsFunc(x.found, func(a result.Finding) bool { return a.Count > 0 && forbidden(a.Class, level) })
}

func (t *txnCheck) dense(key int64) int32 {
	n, ok := t.number[key]
	if !ok {
		n = int32(len(t.keys))
		t.number[key] = n
		t.keys = append(t.keys, key)
	}
	return n
}

// collect lists transactions, keys and writes.
func (t *txnCheck) collect() {
	var lists, regs []txnWrite
	for i, f := range t.c.F {
		if f != history.FTxn || t.x.crossesSlots(i) {
			continue
		}
		txn := int32(len(t.ops))
		t.ops = append(t.ops, int32(i))
		l0, r0 := len(lists), len(regs)
		it := mopIter{list: t.c.List(i)}
		for it.next() {
			k := t.dense(it.key)
			switch it.f {
			case history.FAppend:
				lists = append(lists, txnWrite{key: k, value: it.in, txn: txn})
			case history.FWrite:
				regs = append(regs, txnWrite{key: k, value: it.in, txn: txn})
			}
		}
		if it.damaged {
			t.x.unsure("no-order", fmt.Sprintf("operation %d is damaged", i))
		}
		markLast(lists[l0:])
		markLast(regs[r0:])
	}
	t.vague = make([]bool, len(t.keys))
	t.lists = t.sortWrites(lists, "append")
	t.regs = t.sortWrites(regs, "write")
	t.happen = make([]bool, len(t.ops))
	for n, i := range t.ops {
		t.happen[n] = t.c.Outcome[i] == history.OK
	}
}

// markLast numbers each key's writes of one transaction, and marks the last.
func markLast(ws []txnWrite) {
	for i := range ws {
		ws[i].last = !slices.ContainsFunc(ws[i+1:], func(o txnWrite) bool { return o.key == ws[i].key })
		for _, o := range ws[:i] {
			if o.key == ws[i].key {
				ws[i].nth++
			}
		}
	}
}

// sortWrites indexes writes. A value that is written twice to one key tells nothing of its writer: that is said, and nothing is
// inferred from the key. Of writes that failed and one that did not, the latter is meant.
func (t *txnCheck) sortWrites(ws []txnWrite, what string) txnWrites {
	slices.SortFunc(ws, func(a, b txnWrite) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value), t.failedLast(a, b), cmp.Compare(a.txn, b.txn))
	})
	out := ws[:0]
	for _, w := range ws {
		if n := len(out); n > 0 && out[n-1].key == w.key && out[n-1].value == w.value {
			if t.outcome(w.txn) != history.Fail {
				t.vague[w.key] = true
				t.x.unsure("no-order", fmt.Sprintf("the transactions %s %d to key %d more than once", what, w.value, t.keys[w.key]))
			}
			continue
		}
		out = append(out, w)
	}
	w := txnWrites{all: out, off: make([]int32, len(t.keys)+1)}
	for _, o := range out {
		w.off[o.key+1]++
	}
	for k := range t.keys {
		w.off[k+1] += w.off[k]
	}
	return w
}

func (t *txnCheck) failedLast(a, b txnWrite) int {
	af, bf := t.outcome(a.txn) == history.Fail, t.outcome(b.txn) == history.Fail
	switch {
	case af == bf:
		return 0
	case bf:
		return -1
	}
	return 1
}

func (t *txnCheck) outcome(txn int32) history.Outcome { return t.c.Outcome[t.ops[txn]] }

// saw notes that somebody observed a write of a transaction; what is wrong with that is reported.
func (t *txnCheck) saw(w *txnWrite, reader int32) {
	if t.outcome(w.txn) == history.Fail {
		t.x.anomaly("G1a", 1, true, fmt.Sprintf("operation %d observed %d on key %d, which the failed operation %d wrote",
			t.ops[reader], w.value, t.keys[w.key], t.ops[w.txn]), int(t.ops[w.txn]), int(t.ops[reader]))
		return
	}
	t.happen[w.txn] = true
}

// intermediate reports a read that ends with a write that its transaction overwrote or appended to itself.
func (t *txnCheck) intermediate(w *txnWrite, reader int32) {
	if !w.last && w.txn != reader {
		t.x.anomaly("G1b", 1, true, fmt.Sprintf("operation %d observed %d on key %d in between two writes of operation %d",
			t.ops[reader], w.value, t.keys[w.key], t.ops[w.txn]), int(t.ops[w.txn]), int(t.ops[reader]))
	}
}

func (t *txnCheck) ghost(key int32, v int64, reader int32) {
	t.x.anomaly("phantom", 1, true, fmt.Sprintf("operation %d observed %d on key %d, which nobody wrote", t.ops[reader], v, t.keys[key]), int(t.ops[reader]))
}

// internal reports a read that contradicts its own transaction. Where what it shows was never committed, that says more.
func (t *txnCheck) internal(ws *txnWrites, key, txn int32, list []int64, text string) {
	for _, v := range list {
		w := ws.find(key, v)
		if w == nil {
			t.ghost(key, v, txn)
			return
		}
		t.saw(w, txn)
		if t.outcome(w.txn) == history.Fail {
			return
		}
		if !forbidden("internal", t.x.level()) { // else it is enough
			t.graph.add(w.txn, txn, edgeWR)
		}
	}
	if len(list) > 0 {
		t.intermediate(ws.find(key, list[len(list)-1]), txn)
	}
	t.x.anomaly("internal", 1, true, fmt.Sprintf("operation %d on key %d: %s", t.ops[txn], t.keys[key], text), int(t.ops[txn]))
}
