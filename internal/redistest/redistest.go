// Package redistest starts real servers on loopback for tests: a binary of this machine where there is one, else a container of the
// image that schism itself uses. With SCHISM_TEST_IMAGE it is always a container, of that image.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// Image is started where no server is installed.
const Image = "schism/redis:7.0"

// Server is a running server.
type Server struct {
	Addr string
	// Client is a client of the test's own, apart from what it tests.
	Client *redis.Client

	// Dir is its working directory.
	Dir string

	mu        sync.Mutex
	cmd       *exec.Cmd
	container string
	output    *bytes.Buffer
	argv      []string
}

// Start starts a server with these arguments beyond its port and ends it with the test. It skips the test with -short.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	args = append([]string{"--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0"}, args...)
	return begin(t, t.TempDir(), args...)
}

func begin(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	return beginAt(t, freeAddr(t), dir, args...)
}

func beginAt(t testing.TB, addr, dir string, args ...string) *Server {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	var argv []string
	if len(args) > 0 && !strings.HasPrefix(args[0], "--") { // a config file comes first
		argv, args = args[:1:1], args[1:]
	}
	argv = append(append(argv, "--port", port, "--bind", "127.0.0.1"), args...)
	s := &Server{Addr: addr, Dir: dir, output: &bytes.Buffer{}, argv: argv}
	s.run(t)
	t.Cleanup(func() { s.Kill() })
	s.Client = redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	t.Cleanup(func() { s.Client.Close() })
	s.waitUp(t)
	return s
}

// Replica starts a replica of s and waits until its link is up and data flows.
func (s *Server) Replica(t testing.TB, args ...string) *Server {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Addr)
	require.NoError(t, err)
	r := Start(t, append([]string{"--replicaof", "127.0.0.1 " + port}, args...)...)
	ctx := context.Background()
	Poll(t, time.Minute, "the replica's link to be up", func() bool {
		info, err := r.Client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	Poll(t, time.Minute, "the master to count the replica", func() bool {
		n, err := s.Client.Wait(ctx, 1, 100*time.Millisecond).Result()
		return err == nil && n >= 1
	})
	return r
}

// program is what the server is called in an image.
func program(image string) string {
	for _, name := range []string{"valkey", "redict"} {
		if strings.Contains(image, name) {
			return name + "-server"
		}
	}
	return "redis-server"
}

func binary() string {
	for _, name := range []string{"redis-server", "valkey-server", "redis-check-rdb"} {
		if p, err := exec.LookPath(name); err == nil {
			if p, err = filepath.EvalSymlinks(p); err == nil {
				return p
			}
		}
	}
	return ""
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (s *Server) waitUp(t testing.TB) {
	t.Helper()
	Poll(t, time.Minute, "the server to answer: "+fmt.Sprint(s.cmd.Args), func() bool {
		return s.Client.Ping(context.Background()).Err() == nil
	})
}

// Kill ends the server at once.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd.ProcessState != nil {
		return
	}
	if s.container != "" {
		exec.Command("docker", "rm", "-f", s.container).Run()
	} else {
		s.cmd.Process.Kill()
	}
	s.cmd.Wait()
}

// Restart starts a server that was killed again, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.run(t)
	s.waitUp(t)
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	image := os.Getenv("SCHISM_TEST_IMAGE")
	if path := binary(); path != "" && image == "" {
		s.cmd = exec.Command(path, s.argv...)
		s.cmd.Args[0] = "redis-server" // Debian's redis-check-rdb is the same program
	} else {
		if image == "" {
			image = Image
		}
		s.container = "schism-test-" + strings.ReplaceAll(s.Addr, ":", "-")
		run := []string{"run", "--rm", "-i", "--name", s.container, "--log-driver", "none", "--network", "host",
			"--volume", s.Dir + ":" + s.Dir, "--workdir", s.Dir, "--entrypoint", program(image), image}
		s.cmd = exec.Command("docker", append(run, s.argv...)...)
	}
	s.cmd.Dir = s.Dir
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	require.NoError(t, s.cmd.Start())
}

// Signal sends a signal to the server's process.
func (s *Server) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if s.container != "" {
		require.NoError(t, exec.Command("docker", "kill", "--signal", strconv.Itoa(int(sig)), s.container).Run())
		return
	}
	require.NoError(t, s.cmd.Process.Signal(sig))
}

// Sentinel starts a Sentinel that watches s as the master "m" and fails over by itself after half a second.
func (s *Server) Sentinel(t testing.TB) *Server {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	require.NoError(t, err)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor m %s %s 1\nsentinel down-after-milliseconds m 500\nsentinel failover-timeout m 2000\n", host, port)
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o666))
	return begin(t, filepath.Dir(conf), conf, "--sentinel")
}

// Poll waits until ok, and fails the test with what it waited for when that takes longer than d.
func Poll(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	for !ok() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain for "+what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
