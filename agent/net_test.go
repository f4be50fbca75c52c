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
	for _, c := range []struct {
		name string
		at   *node
		rule wire.Rule
	}{
		{"in at the replica", replica, wire.Rule{Dir: "in", Peers: []string{master.addr}, Verdict: "drop"}},
		{"out at the master", master, wire.Rule{Dir: "out", Peers: []string{replica.addr, "192.0.2.7"}, Verdict: "drop"}},
		{"all in at the replica", replica, wire.Rule{Dir: "in", Verdict: "drop"}},
		{"by port", replica, wire.Rule{Dir: "in", Peers: []string{master.addr}, Verdict: "drop", SPort: 6379}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.at.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Dir: "in", Peers: []string{"192.0.2.1"}, Verdict: "drop"}, c.rule}}, nil)
			require.Equal(t, []wire.Counter{{}, {}}, c.at.counters()[:2])
			require.False(t, replicates(master, replica, "cut "+c.name))
			cnt := c.at.counters()
			require.Zero(t, cnt[0].Packets, "nobody sends from there")
			require.Positive(t, cnt[1].Packets)
			require.Positive(t, cnt[1].Bytes)
			require.Equal(t, `"PONG"`, c.at.redis("PING"), "loopback is never cut")

			c.at.call(wire.OpNet, wire.NetArgs{}, nil)
			require.Empty(t, c.at.counters())
			master.until("the heal", func() bool { return replicates(master, replica, "healed "+c.name) })
		})
	}
}

func TestRulesOfOtherPortsAndPeersLetPass(t *testing.T) {
	master, replica := pairOf(t)
	replica.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{
		{Dir: "in", Peers: []string{master.addr}, Verdict: "drop", SPort: 26379},
		{Dir: "in", Peers: []string{"192.0.2.1"}, Verdict: "drop"},
		{Dir: "out", Peers: []string{master.addr}, Verdict: "drop", DPort: 26379},
	}}, nil)
	require.True(t, replicates(master, replica, "x"))
	for _, c := range replica.counters() {
		require.Zero(t, c.Packets)
	}
}

func TestRejectResets(t *testing.T) {
	master, replica := pairOf(t)
	replica.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 20}, nil)
	replica.until("a sample with the link up", func() bool { return lastIs(replica, func(s history.Sample) bool { return s.LinkUp }) })
	master.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Dir: "in", Peers: []string{replica.addr}, Verdict: "reject"}}}, nil)
	replica.until("the link to break", func() bool { return lastIs(replica, func(s history.Sample) bool { return s.Answered && !s.LinkUp }) })
	require.Positive(t, master.counters()[0].Packets)
	master.call(wire.OpNet, wire.NetArgs{}, nil)
	replica.until("the link", func() bool { return lastIs(replica, func(s history.Sample) bool { return s.LinkUp }) })
}

func lastIs(n *node, f func(history.Sample) bool) bool {
	ss := n.samples()
	return len(ss) > 0 && f(ss[len(ss)-1])
}

func TestResetDestroysConnections(t *testing.T) {
	master, replica := pairOf(t)
	syncs := func() string { return field(master.redis("INFO", "stats"), "sync_partial_ok") }
	before := syncs()
	var n int
	replica.call(wire.OpReset, wire.ResetArgs{Peers: []string{"192.0.2.1"}}, &n)
	require.Zero(t, n)
	replica.call(wire.OpReset, wire.ResetArgs{Peers: []string{master.addr}}, &n)
	require.Equal(t, 1, n)
	master.until("a partial resync", func() bool { return syncs() != before })
	master.until("replication", func() bool { return replicates(master, replica, "after") })
	master.call(wire.OpReset, wire.ResetArgs{}, &n)
	require.Equal(t, 1, n, "all but loopback")
}

// field finds a field in INFO's text as JSON.
func field(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	v, _, _ := strings.Cut(rest, `\r`)
	return v
}

func TestRulesThatMakeNoSense(t *testing.T) {
	n := newRig(t).start("NET_ADMIN")
	for _, r := range []wire.Rule{
		{Dir: "sideways", Verdict: "drop"},
		{Dir: "in", Verdict: "perhaps"},
		{Dir: "in", Verdict: "drop", Peers: []string{"nowhere"}},
		{Dir: "in", Verdict: "drop", Peers: []string{"::1"}},
	} {
		n.refused(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{r}}, wire.CodeUsage)
	}
	require.Empty(t, n.counters())
}

func TestWithoutTheRightItSaysSo(t *testing.T) {
	n := newRig(t).start()
	re := n.refused(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Dir: "in", Verdict: "drop"}}}, wire.CodeUnavailable)
	require.Contains(t, re.Msg, "NET_ADMIN")
	var features map[string]string
	n.call(wire.OpProbe, nil, &features)
	require.Contains(t, features["nft"], "NET_ADMIN")
	require.Contains(t, features["sock_destroy"], "NET_ADMIN")
	require.NotEqual(t, "ok", features["cap_net_admin"])
}

func TestProbe(t *testing.T) {
	n := newRig(t).start("NET_ADMIN")
	var features map[string]string
	st := n.call(wire.OpProbe, nil, &features)
	t.Logf("probed in %v: %v", time.Duration(st.T1-st.T0), features)
	for _, f := range []string{"nft", "nft_reject", "sock_destroy", "cap_net_admin"} {
		require.Equal(t, "ok", features[f], f)
	}
	for _, f := range []string{"nft_queue", "netem", "tbf", "cap_sys_admin", "cap_sys_ptrace"} {
		require.Contains(t, features, f)
	}
}
