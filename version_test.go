package schism

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/version"
)

func TestAboutNamesVersionAgentAndGo(t *testing.T) {
	t.Setenv(agentbin.Env, "")
	b, err := About(t.Context())
	require.NoError(t, err)
	require.NotContains(t, AboutText(b), "(devel)")
	require.Contains(t, AboutText(b), "go build: from the module here", "a test is no agent, and this is schism's own module")

	b = history.Build{Version: "v1.2.3", Commit: strings.Repeat("c", 40), Go: "go1.26.0", Agent: strings.Repeat("a", 64), AgentHow: "embedded in this program"}
	require.Contains(t, AboutText(b), "schism v1.2.3, commit cccccccccccc\nagent  aaaaaaaaaaaa, embedded in this program\ngo     go1.26.0, ")

	t.Setenv(agentbin.Env, t.TempDir())
	_, err = About(t.Context())
	require.ErrorContains(t, err, "it is a folder")
	require.Equal(t, ExitUsage, ExitCode(result.Pass, err))
}

// A test's own version is not known to it; the agent, built from the same module, tells.
func TestVersionComesFromTheAgentWhereThisProgramDoesNotKnow(t *testing.T) {
	a := agentbin.Agent{Hash: strings.Repeat("a", 64), How: "built from the module here", Source: version.Info{Version: "v1.2.3"}}
	b := buildOf(a)
	require.Equal(t, "v1.2.3", b.Version)
	facts := hostFacts(b)
	require.Contains(t, facts, history.KV{K: "schism", V: "v1.2.3"})
	require.Contains(t, facts, history.KV{K: "agent", V: "aaaaaaaaaaaa, built from the module here"})
}

// A run of before schism's build was recorded loads as one that does not know it.
func TestOldRunsKnowNoBuild(t *testing.T) {
	var run history.Run
	require.NoError(t, json.Unmarshal([]byte(`{"schema": 1, "id": "x", "host": [{"K": "schism", "V": "(devel)"}]}`), &run))
	require.Nil(t, run.Schism)
	b, err := json.Marshal(run)
	require.NoError(t, err)
	require.NotContains(t, string(b), `"schism":`)
}
