package checker

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
)

// A register history with unique values is checked exactly in O(n log n) (checkers.md, after Gibbons and Korach's zones). For a
// value, f is the least return and s the greatest call over its write and its reads; two values conflict when each has an
// operation that ends before one of the other begins. Predecessor replies join values into chains first.

const (
	minTime = math.MinInt64
	noOp    = int32(-1)
)

// vals are the values of one register, by dense index; index 0 is the initial value.
type vals struct {
	n        int
	value    []int64
	f, s     []int64
	fOp, sOp []int32 // the operations behind f and s
	write    []int32 // the write, noOp for none
	call     []int64 // of the write
	pred     []int32 // acknowledged predecessor, noOp
	info     []bool  // the write's outcome is unknown
	failed   []bool  // the write was not executed
	used     []bool  // it takes part: acknowledged, or read
	told     map[int64]bool
}

// add gives the next value its index.
func (v *vals) add(value int64) int32 {
	k := v.n
	v.value[k], v.f[k], v.s[k] = value, history.Inf, minTime
	v.fOp[k], v.sOp[k], v.write[k], v.pred[k] = noOp, noOp, noOp, noOp
	v.n++
	return int32(k)
}

// newVals makes room for n values.
func newVals(n int) *vals {
	return &vals{value: make([]int64, n), f: make([]int64, n), s: make([]int64, n), fOp: make([]int32, n), sOp: make([]int32, n),
		write: make([]int32, n), call: make([]int64, n), pred: make([]int32, n), info: make([]bool, n), failed: make([]bool, n), used: make([]bool, n)}
}

// observe takes in an operation of value i: a read, or its acknowledged write.
func (v *vals) observe(i int32, op int32, call, ret int64) {
	if ret < v.f[i] {
		v.f[i], v.fOp[i] = ret, op
	}
	if call > v.s[i] {
		v.s[i], v.sOp[i] = call, op
	}
	v.used[i] = true
}

// keyResult is what one register comes to in one scope.
type keyResult struct {
	key                                                int32
	values, conflicts, forks, cycles, phantoms, future int64
	aborted, overlap, gamma                            int64
	repeated                                           bool
	worst                                              []Conflict
	forked                                             [][2]int32 // of each fork the two successors' writes
}

func (k *keyResult) bad() bool {
	return k.conflicts+k.forks+k.cycles+k.phantoms+k.future+k.aborted > 0
}

// keepWorst bounds the conflicts that are kept of a scope.
const keepWorst = 20

func (k *keyResult) note(c Conflict) {
	c.Key = uint32(k.key)
	k.worst = append(k.worst, c)
	if len(k.worst) > 4*keepWorst {
		trimWorst(&k.worst)
	}
}

func trimWorst(cs *[]Conflict) {
	slices.SortStableFunc(*cs, func(a, b Conflict) int {
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
	keys := registerKeys(x.h)
	if len(keys.of) == 0 {
		return
	}
	x.looks("conflict", "fork", "cycle", "phantom", "aborted_read", "future_read")
	for _, scope := range []string{MasterReads, AllReads} {
		l, forked, repeated := sweepScope(x.h, x.fin, keys, scope)
		for _, k := range repeated {
			x.repeated[k] = true
		}
		x.a.Result.Registers = append(x.a.Result.Registers, l)
		x.registerFindings(&l, forked)
	}
	registerWitnesses(x.h, keys, x.a)
}

// sweepScope checks all registers in one scope, in parallel.
func sweepScope(h *history.History, fin *contents, keys *registerOpsByKey, scope string) (l Linear, forked [][2]int32, repeated []uint32) {
	l = Linear{Scope: scope, Gamma: -1, K: -1}
	var mu sync.Mutex
	var next atomic.Int64
	var wg guard.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(keys.of)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(keys.of) {
					return
				}
				var held []*history.Dump // what nodes held at the end counts as read, where every read does
				if fin != nil && scope == AllReads {
					held = fin.byKey[keyName(h, uint32(keys.of[i]))]
				}
				r := sweepKey(&h.Ops, keys.of[i], keys.ops(i), held, scope == MasterReads)
				mu.Lock()
				l.take(r, h)
				forked = append(forked, r.forked...)
				if r.repeated {
					repeated = append(repeated, uint32(r.key))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortStableFunc(l.Worst, func(a, b Conflict) int { // keys came in any order
		if a.Overlap == b.Overlap {
			return int(a.Key) - int(b.Key)
		}
		return 0
	})
	trimWorst(&l.Worst)
	slices.SortFunc(forked, func(a, b [2]int32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return l, forked, repeated
}

// take adds one key's result.
func (l *Linear) take(r *keyResult, h *history.History) {
	if r.repeated {
		l.Undecided = "a value was written more than once to " + keyName(h, uint32(r.key))
		return
	}
	l.Keys++
	l.Values += r.values
	l.Conflicts += r.conflicts
	l.Forks += r.forks
	l.Cycles += r.cycles
	l.Phantoms += r.phantoms
	l.Future += r.future
	l.Aborted += r.aborted
	l.Overlap += r.overlap
	l.Gamma = max(l.Gamma, r.gamma)
	if r.bad() {
		l.BadKeys++
	}
	l.Worst = append(l.Worst, r.worst...)
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
		if f == history.FWrite || f == history.FRead {
			counts[k]++
		} else {
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

// sweepKey judges one register. is nil stands for every operation.
func sweepKey(ops *history.Columns, key int32, is []int32, held []*history.Dump, masterOnly bool) *keyResult {
	r := &keyResult{key: key, gamma: -1}
	n := len(is)
	if is == nil {
		n = ops.Len()
	}
	v, ix := collectWrites(ops, n, is)
	if v == nil {
		r.repeated = true
		return r
	}
	v.collectReads(ops, n, is, ix, masterOnly, r)
	v.collectHeld(held, ix, r)
	v.drop()
	chain := v.chains(r, ops)
	v.sweep(r, chain)
	for i := range v.value {
		if v.used[i] {
			r.values++
		}
	}
	r.values-- // the initial value is no value of a write
	return r
}

// SweepRegisters judges every register of a history by all of its reads, and nothing else; for measuring.
func SweepRegisters(h *history.History) Linear {
	l, _, _ := sweepScope(h, nil, registerKeys(h), AllReads)
	return l
}
