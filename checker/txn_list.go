package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// listRead is the version of a key that a transaction found: without what it had appended itself.
type listRead struct {
	key     int32
	txn     int32
	list    []int64 // what it found
	whole   []int64 // with its own appends
	appends bool    // it appended to the key after reading it
	prefix  bool    // list is a prefix of the key's version order
}

// ownKey is what one transaction did to one key so far.
type ownKey struct {
	key  int32
	own  []int64 // its appends
	seen []int64 // its last read
	read int     // number of the listRead plus 1, 0 for none
	full int     // how many of its own appends seen holds
}

// listAppend infers the version order of each list from its longest read.
func (t *txnCheck) listAppend() {
	reads := t.listReads()
	if len(t.lists.all) == 0 && len(reads) == 0 {
		return
	}
	t.order = make([][]int64, len(t.keys))
	by := make([]int32, len(t.keys)) // the transaction whose read it is
	for _, r := range reads {
		if len(r.whole) > len(t.order[r.key]) {
			t.order[r.key], by[r.key] = r.whole, r.txn
		}
	}
	t.placeWrites(by)
	for k, order := range t.order {
		t.ownOrder(int32(k), order, by[k], func(w *txnWrite) int32 { return w.place })
	}
	t.compareReads(reads)
	t.listUpdates(reads)
	t.lreads = reads
}

// listReads collects the reads of ok transactions and checks each transaction against itself.
func (t *txnCheck) listReads() []listRead {
	var reads []listRead
	var own []ownKey
	for n, i := range t.ops {
		if t.c.Outcome[i] != history.OK {
			continue
		}
		txn := int32(n)
		own = own[:0]
		it := mopIter{list: t.c.List(int(i))}
		for it.next() {
			if it.f != history.FAppend && (it.f != history.FReadList || !it.full) {
				continue
			}
			k := t.dense(it.key)
			if t.vague[k] {
				continue
			}
			at := slices.IndexFunc(own, func(o ownKey) bool { return o.key == k })
			if at < 0 {
				at = len(own)
				own = append(own, ownKey{key: k})
			}
			o := &own[at]
			if it.f == history.FAppend {
				o.own = append(o.own, it.in)
				if o.read > 0 {
					reads[o.read-1].appends = true
				}
				continue
			}
			reads = t.ownRead(o, it.read, txn, reads)
		}
	}
	return reads
}

// ownRead checks one read against what the transaction had done to the key, and keeps it if it is the first.
func (t *txnCheck) ownRead(o *ownKey, list []int64, txn int32, reads []listRead) []listRead {
	if o.read > 0 {
		want := append(slices.Clone(o.seen), o.own[o.full:]...)
		if !slices.Equal(want, list) {
			t.internal(&t.lists, o.key, txn, list, fmt.Sprintf("it read %v where its earlier read and its appends make %v", short(list), short(want)))
			return reads
		}
		o.seen, o.full = list, len(o.own)
		reads[o.read-1].whole = list
		return reads
	}
	if len(list) < len(o.own) || !slices.Equal(list[len(list)-len(o.own):], o.own) {
		t.internal(&t.lists, o.key, txn, list, fmt.Sprintf("it read %v, which does not end with its own appends %v", short(list), short(o.own)))
		return reads
	}
	found := list[:len(list)-len(o.own)]
	if v, own := t.ownIn(o.key, found, txn); own {
		t.internal(&t.lists, o.key, txn, list, fmt.Sprintf("it read %d in %v before it appended it", v, short(list)))
		return reads
	}
	reads = append(reads, listRead{key: o.key, txn: txn, list: found, whole: list})
	o.seen, o.full, o.read = list, len(o.own), len(reads)
	return reads
}

// ownIn finds an append of the transaction itself in a list that it found.
func (t *txnCheck) ownIn(key int32, list []int64, txn int32) (int64, bool) {
	if len(list) == 0 {
		return 0, false
	}
	it := mopIter{list: t.c.List(int(t.ops[txn]))}
	for it.next() {
		if it.f == history.FAppend && it.key == t.keys[key] && slices.Contains(list, it.in) {
			return it.in, true
		}
	}
	return 0, false
}

// ownOrder checks that each transaction's appends stand in a list in the order in which it made them: none before an earlier one,
// and none without it. place is where an element stands first, from 1, and 0 where it does not.
func (t *txnCheck) ownOrder(key int32, list []int64, reader int32, place func(w *txnWrite) int32) {
	for p, v := range list {
		w := t.lists.find(key, v)
		if w == nil || w.nth == 0 || place(w) != int32(p+1) {
			continue
		}
		it := mopIter{list: t.c.List(int(t.ops[w.txn]))}
		for it.next() {
			if it.f != history.FAppend || it.key != t.keys[key] {
				continue
			}
			if it.in == v {
				break
			}
			u := t.lists.find(key, it.in)
			if u == nil || u.txn != w.txn || (place(u) > 0 && place(u) < place(w)) {
				continue
			}
			how := "before"
			if place(u) == 0 {
				how = "without"
			}
			t.x.anomaly("internal", 1, true, fmt.Sprintf("operation %d appended %d and then %d to key %d, and operation %d read the second %s the first",
				t.ops[w.txn], it.in, v, t.keys[key], t.ops[reader], how), int(t.ops[w.txn]), int(t.ops[reader]))
			break
		}
	}
}

