package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// What became of the writes of a key that is deleted too is told by the final content, while the one log goes on.
func TestLossWhereKeysAreDeleted(t *testing.T) {
	del := func(n, call, ret int64) history.Op { return op(3, history.FDel, none, n, call, ret) }
	cas := func(from, to, call, ret int64) history.Op {
		return withArg(op(4, history.FCAS, from, 1, call, ret), to)
	}
	unknown := func(o history.Op) history.Op {
		o.Outcome, o.Out, o.Return = history.Info, none, history.Inf
		return o
	}
	w := func(v, call, ret int64) history.Op { return write(v, none, call, ret) }
	for name, c := range map[string]struct {
		ops   []history.Op
		final map[string][]int64
		want  result.Value
	}{
		"overwritten":                       {[]history.Op{w(1, 1, 2), del(1, 3, 4), w(2, 5, 6), cas(2, 3, 7, 8)}, keyed(3), result.Exactly(0)},
		"the last one is gone":              {[]history.Op{w(1, 1, 2), del(1, 3, 4), w(2, 5, 6), cas(2, 3, 7, 8)}, keyed(2), result.Exactly(1)},
		"deleted":                           {[]history.Op{w(1, 1, 2), w(2, 3, 4), del(1, 5, 6)}, nil, result.Exactly(0)},
		"gone without a deletion":           {[]history.Op{w(1, 1, 2), del(1, 3, 4), w(2, 5, 6)}, nil, result.Exactly(1)},
		"a deletion found nothing":          {[]history.Op{w(1, 1, 2), del(0, 3, 4)}, nil, result.Exactly(1)},
		"a deletion at the same time":       {[]history.Op{w(1, 1, 4), del(1, 3, 6)}, nil, result.Exactly(0)},
		"a deletion without a reply":        {[]history.Op{unknown(del(1, 1, 2)), w(1, 3, 4)}, nil, result.Exactly(0)},
		"a later write without a reply":     {[]history.Op{del(0, 1, 2), unknown(w(2, 3, 4)), w(1, 5, 6)}, keyed(2), result.Exactly(0)},
		"nobody wrote what is there":        {[]history.Op{del(0, 1, 2), w(1, 3, 4)}, keyed(9), result.Between(0, 1, "")},
		"a comparison that changed nothing": {[]history.Op{del(0, 1, 2), w(1, 3, 4), withArg(op(4, history.FCAS, 7, 0, 5, 6), 8)}, keyed(1), result.Exactly(0)},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(t, tinyRun(c.final, c.ops...))
			require.Equal(t, []int64{int64(c.want.Lo), int64(c.want.Hi)}, []int64{r.Writes.Lost, r.Writes.LostMost}, "%+v", r.Writes)
		})
	}
	lagging := failedOver(tinyRun(keyed(2), w(1, 1, 2), del(1, 3, 4), w(2, 5, 6)), 3)
	for i := range lagging.Samples {
		lagging.Samples[i].SecondOffset *= 1000 // where the branches part lies behind the writes
	}
	r := judged(t, lagging)
	require.Equal(t, []int64{0, 2}, []int64{r.Writes.Lost, r.Writes.LostMost}, "a branch ended: nothing tells")
	wiped := tinyRun(keyed(2), w(1, 1, 2), del(1, 3, 4), w(2, 5, 6))
	for i := range wiped.Samples {
		if s := &wiped.Samples[i]; s.Node == 0 && s.Call > 0 {
			s.RunID, s.ReplID, s.Offset = "c", "z", 0
		}
	}
	r = judged(t, wiped)
	require.Equal(t, int64(2), r.Writes.LostMost, "the master came back with something else")
	evicted := tinyRun(nil, w(1, 1, 2), del(1, 3, 4), w(2, 5, 6))
	evicted.Samples[0].Rest = history.Rest{Known: true, Evicted: 1}
	r = judged(t, evicted)
	require.Equal(t, []int64{0, 2}, []int64{r.Writes.Lost, r.Writes.LostMost}, "it may have been evicted")
}

// A key with a time to live is gone at some time, which tells nothing; but what another write says it replaced had been there.
func TestLossOfKeysThatExpire(t *testing.T) {
	px := func(v, pred, call, ret int64) history.Op {
		o := withArg(op(1, history.FExpiring, v, pred, call, ret), 1e9)
		o.Flags |= history.FlagPred
		return o
	}
	for name, c := range map[string]struct {
		ops   []history.Op
		final map[string][]int64
		most  int64
	}{
		"the last one is there":     {[]history.Op{px(1, null, 1, 2), px(2, 1, 3, 4)}, keyed(2), 0},
		"the last one is gone":      {[]history.Op{px(1, null, 1, 2), px(2, 1, 3, 4)}, nil, 1},
		"nobody says it replaced 1": {[]history.Op{px(1, null, 1, 2), px(2, null, 3, 4)}, keyed(2), 1},
		"1 was written twice":       {[]history.Op{px(1, null, 1, 2), px(1, 1, 3, 4), px(2, 1, 5, 6)}, keyed(2), 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(t, tinyRun(c.final, c.ops...))
			require.Equal(t, []int64{0, c.most}, []int64{r.Writes.Lost, r.Writes.LostMost}, "%+v", r.Writes)
		})
	}
	r := judged(t, failedOver(tinyRun(keyed(2), px(1, null, 1, 2), px(2, 1, 3, 4)), 3))
	require.Equal(t, int64(1), r.Writes.LostMost, "a branch ended, and the replaced one may be of another")
}

// Across a failover the offsets tell which writes the promoted replica had: at least those acknowledged surely beyond the fork are lost,
// and at most those about the fork besides.
func TestLossOfDeletedKeysAcrossAFailover(t *testing.T) {
	h := failoverRun(t, 4*vSecond)
	for i := range h.Ops.F {
		h.Ops.F[i], h.Ops.Out[i] = history.FWrite, none
	}
	h.Ops.Append(history.Op{Process: 9, Worker: 2, F: history.FDel, In: none, Arg: none, Out: 0, Acked: -1, Call: vSecond, Intended: vSecond, Return: vSecond + 1})
	for i := range h.Dumps {
		d := &h.Dumps[i]
		d.Type, d.Elems = "string", d.Elems[len(d.Elems)-1:]
	}
	r := judged(t, h)
	require.Equal(t, []int64{9, 10}, []int64{r.Writes.Lost, r.Writes.LostMost}, "%+v", r.Writes)
	require.Equal(t, r.Writes.Acked-10, r.Writes.Survived)
}
