package topology

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// helperEnv makes this test binary a process that is tested from outside.
const helperEnv = "SCHISM_TOPOLOGY_HELPER"

// TestHelperRun is no test: it is the process that TestKilledHarness kills. It tells the run's id when its deployment is up.
func TestHelperRun(t *testing.T) {
	dir := os.Getenv(helperEnv)
	if !filepath.IsAbs(dir) {
		t.SkipNow()
	}
	o := options(t, Spec{Kind: KindReplicas, Replicas: 1})
	lock, err := os.Create(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	defer lock.Close() // never comes to that, but a file that nobody refers to is closed, and its lock with it
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	o.LockFile = lock.Name()
	_, err = Start(t.Context(), o)
	require.NoError(t, err)
	_, err = os.Stdout.WriteString("\nrun " + o.RunID + "\n")
	require.NoError(t, err)
	select {}
}

// A harness that is killed leaves a network, which the next start removes; its containers go by themselves. A run that is alive
// meanwhile stays as it is.
func TestKilledHarness(t *testing.T) {
	if testing.Short() {
		t.Skip("starts containers")
	}
	alive := start(t, options(t, Spec{}))

	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperRun$")
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var run string
	for sc := bufio.NewScanner(out); run == "" && sc.Scan(); {
		run = strings.TrimPrefix(sc.Text(), "run ")
		if run == sc.Text() {
			run = ""
		}
	}
	require.NotEmpty(t, run, "the helper did not start its deployment")
	c, n := left(t, run)
	require.Equal(t, [2]int{3, 1}, [2]int{c, n})
	require.NoError(t, Sweep(t.Context()))
	c, n = left(t, run)
	require.Equal(t, [2]int{3, 1}, [2]int{c, n}, "a live run of another process was touched")

	require.NoError(t, cmd.Process.Kill())
	killed := time.Now()
	_ = cmd.Wait()
	require.Eventually(t, func() bool { c, _ := left(t, run); return c == 0 }, time.Minute, 20*time.Millisecond)
	t.Logf("containers gone after %s", time.Since(killed).Round(time.Millisecond))
	_, n = left(t, run)
	require.Equal(t, 1, n, "the network goes only with a sweep")
	require.NoError(t, Sweep(t.Context()))
	requireNothingLeft(t, run)

	c, n = left(t, alive.opts.RunID)
	require.Equal(t, [2]int{2, 1}, [2]int{c, n})
	var pong string
	require.NoError(t, alive.Nodes[0].redis(t.Context(), &pong, "PING"))
}

func TestSweepTakesOnlyTheDead(t *testing.T) {
	if testing.Short() {
		t.Skip("makes containers")
	}
	dir := t.TempDir()
	free := filepath.Join(dir, "free")
	require.NoError(t, os.WriteFile(free, nil, 0o644))
	held := filepath.Join(dir, "held")
	f, err := os.Create(held)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))

	e, err := connect(t.Context())
	require.NoError(t, err)
	defer e.close()
	for _, c := range []struct {
		run, lock, host string
		goes            bool
	}{
		{own("t-dead"), free, hostID(), true},
		{own("t-alive"), held, hostID(), false},
		{own("t-lock-gone"), filepath.Join(dir, "gone"), hostID(), false}, // for now: it may be a start whose folder was deleted
		{own("t-elsewhere"), free, "elsewhere", false},
		{own("t-no-lock"), "", hostID(), false},
	} {
		create(t, e, c.run, c.lock, c.host)
		require.NoError(t, Sweep(t.Context()))
		n, _ := left(t, c.run)
		require.Equal(t, c.goes, n == 0, c.run)
		require.NoError(t, e.remove(t.Context(), c.run))
	}
	// What belongs to nobody goes when it is old.
	create(t, e, own("t-old"), "", "elsewhere")
	require.NoError(t, e.sweep(t.Context(), &leftover{run: own("t-old"), host: "elsewhere", newest: time.Now().Add(-time.Hour), running: true}))
	n, _ := left(t, own("t-old"))
	require.Equal(t, 1, n, "it runs")
	require.NoError(t, e.sweep(t.Context(), &leftover{run: own("t-old"), host: "elsewhere", newest: time.Now().Add(-time.Hour)}))
	requireNothingLeft(t, own("t-old"))
}

// A dead run's network that cannot be removed keeps nobody from starting.
func TestSweepPassesAForeignContainerBy(t *testing.T) {
	if testing.Short() {
		t.Skip("makes containers")
	}
	free := filepath.Join(t.TempDir(), "free")
	require.NoError(t, os.WriteFile(free, nil, 0o644))
	e, err := connect(t.Context())
	require.NoError(t, err)
	defer e.close()
	run := own("t-foreign")
	create(t, e, run, free, hostID())
	net, err := e.cli.NetworkCreate(t.Context(), "schism-"+run, client.NetworkCreateOptions{Labels: map[string]string{labelRun: run, labelLock: free, labelHost: hostID()}})
	require.NoError(t, err)
	foreign, err := e.cli.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: testImage().Ref, Entrypoint: []string{"sleep", "600"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(net.ID)}})
	require.NoError(t, err)
	t.Cleanup(func() { // before that of create, which removes the network
		require.NoError(t, e.removeContainer(context.Background(), foreign.ID))
	})
	_, err = e.cli.ContainerStart(t.Context(), foreign.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
	require.NoError(t, Sweep(t.Context()))
	n, networks := left(t, run)
	require.Equal(t, [2]int{0, 1}, [2]int{n, networks})
	require.NoError(t, e.removeContainer(t.Context(), foreign.ID))
	require.NoError(t, Sweep(t.Context()))
	requireNothingLeft(t, run)
}

// own is a run's name of this process: another one's tests may use the same engine.
func own(run string) string { return fmt.Sprintf("%s-%d", run, os.Getpid()) }

// create makes a container that is never started.
func create(t *testing.T, e *engine, run, lock, host string) {
	t.Helper()
	_, err := e.cli.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: testImage().Ref, Cmd: []string{"true"},
		Labels: map[string]string{labelRun: run, labelLock: lock, labelHost: host}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.remove(context.Background(), run)) })
}
