// Package redistest starts real servers on loopback for tests: a binary of this machine where there is one, else a container of the
// image that schism itself uses.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// Image is started where no server is installed. SCHISM_TEST_IMAGE names another.
const Image = "schism/redis:7.0"

// Server is a running server.
type Server struct {
	Addr string
	// Client is a client of the test's own, apart from what it tests.
	Client *redis.Client

	cmd    *exec.Cmd
	output *bytes.Buffer
	dir    string
	argv   []string
}

// Start starts a server with these arguments beyond its port and ends it with the test. It skips the test with -short.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	argv := append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0"}, args...)
	s := &Server{Addr: addr, output: &bytes.Buffer{}, dir: t.TempDir(), argv: argv}
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
	Poll(t, 20*time.Second, "the replica's link to be up", func() bool {
		info, err := r.Client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	Poll(t, 20*time.Second, "the master to count the replica", func() bool {
		n, err := s.Client.Wait(ctx, 1, 100*time.Millisecond).Result()
		return err == nil && n >= 1
	})
	return r
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
	Poll(t, 20*time.Second, "the server to answer: "+fmt.Sprint(s.cmd.Args), func() bool {
		return s.Client.Ping(context.Background()).Err() == nil
	})
}

// Kill ends the server at once.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// Restart starts a server that was killed again, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.run(t)
	s.waitUp(t)
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	if path := binary(); path != "" {
		s.cmd = exec.Command(path, s.argv...)
		s.cmd.Args[0] = "redis-server" // Debian's redis-check-rdb is the same program
	} else {
		image := os.Getenv("SCHISM_TEST_IMAGE")
		if image == "" {
			image = Image
		}
		run := []string{"run", "--rm", "-i", "--log-driver", "none", "--network", "host", "--entrypoint", "redis-server", image}
		s.cmd = exec.Command("docker", append(run, s.argv...)...)
	}
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	require.NoError(t, s.cmd.Start())
}

// Signal sends a signal to the server's process; only where it is no container.
func (s *Server) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(sig))
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
