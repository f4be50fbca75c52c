package exact

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

func add(v, call, ret int64) SetOp {
	return SetOp{F: Add, Reply: Yes, Value: v, Call: call, Return: ret}
}

func remove(v, call, ret int64) SetOp {
	return SetOp{F: Remove, Reply: Yes, Value: v, Call: call, Return: ret}
}

func has(v, call, ret int64) SetOp {
	return SetOp{F: Contains, Reply: Yes, Value: v, Call: call, Return: ret}
}

func whole(call, ret int64, vs ...int64) SetOp {
	return SetOp{F: Whole, List: vs, Call: call, Return: ret}
}

func no(o SetOp) SetOp {
	o.Reply = No
	return o
}

func untold(o SetOp) SetOp {
	o.Reply = NoReply
	return o
}

func gone(o SetOp) SetOp {
	o.Unknown, o.Return = true, o.Call-1 // it does not count
	return o
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []SetOp
		want Kind
		at   []int
	}{
		{"nothing", nil, "", nil},
		{"comes and goes", []SetOp{no(has(1, 0, 1)), add(1, 2, 3), has(1, 4, 5), whole(4, 5, 1), remove(1, 6, 7), no(has(1, 8, 9)), whole(8, 9)}, "", nil},
		{"nobody added it", []SetOp{has(1, 0, 1)}, Phantom, []int{0}},
		{"nobody added it, yet it is read", []SetOp{whole(0, 1, 1)}, Phantom, []int{0}},
		{"nobody added it, yet it is removed", []SetOp{remove(1, 0, 1)}, Phantom, []int{0}},
		{"not new", []SetOp{no(add(1, 0, 1))}, WrongReply, []int{0}},
		{"seen too early", []SetOp{has(1, 0, 1), add(1, 2, 3)}, Early, []int{0, 1}},
		{"removed too early", []SetOp{remove(1, 0, 1), add(1, 2, 3)}, Early, []int{0, 1}},
		{"touching", []SetOp{has(1, 0, 2), add(1, 2, 3)}, "", nil},
		{"missing", []SetOp{add(1, 0, 1), no(has(1, 2, 3))}, Missing, []int{0, 1}},
		{"missing in a read of all", []SetOp{add(1, 0, 1), whole(2, 3)}, Missing, []int{0, 1}},
		{"missing between", []SetOp{add(1, 0, 9), has(1, 1, 2), no(has(1, 3, 4)), remove(1, 5, 6)}, Missing, []int{0, 1, 2, 3}},
		{"back", []SetOp{add(1, 0, 1), remove(1, 2, 3), has(1, 4, 5)}, Back, []int{0, 1, 2}},
		{"back in a read of all", []SetOp{add(1, 0, 1), remove(1, 2, 3), whole(4, 5, 1)}, Back, []int{0, 1, 2}},
		{"removed without a reply", []SetOp{add(1, 0, 1), gone(remove(1, 2, 0)), no(has(1, 4, 5))}, "", nil},
		{"still there", []SetOp{add(1, 0, 1), gone(remove(1, 2, 0)), has(1, 4, 5)}, "", nil},
		{"once gone, gone", []SetOp{add(1, 0, 1), gone(remove(1, 2, 0)), no(has(1, 4, 5)), has(1, 6, 7)}, Missing, []int{0, 1, 2, 3}},
		{"the removal did not find it", []SetOp{add(1, 0, 1), no(remove(1, 2, 3))}, WrongReply, []int{0, 1}},
		{"the removal came before it", []SetOp{add(1, 0, 2), no(remove(1, 2, 3)), has(1, 4, 5)}, "", nil},
		{"the removal came before it, or after", []SetOp{add(1, 0, 4), untold(remove(1, 2, 3)), has(1, 5, 6)}, "", nil},
		{"neither before nor after", []SetOp{add(1, 0, 1), untold(remove(1, 2, 3)), has(1, 5, 6)}, Back, []int{0, 1, 2}},
		{"incomparable", []SetOp{add(1, 0, 9), add(2, 0, 9), whole(1, 8, 1), whole(1, 8, 2)}, Reads, []int{0, 1, 2, 3}},
		{"incomparable, but removed", []SetOp{add(1, 0, 9), add(2, 0, 9), whole(1, 8, 1), whole(1, 8, 2), gone(remove(1, 1, 0))}, "", nil},
		{"shrinks", []SetOp{gone(add(1, 0, 0)), gone(add(2, 0, 0)), whole(1, 2, 1, 2), whole(3, 4, 1)}, Missing, []int{1, 2, 3}},
		{"the later one was first", []SetOp{add(1, 0, 9), add(2, 0, 1), whole(2, 9, 1), add(3, 0, 9), whole(2, 9, 1, 2)}, Missing, []int{1, 2}},
		{"no time for a read", []SetOp{add(1, 0, 1), add(2, 5, 6), remove(1, 2, 3), whole(0, 9, 1, 2)}, Reads, []int{0, 1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, left := Set(c.ops)
			require.Zero(t, left)
			require.Equal(t, c.want == "", trySet(c.ops), "the table contradicts the search")
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

// TestSetLeavesOutWhatWentInTwice: the element is not judged, the others are.
func TestSetLeavesOutWhatWentInTwice(t *testing.T) {
	ops := []SetOp{add(1, 0, 1), add(1, 2, 3), whole(4, 5), add(2, 0, 9)}
	v, left := Set(ops)
	require.Nil(t, v)
	require.Equal(t, 2, left)
	ops = append(ops, whole(10, 11, 1))
	v, _ = Set(ops)
	require.NotNil(t, v)
	require.ElementsMatch(t, []int{3, 4}, v.Ops)
}

// trySet tries all orders.
func trySet(ops []SetOp) bool {
	must := 0
	before := make([]int, len(ops))
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
	var try func(done int, state uint64) bool
	try = func(done int, state uint64) bool {
		if done&must == must {
			return true
		}
		for i := range ops {
			if done&(1<<i) != 0 || before[i]&^done != 0 {
				continue
			}
			if next, ok := stepSet(state, &ops[i]); ok && try(done|1<<i, next) {
				return true
			}
		}
		return false
	}
	return try(0, 0)
}

// stepSet keeps the elements 0 to 63 as bits.
func stepSet(state uint64, o *SetOp) (uint64, bool) {
	bit := uint64(1) << o.Value
	there := state&bit != 0
	fits := o.Unknown || o.Reply == NoReply
	switch o.F {
	case Add:
		return state | bit, fits || (o.Reply == Yes) == !there
	case Remove:
		return state &^ bit, fits || (o.Reply == Yes) == there
	case Contains:
		return state, fits || (o.Reply == Yes) == there
	}
	var all uint64
	for _, v := range o.List {
		all |= 1 << v
	}
	return state, o.Unknown || all == state
}

// shape says what a random history of a set has.
type shape struct {
	n, elems       int
	end            int64
	unknown        float64
	reads, removes bool
}

// randomSet draws a history of a real set whose operations were stretched; one or two may have been changed.
func randomSet(r *rand.Rand, sh shape) []SetOp {
	var ops []SetOp
	var state uint64
	n := 1 + r.Intn(sh.n)
	wide := 1 + r.Int63n(10)
	at := make([]int64, n)
	for i := range at {
		at[i] = r.Int63n(sh.end)
	}
	slices.Sort(at)
	var used [3]uint64 // by function: the elements added, removed
	for _, t := range at {
		o := SetOp{F: SetF(r.Intn(4)), Value: r.Int63n(int64(sh.elems)), Call: t - r.Int63n(wide), Return: t + r.Int63n(wide)}
		bit := uint64(1) << o.Value
		if used[Add]&bit == 0 && r.Intn(3) > 0 {
			o.F = Add
		}
		switch {
		case o.F == Whole && !sh.reads, o.F == Remove && !sh.removes:
			continue
		case o.F == Add || o.F == Remove:
			if used[o.F]&bit != 0 {
				continue
			}
			used[o.F] |= bit
		}
		o.Reply = No
		if (state&bit != 0) == (o.F != Add) {
			o.Reply = Yes
		}
		for v := range int64(sh.elems) {
			if o.F == Whole && state&(1<<v) != 0 {
				o.List = append(o.List, v)
			}
		}
		if r.Intn(10) == 0 {
			o.Reply = NoReply
		}
		if r.Float64() < sh.unknown {
			o = gone(o)
		}
		if !o.Unknown || r.Intn(2) == 0 {
			state, _ = stepSet(state, &o)
		}
		ops = append(ops, o)
	}
	for k := r.Intn(4); k > 0 && len(ops) > 0; k-- {
		spoil(r, &ops[r.Intn(len(ops))], sh)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

// spoil changes one operation.
func spoil(r *rand.Rand, o *SetOp, sh shape) {
	switch {
	case r.Intn(2) == 0 && !o.Unknown:
		o.Call = r.Int63n(sh.end)
		o.Return = o.Call + r.Int63n(4)
	case o.F == Whole:
		o.List = slices.Clone(o.List)
		v := r.Int63n(int64(sh.elems))
		if i := slices.Index(o.List, v); i >= 0 {
			o.List = slices.Delete(o.List, i, i+1)
		} else {
			o.List = append(o.List, v)
		}
	case o.Reply != NoReply && (o.F == Contains || r.Intn(4) == 0):
		o.Reply = Yes + No - o.Reply
	}
}

// shown is the history that a violation names: its operations, and of whole reads the elements that it has the additions of.
func shown(ops []SetOp, v *Violation) []SetOp {
	var out []SetOp
	added := map[int64]bool{}
	for _, i := range v.Ops {
		added[ops[i].Value] = added[ops[i].Value] || ops[i].F == Add || v.Kind == Phantom
	}
	for _, i := range v.Ops {
		o := ops[i]
		if v.Kind != Phantom {
			o.List = slices.DeleteFunc(slices.Clone(o.List), func(v int64) bool { return !added[v] })
		}
		out = append(out, o)
	}
	return out
}

func TestSetAgreesWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	kinds := map[Kind]int{}
	missed, bad := 0, 0
	for range rounds(30_000, 1_000_000) {
		sh := shape{n: 9, elems: 1 + r.Intn(3), end: 3 + r.Int63n(15), unknown: r.Float64() * 0.4, reads: r.Intn(2) == 0, removes: r.Intn(2) == 0}
		ops := randomSet(r, sh)
		ops = ops[:min(len(ops), 7)]
		v, left := Set(ops)
		require.Zero(t, left)
		want := trySet(ops)
		switch {
		case want && v != nil:
			require.Fail(t, "a false alarm", "said %v: %v", v, ops)
		case !want && v == nil && !(sh.reads && sh.removes):
			require.Fail(t, "missed", "%v", ops)
		case sh.reads && sh.removes && !want:
			bad++
			if v == nil {
				missed++
			}
		}
		if v == nil {
			kinds[""]++
			continue
		}
		kinds[v.Kind]++
		if trySet(shown(ops, v)) {
			require.Fail(t, "the operations named are linearizable", "%v of %v", v, ops)
		}
	}
	require.Less(t, 200*missed, bad, "too much is missed")
	t.Logf("%v; with whole reads and removals %d of %d missed", kinds, missed, bad)
	for _, k := range []Kind{"", Phantom, Early, WrongReply, Missing, Back, Reads} {
		require.Greater(t, kinds[k], 50, "kind %q was hardly tried: %v", k, kinds)
	}
}

func TestSetAgreesWithPorcupine(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	model := porcupine.Model{
		Init: func() any { return uint64(0) },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := stepSet(state.(uint64), input.(*SetOp))
			return ok, next
		},
	}
	good, bad, missed, slow := 0, 0, 0, 0
	for range rounds(400, 30_000) {
		n := 8 + r.Intn(33)
		sh := shape{n: n, elems: 1 + r.Intn(12), end: int64(2 * n), unknown: r.Float64() * 0.1, reads: r.Intn(2) == 0, removes: r.Intn(2) == 0}
		ops := randomSet(r, sh)
		var h []porcupine.Operation
		for i := range ops {
			o := &ops[i]
			end := o.Return
			if o.Unknown {
				end = Inf
			}
			h = append(h, porcupine.Operation{Input: o, Call: o.Call, Return: end})
		}
		v, _ := Set(ops)
		switch want := porcupine.CheckOperationsTimeout(model, h, 20*time.Millisecond); {
		case want == porcupine.Unknown:
			slow++
		case want == porcupine.Ok && v != nil:
			require.Fail(t, "a false alarm", "said %v: %v", v, ops)
		case want == porcupine.Illegal && v == nil && sh.reads && sh.removes:
			missed++
		case want == porcupine.Illegal && v == nil:
			require.Fail(t, "missed", "%v", ops)
		case v == nil:
			good++
		default:
			bad++
		}
	}
	t.Logf("%d linearizable, %d not, besides %d missed, %d too hard for porcupine", good, bad, missed, slow)
	require.Greater(t, min(good, bad), 40)
}

// TestSetKnowingLessFindsNoMore: a wider interval or an outcome that is not known never makes a violation.
func TestSetKnowingLessFindsNoMore(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range rounds(20_000, 300_000) {
		ops := randomSet(r, shape{n: 30, elems: 5, end: 60, unknown: 0.1, reads: true, removes: true})
		if v, _ := Set(ops); v != nil || len(ops) == 0 {
			continue
		}
		for range 3 {
			o := &ops[r.Intn(len(ops))]
			switch r.Intn(4) {
			case 0:
				o.Call -= r.Int63n(5)
			case 1:
				o.Return += r.Int63n(5)
			case 2:
				*o = gone(*o)
			case 3:
				*o = untold(*o)
			}
			v, _ := Set(ops)
			require.Nil(t, v, ops)
		}
	}
}

// busySet is a history of about n operations, with a whole read of the last elements now and then if reads is not 0.
func busySet(r *rand.Rand, n, c, reads int) []SetOp {
	ops := make([]SetOp, 0, n)
	var state []int64
	next := int64(0)
	for i := range n {
		at := int64(i) * 10
		o := SetOp{F: SetF(r.Intn(3)), Reply: Yes, Value: next, Call: at - r.Int63n(int64(10*c)), Return: at + r.Int63n(int64(10*c))}
		switch {
		case reads > 0 && i%reads == 0:
			o.F, o.Reply, o.List = Whole, NoReply, slices.Clone(state)
		case o.F == Add || len(state) == 0:
			o.F = Add
			state = append(state, next)
			next++
		default:
			k := r.Intn(len(state))
			o.Value = state[k]
			if o.F == Remove {
				state[k] = state[len(state)-1]
				state = state[:len(state)-1]
			}
		}
		ops = append(ops, o)
	}
	r.Shuffle(n, func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func BenchmarkSet(b *testing.B) {
	const n = 1_000_000
	for name, reads := range map[string]int{"": 0, ", 1000 of them whole reads": 1000} {
		ops := busySet(rand.New(rand.NewSource(1)), n, 20, reads)
		size := 0
		calls := make([]int64, n)
		for i := range ops {
			calls[i] = ops[i].Call
			size += len(ops[i].List)
		}
		b.Run(fmt.Sprintf("%d operations%s of %d elements", n, name, size), func(b *testing.B) {
			for b.Loop() {
				if v, _ := Set(ops); v != nil {
					b.Fatal(v)
				}
			}
		})
		b.Run("sort of the calls alone", func(b *testing.B) {
			for b.Loop() {
				slices.Sort(slices.Clone(calls))
			}
		})
	}
}

// TestSetIsNeverAFalseAlarm: also where elements were added or removed more than once.
func TestSetIsNeverAFalseAlarm(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	found, partly := 0, 0
	for range rounds(20_000, 300_000) {
		ops := randomSet(r, shape{n: 7, elems: 4, end: 3 + r.Int63n(15), unknown: r.Float64() * 0.4, reads: r.Intn(2) == 0, removes: true})
		for i := range ops {
			ops[i].Value %= 2
			for j := range ops[i].List {
				ops[i].List[j] %= 2
			}
		}
		v, left := Set(ops)
		if v == nil {
			continue
		}
		found++
		if left > 0 {
			partly++
		}
		if trySet(ops) {
			require.Fail(t, "a false alarm", "said %v: %v", v, ops)
		}
	}
	t.Logf("%d found, %d of them beside what was left out", found, partly)
	require.Greater(t, partly, 50)
}
