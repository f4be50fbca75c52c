//go:build linux

package agent_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
)

// node is an agent in a container of the server's image, reached as the harness reaches it: over the attach stream.
type node struct {
	*wire.Conn
	t    testing.TB
	id   string
	addr string

	mu      sync.Mutex
	batches []*history.Batch
	log     bytes.Buffer
	lost    []string
	stderr  bytes.Buffer
}

// rig is what the nodes of a test share.
type rig struct {
	t      testing.TB
	docker *client.Client
	net    string
	agent  []byte
	base   int64
	count  int32
}

const testLabel = "schism-agent-test"

// oldImage is a server before 7.0, which only one test wants.
const oldImage = "schism/redis:6.0"

// image is the server's; SCHISM_TEST_IMAGE names another.
func image() string {
	if v := os.Getenv("SCHISM_TEST_IMAGE"); v != "" {
		return v
	}
	return "schism/redis:7.0"
}

// serverBinary is the server's program in the image.
func serverBinary() string {
	for _, name := range []string{"valkey", "redict"} {
		if strings.Contains(image(), name) {
			return name + "-server"
		}
	}
	return "redis-server"
}

// buildAgent builds the agent once for all tests.
var buildAgent = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "schism-agent")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "schism-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "../cmd/schism-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build agent: %w: %s", err, out)
	}
	return os.ReadFile(bin)
})

// newRig makes an internal network for the nodes of a test.
func newRig(t testing.TB) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Docker")
	}
	agent, err := buildAgent()
	require.NoError(t, err)
	docker, err := client.New(client.FromEnv)
	require.NoError(t, err)
	r := &rig{t: t, docker: docker, agent: agent}
	_, err = docker.ImageInspect(t.Context(), image())
	if err != nil && image() == oldImage {
		t.Skip("needs the image " + oldImage)
	}
	require.NoError(t, err, "the tests need the image %s; `make test` builds it", image())
	nw, err := docker.NetworkCreate(t.Context(), fmt.Sprintf("%s-%d", testLabel, time.Now().UnixNano()),
		client.NetworkCreateOptions{Internal: true, Labels: map[string]string{testLabel: "1"}})
	require.NoError(t, err)
	r.net = nw.ID
	t.Cleanup(func() {
		_, err := docker.NetworkRemove(context.Background(), r.net, client.NetworkRemoveOptions{})
		require.NoError(t, err)
		_ = docker.Close()
	})
	return r
}

// start starts a container with these capabilities and greets its agent.
func (r *rig) start(caps ...string) *node {
	r.t.Helper()
	return r.startLimited(0, caps...)
}

// startLimited is start with so much memory; 0: no limit.
func (r *rig) startLimited(memory int64, caps ...string) *node {
	t := r.t
	t.Helper()
	ctx := t.Context()
	c, err := r.docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{Image: image(), Entrypoint: []string{"/schism-agent"}, OpenStdin: true, StdinOnce: true,
			AttachStdin: true, AttachStdout: true, AttachStderr: true, Labels: map[string]string{testLabel: "1"}},
		HostConfig: &container.HostConfig{AutoRemove: true, CapAdd: caps, NetworkMode: container.NetworkMode(r.net),
			LogConfig: container.LogConfig{Type: "none"}, Resources: container.Resources{Memory: memory, MemorySwap: memory}},
	})
	require.NoError(t, err)
	n := &node{t: t, id: c.ID}
	t.Cleanup(func() { n.remove(r.docker) })
	_, err = r.docker.CopyToContainer(ctx, c.ID, client.CopyToContainerOptions{DestinationPath: "/", Content: tarOf(t, r.agent)})
	require.NoError(t, err)
	n.attach(r.docker)
	_, err = r.docker.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
	var h wire.Hello
	n.call(wire.OpHello, wire.HelloArgs{Source: r.count, Base: r.base}, &h)
	require.NotEmpty(t, h.Addr)
	r.base, n.addr = h.Base, h.Addr
	r.count++
	return n
}

func tarOf(t testing.TB, agent []byte) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "schism-agent", Mode: 0o755, Size: int64(len(agent))}))
	_, err := w.Write(agent)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &b
}

// halfCloser ends the container's input and leaves its output readable.
type halfCloser struct{ *client.HijackedResponse }

func (h halfCloser) Write(b []byte) (int, error) { return h.Conn.Write(b) }
func (h halfCloser) Close() error                { return h.CloseWrite() }

func (n *node) attach(docker *client.Client) {
	n.t.Helper()
	a, err := docker.ContainerAttach(n.t.Context(), n.id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	require.NoError(n.t, err)
	r, w := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(w, &n.stderr, a.Reader)
		_ = w.CloseWithError(err)
	}()
	n.Conn = wire.NewConn(r, halfCloser{&a.HijackedResponse}, wire.Handler{Node: n.id[:8], OnRecords: n.onRecords,
		OnLog:  func(b []byte) { n.mu.Lock(); n.log.Write(b); n.mu.Unlock() },
		OnLost: func(s string) { n.mu.Lock(); n.lost = append(n.lost, s); n.mu.Unlock() }})
}

