package topology

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBuildAgent(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the engine and builds")
	}
	// A cache of its own, but the toolchain's.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOCACHE", goCache(t))
	path, err := BuildAgent(t.Context())
	require.NoError(t, err)
	f, err := elf.Open(path)
	require.NoError(t, err)
	defer f.Close()
	libs, err := f.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libs, "it must run in any image")

	began := time.Now()
	again, err := BuildAgent(t.Context())
	require.NoError(t, err)
	require.Equal(t, path, again)
	t.Logf("nothing to build: %s", time.Since(began).Round(time.Millisecond))

	// What was not used for long goes.
	old := filepath.Join(filepath.Dir(path), filepath.Base(path[:len(path)-16])+"0123456789abcdef")
	require.NoError(t, os.WriteFile(old, nil, 0o755))
	longAgo := time.Now().Add(-2 * keepAgents)
	require.NoError(t, os.Chtimes(old, longAgo, longAgo))
	_, err = BuildAgent(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, old)
	require.FileExists(t, path)
}

func goCache(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

func TestBuildAgentFromTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent")
	t.Setenv(AgentEnv, path)
	_, err := BuildAgent(t.Context())
	var ee *EngineError
	require.ErrorAs(t, err, &ee)
	require.ErrorContains(t, err, "the agent that SCHISM_AGENT names cannot be read")
	require.NoError(t, os.WriteFile(path, nil, 0o755))
	got, err := BuildAgent(t.Context())
	require.NoError(t, err)
	require.Equal(t, path, got)
}

func TestBuildAgentWithoutItsModule(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the engine and builds")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOCACHE", goCache(t))
	t.Chdir(t.TempDir())
	_, err := BuildAgent(t.Context())
	var ee *EngineError
	require.ErrorAs(t, err, &ee)
	require.ErrorContains(t, err, "the agent cannot be built")
	require.ErrorContains(t, err, "SCHISM_AGENT")
	require.NotContains(t, err.Error(), "\n")
	t.Setenv("PATH", "")
	_, err = BuildAgent(t.Context())
	require.ErrorContains(t, err, "there is no Go to build the agent with")
}
