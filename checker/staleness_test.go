package checker

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// regLog draws writes to one register by several clients, each executed at one moment of its interval, and reads of a replica that has
// applied the log up to some moment. truth is each read's age when it was executed; executed are the reads' and writes' moments.
func regLog(r *rand.Rand, replies, versions bool) (ops []history.Op, truth []int64) {
	type entry struct{ at, v int64 }
	var log []entry
	now := [3]int64{}
	n := 2 + r.Intn(8)
	clients := 1 + r.Intn(3)
	if versions {
		clients = 1
	}
	type pending struct {
		op int
		at int64
	}
	var writes []pending
	for v := int64(1); v <= int64(n); v++ {
		c := r.Intn(clients)
		call := now[c] + 1 + r.Int63n(10)
		took := 1 + r.Int63n(12)
		o := write(v, none, call, call+took)
		o.Process, o.Flags = int32(c), 0
		if versions {
			o.Flags |= history.FlagVersion
		}
		writes = append(writes, pending{len(ops), call + r.Int63n(took+1)})
		ops = append(ops, o)
		now[c] = call + took
	}
	// No two are executed at once.
	for i := range writes {
		writes[i].at = writes[i].at*100 + int64(i)
		ops[i].Call, ops[i].Return = ops[i].Call*100, ops[i].Return*100+99
		ops[i].Intended = ops[i].Call
	}
	for range writes {
		best := -1
		for i, w := range writes {
			if w.at >= 0 && (best < 0 || w.at < writes[best].at) {
				best = i
			}
		}
		log = append(log, entry{writes[best].at, ops[best].In})
		if replies {
			ops[best].Flags |= history.FlagPred
			if ops[best].Out = null; len(log) > 1 {
				ops[best].Out = log[len(log)-2].v
			}
		}
		if r.Intn(6) == 0 {
			ops[best].Outcome, ops[best].Return, ops[best].Out = history.Info, inf, none
		}
		writes[best].at = -1
	}
	truth = make([]int64, len(ops))
	for range r.Intn(8) {
		at := r.Int63n(20000)
		applied := 0
		for applied < len(log) && log[applied].at <= at && r.Intn(4) > 0 {
			applied++
		}
		o := fromReplica(op(9, history.FRead, none, null, at-r.Int63n(500), at+r.Int63n(500)))
		o.Process = int32(10 + len(ops))
		if versions {
			o.Flags |= history.FlagVersion
		}
		age := int64(0)
		if applied < len(log) && log[applied].at <= at {
			age = at - log[applied].at
		}
		if applied > 0 {
			o.Out = log[applied-1].v
		}
		ops, truth = append(ops, o), append(truth, age)
	}
	return ops, truth
}

// The interval of a read's age holds the truth, whatever is known of the order: many writers, no replies, unknown outcomes.
func TestAgesHoldTheTruth(t *testing.T) {
	sure, all := 0, 0
	for seed := range lots(20000) {
		r := rand.New(rand.NewSource(seed))
		ops, truth := regLog(r, seed%2 == 0, seed%3 == 0)
		h := hist(ops...)
		a, err := Check(h, Options{})
		require.NoError(t, err)
		for i := range ops {
			age, ok := a.Ages.Of(i)
			if ops[i].F != history.FRead {
				require.False(t, ok)
				continue
			}
			require.True(t, ok)
			require.LessOrEqual(t, age.Lo, truth[i], "seed %d, operation %d of %+v", seed, i, ops)
			require.GreaterOrEqual(t, age.Hi, truth[i], "seed %d, operation %d of %+v", seed, i, ops)
			all++
			if age.Hi-age.Lo < 1000 {
				sure++
			}
		}
	}
	require.Greater(t, sure, all/4, "intervals that tell something")
}

