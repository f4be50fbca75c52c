package history

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// secondVersion is what testdata/batch-v2.bin holds: it was encoded by the program that wrote version 2.
func secondVersion() *Batch {
	return &Batch{
		Source: 1, Seq: 3,
		Samples: []Sample{{Node: 1, Call: 5, Return: 9, Answered: true, Up: true, Role: RoleMaster, RunID: "a", ReplID: "b", Offset: 77, SecondOffset: -1, LastIO: -1, Replicas: 2,
			SyncFull: 70, SyncPartialOK: 2, SyncPartErr: 69, Memory: 4, RunDelay: 1, CPUTime: 2, Steal: 3, Priority: -1, Connected: 2, MinGood: -1,
			Rest: Rest{Known: true, Changes: 6, LastSave: 7, Expired: 8, Evicted: 9}}},
		Events: []Event{{Node: NoNode, T: 8, Dur: 4, Kind: EvStall, Name: StallTick}},
		Faults: []Fault{{ID: 1, Kind: "kill", Text: "t", When: "w", Targets: []int32{0}, Scheduled: 1, Injected: 2, Effect: 3, Proof: "p", HealCalled: 60, Healed: 61,
			Err: "its end did not come: when the failover is done: it did not happen within 1 min"}},
	}
}

// A file of version 2 reads as it was written; what it could not tell is unknown, not zero.
func TestVersionTwoIsStillRead(t *testing.T) {
	p, err := os.ReadFile(filepath.Join("testdata", "batch-v2.bin"))
	require.NoError(t, err)
	require.Equal(t, byte(2), p[0])
	got, err := DecodeBatch(p)
	require.NoError(t, err)
	want := secondVersion()
	for _, v := range append(want.Samples[0].third(), want.Samples[0].fourth()...) {
		*v = -1
	}
	require.Equal(t, want, got)
	again, err := DecodeBatch(EncodeBatch(nil, got))
	require.NoError(t, err)
	require.Equal(t, want, again, "written anew it is of this version, and still says the same")
}
