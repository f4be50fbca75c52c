package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxBinary is the size that one binary with two agents may have, in bytes.
const maxBinary = 40e6

const testCommit = "0123456789abcdef0123456789abcdef01234567"

// built makes the targets in a copy of the sources and gives its folder.
func built(t *testing.T, targets ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds, and starts containers")
	}
	dir := t.TempDir()
	copyTree(t, dir)
	output(t, dir, nil, "make", append(targets, "VERSION=v0.9.0", "COMMIT="+testCommit, "TARGETS=linux/"+runtime.GOARCH)...)
	return dir
}

// What make builds is small enough, has its agents inside, and needs nothing but an engine.
func TestBuildRunsWithoutGo(t *testing.T) {
	dir := built(t, "build")
	bin := filepath.Join(dir, "bin", "schism")
	info, err := os.Stat(bin)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(maxBinary))
	b := healthy(t, bare(t), bin)
	require.Equal(t, "v0.9.0", b.Version)
	require.Equal(t, testCommit, b.Commit)
	require.Equal(t, runtime.Version(), b.Go)
	require.Equal(t, "embedded in this program", b.AgentHow)
	require.Contains(t, string(output(t, t.TempDir(), bare(t), bin, "doctor")), "v0.9.0, commit 0123456789ab")

	// A folder is no agent: it would be copied into every container.
	empty := t.TempDir()
	cmd := exec.CommandContext(t.Context(), bin, "run", "healthy")
	cmd.Dir, cmd.Env = empty, append(bare(t), "SCHISM_AGENT="+empty)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 64, exit.ExitCode(), "%s", said)
	require.Contains(t, string(said), "SCHISM_AGENT="+empty+" is not used: it is a folder")
	runs, err := filepath.Glob(filepath.Join(empty, "artifacts", "healthy", "*", "*", "run.json"))
	require.NoError(t, err)
	require.Empty(t, runs)
}

// The same sources in another folder give the same bytes.
func TestReleaseIsReproducible(t *testing.T) {
	var sums [2]string
	for i := range sums {
		dir := built(t, "release")
		b, err := os.ReadFile(filepath.Join(dir, "bin", "release", "SHA256SUMS"))
		require.NoError(t, err)
		sums[i] = string(b)
		require.Equal(t, "schism-linux-"+runtime.GOARCH, strings.Fields(sums[i])[1])
	}
	require.Equal(t, sums[0], sums[1])
}

// The image does the same through the engine's socket, as a user without rights but the socket's group's.
func TestImage(t *testing.T) {
	image := fmt.Sprintf("schism:test-%d", os.Getpid())
	built(t, "image", "IMAGE="+image)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", image).Run() })
	socket := "/var/run/docker.sock"
	if h, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		socket = h
	}
	group := strings.TrimSpace(string(output(t, "", nil, "docker", "run", "--rm", "-v", socket+":/s:ro", "--entrypoint", "stat", "schism/redis:7.0", "-c", "%g", "/s")))
	artifacts := t.TempDir()
	require.NoError(t, os.Chmod(artifacts, 0o777))
	args := []string{"run", "--rm", "--group-add", group, "-v", socket + ":/var/run/docker.sock", "-v", artifacts + ":/artifacts"}
	if uid := os.Getuid(); uid != 0 { // so that this test's user can remove what it wrote
		args = append(args, "--user", fmt.Sprint(uid))
	}
	out := output(t, "", nil, "docker", append(args, image, "run", "healthy", "-duration", "3s")...)
	require.Contains(t, string(out), "PASS  healthy")
	require.Equal(t, "embedded in this program", recorded(t, artifacts).AgentHow)
	user := output(t, "", nil, "docker", "image", "inspect", "--format", "{{.Config.User}}", image)
	require.Equal(t, "65532:65532\n", string(user))
}

// go install makes a schism that runs from an empty folder: static, it is its own agent; with cgo it installs the one of its version.
func TestInstalledFromAModuleProxy(t *testing.T) {
	if testing.Short() {
		t.Skip("builds, and starts containers")
	}
	const v = "v0.9.1"
	cache := strings.TrimSpace(string(output(t, "", nil, "go", "env", "GOMODCACHE")))
	upstream := strings.TrimSpace(string(output(t, "", nil, "go", "env", "GOPROXY")))
	// A module cache of its own, so that this version stays here; the user's serves as a proxy for everything else.
	env := append(os.Environ(), "GOMODCACHE="+t.TempDir(), "GOPROXY="+proxy(t, v)+",file://"+filepath.ToSlash(cache)+"/cache/download,"+upstream,
		"GONOSUMDB=github.com/schismtest/schism", "GOFLAGS=-modcacherw -trimpath", "XDG_CACHE_HOME="+t.TempDir(),
		"GOCACHE="+strings.TrimSpace(string(output(t, "", nil, "go", "env", "GOCACHE"))))
	for _, c := range []struct{ cgo, how string }{{"0", "this program itself"}, {"1", "installed as " + v}} {
		t.Run("cgo="+c.cgo, func(t *testing.T) {
			if _, err := exec.LookPath("gcc"); err != nil && c.cgo == "1" {
				t.Skip("no C compiler")
			}
			bin := t.TempDir()
			output(t, t.TempDir(), append(env, "GOBIN="+bin, "CGO_ENABLED="+c.cgo), "go", "install", "github.com/schismtest/schism/cmd/schism@"+v)
			b := healthy(t, append(env, "CGO_ENABLED="+c.cgo), filepath.Join(bin, "schism"))
			require.Equal(t, v, b.Version)
			require.Equal(t, c.how, b.AgentHow)
		})
	}
}
