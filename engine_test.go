package schism_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/wire"
)

// proxy stands before the engine: it can be slow, or gone.
type proxy struct {
	l     net.Listener
	delay atomic.Int64 // ns before a connection is passed on
	mu    sync.Mutex
	gone  bool
	conns []net.Conn
	wg    sync.WaitGroup
}

// startProxy lets the processes of this test meet the engine by a socket of its own.
func startProxy(t *testing.T) *proxy {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real servers")
	}
	real := "/var/run/docker.sock"
	if _, err := os.Stat(real); err != nil || os.Getenv("DOCKER_HOST") != "" {
		t.Skip("the engine does not answer at its usual socket")
	}
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Setenv("DOCKER_HOST", "unix://"+path)
	p := &proxy{l: l}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Add(1)
			go func() {
				defer p.wg.Done()
				p.pass(c, real)
			}()
		}
	}()
	t.Cleanup(func() { p.cut(); p.wg.Wait() })
	return p
}

func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return !p.gone
}

func (p *proxy) pass(c net.Conn, to string) {
	defer c.Close()
	e, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer e.Close()
	if !p.keep(c) || !p.keep(e) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(c, e)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if d := p.delay.Load(); d > 0 && n > 3 && (string(buf[:4]) == "GET " || string(buf[:4]) == "POST" || string(buf[:4]) == "DELE" || string(buf[:4]) == "HEAD") {
			time.Sleep(time.Duration(d)) // the engine takes its time for each request
		}
		if _, werr := e.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	_ = e.(*net.UnixConn).CloseWrite()
	<-done
}

// cut ends the engine, as far as this test's processes can see.
func (p *proxy) cut() {
	_ = p.l.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// The engine dies in the middle of a run: one sentence names it, nothing is judged, what was recorded stays, and the next start removes
// what is left.
func TestHarnessWithoutItsEngine(t *testing.T) {
	p := startProxy(t)
	c := startChild(t, "split-brain", "-seed", "8")
	dir := c.untilFault(t)
	p.cut()
	code, _ := c.exit(t)
	out := strings.Join(strings.Fields(c.out.String()), " ") // lines are broken at 80 columns
	require.Equal(t, schism.ExitError, code, out)
	require.Contains(t, out, "Docker stopped answering in the middle of the run")
	require.NotContains(t, out, "%2F", "no raw requests")
	require.NotContains(t, out, "VIOLATION")
	id := runID(t, dir)
	h, err := history.Load(dir)
	require.NoError(t, err)
	require.Positive(t, h.Ops.Len(), "what was recorded stays")
	require.NoError(t, os.Unsetenv("DOCKER_HOST"))
	require.Eventually(t, func() bool { return left(t, "containers", id) == "" }, time.Minute, 200*time.Millisecond, "the containers go by themselves")
	require.NoError(t, topology.Sweep(t.Context()))
	require.Empty(t, left(t, "networks", id))
}

// An engine that takes two seconds for each answer makes a run slower, and nothing else.
func TestHarnessWithASlowEngine(t *testing.T) {
	p := startProxy(t)
	p.delay.Store((2 * time.Second).Nanoseconds())
	c := startChild(t, "healthy", "-seed", "8", "-duration", "3s", "-replicas", "1", "-rate", "500")
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitPass, code, c.out.String())
	require.NoError(t, os.Unsetenv("DOCKER_HOST"))
	require.Empty(t, left(t, "containers", runID(t, dir)))
	require.Empty(t, left(t, "networks", runID(t, dir)))
}

// A container that somebody kills from outside: its name is said, and nothing is judged.
func TestHarnessLosesAContainer(t *testing.T) {
	for i, name := range []string{"w1", "n2"} { // a client's, whose records it takes along, and a server's
		c := startChild(t, "split-brain", "-seed", strconv.Itoa(90+i))
		dir := c.untilFault(t)
		command(t, "docker", "kill", node(t, runID(t, dir), name))
		code, _ := c.exit(t)
		out := strings.Join(strings.Fields(c.out.String()), " ") // lines are broken at 80 columns
		require.Equal(t, schism.ExitError, code, out)
		require.Contains(t, out, "the container of "+name+" ended in the middle of the run")
		require.NotContains(t, out, "%2F")
		require.Empty(t, left(t, "containers", runID(t, dir)))
		require.Empty(t, left(t, "networks", runID(t, dir)))
		checked, err := schism.Check(t.Context(), dir)
		require.NoError(t, err)
		require.Equal(t, result.Error, checked.Result.Verdict)
	}
}

