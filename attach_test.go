package schism_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// The least that a user needs, as docs/attach.md has it.
const (
	watcherACL = "resetkeys resetchannels -@all +info +config|get"
	loadACL    = "resetkeys resetchannels ~schism:* -@all +info +config|get +command|info +ping +set +get +del +type +pexpiretime +pttl"
)

// asUser makes a user on servers, and gives the default user a password that only the test's clients have.
func asUser(t *testing.T, rules string, servers ...*redistest.Server) schism.AttachLogin {
	t.Helper()
	for _, s := range servers {
		args := []any{"ACL", "SETUSER", "watcher", "on", ">S3cret-of-watcher"}
		for r := range strings.FieldsSeq(rules) {
			args = append(args, r)
		}
		require.NoError(t, s.Client.Do(t.Context(), args...).Err())
	}
	return schism.AttachLogin{User: "watcher", Password: "S3cret-of-watcher"}
}

// lock gives all servers a password; the tests' clients log in with it.
func lock(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		require.NoError(t, s.Client.ConfigSet(t.Context(), "masterauth", "S3cret-of-all").Err())
		require.NoError(t, s.Client.ConfigSet(t.Context(), "requirepass", "S3cret-of-all").Err())
		s.Client.Close()
		s.Client = redis.NewClient(&redis.Options{Addr: s.Addr, Password: "S3cret-of-all", DisableIdentity: true})
		t.Cleanup(func() { s.Client.Close() })
		require.NoError(t, s.Client.Ping(t.Context()).Err())
	}
}

func digest(t *testing.T, s *redistest.Server) string {
	t.Helper()
	d, err := s.Client.Do(t.Context(), "DEBUG", "DIGEST").Text()
	require.NoError(t, err)
	return d
}

