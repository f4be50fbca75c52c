package exact

import (
	"fmt"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// rounds is how many random histories a test tries: more under SCHISM_PROVE.
func rounds(n, prove int) int {
	if os.Getenv("SCHISM_PROVE") != "" {
		return prove
	}
	return n
}

func put(v, call, ret int64) QueueOp { return QueueOp{F: Enqueue, Value: v, Call: call, Return: ret} }

func take(v, call, ret int64) QueueOp { return QueueOp{F: Dequeue, Value: v, Call: call, Return: ret} }

func empty(call, ret int64) QueueOp { return QueueOp{F: DequeueEmpty, Call: call, Return: ret} }

func lost(o QueueOp) QueueOp {
	o.Unknown, o.Return = true, o.Call-1 // it does not count
	return o
}

func TestQueue(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []QueueOp
		want Kind
		at   []int
	}{
		{"nothing", nil, "", nil},
		{"in order", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5), take(2, 6, 7), empty(8, 9)}, "", nil},
		{"out of nowhere", []QueueOp{take(1, 0, 1)}, Phantom, []int{0}},
		{"before it was asked for", []QueueOp{take(1, 0, 1), put(1, 2, 3)}, Early, []int{0, 1}},
		{"while it was asked for", []QueueOp{take(1, 0, 2), put(1, 2, 3)}, "", nil},
		{"twice", []QueueOp{put(1, 0, 1), take(1, 2, 3), take(1, 2, 3)}, Twice, []int{0, 1, 2}},
		{"reordered", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, Reordered, []int{0, 1, 2, 3}},
		{"touching enqueues", []QueueOp{put(1, 0, 2), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, "", nil},
		{"touching dequeues", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(2, 4, 6), take(1, 6, 7)}, "", nil},
		{"the first was never acknowledged", []QueueOp{lost(put(1, 0, 0)), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, "", nil},
		{"overtaken", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5)}, Overtaken, []int{0, 1, 2}},
		{"overtaken, or taken without a reply", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), lost(take(0, 5, 0))}, "", nil},
		{"overtaken before the dequeue without a reply", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), lost(take(0, 6, 0))}, Overtaken, []int{0, 1, 2}},
		{"two overtaken, one dequeue without a reply", []QueueOp{put(1, 0, 1), put(2, 0, 1), put(3, 2, 3), take(3, 4, 5), lost(take(0, 1, 0))}, Overtaken, []int{0, 1, 2, 3, 4}},
		{"some are left", []QueueOp{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5)}, "", nil},
		{"surely there", []QueueOp{put(1, 0, 1), empty(2, 3), take(1, 4, 5)}, NotEmpty, []int{0, 1, 2}},
		{"there later", []QueueOp{put(1, 0, 2), empty(2, 3), take(1, 4, 5)}, "", nil},
		{"gone in between", []QueueOp{put(1, 0, 1), empty(2, 4), take(1, 4, 5)}, "", nil},
		{"handed over", []QueueOp{put(1, 0, 1), empty(2, 9), put(2, 2, 3), take(1, 4, 5), take(2, 10, 11)}, NotEmpty, []int{0, 1, 2, 3, 4}},
		{"handed over with a gap", []QueueOp{put(1, 0, 1), empty(2, 9), put(2, 2, 4), take(1, 4, 5), take(2, 10, 11)}, "", nil},
		{"left, yet not there", []QueueOp{put(1, 0, 1), empty(2, 3)}, NotEmpty, []int{0, 1}},
		{"taken without a reply", []QueueOp{put(1, 0, 1), empty(2, 3), lost(take(0, 3, 0))}, "", nil},
		{"taken without a reply, but later", []QueueOp{put(1, 0, 1), empty(2, 3), lost(take(0, 4, 0))}, NotEmpty, []int{0, 1}},
		{"one dequeue without a reply explains both", []QueueOp{put(1, 0, 1), put(2, 2, 3), lost(take(0, 0, 0)), empty(2, 2), take(2, 4, 5)}, "", nil},
		{"it cannot take two", []QueueOp{put(1, 0, 1), lost(take(0, 0, 0)), put(2, 2, 3), empty(4, 5)}, NotEmpty, []int{0, 1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, left := Queue(c.ops)
			require.Zero(t, left)
			require.Equal(t, c.want == "", tryQueue(c.ops), "the table contradicts the search")
			if c.want == "" {
				require.Nil(t, v)
				return
			}
			require.NotNil(t, v)
			require.Equal(t, c.want, v.Kind)
			require.ElementsMatch(t, c.at, v.Ops)
		})
	}
}

// TestQueueLeavesOutWhatWentInTwice: the element is not judged, the others are.
func TestQueueLeavesOutWhatWentInTwice(t *testing.T) {
	ops := []QueueOp{put(1, 0, 1), lost(put(1, 2, 3)), take(1, 4, 5), take(1, 6, 7), put(2, 8, 9), empty(10, 11)}
	v, left := Queue(ops)
	require.Equal(t, 4, left)
	require.NotNil(t, v)
	require.Equal(t, []int{5, 4}, v.Ops)
}

