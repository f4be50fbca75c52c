package clients

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// step is an operation and what it must yield. Zero fields of want that an operation does not fill in are None.
type step struct {
	name  string
	f     history.F
	key   string
	in    int64
	arg   int64
	flags history.Flag
	from  []int64 // List before
	raw   []any   // a command of the test's own before it
	out   int64
	list  []int64
	args  int64 // Arg afterwards
}

const none = history.None

// TestFunctions has a row for what each function does, and what it answers when there is nothing to do it to.
func TestFunctions(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr, Consumer: "1", ClaimAfter: time.Millisecond})
	require.NoError(t, Setup(ctx, Options{Addr: s.Addr, Timeout: testTimeout, DialTimeout: testTimeout}, [][]any{{"xgroup", "create", "x:0", Group, "0", "mkstream"}}))
	big := int64(7)<<32 | 12345
	minute := int64(time.Minute)
	steps := []step{
		{name: "write", f: history.FWrite, key: "r:0", in: 5, arg: none, out: none},
		{name: "write, with what it replaced", f: history.FWrite, key: "r:0", in: 6, arg: none, flags: history.FlagPred, out: 5, args: none},
		{name: "read", f: history.FRead, key: "r:0", in: none, arg: none, out: 6, args: none},
		{name: "delete", f: history.FDel, key: "r:0", in: none, arg: none, out: 1, args: none},
		{name: "read of nothing", f: history.FRead, key: "r:0", in: none, arg: none, out: history.Nil, args: none},

		{name: "increment", f: history.FIncr, key: "c:0", in: 3, arg: none, out: 3, args: none},
		{name: "read counter", f: history.FReadCounter, key: "c:0", in: none, arg: none, out: 3, args: none},
		{name: "compare and set", f: history.FCAS, key: "a:0", in: history.Nil, arg: 1, out: 1, args: 1},
		{name: "compare and set, in vain", f: history.FCAS, key: "a:0", in: 7, arg: 8, out: 0, args: 8},

		{name: "append", f: history.FAppend, key: "l:0", in: 4, arg: none, out: 1, args: none},
		{name: "read list", f: history.FReadList, key: "l:0", in: none, arg: none, raw: []any{"rpush", "l:0", 9, 2}, out: none, list: []int64{4, 9, 2}, args: none},
		{name: "read tail", f: history.FReadTail, key: "l:0", in: 2, arg: none, out: 3, list: []int64{9, 2}, args: 1},
		{name: "read tail, longer than the list", f: history.FReadTail, key: "l:0", in: 20, arg: none, out: 3, list: []int64{4, 9, 2}, args: 0},
		{name: "read tail of nothing", f: history.FReadTail, key: "l:9", in: 20, arg: none, out: 0, list: []int64{}, args: 0},

		{name: "enqueue", f: history.FEnqueue, key: "q:0", in: 11, arg: none, out: 1, args: none},
		{name: "read queue", f: history.FReadQueue, key: "q:0", in: none, arg: none, raw: []any{"lpush", "q:0", 12, 13}, out: none, list: []int64{11, 12, 13}, args: none},
		{name: "read queue's tail", f: history.FReadTail, key: "q:0", in: 2, arg: none, out: 3, list: []int64{12, 13}, args: 1},
		{name: "dequeue", f: history.FDequeue, key: "q:0", in: none, arg: none, out: 11, args: none},
		{name: "read queue after a dequeue", f: history.FReadQueue, key: "q:0", in: none, arg: none, out: none, list: []int64{12, 13}, args: none},
		{name: "read queue's tail after a dequeue", f: history.FReadTail, key: "q:0", in: 5, arg: none, out: 2, list: []int64{12, 13}, args: 0},
		{name: "redelivery", f: history.FDequeue, key: "q:0", in: none, arg: 1, out: 11, args: 1},
		{name: "acknowledge", f: history.FAck, key: "q:0", in: 11, arg: none, out: 1, args: none},
		{name: "acknowledge again", f: history.FAck, key: "q:0", in: 11, arg: none, out: 0, args: none},
		{name: "read an empty queue", f: history.FReadQueue, key: "q:9", in: none, arg: none, out: none, list: []int64{}, args: none},

		{name: "read empty stream", f: history.FReadQueue, key: "x:0", in: none, arg: none, out: none, list: []int64{}, args: none},
		{name: "enqueue on a stream", f: history.FEnqueue, key: "x:0", in: 21, arg: none, out: none, args: none},
		{name: "enqueue on a stream again", f: history.FEnqueue, key: "x:0", in: 20, arg: none, out: none, args: none},
		{name: "dequeue from a stream", f: history.FDequeue, key: "x:0", in: none, arg: none, out: 21, args: none},
		{name: "read stream: all of it", f: history.FReadQueue, key: "x:0", in: none, arg: none, out: none, list: []int64{21, 20}, args: none},
		{name: "read stream's tail", f: history.FReadTail, key: "x:0", in: 1, arg: none, out: 2, list: []int64{20}, args: 1},
		{name: "acknowledge of a stream", f: history.FAck, key: "x:0", in: 21, arg: none, out: 1, args: none},

		{name: "acquire", f: history.FAcquire, key: "k:0", in: 31, arg: minute, out: none, args: minute},
		{name: "acquire what is held", f: history.FAcquire, key: "k:0", in: 32, arg: minute, out: history.Nil, args: minute},
		{name: "read lock", f: history.FReadLock, key: "k:0", in: none, arg: none, out: 31, args: none},
		{name: "release", f: history.FRelease, key: "k:0", in: 31, arg: none, out: 1, args: none},
		{name: "read lock that nobody holds", f: history.FReadLock, key: "k:0", in: none, arg: none, out: history.Nil, args: none},

		{name: "expiring", f: history.FExpiring, key: "e:0", in: 1, arg: minute, out: none, args: minute},
		{name: "expiring, with what it replaced", f: history.FExpiring, key: "e:0", in: 2, arg: minute, flags: history.FlagPred, out: 1, args: minute},
		{name: "expiring, with a ledger", f: history.FExpiring, key: "e:0", in: 3, arg: minute, flags: history.FlagLedger, out: none, args: minute},
		{name: "expiring, with both", f: history.FExpiring, key: "e:0", in: 4, arg: minute, flags: history.FlagLedger | history.FlagPred, out: 3, args: minute},
		{name: "expiring, with both, replacing nothing", f: history.FExpiring, key: "e:1", in: 1, arg: minute, flags: history.FlagLedger | history.FlagPred, out: history.Nil, args: minute},
		{name: "read expiring", f: history.FReadExpiring, key: "e:0", in: none, arg: none, out: 4, args: none},
		{name: "its ledger", f: history.FReadList, key: history.LedgerKey("e:0", 3), in: none, arg: none, out: none, list: []int64{3, 4}, args: none},

		{name: "transfer", f: history.FTransfer, key: "b:0", in: big, arg: 30, from: []int64{0, 1}, raw: []any{"hset", "b:0", 0, 100, 1, 100}, out: 1, list: []int64{0, 1}, args: 30},
		{name: "transfer of too much", f: history.FTransfer, key: "b:0", in: big + 1, arg: 500, from: []int64{0, 1}, out: 0, list: []int64{0, 1}, args: 500},
		{name: "transfer without a ledger", f: history.FTransfer, key: "b:0", in: none, arg: 1, from: []int64{1, 0}, out: 1, list: []int64{1, 0}, args: 1},
		{name: "read bank", f: history.FReadBank, key: "b:0", in: none, arg: none, out: none, list: []int64{71, 129}, args: none},
		{name: "its ledger, too", f: history.FReadList, key: history.LedgerKey("b:0", big), in: none, arg: none, out: none, list: []int64{big}, args: none},
	}
	for _, key := range []string{"s:0", "h:0", "z:0"} { // what holds elements does so in the same words
		steps = append(steps, []step{
			{name: "add", f: history.FAdd, key: key, in: big, arg: none, out: 1, args: none},
			{name: "add again", f: history.FAdd, key: key, in: big, arg: none, out: 0, args: none},
			{name: "add another", f: history.FAdd, key: key, in: 9, arg: none, out: 1, args: none},
			{name: "add a third", f: history.FAdd, key: key, in: 10, arg: none, out: 1, args: none},
			{name: "contains", f: history.FContains, key: key, in: big, arg: none, out: 1, args: none},
			{name: "contains not", f: history.FContains, key: key, in: 5, arg: none, out: 0, args: none},
			{name: "read set", f: history.FReadSet, key: key, in: none, arg: none, out: none, list: []int64{9, 10, big}, args: none},
			{name: "remove", f: history.FRemove, key: key, in: 9, arg: none, out: 1, args: none},
			{name: "remove again", f: history.FRemove, key: key, in: 9, arg: none, out: 0, args: none},
			{name: "read set after it", f: history.FReadSet, key: key, in: none, arg: none, out: none, list: []int64{10, big}, args: none},
			{name: "contains not any more", f: history.FContains, key: key, in: 9, arg: none, out: 0, args: none},
			{name: "read nothing", f: history.FReadSet, key: key[:2] + "9", in: none, arg: none, out: none, list: []int64{}, args: none},
			{name: "remove from nothing", f: history.FRemove, key: key[:2] + "9", in: 1, arg: none, out: 0, args: none},
			{name: "contains, of nothing", f: history.FContains, key: key[:2] + "9", in: 1, arg: none, out: 0, args: none},
		}...)
	}
	steps = append(steps, []step{
		{name: "a field with another value", f: history.FContains, key: "h:0", in: 10, arg: none, raw: []any{"hset", "h:0", 10, 11}, out: Foreign, args: none},
		{name: "a field with another value, read whole", f: history.FReadSet, key: "h:0", in: none, arg: none, out: none, list: []int64{Foreign, big}, args: none},
		{name: "a member with another score", f: history.FContains, key: "z:0", in: 10, arg: none, raw: []any{"zadd", "z:0", 10.5, 10}, out: Foreign, args: none},
		{name: "a member with another score, read whole", f: history.FReadSet, key: "z:0", in: none, arg: none, out: none, list: []int64{Foreign, big}, args: none},
	}...)
	for _, st := range steps {
		t.Run(st.key+"/"+st.name, func(t *testing.T) {
			if st.raw != nil {
				require.NoError(t, s.Client.Do(ctx, st.raw...).Err())
			}
			op := history.Op{F: st.f, In: st.in, Arg: st.arg, Out: none, Flags: st.flags, List: st.from}
			c.Do(ctx, st.key, &op)
			require.Equal(t, history.OK, op.Outcome, op.Err.String())
			require.Equal(t, st.out, op.Out)
			require.Equal(t, st.list, op.List)
			if st.args != 0 || st.f == history.FReadTail {
				require.Equal(t, st.args, op.Arg)
			}
			require.Equal(t, st.flags, op.Flags)
		})
	}
	for _, key := range []string{"e:0", "e:1"} {
		left, err := s.Client.PTTL(ctx, key).Result()
		require.NoError(t, err)
		require.InDelta(t, time.Minute, left, float64(20*time.Second))
	}
	left, err := s.Client.PTTL(ctx, history.LedgerKey("e:0", 3)).Result()
	require.NoError(t, err)
	require.EqualValues(t, -1, left, "ledgers do not expire")
}

