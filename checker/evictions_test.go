package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// keysRun is a healthy run of 20 sets, each with three elements added to it in turn, key by key. gone takes elements (0, 1, 2) of a key
// away from what both nodes held at the end; evicted is what n1 counted at the end.
func keysRun(t *testing.T, evicted int64, gone func(key int64) []int64, promises ...result.Promise) *history.History {
	t.Helper()
	const keys = 20
	var ops []history.Op
	final := map[string][]int64{}
	for k := range int64(keys) {
		var kept []int64
		for e := range int64(3) {
			at := 10 + k*30 + e*10
			ops = append(ops, onKey(op(1, history.FAdd, e+1, 1, at, at+5), uint32(k)))
			if !slices.Contains(gone(k), e) {
				kept = append(kept, e+1)
			}
		}
		if len(kept) > 0 {
			final[fmt.Sprintf("k%d", k)] = kept
		}
	}
	h := tinyRun(final, ops...)
	counting(h, evicted)
	h.Run.Promises, _ = json.Marshal(promises)
	return h
}

// counting makes n1's later samples count so many evicted keys; the first counts none.
func counting(h *history.History, evicted int64) {
	for i := range h.Samples {
		m := &h.Samples[i]
		m.Rest.Known = true
		if m.Node == 0 && m.Call > 0 {
			m.Rest.Evicted = evicted
		}
	}
}

func status(r result.Result, measure string) result.Status {
	for _, p := range r.Promises {
		if p.Promise.Measure == measure {
			return p.Status
		}
	}
	return ""
}

// Of n missing keys up to as many as were counted were evicted: the loss is between, and no hole, within them.
func TestEvictionWidensLoss(t *testing.T) {
	whole := func(n int64) func(int64) []int64 {
		return func(k int64) []int64 {
			if k < n {
				return []int64{0, 1, 2}
			}
			return nil
		}
	}
	only := func(e int64) func(int64) []int64 { return func(int64) []int64 { return []int64{e} } }
	for _, tt := range []struct {
		name    string
		evicted int64
		gone    func(int64) []int64
		lo, hi  int64
		holes   int64
		want    result.Verdict
	}{
		{"nothing evicted, nothing gone", 0, whole(0), 0, 0, 0, result.Pass},
		{"nothing evicted, ten keys gone", 0, whole(10), 30, 30, 30, result.Violation},
		{"as many evicted as are gone", 10, whole(10), 0, 30, 0, result.Unknown},
		{"two more are gone than were evicted", 8, whole(10), 6, 30, 0, result.Violation},
		{"evicted, and written again", 10, whole(0), 0, 0, 0, result.Pass},
		{"an eviction takes what came before", 20, only(0), 0, 20, 0, result.Unknown},
		{"an eviction takes nothing that came after a survivor", 20, only(2), 20, 20, 0, result.Violation},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := judged(t, keysRun(t, tt.evicted, tt.gone, result.NothingLost()))
			require.Equal(t, []int64{tt.lo, tt.hi}, []int64{r.Writes.Lost, r.Writes.LostMost})
			require.Equal(t, tt.want, r.Verdict, "%v", r.Reasons)
			if tt.holes > 0 {
				require.Equal(t, tt.holes, countOf(r, "hole"))
			}
			if tt.want == result.Unknown {
				require.Zero(t, countOf(r, "hole"))
				require.NotEqual(t, result.Broken, status(r, "hole"))
				require.Contains(t, fmt.Sprint(r.Reasons), fmt.Sprintf("n1 evicted %d keys", tt.evicted))
			}
		})
	}
	r := judged(t, keysRun(t, 3, whole(0), result.Promise{Measure: "evicted", Limit: 2}))
	require.Equal(t, result.Violation, r.Verdict)
	require.EqualValues(t, 3, r.Causes.Servers[0].Evicted)
	r = judged(t, keysRun(t, 3, whole(0), result.Promise{Measure: "evicted", Limit: 3}))
	require.Equal(t, result.Pass, r.Verdict)
}

// Where a server that evicts died unseen, nothing bounds how many keys it had evicted; one that cannot evict had none.
func TestEvictionsOfAServerThatDied(t *testing.T) {
	run := func(settings ...history.KV) result.Result {
		h := failoverRun(t, 5*vSecond, result.NothingLost())
		for i := range h.Samples {
			h.Samples[i].Rest.Known = h.Samples[i].Answered
		}
		h.Dumps[0].Elems, h.Dumps[1].Elems = nil, nil // the one key is gone
		h.Run.Nodes[0].Settings = settings
		return judged(t, h)
	}
	require.Equal(t, result.Violation, run(history.KV{K: "maxmemory", V: "0"}, history.KV{K: "maxmemory-policy", V: "allkeys-lru"}).Verdict)
	require.Equal(t, result.Violation, run(history.KV{K: "maxmemory", V: "1000000"}, history.KV{K: "maxmemory-policy", V: "noeviction"}).Verdict)
	r := run(history.KV{K: "maxmemory", V: "1000000"}, history.KV{K: "maxmemory-policy", V: "allkeys-lru"})
	require.Equal(t, result.Unknown, r.Verdict)
	require.Zero(t, r.Writes.Lost)
}

// A register that was evicted reads as nothing, and is written anew: no conflict and no fork on as many keys as were evicted.
func TestEvictionOfRegisters(t *testing.T) {
	run := func(evicted int64, keys uint32) result.Result {
		var ops []history.Op
		final := map[string][]int64{}
		for k := range keys {
			at := int64(k)*100 + 10
			for _, o := range []history.Op{write(1, null, at, at+1), seen(1, at+2, at+3), fromReplica(seen(null, at+4, at+5)), write(2, null, at+6, at+7), fromReplica(seen(2, at+8, at+9))} {
				ops = append(ops, onKey(o, k))
			}
			final[fmt.Sprintf("k%d", k)] = []int64{2}
		}
		h := tinyRun(final, ops...)
		counting(h, evicted)
		h.Run.Promises, _ = json.Marshal([]result.Promise{result.Linearizable()})
		return judged(t, h)
	}
	r := run(0, 2)
	require.Equal(t, result.Violation, r.Verdict)
	require.EqualValues(t, 2, countOf(r, "fork"))
	stale := func(r result.Result) (got []float64) {
		for _, m := range r.Measures {
			if m.Name == "stale_reads" || m.Name == result.MonotonicReads {
				got = append(got, m.Value.Hi)
			}
		}
		return got
	}
	require.Equal(t, []float64{2, 2}, stale(r))
	require.Equal(t, []float64{0, 0}, stale(run(2, 2)), "to find nothing says nothing of a read's age")
	for _, n := range []int64{2, 3} {
		r = run(n, 2)
		require.Equal(t, result.Unknown, r.Verdict)
		require.Zero(t, countOf(r, "fork")+countOf(r, "conflict"))
		require.Equal(t, result.Undecided, status(r, "master_conflicts"))
	}
	r = run(1, 2)
	require.Equal(t, result.Violation, r.Verdict, "one key is one too many")
	require.EqualValues(t, 1, countOf(r, "fork"))
}
