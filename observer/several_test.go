package observer

import (
	"testing"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

func TestOfMaster(t *testing.T) {
	for _, c := range []struct {
		event, text string
		want        bool
	}{
		{"+switch-master", "m 10.0.0.1 6379 10.0.0.2 6379", true},
		{"+switch-master", "other 10.0.0.1 6379 10.0.0.2 6379", false},
		{"+sdown", "master m 10.0.0.1 6379", true},
		{"+sdown", "master other 10.0.0.1 6379", false},
		{"+odown", "master other 10.0.0.1 6379 #quorum 2/2", false},
		{"+sdown", "slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379", true},
		{"+sdown", "slave 10.0.0.2:6379 10.0.0.2 6379 @ other 10.0.0.1 6379", false},
		{"+new-epoch", "7", true},
		{"+vote-for-leader", "0123456789abcdef 7", true},
		{"+tilt", "#tilt mode entered", true},
	} {
		require.Equal(t, c.want, OfMaster(c.event, c.text, "m"), "%s %s", c.event, c.text)
	}
}

// Of a sentinel that watches several masters only the one that was asked for is told.
func TestOnlyMaster(t *testing.T) {
	in := ParseInfo("sentinel_masters:2\r\nmaster0:name=a,status=ok,address=10.0.0.1:1,slaves=1,sentinels=3\r\nmaster1:name=b,status=odown,address=10.0.0.2:2,slaves=2,sentinels=3\r\n")
	in.onlyMaster("b")
	var s history.Sample
	in.fill(&s)
	require.Equal(t, "10.0.0.2:2", s.MasterAddr)
	require.Equal(t, int32(2), s.Replicas)
	require.False(t, s.LinkUp)

	reply := []any{[]any{"name", "a", "quorum", "2", "config-epoch", "1"}, []any{"name", "b", "quorum", "3", "config-epoch", "4"}}
	var w history.Watch
	require.Equal(t, "b", fillWatch(&w, "", "MASTERS", onlyMaster(reply, "MASTERS", "b")))
	require.Equal(t, int32(3), w.Quorum)
	require.Equal(t, int64(4), w.Epoch)
	require.Empty(t, fillWatch(&w, "", "MASTERS", onlyMaster(reply, "MASTERS", "gone")))
	require.Equal(t, "a", fillWatch(&w, "", "MASTERS", onlyMaster(reply, "MASTERS", "")))
}
