package observer

import (
	"testing"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

// pairs are names and values by turns, as SENTINEL MASTERS lists them.
func pairs(ss ...string) any {
	var out []any
	for _, s := range ss {
		out = append(out, s)
	}
	return out
}

func TestSentinelsView(t *testing.T) {
	w := unwatched()
	name := ""
	take := func(cmd string, v any) { name = fillWatch(&w, name, cmd, v) }

	require.Equal(t, [][]string{{"SENTINEL", "MASTERS"}}, sentinelQuestions(name, true), "who is watched is not known yet")
	take("MASTERS", []any{pairs("name", "m", "ip", "1.1.1.1", "flags", "s_down,master,o_down,failover_in_progress", "config-epoch", "7", "num-slaves", "2", "num-other-sentinels", "2", "quorum", "2")})
	require.Equal(t, "m", name)
	require.False(t, watched(w))
	require.Len(t, sentinelQuestions(name, false), 2)
	require.Len(t, sentinelQuestions(name, true), 4)
	take("GET-MASTER-ADDR-BY-NAME", []any{"1.1.1.2", "6379"})
	take("SENTINELS", []any{pairs("flags", "sentinel"), pairs("flags", "s_down,sentinel,disconnected")})
	require.False(t, watched(w))
	take("REPLICAS", []any{pairs("flags", "slave"), pairs("flags", "slave,disconnected"), pairs("flags", "slave")})
	require.True(t, watched(w))
	require.Equal(t, history.Watch{Announced: "1.1.1.2:6379", Epoch: 7, Quorum: 2, Peers: 2, PeersUp: 1, ReplicasUp: 2, SDown: true, ODown: true, Failover: true}, w)

	take("MASTERS", []any{pairs("name", "m", "flags", "master", "config-epoch", "8", "num-other-sentinels", "2", "quorum", "2")})
	require.False(t, w.SDown || w.ODown || w.Failover)

	for what, f := range map[string]func(){
		"no master":      func() { take("MASTERS", []any{}) },
		"no epoch":       func() { take("MASTERS", []any{pairs("name", "m")}) },
		"nobody named":   func() { take("GET-MASTER-ADDR-BY-NAME", nil) },
		"an error reply": func() { take("GET-MASTER-ADDR-BY-NAME", ReplyError("ERR no")) },
		"nonsense":       func() { take("MASTERS", []any{"x"}) },
	} {
		kept, keptName := w, name
		f()
		require.False(t, watched(w), what)
		w, name = kept, keptName
	}
	require.True(t, watched(w))
}
