//go:build linux

package agent_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
)

// fill writes keys of every type; the elements of sets and hashes go in the order of the flag, so that servers hold them in
// different order.
func fill(n *node, backwards bool) {
	n.t.Helper()
	n.redis("MSET", "reg:1", "42", "reg:2", "43:xxxxxxx", "text", "hello\r\n")
	n.redis("RPUSH", "list", "3", "1", "2")
	order := []string{"1", "2", "3", "10", "9"}
	if backwards {
		slices.Reverse(order)
	}
	for _, e := range order {
		n.redis("SADD", "set", e)
		n.redis("HSET", "bank", e, e+"00")
		n.redis("HSET", "hash", "f"+e, "v")
		n.redis("ZADD", "zset", e, e)
	}
	for i := range 3 {
		n.redis("XADD", "stream", fmt.Sprintf("5-%d", i), "v", strconv.Itoa(100+i))
	}
	n.redis("XGROUP", "CREATE", "stream", "g", "0")
	n.redis("XREADGROUP", "GROUP", "g", "c1", "COUNT", "2", "STREAMS", "stream", ">")
	n.redis("SET", "gone", "1")
	n.redis("PEXPIREAT", "gone", "4102444800000")
	n.redis("PFADD", "hll", "a", "b")
}

func (n *node) dump(match string) map[string]history.Dump {
	n.t.Helper()
	n.mu.Lock()
	n.batches = nil
	n.mu.Unlock()
	var keys int
	n.call(wire.OpDump, wire.DumpArgs{Match: match}, &keys)
	ds := n.dumps()
	require.Len(n.t, ds, keys)
	return ds
}

func digests(ds map[string]history.Dump) map[string]uint64 {
	out := map[string]uint64{}
	for k, d := range ds {
		out[k] = d.Digest
	}
	return out
}

func TestDump(t *testing.T) {
	r := newRig(t)
	a, b := r.start(), r.start()
	for _, n := range []*node{a, b} {
		n.serve("save \"\"")
		fill(n, n == b)
	}
	got := a.dump("")
	require.Equal(t, []string{"bank", "gone", "hash", "hll", "list", "reg:1", "reg:2", "set", "stream", "text", "zset"},
		slices.Sorted(maps.Keys(got)))
	for key, want := range map[string]history.Dump{
		"reg:1":  {Type: "string", Elems: []int64{42}, ExpireAt: -1},
		"reg:2":  {Type: "string", Elems: []int64{43}, ExpireAt: -1},
		"text":   {Type: "string", ExpireAt: -1},
		"list":   {Type: "list", Elems: []int64{3, 1, 2}, ExpireAt: -1},
		"set":    {Type: "set", Elems: []int64{1, 2, 3, 9, 10}, ExpireAt: -1},
		"bank":   {Type: "hash", Elems: []int64{100, 200, 300, 900, 1000}, ExpireAt: -1},
		"hash":   {Type: "hash", ExpireAt: -1},
		"zset":   {Type: "zset", Elems: []int64{1, 2, 3, 9, 10}, ExpireAt: -1},
		"stream": {Type: "stream", Elems: []int64{100, 101, 102}, ExpireAt: -1},
		"gone":   {Type: "string", Elems: []int64{1}, ExpireAt: 4102444800000},
		"hll":    {Type: "string", ExpireAt: -1},
	} {
		want.Key, want.Digest, want.Last, want.Node = key, got[key].Digest, true, 0
		want.Read, want.ReadCall, want.ReadReturn = 1, got[key].ReadCall, got[key].ReadReturn
		require.Equal(t, want, got[key], key)
	}
	require.Equal(t, digests(got), digests(b.dump("")), "the same content on another server")
	require.Len(t, a.dump("reg:*"), 2)

	// Every kind of difference shows, in its key only.
	for _, c := range []struct {
		key string
		cmd []string
	}{
		{"reg:1", []string{"SET", "reg:1", "41"}},
		{"list", []string{"LSET", "list", "0", "9"}},
		{"set", []string{"SREM", "set", "10"}},
		{"bank", []string{"HINCRBY", "bank", "1", "1"}},
		{"zset", []string{"ZINCRBY", "zset", "0.5", "3"}},
		{"stream", []string{"XACK", "stream", "g", "5-0"}},
		{"gone", []string{"PEXPIREAT", "gone", "4102444800001"}},
		{"text", []string{"PEXPIREAT", "text", "4102444800001"}},
		{"hash", []string{"HDEL", "hash", "f1"}},
	} {
		before := digests(b.dump(""))
		b.redis(c.cmd...)
		after := digests(b.dump(""))
		if c.key == "gone" && strings.HasPrefix(b.version(), "6.") {
			continue // TestDumpOfAnOldServer
		}
		for k := range before {
			require.Equal(t, k == c.key, before[k] != after[k], "%v: %s", c.cmd, k)
		}
	}
}

