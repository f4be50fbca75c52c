package checker

import (
	"cmp"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// The ends of what replica reads missed: the smallest history with each, and the nearest that leaves nothing open.
func TestStaleEnds(t *testing.T) {
	// Two masters took 1 and 2 at about the same time, and 3 came onto 1: whether a read of 1 missed 2 cannot be told.
	forked := []history.Op{write(1, null, 10, 20), write(2, null, 12, 18), write(3, 1, 100, 110), fromReplica(seen(1, 60, 61))}
	// Here 1 came onto 2, and the read missed nothing.
	joined := []history.Op{write(1, 2, 10, 20), write(2, null, 12, 18), write(3, 1, 100, 110), fromReplica(seen(1, 60, 61))}
	// On another register a read surely missed something, but not for as long.
	shorter := []history.Op{onKey(write(4, null, 30, 40), 1), onKey(fromReplica(seen(null, 50, 51)), 1)}
	// What is on its way while 1 is read may have been executed, with and without a reply; what was known before 1 was asked for is older.
	flying := []history.Op{write(4, null, 1, 5), write(1, 4, 10, 20), write(2, 1, 30, 70), write(3, none, 40, inf), fromReplica(seen(1, 60, 61))}
	for _, c := range []struct {
		name, measure string
		ops           []history.Op
		want          [2]float64
	}{
		{"an overlapping write of another branch may be missed", "stale_reads", forked, [2]float64{0, 1}},
		{"one of the same chain is not", "stale_reads", joined, [2]float64{0, 0}},
		{"another read than the surely stalest may be staler", "staleness", append(slices.Clone(forked), shorter...), [2]float64{10e-9, 49e-9}},
		{"or may not", "staleness", append(slices.Clone(joined), shorter...), [2]float64{10e-9, 21e-9}},
		{"writes on their way may be missed", "version_lag", flying, [2]float64{0, 2}},
		{"a write on its way that was known counts at both ends", "version_lag", append(slices.Clone(flying), seen(2, 50, 55)), [2]float64{1, 2}},
		{"what overlaps may be newer", "version_lag", forked, [2]float64{0, 1}},
		{"what a value stands on is older", "version_lag", joined, [2]float64{0, 0}},
		{"also where the read missed something", "version_lag", append(slices.Clone(joined[:3]), fromReplica(seen(1, 120, 121))), [2]float64{1, 1}},
		{"refused writes are not missed", "version_lag", []history.Op{write(1, null, 1, 2), failed(write(2, none, 10, 20)), write(3, 1, 30, 40), fromReplica(seen(1, 50, 51))}, [2]float64{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.ops {
				c.ops[i].Process = int32(i)
			}
			a, err := Check(hist(c.ops...), Options{})
			require.NoError(t, err)
			v := measureNamed(a, c.measure)
			require.Equal(t, c.want, [2]float64{v.Lo, v.Hi})
		})
	}
}

// branchedLog draws writes to one register that split between two branches at some moment, and reads of what each had applied. Each read's
// truth: its age and how many it missed, of all branches, both without what nobody ever heard of.
func branchedLog(r *rand.Rand, replies bool) (ops []history.Op, age, missed []int64) {
	type entry struct {
		at    int64
		op    int
		known bool
	}
	var all []entry
	for i := range 2 + r.Intn(9) {
		call := r.Int63n(4000)
		o := write(int64(i)+1, none, call, call+50+r.Int63n(1500))
		o.Process, o.Flags = int32(i), 0
		all = append(all, entry{call + r.Int63n(o.Return-call), i, true})
		if r.Intn(6) == 0 {
			o.Outcome, o.Return, all[i].known = history.Info, inf, false
		}
		ops = append(ops, o)
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	var logs [2][]entry
	split := r.Int63n(5000)
	for i := range all {
		e := all[i]
		b := r.Intn(2)
		for l := range logs {
			if l != b && e.at >= split {
				continue
			}
			if o := &ops[e.op]; l == b && replies && o.Outcome == history.OK {
				o.Flags |= history.FlagPred
				if o.Out = null; len(logs[l]) > 0 {
					p := logs[l][len(logs[l])-1]
					o.Out = ops[p.op].In
					for j := range all {
						all[j].known = all[j].known || all[j].op == p.op
					}
				}
			}
			logs[l] = append(logs[l], e)
		}
	}
	type look struct {
		read int
		at   int64
		of   entry
	}
	var looks []look
	for range r.Intn(8) {
		at := r.Int63n(6000)
		log := logs[r.Intn(2)]
		applied := 0
		for applied < len(log) && log[applied].at < at && r.Intn(5) > 0 {
			applied++
		}
		o := fromReplica(op(int32(100+len(ops)), history.FRead, none, null, at-r.Int63n(60), at+r.Int63n(60)))
		l := look{len(ops), at, entry{at: -1}}
		if applied > 0 {
			l.of = log[applied-1]
			o.Out = ops[l.of.op].In
			for j := range all {
				all[j].known = all[j].known || all[j].op == l.of.op
			}
		}
		ops, looks = append(ops, o), append(looks, l)
	}
	age, missed = make([]int64, len(ops)), make([]int64, len(ops))
	for _, l := range looks {
		for _, e := range all {
			if e.known && e.at > l.of.at && e.at < l.at {
				age[l.read] = max(age[l.read], l.at-e.at)
				missed[l.read]++
			}
		}
	}
	return ops, age, missed
}

// The intervals hold the truth when two servers take writes side by side.
func TestAgesHoldTheTruthOfBranches(t *testing.T) {
	sure, all := 0, 0
	for seed := range lots(20000) {
		ops, truth, missed := branchedLog(rand.New(rand.NewSource(seed)), seed%4 > 0)
		a, err := Check(hist(ops...), Options{})
		require.NoError(t, err)
		var worst, most, stale int64
		for i := range ops {
			if ops[i].F != history.FRead {
				continue
			}
			age, ok := a.Ages.Of(i)
			require.True(t, ok)
			require.LessOrEqual(t, age.Lo, truth[i], "seed %d, operation %d of %+v", seed, i, ops)
			require.GreaterOrEqual(t, age.Hi, truth[i], "seed %d, operation %d of %+v", seed, i, ops)
			worst, most, stale = max(worst, truth[i]), max(most, missed[i]), stale+min(1, missed[i])
			all++
			if age.Hi-age.Lo < 500 {
				sure++
			}
		}
		for name, want := range map[string]float64{"staleness": float64(worst) / 1e9, "stale_reads": float64(stale), "version_lag": float64(most)} {
			v := measureNamed(a, name)
			require.LessOrEqual(t, v.Lo, want, "%s: seed %d: %+v", name, seed, ops)
			require.GreaterOrEqual(t, v.Hi, want, "%s: seed %d: %+v", name, seed, ops)
		}
	}
	require.Greater(t, sure, all/4, "intervals that tell something")
}
