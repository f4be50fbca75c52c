package checker

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// regOp is one operation of a register, gathered so that every pass over a key walks through memory in order.
type regOp struct {
	call, ret int64
	op        int32
	ref       int32 // index in the table of a write's own value, or of what an ok read returned; noOp where nobody wrote it
	pred      int32 // index of what an acknowledged write says it replaced; noOp where it does not say, or nobody wrote that
	is        regBits
	node      int8
}

type regBits uint8

const (
	regWrite regBits = 1 << iota
	regOK
	regInfo
	regReplica // a read that the client meant for a replica
	regProbe
	regPred // the write says what it replaced
)

// regTable is what is known of one register with unique values: the one computation of K that the sweep, the sessions, staleness,
// visibility and the replicas' stretches read. Values are numbered from 1 in file order of their writes; 0 is the initial one. A
// worker fills the same table for one key after the other.
type regTable struct {
	key      int32
	ops      []regOp
	index    valueIndex
	value    []int64
	write    []int32 // the operation
	call     []int64 // of the write
	ret      []int64 // of the write, Inf where it is not acknowledged
	k        []int64 // K: the least return over the write, the reads of the value and the replies that name it; Inf: not known to exist
	outcome  []history.Outcome
	replicas bool // there are reads of replicas
	versions bool // one writer wrote versions
	replies  bool // every acknowledged write says what it replaced

	// order are the values in order of their writes' calls, without those that were refused and never seen; place is each one's position
	// in it, noOp for none.
	order []int32
	place []int32
	keys  []sortKey
}

// sortKey is what positions are sorted by.
type sortKey struct {
	t int64
	i int32
}

// fill takes in a key's operations; false: values repeat. is nil stands for every operation.
func (t *regTable) fill(ops *history.Columns, key int32, is []int32) bool {
	n := len(is)
	if is == nil {
		n = ops.Len()
	}
	t.key, t.replicas = key, false
	t.write = resize(t.write, n+1)
	t.write[0] = noOp
	wrote := 1
	for j := range n {
		i := nth(is, j)
		t.write[wrote] = i // overwritten by the next, unless this is a write
		if ops.F[i] == history.FWrite {
			wrote++
		}
	}
	t.write = t.write[:wrote]
	t.writes(ops)
	if !t.number() {
		return false
	}
	t.gather(ops, is, n)
	return true
}

// nth is the j-th operation of a key.
func nth(is []int32, j int) int32 {
	if is == nil {
		return int32(j)
	}
	return is[j]
}

// gather makes ops, each with the value that its reply names, and K. The values are numbered by now.
func (t *regTable) gather(ops *history.Columns, is []int32, n int) {
	t.ops = resize(t.ops, n)
	wrote := int32(0)
	for j := range t.ops {
		i := nth(is, j)
		o := &t.ops[j]
		*o = regOp{call: ops.Call[i], ret: ops.Return[i], op: i, ref: noOp, pred: noOp, node: ops.Node[i]}
		switch ops.Outcome[i] {
		case history.OK:
			o.is |= regOK
		case history.Info:
			o.is |= regInfo
		}
		var named int32
		if ops.F[i] == history.FWrite {
			wrote++
			o.is |= regWrite
			o.ref = wrote
			if o.is&regOK == 0 || ops.Flags[i]&history.FlagPred == 0 {
				continue
			}
			o.is |= regPred
			named = t.index.get(ops.Out[i], t.value)
			o.pred = named
		} else {
			if flags := ops.Flags[i]; flags&(history.FlagReplicaRead|history.FlagProbe) != 0 {
				t.readFlags(o, flags)
			}
			if o.is&regOK == 0 {
				continue
			}
			named = t.index.get(ops.Out[i], t.value)
			o.ref = named
		}
		if named > 0 && o.ret < t.k[named] {
			t.k[named] = o.ret
		}
	}
}

// readFlags takes in what kind of read it was.
func (t *regTable) readFlags(o *regOp, flags history.Flag) {
	if flags&history.FlagReplicaRead != 0 {
		o.is |= regReplica
		t.replicas = true
	}
	if flags&history.FlagProbe != 0 {
		o.is |= regProbe
	}
}

