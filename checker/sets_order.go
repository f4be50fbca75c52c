package checker

import (
	"cmp"
	"math"
	"slices"
)

// placed is an operation whose place in the only possible order of an object is known: the operations of a linearization stand
// in ascending order of key.
type placed struct {
	key       int64
	call, ret int64
	op        int32
}

// never is the key of an acknowledged addition that no read holds: it comes after every read.
const never = math.MaxInt64

// misplaced is a pair that contradicts real time: a returned before b was called, yet a's place is after b's.
type misplaced struct {
	a, b int32
	by   int64 // ns from the return of a to the call of b
}

// sweepOrder finds each operation b before whose call one with a greater key returned, in O(n log n). The first operation
// found for b is the one with the greatest key; the history is linearizable exactly when there is none (sort by key, then by
// real time within one key: no key pair contradicts real time, so this is a linearization).
func sweepOrder(ps []placed, report func(misplaced)) {
	byCall := slices.Clone(ps)
	slices.SortFunc(byCall, func(a, b placed) int { return cmp.Compare(a.call, b.call) })
	slices.SortFunc(ps, func(a, b placed) int { return cmp.Compare(a.ret, b.ret) })
	top, i := -1, 0
	for _, b := range byCall {
		for i < len(ps) && ps[i].ret < b.call {
			if top < 0 || ps[i].key > ps[top].key {
				top = i
			}
			i++
		}
		if top >= 0 && ps[top].key > b.key {
			report(misplaced{a: ps[top].op, b: b.op, by: b.call - ps[top].ret})
		}
	}
}
