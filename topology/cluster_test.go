package topology

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestClusterLayout(t *testing.T) {
	s := Cluster{Replicas: 2}.Spec()
	require.NoError(t, s.Validate())
	var got string
	for _, n := range s.WithDefaults().layout() {
		got += fmt.Sprintf("%s %s %d; ", n.Name, n.Role, n.Shard)
	}
	require.Equal(t, "n1 master 1; n2 master 2; n3 master 3; n4 replica 1; n5 replica 2; n6 replica 3; n7 replica 1; n8 replica 2; n9 replica 3; w1 client 0; ", got)
	require.Equal(t, "Cluster of 3 shards, each a master and 2 replicas (node timeout 2s), AOF everysec", s.String())
	require.Equal(t, []history.ShardSlots{{Shard: 1, Ranges: []history.SlotRange{{From: 0, To: 5460}}}, {Shard: 2, Ranges: []history.SlotRange{{From: 5461, To: 10921}}},
		{Shard: 3, Ranges: []history.SlotRange{{From: 10922, To: 16383}}}}, s.Slots())
	for shards := 1; shards < 20; shards++ {
		next := 0
		for _, r := range (Spec{Kind: KindCluster, Shards: shards}).Slots() {
			require.Equal(t, next, int(r.Ranges[0].From))
			next = int(r.Ranges[0].To) + 1
		}
		require.Equal(t, history.Slots, next)
	}
	require.Empty(t, Spec{}.Slots())
	require.Equal(t, []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "w1"}, Cluster{Strangers: 1}.Spec().NodeNames())
}

func TestValidateCluster(t *testing.T) {
	for why, s := range map[string]Spec{
		"shards is 3: kind replicas has none; use kind cluster":            {Kind: KindReplicas, Shards: 3},
		"shards is -1: it cannot be negative":                              {Kind: KindCluster, Shards: -1},
		"node_timeout is 1s: kind sentinel has none; use kind cluster":     {Kind: KindSentinel, NodeTimeout: time.Second},
		"node_timeout is 1µs: it is at least 1ms":                          {Kind: KindCluster, NodeTimeout: time.Microsecond},
		"sentinels is 3: kind cluster has none; use kind sentinel":         {Kind: KindCluster, Sentinels: 3},
		"nodes are too many: at most 50 fit on one machine":                {Kind: KindCluster, Shards: 30},
		"cluster-enabled cannot be set: the topology says what is deploye": {Kind: KindCluster, Config: []string{"cluster-enabled no"}},
		"cluster-config-file cannot be set: the servers of a Cluster are":  {Kind: KindCluster, Config: []string{"cluster-config-file x"}},
	} {
		require.ErrorContains(t, s.Validate(), why)
	}
	require.NoError(t, Spec{Kind: KindCluster, Config: []string{"cluster-enabled yes", "cluster-require-full-coverage no"}}.Validate())
}

