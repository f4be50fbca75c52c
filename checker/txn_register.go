package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// regRead is the version of a register that a transaction found.
type regRead struct {
	key    int32
	txn    int32
	value  int64
	writes bool // it wrote the key after reading it, so its value comes after the one read
}

// ownReg is what a transaction knows of one register.
type ownReg struct {
	key   int32
	value int64
	wrote bool
	read  int // number of the regRead plus 1, 0 for none
}

// rwRegister collects the reads of registers and what is wrong with each. The order of versions is known in part: the initial value
// comes first, and what a transaction writes comes after what it had read.
func (t *txnCheck) rwRegister() {
	reads := t.regReads()
	if len(t.regs.all) == 0 && len(reads) == 0 {
		return
	}
	for _, r := range reads {
		if r.value == history.Nil {
			continue
		}
		if w := t.regs.find(r.key, r.value); w == nil {
			t.ghost(r.key, r.value, r.txn)
		} else {
			t.saw(w, r.txn)
			t.intermediate(w, r.txn)
		}
	}
	slices.SortFunc(reads, func(a, b regRead) int { return cmp.Or(cmp.Compare(a.txn, b.txn), cmp.Compare(a.key, b.key)) })
	t.rreads = reads
}

// registerEdges adds the dependencies that the reads of each version tell.
func (t *txnCheck) registerEdges() {
	reads := slices.Clone(t.rreads)
	slices.SortFunc(reads, func(a, b regRead) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value), cmp.Compare(a.txn, b.txn))
	})
	for len(reads) > 0 {
		n := 1
		for n < len(reads) && reads[n].key == reads[0].key && reads[n].value == reads[0].value {
			n++
		}
		t.versionEdges(reads[:n])
		reads = reads[n:]
	}
}

// regReads collects the reads of ok transactions and checks each transaction against itself.
func (t *txnCheck) regReads() []regRead {
	var reads []regRead
	var own []ownReg
	for n, i := range t.ops {
		if t.c.Outcome[i] != history.OK {
			continue
		}
		own = own[:0]
		it := mopIter{list: t.c.List(int(i))}
		for it.next() {
			if it.f != history.FWrite && it.f != history.FRead {
				continue
			}
			k := t.dense(it.key)
			if t.vague[k] {
				continue
			}
			at := slices.IndexFunc(own, func(o ownReg) bool { return o.key == k })
			switch {
			case at < 0 && it.f == history.FWrite:
				own = append(own, ownReg{key: k, value: it.in, wrote: true})
			case at < 0:
				if t.writes(k, it.in, int32(n)) {
					t.internal(&t.regs, k, int32(n), valueList(it.in), fmt.Sprintf("it read %d before it wrote it", it.in))
				}
				reads = append(reads, regRead{key: k, txn: int32(n), value: it.in})
				own = append(own, ownReg{key: k, value: it.in, read: len(reads)})
			case it.f == history.FRead:
				if it.in != own[at].value {
					t.internal(&t.regs, k, int32(n), valueList(it.in), fmt.Sprintf("it read %s where it had read or written %s", valueText(it.in), valueText(own[at].value)))
				}
			default:
				if own[at].read > 0 {
					reads[own[at].read-1].writes = true
				}
				own[at].value, own[at].wrote = it.in, true
			}
		}
	}
	return reads
}

// valueList is a register's value as a list.
func valueList(v int64) []int64 {
	if v == history.Nil {
		return nil
	}
	return []int64{v}
}

// writes tells whether a transaction writes a value to a key.
func (t *txnCheck) writes(key int32, v int64, txn int32) bool {
	w := t.regs.find(key, v)
	return w != nil && w.txn == txn
}

// versionEdges adds what follows from all reads of one version.
func (t *txnCheck) versionEdges(reads []regRead) {
	key, value := reads[0].key, reads[0].value
	next := fan{}
	updater := int32(-1)
	for _, r := range reads {
		if !r.writes {
			continue
		}
		if updater >= 0 {
			t.lostUpdate(key, updater, r.txn)
		}
		updater = r.txn
		next.to = append(next.to, r.txn)
	}
	if value == history.Nil {
		next.to = next.to[:0]
		for _, w := range t.regs.of(key) {
			if t.happen[w.txn] {
				next.to = append(next.to, w.txn)
			}
		}
	} else if w := t.regs.find(key, value); w != nil && t.happen[w.txn] {
		for _, r := range reads {
			t.graph.add(w.txn, r.txn, edgeWR)
		}
		next.from(w.txn, edgeWW)
	}
	t.addVersion(reads)
	for _, r := range reads {
		next.from(r.txn, edgeRW)
	}
	t.graph.addFan(&next)
}
