package checker

import (
	"cmp"
	"slices"
	"sort"

	"github.com/schismtest/schism/history"
)

// regVersion is one value of a register: its writer and all who read it.
type regVersion struct {
	key     int32
	writer  int32 // -1: the initial value, which comes first
	readers []int32
	// first is the least return and last the greatest call of them, in ns, as far as they have a place in real time.
	first, last int64
}

// addVersion keeps a version that was read.
func (t *txnCheck) addVersion(reads []regRead) {
	v := regVersion{key: reads[0].key, writer: -1}
	if reads[0].value != history.Nil {
		w := t.regs.find(v.key, reads[0].value)
		if w == nil || !t.happen[w.txn] {
			return
		}
		v.writer = w.txn
	}
	for _, r := range reads {
		if r.txn != v.writer {
			v.readers = append(v.readers, r.txn)
		}
	}
	t.versions = append(t.versions, v)
}

// versionOrder adds the versions that nobody read, and what real time tells of the order of a register's versions: where any
// transaction of the one returned before any of the other was called, the one and all who read it come before the other's writer
// (checkers.md, linearizability of a register).
func (t *txnCheck) versionOrder() {
	if len(t.regs.all) == 0 {
		return
	}
	read := map[[2]int32]bool{}
	for _, v := range t.versions {
		read[[2]int32{v.key, v.writer}] = true
	}
	for _, w := range t.regs.all {
		if w.last && t.happen[w.txn] && !t.vague[w.key] && !read[[2]int32{w.key, w.txn}] {
			t.versions = append(t.versions, regVersion{key: w.key, writer: w.txn})
		}
	}
	for i := range t.versions {
		v := &t.versions[i]
		v.first, v.last = history.Inf, -history.Inf
		for _, n := range append(v.readers, v.writer) {
			if n < 0 || !masterRead(t.c, t.ops[n]) {
				continue
			}
			v.last = max(v.last, t.c.Call[t.ops[n]])
			if t.outcome(n) == history.OK {
				v.first = min(v.first, t.c.Return[t.ops[n]])
			}
		}
	}
	slices.SortStableFunc(t.versions, func(a, b regVersion) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.first, b.first), cmp.Compare(a.writer, b.writer))
	})
	t.eachKey(t.realtimeVersions)
}

// eachKey calls f with the written versions of each key.
func (t *txnCheck) eachKey(f func([]regVersion)) {
	for at := 0; at < len(t.versions); {
		end := at + 1
		for end < len(t.versions) && t.versions[end].key == t.versions[at].key {
			end++
		}
		f(t.versions[at:end])
		at = end
	}
}

// realtimeVersions adds edges between versions of one key, sorted by first, with those left out that follow from others. top is the
// version of the greatest last among those up to a place: where two come before each other, it shows.
func (t *txnCheck) realtimeVersions(vs []regVersion) {
	top := make([]int, len(vs))
	second := make([]int, len(vs)) // the next greatest, -1 for none
	for i := range vs {
		top[i], second[i] = i, -1
		if i == 0 {
			continue
		}
		a, b := top[i-1], second[i-1]
		switch {
		case vs[i].last > vs[a].last:
			top[i], second[i] = i, a
		case b < 0 || vs[i].last > vs[b].last:
			top[i], second[i] = a, i
		default:
			top[i], second[i] = a, b
		}
	}
	for n := range vs {
		v := &vs[n]
		end := sort.Search(len(vs), func(i int) bool { return vs[i].first >= v.last })
		if end == 0 {
			continue
		}
		best := top[end-1] // of those before v, other than v
		if best == n {
			best = second[end-1]
		}
		if best < 0 {
			continue
		}
		t.orderVersions(&vs[best], v)
		if vs[best].last > v.first { // v comes before it too
			t.orderVersions(v, &vs[best])
		}
		for i := end - 1; i >= 0 && vs[i].first >= vs[best].last; i-- {
			if i != n && i != best {
				t.orderVersions(&vs[i], v)
			}
		}
	}
}

// orderVersions says that one version comes before another because of real time.
func (t *txnCheck) orderVersions(u, v *regVersion) {
	if v.writer < 0 {
		return // the initial value; who read it comes before every writer already
	}
	t.graph.add(u.writer, v.writer, edgeWW|inferredRealtime)
	for _, r := range u.readers {
		t.graph.add(r, v.writer, edgeRW|inferredRealtime)
	}
}