// tryQueue tries all orders.
func tryQueue(ops []QueueOp) bool {
	must := 0
	before := make([]int, len(ops)) // by operation: those that returned before its call
	for i, o := range ops {
		if !o.Unknown {
			must |= 1 << i
		}
		for j, p := range ops {
			if !p.Unknown && p.Return < o.Call {
				before[i] |= 1 << j
			}
		}
	}
	var try func(done int, state []int64) bool
	try = func(done int, state []int64) bool {
		if done&must == must {
			return true
		}
		for i := range ops {
			if done&(1<<i) != 0 || before[i]&^done != 0 {
				continue
			}
			next, ok := stepQueue(state, &ops[i])
			if ok && try(done|1<<i, next) {
				return true
			}
		}
		return false
	}
	return try(0, nil)
}

func stepQueue(state []int64, o *QueueOp) ([]int64, bool) {
	switch {
	case o.F == Enqueue:
		return append(slices.Clip(state), o.Value), true
	case o.Unknown:
		return state[min(1, len(state)):], true
	case o.F == DequeueEmpty:
		return state, len(state) == 0
	}
	if len(state) == 0 || state[0] != o.Value {
		return nil, false
	}
	return state[1:], true
}

// randomQueue draws a history of at most n operations within so many moments, so that many touch. Half of them come from a real
// queue, whose operations were then stretched, and one perhaps changed.
func randomQueue(r *rand.Rand, n int, end int64, unknown float64) []QueueOp {
	var ops []QueueOp
	if r.Intn(2) == 0 {
		for v := int64(0); len(ops) < n; v++ {
			call := r.Int63n(end)
			o := QueueOp{F: DequeueEmpty, Call: call, Return: call + r.Int63n(end-call)}
			if r.Intn(4) == 0 {
				ops = append(ops, o)
				continue
			}
			o.F, o.Value = Enqueue, v
			if r.Intn(100) > 0 {
				ops = append(ops, o)
			}
			for likely := 80; r.Intn(100) < likely && len(ops) < n; likely = 2 {
				o = QueueOp{F: Dequeue, Value: v, Call: r.Int63n(end)}
				if r.Intn(10) > 0 {
					o.Call = call + r.Int63n(end-call)
				}
				o.Return = o.Call + r.Int63n(end-o.Call)
				ops = append(ops, o)
			}
		}
	} else {
		ops = realQueue(r, n, end)
	}
	for i := range ops {
		if r.Float64() < unknown {
			ops[i] = lost(ops[i])
		}
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func realQueue(r *rand.Rand, n int, end int64) []QueueOp {
	var ops []QueueOp
	var state []int64
	at := make([]int64, 1+r.Intn(n))
	for i := range at {
		at[i] = r.Int63n(end)
	}
	slices.Sort(at)
	for i, t := range at {
		o := QueueOp{F: Enqueue, Value: int64(i), Call: max(0, t-r.Int63n(3)), Return: t + r.Int63n(3)}
		switch {
		case r.Intn(2) == 0:
			state = append(state, o.Value)
		case len(state) == 0:
			o.F = DequeueEmpty
		default:
			o.F, o.Value, state = Dequeue, state[0], state[1:]
			if r.Intn(6) == 0 {
				continue // nobody heard of it
			}
		}
		ops = append(ops, o)
	}
	if len(ops) > 0 && r.Intn(2) == 0 {
		o := &ops[r.Intn(len(ops))]
		o.Call = r.Int63n(end)
		o.Return = o.Call + r.Int63n(3)
	}
	return ops
}

func TestQueueAgreesWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	kinds := map[Kind]int{}
	for range rounds(30_000, 1_000_000) {
		ops := randomQueue(r, 7, 3+r.Int63n(15), r.Float64()*0.4)
		v, left := Queue(ops)
		require.Zero(t, left)
		if want := tryQueue(ops); want != (v == nil) {
			require.Fail(t, "disagreement", "linearizable %t, said %v: %v", want, v, ops)
		}
		if v == nil {
			kinds[""]++
			continue
		}
		kinds[v.Kind]++
		var shown []QueueOp
		for _, i := range v.Ops {
			shown = append(shown, ops[i])
		}
		if tryQueue(shown) {
			require.Fail(t, "the operations named are linearizable", "%v of %v", v, ops)
		}
	}
	t.Log(kinds)
	for _, k := range []Kind{"", Phantom, Early, Twice, Reordered, Overtaken, NotEmpty} {
		require.Greater(t, kinds[k], 50, "kind %q was hardly tried: %v", k, kinds)
	}
}

func TestQueueAgreesWithPorcupine(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	model := porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			var s []int64
			for _, c := range state.(string) {
				s = append(s, int64(c))
			}
			next, ok := stepQueue(s, input.(*QueueOp))
			text := make([]rune, len(next))
			for i, v := range next {
				text[i] = rune(v)
			}
			return ok, string(text)
		},
		Equal: func(a, b any) bool { return a == b },
	}
	good, bad, slow := 0, 0, 0
	for range rounds(400, 30_000) {
		n := 8 + r.Intn(33)
		ops := randomQueue(r, n, int64(2*n), r.Float64()*0.1)
		var h []porcupine.Operation
		for i := range ops {
			o := &ops[i]
			end := o.Return
			if o.Unknown {
				end = Inf
			}
			h = append(h, porcupine.Operation{Input: o, Call: o.Call, Return: end})
		}
		v, left := Queue(ops)
		require.Zero(t, left)
		// Unknown operations may be left out: for porcupine they come after all others, where they disturb nobody.
		want := porcupine.CheckOperationsTimeout(model, h, 20*time.Millisecond)
		if want == porcupine.Unknown {
			slow++
			continue
		}
		if (want == porcupine.Ok) != (v == nil) {
			require.Fail(t, "disagreement", "linearizable %s, said %v: %v", want, v, ops)
		}
		if v == nil {
			good++
		} else {
			bad++
		}
	}
	t.Logf("%d linearizable, %d not, %d too hard for porcupine", good, bad, slow)
	require.Greater(t, min(good, bad), 40)
}