// A server before 6.2 does not tell what SET..PX replaced.
func TestExpiringOnAnOldServer(t *testing.T) {
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr, Version: "6.0.16"})
	for _, flags := range []history.Flag{history.FlagPred, history.FlagPred | history.FlagLedger} {
		op := history.Op{F: history.FExpiring, In: 1, Arg: int64(time.Minute), Out: none, Flags: flags}
		c.Do(context.Background(), "e:0", &op)
		require.Equal(t, history.OK, op.Outcome)
		require.Equal(t, none, op.Out)
		require.Equal(t, flags&^history.FlagPred, op.Flags)
	}
}

// What is one transaction is refused as a whole: nothing of it is there, the ledger's entry neither.
func TestNewFunctionsAreRefusedWhole(t *testing.T) {
	ctx := context.Background()
	master := redistest.Start(t)
	replica := master.Replica(t)
	require.NoError(t, master.Client.HSet(ctx, "b:0", "0", "100", "1", "100").Err())
	redistest.Poll(t, 10*time.Second, "the replica to have the bank", func() bool { return replica.Client.HLen(ctx, "b:0").Val() == 2 })
	for _, tt := range []struct {
		name string
		addr string
		conf [2]string
		want history.ErrCode
	}{
		{"read only replica", replica.Addr, [2]string{}, history.ErrReadOnly},
		{"too few replicas", master.Addr, [2]string{"min-replicas-to-write", "2"}, history.ErrNoReplicas},
		{"no memory left", master.Addr, [2]string{"maxmemory", "1kb"}, history.ErrOOM},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.conf[0] != "" {
				require.NoError(t, master.Client.ConfigSet(ctx, tt.conf[0], tt.conf[1]).Err())
				defer master.Client.ConfigSet(ctx, tt.conf[0], "0")
			}
			for _, lua := range []bool{false, true} {
				c := connect(t, Options{Addr: tt.addr, Lua: lua})
				for _, op := range []history.Op{
					{F: history.FExpiring, In: 1, Arg: int64(time.Minute), Flags: history.FlagLedger | history.FlagPred},
					{F: history.FExpiring, In: 1, Arg: int64(time.Minute), Flags: history.FlagPred},
					{F: history.FTransfer, In: 5, Arg: 1, List: []int64{0, 1}},
					{F: history.FAdd, In: 1, Arg: none},
				} {
					key := map[history.F]string{history.FExpiring: "e:0", history.FTransfer: "b:0", history.FAdd: "h:0"}[op.F]
					op.Out = none
					c.Do(ctx, key, &op)
					if lua && op.F == history.FTransfer { // what a script was refused for stands inside its error
						require.NotEqual(t, history.OK, op.Outcome)
						continue
					}
					requireEnds(t, op, history.Fail, tt.want)
				}
				for _, f := range []history.F{history.FReadTail, history.FReadQueue, history.FContains, history.FReadLock} {
					op := history.Op{F: f, In: 3, Arg: none, Out: none}
					c.Do(ctx, map[history.F]string{history.FReadTail: "l:0", history.FReadQueue: "q:0", history.FContains: "s:0", history.FReadLock: "k:0"}[f], &op)
					if f == history.FReadTail && tt.want == history.ErrOOM && op.Outcome != history.OK {
						requireEnds(t, op, history.Fail, tt.want) // Redis without memory queues nothing in MULTI, Valkey does
						continue
					}
					require.Equal(t, history.OK, op.Outcome, "reads go on: %s", f)
				}
			}
			keys, err := master.Client.Keys(ctx, "*").Result()
			require.NoError(t, err)
			require.Equal(t, []string{"b:0"}, keys)
			require.Equal(t, map[string]string{"0": "100", "1": "100"}, master.Client.HGetAll(ctx, "b:0").Val())
		})
	}
}

// A tail's parts are of one moment, and what fails of them fails the whole.
func TestTailOfSomethingElse(t *testing.T) {
	s := redistest.Start(t)
	require.NoError(t, s.Client.Set(context.Background(), "l:0", "no list", redis.KeepTTL).Err())
	c := connect(t, Options{Addr: s.Addr})
	op := history.Op{F: history.FReadTail, In: 3, Arg: none, Out: none}
	c.Do(context.Background(), "l:0", &op)
	requireEnds(t, op, history.Info, history.ErrOther)
	require.Equal(t, none, op.Arg)
	require.Equal(t, history.OK, do(c, history.FAppend, "l:1", 1).Outcome, "the connection is whole")
}
