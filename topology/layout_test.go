package topology

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		want string // empty: it is fine
	}{
		{"nothing said", Spec{}, ""},
		{"sentinel by default", Spec{Kind: KindSentinel}, ""},
		{"unknown kind", Spec{Kind: "ring"}, `topology kind "ring": use standalone, replicas, chain, sentinel or cluster`},
		{"replicas of a standalone", Spec{Replicas: 1}, "a standalone server has none"},
		{"sentinels without sentinel", Spec{Kind: KindReplicas, Sentinels: 3}, "kind replicas has none"},
		{"quorum too high", Spec{Kind: KindSentinel, Sentinels: 2, Quorum: 3}, "there are only 2 sentinels"},
		{"negative", Spec{Kind: KindReplicas, Replicas: -1}, "replicas is -1"},
		{"too many", Spec{Kind: KindReplicas, Replicas: 80}, "82 nodes are too many"},
		{"persistence", Spec{Persistence: "floppy"}, `persistence "floppy"`},
		{"config", Spec{Config: []string{"maxmemory 1mb", "", "# comment"}}, ""},
		{"reserved", Spec{Config: []string{"Port 7000"}}, "port cannot be set: every server listens"},
		{"no value", Spec{Config: []string{"appendonly"}}, "appendonly has no value"},
		{"two lines in one", Spec{Config: []string{"maxmemory 1mb\nport 1"}}, "without line breaks"},
		{"config of a sentinel", Spec{Kind: KindSentinel, NodeConfig: map[string][]string{"s3": {"loglevel debug"}}}, ""},
		{"config of nobody", Spec{NodeConfig: map[string][]string{"n2": {"maxmemory 1mb"}}}, `config for node "n2"`},
		{"config of a worker", Spec{NodeConfig: map[string][]string{"w1": {"maxmemory 1mb"}}}, `config for node "w1"`},
		{"config of a stranger", Spec{Strangers: 1, NodeConfig: map[string][]string{"n2": {"maxmemory 1mb"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.spec.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReservedLineIsAConfigError(t *testing.T) {
	var ce *ConfigError
	require.ErrorAs(t, Spec{Config: []string{"daemonize yes"}}.Validate(), &ce)
	require.Equal(t, "daemonize yes", ce.Line)
}

func TestLayout(t *testing.T) {
	nodes := Spec{Kind: KindSentinel, Replicas: 1, Sentinels: 2, Strangers: 1, Workers: 2}.WithDefaults().layout()
	var got []string
	for _, n := range nodes {
		got = append(got, n.Name+" "+string(n.Role))
	}
	require.Equal(t, []string{"n1 master", "n2 replica", "n3 master", "s1 sentinel", "s2 sentinel", "w1 client", "w2 client"}, got)
	require.True(t, nodes[2].Stranger)
}

func TestSpecString(t *testing.T) {
	require.Equal(t, "1 standalone server, AOF everysec", Spec{}.String())
	require.Equal(t, "1 master, 1 replica, nothing kept on disk", Spec{Kind: KindReplicas, Replicas: 1, Persistence: NoneKept}.String())
	require.Equal(t, "1 master, 2 replicas, 3 sentinels (quorum 2, down-after 2s), 1 server with a data set of its own, AOF always, 2 client containers",
		Spec{Kind: KindSentinel, Strangers: 1, Persistence: AOFAlways, Workers: 2}.String())
}

func TestServerConfig(t *testing.T) {
	spec := Spec{Kind: KindReplicas, Config: []string{"maxmemory 1mb", "appendonly no"}, NodeConfig: map[string][]string{"n2": {"maxmemory 2mb"}}}.WithDefaults()
	nodes := spec.layout()
	master := spec.serverConfig(nodes[0], Version{Major: 7}, "")
	require.Contains(t, master, "enable-debug-command local")
	require.NotContains(t, strings.Join(master, "\n"), "replicaof")
	require.Equal(t, "maxmemory 1mb", master[len(master)-2])

	replica := spec.serverConfig(nodes[1], Version{Major: 6, Minor: 2}, "10.0.0.2")
	require.NotContains(t, replica, "enable-debug-command local", "6 does not know it")
	require.Contains(t, replica, "replicaof 10.0.0.2 6379")
	require.Equal(t, "maxmemory 2mb", replica[len(replica)-1], "the user's lines come last")
	kv := effective(replica)
	require.Contains(t, kv, history.KV{K: "maxmemory", V: "2mb"})
	require.Contains(t, kv, history.KV{K: "appendonly", V: "no"})
}

func TestEffectiveAddsWhatAddsUp(t *testing.T) {
	require.Equal(t, []history.KV{{K: "save", V: "3600 1 60 10"}, {K: "sentinel", V: "myid a"}, {K: "sentinel", V: "b c"}},
		effective([]string{"save 3600 1", "save 60 10", "sentinel myid a", "sentinel b c"}))
	require.Equal(t, []history.KV{{K: "save", V: `""`}}, effective([]string{"save 3600 1", `save ""`}))
}

func TestSentinelConfig(t *testing.T) {
	spec := Spec{Kind: KindSentinel, DownAfter: 1500 * time.Millisecond, NodeConfig: map[string][]string{"s1": {"loglevel debug"}}}.WithDefaults()
	nodes := spec.layout()
	for i := range nodes {
		nodes[i].Addr = "10.0.0." + string(rune('1'+i)) + ":6379"
	}
	ids := sentinelIDs(rand.New(rand.NewSource(1)), nodes)
	require.Len(t, ids, 3)
	require.Len(t, ids["s1"], 40)
	require.Equal(t, ids, sentinelIDs(rand.New(rand.NewSource(1)), nodes), "the seed decides")
	lines := spec.sentinelConfig(nodes[3], nodes, ids)
	for _, want := range []string{"sentinel monitor mymaster 10.0.0.1 6379 2", "sentinel down-after-milliseconds mymaster 1500",
		"sentinel myid " + ids["s1"], "sentinel known-replica mymaster 10.0.0.2 6379", "sentinel known-replica mymaster 10.0.0.3 6379"} {
		require.Contains(t, lines, want)
	}
	require.Equal(t, "loglevel debug", lines[len(lines)-1])
	spec.Cold = true
	require.NotContains(t, strings.Join(spec.sentinelConfig(nodes[3], nodes, ids), "\n"), "known-replica")
}

func TestParseVersion(t *testing.T) {
	for _, c := range []struct {
		out  string
		want Version
	}{
		{"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0\n", Version{"Redis", "7.0.15", "ae4d7c971a948f0", 7, 0}},
		{"Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=5f2d\n", Version{"Valkey", "8.1.1", "5f2d", 8, 1}},
		{"Redict server v=7.3.0-rc1 sha=1:0 malloc=libc bits=64 build=a", Version{"Redict", "7.3.0-rc1", "a", 7, 3}},
	} {
		v, err := parseVersion(c.out)
		require.NoError(t, err)
		require.Equal(t, c.want, v)
	}
	_, err := parseVersion("nginx version: nginx/1.22.1")
	require.Error(t, err)
	require.True(t, Version{Major: 7}.AtLeast(6, 2))
	require.False(t, Version{Major: 6, Minor: 2}.AtLeast(7, 0))
}

func TestFatalConfig(t *testing.T) {
	err := fatalConfig("n2", "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 12\n"+
		">>> 'maxmemori 1mb'\nBad directive or wrong number of arguments\n")
	require.EqualError(t, err, `config line "maxmemori 1mb" is not taken by n2: Bad directive or wrong number of arguments`)
	require.NoError(t, fatalConfig("n2", "Ready to accept connections"))
}

func TestNotFollowing(t *testing.T) {
	replica := map[string]string{"master_link_status": "up", "master_replid": "a", "slave_repl_offset": "14"}
	master := map[string]string{"master_replid": "a", "slave0": "ip=10.0.0.22,port=6379,state=online,offset=0,lag=0",
		"slave1": "ip=10.0.0.2,port=6379,state=online,offset=14,lag=0"}
	with := func(m map[string]string, k, v string) map[string]string {
		out := map[string]string{k: v}
		for key := range m {
			if key != k {
				out[key] = m[key]
			}
		}
		return out
	}
	const addr = "10.0.0.2:6379"
	require.Empty(t, notFollowing(addr, "n1", replica, master))
	for _, c := range []struct {
		want            string
		replica, master map[string]string
	}{
		{"its link is down", with(replica, "master_link_status", "down"), master},
		{"another replication id", with(replica, "master_replid", "b"), master},
		{"n1 says it is wait_bgsave", replica, with(master, "slave1", "ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0")},
		{"at offset 0, it is at 14", replica, with(master, "slave1", "ip=10.0.0.2,port=6379,state=online,offset=0,lag=0")},
		{"n1 does not know it", replica, with(master, "slave1", "ip=10.0.0.3,port=6379,state=online,offset=14,lag=0")},
	} {
		require.Contains(t, notFollowing(addr, "n1", c.replica, c.master), c.want)
	}
}

func TestDisagrees(t *testing.T) {
	nodes := []history.Node{{Name: "n1", Kind: history.Server, Addr: "10.0.0.1:6379", Role: history.RoleMaster},
		{Name: "n2", Kind: history.Server, Role: history.RoleReplica}, {Name: "s1", Kind: history.Sentinel}, {Name: "s2", Kind: history.Sentinel}}
	master := table{"ip": "10.0.0.1", "port": "6379", "flags": "master"}
	replica := table{"name": "r", "flags": "slave", "master-link-status": "ok"}
	other := table{"name": "s", "flags": "sentinel"}
	require.Empty(t, disagrees(nodes, master, []table{replica}, []table{other}))
	require.Contains(t, disagrees(nodes, table{"ip": "10.0.0.9", "port": "6379"}, nil, nil), "takes 10.0.0.9:6379 for the master")
	require.Contains(t, disagrees(nodes, table{"ip": "10.0.0.1", "port": "6379", "flags": "s_down,master"}, nil, nil), "s_down,master")
	require.Contains(t, disagrees(nodes, master, nil, nil), "0 of 1 replicas")
	require.Contains(t, disagrees(nodes, master, []table{replica}, nil), "0 of 1 other sentinels")
	require.Contains(t, disagrees(nodes, master, []table{{"name": "r", "flags": "slave,disconnected"}}, []table{other}), "disconnected")
	require.Contains(t, disagrees(nodes, master, []table{{"name": "r", "flags": "slave", "master-link-status": "err"}}, []table{other}), "link of r is err")
	require.Contains(t, disagrees(nodes, master, []table{replica}, []table{{"name": "s", "flags": "s_down,sentinel"}}), "sentinel s is")
}
