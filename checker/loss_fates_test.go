package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// The fate of each write, which the columns of an export show and every figure of loss counts.
func TestFates(t *testing.T) {
	add := func(v, call int64) history.Op { return op(1, history.FAdd, v, 1, call, call+1) }
	push := func(v, call int64) history.Op { return op(1, history.FAppend, v, none, call, call+1) }
	remove := func(v, found, call int64) history.Op { return op(1, history.FRemove, v, found, call, call+1) }
	refused := func(o history.Op) history.Op {
		o.Outcome, o.Out, o.Err = history.Fail, none, history.ErrReadOnly
		return o
	}
	unknown := func(o history.Op) history.Op {
		o.Outcome, o.Out, o.Return = history.Info, none, history.Inf
		return o
	}
	for name, c := range map[string]struct {
		ops   []history.Op
		final map[string][]int64
		want  []result.Fate
	}{
		"there and not there":               {[]history.Op{add(1, 1), add(2, 3)}, keyed(1), []result.Fate{result.FateSurvived, result.FateLost}},
		"refused and there":                 {[]history.Op{add(1, 1), refused(add(2, 3))}, keyed(1, 2), []result.Fate{result.FateSurvived, result.FateAborted}},
		"refused and not there":             {[]history.Op{add(1, 1), refused(add(2, 3))}, keyed(1), []result.Fate{result.FateSurvived, result.FateFailed}},
		"refused and on the list":           {[]history.Op{push(1, 1), refused(push(2, 3))}, keyed(1, 2), []result.Fate{result.FateSurvived, result.FateAborted}},
		"another one explains a refused":    {[]history.Op{add(1, 1), refused(add(1, 3))}, keyed(1), []result.Fate{result.FateSurvived, result.FateFailed}},
		"another one explains an unknown":   {[]history.Op{add(1, 1), unknown(add(1, 3))}, keyed(1), []result.Fate{result.FateSurvived, result.FateIndeterminate}},
		"a removal took it":                 {[]history.Op{add(1, 1), remove(1, 1, 3)}, keyed(), []result.Fate{result.FateSurvived, result.FateSurvived}},
		"a removal found nothing":           {[]history.Op{add(1, 1), remove(1, 0, 3)}, keyed(), []result.Fate{result.FateLost, result.FateNone}},
		"a removal without a reply":         {[]history.Op{add(1, 1), unknown(remove(1, 1, 3))}, keyed(), []result.Fate{result.FateMasked, result.FateRecovered}},
		"an unknown type among its writers": {[]history.Op{add(1, 1), push(2, 3)}, keyed(1, 2), []result.Fate{result.FateMasked, result.FateMasked}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Check(tinyRun(c.final, c.ops...), Options{})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Fate)
		})
	}
}

// What a node holds that does not become its group's master counts for nothing.
func TestFatesByTheFinalMaster(t *testing.T) {
	h := failedOver(tinyRun(keyed(1, 2), op(1, history.FAdd, 1, 1, 1, 2), op(1, history.FAdd, 2, 1, 3, 4)), 10)
	h.Dumps[1].Elems, h.Dumps[1].Digest = []int64{1}, 2
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.Equal(t, []result.Fate{result.FateSurvived, result.FateLost}, a.Fate)
}

// A register's overwritten write is lost for sure only where its offset lies beyond the point at which the surviving branch left its own.
func TestFateBeyondTheFork(t *testing.T) {
	ops := func() []history.Op { return []history.Op{write(1, none, 1, 2), onNode(write(2, none, 20, 21), 1)} }
	for name, c := range map[string]struct {
		h    *history.History
		want result.Fate
	}{
		"beyond it":  {failedOver(tinyRun(keyed(2), ops()...), 10), result.FateLost},
		"no fork":    {tinyRun(keyed(2), ops()...), result.FateMasked},
		"before it":  {forkedAt(failedOver(tinyRun(keyed(2), ops()...), 10), 1000), result.FateMasked},
		"by a reply": {failedOver(tinyRun(keyed(2), write(1, none, 1, 2), onNode(write(2, 1, 20, 21), 1)), 10), result.FateSurvived},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Check(c.h, Options{})
			require.NoError(t, err)
			require.Equal(t, []result.Fate{c.want, result.FateSurvived}, a.Fate)
		})
	}
}

// forkedAt moves the point at which the new branch leaves the old one.
func forkedAt(h *history.History, offset int64) *history.History {
	for i := range h.Samples {
		if s := &h.Samples[i]; s.SecondOffset > 0 {
			s.SecondOffset = offset + 1
		}
	}
	return h
}

// A final write without a reply replaced its writer's last one only if both went to one branch.
func TestFateBeforeAnUnansweredWrite(t *testing.T) {
	ops := func(node int32) []history.Op {
		w1, w2, w3 := write(1, null, 1, 2), write(2, 1, 5, 6), onNode(write(3, none, 20, history.Inf), node)
		w3.Outcome, w3.Out = history.Info, none
		out := []history.Op{w1, w2, w3}
		for i := range out {
			out[i].Flags |= history.FlagVersion
		}
		return out
	}
	for name, c := range map[string]struct {
		h    *history.History
		want result.Fate
	}{
		"one branch":     {tinyRun(keyed(3), ops(0)...), result.FateSurvived},
		"another branch": {forkedAt(failedOver(tinyRun(keyed(3), ops(1)...), 10), 1000), result.FateMasked},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Check(c.h, Options{})
			require.NoError(t, err)
			require.Equal(t, []result.Fate{c.want, c.want, result.FateRecovered}, a.Fate)
		})
	}
}
