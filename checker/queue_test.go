package checker

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func put(v, call, ret int64) history.Op { return op(1, history.FEnqueue, v, none, call, ret) }

func take(v, call, ret int64) history.Op { return op(2, history.FDequeue, none, v, call, ret) }

func ackOf(v, call, ret int64) history.Op { return op(2, history.FAck, v, 1, call, ret) }

func TestQueues(t *testing.T) {
	view := func(call, ret int64, vs ...int64) history.Op { return read(9, history.FReadQueue, call, ret, vs...) }
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"in order", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5), take(2, 6, 7), take(null, 8, 9)}, map[string]int64{}},
		{"some left, nobody looked", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5)}, map[string]int64{}},
		{"empty before the last one went in", []history.Op{put(1, 0, 2), take(null, 2, 3), put(2, 2, 5)}, map[string]int64{}},
		{"empty after one went in", []history.Op{put(1, 0, 1), take(null, 2, 3), put(2, 2, 5)}, map[string]int64{"queue_conflict": 1}},
		{"empty while one was handed over to another", []history.Op{put(1, 0, 1), take(null, 2, 9), put(2, 2, 3), take(1, 4, 5), take(2, 10, 11)}, map[string]int64{"queue_conflict": 1}},
		{"empty in between", []history.Op{put(1, 0, 1), take(null, 2, 9), put(2, 2, 4), take(1, 4, 5), take(2, 10, 11)}, map[string]int64{}},
		{"nothing to deliver again", []history.Op{put(1, 0, 1), withArg(take(null, 2, 3), 1), take(1, 4, 5)}, map[string]int64{}},
		{"one never came out", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5)}, map[string]int64{"queue_conflict": 1}},
		{"one never came out, or without a reply", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(none, 5, inf)}, map[string]int64{}},
		{"one was acknowledged, and its delivery not heard of", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), ackOf(1, 6, 7)}, map[string]int64{}},
		{"an unknown one may be missing", []history.Op{put(1, 0, inf), take(null, 6, 7)}, map[string]int64{}},
		{"twice", []history.Op{put(1, 0, 1), take(1, 2, 3), take(1, 4, 5)}, map[string]int64{"queue_duplicated": 1}},
		{"again, and said so", []history.Op{put(1, 0, 1), take(1, 2, 3), withArg(take(1, 4, 5), 1)}, map[string]int64{"queue_redelivered": 1}},
		{"again, after a delivery that nobody heard of", []history.Op{put(1, 0, 1), take(none, 2, inf), withArg(take(1, 4, 5), 1), take(null, 6, 7)}, map[string]int64{}},
		{"again after it was acknowledged", []history.Op{put(1, 0, 1), take(1, 2, 3), ackOf(1, 4, 5), withArg(take(1, 6, 7), 1)},
			map[string]int64{"queue_redelivered": 1, "queue_redelivered_after_ack": 1}},
		{"reordered", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, map[string]int64{"queue_reordered": 1}},
		{"put in at the same time", []history.Op{put(1, 0, 2), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, map[string]int64{}},
		{"taken at the same time", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 6), take(1, 6, 7)}, map[string]int64{}},
		{"out of nowhere", []history.Op{take(7, 0, 1)}, map[string]int64{"phantom": 1}},
		{"failed yet there", []history.Op{failed(put(7, 0, 1)), take(7, 2, 3)}, map[string]int64{"aborted_read": 1}},
		{"shown in order", []history.Op{put(1, 0, 1), put(2, 2, 3), view(4, 5, 1, 2)}, map[string]int64{}},
		{"shown in another order", []history.Op{put(1, 0, 1), put(2, 2, 3), view(4, 5, 2, 1)}, map[string]int64{"reordered": 1}},
		{"put in at the same time, and shown", []history.Op{put(1, 0, 2), put(2, 2, 3), view(4, 5, 2, 1)}, map[string]int64{}},
		{"failed yet shown", []history.Op{failed(put(7, 0, 1)), view(2, 3, 7), view(4, 5, 7)}, map[string]int64{"aborted_read": 1}},
		{"shown before it went in", []history.Op{view(0, 1, 7), put(7, 2, 3)}, map[string]int64{"future_read": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
}

// TestQueueLoss: without a look at what is left, loss can be told only of a queue that was found empty.
func TestQueueLoss(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []history.Op
		want result.Verdict
	}{
		{"drained", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5), take(2, 6, 7), take(null, 8, 9)}, result.Pass},
		{"lost", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(null, 6, 7)}, result.Violation},
		{"not found empty", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5)}, result.Pass},
		{"empty before the last one went in", []history.Op{put(1, 0, 2), take(null, 2, 3), put(2, 2, 5)}, result.Pass},
		{"empty although one was there", []history.Op{put(1, 0, 1), take(null, 2, 3), put(2, 2, 5)}, result.Violation},
		{"lost, or taken without a reply", []history.Op{put(1, 0, 1), take(none, 2, inf), take(null, 6, 7)}, result.Pass},
		{"two lost, of which one may be taken without a reply", []history.Op{put(1, 0, 1), put(2, 0, 1), take(none, 2, inf), take(null, 6, 7)}, result.Violation},
		{"an unknown one may be missing", []history.Op{put(1, 0, inf), take(null, 6, 7)}, result.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := CheckModel(hist(c.ops...), "queue", ModelOptions{})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict, a.Result.Findings)
		})
	}
}

