package nemesis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	. "github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/topology"
)

// fill writes keys, each at the master of its shard at the start, and returns them.
func (w *world) fill(t *testing.T, n int) []string {
	t.Helper()
	run := history.Run{Slots: topology.Spec{Kind: topology.KindCluster}.Slots()}
	var keys []string
	for i := range n {
		key := fmt.Sprintf("r:%d", i)
		require.Equal(t, "OK", w.redis(fmt.Sprintf("n%d", run.ShardOf(history.SlotOf(key))), "SET", key, key))
		keys = append(keys, key)
	}
	return keys
}

// all reads the keys, each where the servers say that it is, and requires that every one has its value.
func (w *world) all(t *testing.T, keys []string) {
	t.Helper()
	for _, n := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
		w.eventually(t, n+" serves", func() bool { return strings.Contains(w.redis(n, "CLUSTER", "INFO"), "cluster_state:ok") })
	}
	for _, key := range keys {
		var said []string
		for _, n := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
			if got := w.redis(n, "GET", key); !strings.HasPrefix(got, "!MOVED") {
				said = append(said, got)
			}
		}
		require.Equal(t, []string{key}, said, "key %s", key)
	}
}

func (w *world) owned(node string) string {
	for l := range strings.Lines(w.redis(node, "CLUSTER", "NODES")) {
		if strings.Contains(l, "myself") {
			if f := strings.Fields(l); len(f) > 8 {
				return strings.Join(f[8:], " ")
			}
		}
	}
	return ""
}

