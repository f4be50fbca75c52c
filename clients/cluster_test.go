package clients

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// twoMasters are a Cluster of two, each with half of the slots.
func twoMasters(t *testing.T, args ...string) []*redistest.Server {
	t.Helper()
	ctx := context.Background()
	var out []*redistest.Server
	for i := range 2 {
		bus := strconv.Itoa(freePort(t))
		s := redistest.Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"}, args...)...)
		require.NoError(t, s.Client.Do(ctx, "cluster", "addslotsrange", i*history.Slots/2, (i+1)*history.Slots/2-1).Err())
		out = append(out, s)
		if i > 0 {
			host, port, _ := net.SplitHostPort(s.Addr)
			require.NoError(t, out[0].Client.Do(ctx, "cluster", "meet", host, port, bus).Err())
		}
	}
	for _, s := range out {
		redistest.Poll(t, time.Minute, "the cluster to be ok", func() bool {
			return strings.Contains(s.Client.ClusterInfo(ctx).Val(), "cluster_state:ok")
		})
	}
	return out
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func clusterOf(t *testing.T, reload string, servers ...*redistest.Server) *session {
	t.Helper()
	opt := Options{Nodes: map[string]int32{}, Reload: reload}
	for i, s := range servers {
		opt.Cluster = append(opt.Cluster, s.Addr)
		opt.Nodes[s.Addr] = int32(i)
	}
	return connect(t, opt)
}

func write(c *session, key string, v int64) history.Op {
	op := history.Op{F: history.FWrite, In: v, Arg: none, Out: none, Acked: -1, Node: history.NoNode}
	c.Do(context.Background(), key, &op)
	return op
}

func myID(t *testing.T, s *redistest.Server) string {
	t.Helper()
	id, err := s.Client.Do(context.Background(), "cluster", "myid").Text()
	require.NoError(t, err)
	return id
}

// Operations go to whoever owns the key's slot, are led elsewhere once when that has changed, and are never sent twice.
func TestClusterFollowsTheOwner(t *testing.T) {
	ctx := context.Background()
	servers := twoMasters(t)
	c := clusterOf(t, ReloadByLibrary, servers...)
	seen := map[int32]int{}
	for i := range 100 {
		key := fmt.Sprintf("r:%d", i)
		op := write(c, key, int64(i))
		require.Equal(t, history.OK, op.Outcome, "%v", op.Err)
		require.Equal(t, int32(history.SlotOf(key)/(history.Slots/2)), op.Node)
		require.Zero(t, op.Redirects)
		seen[op.Node]++
	}
	require.Len(t, seen, 2)

	// The slot of a key that nobody has written moves while the client does not look.
	key := keyOf(t, 0, "moved")
	slot := history.SlotOf(key)
	for _, s := range []*redistest.Server{servers[1], servers[0]} {
		require.NoError(t, s.Client.Do(ctx, "cluster", "setslot", slot, "node", myID(t, servers[1])).Err())
	}
	op := write(c, key, 7)
	require.Equal(t, history.OK, op.Outcome, "%v", op.Err)
	require.EqualValues(t, 1, op.Redirects)
	require.EqualValues(t, 1, op.Node)
	require.Equal(t, "7", servers[1].Client.Get(ctx, key).Val())

	// A slot on its way: what is not there yet is asked for at its new owner, which stores it.
	key = keyOf(t, 0, "asked")
	slot = history.SlotOf(key)
	require.NoError(t, servers[1].Client.Do(ctx, "cluster", "setslot", slot, "importing", myID(t, servers[0])).Err())
	require.NoError(t, servers[0].Client.Do(ctx, "cluster", "setslot", slot, "migrating", myID(t, servers[1])).Err())
	op = write(c, key, 8)
	require.Equal(t, history.OK, op.Outcome, "%v", op.Err)
	require.EqualValues(t, 1, op.Redirects)
	require.EqualValues(t, 1, op.Node)
	require.EqualValues(t, 1, servers[1].Client.Do(ctx, "cluster", "countkeysinslot", slot).Val())
	require.EqualValues(t, 0, servers[0].Client.Do(ctx, "cluster", "countkeysinslot", slot).Val())
}

// keyOf is a key whose slot one of the two owns.
func keyOf(t *testing.T, owner int, prefix string) string {
	t.Helper()
	for i := range 1000 {
		if key := fmt.Sprintf("%s:%d", prefix, i); history.SlotOf(key)/(history.Slots/2) == owner {
			return key
		}
	}
	t.Fatal("no such key")
	return ""
}

// What a Cluster refuses was not executed; who is gone gives no node.
func TestClusterRefuses(t *testing.T) {
	ctx := context.Background()
	servers := twoMasters(t)
	c := clusterOf(t, ReloadAfterDial, servers...)
	mine, others := keyOf(t, 0, "k"), keyOf(t, 1, "k")
	require.Equal(t, history.OK, write(c, mine, 1).Outcome)
	require.NoError(t, servers[0].Client.Do(ctx, "cluster", "delslots", history.SlotOf("nobody's")).Err())
	require.NoError(t, servers[1].Client.Do(ctx, "cluster", "delslots", history.SlotOf("nobody's")).Err())
	redistest.Poll(t, time.Minute, "the cluster to be down", func() bool {
		return strings.Contains(servers[0].Client.ClusterInfo(ctx).Val(), "cluster_state:fail")
	})
	op := write(c, mine, 2)
	require.Equal(t, [2]any{history.Fail, history.ErrClusterDown}, [2]any{op.Outcome, op.Err})
	servers[1].Client.ShutdownNoSave(ctx) // it ends without a reply
	redistest.Poll(t, time.Minute, "the other to be gone", func() bool { return write(c, others, 3).Err == history.ErrDialRefused })
	op = write(c, others, 4)
	require.Equal(t, [2]any{history.Fail, int32(history.NoNode)}, [2]any{op.Outcome, op.Node})
}

func TestReloadInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "library": 0, "500ms": 500 * time.Millisecond} {
		d, err := ReloadInterval(text)
		require.NoError(t, err)
		require.Equal(t, want, d)
	}
	for _, text := range []string{"never", "0", "-1s", "5"} {
		_, err := ReloadInterval(text)
		require.Error(t, err, text)
	}
}

func TestRedirected(t *testing.T) {
	for text, want := range map[string]string{"MOVED 1 10.0.0.1:6379": "10.0.0.1:6379", "ASK 1 10.0.0.1:6379": "10.0.0.1:6379 ask", "MOVED 1 :6379": "10.0.0.9:6379", "MOVED 1 ?:6379": "", "MOVED 1": "", "ERR no": ""} {
		to, ask, ok := redirected(replyOf(text), "10.0.0.9:1")
		if ask {
			to += " ask"
		}
		require.Equal(t, want, to, text)
		require.Equal(t, want != "", ok, text)
	}
}

// replyOf is an error reply.
type replyOf string

func (e replyOf) Error() string { return string(e) }
func (replyOf) RedisError()     {}