// leaveOut takes out of what follows the reads of replicas while the key was on its way to another shard: a replica that finds it gone is
// not stale, and who had it last cannot be told.
func (t *regTable) leaveOut(moves []slotMove) {
	if len(moves) == 0 {
		return
	}
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&regReplica != 0 && slices.ContainsFunc(moves, func(m slotMove) bool { return m.lo <= o.ret && m.hi >= o.call }) {
			o.ref = noOp
		}
	}
}

// writes fills in the columns of the values, of which only the writes are known.
func (t *regTable) writes(ops *history.Columns) {
	n := len(t.write)
	t.value, t.call, t.ret, t.k, t.outcome = resize(t.value, n), resize(t.call, n), resize(t.ret, n), resize(t.k, n), resize(t.outcome, n)
	t.value[0], t.call[0], t.ret[0], t.k[0], t.outcome[0] = history.Nil, minTime, minTime, minTime, history.OK
	t.versions, t.replies = true, true
	for k := 1; k < n; k++ {
		i := t.write[k]
		known, flags, outcome := history.Inf, ops.Flags[i], ops.Outcome[i]
		if outcome == history.OK {
			known = ops.Return[i]
			t.replies = t.replies && flags&history.FlagPred != 0
		}
		t.versions = t.versions && flags&history.FlagVersion != 0
		t.value[k], t.call[k], t.ret[k], t.k[k], t.outcome[k] = ops.In[i], ops.Call[i], known, known, outcome
	}
}

// number makes the index of the values; false: one was written twice.
func (t *regTable) number() bool {
	t.index.prepare(t.value[1:])
	for k := int32(1); int(k) < len(t.value); k++ {
		if v := t.value[k]; v == history.Nil || !t.index.put(v, k, t.value) {
			return false
		}
	}
	return true
}

// sortByCall makes order and place.
func (t *regTable) sortByCall() {
	n := len(t.value)
	t.keys = t.keys[:0]
	for v := 1; v < n; v++ {
		if t.outcome[v] != history.Fail || t.k[v] != history.Inf {
			t.keys = append(t.keys, sortKey{t.call[v], int32(v)})
		}
	}
	sortKeys(t.keys)
	t.order, t.place = t.order[:0], resize(t.place, n)
	for v := range t.place {
		t.place[v] = noOp
	}
	for p, k := range t.keys {
		t.order = append(t.order, k.i)
		t.place[k.i] = int32(p)
	}
}

// after is the position in order of the first value whose write was called after at. near is where it is looked for first.
func (t *regTable) after(at int64, near int) int {
	if at == minTime {
		return 0
	}
	lo, hi := 0, len(t.order)
	for step := 1; near < hi; step *= 2 { // values come in about the order of their calls, so the place is mostly near
		if t.call[t.order[near]] > at {
			hi = near
			near = max(lo, near-step)
			if near == lo {
				break
			}
			continue
		}
		lo = near + 1
		near = min(near+step, hi)
	}
	for lo < hi {
		if mid := (lo + hi) / 2; t.call[t.order[mid]] > at {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// resize gives a slice of n elements of whatever content, the old one's memory if it is large enough.
func resize[T any](s []T, n int) []T {
	switch {
	case cap(s) == 0:
		return make([]T, n)
	case cap(s) < n:
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// sortKeys sorts by time, then number. They mostly come in nearly that order: each writer's batch in its own.
func sortKeys(ks []sortKey) {
	budget := 8 * len(ks)
	for i := 1; i < len(ks); i++ {
		if !less(ks[i], ks[i-1]) {
			continue
		}
		k, j := ks[i], i
		for ; j > 0 && less(k, ks[j-1]); j-- {
			ks[j] = ks[j-1]
		}
		ks[j] = k
		if budget -= i - j; budget < 0 {
			slices.SortFunc(ks, func(a, b sortKey) int {
				if less(a, b) {
					return -1
				}
				if less(b, a) {
					return 1
				}
				return 0
			})
			return
		}
	}
}

func less(a, b sortKey) bool { return a.t < b.t || a.t == b.t && a.i < b.i }