// A container that the engine pauses answers nobody: it takes neither the budget of cleaning nor the others' containers along.
func TestHarnessWithAPausedContainer(t *testing.T) {
	c := startChild(t, "split-brain", "-seed", "10")
	dir := c.untilFault(t)
	command(t, "docker", "pause", node(t, runID(t, dir), "n3"))
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
	began := time.Now()
	code, _ := c.exit(t)
	require.Equal(t, schism.ExitError, code, c.out.String())
	require.Less(t, time.Since(began), schism.EndTime)
	require.Empty(t, left(t, "containers", runID(t, dir)))
	require.Empty(t, left(t, "networks", runID(t, dir)))
}

// The harness stands still, and goes on: the run decides nothing.
func TestHarnessThatStandsStill(t *testing.T) {
	c := startChild(t, "healthy", "-seed", "11", "-duration", "12s")
	c.untilLoad(t)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(7 * time.Second) // what is measured
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitUnknown, code, c.out.String())
	require.Contains(t, strings.Join(strings.Fields(c.out.String()), " "), "the harness stood still for")
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, result.Unknown, out.Result.Verdict)
}

// It stands still for longer than agents wait: they have ended, what they had sent is kept, and nobody is accused of it.
func TestHarnessThatStandsStillTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	t.Parallel()
	c := startChild(t, "healthy", "-seed", "15", "-duration", "12s", "-rate", "500")
	c.untilLoad(t)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(wire.IdleLimit + 5*time.Second) // what is measured
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitError, code, c.out.String())
	require.Contains(t, strings.Join(strings.Fields(c.out.String()), " "), "the harness stood still for 1m")
	require.Empty(t, left(t, "containers", runID(t, dir)))
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, result.Error, out.Result.Verdict)
	require.Positive(t, out.Result.Writes.Acked)
}

// A terminal that goes away, and a reader that does: the run heals, or goes on to its end.
func TestHarnessThatNobodyListensTo(t *testing.T) {
	c := startChild(t, "healthy", "-seed", "12", "-duration", "20s", "-rate", "500")
	c.untilLoad(t)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGHUP))
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitError, code, c.out.String())
	require.FileExists(t, filepath.Join(dir, "report.html"))
	require.Empty(t, left(t, "containers", runID(t, dir)))

	r, w, err := os.Pipe()
	require.NoError(t, err)
	c = newChild(t, "healthy", "-seed", "13", "-duration", "2s", "-rate", "500")
	c.cmd.Stdout, c.cmd.Stderr = w, w
	require.NoError(t, c.cmd.Start())
	require.NoError(t, w.Close())
	require.NoError(t, r.Close())
	code, dir = c.exit(t)
	require.Equal(t, schism.ExitError, code, "the summary could not be printed")
	require.Empty(t, left(t, "containers", runID(t, dir)))
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, result.Pass, out.Result.Verdict, out.Result.Reasons)
}

// An image that declares volumes: its anonymous volumes go with the containers, those of the look into the image as well.
func TestHarnessLeavesNoVolumes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM schism/redis:7.0\nVOLUME /data /extra /more\n"), 0o644))
	image := fmt.Sprintf("schism-test/volumes:%d", os.Getpid()) // another process' tests may use the same engine
	build := exec.Command("docker", "build", "-q", "-t", image, dir)
	build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { command(t, "docker", "rmi", "-f", image) })
	volumes := func() []string {
		out, err := exec.Command("docker", "volume", "ls", "-q", "--filter", "dangling=true").Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	before := volumes()
	c := startChild(t, "healthy", "-seed", "14", "-image", image, "-duration", "2s", "-rate", "500")
	code, _ := c.exit(t)
	require.Equal(t, schism.ExitPass, code, c.out.String())
	require.Subset(t, before, volumes())
}
