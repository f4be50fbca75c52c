package history

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomBatch draws a batch that uses every kind of record and every odd value.
func randomBatch(r *rand.Rand, n int) *Batch {
	val := func() int64 {
		return []int64{None, Nil, 0, -1, math.MaxInt64, math.MinInt64 + 2, r.Int63(), r.Int63n(100), -r.Int63n(1 << 40)}[r.Intn(9)]
	}
	b := &Batch{Source: int32(r.Intn(9) - 1), Seq: r.Uint64(), Keys: []string{"r:7", "r:12", "odd", ":", "x:007", "s:99999999999999999999", "r:0"}}
	unit := []int64{1, 1000}[r.Intn(2)]
	t := int64(0)
	for range n {
		t += r.Int63n(1e6) / unit * unit
		o := Op{Process: r.Int31(), Client: r.Int31n(20), Worker: r.Int31n(3), F: F(1 + r.Intn(int(FReadLock))), Outcome: Outcome(r.Intn(3)), Err: ErrCode(r.Intn(int(errCount))),
			Flags: Flag(r.Intn(256)), Node: r.Int31n(5) - 1, Key: uint32(r.Intn(len(b.Keys))), In: val(), Arg: None, Out: val(), Acked: r.Int31n(3) - 1, Call: t, Intended: t, Return: t + r.Int63n(1e6)/unit*unit}
		if r.Intn(3) == 0 {
			o.Intended = t - r.Int63n(1e6)/unit*unit
		}
		if o.Outcome == Info {
			o.Return = Inf
		}
		if r.Intn(4) == 0 {
			o.Arg = val()
			o.List = []int64{val(), val(), val()}
		}
		b.Ops = append(b.Ops, o)
	}
	if r.Intn(2) == 0 {
		b.Samples = []Sample{{Node: 1, Call: 5, Return: 9, Answered: true, Up: true, LinkUp: true, Role: RoleReplica, RunID: "a", ReplID: "b", ReplID2: "a", Offset: r.Int63(), SecondOffset: -1, MasterAddr: "10.0.0.1:6379", LastIO: -1, Replicas: 2, Memory: 1,
			RunDelay: r.Int63(), CPUTime: 5, Steal: -1, Priority: 100, Connected: 2, MinGood: -1, Rest: Rest{Known: true, Changes: r.Int63(), LastSave: 1, Saving: true, Expired: 2, Evicted: 3},
			Watch:       Watch{Known: true, Announced: "10.0.0.2:6379", Epoch: 4, Quorum: 2, Peers: 2, PeersUp: 1, ReplicasUp: 3, SDown: true, Failover: true, Tilt: true},
			OutputKills: r.Int63(), RefusedOOM: -1, MaxMemory: 7, Fsyncs: r.Int63()}, {Node: 2, Call: 3, Frozen: true, Loading: true, SyncRunning: true, NoAnswerSince: 3}}
		b.Events = []Event{{Node: NoNode, T: r.Int63(), Kind: EvPhase, Name: PhaseLoad, Text: "x"}, {Node: 1, T: 5, Dur: r.Int63(), Kind: EvStall, Name: StallTick}}
		b.Faults = []Fault{{ID: 1, Kind: "kill", Text: "t", When: "w", Targets: []int32{0, 4}, Links: [][2]int32{{0, 1}}, Permanent: true, Scheduled: 1, Injected: 2, Effect: 3, Proof: "p", HealCalled: 4, Healed: 5, HealProof: "h", Err: "e", Unavailable: "u", Awaited: "a", Waited: 6}}
		b.Dumps = []Dump{{Node: 1, Key: "s:1", Type: "set", Digest: math.MaxUint64, ExpireAt: -1, Elems: []int64{1, 5, 9}, Part: 1, Last: true, Read: 2, ReadCall: r.Int63(), ReadReturn: r.Int63()}, {Node: 1, Key: "e", Type: "set", Elems: []int64{}, Read: 1, ReadCall: 4}, {Node: 1, Key: "n", Type: "none"}}
		b.Readings = []Reading{{Node: 1, Read: 1, Call: 5, Return: r.Int63(), WallCall: r.Int63(), WallReturn: 8, Keys: 9}, {Read: 2}}
		b.Views = []View{{Node: 1, Call: r.Int63(), Return: 9, OK: true, Epoch: r.Int63(), Peers: []Peer{
			{Node: 1, Role: RoleMaster, Master: NoNode, Epoch: 3, Slots: []SlotRange{{0, 5460}, {Slots - 1, Slots - 1}}, LinkUp: true, Myself: true, Migrating: 2, Importing: 3},
			{Node: NoNode, Master: 1, PFail: true, NoAddr: true}, {Node: 2, Role: RoleReplica, Master: 1, Epoch: r.Int63(), Fail: true}}}, {Node: 3, Call: 4, Return: 5}}
		b.Watermark = &Watermark{T: t, Final: r.Intn(2) == 0, InFlight: []InFlight{{Process: 9, Client: 3, F: FWrite, Key: 2, In: 4, Arg: None, Intended: 1, Call: 2, List: []int64{1}, Flags: FlagPred, Node: 2}}}
	}
	return b
}

