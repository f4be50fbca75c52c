package observer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// dumpOf reads a server whole.
func dumpOf(t *testing.T, s *redistest.Server) map[string]history.Dump {
	t.Helper()
	out := map[string]history.Dump{}
	_, err := Dump(context.Background(), DumpConfig{Addr: s.Addr, Clock: func() int64 { return 0 }, Emit: func(b *history.Batch) {
		for _, d := range b.Dumps {
			out[d.Key] = d
		}
	}})
	require.NoError(t, err)
	return out
}

func digestsOf(ds map[string]history.Dump) map[string]uint64 {
	out := map[string]uint64{}
	for k, d := range ds {
		out[k] = d.Digest
	}
	return out
}

// leavings are what a load leaves: elements on queues and streams, some in work, some with a time to live.
func leavings(t *testing.T, s *redistest.Server) {
	t.Helper()
	ctx := context.Background()
	for _, cmd := range [][]any{
		{"hset", "h:0", 10, 10, 9, 9, 100, 100}, {"zadd", "z:0", 100, 100, 9, 9, 10, 10}, {"sadd", "s:0", 10, 9, 100},
		{"rpush", "l:0", 3, 1, 2}, {"lpush", "q:0", 1, 2, 3}, {"blmove", "q:0", "qp:1:0", "right", "left", 1},
		{"xgroup", "create", "x:0", "g", "0", "mkstream"}, {"xadd", "x:0", "5-1", "v", 7}, {"xadd", "x:0", "5-2", "v", 8}, {"xadd", "x:0", "5-3", "v", 9},
		{"xreadgroup", "group", "g", "c1", "count", 1, "streams", "x:0", ">"}, {"xreadgroup", "group", "g", "c2", "count", 1, "streams", "x:0", ">"},
		{"set", "e:0", 5, "px", 600_000}, {"rpush", history.LedgerKey("e:0", 5), 5}, {"set", "k:4", 77, "px", 600_000},
	} {
		require.NoError(t, s.Client.Do(ctx, cmd...).Err(), "%v", cmd)
	}
}

func TestDumpOfWhatALoadLeaves(t *testing.T) {
	ctx := context.Background()
	master := redistest.Start(t)
	replica := master.Replica(t)
	leavings(t, master)
	level := func() {
		t.Helper()
		offset := func(s *redistest.Server) string {
			return ParseInfo(s.Client.Info(ctx, "replication").Val())["master_repl_offset"]
		}
		want := offset(master)
		require.NotEmpty(t, want)
		redistest.Poll(t, 10*time.Second, "the replica to be level", func() bool { return offset(replica) >= want && len(offset(replica)) >= len(want) })
	}
	level()
	got := dumpOf(t, master)
	for key, want := range map[string][]int64{
		"h:0": {9, 10, 100}, "z:0": {9, 10, 100}, "s:0": {9, 10, 100}, "l:0": {3, 1, 2}, "q:0": {3, 2}, "qp:1:0": {1}, "x:0": {7, 8, 9},
		"e:0": {5}, "{e:0}:ledger:0:0": {5}, "k:4": {77},
	} {
		require.Equal(t, want, got[key].Elems, key)
		at := int64(-1)
		if key == "e:0" || key == "k:4" {
			at = time.Now().Add(10 * time.Minute).UnixMilli()
		}
		require.InDelta(t, at, got[key].ExpireAt, 60_000, key)
	}
	require.Len(t, got, 10)
	require.Equal(t, digestsOf(got), digestsOf(dumpOf(t, replica)), "the replica holds the same, what is in work and when it expires included")

	// Whatever moves in a group shows, in its key only, and on the replica alike.
	for _, cmd := range [][]any{
		{"xreadgroup", "group", "g", "c1", "count", 1, "streams", "x:0", ">"},                                          // another entry in work, and where the group stands
		{"xclaim", "x:0", "g", "c2", 0, "5-1"},                                                                         // another consumer, one more delivery
		{"xack", "x:0", "g", "5-1"},                                                                                    // one less in work
		{"xgroup", "create", "x:0", "g2", "$"},                                                                         // another group
		{"xgroup", "setid", "x:0", "g2", "0"},                                                                          // where it stands
		{"xdel", "x:0", "5-3"},                                                                                         // an entry gone, still in work
		{"pexpire", "x:0", 500_000},                                                                                    // a time to live
		{"pexpireat", "x:0", time.Now().Add(time.Hour).UnixMilli()}, {"persist", "x:0"}, {"xadd", "x:0", "*", "v", 10}, // and none
	} {
		before := digestsOf(dumpOf(t, master))
		require.NoError(t, master.Client.Do(ctx, cmd...).Err(), "%v", cmd)
		level()
		after := digestsOf(dumpOf(t, master))
		for key := range before {
			require.Equal(t, key == "x:0", before[key] != after[key], "%v: %s", cmd, key)
		}
		require.Equal(t, after, digestsOf(dumpOf(t, replica)), "%v", cmd)
	}
	// A consumer that holds nothing is left out: servers do not replicate when it was last seen, and old ones not that it exists.
	before := digestsOf(dumpOf(t, master))
	require.NoError(t, master.Client.Do(ctx, "xgroup", "createconsumer", "x:0", "g", "idle").Err())
	require.Equal(t, before, digestsOf(dumpOf(t, master)))
}

