package nemesis

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/topology"
)

// clusterNodes are n1 to n6 of three shards with a replica each, and a client.
func clusterNodes() []history.Node {
	var out []history.Node
	for i := range 6 {
		role := history.RoleMaster
		if i > 2 {
			role = history.RoleReplica
		}
		out = append(out, history.Node{Name: fmt.Sprintf("n%d", i+1), Kind: history.Server, Role: role, Shard: i%3 + 1, Addr: fmt.Sprintf("10.0.0.%d:6379", i+1)})
	}
	return append(out, history.Node{Name: "w1", Kind: history.Worker, Role: history.RoleClient, Addr: "10.0.0.7"})
}

// viewOf is what a node says at a moment: who owns what the shards had at the start (NoNode: nobody), all others follow the master of their
// shard at the start.
func viewOf(node int32, at int64, owners ...int32) history.View {
	v := history.View{Node: node, Call: at - 1, Return: at, OK: true}
	homes := topology.Spec{Kind: topology.KindCluster}.Slots()
	for i := range int32(6) {
		p := history.Peer{Node: i, Role: history.RoleReplica, Master: owners[i%3], LinkUp: true, Myself: i == node}
		for s, o := range owners {
			if o == i {
				p.Role, p.Master, p.Epoch = history.RoleMaster, history.NoNode, int64(i+1) // who took over later has the greater one
				p.Slots = append(p.Slots, homes[s].Ranges...)
			}
		}
		v.Peers = append(v.Peers, p)
	}
	return v
}

func TestFailoverOfAShardByTheMajorityOfMasters(t *testing.T) {
	v := &history.LiveView{Samples: map[int32]history.Sample{}}
	tr := newTracker(clusterNodes())
	say := func(views ...history.View) { v.AllViews = append(v.AllViews, views...) }
	who := func(shard int) (int, []int) {
		m, rs, why := tr.shard(v, shard)
		require.Empty(t, why)
		return m, rs
	}
	m, rs := who(1)
	require.Equal(t, 0, m, "before anybody said anything, the start holds")
	require.Equal(t, []int{3}, rs)
	for i := range int32(6) {
		say(viewOf(i, 10+int64(i), 0, 1, 2))
	}
	_, done := tr.failoverAfter(v, 0)
	require.False(t, done)

	say(viewOf(3, 100, 3, 1, 2)) // the new master alone
	_, done = tr.failoverAfter(v, 0)
	require.False(t, done)
	say(viewOf(4, 105, 3, 1, 2), viewOf(5, 106, 3, 1, 2)) // replicas do not vote
	_, done = tr.failoverAfter(v, 0)
	require.False(t, done)
	say(viewOf(2, 110, 3, 1, 2))
	f, done := tr.failoverAfter(v, 50)
	require.True(t, done)
	require.Equal(t, failover{at: 110, old: 0, new: 3}, f)
	m, _ = who(1)
	require.Equal(t, 3, m, "the old one still takes itself for the master")
	_, old := tr.masters(v)
	require.Equal(t, 0, old)

	say(viewOf(0, 130, 3, 1, 2), viewOf(1, 131, 3, 1, 2)) // it learns, and follows
	_, rs = who(1)
	require.Equal(t, []int{0}, rs)
	require.Equal(t, 1, tr.shardOf(v, 0))
	require.Equal(t, 2, tr.shardOf(v, 4))
	require.Zero(t, tr.shardOf(v, 3), "it is a master")
	_, done = tr.failoverAfter(v, 120)
	require.False(t, done, "the same one is none again")
	require.Equal(t, []int{1, 2, 3}, tr.shardMasters(v))
	_, _, why := tr.shard(v, 4)
	require.Equal(t, "there is no shard 4", why)
	_, _, why = newTracker(nil).shard(v, 1)
	require.Equal(t, "the topology is no Cluster", why)
}

// Slots that move to another shard's master make no failover, all of them neither.
func TestSlotsThatMoveAreNoFailover(t *testing.T) {
	v := &history.LiveView{}
	tr := newTracker(clusterNodes())
	for i := range int32(6) {
		v.AllViews = append(v.AllViews, viewOf(i, 10, 0, 1, 2))
	}
	for i := range int32(6) {
		moved := viewOf(i, 20, 0, 1, 2)
		moved.Peers[0].Slots, moved.Peers[1].Slots = nil, append(moved.Peers[1].Slots, moved.Peers[0].Slots...)
		v.AllViews = append(v.AllViews, moved)
	}
	_, done := tr.failoverAfter(v, 0)
	require.False(t, done)
	m, _, _ := tr.shard(v, 1)
	require.Equal(t, 0, m)
}

func TestTargetsOfAShard(t *testing.T) {
	for text, words := range map[Target]string{
		Shard(1).Master(): "the master of shard 1", Shard(2).Replicas(): "the replicas of shard 2", Shard(12).Replica(): "one replica of shard 12",
		Shard(3).Others(): "all servers but the master of shard 3",
	} {
		require.True(t, text.valid())
		require.Equal(t, words, text.String())
	}
	require.Equal(t, Target("shard-1-master"), Shard(1).Master())
	for _, bad := range []Target{"shard-0-master", "shard-1", "shard-x-master", "shard-1-king", "shard-01-master", "shard--1-master"} {
		require.False(t, bad.valid(), bad)
	}
}

