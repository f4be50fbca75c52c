package checker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A promise is kept when all of the interval keeps it, broken when none does, and undecided between.
func TestAgainst(t *testing.T) {
	for name, c := range map[string]struct {
		v     result.Value
		limit float64
		below bool
		want  result.Status
	}{
		"kept":                 {result.Between(1, 3, ""), 3, false, result.Kept},
		"broken":               {result.Between(4, 5, ""), 3, false, result.Broken},
		"undecided":            {result.Between(3, 5, ""), 3, false, result.Undecided},
		"it may be more":       {result.Exactly(3).Widened(1, ""), 3, false, result.Undecided},
		"not measured":         {result.Unmeasured(""), 3, false, result.Undecided},
		"a share kept":         {result.Between(0.9, 0.95, ""), 0.9, true, result.Kept},
		"a share broken":       {result.Between(0.8, 0.85, ""), 0.9, true, result.Broken},
		"a share undecided":    {result.Between(0.8, 0.95, ""), 0.9, true, result.Undecided},
		"a share of all or no": {result.Between(0, 1, ""), 0.9, true, result.Undecided},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, against(c.v, c.limit, c.below)) })
	}
}

// What is a bug whatever was promised is promised by every run; what is only measured is not.
func TestMeasuredClassesArePromisedByNobody(t *testing.T) {
	x := checked(hist(write(1, null, 1, 2)))
	require.Contains(t, x.a.Result.Looked, "conflict")
	var names []string
	for _, p := range x.always() {
		names = append(names, p.Promise.Measure)
	}
	require.Contains(t, names, "phantom")
	require.NotContains(t, names, "conflict")
}

// A run with operations that nobody judges says so first.
func TestUnclaimedOperationsAreAReason(t *testing.T) {
	push := op(1, history.FAppend, 2, none, 3, 4)
	r := judged(t, tinyRun(keyed(1, 2), op(1, history.FAdd, 1, 1, 1, 2), push))
	require.NotEmpty(t, r.Unclaimed)
	require.Equal(t, result.Unknown, r.Verdict)
	for _, p := range r.Promises {
		require.Equal(t, result.Undecided, p.Status, p.Promise.Measure)
	}
	require.True(t, strings.HasPrefix(strings.Join(r.Reasons, "\n"), "operations that nobody judges: "), "%q", r.Reasons)
}

// A write that was tried at a replica belongs to no object, so an object with one on its key is not known.
func TestTriesAtReplicasHaveKeysOfTheirOwn(t *testing.T) {
	for key, want := range map[uint32]result.Verdict{0: result.Unknown, 1: result.Pass} {
		tried := onNode(onKey(failed(write(5, none, 3, 4)), key), 1)
		tried.Flags |= history.FlagReplicaWrite
		r := judged(t, tinyRun(keyed(1), write(1, none, 1, 2), tried, seen(1, 5, 6)))
		require.Equal(t, want, r.Verdict, r.Reasons)
	}
}
