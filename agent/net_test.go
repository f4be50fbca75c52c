//go:build linux

package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
)

// pairOf is a master and a replica in sync, both with the right to filter packets.
func pairOf(t *testing.T) (master, replica *node) {
	t.Helper()
	r := newRig(t)
	master, replica = r.start("NET_ADMIN"), r.start("NET_ADMIN")
	master.serve("save \"\"\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1")
	replica.serve("save \"\"\nrepl-ping-replica-period 1\nreplicaof " + master.addr + " 6379")
	replica.until("the link", func() bool { return strings.Contains(replica.redis("INFO", "replication"), "master_link_status:up") })
	master.until("the replica", func() bool { return strings.Contains(master.redis("INFO", "replication"), "state=online") })
	// A replica that is online may get nothing for up to a second: only what came through proves the stream.
	master.until("replication", func() bool { return replicates(master, replica, "before") })
	return master, replica
}

func (n *node) counters() []wire.Counter {
	n.t.Helper()
	var c []wire.Counter
	n.call(wire.OpNetCnt, nil, &c)
	return c
}

// replicates writes on the master and says whether the replica has it within a moment.
func replicates(master, replica *node, value string) bool {
	master.redis("SET", "probe", value)
	deadline := time.Now().Add(500 * time.Millisecond)
	for time.Now().Before(deadline) {
		if replica.redis("GET", "probe") == `"`+value+`"` {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestPartitionDropsAndHeals(t *testing.T) {
	master, replica := pairOf(t)
	replica.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Peers: []string{"192.0.2.1"}}, {Peers: []string{master.addr, "192.0.2.7"}}}}, nil)
	require.Equal(t, []wire.Counter{{}, {}}, replica.counters())
	require.False(t, replicates(master, replica, "cut"))
	cnt := replica.counters()
	require.Zero(t, cnt[0].Packets, "nobody sends from there")
	require.Positive(t, cnt[1].Packets)
	require.Positive(t, cnt[1].Bytes)
	require.Equal(t, `"PONG"`, replica.redis("PING"), "loopback is never cut")

	replica.call(wire.OpNet, wire.NetArgs{}, nil)
	require.Empty(t, replica.counters())
	master.until("the heal", func() bool { return replicates(master, replica, "healed") })
}

func TestRulesOfOtherPeersLetPass(t *testing.T) {
	master, replica := pairOf(t)
	replica.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Peers: []string{"192.0.2.1"}}}}, nil)
	master.until("replication", func() bool { return replicates(master, replica, "x") })
	require.Zero(t, replica.counters()[0].Packets)
}

// field finds a field in INFO's text as JSON.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	v, _, _ := strings.Cut(rest, `\r`)
	return v
}

func lastIs(n *node, f func(history.Sample) bool) bool {
	ss := n.samples()
	return len(ss) > 0 && f(ss[len(ss)-1])
}

func TestRulesThatMakeNoSense(t *testing.T) {
	n := newRig(t).start("NET_ADMIN")
	for _, r := range []wire.Rule{
		{},
		{Peers: []string{"nowhere"}},
		{Peers: []string{"::1"}},
	} {
		n.refused(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{r}}, wire.CodeUsage)
	}
	require.Empty(t, n.counters())
}

func TestWithoutTheRightItSaysSo(t *testing.T) {
	n := newRig(t).start()
	re := n.refused(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Peers: []string{"192.0.2.1"}}}}, wire.CodeUnavailable)
	require.Contains(t, re.Msg, "NET_ADMIN")
	var features map[string]string
	n.call(wire.OpProbe, nil, &features)
	require.Contains(t, features["nft"], "NET_ADMIN")
}

func TestProbe(t *testing.T) {
	n := newRig(t).start("NET_ADMIN")
	var features map[string]string
	st := n.call(wire.OpProbe, nil, &features)
	t.Logf("probed in %v: %v", time.Duration(st.T1-st.T0), features)
	require.Equal(t, map[string]string{"nft": "ok"}, features)
}
