package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// known is one value of a register in the order of its write's call, and when it was known to exist.
type known struct {
	call  int64 // of its write
	k     int64 // K: least return over the write and all reads of it
	value int64
	lost  bool
}

// registerKnown are the values of one register by call, with the least K among each and all later ones, twice: over all, and
// over those that were not lost.
type registerKnown struct {
	vs        []known
	byValue   map[int64]int64 // value -> K
	least     []int64
	leastKept []int64
	ksByCall  []int64 // the calls, for searching
	exact     bool
	anyMasked bool
	sortedByK []int32 // positions in vs by K
	// survivor is, for each lost value, the K of the surviving value that its branch left.
	survivor   map[int64]int64
	fenwick    []int32
	fenwickAdd int
}

func newKnown(h *history.History, a *Analysis, is []int32, n int) *registerKnown {
	ops := &h.Ops
	at := func(j int) int32 {
		if is == nil {
			return int32(j)
		}
		return is[j]
	}
	r := &registerKnown{byValue: map[int64]int64{history.Nil: minTime}, exact: true}
	meet := func(v, t int64) {
		if k, ok := r.byValue[v]; !ok || t < k {
			r.byValue[v] = t
		}
	}
	for j := range n {
		i := at(j)
		if ops.Outcome[i] != history.OK {
			continue
		}
		if ops.F[i] == history.FWrite {
			meet(ops.In[i], ops.Return[i])
			if ops.Flags[i]&history.FlagPred == 0 {
				continue
			}
		}
		if ops.Out[i] != history.Nil && ops.Out[i] != history.None {
			meet(ops.Out[i], ops.Return[i])
		}
	}
	for j := range n {
		i := at(j)
		if ops.F[i] != history.FWrite {
			continue
		}
		r.exact = r.exact && ops.Flags[i]&history.FlagVersion != 0
		k, ok := r.byValue[ops.In[i]]
		if !ok {
			continue
		}
		f := a.Fate[i]
		r.anyMasked = r.anyMasked || f == FateMasked
		r.vs = append(r.vs, known{ops.Call[i], k, ops.In[i], f == FateLost || f == FateHappenedThenLost})
	}
	r.findSurvivors(ops, a, n, at)
	slices.SortFunc(r.vs, func(a, b known) int { return cmp.Compare(a.call, b.call) })
	m := len(r.vs)
	r.least, r.leastKept = make([]int64, m+1), make([]int64, m+1)
	r.least[m], r.leastKept[m] = history.Inf, history.Inf
	r.ksByCall, r.sortedByK = make([]int64, m), make([]int32, m)
	for j := m - 1; j >= 0; j-- {
		v := &r.vs[j]
		r.least[j], r.leastKept[j] = min(r.least[j+1], v.k), r.leastKept[j+1]
		if !v.lost {
			r.leastKept[j] = min(r.leastKept[j], v.k)
		}
		r.ksByCall[j], r.sortedByK[j] = v.call, int32(j)
	}
	slices.SortFunc(r.sortedByK, func(a, b int32) int { return cmp.Compare(r.vs[a].k, r.vs[b].k) })
	r.fenwick = make([]int32, m+1)
	return r
}

// findSurvivors follows the predecessor replies of lost writes back to what survived.
func (r *registerKnown) findSurvivors(ops *history.Columns, a *Analysis, n int, at func(int) int32) {
	pred := map[int64]int64{}
	for j := range n {
		i := at(j)
		if f := a.Fate[i]; ops.F[i] == history.FWrite && f == FateLost && ops.Flags[i]&history.FlagPred != 0 {
			pred[ops.In[i]] = ops.Out[i]
		}
	}
	r.survivor = make(map[int64]int64, len(pred))
	for v := range pred {
		var path []int64
		at := v
		for p, lost := pred[at]; lost && len(path) <= len(pred); p, lost = pred[at] {
			if _, done := r.survivor[at]; done {
				break
			}
			path = append(path, at)
			at = p
		}
		k, done := r.survivor[at]
		if !done {
			var ok bool
			if k, ok = r.byValue[at]; !ok {
				continue
			}
		}
		for _, w := range path {
			r.survivor[w] = k
		}
	}
}

// after is the position of the first value whose write was called after t.
func (r *registerKnown) after(t int64) int {
	i, _ := slices.BinarySearch(r.ksByCall, t+1)
	if t == minTime {
		i = 0
	}
	return i
}

// newer is how many values were called after position from and known before t. t must not fall from call to call.
func (r *registerKnown) newer(from int, t int64) int64 {
	for ; r.fenwickAdd < len(r.sortedByK) && r.vs[r.sortedByK[r.fenwickAdd]].k < t; r.fenwickAdd++ {
		for i := int(r.sortedByK[r.fenwickAdd]) + 1; i < len(r.fenwick); i += i & -i {
			r.fenwick[i]++
		}
	}
	n := int64(r.fenwickAdd)
	for i := from; i > 0; i -= i & -i {
		n -= int64(r.fenwick[i])
	}
	return n
}

// staleAcc collects one row of the result.
type staleAcc struct {
	ages      []int64
	stale     int64
	upper     int64
	surviving int64
	versions  int64
	inexact   bool
	worst     int
	worstAge  int64
}

// rowKey is a row's node and window.
type rowKey struct {
	node   int32
	window string
}

