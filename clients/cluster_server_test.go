package clients

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

const testShards = 3

// realCluster is what clients are told of the servers of a Cluster.
func realCluster(servers []*redistest.Server) Options {
	opt := Options{Timeout: testTimeout, DialTimeout: testTimeout, WaitTimeout: testTimeout, Nodes: map[string]int32{}, ReplicasOf: map[string][]string{}}
	for i, s := range servers {
		opt.Nodes[s.Addr] = int32(i)
		opt.Cluster = append(opt.Cluster, s.Addr)
		for _, r := range servers[testShards+i%testShards:] {
			opt.ReplicasOf[s.Addr] = []string{r.Addr}
			break
		}
	}
	return opt
}

// ownerOf is the master, from 0, that has a key's slot at the start.
func ownerOf(key string) int {
	slot := history.SlotOf(key)
	for i := range testShards {
		if slot < (i+1)*history.Slots/testShards {
			return i
		}
	}
	return -1
}

// keyIn is the first register of a shard, from 0.
func keyIn(shard int) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("r:%d", i); ownerOf(key) == shard {
			return key
		}
	}
}

func TestRealCluster(t *testing.T) {
	ctx := t.Context()
	servers := redistest.Cluster(t, 3, 1)
	opt := realCluster(servers)
	c := dialCluster(t, opt)
	keys := []string{keyIn(0), keyIn(1), keyIn(2)}
	ok := func(t *testing.T, op history.Op, node int32, redirects uint8) {
		t.Helper()
		require.Equal(t, history.OK, op.Outcome, op.Err.String())
		require.Equal(t, node, op.Node)
		require.Equal(t, redirects, op.Redirects)
	}
	reader := opt
	reader.Nth = 1
	replica := dialCluster(t, reader)

	t.Run("routing", func(t *testing.T) {
		for i, key := range keys {
			ok(t, do(c, history.FWrite, key, 1), int32(i), 0)
		}
	})
	t.Run("reads from replicas", func(t *testing.T) {
		for i, key := range keys {
			require.NoError(t, servers[i].Client.Wait(ctx, 1, time.Second).Err())
			op := do(replica, history.FRead, key, history.None)
			ok(t, op, int32(3+i), 0)
			require.EqualValues(t, 1, op.Out)
		}
	})
	t.Run("WAIT goes to the node that answered", func(t *testing.T) {
		waiting := opt
		waiting.Wait, waiting.WaitTimeout = 1, 5*time.Second
		w := dialCluster(t, waiting)
		for i, key := range keys {
			op := do(w, history.FWrite, key, 2)
			ok(t, op, int32(i), 0)
			require.EqualValues(t, 1, op.Acked)
		}
	})
	t.Run("keys that belong together", func(t *testing.T) { everyKind(t, opt, servers) })
	t.Run("ASK and MOVED of a slot that moves", func(t *testing.T) {
		key := keys[0]
		slot := history.SlotOf(key)
		from, to := servers[0].Client, servers[1].Client
		require.NoError(t, to.Do(ctx, "cluster", "setslot", slot, "importing", redistest.ClusterID(0)).Err())
		require.NoError(t, from.Do(ctx, "cluster", "setslot", slot, "migrating", redistest.ClusterID(1)).Err())
		ok(t, do(c, history.FWrite, key, 3), 0, 0)
		require.NoError(t, from.Migrate(ctx, "127.0.0.1", strings.Split(servers[1].Addr, ":")[1], key, 0, time.Second).Err())
		op := do(c, history.FWrite, key, 4)
		ok(t, op, 1, 1)
		require.EqualValues(t, 3, op.Out)
		for _, n := range []*redistest.Server{servers[1], servers[0], servers[2]} {
			require.NoError(t, n.Client.Do(ctx, "cluster", "setslot", slot, "node", redistest.ClusterID(1)).Err())
		}
		// The map that the client read on ASK may be from before or after.
		op = do(c, history.FRead, key, history.None)
		require.EqualValues(t, 1, op.Node)
		require.EqualValues(t, 4, op.Out)
		redistest.Poll(t, muchLater, "the client to know the new owner", func() bool {
			op := do(c, history.FRead, key, history.None)
			return op.Node == 1 && op.Redirects == 0
		})
		redistest.Poll(t, muchLater, "the replica of the shard that has the slot now", func() bool {
			op := do(replica, history.FRead, key, history.None)
			return op.Outcome == history.OK && op.Node == 4 && op.Out == 4 && op.Redirects == 0
		})
	})
	t.Run("a master that is killed", func(t *testing.T) {
		library := opt
		library.Reload = ReloadByLibrary
		left := dialCluster(t, library)
		servers[2].Kill()
		var failed history.Op
		redistest.Poll(t, time.Minute, "the client to write to the new master", func() bool {
			op := do(c, history.FWrite, keys[2], 9)
			if op.Outcome != history.OK {
				failed = op
			}
			return op.Outcome == history.OK && op.Node == 5
		})
		require.NotEqual(t, history.OK, failed.Outcome)
		requireEnds(t, do(left, history.FWrite, keys[2], 10), history.Fail, history.ErrDialRefused)
		ok(t, do(replica, history.FRead, keys[2], history.None), 5, 0)
	})
}