func TestWhatAServerDoesNotSeeYet(t *testing.T) {
	d := &Deployment{spec: Cluster{}.Spec().WithDefaults()}
	for i, n := range d.spec.layout() {
		n.Addr = fmt.Sprintf("10.0.0.%d:6379", i+1)
		d.Nodes = append(d.Nodes, &Node{Node: n, index: i})
	}
	d.ids = clusterIDs(d.rng(), d.nodes())
	require.Len(t, d.ClusterIDs(), 6)
	id := func(n int) string { return d.ids[fmt.Sprintf("n%d", n)] }
	line := func(n int, rest string) string { return fmt.Sprintf("%s 10.0.0.%d:6379@16379 %s\n", id(n), n, rest) }
	ok := map[string]string{"cluster_slots_ok": "16384", "cluster_state": "ok"}
	masters := line(1, "myself,master - 0 0 1 connected 0-5460") + line(2, "master - 0 0 2 connected 5461-10921")
	third := line(3, "master - 0 0 3 connected 10922-16383")
	replicas := line(4, "slave "+id(1)+" 0 0 1 connected") + line(5, "slave "+id(2)+" 0 0 2 connected")
	last := line(6, "slave "+id(3)+" 0 0 3 connected")
	for want, text := range map[string]string{
		"":                                masters + third + replicas + last,
		"it does not know n6":             masters + third + replicas,
		"it says n3 is master,fail?":      masters + line(3, "master,fail? - 0 0 3 connected 10922-16383") + replicas + last,
		"it says n3 owns no slots":        masters + line(3, "master - 0 0 3 connected") + replicas + last,
		"it says n3 owns the slots 1-2":   masters + line(3, "master - 0 0 3 connected 1-2") + replicas + last,
		"it says n6 is master":            masters + third + replicas + line(6, "master - 0 0 3 connected"),
		"it says n6 follows n2":           masters + third + replicas + line(6, "slave "+id(2)+" 0 0 3 connected"),
		"it says n6 follows an unknown n": masters + third + replicas + line(6, "slave abc 0 0 3 connected"),
		"it has no link to n6":            masters + third + replicas + line(6, "slave "+id(3)+" 0 0 3 disconnected"),
		"it knows 7 nodes of 6":           masters + third + replicas + last + "abc 10.0.0.9:6379@16379 handshake - 0 0 0 connected\n",
	} {
		got := d.disagreesOnCluster(ok, text)
		if want == "" {
			require.Empty(t, got)
			continue
		}
		require.Contains(t, got, want)
	}
	require.Equal(t, "it says cluster_state:fail", d.disagreesOnCluster(map[string]string{"cluster_slots_ok": "16384", "cluster_state": "fail"}, masters+third+replicas+last))
	require.Equal(t, "it says 5 of 16384 slots are served", d.disagreesOnCluster(map[string]string{"cluster_slots_ok": "5"}, masters+third+replicas+last))
}

// requireServes writes to every master, in a slot of its own, and reads it on its replicas.
func requireServes(t *testing.T, d *Deployment) {
	t.Helper()
	ctx := t.Context()
	var masters []*Node
	for _, n := range d.Nodes {
		var id string
		if n.Kind == history.Server {
			require.NoError(t, n.redis(ctx, &id, "CLUSTER", "MYID"))
			require.EqualValues(t, n.index, d.ClusterIDs()[id])
		}
		if n.Role == history.RoleMaster {
			masters = append(masters, n)
		}
	}
	for i := range 60 {
		key := fmt.Sprintf("k:%d", i)
		for _, s := range d.spec.Slots() {
			for _, r := range s.Ranges {
				if r.Has(history.SlotOf(key)) {
					var said string
					require.NoError(t, masters[s.Shard-1].redis(ctx, &said, "SET", key, "1"), "key %s of shard %d", key, s.Shard)
				}
			}
		}
	}
	for _, m := range masters {
		var acked int64
		require.NoError(t, m.redis(ctx, &acked, "WAIT", fmt.Sprint(d.spec.Replicas), "2000"))
		require.EqualValues(t, d.spec.Replicas, acked)
	}
}

func TestStartCluster(t *testing.T) {
	for _, replicas := range []int{1, 2} {
		t.Run(fmt.Sprintf("3x%d", replicas), func(t *testing.T) {
			d := start(t, options(t, Cluster{Replicas: replicas}.Spec()))
			requireServes(t, d)
		})
	}
}

func TestStartClusterWithPasswordAndTLS(t *testing.T) {
	for name, lines := range map[string][]string{
		"password":           {"requirepass secret"},
		"users and TLS":      {"tls-port 6379", "user default off", "user app on >secret ~* +@all"},
		"a line of its own":  {"cluster-require-full-coverage no"},
		"another persistent": {"appendonly no"},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, options(t, Spec{Kind: KindCluster, Shards: 3, Config: lines}))
			requireServes(t, d)
		})
	}
}

func TestClusterWithABadLine(t *testing.T) {
	o := options(t, Spec{Kind: KindCluster, Config: []string{"cluster-node-timeout nonsense"}})
	_, err := Start(t.Context(), o)
	var ce *ConfigError
	require.ErrorAs(t, err, &ce)
	require.ErrorContains(t, err, "cluster-node-timeout")
	requireNothingLeft(t, o.RunID)
}
