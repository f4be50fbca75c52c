package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func put(v, call, ret int64) history.Op { return op(1, history.FEnqueue, v, none, call, ret) }

func take(v, call, ret int64) history.Op { return op(2, history.FDequeue, none, v, call, ret) }

func ackOf(v, call, ret int64) history.Op { return op(2, history.FAck, v, 1, call, ret) }

func TestQueues(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"in order", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5), take(2, 6, 7), take(null, 8, 9)}, map[string]int64{}},
		{"some left, nobody looked", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5)}, map[string]int64{}},
		{"empty before the last one went in", []history.Op{put(1, 0, 1), take(null, 2, 3), put(2, 2, 5)}, map[string]int64{}},
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
		want Verdict
	}{
		{"drained", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5), take(2, 6, 7), take(null, 8, 9)}, Pass},
		{"lost", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(null, 6, 7)}, Violation},
		{"not found empty", []history.Op{put(1, 0, 1), put(2, 2, 3), take(1, 4, 5)}, Pass},
		{"empty before the last one went in", []history.Op{put(1, 0, 1), take(null, 2, 3), put(2, 2, 5)}, Pass},
		{"lost, or taken without a reply", []history.Op{put(1, 0, 1), take(none, 2, inf), take(null, 6, 7)}, Pass},
		{"two lost, of which one may be taken without a reply", []history.Op{put(1, 0, 1), put(2, 0, 1), take(none, 2, inf), take(null, 6, 7)}, Violation},
		{"an unknown one may be missing", []history.Op{put(1, 0, inf), take(null, 6, 7)}, Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := CheckModel(hist(c.ops...), "queue", ModelOptions{})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict, a.Result.Headline)
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

func valueOf(r Result, name string) Value {
	for _, m := range r.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	return Unmeasured("not there")
}

// TestQueueDuplicateAcrossAFailoverIsNoBug: the removal may not have been replicated when the other node took over.
func TestQueueDuplicateAcrossAFailoverIsNoBug(t *testing.T) {
	for node, bug := range map[int32]bool{0: true, 1: false} {
		a := checkExtra(hist(put(1, 0, 1), onNode(take(1, 2, 3), 0), onNode(take(1, 4, 5), node)))
		require.Equal(t, map[string]int64{"queue_duplicated": 1}, counts(a))
		require.Equal(t, bug, a.Result.Findings[0].Bugs > 0)
	}
}