// everyKind runs what uses more than one key, in each shard.
func everyKind(t *testing.T, opt Options, servers []*redistest.Server) {
	ctx := context.Background()
	opt.Consumer, opt.ClaimAfter, opt.Fencing = "7", time.Millisecond, true
	for _, lua := range []bool{false, true} {
		opt.Lua = lua
		c := dialCluster(t, opt)
		run := func(key string, op history.Op) history.Op {
			t.Helper()
			op.Out = history.None
			c.Do(ctx, key, &op)
			require.Equal(t, history.OK, op.Outcome, "%s of %s: %s", op.F, key, op.Err)
			require.EqualValues(t, ownerOf(key), op.Node, key)
			return op
		}
		for n := range 6 {
			name := func(prefix string) string {
				number := fmt.Sprintf("%d%d", n, map[bool]int{true: 1}[lua])
				if prefix == "k" || prefix == "q" { // others belong to it, by its number
					number = "{" + number + "}"
				}
				return prefix + ":" + number
			}
			require.NoError(t, Setup(ctx, opt, [][]any{
				{"hsetnx", name("b"), 0, 100},
				{"xgroup", "create", name("x"), Group, "0", "mkstream"},
			}))
			require.EqualValues(t, 1, run(name("b"), history.Op{F: history.FTransfer, In: 1<<32 | 1, Arg: 3, List: []int64{0, 1}}).Out)
			require.Equal(t, []int64{97, 3}, run(name("b"), history.Op{F: history.FReadBank}).List)
			token := run(name("k"), history.Op{F: history.FAcquire, In: 5, Arg: int64(time.Minute)}).Out
			require.EqualValues(t, 1, run(name("k"), history.Op{F: history.FFenced, In: token}).Out)
			require.EqualValues(t, 1, run(name("k"), history.Op{F: history.FRelease, In: 5}).Out)
			for _, q := range []string{name("q"), name("x")} {
				run(q, history.Op{F: history.FEnqueue, In: 8})
				require.EqualValues(t, 8, run(q, history.Op{F: history.FDequeue}).Out)
				require.EqualValues(t, 1, run(q, history.Op{F: history.FAck, In: 8}).Out)
				run(q, history.Op{F: history.FReadTail, In: 5})
			}
			run(name("e"), history.Op{F: history.FExpiring, In: 1, Arg: int64(time.Minute), Flags: history.FlagLedger | history.FlagPred})
			require.EqualValues(t, 1, run(name("a"), history.Op{F: history.FCAS, In: history.Nil, Arg: 4}).Out)
			tag := int64(n*2) + 1 + map[bool]int64{true: 1}[lua]
			run(history.TxnGroup(tag), history.Op{F: history.FTxn, List: history.EncodeMops([]history.Mop{{F: history.FAppend, Key: tag << 32, In: 1}, {F: history.FReadList, Key: tag<<32 | 1}})})
		}
	}
	for _, s := range servers[:3] {
		require.NotZero(t, s.Client.DBSize(ctx).Val(), "every shard got keys")
	}
}
