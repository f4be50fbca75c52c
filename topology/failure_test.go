package topology

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/wire"
)

func TestConfigLineThatTheServerDoesNotTake(t *testing.T) {
	for _, c := range []struct {
		name, node string
		spec       Spec
	}{
		{"of all servers", "n1", Spec{Config: []string{"maxmemori 1mb"}}},
		{"of a replica", "n2", Spec{Kind: KindReplicas, Replicas: 1, NodeConfig: map[string][]string{"n2": {"maxmemori 1mb"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, c.spec)
			_, err := Start(t.Context(), o)
			var ce *ConfigError
			require.ErrorAs(t, err, &ce)
			require.Equal(t, c.node, ce.Node)
			require.Equal(t, "maxmemori 1mb", ce.Line)
			require.NotEmpty(t, ce.Complaint)
			require.NotContains(t, err.Error(), "\n", "it is one line")
			requireNothingLeft(t, o.RunID)
		})
	}
}

func TestConfigLineOfSentinel(t *testing.T) {
	o := options(t, Spec{Kind: KindSentinel, Replicas: 1, Sentinels: 1, NodeConfig: map[string][]string{"s1": {"sentinel nonsense yes"}}})
	_, err := Start(t.Context(), o)
	var ce *ConfigError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, "s1", ce.Node)
	require.Equal(t, "sentinel nonsense yes", ce.Line)
	requireNothingLeft(t, o.RunID)
}

func TestImageThatIsNotThere(t *testing.T) {
	o := options(t, Spec{})
	o.Image = Image{Ref: "schism-test/no-such-image:1"}
	_, err := Start(t.Context(), o)
	var ie *ImageError
	require.ErrorAs(t, err, &ie)
	require.ErrorContains(t, err, "image schism-test/no-such-image:1: Docker does not have it")
	requireNothingLeft(t, o.RunID)
}

func TestImageThatIsNoServer(t *testing.T) {
	o := options(t, Spec{})
	o.Image = Image{Ref: emptyImage(t)}
	_, err := Start(t.Context(), o)
	var ie *ImageError
	require.ErrorAs(t, err, &ie)
	require.Contains(t, ie.Text, "it holds no Redis server; looked for redis-server")
	requireNothingLeft(t, o.RunID)

	o.Image.Binary = agentPath // a program, but no server
	_, err = Start(t.Context(), o)
	require.ErrorAs(t, err, &ie)
	require.Contains(t, ie.Text, "is no Redis server")
	requireNothingLeft(t, o.RunID)
}

// emptyImage makes an image with nothing in it for the time of the test.
func emptyImage(t *testing.T) string {
	t.Helper()
	e, err := connect(t.Context())
	require.NoError(t, err)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o777}))
	require.NoError(t, w.Close())
	const ref = "schism-test/empty:1"
	res, err := e.cli.ImageImport(t.Context(), client.ImageImportSource{Source: &b, SourceName: "-"}, ref, client.ImageImportOptions{})
	require.NoError(t, err)
	require.NoError(t, res.Close())
	t.Cleanup(func() {
		_, err := e.cli.ImageRemove(context.Background(), ref, client.ImageRemoveOptions{})
		require.NoError(t, err)
		require.NoError(t, e.close())
	})
	return ref
}

func TestAgentThatCannotRun(t *testing.T) {
	o := options(t, Spec{})
	o.AgentPath = filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(o.AgentPath, []byte("nonsense"), 0o755))
	_, err := Start(t.Context(), o)
	var se *StartError
	require.ErrorAs(t, err, &se)
	require.ErrorContains(t, err, "start n1: its agent does not answer")
	require.Contains(t, se.Log, "exec format error")
	requireNothingLeft(t, o.RunID)
}

// An agent of another build is told from one that is to be had, not misread.
func TestAgentOfAnotherBuild(t *testing.T) {
	o := options(t, Spec{})
	dir, messages := t.TempDir(), "../wire/messages.go"
	b, err := os.ReadFile(messages)
	require.NoError(t, err)
	old := strings.Replace(string(b), fmt.Sprintf("const Proto = %d\n", wire.Proto), "const Proto = 1\n", 1)
	require.NotEqual(t, string(b), old)
	path, err := filepath.Abs(messages)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "messages.go")}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "messages.go"), []byte(old), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644))
	o.AgentPath = filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", o.AgentPath, "../cmd/schism-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "speaks version 1 of the protocol, this schism version "+strconv.Itoa(wire.Proto))
	requireNothingLeft(t, o.RunID)
}

// An agent that may not be run from where it is mounted is copied.
func TestAgentThatCannotBeMounted(t *testing.T) {
	o := options(t, Spec{})
	b, err := os.ReadFile(o.AgentPath)
	require.NoError(t, err)
	o.AgentPath = filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(o.AgentPath, b, 0o644))
	d := start(t, o)
	require.False(t, d.bind)
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	o := options(t, Spec{Kind: KindReplicas, Replicas: 1})
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 400 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, errors.New("enough"))
		_, err := Start(ctx, o)
		cancel()
		require.Error(t, err)
		requireNothingLeft(t, o.RunID)
	}
}

func TestLostAgentIsNoticed(t *testing.T) {
	d := start(t, options(t, Spec{}))
	require.NoError(t, d.LostErr())
	_, err := d.engine.cli.ContainerKill(t.Context(), d.Nodes[0].id, client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(t, err)
	select {
	case <-d.Lost():
	case <-time.After(time.Minute):
		t.Fatal("nobody noticed")
	}
	require.ErrorContains(t, d.LostErr(), "n1: its agent ended in the middle of the run")
}

// The host of the engine is settled once for a process, so one without an engine is a process of its own.
func TestWithoutEngine(t *testing.T) {
	if os.Getenv(helperEnv) != "" {
		_, err := Start(t.Context(), Options{AgentPath: "agent"})
		var ee *EngineError
		require.ErrorAs(t, err, &ee)
		require.EqualError(t, err, "no Docker answers at "+os.Getenv("DOCKER_HOST")+"; correct DOCKER_HOST, or unset it")
		require.ErrorAs(t, Sweep(t.Context()), &ee)
		return
	}
	for _, host := range []string{"unix:///nonexistent.sock", "tcp://127.0.0.1:1"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutEngine$", "-test.v")
		cmd.Env = append(os.Environ(), helperEnv+"=engine", "DOCKER_HOST="+host)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, 1, strings.Count(string(out), "--- PASS"), "%s", out)
	}
}
