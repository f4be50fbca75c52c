package topology

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// testImage is what these tests run; any image with a Redis-compatible server will do.
func testImage() Image {
	return Image{Ref: cmp.Or(os.Getenv("SCHISM_TEST_IMAGE"), "schism/redis:7.0")}
}

// options are those of a run that is locked for the time of the test.
func options(t testing.TB, s Spec) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("starts containers")
	}
	agent, err := FindAgent(t.Context())
	require.NoError(t, err)
	id := make([]byte, 6)
	_, err = rand.Read(id)
	require.NoError(t, err)
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	t.Cleanup(func() { _ = lock.Close() })
	return Options{Spec: s, Image: testImage(), RunID: hex.EncodeToString(id), Seed: 1, AgentPath: agent.Path, LockFile: lock.Name()}
}

// start starts a deployment that is stopped with the test, after which nothing of it is left.
func start(t *testing.T, o Options) *Deployment {
	t.Helper()
	began := time.Now()
	d, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Logf("start %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		began := time.Now()
		require.NoError(t, d.Stop(context.Background()))
		t.Logf("stop %s", time.Since(began).Round(time.Millisecond))
		requireNothingLeft(t, o.RunID)
	})
	return d
}

// left counts what there is of a run.
func left(t *testing.T, run string) (containers, networks int) {
	t.Helper()
	e, err := connect(context.Background())
	require.NoError(t, err)
	defer e.close()
	cs, ns, err := e.ofRun(context.Background(), run)
	require.NoError(t, err)
	return len(cs), len(ns)
}

func requireNothingLeft(t *testing.T, run string) {
	t.Helper()
	c, n := left(t, run)
	require.Zero(t, c, "containers are left")
	require.Zero(t, n, "networks are left")
}

func TestStartReplicas(t *testing.T) {
	o := options(t, Spec{Kind: KindReplicas, Replicas: 2, Config: []string{"maxmemory 100mb"},
		NodeConfig: map[string][]string{"n2": {"replica-priority 50"}}})
	var mu sync.Mutex
	logs := map[int32]string{}
	o.OnLog = func(node int32, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		logs[node] += string(b)
	}
	o.OnLost = func(node int32, text string) { t.Errorf("node %d lost %s", node, text) }
	d := start(t, o)

	var names []string
	for _, n := range d.Nodes {
		names = append(names, n.Name)
	}
	require.Equal(t, []string{"n1", "n2", "n3", "w1"}, names)
	require.Equal(t, history.RoleMaster, d.Nodes[0].Role)
	require.NotEmpty(t, d.Nodes[0].Version)
	require.Len(t, d.Nodes[0].RunID, 40)
	require.NotEmpty(t, d.Nodes[0].Kernel)
	require.Contains(t, d.Nodes[1].Config, history.KV{K: "replica-priority", V: "50"})
	require.Contains(t, d.Configs()["n1"], "maxmemory 100mb\n")
	require.NotContains(t, d.Configs(), "w1")
	require.Equal(t, "50", config(t, d.Nodes[1], "replica-priority"))
	require.Equal(t, "100", config(t, d.Nodes[2], "replica-priority"))

	// The stream flows: WAIT is answered by both, and what was written is there.
	var v any
	require.NoError(t, d.Nodes[0].redis(t.Context(), &v, "SET", "k", "v"))
	require.NoError(t, d.Nodes[0].redis(t.Context(), &v, "WAIT", "0", "1"))
	for _, n := range d.Nodes[1:3] {
		require.Eventually(t, func() bool {
			var s string
			return n.redis(t.Context(), &s, "GET", "k") == nil && s == "v"
		}, time.Minute, time.Millisecond)
	}
	mu.Lock()
	require.Contains(t, logs[0], "Ready to accept connections")
	mu.Unlock()
	requireAlike(t, d)
	requireRestart(t, d.Nodes[1])
	select {
	case <-d.Lost():
		require.NoError(t, d.LostErr())
	default:
	}
}

func config(t *testing.T, n *Node, name string) string {
	t.Helper()
	var kv []string
	require.NoError(t, n.redis(t.Context(), &kv, "CONFIG", "GET", name))
	require.Len(t, kv, 2)
	return kv[1]
}