// Fields with a time to live count where there are any.
func TestDumpOfFieldsThatExpire(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	require.NoError(t, s.Client.HSet(ctx, "h:0", 1, 1, 2, 2).Err())
	before := dumpOf(t, s)["h:0"]
	at := time.Now().Add(time.Hour).UnixMilli()
	if err := s.Client.Do(ctx, "hpexpireat", "h:0", at, "fields", 1, 2).Err(); err != nil {
		t.Skip("this server has no such fields: ", err)
	}
	after := dumpOf(t, s)["h:0"]
	require.NotEqual(t, before.Digest, after.Digest)
	require.Equal(t, before.Elems, after.Elems)
	require.NoError(t, s.Client.Do(ctx, "hpexpireat", "h:0", at+1, "fields", 1, 2).Err())
	require.NotEqual(t, after.Digest, dumpOf(t, s)["h:0"].Digest)
}

// Lists of every length are read whole, and so are many of them; what has expired is not there.
func TestDumpOfLists(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	lengths := []int{1, pageSize - 1, pageSize, pageSize + 1, 2 * pageSize, MaxElems}
	for i, n := range lengths {
		require.NoError(t, s.Client.Eval(ctx, `for i = 1, ARGV[1] do redis.call('rpush', KEYS[1], i) end return 1`, []string{fmt.Sprint("l:", i)}, n).Err())
	}
	require.NoError(t, s.Client.Eval(ctx, `for i = 1, 2000 do redis.call('rpush', 'many:' .. i, i) end return 1`, nil).Err())
	require.NoError(t, s.Client.RPush(ctx, "soon", 1).Err())
	require.NoError(t, s.Client.PExpire(ctx, "soon", time.Millisecond).Err())
	redistest.Poll(t, 5*time.Second, "the list to expire", func() bool { return s.Client.Exists(ctx, "soon").Val() == 0 })
	got := dumpOf(t, s)
	require.Len(t, got, 2000+len(lengths))
	for i, n := range lengths {
		require.Len(t, got[fmt.Sprint("l:", i)].Elems, n)
		for p, v := range got[fmt.Sprint("l:", i)].Elems {
			require.EqualValues(t, p+1, v)
		}
	}
	require.Equal(t, []int64{2000}, got["many:2000"].Elems)
}

func TestEmptyIsNothing(t *testing.T) {
	for name, c := range map[string]*canonical{"list": canonicalList(nil), "set": canonicalSet(nil), "hash": canonicalHash(nil, nil), "zset": canonicalZSet(nil)} {
		require.True(t, c.empty, name)
	}
	for name, c := range map[string]*canonical{"list": canonicalList([]string{""}), "set": canonicalSet([]string{""}), "string": canonicalString(""),
		"hash": canonicalHash(map[string]string{"": ""}, nil), "zset": canonicalZSet([]string{"", "0"})} {
		require.False(t, c.empty, name)
	}
}