// patience is how long a test waits for what must come, however busy the machine is.
const patience = time.Minute

func (n *node) onRecords(b []byte, _ uint64) {
	batch, err := history.DecodeBatch(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.lost = append(n.lost, err.Error())
		return
	}
	n.batches = append(n.batches, batch)
}

// gone waits until the container is no more.
func (n *node) gone(docker *client.Client, within time.Duration) bool {
	deadline := time.Now().Add(within)
	for {
		_, err := docker.ContainerInspect(context.Background(), n.id, client.ContainerInspectOptions{})
		if err != nil {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// remove closes the connection and waits until the container is gone, without help.
func (n *node) remove(docker *client.Client) {
	if n.Conn != nil {
		_ = n.Conn.Close()
		require.Empty(n.t, n.lost)
	}
	if n.t.Failed() {
		n.t.Logf("node %s: stderr %q, log:\n%s", n.id[:8], n.stderr.String(), n.log.String())
	}
	if !n.gone(docker, patience) {
		_, _ = docker.ContainerRemove(context.Background(), n.id, client.ContainerRemoveOptions{Force: true})
		n.t.Errorf("container %s outlived its agent's input", n.id[:8])
	}
}

func (n *node) call(op wire.Op, args, out any) wire.Stamps {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	st, err := n.Call(ctx, op, args, out)
	require.NoError(n.t, err)
	return st
}

// refused calls and wants the error with this code.
func (n *node) refused(op wire.Op, args any, code string) *wire.RemoteError {
	n.t.Helper()
	_, err := n.Call(n.t.Context(), op, args, nil)
	var re *wire.RemoteError
	require.ErrorAs(n.t, err, &re)
	require.Equal(n.t, code, re.Code, re.Msg)
	return re
}

// serve sets a server up with these config lines, starts it and waits for its PONG.
func (n *node) serve(lines string, argv ...string) wire.Proc {
	n.t.Helper()
	args := append([]string{serverBinary(), "/data/test.conf"}, argv...)
	n.call(wire.OpSetup, wire.SetupArgs{Files: map[string]string{"/data/test.conf": "dir /data\nprotected-mode no\n" + lines}, Argv: args, Dir: "/data"}, nil)
	var p wire.Proc
	n.call(wire.OpStart, nil, &p)
	require.NotZero(n.t, p.Pid)
	n.pong()
	return p
}

func (n *node) pong() {
	n.t.Helper()
	n.until("PONG", func() bool {
		var r wire.RedisReply
		_, err := n.Call(n.t.Context(), wire.OpRedis, wire.RedisArgs{Args: []string{"PING"}, TimeoutMS: 500}, &r)
		return err == nil && string(r.Value) == `"PONG"`
	})
}

// until polls.
func (n *node) until(what string, cond func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		require.True(n.t, time.Now().Before(deadline), "waited in vain for %s", what)
		time.Sleep(2 * time.Millisecond)
	}
}

// redis sends a command that must succeed and returns its reply as JSON.
func (n *node) redis(args ...string) string {
	n.t.Helper()
	var r wire.RedisReply
	n.call(wire.OpRedis, wire.RedisArgs{Args: args}, &r)
	require.Empty(n.t, r.Err, "%v", args)
	return string(r.Value)
}

// version is the server's, as a worker's job has it.
func (n *node) version() string {
	n.t.Helper()
	return field(n.redis("INFO", "server"), "redis_version")
}

func (n *node) signal(sig int, children bool) wire.Proc {
	n.t.Helper()
	var p wire.Proc
	n.call(wire.OpSignal, wire.SignalArgs{Signal: sig, Children: children}, &p)
	return p
}

// seen calls f with all batches so far.
func (n *node) seen(f func([]*history.Batch) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return f(n.batches)
}

func (n *node) samples() []history.Sample {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []history.Sample
	for _, b := range n.batches {
		out = append(out, b.Samples...)
	}
	return out
}

func (n *node) events(kind history.EventKind) []history.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []history.Event
	for _, b := range n.batches {
		for _, e := range b.Events {
			if e.Kind == kind {
				out = append(out, e)
			}
		}
	}
	return out
}

func (n *node) dumps() map[string]history.Dump {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]history.Dump{}
	for _, b := range n.batches {
		for _, d := range b.Dumps {
			if old, ok := out[d.Key]; ok && d.Part > 1 {
				d.Elems = append(old.Elems, d.Elems...)
			}
			out[d.Key] = d
		}
	}
	return out
}
