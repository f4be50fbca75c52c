package workloads

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

var allKinds = []Kind{Register, Set, Hash, SortedSet, List, Counter, CAS, Lock, Bank, Queue, Stream, Expiry, Txn}

// thirds are three shards of even shares.
func thirds() (out []history.ShardSlots) {
	for i := range 3 {
		out = append(out, history.ShardSlots{Shard: i + 1, Ranges: []history.SlotRange{{From: uint16(i * history.Slots / 3), To: uint16((i+1)*history.Slots/3 - 1)}}})
	}
	return out
}

// inCluster makes a job one of a Cluster of three shards: server n of shard n modulo 3, masters first.
func inCluster(j Job, addrs []string) Job {
	j.Servers, j.Master, j.Replicas, j.Slots, j.Shards, j.ReplicasOf = map[string]int32{}, "", nil, thirds(), map[string]int{}, map[string][]string{}
	j.Cluster = addrs
	for i, addr := range addrs {
		j.Servers[addr], j.Shards[addr] = int32(i), i%3+1
		if i >= 3 {
			j.Replicas = append(j.Replicas, addr)
		}
		for k := 3; k < len(addrs); k++ {
			if k%3 == i%3 {
				j.ReplicasOf[addr] = append(j.ReplicasOf[addr], addrs[k])
			}
		}
	}
	return j
}

// Keys take turns over the shards: every shard has as many as any other, with the same names for every worker.
func TestKeysTakeTurnsOverShards(t *testing.T) {
	a, b := newTurns(thirds(), ""), newTurns(thirds(), "")
	b.number("q", 40, true) // looked at in another order
	for _, tagged := range []bool{false, true} {
		prefix := map[bool]string{false: "c", true: "q"}[tagged]
		names := map[string]bool{}
		for n := range int64(100) {
			name := numbered(prefix, a.number(prefix, n, tagged), tagged)
			require.EqualValues(t, n%3, a.shardOf(name), name)
			require.Equal(t, a.number(prefix, n, tagged), b.number(prefix, n, tagged))
			names[name] = true
		}
		require.Len(t, names, 100)
	}
	require.Nil(t, newTurns(nil, ""))
	require.Equal(t, "c:7", (&keyTable{}).spell("c", 7), "without a Cluster the number is the number")
}

// A write that a replica is to refuse lies in its own shard, whose writes it might take.
func TestReplicasAreWrittenToInTheirShard(t *testing.T) {
	addrs := []string{"a", "b", "c", "d", "e", "f"}
	r, err := NewRunner(inCluster(fakeJob(Spec{}), addrs), clock(), nil)
	require.NoError(t, err)
	for i, addr := range addrs[3:] {
		key := r.replicaKey(addr)
		require.True(t, history.IsReplicaKey(key))
		require.Equal(t, i, r.keys.turns.shardOf(key), key)
	}
}

// Every kind runs in a Cluster: nothing is refused, each operation goes to its key's shard, reads of replicas to replicas of it, and every
// shard gets its part.
func TestEveryKindInACluster(t *testing.T) {
	servers := redistest.Cluster(t, 3, 1)
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr)
	}
	for _, kind := range allKinds {
		for _, lua := range []bool{false, true} {
			if lua && kind != Bank && kind != CAS && kind != Lock {
				continue
			}
			name := string(kind)
			if lua {
				name += ", scripts"
			}
			t.Run(name, func(t *testing.T) {
				for _, s := range servers[:3] {
					require.NoError(t, s.Client.FlushAll(t.Context()).Err())
				}
				spec := Spec{Kind: kind, Rate: 600, Lua: lua, Fencing: lua, Timeout: 5 * time.Second}
				rec := load(t, inCluster(jobFor(spec, servers[0], servers[3]), addrs), time.Second)
				shards, replicas := map[int]int{}, 0
				turns := newTurns(thirds(), "")
				for _, op := range rec.ops {
					if op.Err == history.ErrWatched {
						continue
					}
					require.Equal(t, history.OK, op.Outcome, "%s of %s: %s", op.F, op.key, op.Err)
					require.Zero(t, op.Redirects)
					shard := turns.shardOf(op.key)
					want := shard
					if op.Flags&history.FlagReplicaRead != 0 {
						want += 3
						replicas++
					}
					require.EqualValues(t, want, op.Node, "%s of %s", op.F, op.key)
					if op.F == history.FTxn {
						mops, ok := history.DecodeMops(op.List)
						require.True(t, ok)
						for _, m := range mops {
							require.Equal(t, history.SlotOf(op.key), history.SlotOf(history.TxnKey(m.Key)))
						}
					}
					shards[shard]++
				}
				require.Len(t, shards, 3, "%v", shards)
				require.NotZero(t, replicas)
				for _, op := range rec.replicas {
					require.Equal(t, history.Fail, op.Outcome)
					require.Equal(t, history.ErrMoved, op.Err)
				}
				for i, s := range servers[:3] {
					keys, err := s.Client.Keys(t.Context(), "*").Result()
					require.NoError(t, err)
					require.NotEmpty(t, keys, "shard %d", i+1)
					for _, key := range keys {
						require.Equal(t, i, turns.shardOf(key), key)
						require.False(t, strings.HasPrefix(key, "replica:"))
					}
				}
			})
		}
	}
}

// No queue is without a consumer, however few these are.
func TestConsumersShareTheQueues(t *testing.T) {
	keys := []*key{{id: 0}, {id: 1}, {id: 2}}
	seen := map[uint32]bool{}
	for n := range 2 {
		c := newConsumer(keys, n, 2)
		for range 4 {
			op := history.Op{Arg: history.None}
			k := c.next(&op)
			seen[k.id] = true
			op.Outcome, op.Out = history.OK, history.Nil
			c.done(&op)
		}
	}
	require.Len(t, seen, 3)
	require.Equal(t, []*key{keys[1]}, newConsumer(keys, 4, 5).keys)
	c := newConsumer(keys[:2], 0, 1)
	op := history.Op{}
	first := c.next(&op)
	op.Outcome, op.Out = history.OK, 7
	c.done(&op)
	require.Same(t, first, c.next(&op), "it is acknowledged where it was taken")
	require.Equal(t, history.FAck, op.F)
	op.Outcome = history.Info
	c.done(&op)
	require.Same(t, first, c.next(&op), "what was delivered before is looked for there first")
}