// TestQueueLossAgainstTheDump: an element that lies on another key is in work; a take without a reply may have got one.
func TestQueueLossAgainstTheDump(t *testing.T) {
	for name, c := range map[string]struct {
		more     []history.Op
		lost, hi float64
	}{
		"one is missing":         {nil, 1, 1},
		"it may have been taken": {[]history.Op{take(none, 8, inf)}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := atRest(hist(append([]history.Op{put(1, 0, 1), put(2, 2, 3), put(3, 4, 5), take(1, 6, 7)}, c.more...)...))
			h.Dumps = []history.Dump{{Key: "k0", Type: "list", Digest: 1, Elems: []int64{}}, {Key: "work:0", Type: "list", Digest: 1, Elems: []int64{3}}}
			r := judged(t, h)
			require.Equal(t, [2]float64{c.lost, c.hi}, [2]float64{valueOf(r, "lost").Lo, valueOf(r, "lost").Hi})
		})
	}
}

// atRest gives a history of one server the barrier of a run.
func atRest(h *history.History) *history.History {
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}}
	for i := range h.Ops.Node {
		h.Ops.Node[i] = 0
	}
	for n, name := range []string{history.PhaseLoad, history.PhaseLoadEnd, history.PhaseBarrier, history.PhaseFinalEnd} {
		t := int64(0)
		if n > 0 {
			t = h.End + int64(n)
		}
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: t, Kind: history.EvPhase, Name: name})
	}
	for _, t := range []int64{-2, h.End + 10} {
		h.Samples = append(h.Samples, history.Sample{Call: t, Return: t + 1, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "x"})
	}
	return h
}

func valueOf(r result.Result, name string) result.Value {
	for _, m := range r.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	return result.Unmeasured("not there")
}

// TestQueueDuplicateAcrossAFailoverIsNoBug: the removal may not have been replicated when the other node took over.
func TestQueueDuplicateAcrossAFailoverIsNoBug(t *testing.T) {
	for node, bug := range map[int32]bool{0: true, 1: false} {
		a := checkExtra(hist(put(1, 0, 1), onNode(take(1, 2, 3), 0), onNode(take(1, 4, 5), node)))
		require.Equal(t, map[string]int64{"queue_duplicated": 1}, counts(a))
		require.Equal(t, bug, a.Result.Findings[0].Bugs > 0)
	}
}

// TestQueueConflictAcrossAFailoverIsNoBug: what the old master had may be lost; and in a history from elsewhere order is a measure.
func TestQueueConflictAcrossAFailoverIsNoBug(t *testing.T) {
	for node, bug := range map[int32]bool{0: true, 1: false} {
		a := checkExtra(hist(onNode(put(1, 0, 1), 0), onNode(take(null, 2, 3), node)))
		require.Equal(t, map[string]int64{"queue_conflict": 1}, counts(a))
		require.Equal(t, bug, a.Result.Findings[0].Bugs > 0)
	}
	evicted := atRest(hist(put(1, 0, 1), take(null, 2, 3)))
	evicted.Samples[1].Rest = history.Rest{Known: true, Evicted: 1}
	require.Zero(t, checkExtra(evicted).Result.Findings[0].Bugs)
	h := hist(put(1, 0, 1), put(2, 2, 3), take(2, 4, 5))
	h.Run.Imported = "edn"
	a, err := CheckModel(h, "queue", ModelOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"queue_reordered": 1}, counts(a))
	require.Equal(t, result.Pass, a.Result.Verdict)
}

