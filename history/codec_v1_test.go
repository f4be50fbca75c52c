package history

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// firstVersion is what testdata/batch-v1.bin holds: it was encoded by the program that wrote version 1.
func firstVersion() *Batch {
	return &Batch{
		Source: 2, Seq: 7, Keys: []string{"r:1", "odd"},
		Ops: []Op{{Process: 3, Client: 1, Worker: 2, F: FWrite, Outcome: OK, Flags: FlagPred, Node: 1, Key: 1, In: 5, Arg: None, Out: Nil, Acked: -1, Intended: 10, Call: 11, Return: 20}},
		Samples: []Sample{
			{Node: 1, Call: 5, Return: 9, Answered: true, Up: true, LinkUp: true, Role: RoleReplica, RunID: "a", ReplID: "b", ReplID2: "a", Offset: 77,
				SecondOffset: -1, MasterAddr: "10.0.0.1:6379", LastIO: -1, Replicas: 2, SyncFull: 1, SyncPartialOK: 2, SyncPartErr: 3, Memory: 4},
			{Node: 2, Call: 3, Frozen: true, Loading: true, SyncRunning: true, NoAnswerSince: 3}},
		Events: []Event{{Node: NoNode, T: 8, Kind: EvPhase, Name: PhaseLoad, Text: "x"}, {Node: 2, T: 9, Kind: EvStall, Text: "held up for 60 ms: the harness did not read"}},
		Faults: []Fault{{ID: 1, Kind: "kill", Text: "t", When: "w", Targets: []int32{0}, Links: [][2]int32{{0, 1}}, Scheduled: 1, Injected: 2, Effect: 3, Proof: "p"}},
		Dumps: []Dump{{Node: 1, Key: "s:1", Type: "set", Digest: 1 << 63, ExpireAt: -1, Elems: []int64{1, 5}, Last: true},
			{Node: 1, Key: "n", Type: "none"}},
		Watermark: &Watermark{T: 30, InFlight: []InFlight{{Process: 9, Client: 3, F: FWrite, In: 4, Arg: None, Intended: 1, Call: 2, Node: 2}}},
	}
}

// A file of version 1 reads as it was written; what it could not tell is unknown, not zero.
func TestVersionOneIsStillRead(t *testing.T) {
	p, err := os.ReadFile(filepath.Join("testdata", "batch-v1.bin"))
	require.NoError(t, err)
	require.Equal(t, byte(1), p[0])
	got, err := DecodeBatch(p)
	require.NoError(t, err)
	want := firstVersion()
	for i := range want.Samples {
		for _, v := range slices.Concat(want.Samples[i].second(), want.Samples[i].third(), want.Samples[i].fourth()) {
			*v = -1
		}
	}
	require.Equal(t, want, got)

	again, err := DecodeBatch(EncodeBatch(nil, got))
	require.NoError(t, err)
	require.Equal(t, want, again, "written anew it is of this version, and still says the same")
	for _, v := range []byte{0, codecVersion + 1} {
		p[0] = v
		_, err = DecodeBatch(p)
		require.ErrorIs(t, err, ErrCorrupt)
	}
}