// measureStaleness measures the age of what reads of registers returned, and the replicas' lag.
func measureStaleness(h *history.History, s *states, a *Analysis) {
	a.Staleness = make([]int64, h.Ops.Len())
	for i := range a.Staleness {
		a.Staleness[i] = -1
	}
	rows := map[rowKey]*staleAcc{}
	keys := registerKeys(h)
	surviving := a.Result.Writes.Known
	for i := range keys.of {
		is := keys.ops(i)
		n := len(is)
		if is == nil {
			n = h.Ops.Len()
		}
		k := newKnown(h, a, is, n)
		if k.anyMasked {
			surviving = false
		}
		staleKey(h, a, is, n, k, rows)
	}
	lags := measureLag(s, a)
	addRows(a, rows, lags, surviving)
}

// staleKey measures the reads of one register in order of call.
func staleKey(h *history.History, a *Analysis, is []int32, n int, k *registerKnown, rows map[rowKey]*staleAcc) {
	ops := &h.Ops
	var reads []int32
	for j := range n {
		i := int32(j)
		if is != nil {
			i = is[j]
		}
		if ops.F[i] == history.FRead && ops.Outcome[i] == history.OK {
			reads = append(reads, i)
		}
	}
	slices.SortFunc(reads, func(x, y int32) int { return cmp.Compare(ops.Call[x], ops.Call[y]) })
	for _, i := range reads {
		kv, ok := k.byValue[ops.Out[i]]
		if !ok {
			continue
		}
		p := k.after(kv)
		age, kept := int64(0), int64(0)
		if fm := k.least[p]; fm < ops.Call[i] {
			age = ops.Call[i] - fm
		}
		pk := p
		if base, lost := k.survivor[ops.Out[i]]; lost { // what it returned is gone: what counts is what its branch had left
			pk = k.after(base)
		}
		if fm := k.leastKept[pk]; fm < ops.Call[i] {
			kept = ops.Call[i] - fm
		}
		var upper int64
		if age > 0 && p < len(k.vs) {
			upper = ops.Return[i] - k.vs[p].call
		}
		lag := k.newer(p, ops.Call[i])
		a.Staleness[i] = kept
		if ops.Flags[i]&history.FlagProbe != 0 {
			continue // a probe is timed to hit the moment after a write
		}
		for _, row := range rowsOf(h, i, ops.Flags[i]&history.FlagReplicaRead != 0) {
			acc := rows[row]
			if acc == nil {
				acc = &staleAcc{worst: -1, worstAge: -1}
				rows[row] = acc
			}
			acc.ages = append(acc.ages, age)
			if age > 0 {
				acc.stale++
			}
			acc.versions = max(acc.versions, lag)
			acc.surviving = max(acc.surviving, kept)
			acc.inexact = acc.inexact || !k.exact
			if age > acc.worstAge {
				acc.worst, acc.worstAge, acc.upper = int(i), age, upper
			}
		}
	}
}

// rowsOf are the rows that a read counts in: its node and, for a replica read, all replicas; each whole and in its window.
func rowsOf(h *history.History, i int32, replica bool) []rowKey {
	window := windowOf(h, h.Ops.Call[i])
	node := int32(h.Ops.Node[i])
	rows := make([]rowKey, 0, 4)
	if node >= 0 {
		rows = append(rows, rowKey{node, ""}, rowKey{node, window})
	}
	if replica {
		rows = append(rows, rowKey{history.NoNode, ""}, rowKey{history.NoNode, window})
	}
	return rows
}

// Steady is the window in which no fault holds.
const Steady = "steady"

// windowOf names the fault that holds at t.
func windowOf(h *history.History, t int64) string {
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.Effect > 0 && t >= f.Effect && (f.Healed == 0 || t <= f.Healed) {
			return f.Text
		}
	}
	return Steady
}

func addRows(a *Analysis, rows map[rowKey]*staleAcc, lags map[int32]lagMax, surviving bool) {
	for row, acc := range rows {
		slices.Sort(acc.ages)
		n := len(acc.ages)
		st := Staleness{Node: row.node, Window: row.window, Reads: int64(n), Stale: acc.stale, P50: acc.ages[n/2], P99: acc.ages[n*99/100], Max: acc.ages[n-1],
			MaxUpper: acc.upper, Surviving: -1, Versions: acc.versions, Exact: !acc.inexact, LagBytes: -1, LagTime: -1, WorstOp: acc.worst}
		if surviving {
			st.Surviving = acc.surviving
		}
		if l, ok := lags[row.node]; ok && row.window == "" {
			st.LagBytes, st.LagTime, st.MeanLagB = l.bytes, l.age, l.mean()
		}
		a.Result.Staleness = append(a.Result.Staleness, st)
	}
	if _, ok := rows[rowKey{history.NoNode, ""}]; !ok { // nothing was read from replicas, but they may have lagged
		if l, ok := lags[history.NoNode]; ok {
			a.Result.Staleness = append(a.Result.Staleness, Staleness{Node: history.NoNode, P50: -1, P99: -1, Max: -1, MaxUpper: -1, Surviving: -1, LagBytes: l.bytes, LagTime: l.age, MeanLagB: l.mean(), WorstOp: -1})
		}
	}
	slices.SortFunc(a.Result.Staleness, func(x, y Staleness) int { return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Window, y.Window)) })
}

// registerK gives each scope of registers its k, from the largest version lag.
func registerK(a *Analysis) {
	for i := range a.Result.Registers {
		l := &a.Result.Registers[i]
		l.K = 1
		if l.Conflicts > 0 {
			l.K = 2
		}
		if l.Scope == AllReads {
			for _, st := range a.Result.Staleness {
				l.K = max(l.K, st.Versions+1)
			}
		}
	}
}