// TestQueueConflictNeedsEveryRecord: a missing record may be the dequeue that explains the rest.
func TestQueueConflictNeedsEveryRecord(t *testing.T) {
	h := hist(put(1, 0, 1), take(null, 2, 3))
	h.Missing = []string{"batch 3 of w1"}
	require.Empty(t, counts(checkExtra(h)))
}

func stepTestQueue(state any, o *history.Op) (any, bool) {
	s := state.([]int64)
	switch {
	case o.F == history.FEnqueue:
		return append(slices.Clip(s), o.In), true
	case o.Outcome == history.Info:
		return s[min(1, len(s)):], true
	case o.Out == null:
		return s, len(s) == 0
	}
	if len(s) == 0 || s[0] != o.Out {
		return nil, false
	}
	return s[1:], true
}

func randomQueue(r *rand.Rand) []history.Op {
	var ops []history.Op
	for v := range int64(1 + r.Intn(3)) {
		c, e := interval(r)
		ops = append(ops, outcome(r, op(int32(v), history.FEnqueue, v, none, c, e)))
		if c, e = interval(r); r.Intn(3) > 0 {
			ops = append(ops, op(int32(10+v), history.FDequeue, none, v, c, e))
		}
	}
	for p := range int32(r.Intn(3)) {
		c, e := interval(r)
		o := op(20+p, history.FDequeue, none, null, c, e)
		if r.Intn(3) == 0 {
			o.Outcome, o.Out, o.Return = history.Info, none, inf
		}
		ops = append(ops, o)
	}
	r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return ops
}

func TestQueuesAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	good, exactly := 0, 0
	for range rounds(12_000) {
		ops := randomQueue(r)
		want := linearizable(ops, []int64{}, stepTestQueue)
		x := newExtra(hist(ops...), &result.Analysis{}, ModelOptions{})
		x.queues()
		require.Equal(t, want, len(x.found) == 0, opsText(ops))
		if want {
			good++
		}
		if x.has("queue_conflict") {
			exactly++
		}
	}
	t.Logf("%d linearizable; %d others that only the search for one order finds", good, exactly)
	require.Greater(t, min(good, exactly), rounds(12_000)/50)
}

// TestWhatIsGoneShowsNoBranch: that a removed element is not there, or one that was taken, would be so on any branch, so it makes no
// hole of what was lost before it.
func TestWhatIsGoneShowsNoBranch(t *testing.T) {
	for name, h := range map[string]*history.History{
		"removed": tinyRun(map[string][]int64{"k0": {}, "k1": {9}}, onKey(write(9, none, 1, 2), 1), op(1, history.FAdd, 1, 1, 1, 2), op(1, history.FAdd, 2, 1, 3, 4), op(1, history.FRemove, 1, 1, 5, 6)),
		"taken":   tinyRun(map[string][]int64{"k0": {}, "k1": {9}}, onKey(write(9, none, 1, 2), 1), put(2, 3, 4), put(1, 5, 6), take(1, 7, 8)),
	} {
		r := judged(t, h)
		require.Positive(t, r.Writes.Lost, name)
		require.Zero(t, countOf(r, "hole"), name)
	}
}

// TestWaitAfterAWriteThatChangedNothing: nothing of it is sent to replicas, so WAIT may count them all.
func TestWaitAfterAWriteThatChangedNothing(t *testing.T) {
	for out, want := range map[int64]int64{0: 0, 1: 1} {
		o := op(1, history.FAdd, 1, out, 3, 4)
		o.Acked = 2 // of one replica
		h := tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 2), o)
		require.Equal(t, want, countOf(judged(t, h), "wait_impossible"), "reply %d", out)
	}
}
