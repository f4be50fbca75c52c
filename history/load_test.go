package history

import (
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var workers = []Node{{Name: "n1", Kind: Server}, {Name: "w1", Kind: Worker}, {Name: "w2", Kind: Worker}}

func write(process int32, v, call, ret int64) Op {
	return Op{Process: process, Worker: 1, F: FWrite, In: v, Arg: None, Out: None, Acked: -1, Call: call, Intended: call, Return: ret}
}

func TestLoadRestoresWhatWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run := &Run{Schema: RunSchema, ID: "x", Nodes: workers[:2]}
	w, err := Create(dir, run)
	require.NoError(t, err)
	require.NoError(t, w.Append(EncodeBatch(nil, &Batch{Source: 1, Seq: 1, Keys: []string{"a", "b"}, Ops: []Op{write(1, 1, 10, 20)}, Watermark: &Watermark{T: 30}})))
	require.NoError(t, w.Append(EncodeBatch(nil, &Batch{Source: 1, Seq: 2, Keys: []string{"b"}, Ops: []Op{write(1, 2, 40, 50)}, Watermark: &Watermark{T: 60, Final: true}})))
	require.NoError(t, w.AppendBatch(&Batch{Faults: []Fault{{ID: 1, Effect: 5}}}))
	require.NoError(t, w.AppendBatch(&Batch{Faults: []Fault{{ID: 1, Effect: 5, Healed: 9}}}))
	require.NoError(t, w.Close())

	h, err := Load(dir)
	require.NoError(t, err)
	require.Contains(t, h.Torn, ManifestFile, "it is not sealed yet")
	require.NoError(t, Seal(dir, "x"))
	h, err = Load(dir)
	require.NoError(t, err)
	require.Empty(t, h.Torn)
	require.Empty(t, h.Missing)
	require.Zero(t, h.Cut)
	require.Equal(t, []string{"a", "b"}, h.Keys)
	require.Equal(t, write(1, 1, 10, 20), h.Ops.At(0))
	require.Equal(t, uint32(1), h.Ops.Key[1])
	require.Equal(t, []Fault{{ID: 1, Effect: 5, Healed: 9}}, h.Faults)
	require.Equal(t, int64(50), h.End)
}

func TestCutAtTheLowestLastWatermark(t *testing.T) {
	read := Op{Process: 2, Worker: 1, F: FRead, In: None, Arg: None, Out: 1, Acked: -1, Call: 31, Intended: 31, Return: 45}
	h := FromBatches(&Run{Nodes: workers}, []*Batch{
		{Source: 1, Seq: 1, Keys: []string{"a"}, Ops: []Op{write(1, 1, 10, 20), write(1, 2, 30, 50), read}, Watermark: &Watermark{T: 60}},
		{Source: 2, Seq: 1, Keys: []string{"a"}, Ops: []Op{write(3, 3, 10, 20)}, Watermark: &Watermark{T: 40, InFlight: []InFlight{{Process: 3, F: FWrite, In: 4, Arg: None, Call: 35}}}},
	})
	require.Equal(t, int64(40), h.Cut)
	require.NotEmpty(t, h.Torn)
	require.Equal(t, 4, h.Ops.Len(), "the read that returned after the cut is dropped, the write in flight is added")
	require.Equal(t, Info, h.Ops.Outcome[1])
	require.Equal(t, Inf, h.Ops.Return[1])
	last := h.Ops.At(3)
	require.Equal(t, int64(4), last.In)
	require.Equal(t, Info, last.Outcome)
}

func TestMissingRecordsAreSaid(t *testing.T) {
	closed := &Batch{Source: NoNode, Seq: 1, Events: []Event{{Node: NoNode, Kind: EvNote, Name: NoteClosed}}}
	final := &Watermark{T: 60, Final: true}
	run := &Run{Nodes: workers[:2]}
	gap := FromBatches(run, []*Batch{{Source: 1, Seq: 1, Watermark: &Watermark{T: 1}}, {Source: 1, Seq: 3, Watermark: final}, closed})
	require.Equal(t, []string{"w1: batch 3 follows batch 1"}, gap.Missing)
	died := FromBatches(run, []*Batch{{Source: 1, Seq: 1, Watermark: &Watermark{T: 1}}, closed})
	require.Equal(t, []string{"w1: ended without its last batch"}, died.Missing)
	good := FromBatches(run, []*Batch{{Source: 1, Seq: 1, Watermark: final}, closed})
	require.Empty(t, good.Missing)
}