// requireAlike: the containers are what design.md asks for.
func requireAlike(t *testing.T, d *Deployment) {
	t.Helper()
	for _, n := range d.Nodes {
		res, err := d.engine.cli.ContainerInspect(t.Context(), n.id, client.ContainerInspectOptions{})
		require.NoError(t, err)
		c := res.Container
		require.Equal(t, n.Name, c.Config.Hostname)
		require.Equal(t, "none", c.HostConfig.LogConfig.Type)
		require.True(t, c.HostConfig.AutoRemove)
		require.False(t, c.HostConfig.Privileged)
		var caps []string
		for _, c := range c.HostConfig.CapAdd {
			caps = append(caps, strings.TrimPrefix(c, "CAP_")) // engines differ in how they write them
		}
		require.Equal(t, d.spec.Caps, caps)
		require.Equal(t, []string{"ALL"}, []string(c.HostConfig.CapDrop))
		require.Empty(t, c.HostConfig.PortBindings)
		require.Empty(t, c.NetworkSettings.Ports)
		for _, e := range c.NetworkSettings.Networks {
			require.Contains(t, n.Addr, e.IPAddress.String())
		}
	}
	nw, err := d.engine.cli.NetworkInspect(t.Context(), d.network.ID, client.NetworkInspectOptions{})
	require.NoError(t, err)
	require.True(t, nw.Network.Internal)
}

// requireRestart kills the node's server and starts it again: it comes back at the same address with the same config.
func requireRestart(t *testing.T, n *Node) {
	t.Helper()
	_, err := n.Conn.Call(t.Context(), wire.OpSignal, wire.SignalArgs{Signal: int(syscall.SIGKILL), Children: true, WithinMS: 2000}, nil)
	require.NoError(t, err)
	_, err = n.Conn.Call(t.Context(), wire.OpStart, nil, nil)
	require.NoError(t, err)
	var in map[string]string
	require.Eventually(t, func() bool {
		in, err = n.info(t.Context(), "replication")
		return err == nil && in["master_link_status"] == "up"
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "slave", in["role"])
	var h wire.Hello
	_, err = n.Conn.Call(t.Context(), wire.OpHello, wire.HelloArgs{Source: 1, Base: 1}, &h)
	require.NoError(t, err)
	require.Equal(t, n.Addr, h.Addr+":6379")
	in, err = n.info(t.Context(), "server")
	require.NoError(t, err)
	require.Len(t, in["run_id"], 40)
	require.NotEqual(t, n.RunID, in["run_id"], "it is the same process")
	require.Equal(t, "50", config(t, n, "replica-priority"))
}

func TestStartSentinel(t *testing.T) {
	d := start(t, options(t, Spec{Kind: KindSentinel, Replicas: 2, Sentinels: 3, Strangers: 1, Caps: []string{"NET_ADMIN"}}))
	require.Len(t, d.Nodes, 8)
	requireAlike(t, d)
	require.True(t, d.Nodes[3].Stranger)
	for _, n := range d.Nodes[4:7] {
		var m table
		require.NoError(t, n.redis(t.Context(), &m, "SENTINEL", "MASTER", MasterName))
		require.Equal(t, "2", m["num-slaves"])
		require.Equal(t, "2", m["num-other-sentinels"])
		require.Equal(t, "2", m["quorum"])
		require.Equal(t, "2000", m["down-after-milliseconds"])
		var s string
		require.NoError(t, n.redis(t.Context(), &s, "SENTINEL", "CKQUORUM", MasterName))
		require.Contains(t, s, "OK 3 usable Sentinels")
	}
}

func TestStartColdSentinels(t *testing.T) {
	d := start(t, options(t, Spec{Kind: KindSentinel, Replicas: 1, Sentinels: 2, Cold: true}))
	require.NotContains(t, d.Configs()["s1"], "known-")
	var others []table
	require.NoError(t, d.Nodes[3].redis(t.Context(), &others, "SENTINEL", "SENTINELS", MasterName))
	require.Len(t, others, 1)
}

func TestStartStandaloneOnDisk(t *testing.T) {
	s := Standalone{Persistence: AOFAlways}.Spec()
	s.Disk = true
	d := start(t, options(t, s))
	require.Equal(t, diskDir, config(t, d.Nodes[0], "dir"))
	require.Equal(t, "always", config(t, d.Nodes[0], "appendfsync"))
	var v any
	require.NoError(t, d.Nodes[0].redis(t.Context(), &v, "SET", "k", "v"))
	_, err := d.Nodes[0].Conn.Call(t.Context(), wire.OpSignal, wire.SignalArgs{Signal: int(syscall.SIGKILL), WithinMS: 2000}, nil)
	require.NoError(t, err)
	require.NoError(t, d.startServer(t.Context(), d.Nodes[0]))
	require.NoError(t, d.Nodes[0].redis(t.Context(), &v, "GET", "k"))
	require.Equal(t, "v", v)
}
