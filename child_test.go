package schism_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// child is schism run as a process of its own.
type child struct {
	cmd *exec.Cmd
	out bytes.Buffer
	dir string // artifacts
}

func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	return startChildIn(t, filepath.Join(t.TempDir(), "artifacts"), args...)
}

func startChildIn(t *testing.T, artifacts string, args ...string) *child {
	t.Helper()
	c := newChildIn(t, artifacts, args...)
	require.NoError(t, c.cmd.Start())
	return c
}

// newChild is one that is not started yet.
func newChild(t *testing.T, args ...string) *child {
	t.Helper()
	return newChildIn(t, filepath.Join(t.TempDir(), "artifacts"), args...)
}

func newChildIn(t *testing.T, artifacts string, args ...string) *child {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real servers")
	}
	bin := filepath.Join(t.TempDir(), "schism")
	out, err := exec.Command("go", "build", "-o", bin, "./cmd/schism").CombinedOutput()
	require.NoError(t, err, string(out))
	c := &child{dir: artifacts}
	c.cmd = exec.Command(bin, append([]string{"run"}, append(args, "-runs", c.dir)...)...)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	t.Cleanup(func() {
		if c.cmd.Process != nil {
			_ = c.cmd.Process.Kill()
		}
	})
	return c
}

// untilFault waits until the run's folder holds faults that took effect, and returns the folder.
func (c *child) untilFault(t *testing.T) string {
	t.Helper()
	return c.until(t, "no fault took effect", func(b *history.Batch) bool {
		return slices.ContainsFunc(b.Faults, func(f history.Fault) bool { return f.Effect > 0 })
	})
}

// untilLoad waits until clients have been served.
func (c *child) untilLoad(t *testing.T) string {
	t.Helper()
	return c.until(t, "no operation was recorded", func(b *history.Batch) bool { return len(b.Ops) > 0 })
}

func (c *child) until(t *testing.T, not string, seen func(*history.Batch) bool) string {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		dirs, err := filepath.Glob(filepath.Join(c.dir, "*", "*", "2*"))
		require.NoError(t, err)
		if len(dirs) == 1 {
			found := false
			_, _ = history.Scan(filepath.Join(dirs[0], history.HistoryFile), func(b *history.Batch) error {
				found = found || seen(b)
				return nil
			})
			if found {
				return dirs[0]
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(not+" within a minute: ", c.out.String())
	return ""
}

// exit waits for its end and returns its exit code and the run's folder.
func (c *child) exit(t *testing.T) (code int, dir string) {
	t.Helper()
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	dirs, err := filepath.Glob(filepath.Join(c.dir, "*", "*", "2*"))
	require.NoError(t, err)
	require.Len(t, dirs, 1, c.out.String())
	return c.cmd.ProcessState.ExitCode(), dirs[0]
}

// left lists the engine's containers or networks of a run.
func left(t *testing.T, kind, run string) string {
	t.Helper()
	args := map[string][]string{"containers": {"ps", "-aq", "--filter", "name=schism-" + run}, "networks": {"network", "ls", "-q", "--filter", "name=schism-" + run}}[kind]
	out, err := exec.Command("docker", args...).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

func runID(t *testing.T, dir string) string {
	t.Helper()
	run, err := history.LoadRun(dir)
	require.NoError(t, err)
	return run.ID
}

// node is the container of a run's node.
func node(t *testing.T, run, name string) string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-q", "--filter", "label=schism.run="+run, "--filter", "label=schism.node="+name).Output()
	require.NoError(t, err)
	require.NotEmpty(t, out, "%s has no container", name)
	return strings.TrimSpace(string(out))
}

// command runs a program to its end.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}
