package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A register history with unique values is checked exactly in O(n log n) (checkers.md, after Gibbons and Korach's zones). For a
// value, f is the least return and s the greatest call over its write and its reads; two values conflict when each has an
// operation that ends before one of the other begins. Predecessor replies join values into chains first.

const (
	minTime = math.MinInt64
	noOp    = int32(-1)
)

// vals are the values of one register in one scope of reads, numbered as in its table; index 0 is the initial value. A worker uses the
// same memory for one key after the other.
type vals struct {
	of    []val
	ready int32   // how many of them are
	value []int64 // the table's, like write
	write []int32
	out   []int64 // the history's column
	told  map[int64]bool
	forks bool // a value has more than one successor

	zs   []zone
	best []two
}

// val is one value. All that the sweep asks of it lies together: there is one for every write, and they are visited in any order.
type val struct {
	f, s     int64
	fOp, sOp int32 // the operations behind f and s
	pred     int32 // the acknowledged predecessor, or what the value is without one
	next     int32 // its successor, noOp
}

// What a value without an acknowledged predecessor is. Only what was acknowledged or seen takes part.
const (
	valUnseen  int32 = -1 - iota // its write's outcome is unknown
	valRefused                   // its write was not executed
	valSeen
)

func (u *val) used() bool { return u.pred >= 0 || u.pred == valSeen }

// see notes that a value was there.
func (u *val) see() {
	if u.pred == valUnseen {
		u.pred = valSeen
	}
}

// reset empties it for a table's values.
func (v *vals) reset(t *regTable) {
	v.value, v.write, v.told, v.forks = t.value, t.write, nil, false
	v.of = resize(v.of, len(t.value))
	v.of[0] = val{minTime, minTime, noOp, noOp, valSeen, noOp}
	v.ready = 1
}

// prepare makes sure that value k begins with its write. Operations name values in about the order in which they are numbered, so what
// is made just before it is asked for is asked for while it is near.
func (v *vals) prepare(t *regTable, k int32) {
	if k >= v.ready {
		v.begin(t, min(int(k)+ahead, len(v.of)))
	}
}

// ahead is how many values are made at once: about what a batch of operations names.
const ahead = 4096

func (v *vals) begin(t *regTable, to int) {
	for k := int(v.ready); k < to; k++ {
		u := val{history.Inf, t.call[k], noOp, t.write[k], valUnseen, noOp}
		switch t.outcome[k] {
		case history.OK:
			u.f, u.fOp, u.pred = t.ret[k], t.write[k], valSeen
		case history.Fail:
			u.pred = valRefused
		}
		v.of[k] = u
	}
	v.ready = int32(to)
}

// observe takes in a read of a value.
func (u *val) observe(op int32, call, ret int64) {
	if ret < u.f {
		u.f, u.fOp = ret, op
	}
	if call > u.s {
		u.s, u.sOp = call, op
	}
	u.see()
}

// keyResult is what one register comes to in one scope.
type keyResult struct {
	key                                                int32
	values, conflicts, forks, cycles, phantoms, future int64
	aborted, overlap, gamma                            int64
	repeated                                           bool
	worst                                              []result.Conflict
	forked                                             [][2]int32 // of each fork the two successors' writes
}

func (k *keyResult) bad() bool {
	return k.conflicts+k.forks+k.cycles+k.phantoms+k.future+k.aborted > 0
}

// keepWorst bounds the conflicts that are kept of a scope.
const keepWorst = 20

func (k *keyResult) note(c result.Conflict) {
	c.Key = uint32(k.key)
	k.worst = append(k.worst, c)
	if len(k.worst) > 4*keepWorst {
		trimWorst(&k.worst)
	}
}

func trimWorst(cs *[]result.Conflict) {
	slices.SortStableFunc(*cs, func(a, b result.Conflict) int {
		switch {
		case a.Overlap > b.Overlap:
			return -1
		case a.Overlap < b.Overlap:
			return 1
		}
		return 0
	})
	*cs = (*cs)[:min(len(*cs), keepWorst)]
}

// registers judges every register in both scopes.
func (x *extra) registers() {
	p := x.registerPass()
	if len(p.keys.of) == 0 {
		return
	}
	x.looks("conflict", "fork", "cycle", "phantom", "aborted_read", "future_read")
	for scope, name := range []string{result.MasterReads, result.AllReads} {
		l := result.Linear{Scope: name, Gamma: -1, K: -1}
		var forked [][2]int32
		for i := range p.found {
			r := p.found[i].swept[scope]
			if r.repeated {
				x.repeated[uint32(r.key)] = true
			}
			r.addTo(&l, x.h)
			forked = append(forked, r.forked...)
		}
		trimWorst(&l.Worst)
		slices.SortFunc(forked, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
		var each []*keyResult
		if x.evicted.any() {
			for i := range p.found {
				each = append(each, p.found[i].swept[scope])
			}
			x.evictedRegisters(&l, each)
		}
		x.a.Result.Registers = append(x.a.Result.Registers, l)
		x.registerFindings(&l, each, forked)
	}
	registerWitnesses(x.h, p.keys, x.a)
}

// addTo adds one key's result to its scope.
func (k *keyResult) addTo(l *result.Linear, h *history.History) {
	if k.repeated {
		l.Undecided = "a value was written more than once to " + keyName(h, uint32(k.key))
		return
	}
	l.Keys++
	l.Values += k.values
	l.Conflicts += k.conflicts
	l.Forks += k.forks
	l.Cycles += k.cycles
	l.Phantoms += k.phantoms
	l.Future += k.future
	l.Aborted += k.aborted
	l.Overlap += k.overlap
	l.Gamma = max(l.Gamma, k.gamma)
	if k.bad() {
		l.BadKeys++
	}
	l.Worst = append(l.Worst, k.worst...)
	if len(l.Worst) > 8*keepWorst {
		trimWorst(&l.Worst)
	}
}

func keyName(h *history.History, k uint32) string {
	if int(k) < len(h.Keys) {
		return h.Keys[k]
	}
	return "the register"
}

// registerOpsByKey are the operations of each register, in file order. With one key there is no copy.
type registerOpsByKey struct {
	of    []int32 // keys
	start []int
	index []int32 // nil: all operations of the history, which has one register and nothing else
	n     int
}

func (r *registerOpsByKey) ops(i int) []int32 {
	if r.index == nil {
		return nil
	}
	return r.index[r.start[i]:r.start[i+1]]
}

// registerKeys finds the keys that only reads and writes of registers touch.
func registerKeys(h *history.History) *registerOpsByKey {
	ops := &h.Ops
	n := len(h.Keys)
	for _, k := range ops.Key {
		n = max(n, int(k)+1)
	}
	counts := make([]int, n+1)
	other := make([]bool, n)
	for i, f := range ops.F {
		k := ops.Key[i]
		counts[k]++
		// FWrite and FRead are the first two functions. A try at a replica belongs to no register.
		if f < history.FWrite || f > history.FRead || ops.Flags[i]&history.FlagReplicaWrite != 0 {
			other[k] = true
		}
	}
	r := &registerOpsByKey{n: ops.Len()}
	at := make([]int, n)
	total := 0
	for k := range n {
		at[k] = -1
		if counts[k] > 0 && !other[k] {
			r.of = append(r.of, int32(k))
			r.start = append(r.start, total)
			at[k] = total
			total += counts[k]
		}
	}
	r.start = append(r.start, total)
	if len(r.of) == 1 && total == ops.Len() {
		return r
	}
	r.index = make([]int32, total)
	for i, k := range ops.Key {
		if at[k] >= 0 {
			r.index[at[k]] = int32(i)
			at[k]++
		}
	}
	return r
}

// judge judges one register by its table in both scopes. What the nodes held at the end counts as read, where every read does.
func (v *vals) judge(t *regTable, ops *history.Columns, held []*history.Dump) (scopes [2]*keyResult) {
	master := &keyResult{key: t.key, gamma: -1}
	v.sweep(t, ops, true, nil, master)
	all := &keyResult{key: t.key, gamma: -1}
	if t.replicas {
		v.sweep(t, ops, false, held, all)
	} else { // every read is one of a master: the rest is the same
		*all = *master
		all.worst = slices.Clone(master.worst)
		v.collectHeld(t, held, all)
	}
	return [2]*keyResult{master, all}
}

func (v *vals) sweep(t *regTable, ops *history.Columns, masterOnly bool, held []*history.Dump, r *keyResult) {
	v.out = ops.Out
	v.collect(t, masterOnly, r)
	v.collectHeld(t, held, r)
	v.conflicts(r, v.chains(r, ops))
}

// SweepRegisters judges every register of a history by all of its reads, and nothing else; for measuring.
func SweepRegisters(h *history.History) result.Linear {
	keys := registerKeys(h)
	l := result.Linear{Scope: result.AllReads, Gamma: -1, K: -1}
	results := make([]*keyResult, len(keys.of))
	inParallel(len(keys.of), func() func(i int) {
		var t regTable
		var v vals
		return func(i int) {
			r := &keyResult{key: keys.of[i], gamma: -1}
			if results[i] = r; !t.fill(&h.Ops, r.key, keys.ops(i)) {
				r.repeated = true
				return
			}
			v.sweep(&t, &h.Ops, false, nil, r)
		}
	})
	for _, r := range results {
		r.addTo(&l, h)
	}
	trimWorst(&l.Worst)
	return l
}
