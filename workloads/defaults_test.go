package workloads

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultsAreStable(t *testing.T) {
	for _, k := range []Kind{Register, Set, Hash, SortedSet, List, Counter, CAS, Lock, Bank, Queue, Stream, Expiry, Txn} {
		s := Spec{Kind: k}.WithDefaults()
		require.NoError(t, s.Validate())
		require.Equal(t, s, s.WithDefaults())
	}
	require.Equal(t, 8, Spec{Kind: Register, Keys: 1}.WithDefaults().Keys)
	require.Equal(t, 1, Spec{Kind: Register, Keys: 1, Shared: true}.WithDefaults().Keys)
	require.Zero(t, Spec{Kind: Register, ReadFrom: Nowhere}.WithDefaults().Readers)
	require.Equal(t, 4, Spec{Kind: Queue, ReadFrom: Nowhere}.WithDefaults().Readers)
}

func TestValidateNamesTheField(t *testing.T) {
	for want, s := range map[string]Spec{
		"kind":      {Kind: "map"},
		"read_from": {ReadFrom: "slaves"},
		"writers":   {Writers: -1},
		"rate":      {Rate: -5},
		"read_rate": {ReadRate: -5},
		"lookers":   {Lookers: -1},
		"zipf":      {Zipf: 0.9},
		"lease":     {Lease: time.Microsecond},
	} {
		require.ErrorContains(t, s.Validate(), want)
	}
}

func TestShares(t *testing.T) {
	tests := []struct {
		name    string
		spec    Spec
		workers int
		want    []Share
	}{
		{"one worker", Spec{}, 1, []Share{{8, 4}}},
		{"even", Spec{}, 2, []Share{{4, 2}, {4, 2}}},
		{"one client apart", Spec{WorkerShare: map[string]int{"w2": 1}}, 2, []Share{{7, 4}, {1, 0}}},
		{"a third", Spec{WorkerShare: map[string]int{"w2": 4}}, 2, []Share{{5, 3}, {3, 1}}},
		{"too many", Spec{WorkerShare: map[string]int{"w2": 40}}, 2, []Share{{0, 0}, {8, 4}}},
		{"three workers", Spec{Writers: 3, Readers: 1}, 3, []Share{{1, 1}, {1, 0}, {1, 0}}},
		{"none", Spec{}, 0, []Share{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.spec.Shares(tt.workers)) })
	}
}

func TestNewRunnerRefuses(t *testing.T) {
	good := fakeJob(Spec{Kind: Register})
	for want, change := range map[string]func(*Job){
		"neither a master": func(j *Job) { j.Master = "" },
		"larger than":      func(j *Job) { j.FirstWriter = 1 },
		"kind":             func(j *Job) { j.Spec.Kind = "x" },
	} {
		j := good
		change(&j)
		_, err := NewRunner(j, clock(), nil)
		require.ErrorContains(t, err, want)
	}
}
