package history

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// thirdVersion is what testdata/batch-v3.bin holds: it was encoded by the program that wrote version 3.
func thirdVersion() *Batch {
	return &Batch{
		Source: 1, Seq: 4,
		Samples: []Sample{{Node: 1, Call: 5, Return: 9, Answered: true, Up: true, Role: RoleMaster, RunID: "a", ReplID: "b", Offset: 77, SecondOffset: -1, LastIO: -1,
			RunDelay: 1, CPUTime: 2, Steal: 3, Priority: -1, MinGood: -1, OutputKills: 4, RefusedOOM: 5, MaxMemory: 6, Fsyncs: -1}},
		Faults:    []Fault{{ID: 1, Kind: "kill", Text: "t", When: "w", Targets: []int32{0}, Scheduled: 1, Injected: 2, Awaited: "the failover is done", Waited: 61}},
		Readings:  []Reading{{Node: 1, Read: 2, Call: 5, Return: 6, WallCall: 7, WallReturn: 8, Keys: 9}},
		Watermark: &Watermark{T: 30, Final: true},
	}
}

// A file of version 3 reads as it was written: it knows of no Cluster.
func TestVersionThreeIsStillRead(t *testing.T) {
	p, err := os.ReadFile(filepath.Join("testdata", "batch-v3.bin"))
	require.NoError(t, err)
	require.Equal(t, byte(3), p[0])
	got, err := DecodeBatch(p)
	require.NoError(t, err)
	require.Equal(t, thirdVersion(), got)
	again, err := DecodeBatch(EncodeBatch(nil, got))
	require.NoError(t, err)
	require.Equal(t, thirdVersion(), again, "written anew it is of this version, and still says the same")
}