// A read that missed a write which was lost later is stale, but not of what survived; one that missed what stayed is both.
func TestAgesWithoutLostWrites(t *testing.T) {
	lost, kept := write(2, 1, 10, 20), write(3, 1, 1000, 1010)
	early, late := fromReplica(seen(1, 500, 501)), fromReplica(seen(1, 2000, 2001))
	h := tinyRun(keyed(3), write(1, null, 1, 2), lost, kept, early, late)
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.Equal(t, result.FateLost, a.Fate[1])
	first, _ := a.Ages.Of(3)
	require.Equal(t, result.ReadAge{Lo: 480, Hi: 491}, first)
	second, _ := a.Ages.Of(4)
	require.Equal(t, result.ReadAge{Lo: 1980, Hi: 1991, KeptLo: 990, KeptHi: 1001}, second)
	row := a.Result.Staleness[0]
	require.Equal(t, result.Ages{Stale: 2, StaleMost: 2, P50: 1980, P50Most: 1991, P99: 1980, P99Most: 1991, Max: 1980, MaxMost: 1991}, row.Ages)
	require.Equal(t, result.Ages{Stale: 1, StaleMost: 1, P50: 990, P50Most: 1001, P99: 990, P99Most: 1001, Max: 990, MaxMost: 1001}, *row.Kept)
	require.Equal(t, result.Between(990e-9, 1001e-9, "a read falls somewhere between its call and its reply, and so does what it missed"), measureNamed(a, "staleness_surviving"))
	require.Equal(t, 1980e-9, measureNamed(a, "staleness").Lo)
}

// Without replies that name predecessors a lost write cannot be told from an overwritten one.
func TestAgesOfSurvivingUnknown(t *testing.T) {
	h := tinyRun(keyed(3), write(1, none, 1, 2), write(3, none, 10, 20), fromReplica(seen(1, 500, 501)))
	h.Samples = nil
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.Nil(t, a.Result.Staleness[0].Kept)
	v := measureNamed(a, "staleness_surviving")
	require.False(t, v.Measured())
	require.Contains(t, v.Why, "do not say what they replaced")
}

func measureNamed(a *result.Analysis, name string) result.Value {
	for _, m := range a.Result.Measures {
		if m.Name == name {
			return m.Value
		}
	}
	return result.Value{}
}

// Lost writes are no write that a replica fails to show.
func TestVisibilityLeavesLostWritesOut(t *testing.T) {
	h := tinyRun(keyed(3), write(1, null, 1, 2), write(2, 1, 10, 20), write(3, 1, 3_000_000_000, 3_000_000_010),
		fromReplica(seen(1, 2_500_000_000, 2_500_000_001)), fromReplica(seen(3, 3_000_400_000, 3_000_400_001)))
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.Equal(t, result.FateLost, a.Fate[1])
	for _, v := range a.Result.Visibility {
		for _, b := range v.Bins {
			require.Equal(t, b.N, b.Fresh, "%+v", v)
		}
		if v.Node == history.NoNode && v.Window == "" {
			require.EqualValues(t, 2, v.Latency.Writes)
		}
	}
}

// How long a write took to be seen: from the last read that missed it to the first that showed it or a newer one.
func TestVisibilityLatency(t *testing.T) {
	h := tinyRun(keyed(2), write(1, null, 1000, 2000), write(2, 1, 100_000, 110_000),
		fromReplica(seen(1, 111_000, 112_000)), fromReplica(seen(1, 150_000, 151_000)), fromReplica(seen(2, 170_000, 180_000)), fromReplica(seen(2, 190_000, 200_000)))
	a, err := Check(h, Options{})
	require.NoError(t, err)
	var all result.Visibility
	for _, v := range a.Result.Visibility {
		if v.Node == history.NoNode && v.Window == "" {
			all = v
		}
	}
	require.Equal(t, &result.VisLatency{Writes: 2, P50: 40_000, P99: 40_000, Max: 40_000, P50Most: 111_000, P99Most: 111_000, MaxMost: 111_000}, all.Latency)
	v := measureNamed(a, "visibility_latency")
	require.Equal(t, []float64{40e-6, 111e-6}, []float64{v.Lo, v.Hi})
	h = tinyRun(keyed(2), write(1, null, 1000, 2000))
	a, err = Check(h, Options{})
	require.NoError(t, err)
	require.False(t, measureNamed(a, "visibility_latency").Measured())
}
