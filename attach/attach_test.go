package attach

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/observer"
)

func TestCheckAddr(t *testing.T) {
	for addr, ok := range map[string]bool{"10.0.0.1:6379": true, "[::1]:6379": true, "redis.internal:1": true, "": false, "host": false, ":6379": false, "h:0": false, "h:65536": false,
		"h:x": false, "redis://h:1": false, "user:pw@h:1": false, "a b:1": false, "h/x:1": false} {
		require.Equal(t, ok, CheckAddr(addr) == nil, addr)
	}
	require.NotContains(t, CheckAddr("user:topsecret@h:1").Error(), "topsecret")
}

func TestMap(t *testing.T) {
	target := &Target{Map: map[string]string{}}
	for _, text := range []string{"10.0.0.2=127.0.0.1", "10.0.0.3:6379=127.0.0.1:7003"} {
		from, to, err := ParseMap(text)
		require.NoError(t, err)
		target.Map[from] = to
	}
	for addr, want := range map[string]string{"10.0.0.2:6379": "127.0.0.1:6379", "10.0.0.3:6379": "127.0.0.1:7003", "10.0.0.3:6380": "10.0.0.3:6380", "x:1": "x:1"} {
		require.Equal(t, want, target.reached(addr))
	}
	for _, text := range []string{"", "a", "=b", "a=", "a:1=b", "a=b:1", "pw@a=b"} {
		_, _, err := ParseMap(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "pw")
	}
}

func TestReplicaAddrs(t *testing.T) {
	in := observer.ParseInfo("slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\nslave1:ip=fd00::1,port=6380,state=wait_bgsave,offset=0,lag=0\r\nslave2:ip=,port=1\r\n")
	require.Equal(t, []string{"10.0.0.2:6379", "[fd00::1]:6380"}, replicaAddrs(in))
}

// The eye is told the same lag that the samples show: since when the master has had more.
func TestMeter(t *testing.T) {
	m := NewMeter()
	s := func(node int32, at, offset int64, role history.Role) history.Sample {
		return history.Sample{Node: node, Call: at, Return: at + 1, Answered: true, Role: role, ReplID: "A", Offset: offset, LinkUp: role == history.RoleReplica}
	}
	ms := time.Millisecond
	for at := int64(0); at <= 1000; at += 100 {
		m.Observe(&history.Batch{Samples: []history.Sample{s(0, at*int64(ms), at, history.RoleMaster), s(1, at*int64(ms), min(at, 700), history.RoleReplica)}})
	}
	now := 1000 * int64(ms)
	got := m.Look(1, now)
	require.Equal(t, int64(300), got.LagBytes)
	require.Equal(t, 200*ms, got.Lag, "the master went beyond 700 at 800 ms")
	require.True(t, got.Link && got.Answers)
	require.Equal(t, history.RoleMaster, m.Look(0, now).Role)
	require.Equal(t, State{LagBytes: -1, Lag: -1}, m.Look(7, now), "never seen")
	m.Observe(&history.Batch{Samples: []history.Sample{{Node: 1, Call: now, Return: now}}})
	got = m.Look(1, now+1+int64(time.Second))
	require.False(t, got.Answers)
	require.Equal(t, time.Second, got.Silent)
	require.Equal(t, int64(-1), got.LagBytes, "it may be level by now")
}
