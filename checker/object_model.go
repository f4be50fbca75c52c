package checker

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/schismtest/schism/history"
)

// objectOp is one operation of a general object as the model sees it; porcupine gets a pointer to it as input.
type objectOp struct {
	f       history.F
	in, arg int64
	out     int64
	list    string // an encoded list, read or written
	pred    bool   // out is the value that a write replaced
	known   bool   // the outcome is OK, so out binds
	op      int32
	call    int64
	ret     int64
}

// The state of an object is an int64 (a register, a counter or a lock; Nil when absent) or a string (a list, 8 bytes an element).

// stepObject is the sequential specification of everything that goes to porcupine.
func stepObject(state any, o *objectOp) (bool, any) {
	if l, ok := state.(string); ok {
		return stepList(l, o)
	}
	v := state.(int64)
	switch o.f {
	case history.FWrite:
		return !o.known || !o.pred || o.out == v, o.in
	case history.FRead:
		return o.out == v, state
	case history.FCAS:
		if v == o.in {
			return !o.known || o.out != 0, o.arg
		}
		return !o.known || o.out == 0, state
	case history.FDel:
		there := int64(0)
		if v != history.Nil {
			there = 1
		}
		return !o.known || o.out == history.None || o.out == there, history.Nil
	case history.FIncr:
		n := numberOf(v) + o.in
		return !o.known || o.out == history.None || o.out == n, n
	case history.FReadCounter:
		return numberOf(o.out) == numberOf(v), state
	case history.FAcquire:
		return stepAcquire(v, o)
	case history.FRelease:
		if v == o.in {
			return !o.known || o.out != 0, history.Nil
		}
		return !o.known || o.out == 0, state
	}
	return false, state
}

// stepAcquire takes a lock without lease: an acquisition that got nothing needs another holder.
func stepAcquire(v int64, o *objectOp) (bool, any) {
	got := o.out != history.Nil
	if v == history.Nil {
		return !o.known || got, o.in
	}
	return !o.known || !got, v
}

func stepList(l string, o *objectOp) (bool, any) {
	switch o.f {
	case history.FWrite:
		return true, o.list
	case history.FDel:
		return true, ""
	case history.FAppend:
		n := l + encodeList([]int64{o.in})
		return !o.known || o.out == history.None || o.out == history.Nil || o.out == int64(len(n)/8), n
	case history.FReadList:
		return o.list == l, l
	}
	return false, l
}

func numberOf(v int64) int64 {
	if v == history.Nil || v == history.None {
		return 0
	}
	return v
}

func encodeList(l []int64) string {
	b := make([]byte, 0, 8*len(l))
	for _, v := range l {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return string(b)
}

// budget is the watchdog of one search. Porcupine remembers a bit set of all operations and a state for each step that it takes;
// steps are counted, not bytes, so that the same history gives the same answer on any machine.
type budget struct {
	steps atomic.Int64
	most  int64
	// tries are all attempts to take a step, a measure of time; they are bounded where mostTries is not 0.
	tries     atomic.Int64
	mostTries int64
}

func newBudget(ops int, memory int64) *budget {
	each := int64(ops/8 + 160)
	return &budget{most: max(memory/each, 1000)}
}

func (b *budget) spent() bool {
	return b.steps.Load() > b.most || (b.mostTries > 0 && b.tries.Load() > b.mostTries)
}

func (b *budget) model(initial any) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return initial },
		Step: func(state, input, _ any) (bool, any) {
			if b.spent() {
				return false, state // nothing goes on from here, so the search ends
			}
			b.tries.Add(1)
			ok, next := stepObject(state, input.(*objectOp))
			if ok {
				b.steps.Add(1)
			}
			return ok, next
		},
		Hash: hashState,
	}
}

// hashState spreads states over porcupine's cache.
func hashState(s any) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	switch v := s.(type) {
	case int64:
		h = (h ^ uint64(v)) * prime
	case string:
		for i := range len(v) {
			h = (h ^ uint64(v[i])) * prime
		}
	}
	return h ^ h>>29
}
