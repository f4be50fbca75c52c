package exact

import (
	"math"
	"slices"
)

// apart asks, for each of some things (reads), for the greatest value among others (elements) that do not belong to it and whose key is
// less than its limit.
type apart struct {
	keys, values []int64 // of those looked for
	limits       []int64 // of those that ask
	of           lists   // by one looked for: those that ask to which it belongs
	in           lists   // the same the other way around
}

// greatest answers all of them, -1 where there is none. With those looked for sorted by key, each question is about the gaps between
// the ones that belong; a tree of maxima answers a gap in O(log n), so all take O((n + sizes of lists) log n).
func (a apart) greatest() []int32 {
	by := order(a.keys)
	sorted := make([]int64, len(by))
	t := newMaxima(len(by))
	at := append([]int32(nil), a.in.off[:len(a.limits)]...)
	member := make([]int32, len(a.in.data)) // by one that asks: the places by key of those that belong, ascending
	for p, i := range by {
		sorted[p] = a.keys[i]
		t.set(p, a.values[i])
		for _, asks := range a.of.at(int(i)) {
			member[at[asks]] = int32(p)
			at[asks]++
		}
	}
	t.build()
	out := make([]int32, len(a.limits))
	for n, limit := range a.limits {
		end, _ := slices.BinarySearch(sorted, limit)
		best, from := -1, 0
		for _, p := range member[a.in.off[n]:a.in.off[n+1]] {
			if int(p) >= end {
				break
			}
			best = t.better(best, t.greatest(from, int(p)))
			from = int(p) + 1
		}
		best = t.better(best, t.greatest(from, end))
		out[n] = -1
		if best >= 0 {
			out[n] = by[best]
		}
	}
	return out
}

// maxima finds the place of the greatest value in any range of places.
type maxima struct {
	n      int
	values []int64
	tree   []int32
}

func newMaxima(n int) *maxima {
	return &maxima{n: n, values: make([]int64, n), tree: make([]int32, 2*n)}
}

func (m *maxima) set(p int, v int64) { m.values[p] = v }

func (m *maxima) build() {
	for p := range m.n {
		m.tree[m.n+p] = int32(p)
	}
	for i := m.n - 1; i > 0; i-- {
		m.tree[i] = int32(m.better(int(m.tree[2*i]), int(m.tree[2*i+1])))
	}
}

// better is the place with the greater value; -1 is none.
func (m *maxima) better(a, b int) int {
	va, vb := int64(math.MinInt64), int64(math.MinInt64)
	if a >= 0 {
		va = m.values[a]
	}
	if b >= 0 {
		vb = m.values[b]
	}
	if vb > va {
		return b
	}
	return a
}

// greatest is the place of the greatest value from from up to, not including, to; -1 when that is empty.
func (m *maxima) greatest(from, to int) int {
	best := -1
	if from >= to {
		return best
	}
	for l, r := from+m.n, to+m.n; l < r; l, r = l/2, r/2 {
		if l&1 == 1 {
			best = m.better(best, int(m.tree[l]))
			l++
		}
		if r&1 == 1 {
			r--
			best = m.better(best, int(m.tree[r]))
		}
	}
	return best
}
