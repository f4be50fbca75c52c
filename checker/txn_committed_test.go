package checker

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// bruteCommitted tries every order of the versions of registers for one without a cycle of writes and reads of writes, which is all
// that read committed asks for besides reads of what was committed.
func bruteCommitted(bs []bruteTxn) bool {
	before := make([][]bool, len(bs))
	writes := map[int64][]int{} // by key: who wrote it
	for i := range bs {
		before[i] = make([]bool, len(bs))
	}
	for i := range bs {
		for _, m := range bs[i].ms {
			if bs[i].must && m.F == history.FRead && m.In != null && !bruteReads(bs, before, i, m) {
				return false
			}
		}
	}
	for i := range bs {
		seen := bs[i].must || slices.Contains(before[i], true)
		for _, m := range bs[i].ms {
			if m.F == history.FWrite && seen && !slices.Contains(writes[m.Key], i) {
				writes[m.Key] = append(writes[m.Key], i)
			}
		}
	}
	var try func(k int64, left []int, last int) bool
	try = func(k int64, left []int, last int) bool {
		if k == 2 {
			return !bruteCycle(before)
		}
		if len(left) == 0 {
			return try(k+1, writes[k+1], -1)
		}
		for n, i := range left {
			old := last >= 0 && before[last][i]
			if last >= 0 {
				before[last][i] = true
			}
			found := try(k, slices.Delete(slices.Clone(left), n, n+1), i)
			if last >= 0 {
				before[last][i] = old
			}
			if found {
				return true
			}
		}
		return false
	}
	return try(0, writes[0], -1)
}

// bruteReads notes who wrote what a transaction read; false for a read of what was not committed.
func bruteReads(bs []bruteTxn, before [][]bool, reader int, read history.Mop) bool {
	for i := range bs {
		value := null
		for _, m := range bs[i].ms {
			if m.F == history.FWrite && m.Key == read.Key {
				if value == read.In && i != reader {
					return false // overwritten by its writer
				}
				value = m.In
			}
		}
		if value == read.In {
			before[i][reader] = before[i][reader] || i != reader
			return bs[i].may
		}
	}
	return slices.ContainsFunc(bs[reader].ms, func(m history.Mop) bool { return m.F == history.FWrite && m.Key == read.Key && m.In == read.In })
}

func bruteCycle(before [][]bool) bool {
	reach := make([][]bool, len(before))
	for i := range before {
		reach[i] = slices.Clone(before[i])
	}
	for k := range reach {
		for i := range reach {
			for j := range reach {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	for i := range reach {
		if reach[i][i] {
			return true
		}
	}
	return false
}

// TestReadCommittedAgainstBruteForce: no order of versions has to be searched for.
func TestReadCommittedAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(12))
	bad := 0
	bruteHistories(r, "rw-register", 3, rounds(20), 1, func(ts [][]history.Mop) {
		ops := bruteSpread(r, ts)
		if !slices.ContainsFunc(ops, func(o history.Op) bool { return o.Outcome == history.OK }) {
			return
		}
		want := result.Violation
		if bruteCommitted(bruteTxns(ops)) {
			want = result.Pass
		} else {
			bad++
		}
		a, err := CheckModel(hist(ops...), "rw-register", ModelOptions{Level: "read-committed"})
		require.NoError(t, err)
		require.Equal(t, want, a.Result.Verdict, "%v\n%s", counts(a), bruteText(ops))
	})
	t.Logf("%d violations", bad)
	require.Positive(t, bad)
}
