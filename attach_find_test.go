package schism_test

import (
	"net"
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

// sentinelACL is the least that a user needs on sentinels, as docs/attach.md has it.
const sentinelACL = "resetchannels allchannels -@all +info +sentinel +psubscribe +subscribe +ping"

// An announced address that means nothing here is named; with -map the node is watched, and read by the load.
func TestAttachMapsAnnouncedAddresses(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t, "--replica-announce-ip", "127.0.0.77")
	_, port, err := net.SplitHostPort(replica.Addr)
	require.NoError(t, err)
	o := schism.AttachOptions{Addr: master.Addr, For: 2 * time.Second, Artifacts: t.TempDir()}
	out, err := schism.Attach(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, out.Run.Nodes, 1)
	require.Len(t, out.Run.Attached.Uncovered, 1)
	for _, want := range []string{"announces itself as 127.0.0.77:" + port, "refuses connections", "-map 127.0.0.77:" + port + "=HOST:PORT"} {
		require.Contains(t, out.Run.Attached.Uncovered[0], want)
	}
	for _, to := range []string{"127.0.0.77=127.0.0.1", "127.0.0.77:" + port + "=" + replica.Addr} {
		o.Map, o.Load, o.Promises = []string{to}, true, []string{"lost=0"}
		out, err = schism.Attach(t.Context(), o)
		require.NoError(t, err)
		require.Empty(t, out.Run.Attached.Uncovered)
		require.Equal(t, "127.0.0.77:"+port, out.Run.Nodes[1].Addr)
		require.Equal(t, result.Pass, out.Result.Verdict, out.Result.Reasons)
		require.Equal(t, 2, out.Result.Convergence.Nodes)
		read := 0
		for i := range out.History.Ops.Len() {
			if out.History.Ops.Node[i] == 1 && out.History.Ops.Outcome[i] == history.OK {
				read++
			}
		}
		require.Positive(t, read, "the replica was read")
	}
}

// A replica that joins is taken in, with the load's worker among the nodes.
func TestAttachTakesInWhoJoins(t *testing.T) {
	master := redistest.Start(t)
	first := master.Replica(t)
	var once sync.Once
	var second *redistest.Server
	out, err := schism.Attach(t.Context(), schism.AttachOptions{Addr: first.Addr, For: 12 * time.Second, Load: true, Artifacts: t.TempDir(),
		Status: func(schism.AttachStatus) { once.Do(func() { second = master.Replica(t) }) }})
	require.NoError(t, err)
	require.Len(t, out.Run.Nodes, 4)
	require.Equal(t, history.Worker, out.Run.Nodes[2].Kind)
	require.Equal(t, second.Addr, out.Run.Nodes[3].Addr)
	require.Equal(t, "n3", out.Run.Nodes[3].Name)
	require.Equal(t, 3, out.Result.Convergence.Nodes, "it was read at the end too")
	require.Zero(t, out.Result.Writes.LostMost)
	require.Equal(t, result.Watched, out.Result.Verdict, out.Result.Reasons)
	require.Empty(t, out.Run.Attached.Leftover)
}

// Sentinels have logins of their own. One is enough to find the other, and the servers.
func TestAttachFindsThroughSentinels(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	sentinels := []*redistest.Server{master.Sentinel(t), master.Sentinel(t)}
	login := asUser(t, loadACL, master, replica)
	for _, s := range sentinels {
		c := s.Client
		redistest.Poll(t, time.Minute, "the sentinels to know each other", func() bool {
			rs, err := redis.NewSentinelClient(&redis.Options{Addr: s.Addr}).Sentinels(t.Context(), "m").Result()
			return err == nil && len(rs) == 1
		})
		args := []any{"ACL", "SETUSER", "looker", "on", ">S3cret-of-looker"}
		for r := range strings.FieldsSeq(sentinelACL) {
			args = append(args, r)
		}
		require.NoError(t, c.Do(t.Context(), args...).Err())
	}
	out, err := schism.Attach(t.Context(), schism.AttachOptions{Sentinels: []string{sentinels[0].Addr}, Login: login, For: 2 * time.Second, Load: true, Promises: []string{"lost=0"},
		SentinelLogin: schism.AttachLogin{User: "looker", Password: "S3cret-of-looker"}, Artifacts: t.TempDir()})
	require.NoError(t, err)
	require.Empty(t, out.Run.Attached.Uncovered)
	require.Equal(t, result.Pass, out.Result.Verdict, out.Result.Reasons)
	var kinds []string
	for _, n := range out.Run.Nodes {
		kinds = append(kinds, n.Name)
	}
	require.Equal(t, []string{"n1", "n2", "s1", "s2", "w1"}, kinds)
	require.Equal(t, sentinels[1].Addr, out.Run.Nodes[3].Addr)
	watched := false
	for _, s := range out.History.Samples {
		watched = watched || s.Node == 3 && s.Watch.Known && s.Watch.Announced == master.Addr
	}
	require.True(t, watched, "what the second sentinel thinks was seen")
	nothingLeft(t, out.Dir, "", []string{"S3cret"})
}