// short is the end of a list for people.
func short(l []int64) string {
	if len(l) > 6 {
		return fmt.Sprintf("[... %v]", l[len(l)-6:])
	}
	return fmt.Sprint(l)
}

// placeWrites gives each write in a version order its place.
func (t *txnCheck) placeWrites(by []int32) {
	for k, order := range t.order {
		key := int32(k)
		for p, v := range order {
			w := t.lists.find(key, v)
			if w == nil {
				t.ghost(key, v, by[k])
				continue
			}
			if w.place > 0 {
				t.x.anomaly("duplicate-elements", 1, true, fmt.Sprintf("operation %d read %d twice on key %d", t.ops[by[k]], v, t.keys[k]), int(t.ops[by[k]]))
				continue
			}
			w.place = int32(p + 1)
			t.saw(w, by[k])
		}
	}
}

// compareReads compares each read with the version order.
func (t *txnCheck) compareReads(reads []listRead) {
	for n := range reads {
		r := &reads[n]
		order := t.order[r.key]
		r.prefix = len(r.list) <= len(order) && slices.Equal(r.list, order[:len(r.list)])
		if len(r.whole) > len(r.list) {
			r.prefix = r.prefix && len(r.whole) <= len(order) && slices.Equal(r.whole, order[:len(r.whole)])
		}
		if !r.prefix {
			t.incompatible(r, order)
		}
		if len(r.list) == 0 {
			continue
		}
		if w := t.lists.find(r.key, r.list[len(r.list)-1]); w != nil {
			t.intermediate(w, r.txn)
		}
	}
}

// incompatible reports a read that is no prefix, and checks its elements one by one.
func (t *txnCheck) incompatible(r *listRead, order []int64) {
	op := t.ops[r.txn]
	seen := map[int64]int32{}
	for p, v := range r.whole {
		if seen[v] > 0 {
			t.x.anomaly("duplicate-elements", 1, true, fmt.Sprintf("operation %d read %d twice on key %d", op, v, t.keys[r.key]), int(op))
			continue
		}
		seen[v] = int32(p + 1)
		if w := t.lists.find(r.key, v); w == nil {
			t.ghost(r.key, v, r.txn)
		} else if w.place == 0 {
			t.saw(w, r.txn)
		}
	}
	t.ownOrder(r.key, r.whole, r.txn, func(w *txnWrite) int32 { return seen[w.value] })
	t.x.anomaly("incompatible-order", 1, false, fmt.Sprintf("operation %d read %v on key %d, which is no prefix of %v", op, short(r.whole), t.keys[r.key], short(order)), int(op))
}

// listUpdates finds transactions that read one version of a key and appended to it.
func (t *txnCheck) listUpdates(reads []listRead) {
	var us []*listRead
	for n := range reads {
		if r := &reads[n]; r.appends && r.prefix {
			us = append(us, r)
		}
	}
	slices.SortFunc(us, func(a, b *listRead) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(len(a.list), len(b.list)), cmp.Compare(a.txn, b.txn))
	})
	for n := 1; n < len(us); n++ {
		a, b := us[n-1], us[n]
		if a.key == b.key && len(a.list) == len(b.list) {
			t.lostUpdate(a.key, a.txn, b.txn)
		}
	}
}

func (t *txnCheck) lostUpdate(key, a, b int32) {
	t.pair(a, b)
	t.x.anomaly("lost-update", 1, false, fmt.Sprintf("operations %d and %d both read the same version of key %d and wrote to it", t.ops[a], t.ops[b], t.keys[key]),
		int(t.ops[a]), int(t.ops[b]))
}

// listEdges adds the dependencies: between neighbours of a version order, to who read an element last, and from who read a version
// to who appended the next element. Appends that happened and that no read holds come after the whole version order.
func (t *txnCheck) listEdges() {
	reads := t.lreads
	tails := make([]fan, len(t.keys))
	for k, order := range t.order {
		key := int32(k)
		prev := int32(-1)
		for _, v := range order {
			w := t.lists.find(key, v)
			if w == nil || !t.happen[w.txn] {
				prev = -1
				continue
			}
			t.graph.add(prev, w.txn, edgeWW)
			prev = w.txn
		}
		for _, w := range t.lists.of(key) {
			if w.place == 0 && t.happen[w.txn] && !t.vague[k] {
				tails[k].to = append(tails[k].to, w.txn)
			}
		}
		tails[k].from(prev, edgeWW)
	}
	for n := range reads {
		r := &reads[n]
		if len(r.list) > 0 {
			if w := t.lists.find(r.key, r.list[len(r.list)-1]); w != nil && t.happen[w.txn] {
				t.graph.add(w.txn, r.txn, edgeWR)
			}
		}
		if !r.prefix {
			continue
		}
		order := t.order[r.key]
		if len(r.list) == len(order) {
			tails[r.key].from(r.txn, edgeRW)
		} else if w := t.lists.find(r.key, order[len(r.list)]); w != nil && t.happen[w.txn] {
			t.graph.add(r.txn, w.txn, edgeRW)
		}
	}
	for k := range tails {
		t.graph.addFan(&tails[k])
	}
}
