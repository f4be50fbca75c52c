package exchange

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestParquetHoldsEveryOperation(t *testing.T) {
	b := randomBatch(rand.New(rand.NewSource(5)), 5000)
	h := history.FromBatches(&history.Run{ID: "x", Nodes: nodes}, []*history.Batch{b})
	h.Torn = "it ends early"
	judged := Judged{Fate: make([]string, h.Ops.Len()), Staleness: make([]int64, h.Ops.Len())}
	for i := range judged.Fate {
		judged.Staleness[i] = int64(i) - 1
		if i%2 == 0 {
			judged.Fate[i] = "survived"
		}
	}
	var buf bytes.Buffer
	require.NoError(t, WriteParquet(&buf, h, judged))
	f, err := parquet.OpenFile(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	require.NoError(t, err)
	run, ok := f.Lookup(ParquetRun)
	require.True(t, ok)
	require.Contains(t, run, `"id":"x"`)
	left, ok := f.Lookup(ParquetHistory)
	require.True(t, ok)
	require.Contains(t, left, "it ends early")
	rows, err := parquet.Read[ParquetOp](bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	require.NoError(t, err)
	require.Len(t, rows, h.Ops.Len())
	for i, row := range rows {
		o := h.Ops.At(i)
		require.Equal(t, o.Call, row.Call)
		require.Equal(t, o.F.String(), row.F)
		require.Equal(t, h.Keys[o.Key], row.Key)
		require.Equal(t, len(o.List), len(row.List))
		require.Equal(t, o.Return == history.Inf, row.Return == nil)
		require.Equal(t, o.Flags&history.FlagReplicaRead != 0, row.ReplicaRead)
		require.Equal(t, o.Out == history.Nil, row.Absent)
		require.Equal(t, i%2 == 0, row.Fate != nil)
		require.Equal(t, i > 0, row.Staleness != nil)
		if i > 0 {
			require.Equal(t, int64(i-1), *row.Staleness)
		}
	}
}
