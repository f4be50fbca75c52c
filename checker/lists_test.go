package checker

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func stepTestList(state any, o *history.Op) (any, bool) {
	s := state.([]int64)
	if o.F == history.FAppend {
		s = append(slices.Clone(s), o.In)
		return s, o.Outcome != history.OK || o.Out == none || o.Out == int64(len(s))
	}
	return s, slices.Equal(o.List, s)
}

// randomList draws appends and reads that are cut from one or two orders of the elements. replies tells whether appends say the
// length that they made.
func randomList(r *rand.Rand, replies bool) []history.Op {
	var ops []history.Op
	n := 1 + r.Intn(4)
	order := make([]int64, n)
	for i, p := range r.Perm(n) {
		order[i] = int64(p)
	}
	for i := range n {
		c, e := interval(r)
		o := op(int32(i), history.FAppend, int64(i), none, c, e)
		if replies {
			o.Out = int64(slices.Index(order, int64(i)) + 1)
			if r.Intn(8) == 0 {
				o.Out = int64(1 + r.Intn(n))
			}
		}
		ops = append(ops, outcome(r, o))
	}
	for i := range r.Intn(4) {
		c, e := interval(r)
		l := slices.Clone(order)
		if r.Intn(6) == 0 {
			r.Shuffle(n, func(i, j int) { l[i], l[j] = l[j], l[i] })
		}
		ops = append(ops, read(int32(10+i), history.FReadList, c, e, l[:r.Intn(n+1)]...))
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func TestListsAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	good := 0
	for i := range rounds(20000) {
		ops := randomList(r, i%2 == 0)
		want := linearizable(ops, []int64{}, stepTestList)
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.lists()
		require.Equal(t, want, ordered(x) && !x.has("aborted_read"), opsText(ops))
		if want {
			good++
		}
	}
	require.Greater(t, good, rounds(20000)/50)
}

// TestListTailsAreNoFalseAlarm: reads of a list's end beside whole ones. What has an order is never said to have none, and most of
// what has none is seen.
func TestListTailsAreNoFalseAlarm(t *testing.T) {
	r := rand.New(rand.NewSource(12))
	good, bad, missed := 0, 0, 0
	for i := range rounds(20000) {
		ops := randomList(r, i%2 == 0)
		for k := range ops {
			o := &ops[k]
			if o.F != history.FReadList || r.Intn(3) == 0 {
				continue
			}
			from := r.Intn(len(o.List) + 1)
			if len(o.List) > 0 && from == len(o.List) {
				from--
			}
			o.F, o.In, o.Out, o.Arg, o.List = history.FReadTail, int64(len(o.List)-from), int64(len(o.List)), int64(from), o.List[from:]
		}
		want := linearizable(ops, []int64{}, func(state any, o *history.Op) (any, bool) {
			if o.F == history.FReadTail {
				s := state.([]int64)
				return s, int(o.Out) == len(s) && slices.Equal(o.List, s[o.Arg:])
			}
			return stepTestList(state, o)
		})
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.lists()
		got := ordered(x) && !x.has("aborted_read")
		if want {
			good++
			require.True(t, got, "a false alarm: %+v\n%s", x.found, opsText(ops))
			continue
		}
		if bad++; got {
			missed++
		}
	}
	t.Logf("%d with an order, %d without, of which %d were missed", good, bad, missed)
	require.Greater(t, good, rounds(20000)/50)
	require.Less(t, missed, bad/5)
}

func TestLists(t *testing.T) {
	app := func(p int32, v, place, call, ret int64) history.Op {
		return op(p, history.FAppend, v, place, call, ret)
	}
	whole := func(call, ret int64, vs ...int64) history.Op {
		return read(9, history.FReadList, call, ret, vs...)
	}
	tail := func(call, ret, from int64, vs ...int64) history.Op {
		o := read(9, history.FReadTail, call, ret, vs...)
		o.In, o.Out, o.Arg = int64(len(vs)), from+int64(len(vs)), from
		return o
	}
	both := map[string]int64{"list_conflict (master reads)": 1, "list_conflict (all reads)": 1}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"grows", []history.Op{app(1, 1, 1, 0, 5), whole(6, 7, 1), app(1, 2, 2, 8, 9), whole(10, 11, 1, 2)}, map[string]int64{}},
		{"no prefix", []history.Op{app(1, 1, none, 0, 5), app(2, 2, none, 0, 5), whole(0, 7, 1), whole(0, 7, 2, 1)}, both},
		{"reply names another's place", []history.Op{app(1, 1, 1, 0, 5), app(2, 2, 1, 0, 5), whole(0, 7, 1)}, both},
		{"two replies, one place", []history.Op{app(1, 1, 1, 0, 5), app(2, 2, 1, 0, 5)}, both},
		{"a place that nobody can have filled", []history.Op{app(1, 1, 2, 0, 5)}, both},
		{"a place that an unknown append filled", []history.Op{app(1, 1, 2, 0, 5), app(2, 2, none, 0, inf)}, map[string]int64{}},
		{"twice", []history.Op{app(1, 1, 1, 0, 5), whole(0, 7, 1, 1)},
			map[string]int64{"duplicated": 1, "list_conflict (master reads)": 1, "list_conflict (all reads)": 1}},
		{"order against time", []history.Op{app(1, 1, none, 0, 1), app(1, 2, none, 2, 3), whole(4, 5, 2, 1)},
			map[string]int64{"reordered": 1, "list_conflict (master reads)": 1, "list_conflict (all reads)": 1}},
		{"failed yet there", []history.Op{app(1, 1, none, 0, 1), failed(app(1, 2, none, 2, 3)), app(1, 3, none, 4, 5), whole(6, 7, 1, 2, 3)},
			map[string]int64{"aborted_read": 1, "list_conflict (master reads)": 1, "list_conflict (all reads)": 1}},
		{"its end grows", []history.Op{app(1, 1, 1, 0, 1), app(1, 2, 2, 2, 3), tail(4, 5, 1, 2)}, map[string]int64{}},
		{"its end was there before it was added", []history.Op{tail(0, 1, 0, 1), tail(0, 1, 0, 1), app(1, 1, 1, 2, 3)},
			map[string]int64{"future_read": 1, "list_conflict (master reads)": 1, "list_conflict (all reads)": 1}},
		{"hole", []history.Op{app(1, 1, 1, 0, 1), app(1, 2, 2, 2, 3), app(1, 3, 3, 4, 5), whole(6, 7, 1, 3)},
			map[string]int64{"hole": 1, "list_conflict (master reads)": 2, "list_conflict (all reads)": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
}

func TestLostTailIsNoHole(t *testing.T) {
	// n0 acknowledged 1 and 2; 2 was not yet replicated when n1 took over, which then appended 3.
	h := hist(
		onNode(op(1, history.FAppend, 1, 1, 0, 1), 0),
		onNode(op(1, history.FAppend, 2, 2, 2, 3), 0),
		onNode(op(1, history.FAppend, 3, 2, 10, 11), 1),
	)
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}}
	h.Events = []history.Event{{Kind: history.EvPhase, Name: history.PhaseBarrier, T: 12}, {Kind: history.EvPhase, Name: history.PhaseFinalEnd, T: 13}}
	for n := range int32(2) {
		h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: "k0", Type: "list", Elems: []int64{1, 3}})
	}
	require.NotContains(t, counts(checkExtra(h)), "hole")

	// The same on one node whose samples show that it was a replica in between.
	for i := range h.Ops.Node {
		h.Ops.Node[i] = 0
	}
	h.Samples = []history.Sample{
		{Node: 0, Call: -2, Return: -1, Answered: true, Role: history.RoleMaster, ReplID: "a"},
		{Node: 0, Call: 5, Return: 6, Answered: true, Role: history.RoleReplica, ReplID: "b"},
		{Node: 0, Call: 8, Return: 9, Answered: true, Role: history.RoleMaster, ReplID: "b"},
	}
	require.NotContains(t, counts(checkExtra(h)), "hole")

	// And where it stayed master all the time.
	h.Samples = h.Samples[:1]
	require.Equal(t, int64(1), counts(checkExtra(h))["hole"])
}