func TestFaultsOfAClusterOnRealServers(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindCluster, NodeTimeout: time.Second, Strangers: 1})
	keys := w.fill(t, 60)
	ms := time.Millisecond
	is := func(node, role string) { t.Helper(); require.Contains(t, w.redis(node, "ROLE"), "["+role, node) }
	t.Run("slots", func(t *testing.T) {
		w.run(t, Schedule{After(100*ms, MigrateSlots(Shard(1).Master(), Shard(2).Master(), 15))}, nil)
		require.Equal(t, "move 15 slots from n1 to n2", w.last[1].Text)
		require.Contains(t, w.last[1].Proof, "15 slots (")
		require.Contains(t, w.last[1].Proof, "with ")
		require.NotContains(t, w.last[1].Proof, "with 0 keys")
		require.Contains(t, w.owned("n2"), "5461-10921")
		require.NotContains(t, w.owned("n1"), "[", "nothing is on its way")
		w.all(t, keys)
	})
	t.Run("plain failover", func(t *testing.T) {
		w.run(t, Schedule{After(100*ms, ClusterFailover(Shard(1).Replica(), FailoverPlain)), AfterFailover(300*ms, Pause(Shard(1).Master()).For(200*ms))}, nil)
		require.Equal(t, "CLUSTER FAILOVER on n4", w.last[1].Text)
		require.Equal(t, []int32{0}, w.last[1].Targets, "what is hit is the master")
		require.Equal(t, "freeze n4", w.last[2].Text)
		is("n4", "master")
		w.eventually(t, "n1 follows", func() bool { return strings.Contains(w.redis("n1", "ROLE"), "[slave") })
	})
	t.Run("takeover", func(t *testing.T) {
		w.run(t, Schedule{After(500*ms, ClusterFailover(Shard(1).Replica(), FailoverTakeover))}, nil)
		require.Equal(t, "CLUSTER FAILOVER TAKEOVER on n1", w.last[1].Text)
		is("n1", "master")
		w.eventually(t, "n4 follows", func() bool { return strings.Contains(w.redis("n4", "ROLE"), "[slave") })
	})
	t.Run("force", func(t *testing.T) {
		w.run(t, Schedule{After(500*ms, ClusterFailover(Shard(2).Replica(), FailoverForce))}, nil)
		is("n5", "master")
		w.eventually(t, "n2 follows", func() bool { return strings.Contains(w.redis("n2", "ROLE"), "[slave") })
	})
	t.Run("a replica that moves", func(t *testing.T) {
		w.run(t, Schedule{After(300*ms, MoveReplica("n6", Shard(1).Master()).Until(w.looked()))}, func(t *testing.T) {
			require.Contains(t, w.redis("n6", "ROLE"), "[slave "+strings.Split(w.d.Nodes[0].Addr, ":")[0])
		}, 1)
		require.Equal(t, "move n6 to n1", w.last[1].Text)
		require.Contains(t, w.redis("n6", "ROLE"), "[slave "+strings.Split(w.d.Nodes[2].Addr, ":")[0])
	})
	t.Run("a replica more", func(t *testing.T) {
		id := w.redis("n7", "CLUSTER", "MYID")
		w.run(t, Schedule{After(300*ms, AddReplica(Stranger, Shard(3).Master()).Until(w.looked()))}, func(t *testing.T) {
			require.Contains(t, w.redis("n7", "ROLE"), "[slave "+strings.Split(w.d.Nodes[2].Addr, ":")[0])
			require.Equal(t, w.redis("n3", "DBSIZE"), w.redis("n7", "DBSIZE"))
		}, 1)
		require.Equal(t, "add n7 as a replica of n3", w.last[1].Text)
		require.NotContains(t, w.redis("n1", "CLUSTER", "NODES"), id)
		require.Contains(t, w.redis("n7", "ROLE"), "[master")
	})
	t.Run("a master is no replica", func(t *testing.T) {
		err := Run(t.Context(), Config{Schedule: Schedule{After(0, ClusterFailover("n1", FailoverPlain))}, Cluster: w, Live: w.live, Clock: w.now, LoadStart: w.now(),
			Record: func(f history.Fault) { w.mu.Lock(); defer w.mu.Unlock(); w.last[f.ID] = f }})
		require.NoError(t, err)
		require.Contains(t, w.last[1].Err, "n1 is no replica: it says master")
	})
	t.Run("kill", func(t *testing.T) {
		w.run(t, Schedule{After(500*ms, Kill(Shard(3).Master())), AfterFailover(200*ms, Restart(Killed))}, nil)
		require.Equal(t, "kill n3", w.last[1].Text)
		is("n6", "master")
		w.eventually(t, "n3 follows", func() bool { return strings.Contains(w.redis("n3", "ROLE"), "[slave") })
	})
	t.Run("minority", func(t *testing.T) {
		w.run(t, Schedule{After(500*ms, Partition(Side(Shard(1).Master(), "w1"), Rest).Until(FailoverDone().Plus(200*ms)))}, nil)
		require.Contains(t, w.last[1].Text, "cut {n1, w1} from ")
		is("n4", "master")
		w.eventually(t, "n1 follows", func() bool { return strings.Contains(w.redis("n1", "ROLE"), "[slave") })
	})
	w.all(t, keys)
	t.Run("a replica that is forgotten", func(t *testing.T) { // the last one: it stays so
		id := w.redis("n1", "CLUSTER", "MYID")
		require.Contains(t, w.redis("n2", "CLUSTER", "NODES"), id)
		w.run(t, Schedule{After(300*ms, Forget(Shard(1).Replica()))}, nil)
		require.Equal(t, "have all others forget n1", w.last[1].Text)
		require.NotContains(t, w.redis("n2", "CLUSTER", "NODES"), id)
	})
}

// Where the servers ask for a login, and speak TLS, keys move all the same.
func TestSlotsMoveWithLoginAndTLS(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindCluster, Config: []string{"tls-port 6379", "requirepass secret"}})
	keys := w.fill(t, 30)
	w.run(t, Schedule{After(100*time.Millisecond, MigrateSlots("n3", "n1", 10))}, nil)
	require.NotContains(t, w.last[1].Proof, "with 0 keys")
	w.all(t, keys)
}

// A master that dies while its slots move leaves one half moved: it is brought to its end with the one that took over.
func TestMasterDiesWhileSlotsMove(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindCluster, NodeTimeout: time.Second})
	keys := w.fill(t, 60)
	w.run(t, Schedule{
		After(100*time.Millisecond, MigrateSlots(Shard(1).Master(), Shard(2).Master(), 5000)),
		AfterEffect(1, 300*time.Millisecond, Kill(Shard(1).Master())),
		AfterFailover(500*time.Millisecond, Restart(Killed)),
	}, nil)
	require.Contains(t, w.last[1].Proof, "; then it ended: ")
	require.NotContains(t, w.owned("n4"), "[")
	require.NotContains(t, w.owned("n2"), "[")
	w.all(t, keys)
}