func TestBatchesSurviveEncoding(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for i := range 500 {
		b := randomBatch(r, i%40)
		got, err := DecodeBatch(EncodeBatch(nil, b))
		require.NoError(t, err)
		require.Equal(t, b, got)
	}
}

func TestDecodingACutBatchFails(t *testing.T) {
	p := EncodeBatch(nil, randomBatch(rand.New(rand.NewSource(3)), 30))
	for i := range p {
		_, err := DecodeBatch(p[:i])
		require.ErrorIs(t, err, ErrCorrupt, "cut at byte %d", i)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for i := range 4 {
		f.Add(EncodeBatch(nil, randomBatch(rand.New(rand.NewSource(int64(i))), 9)))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		b, err := DecodeBatch(p)
		if err != nil {
			return
		}
		again, err := DecodeBatch(EncodeBatch(nil, b))
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}

func TestRoundOutOnlyWidens(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	for range 1000 {
		o := Op{Call: r.Int63n(1e9) - 5e8, Intended: r.Int63n(1e9)}
		o.Return = o.Call + r.Int63n(1e6)
		was := o
		RoundOut(&o)
		require.LessOrEqual(t, o.Call, was.Call)
		require.GreaterOrEqual(t, o.Return, was.Return)
		require.Less(t, was.Call-o.Call, int64(1000))
		require.Less(t, o.Return-was.Return, int64(1000))
		require.Zero(t, (o.Call%1000)+(o.Return%1000)+(o.Intended%1000))
	}
}

// loadBatch is what a worker sends every 100 ms at 2,000 op/s.
func loadBatch(r *rand.Rand, seq int, versions map[uint32]int64) *Batch {
	b := &Batch{Source: 3, Seq: uint64(seq) + 1}
	for k := range 100 {
		b.Keys = append(b.Keys, fmt.Sprint("r:", k))
	}
	t := int64(seq) * 100e6
	for range 200 {
		t += r.Int63n(1e6)
		o := Op{Process: r.Int31n(12), F: FRead, Key: uint32(r.Intn(100)), In: None, Arg: None, Acked: -1, Flags: FlagVersion, Intended: t, Call: t + 60e3 + r.Int63n(40e3)}
		o.Client, o.Node = o.Process, o.Process%3
		o.Return = o.Call + 60e3 + r.Int63n(100e3)
		o.Out = versions[o.Key]
		if o.Process < 8 {
			versions[o.Key]++
			o.F, o.Flags, o.In, o.Out, o.Node = FWrite, FlagVersion|FlagPred, versions[o.Key], versions[o.Key]-1, 0
		}
		RoundOut(&o)
		b.Ops = append(b.Ops, o)
	}
	b.Watermark = &Watermark{T: t + 1e6}
	return b
}

func TestFileIsCompact(t *testing.T) {
	r, versions := rand.New(rand.NewSource(1)), map[uint32]int64{}
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, &Run{Nodes: []Node{{}, {}, {}, {Name: "w1", Kind: Worker}}})
	require.NoError(t, err)
	const n = 300
	for i := range n {
		require.NoError(t, w.Append(EncodeBatch(nil, loadBatch(r, i, versions))))
	}
	require.NoError(t, w.Close())
	st, err := os.Stat(filepath.Join(dir, HistoryFile))
	require.NoError(t, err)
	perOp := float64(st.Size()) / (n * 200)
	t.Logf("%.1f bytes an operation", perOp)
	require.Less(t, perOp, 12.0)
}
