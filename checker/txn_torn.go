package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// fractured-read: a transaction's reads show some of another transaction's writes and lack others where these would be. No version
// order is needed to see it, so it is a bug on every branch of a log: what executes in one step is copied, lost and read in one.

// pair notes that two transactions are told of by a class of their own.
func (t *txnCheck) pair(a, b int32) { t.told[[2]int32{min(a, b), max(a, b)}] = true }

func (t *txnCheck) isTold(hops []hop) bool {
	return len(hops) == 2 && t.told[[2]int32{min(hops[0].from, hops[1].from), max(hops[0].from, hops[1].from)}]
}

func (t *txnCheck) fractured(writer, reader int32, saw, lacks string) {
	t.pair(writer, reader)
	t.x.anomaly("fractured", 1, true, fmt.Sprintf("operation %d read %s, and %s: operation %d made both in one transaction", t.ops[reader], saw, lacks, t.ops[writer]),
		int(t.ops[writer]), int(t.ops[reader]))
}

// tornLists looks for fractured reads among the transactions in knots, and among those whose reads are on another branch, which have
// no place in the graph: a fractured read of the version order always closes a cycle.
func (t *txnCheck) tornLists(knots [][]int32) {
	if len(t.lreads) == 0 {
		return
	}
	suspect := make([]bool, len(t.ops))
	some := len(knots) > 0
	for _, knot := range knots {
		for _, n := range knot {
			if int(n) < len(suspect) {
				suspect[n] = true
			}
		}
	}
	for i := range t.lreads {
		if !t.lreads[i].prefix {
			suspect[t.lreads[i].txn], some = true, true
		}
	}
	if !some {
		return
	}
	for at := 0; at < len(t.lreads); { // a transaction's reads stand together
		end := at + 1
		for end < len(t.lreads) && t.lreads[end].txn == t.lreads[at].txn {
			end++
		}
		if suspect[t.lreads[at].txn] {
			t.tornList(t.lreads[at:end])
		}
		at = end
	}
}

// tornList looks for one transaction of which the reads of another show a part. The elements that each list holds are looked at from
// its end, where what is torn is.
func (t *txnCheck) tornList(reads []listRead) {
	reader := reads[0].txn
	var holds []map[int64]bool // by read; made when asked for
	has := func(n int, w *txnWrite) bool {
		r := &reads[n]
		if r.prefix {
			return w.place > 0 && int(w.place) <= len(r.list)
		}
		if holds == nil {
			holds = make([]map[int64]bool, len(reads))
		}
		if holds[n] == nil {
			holds[n] = make(map[int64]bool, len(r.list))
			for _, v := range r.list {
				holds[n][v] = true
			}
		}
		return holds[n][w.value]
	}
	for i := range reads {
		r := &reads[i]
		last := int32(-1) // the writer of the element after this one
		for p := len(r.list) - 1; p >= 0; p-- {
			w := t.lists.find(r.key, r.list[p])
			if w == nil || w.txn == reader || w.txn == last || t.outcome(w.txn) == history.Fail {
				continue
			}
			last = w.txn
			it := mopIter{list: t.c.List(int(t.ops[w.txn]))}
			for it.next() {
				if it.f != history.FAppend {
					continue
				}
				n := slices.IndexFunc(reads, func(o listRead) bool { return t.keys[o.key] == it.key })
				if n < 0 || (n == i && p == len(r.list)-1) { // the end of the list itself is for G1b
					continue
				}
				o := t.lists.find(reads[n].key, it.in)
				if o == nil || has(n, o) {
					continue
				}
				t.fractured(w.txn, reader, fmt.Sprintf("%d on key %d", w.value, t.keys[r.key]), fmt.Sprintf("not %d on key %d", it.in, it.key))
				return
			}
		}
	}
}

// tornRegisters looks for fractured reads of registers: what the reader found on the second key is the initial value, or what the
// writer itself had read there, or the write of a third transaction that the reader's first value cannot come after.
func (t *txnCheck) tornRegisters() {
	for at := 0; at < len(t.rreads); {
		end := at + 1
		for end < len(t.rreads) && t.rreads[end].txn == t.rreads[at].txn {
			end++
		}
		if end-at > 1 {
			t.tornRegister(t.rreads[at:end])
		}
		at = end
	}
}

func (t *txnCheck) tornRegister(reads []regRead) {
	for i := range reads {
		a := &reads[i]
		w := t.regs.find(a.key, a.value)
		if a.value == history.Nil || w == nil || w.txn == a.txn || t.outcome(w.txn) == history.Fail {
			continue
		}
		for n := range reads {
			b := &reads[n]
			if n == i || !t.writesKey(w.txn, b.key) || t.writes(b.key, b.value, w.txn) {
				continue
			}
			saw := fmt.Sprintf("%d on key %d", a.value, t.keys[a.key])
			lacks := fmt.Sprintf("%s on key %d", valueText(b.value), t.keys[b.key])
			if b.value == history.Nil || t.found(w.txn, b.key) == b.value {
				t.fractured(w.txn, a.txn, saw, lacks+" from before")
				return
			}
			o := t.regs.find(b.key, b.value)
			if o != nil && o.txn != a.txn && t.outcome(o.txn) != history.Fail && t.writesKey(o.txn, a.key) {
				t.pair(o.txn, a.txn)
				t.fractured(w.txn, a.txn, saw, fmt.Sprintf("%s, where operation %d wrote both too", lacks, t.ops[o.txn]))
				return
			}
		}
	}
}

// writesKey tells whether a transaction writes a register.
func (t *txnCheck) writesKey(txn, key int32) bool {
	it := mopIter{list: t.c.List(int(t.ops[txn]))}
	for it.next() {
		if it.f == history.FWrite && it.key == t.keys[key] {
			return true
		}
	}
	return false
}

// found is the value that a transaction found on a register; None when it did not look.
func (t *txnCheck) found(txn, key int32) int64 {
	i, ok := slices.BinarySearchFunc(t.rreads, regRead{txn: txn, key: key}, func(a, b regRead) int {
		return cmp.Or(cmp.Compare(a.txn, b.txn), cmp.Compare(a.key, b.key))
	})
	if !ok || !t.rreads[i].writes {
		return history.None
	}
	return t.rreads[i].value
}