// TestQueueKnowingLessFindsNoMore: a wider interval or an outcome that is not known never makes a violation.
func TestQueueKnowingLessFindsNoMore(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range rounds(20_000, 300_000) {
		ops := randomQueue(r, 30, 60, 0.1)
		if v, _ := Queue(ops); v != nil {
			continue
		}
		for range 3 {
			o := &ops[r.Intn(len(ops))]
			switch r.Intn(3) {
			case 0:
				o.Call -= r.Int63n(5)
			case 1:
				o.Return += r.Int63n(5)
			case 2:
				if o.F != Enqueue || !slices.ContainsFunc(ops, func(p QueueOp) bool { return p.F == Enqueue && p != *o && p.Value == o.Value }) {
					*o = lost(*o)
				}
			}
			v, _ := Queue(ops)
			require.Nil(t, v, ops)
		}
	}
}

// TestQueueDoesNotCareForNames: renaming elements, shifting the clock and permuting operations change nothing.
func TestQueueDoesNotCareForNames(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	for range rounds(5000, 100_000) {
		ops := randomQueue(r, 30, 60, 0.1)
		v, _ := Queue(ops)
		for i := range ops {
			ops[i].Value = 1000 - 7*ops[i].Value
			ops[i].Call += 5
			if !ops[i].Unknown {
				ops[i].Return += 5
			}
		}
		r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
		w, _ := Queue(ops)
		require.Equal(t, v == nil, w == nil, ops)
	}
}

// busyQueue is a history of n operations of a queue that c clients use at once.
func busyQueue(r *rand.Rand, n, c int) []QueueOp {
	ops := make([]QueueOp, 0, n)
	var state []int64
	for i := range n {
		at := int64(i) * 10
		o := QueueOp{F: Enqueue, Value: int64(i), Call: at - r.Int63n(int64(10*c)), Return: at + r.Int63n(int64(10*c))}
		switch {
		case r.Intn(2) == 0:
			state = append(state, o.Value)
		case len(state) == 0:
			o.F = DequeueEmpty
		default:
			o.F, o.Value, state = Dequeue, state[0], state[1:]
		}
		ops = append(ops, o)
	}
	return ops
}

func BenchmarkQueue(b *testing.B) {
	const n = 1_000_000
	ops := busyQueue(rand.New(rand.NewSource(1)), n, 20)
	calls := make([]int64, n)
	rand.New(rand.NewSource(2)).Shuffle(n, func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	b.Run(fmt.Sprintf("%d operations", n), func(b *testing.B) {
		for b.Loop() {
			if v, _ := Queue(ops); v != nil {
				b.Fatal(v)
			}
		}
	})
	b.Run("sort of the calls alone", func(b *testing.B) {
		for b.Loop() {
			for i := range ops {
				calls[i] = ops[i].Call
			}
			slices.Sort(calls)
		}
	})
}

// TestQueueIsNeverAFalseAlarm: also where elements went in more than once.
func TestQueueIsNeverAFalseAlarm(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	found, partly := 0, 0
	for range rounds(20_000, 300_000) {
		ops := randomQueue(r, 7, 3+r.Int63n(15), r.Float64()*0.4)
		for i := range ops {
			ops[i].Value %= 3
		}
		v, left := Queue(ops)
		if v == nil {
			continue
		}
		found++
		if left > 0 {
			partly++
		}
		if tryQueue(ops) {
			require.Fail(t, "a false alarm", "said %v: %v", v, ops)
		}
	}
	t.Logf("%d found, %d of them beside what was left out", found, partly)
	require.Greater(t, partly, 50)
}