func TestColumnsKeepLists(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	var ops []Op
	for range 50 {
		o := write(1, r.Int63(), 5, 6)
		if r.Intn(2) == 0 {
			o.List = []int64{r.Int63(), 7}
		}
		ops = append(ops, o)
	}
	h := FromOps(ops, []string{"k"})
	kept := 0
	for i := range ops {
		if i%3 == 0 {
			continue
		}
		h.Ops.move(i, kept)
		kept++
	}
	h.Ops.truncate(kept)
	j := 0
	for i := range ops {
		if i%3 != 0 {
			require.Equal(t, ops[i], h.Ops.At(j))
			j++
		}
	}
}

func TestAFileCutAtAnyByteStillLoads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, &Run{Nodes: workers[:2]})
	require.NoError(t, err)
	for i := range 4 {
		c := int64(i * 100)
		require.NoError(t, w.Append(EncodeBatch(nil, &Batch{Source: 1, Seq: uint64(i + 1), Keys: []string{"a"}, Ops: []Op{write(1, int64(i), c, c+50)}, Watermark: &Watermark{T: c + 60, Final: i == 3}})))
	}
	require.NoError(t, w.Close())
	path := filepath.Join(dir, HistoryFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o644))
		h, err := Load(dir)
		require.NoError(t, err, "cut at byte %d", n)
		require.NotEmpty(t, h.Torn, "cut at byte %d", n)
		require.Empty(t, h.Missing, "cut at byte %d", n)
	}
	for i := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 0x40
		require.NoError(t, os.WriteFile(path, flipped, 0o644))
		h, err := Load(dir)
		if err == nil {
			require.NotEmpty(t, h.Torn, "byte %d flipped", i)
		}
	}
}

// A second reading stands apart from the first, and both are forgotten when the nodes are read anew.
func TestSecondReadingsStandApart(t *testing.T) {
	phase := func(seq uint64, name string) *Batch {
		return &Batch{Source: NoNode, Seq: seq, Events: []Event{{Node: NoNode, T: int64(seq), Kind: EvPhase, Name: name}}}
	}
	read := func(seq uint64, v int64) *Batch {
		return &Batch{Source: 0, Seq: seq, Dumps: []Dump{{Key: "a", Type: "list", Digest: 1, Elems: []int64{v}, Part: 1, Read: 1}, {Key: "a", Type: "list", Digest: 1, Elems: []int64{v + 1}, Part: 2, Last: true, Read: 1},
			{Key: "a", Type: "list", Digest: 2, Elems: []int64{v}, Last: true, Read: 2}}, Readings: []Reading{{Read: 2, Keys: 1}, {Read: 1, Keys: 1}}}
	}
	h := FromBatches(&Run{Nodes: workers[:1]}, []*Batch{phase(1, PhaseBarrier), read(1, 1), phase(2, PhaseBarrier), read(2, 5), {Source: NoNode, Seq: 3, Events: []Event{
		{Node: 0, T: 90, Dur: 20, Kind: EvPhase, Name: PhaseLeftOut}, {Node: 0, Kind: EvNote, Name: PhaseLeftOut}}}})
	require.Equal(t, []Dump{{Key: "a", Type: "list", Digest: 1, Elems: []int64{5, 6}, Part: 1, Last: true, Read: 1}}, h.Dumps)
	require.Equal(t, []Dump{{Key: "a", Type: "list", Digest: 2, Elems: []int64{5}, Last: true, Read: 2}}, h.SecondDumps)
	require.Equal(t, []Reading{{Read: 1, Keys: 1}, {Read: 2, Keys: 1}}, h.Readings)
	require.Equal(t, map[int32]bool{0: true}, h.LeftOut())
	require.Equal(t, int64(110), h.End, "an event that lasts ends later than it begins")
}