func TestDumpOfLargeKeysAndOtherDatabases(t *testing.T) {
	n := newRig(t).start()
	n.serve("save \"\"")
	n.redis("EVAL", `for i = 1, 25000 do redis.call('SADD', 'big', i) redis.call('RPUSH', 'long', i) redis.call('XADD', 'events', i .. '-0', 'v', i) end
		redis.call('SELECT', 3) redis.call('SET', 'k', 7)`, "0")
	n.redis("EVAL", `for i = 1, 30000 do redis.call('SET', 'k' .. i, i) end`, "0")
	ds := n.dump("")
	require.Len(t, ds, 30000+4)
	require.Equal(t, []int64{7}, ds["[db 3] k"].Elems)
	require.Equal(t, []int64{30000}, ds["k30000"].Elems)
	for _, k := range []string{"big", "long", "events"} {
		require.Len(t, ds[k].Elems, 25000, k)
		require.True(t, slices.IsSorted(ds[k].Elems), k)
		require.Equal(t, int32(3), ds[k].Part, k)
		require.True(t, ds[k].Last, k)
		require.Greater(t, len(ds[k].Elems), 2*observer.MaxElems)
	}
}

// Master and replica agree on all types, expiry and pending entries included.
func TestDumpOfAReplicaEqualsItsMaster(t *testing.T) {
	master, replica := pairOf(t)
	fill(master, false)
	master.redis("EXPIRE", "list", "1000")
	master.until("the replica to follow", func() bool { return replicates(master, replica, "done") })
	require.Equal(t, digests(master.dump("")), digests(replica.dump("")))
}

// A server older than 7.0 does not say when exactly a key expires: the digest leaves the time out, and that is said.
func TestDumpOfAnOldServer(t *testing.T) {
	t.Setenv("SCHISM_TEST_IMAGE", oldImage)
	r := newRig(t)
	a, b := r.start(), r.start()
	for _, n := range []*node{a, b} {
		n.serve("save \"\"")
		fill(n, n == b)
	}
	got := a.dump("")
	require.Len(t, got, 11)
	require.InDelta(t, 4102444800000, got["gone"].ExpireAt, 5000)
	require.Equal(t, digests(got), digests(b.dump("")))
	notes := a.events(history.EvNote)
	require.Len(t, notes, 1)
	require.Equal(t, observer.NoteInexactExpiry, notes[0].Name)
	b.redis("PERSIST", "gone")
	require.NotEqual(t, got["gone"].Digest, b.dump("")["gone"].Digest, "that it expires still counts")
}

// A data set at rest says the same twice, of every type; what it costs to ask again is told.
func TestDumpTwice(t *testing.T) {
	n := newRig(t).start()
	n.serve("save \"\"")
	fill(n, false)
	n.redis("EVAL", `for i = 1, 10000 do redis.call('SET', 'k' .. i, i) end for i = 1, 25000 do redis.call('RPUSH', 'long', i) end`, "0")
	n.redis("SET", "fleeting", "1", "PX", "600000")
	var keys int
	once := n.call(wire.OpDump, wire.DumpArgs{}, &keys)
	n.mu.Lock()
	n.batches = nil
	n.mu.Unlock()
	wall := time.Now()
	twice := n.call(wire.OpDump, wire.DumpArgs{Twice: true}, &keys)
	t.Logf("%d keys: once %v, twice %v", keys, time.Duration(once.T1-once.T0), time.Duration(twice.T1-twice.T0))
	require.Equal(t, 10013, keys)
	var readings []history.Reading
	n.seen(func(bs []*history.Batch) bool {
		for _, b := range bs {
			readings = append(readings, b.Readings...)
			for _, d := range b.Dumps {
				require.Equal(t, int32(1), d.Read, "%s said something else the second time", d.Key)
				require.LessOrEqual(t, d.ReadCall, d.ReadReturn)
			}
		}
		return true
	})
	require.Len(t, readings, 2)
	for i, r := range readings {
		require.Equal(t, int32(i+1), r.Read)
		require.Equal(t, int64(keys), r.Keys)
		require.LessOrEqual(t, r.Call, r.Return)
		require.WithinDuration(t, wall, time.Unix(0, r.WallReturn), time.Minute, "the wall clock of the servers")
	}
	require.LessOrEqual(t, twice.T0, readings[0].Call)
	require.LessOrEqual(t, readings[0].Return, readings[1].Call)
	require.LessOrEqual(t, readings[1].Return, twice.T1)
}
