package checker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// twoShards is a failover run with a second shard beside it, of one master and a replica, which nothing happens to.
func twoShards(t *testing.T) *history.History {
	t.Helper()
	h := failoverRun(t, 4*vSecond)
	n := int32(len(h.Run.Nodes))
	h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "m1", Kind: history.Server, Addr: "4:1", Shard: 1}, history.Node{Name: "m2", Kind: history.Server, Addr: "5:1", Shard: 1})
	for at := vSecond / 2; at <= 22*vSecond; at += vSecond / 20 {
		h.Samples = append(h.Samples,
			history.Sample{Node: n, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleMaster, RunID: "m1", ReplID: "M", Offset: at / 1e6},
			history.Sample{Node: n + 1, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: "m2", ReplID: "M", Offset: at / 1e6, LinkUp: true, MasterAddr: "4:1"})
	}
	return h
}

// A master of one shard beside that of another is no second master, and a promotion in one deposes nobody in the other.
func TestGroupsKeepTheirMastersApart(t *testing.T) {
	h := twoShards(t)
	s := newStates(h)
	require.Len(t, s.groups, 2)
	require.Equal(t, []int32{0, 1}, s.groups[0].servers)
	require.Equal(t, []int32{3, 4}, s.groups[1].servers)
	require.Len(t, s.groups[0].promoted, 1)
	require.Empty(t, s.groups[1].promoted)
	require.Empty(t, s.groups[1].ends)
	require.EqualValues(t, 1, s.groups[0].finalMaster())
	require.EqualValues(t, 3, s.groups[1].finalMaster())
	r := judged(t, h)
	require.Zero(t, r.Masters.TwoWritable)
	for _, reign := range r.Masters.Spans {
		require.True(t, reign.Rightful || reign.Node < 2)
	}
	// In one group they would be two masters for all the time.
	for i := range h.Run.Nodes {
		h.Run.Nodes[i].Shard = 0
	}
	require.Positive(t, judged(t, h).Masters.TwoWritable)
}

// What a key holds at the end is what its own group's master holds.
func TestKeysBelongToGroups(t *testing.T) {
	h := twoShards(t)
	s := newStates(h)
	s.shardOf = func(key string) int { return strings.Count(key, "m") }
	h.Dumps = append(h.Dumps, history.Dump{Node: 1, Key: "k", Type: "set", Elems: []int64{1}}, history.Dump{Node: 3, Key: "m", Type: "set", Elems: []int64{2}},
		history.Dump{Node: 1, Key: "m", Type: "set", Elems: []int64{3}})
	f := newContents(h, s)
	require.Equal(t, []int64{1}, f.of("k").Elems)
	require.Equal(t, []int64{2}, f.of("m").Elems)
}
