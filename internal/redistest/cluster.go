package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	busOffset = 10000 // from a server's port to that of its cluster bus
	slots     = 16384
)

// Cluster starts a Cluster of so many shards of a master and so many replicas, with even shares of the slots: the masters first, then the
// replicas, server n of shard n modulo the shards. It is up when every server says so and every replica is linked.
func Cluster(t testing.TB, shards, replicas int, args ...string) []*Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	addrs := make([]string, shards*(1+replicas))
	for i := range addrs {
		addrs[i] = freeClusterAddr(t, addrs[:i])
	}
	out := make([]*Server, len(addrs))
	args = append([]string{"--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0",
		"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1000"}, args...)
	var starting sync.WaitGroup
	for i := range out {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "nodes.conf"), []byte(nodesConf(addrs, shards, i)), 0o666))
		starting.Go(func() { out[i] = beginAt(t, addrs[i], dir, args...) })
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	ctx := context.Background()
	for i, s := range out {
		Poll(t, time.Minute, "the Cluster to be up", func() bool {
			info, err := s.Client.ClusterInfo(ctx).Result()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || i < shards {
				return err == nil && strings.Contains(info, "cluster_state:ok")
			}
			info, err = s.Client.Info(ctx, "replication").Result()
			return err == nil && strings.Contains(info, "master_link_status:up")
		})
	}
	return out
}

// ClusterID is the id of server n of a Cluster.
func ClusterID(n int) string { return fmt.Sprintf("%040x", n+1) }

func nodesConf(addrs []string, shards, self int) string {
	var b strings.Builder
	for i, addr := range addrs {
		_, port, _ := net.SplitHostPort(addr)
		var bus int
		fmt.Sscan(port, &bus)
		flags, master, share := "master", "-", ""
		if shard := i % shards; i >= shards {
			flags, master = "slave", ClusterID(shard)
		} else {
			share = fmt.Sprintf(" %d-%d", shard*slots/shards, (shard+1)*slots/shards-1)
		}
		if i == self {
			flags = "myself," + flags
		}
		fmt.Fprintf(&b, "%s %s@%d %s %s 0 0 %d connected%s\n", ClusterID(i), addr, bus+busOffset, flags, master, i%shards+1, share)
	}
	fmt.Fprintf(&b, "vars currentEpoch %d lastVoteEpoch 0\n", shards)
	return b.String()
}

// freeClusterAddr is an address whose port and bus port are free, below those that the system hands out by itself.
func freeClusterAddr(t testing.TB, taken []string) string {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(12000)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if !strings.Contains(strings.Join(taken, " ")+" ", addr+" ") && free(addr) && free(fmt.Sprintf("127.0.0.1:%d", port+busOffset)) {
			return addr
		}
	}
	require.FailNow(t, "no port is free")
	return ""
}

func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	l.Close()
	return true
}
