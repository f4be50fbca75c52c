package history

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryFunctionHasANameAndAKind(t *testing.T) {
	writes := []F{FWrite, FCAS, FDel, FAdd, FAppend, FIncr, FAcquire, FRelease, FFenced, FTransfer, FEnqueue, FDequeue, FAck, FExpiring, FTxn, FRemove}
	reads := []F{FRead, FReadSet, FReadList, FReadCounter, FReadBank, FReadExpiring, FContains, FReadTail, FReadQueue, FReadLock}
	require.Len(t, fNames, 1+len(writes)+len(reads))
	for want, fs := range map[bool][]F{true: writes, false: reads} {
		for _, f := range fs {
			require.Equal(t, want, f.IsWrite(), f)
			back, ok := ParseF(f.String())
			require.True(t, ok)
			require.Equal(t, f, back)
		}
	}
	require.EqualValues(t, 21, FTxn, "numbers stand in files")
	require.EqualValues(t, 26, FReadLock)
}

func TestWritesOfTheLoad(t *testing.T) {
	txn := func(fs ...F) Op {
		var ms []Mop
		for _, f := range fs {
			m := Mop{F: f, Key: 1, In: 2}
			if f == FReadList {
				m.List = []int64{int64(FAppend), 5}
			}
			ms = append(ms, m)
		}
		return Op{F: FTxn, List: EncodeMops(ms)}
	}
	for _, tt := range []struct {
		op   Op
		want bool
	}{
		{Op{F: FWrite}, true}, {Op{F: FRemove}, true}, {Op{F: FContains, In: 3}, false}, {Op{F: FWrite, Flags: FlagReplicaWrite}, false},
		{txn(FReadList, FAppend), true}, {txn(FReadList, FReadList), false}, {txn(FRead, FWrite), true}, {txn(FRead), false}, {txn(), false},
		{Op{F: FTxn, List: []int64{int64(FReadList), 1, 2, Inf, 7}}, false},
	} {
		require.Equal(t, tt.want, tt.op.IsWrite(), "%+v", tt.op)
		h := FromOps([]Op{{F: FRead}, tt.op}, []string{"k"})
		require.Equal(t, tt.want, h.Ops.IsWrite(1), "%+v", tt.op)
	}
}

// The format of what was written before there were ledgers, removals and tails has not changed.
func TestOldBatchesAreRead(t *testing.T) {
	b := &Batch{Source: 3, Seq: 1, Keys: []string{"s:0", "b:0", "t"}}
	for n, o := range []Op{
		{F: FAdd, In: 1<<32 | 1, Out: 1, Arg: None, Flags: FlagPred},
		{F: FReadSet, In: None, Out: None, Arg: None, Flags: FlagReplicaRead | FlagVersion | FlagProbe, List: []int64{1, 2}},
		{F: FTransfer, Key: 1, In: None, Out: 1, Arg: 5, List: []int64{0, 3}},
		{F: FTxn, Key: 2, In: None, Out: None, Arg: None, Outcome: Info, Err: ErrTimeout, List: EncodeMops([]Mop{{F: FAppend, Key: 1, In: 9}})},
	} {
		o.Process, o.Client, o.Worker, o.Node, o.Acked = 7, 2, 3, 1, -1
		o.Call, o.Intended, o.Return = int64(n)*1000, int64(n)*1000, int64(n)*1000+500
		if o.Outcome == Info {
			o.Return = Inf
		}
		b.Ops = append(b.Ops, o)
	}
	const old = "01060104030002733a01000002623a01000001740001040e040602010500000100010e040602010600000e01010e040602010e00000001010e04060201150210000101000102030000010284808080208180808020000000ffffffffffffffffff0101000000d00fd00fd00ff503f503f50300000204040c0202080004100d12150000000000"
	p, err := hex.DecodeString(old)
	require.NoError(t, err)
	got, err := DecodeBatch(p)
	require.NoError(t, err)
	require.Equal(t, b, got)
}

func TestLedgerKeys(t *testing.T) {
	for _, key := range []string{"b:0", "e:17", "}:ledger:", "x"} {
		id := int64(3)<<32 | 2500
		list := LedgerKey(key, id)
		got, ok := LedgerOf(list)
		require.True(t, ok)
		require.Equal(t, key, got)
		require.Equal(t, list, LedgerKey(key, id+499), "one list")
		require.NotEqual(t, list, LedgerKey(key, id+500), "the next one")
		require.NotEqual(t, list, LedgerKey(key, id+1<<32), "another writer's")
	}
	require.Equal(t, "{b:0}:ledger:3:2", LedgerKey("b:0", 3<<32|2500))
	require.Equal(t, "{e:5}:ledger:0:0", LedgerKey("e:5", 7))
	for _, name := range []string{"b:0", "{b:0}", "}:ledger:1:1", "{}:ledger:1:1", "{b:0}:ledge:1:1"} {
		_, ok := LedgerOf(name)
		require.False(t, ok, name)
	}
	require.True(t, IsReplicaKey(ReplicaKey(2)))
	require.False(t, IsReplicaKey("r:2"))
}