// commands are those that a server has carried out since CONFIG RESETSTAT, by name.
func commands(t *testing.T, s *redistest.Server) map[string]bool {
	t.Helper()
	text, err := s.Client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^cmdstat_([^:]+):`).FindAllStringSubmatch(text, -1) {
		out[m[1]] = true
	}
	return out
}

// Watching needs no more than its least user, writes nothing, and is neither a pass nor unknown.
func TestAttachOnlyWatches(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	ctx := t.Context()
	for i := range 500 {
		require.NoError(t, master.Client.Set(ctx, fmt.Sprint("user:", i), strings.Repeat("x", i), 0).Err())
	}
	login := asUser(t, watcherACL, master, replica)
	lock(t, master, replica)
	redistest.Poll(t, time.Minute, "the replica to be level", func() bool { return digest(t, master) == digest(t, replica) })
	before := digest(t, master)
	for _, s := range []*redistest.Server{master, replica} {
		require.NoError(t, s.Client.ConfigResetStat(ctx).Err())
	}
	dir := t.TempDir()
	var lines []schism.AttachStatus
	out, err := schism.Attach(ctx, schism.AttachOptions{Addr: master.Addr, Login: login, For: 3 * time.Second, Artifacts: dir,
		Status: func(s schism.AttachStatus) { lines = append(lines, s) }})
	require.NoError(t, err)
	require.Equal(t, result.Watched, out.Result.Verdict, out.Result.Reasons)
	require.Equal(t, schism.ExitPass, schism.ExitCode(out.Result.Verdict, nil))
	require.Zero(t, out.Result.Counts.Ops)
	require.Len(t, out.Run.Nodes, 2)
	require.Empty(t, out.Run.Attached.Uncovered)
	require.GreaterOrEqual(t, len(lines), 2)
	require.Equal(t, history.RoleReplica, lines[1].Nodes[1].Role)
	require.True(t, lines[1].Nodes[1].Link)
	require.GreaterOrEqual(t, lines[1].Nodes[1].LagBytes, int64(0))
	for _, s := range []*redistest.Server{master, replica} {
		done := commands(t, s)
		for _, own := range []string{"debug", "config|resetstat", "replconf", "ping", "hello", "select", "client|setinfo"} { // the test's and the replica's
			delete(done, own)
		}
		require.Equal(t, map[string]bool{"info": true, "auth": true, "config|get": true}, done)
		require.Equal(t, before, digest(t, s), "byte for byte as it was")
	}
	nothingLeft(t, dir, "", []string{"S3cret"})
	page, err := os.ReadFile(filepath.Join(out.Dir, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), "Nothing was written")
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(index), "1 watched")
	require.NotContains(t, string(index), "cell passes")
	require.NotContains(t, string(index), "All 1 cell pass")
	again, err := schism.Check(ctx, out.Dir)
	require.NoError(t, err)
	require.Equal(t, result.Watched, again.Result.Verdict)

	kept, err := schism.Check(ctx, out.Dir, "lag_time=1m", "two_masters=0")
	require.NoError(t, err)
	require.Equal(t, result.Pass, kept.Result.Verdict, kept.Result.Reasons)
	open, err := schism.Check(ctx, out.Dir, "lost=0")
	require.NoError(t, err)
	require.Equal(t, result.Unknown, open.Result.Verdict, "nothing was written, so nothing can be said of loss")
	require.Contains(t, strings.Join(open.Result.Reasons, " "), "only watched")
}

// carriedOut are the SETs in a server's append-only file, as key=value: all that it carried out since its last full sync, those that came
// by replication too.
func carriedOut(t *testing.T, s *redistest.Server) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.incr.aof"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	set := regexp.MustCompile(`(?i)\r\nset\r\n\$\d+\r\n([^\r]+)\r\n\$\d+\r\n([^\r]+)\r\n`)
	seen := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, m := range set.FindAllSubmatch(b, -1) {
			seen[string(m[1])+"="+string(m[2])] = true
		}
	}
	return seen
}

// A failover that somebody else asks for during the load: what was lost of it is what the new master never carried out, by its own append-only file.
func TestAttachCountsWhatAFailoverLost(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t, "--appendonly", "yes", "--appendfsync", "always")
	sentinel := master.Sentinel(t)
	ctx := t.Context()
	redistest.Poll(t, time.Minute, "the sentinel to know the replica", func() bool {
		rs, err := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr}).Replicas(ctx, "m").Result()
		return err == nil && len(rs) == 1 && !strings.Contains(rs[0]["flags"], "disconnected") && rs[0]["master-link-status"] == "ok"
	})
	require.NoError(t, master.Client.Set(ctx, "user:1", "theirs", 0).Err())
	dir := t.TempDir()
	var once sync.Once
	out, err := schism.Attach(ctx, schism.AttachOptions{Sentinels: []string{sentinel.Addr}, For: 22 * time.Second, Load: true, Rate: 300, Artifacts: dir,
		Status: func(s schism.AttachStatus) {
			if s.Ops > 1000 {
				once.Do(func() {
					require.NoError(t, redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr}).Failover(context.Background(), "m").Err())
				})
			}
		}})
	require.NoError(t, err)
	carried := carriedOut(t, replica)
	lost := int64(0)
	c := &out.History.Ops
	for i := range c.Len() {
		if c.IsWrite(i) && c.Outcome[i] == history.OK && !carried[fmt.Sprintf("%s=%d", out.History.Keys[c.Key[i]], c.In[i])] {
			lost++
		}
	}
	w := out.Result.Writes
	t.Logf("%d of %d acknowledged writes lost, %d counted anew; RTA %v; two masters %v; verdict %s %v", w.Lost, w.Acked, lost, out.Result.Availability.RTAValue, out.Result.Masters.Two, out.Result.Verdict, out.Result.Reasons)
	require.True(t, w.Known, out.Run.Attached)
	require.Equal(t, lost, w.Lost, "as counted by what the new master carried out")
	require.Equal(t, w.Lost, w.LostMost)
	require.Len(t, out.Result.Failovers, 1)
	require.Equal(t, result.NoFault, out.Result.Availability.RTAFault)
	require.True(t, out.Result.Availability.RTAValue.Measured())
	require.Equal(t, result.Watched, out.Result.Verdict, out.Result.Reasons)
	require.Empty(t, out.Run.Attached.Leftover)
	for _, s := range []*redistest.Server{master, replica} {
		redistest.Poll(t, 30*time.Second, "the load's keys to be gone", func() bool {
			keys, err := s.Client.Keys(ctx, "*").Result()
			return err == nil && len(keys) == 1 && keys[0] == "user:1"
		})
	}
	broken, err := schism.Check(ctx, out.Dir, "rta=1ms")
	require.NoError(t, err)
	require.Equal(t, result.Violation, broken.Result.Verdict)
}

// clusterOf makes a Cluster by hand: two masters, and a replica of the first.
func clusterOf(t *testing.T) (nodes []*redistest.Server) {
	t.Helper()
	ctx := t.Context()
	var bus []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		bus = append(bus, port)
		nodes = append(nodes, redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", port, "--cluster-node-timeout", "2000"))
	}
	do := func(s *redistest.Server, args ...any) { require.NoError(t, s.Client.Do(ctx, args...).Err(), args) }
	do(nodes[0], "CLUSTER", "ADDSLOTSRANGE", 0, 8191)
	do(nodes[1], "CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	for i, n := range nodes[1:] {
		host, port, err := net.SplitHostPort(n.Addr)
		require.NoError(t, err)
		do(nodes[0], "CLUSTER", "MEET", host, port, bus[i+1])
	}
	id, err := nodes[0].Client.Do(ctx, "CLUSTER", "MYID").Text()
	require.NoError(t, err)
	redistest.Poll(t, time.Minute, "the replica to know its master", func() bool { return nodes[2].Client.Do(ctx, "CLUSTER", "REPLICATE", id).Err() == nil })
	redistest.Poll(t, time.Minute, "the cluster to be ok and its replica linked", func() bool {
		info, err := nodes[2].Client.Info(ctx, "replication").Result()
		all := err == nil && strings.Contains(info, "master_link_status:up")
		for _, n := range nodes {
			text, err := n.Client.ClusterInfo(ctx).Result()
			all = all && err == nil && strings.Contains(text, "cluster_state:ok")
			lines, err := n.Client.ClusterNodes(ctx).Result()
			all = all && err == nil && strings.Count(lines, "connected") == 3 && strings.Contains(lines, "slave "+id)
		}
		return all
	})
	return nodes
}

// A Cluster is found from any of its nodes, and a failover of one shard is one of that shard.
func TestAttachToACluster(t *testing.T) {
	nodes := clusterOf(t)
	ctx := t.Context()
	login := asUser(t, watcherACL+" +cluster|nodes +cluster|info", nodes...)
	var once sync.Once
	out, err := schism.Attach(ctx, schism.AttachOptions{Addr: nodes[1].Addr, Cluster: true, Login: login, For: 8 * time.Second, Artifacts: t.TempDir(),
		Status: func(s schism.AttachStatus) {
			if s.At > 2*time.Second {
				once.Do(func() { require.NoError(t, nodes[2].Client.Do(context.Background(), "CLUSTER", "FAILOVER").Err()) })
			}
		}})
	require.NoError(t, err)
	require.Empty(t, out.Run.Attached.Uncovered)
	require.Len(t, out.Run.Nodes, 3)
	for i, want := range []history.Node{{Addr: nodes[0].Addr, Shard: 1, Role: history.RoleMaster}, {Addr: nodes[1].Addr, Shard: 2, Role: history.RoleMaster}, {Addr: nodes[2].Addr, Shard: 1, Role: history.RoleReplica}} {
		got := out.Run.Nodes[i]
		require.Equal(t, want, history.Node{Addr: got.Addr, Shard: got.Shard, Role: got.Role})
	}
	require.Equal(t, 1, out.Run.ShardOf(0))
	require.Equal(t, 2, out.Run.ShardOf(16383))
	require.NotEmpty(t, out.History.Views)
	require.Equal(t, result.Watched, out.Result.Verdict, out.Result.Reasons)
	require.Len(t, out.Result.Failovers, 1)
	require.Equal(t, int32(2), out.Result.Failovers[0].New)
	require.Zero(t, out.Result.Masters.Two.Lo, "two masters of two shards are masters by right")
}

// What a user may not do costs its measure, not the watch.
func TestAttachSaysWhatItDoesNotCover(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	ctx := t.Context()
	for _, c := range []struct {
		name, rules string
		load        bool // is there one
		uncovered   []string
		lost        bool // is loss told
		left        string
	}{
		{"all that the load needs", loadACL, true, nil, true, ""},
		{"no settings", strings.Replace(loadACL, "+config|get", "", 1), true, []string{"the settings of n1: NOPERM", "the settings of n2: NOPERM"}, true, ""},
		{"no writes", watcherACL, false, []string{"the load, so loss, outages and staleness: n1 does not let it write"}, false, ""},
		{"no reads", strings.Replace(loadACL, "+get ", "", 1), true, []string{"n1 refuses a part of the load (GET: NOPERM", "what became of the writes: read the load's keys on n1"}, false, ""},
		{"no removal", strings.Replace(loadACL, "+del ", "", 1), true, []string{"n1 refuses a part of the load (DEL: NOPERM"}, true, "could not be removed: refused: NOPERM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			login := asUser(t, "reset on >S3cret-of-watcher "+c.rules, master, replica)
			out, err := schism.Attach(ctx, schism.AttachOptions{Addr: replica.Addr, Login: login, For: 2 * time.Second, Load: true, Artifacts: t.TempDir()})
			require.NoError(t, err)
			require.Equal(t, result.Watched, out.Result.Verdict, out.Result.Reasons)
			a := out.Run.Attached
			t.Log(a.Uncovered, a.Leftover, out.Result.Counts.Errors)
			require.Equal(t, c.load, a.Load)
			require.Len(t, a.Uncovered, len(c.uncovered), a.Uncovered)
			for i, want := range c.uncovered {
				require.Contains(t, a.Uncovered[i], want)
			}
			require.Equal(t, c.lost, out.Result.Writes.Known)
			if c.lost {
				require.Positive(t, out.Result.Writes.Acked)
				require.Zero(t, out.Result.Writes.LostMost)
			}
			if c.left == "" {
				require.Empty(t, a.Leftover)
			} else {
				require.Contains(t, a.Leftover, c.left)
			}
			keys, err := master.Client.Keys(ctx, "*").Result()
			require.NoError(t, err)
			require.Equal(t, c.left != "", len(keys) > 0, keys)
			for _, k := range keys {
				require.Positive(t, master.Client.PTTL(ctx, k).Val(), "it goes by itself")
			}
			require.NoError(t, master.Client.FlushAll(ctx).Err())
		})
	}
}

// Ctrl-C ends it well: exit code 0, a page, no key left, and no secret in anything that it leaves or shows.
func TestAttachEndsWellByCtrlC(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	login := asUser(t, loadACL, master, replica)
	lock(t, master, replica)
	bin := filepath.Join(t.TempDir(), "schism")
	text, err := exec.Command("go", "build", "-o", bin, "./cmd/schism").CombinedOutput()
	require.NoError(t, err, string(text))
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(secret, []byte(login.Password+"\n"), 0o600))
	runs := filepath.Join(dir, "runs")
	cmd := exec.Command(bin, "attach", "-addr", replica.Addr, "-user", login.User, "-password-file", secret, "-load", "-promise", "lost=0", "-runs", runs)
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	redistest.Poll(t, time.Minute, "a line of the load", func() bool {
		return strings.Contains(out.String(), "replica 0 B") && strings.Contains(out.String(), "ops ")
	})
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
	if err == nil { // there is none on a Mac
		holdsNone(t, "the arguments", string(argv), []string{"S3cret"})
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), out.String())
	require.Contains(t, out.String(), "PASS  attach")
	require.Contains(t, out.String(), "Nothing lost: all ")
	require.Contains(t, out.String(), "is a replica of "+master.Addr)
	pages, err := filepath.Glob(filepath.Join(runs, "attach", "*", "latest", "report.html"))
	require.NoError(t, err)
	require.Len(t, pages, 1)
	nothingLeft(t, runs, out.String(), []string{"S3cret"})
	for _, s := range []*redistest.Server{master, replica} {
		redistest.Poll(t, 10*time.Second, "no key to be left", func() bool { return s.Client.DBSize(t.Context()).Val() == 0 })
	}
	t.Log(out.String())
}

// lockedBuffer is read while a process writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
