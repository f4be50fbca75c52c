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
		{"lost", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(null, 6, 7)}, map[string]int64{"queue-lost": 1}},
		{"empty before the last one went in", []history.Op{put(1, 0, 1), take(null, 2, 3), put(2, 2, 5)}, map[string]int64{}},
		{"lost, or taken without a reply", []history.Op{put(1, 0, 1), take(none, 2, inf), take(null, 6, 7)}, map[string]int64{"queue-lost-or-taken-unknown": 1}},
		{"two lost, of which one may be taken without a reply", []history.Op{put(1, 0, 1), put(2, 0, 1), take(none, 2, inf), take(null, 6, 7)}, map[string]int64{"queue-lost": 1}},
		{"an unknown one may be missing", []history.Op{put(1, 0, inf), take(null, 6, 7)}, map[string]int64{}},
		{"twice", []history.Op{put(1, 0, 1), take(1, 2, 3), take(1, 4, 5)}, map[string]int64{"queue-duplicated": 1}},
		{"again, and said so", []history.Op{put(1, 0, 1), take(1, 2, 3), withArg(take(1, 4, 5), 1)}, map[string]int64{"queue-redelivered": 1}},
		{"again, after a delivery that nobody heard of", []history.Op{put(1, 0, 1), take(none, 2, inf), withArg(take(1, 4, 5), 1), take(null, 6, 7)}, map[string]int64{}},
		{"again after it was acknowledged", []history.Op{put(1, 0, 1), take(1, 2, 3), ackOf(1, 4, 5), withArg(take(1, 6, 7), 1)},
			map[string]int64{"queue-redelivered": 1, "queue-redelivered-after-ack": 1}},
		{"reordered", []history.Op{put(1, 0, 1), put(2, 2, 3), take(2, 4, 5), take(1, 6, 7)}, map[string]int64{"queue-reordered": 1}},
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

func TestQueueLostAgainstTheDump(t *testing.T) {
	h := hist(put(1, 0, 1), put(2, 2, 3), put(3, 4, 5), take(1, 6, 7))
	h.Dumps = []history.Dump{{Key: "k0", Type: "list", Elems: []int64{}}, {Key: "work:0", Type: "list", Elems: []int64{3}}}
	a := checkExtra(h)
	require.Equal(t, map[string]int64{"queue-lost": 1}, counts(a))
	require.Contains(t, a.Result.Anomalies[0].Text, "2 was acknowledged")
}

// TestQueueDuplicateAcrossAFailoverIsNoBug: the removal may not have been replicated when the other node took over.
func TestQueueDuplicateAcrossAFailoverIsNoBug(t *testing.T) {
	for node, bug := range map[int32]bool{0: true, 1: false} {
		a := checkExtra(hist(put(1, 0, 1), onNode(take(1, 2, 3), 0), onNode(take(1, 4, 5), node)))
		require.Equal(t, map[string]int64{"queue-duplicated": 1}, counts(a))
		require.Equal(t, bug, a.Result.Anomalies[0].AlwaysBug)
	}
}
