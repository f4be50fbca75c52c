package schism

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestPairsOfConfigGet(t *testing.T) {
	for raw, want := range map[string][]history.KV{
		`["save",""]`: {{K: "save", V: ""}},
		`["appendonly","yes","appendfsync","always"]`: {{K: "appendonly", V: "yes"}, {K: "appendfsync", V: "always"}},
		`{"maxmemory":"0"}`:                           {{K: "maxmemory", V: "0"}},
		`[]`:                                          nil, `["odd"]`: nil, `null`: nil, `7`: nil, ``: nil,
	} {
		require.Equal(t, want, pairs(json.RawMessage(raw)), raw)
	}
}

// What a server says of itself goes before the lines that it was started with.
func TestSettingInEffect(t *testing.T) {
	n := history.Node{Config: []history.KV{{K: "save", V: `""`}, {K: "appendonly", V: "yes"}}, Settings: []history.KV{{K: "appendonly", V: "no"}}}
	require.Equal(t, "no", n.Setting("appendonly"))
	require.Empty(t, n.Setting("save"))
	require.True(t, n.Has("save"))
	require.False(t, n.Has("maxmemory"))
}
