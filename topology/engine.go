package topology

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/dockerenv"
)

// engine is the container engine, as far as this package needs it.
type engine struct {
	cli  *testcontainers.DockerClient
	os   string // "linux"
	arch string // as Go calls it
	// local: the engine answers on a socket of this machine, so it probably sees this machine's files.
	local bool
	facts []history.KV
}

// prepareLibrary settles testcontainers' ways for the process, once, since it reads them only once: no reaper (the agents' streams
// hold the containers, and the reaper's image is one more thing to be had), and no log of its own beside the progress line.
// Whoever has set these things keeps what he set.
var prepareLibrary = sync.OnceFunc(func() {
	setDefault := func(name, value string) {
		if _, ok := os.LookupEnv(name); !ok {
			_ = os.Setenv(name, value)
		}
	}
	setDefault("TESTCONTAINERS_RYUK_DISABLED", "true")
	host := os.Getenv("DOCKER_HOST")
	if _, err := os.Stat("/.dockerenv"); err == nil && (host == "" || strings.HasPrefix(host, "unix://")) {
		// The file may be a leftover of how the machine was made; taken for a container, it would be looked for behind a gateway.
		setDefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	tclog.SetDefault(tclog.NewNoopLogger())
})

// connect finds the engine and asks it what it is. Its error is an *EngineError.
func connect(ctx context.Context) (*engine, error) {
	if err := dockerenv.Settle(); err != nil {
		return nil, &EngineError{Text: err.Error()}
	}
	prepareLibrary()
	// The library keeps what the first call in the process found, also that there was nothing because the caller had given up.
	cli, err := testcontainers.NewDockerClientWithOpts(context.WithoutCancel(ctx))
	if err != nil {
		return nil, noEngine(err)
	}
	if host := os.Getenv("DOCKER_HOST"); host != "" && host != cli.DaemonHost() {
		// The library goes on to look for an engine elsewhere; the user has said where it is to be.
		_ = cli.Close()
		return nil, &EngineError{Text: "no Docker answers at " + host, Do: "correct DOCKER_HOST, or unset it"}
	}
	// Info of the library's client is kept from an earlier call; this one must be about now.
	res, err := cli.Client.Info(ctx, client.InfoOptions{})
	if err != nil {
		_ = cli.Close()
		return nil, noEngine(err)
	}
	info := res.Info
	e := &engine{cli: cli, os: info.OSType, arch: goArch(info.Architecture), local: strings.HasPrefix(cli.DaemonHost(), "unix://")}
	if e.os != "linux" {
		_ = cli.Close()
		return nil, &EngineError{Text: fmt.Sprintf("Docker runs %s containers", e.os), Do: "switch it to Linux containers"}
	}
	e.facts = []history.KV{
		{K: "engine", V: fmt.Sprintf("Docker %s on %s, %s", info.ServerVersion, info.OperatingSystem, info.Architecture)},
		{K: "kernel", V: info.KernelVersion},
		{K: "CPUs", V: fmt.Sprint(info.NCPU)},
		{K: "memory", V: fmt.Sprintf("%.1f GiB", float64(info.MemTotal)/(1<<30))},
	}
	return e, nil
}

// gone says that the engine does not answer any more; nil when it does.
func (e *engine) gone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if _, err := e.cli.Client.Ping(ctx, client.PingOptions{}); err != nil {
		return &EngineError{Text: "Docker stopped answering in the middle of the run", Do: "the next start removes what is left of it", Err: err}
	}
	return nil
}

// askTime is how long a busy engine may take to answer at all.
const askTime = 10 * time.Second

func noEngine(err error) error {
	if err := hint(err); err != nil {
		if _, ok := err.(*EngineError); ok {
			return err
		}
	}
	return &EngineError{Text: "Docker does not answer", Do: "start it, or set DOCKER_HOST to where it is", Err: err}
}

// goArch translates what kernels call a CPU.
func goArch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "armv7l", "armv6l":
		return "arm"
	case "i386", "i686":
		return "386"
	}
	return machine
}

// close ends the connections.
func (e *engine) close() error { return e.cli.Close() }
