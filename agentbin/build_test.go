package agentbin

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Go builds here runs in any image, and is built once.
func TestBuiltFromTheModuleHere(t *testing.T) {
	if testing.Short() {
		t.Skip("builds")
	}
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	t.Setenv("GOCACHE", strings.TrimSpace(string(out)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(Env, "")
	for _, arch := range []string{"amd64", "arm64"} {
		a, err := Find(t.Context(), "linux", arch)
		require.NoError(t, err)
		require.Equal(t, "built from the module here", a.How)
		require.NoError(t, checkAgent(a.Path, "linux", arch))
		again, err := Find(t.Context(), "linux", arch)
		require.NoError(t, err)
		require.Equal(t, a, again)
	}
}

// Another CPU's program lies elsewhere in GOPATH; it is installed once, and anew when what was kept is spoiled.
func TestInstalledForAnotherCPU(t *testing.T) {
	f := fakes(t)
	f.goarch, f.own.Installable = "s390x", "v1.0.0"
	require.NotEqual(t, f.goarch, runtime.GOARCH)
	fakeGo(t, `[ $1 = env ] && echo /modules
[ $1 = install ] && mkdir -p "$GOPATH/bin/linux_s390x" && echo agent > "$GOPATH/bin/linux_s390x/schism-agent"
[ $1 != list ]
`)
	a, err := f.find(t.Context(), f.ways())
	require.NoError(t, err)
	require.Equal(t, "installed as v1.0.0", a.How)

	script := os.Getenv("PATH")
	t.Setenv("PATH", "") // what is kept needs no Go
	again, err := f.find(t.Context(), f.ways())
	require.NoError(t, err)
	require.Equal(t, a, again)

	require.NoError(t, os.WriteFile(a.Path, []byte("spoiled"), 0o755))
	_, err = f.find(t.Context(), f.ways())
	require.ErrorContains(t, err, "go install: no Go in PATH")
	t.Setenv("PATH", script)
	again, err = f.find(t.Context(), f.ways())
	require.NoError(t, err)
	require.Equal(t, a, again)
}