func TestFits(t *testing.T) {
	cluster := topology.Cluster{}.Spec()
	for _, c := range []struct {
		name string
		s    Schedule
		in   topology.Spec
		want string // empty: it fits
	}{
		{"by shard", Schedule{After(s, Kill(Shard(1).Master())), After(s, Partition(Side(Shard(3).Master(), "w1"), Rest).For(s)), AfterFailover(s, Restart(Killed)), On(LinkUp(Shard(2).Replicas()), Pause("n1").For(s))}, cluster, ""},
		{"faults of a Cluster", Schedule{After(s, ClusterFailover(Shard(1).Replica(), FailoverTakeover), MigrateSlots(Shard(1).Master(), Shard(2).Master(), 5))}, cluster, ""},
		{"a plain master", Schedule{After(s, Kill(Master))}, cluster, "fault 1 (kill the master): every shard of a Cluster has a master: name one, as in Shard(1).Master()"},
		{"a plain master on a side", Schedule{After(s, CutLinks(Master, AllReplicas).For(s))}, cluster, "as in Shard(1).Master()"},
		{"the majority without it", Schedule{After(s, Isolate(MajorityWithoutMaster).For(s))}, cluster, "as in Shard(1).Others()"},
		{"sentinels", Schedule{After(s, Kill(Sentinels))}, cluster, "a Cluster has no sentinels"},
		{"a sentinel's failover", Schedule{After(s, SentinelFailover())}, cluster, "use ClusterFailover"},
		{"REPLICAOF", Schedule{After(s, ReplicaOf("n4", NoOne))}, cluster, "refuse REPLICAOF"},
		{"a shard too many", Schedule{After(s, Kill(Shard(4).Master()))}, cluster, "there is no shard 4: the Cluster has 3"},
		{"a moment", Schedule{On(LinkDown(Master), Pause("n1").For(s))}, cluster, "every shard of a Cluster has a master"},
		{"an end", Schedule{After(s, Kill("n1").Until(LinkUp(Shard(9).Replicas())))}, cluster, "there is no shard 9"},
		{"a shard elsewhere", Schedule{After(s, Kill(Shard(1).Master()))}, topology.MasterReplicas{}.Spec(), "the master of shard 1: the topology is replicas, no Cluster"},
		{"slots elsewhere", Schedule{After(s, MigrateSlots("n1", "n2", 1))}, topology.Sentinel{}.Spec(), "the topology is sentinel, no Cluster"},
		{"a failover elsewhere", Schedule{After(s, ClusterFailover("n2", FailoverForce))}, topology.Standalone{}.Spec(), "the topology is standalone, no Cluster"},
		{"as ever", Schedule{After(s, Kill(Master)), AfterFailover(s, Restart(Killed))}, topology.Sentinel{}.Spec(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.s.Validate())
			if err := c.s.Fits(c.in); c.want != "" {
				require.ErrorContains(t, err, c.want)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestFaultsOfAClusterAreData(t *testing.T) {
	sch := Schedule{After(s, ClusterFailover(Shard(1).Replica(), FailoverPlain), ClusterFailover("n5", FailoverForce), MigrateSlots(Shard(1).Master(), "n2", 10)), AfterHeal(3, s, MigrateSlots("n1", "n2", 1))}
	require.NoError(t, sch.Validate())
	b, err := json.Marshal(sch)
	require.NoError(t, err)
	var back Schedule
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, sch, back)
	require.Equal(t, []string{"1. 1 s after the load began: CLUSTER FAILOVER on one replica of shard 1", "2. 1 s after the load began: CLUSTER FAILOVER FORCE on n5",
		"3. 1 s after the load began: move 10 slots from the master of shard 1 to n2", "4. 1 s after fault 3 healed: move 1 slot from n1 to n2"}, sch.Describe())
	for want, a := range map[string]Action{
		"name a number from 1 to 16384": MigrateSlots("n1", "n2", 0),
		"name both":                     {Kind: KindMigrateSlots, From: Nodes{"n1"}, Slots: 1},
		"clients can only be cut off":   MigrateSlots("n1", "w1", 1),
		"no way of CLUSTER FAILOVER":    ClusterFailover("n4", "please"),
		"it hits nothing":               {Kind: KindClusterFailover},
		"it has no end to choose":       MigrateSlots("n1", "n2", 1).For(time.Second),
		"unknown target":                Kill("shard-0-master"),
		`unknown target "" to follow`:   MoveReplica("n4", ""),
		`target "king" to follow`:       AddReplica(Stranger, "king"),
	} {
		require.ErrorContains(t, Schedule{After(s, a)}.Validate(), want)
	}
}

func TestRangesOfSlots(t *testing.T) {
	require.Equal(t, "no slot", slotsText(nil))
	require.Equal(t, "slot 7", slotsText([]int{7}))
	var many []int
	for i := range 40 {
		many = append(many, 2*i)
	}
	require.Equal(t, "40 slots (0 2 4 6 8 10 12 14 16 18 20 22...)", slotsText(many))
	require.Equal(t, "5 slots (0 5-7 16383)", slotsText([]int{6, 5, 16383, 7, 0}))
}
