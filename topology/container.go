package topology

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/network"

	"github.com/schismtest/schism/agentbin"
	"github.com/schismtest/schism/wire"
)

// The labels of everything that a run makes. Lock is the run's lock file, Host the machine that it is on.
const (
	labelRun  = "schism.run"
	labelNode = "schism.node"
	labelLock = "schism.lock"
	labelHost = "schism.host"
)

// agentPath is where the agent is in a container.
const agentPath = "/" + agentbin.Name

// Labels are on everything that a run has an engine make, so that the next start can tell what a dead run left. lockFile is held while the
// run lives.
func Labels(runID, lockFile string) map[string]string {
	return map[string]string{labelRun: runID, labelLock: lockFile, labelHost: hostID()}
}

// labels are those of the run, with more.
func (d *Deployment) labels(more ...string) map[string]string {
	m := Labels(d.opts.RunID, d.opts.LockFile)
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// createNetwork makes the run's own network. It is internal: nothing in it can be reached from elsewhere, or reaches out.
func (d *Deployment) createNetwork(ctx context.Context) error {
	nw, err := network.New(ctx, network.WithInternal(), network.WithLabels(d.labels()))
	if err != nil {
		return hint(fmt.Errorf("create network: %w", err))
	}
	d.network = nw
	return nil
}

// startContainer starts a node's container with an idle agent and connects to it.
func (d *Deployment) startContainer(ctx context.Context, i int) error {
	n := d.Nodes[i]
	req := testcontainers.GenericContainerRequest{
		ContainerRequest: d.request(n),
		Started:          true,
		Logger:           tclog.NewNoopLogger(),
		ProviderType:     testcontainers.ProviderDocker,
	}
	req.LifecycleHooks = append(req.LifecycleHooks, testcontainers.ContainerLifecycleHooks{
		PreStarts: []testcontainers.ContainerHook{func(ctx context.Context, c testcontainers.Container) error {
			n.id = c.GetContainerID()
			return d.attach(ctx, i)
		}},
	})
	c, err := testcontainers.GenericContainer(ctx, req)
	if c != nil {
		n.id = c.GetContainerID()
	}
	if err != nil {
		return hint(fmt.Errorf("start container of %s: %w", n.Name, err))
	}
	n.started = true
	return nil
}

// checkNetwork makes sure that every node stands in the run's network and nowhere else: the library silently uses the engine's default
// network, which is not internal, when it does not find the one that it was given.
func (d *Deployment) checkNetwork(ctx context.Context) error {
	res, err := d.engine.cli.NetworkInspect(ctx, d.network.ID, client.NetworkInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect network: %w", err)
	}
	for _, n := range d.Nodes {
		at, ok := res.Network.Containers[n.id]
		ip := n.ip()
		if !ok || at.IPv4Address.Addr().String() != ip {
			return &StartError{Node: n.Name, Want: "it does not stand in the run's network", Saw: n.Addr}
		}
	}
	return nil
}

// request is the node's container: the server's image as it is, with the agent as PID 1.
func (d *Deployment) request(n *Node) testcontainers.ContainerRequest {
	var host *container.HostConfig
	r := testcontainers.ContainerRequest{
		Image:      d.opts.Image.Ref,
		Name:       fmt.Sprintf("schism-%s-%s", d.opts.RunID, n.Name),
		Entrypoint: []string{agentPath},
		Cmd:        []string{},
		Networks:   []string{d.network.Name},
		Labels:     d.labels(labelNode, n.Name),
		Tmpfs:      map[string]string{confDir: "mode=1777"},
		ConfigModifier: func(c *container.Config) {
			c.OpenStdin, c.StdinOnce = true, true
			c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true
			c.Hostname = n.Name
			c.User = "0:0" // an image's own user could not set rules, even with the capability
			c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
		},
		HostConfigModifier: func(h *container.HostConfig) {
			host = h
			h.AutoRemove = true
			h.CapDrop = []string{"ALL"}
			h.CapAdd = slices.Compact(slices.Sorted(slices.Values(d.spec.Caps)))
			// json-file costs 40 ms of CPU a MB, and keeps what the agent hands over anyway.
			h.LogConfig = container.LogConfig{Type: "none"}
			if d.bind {
				h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: d.opts.AgentPath, Target: agentPath, ReadOnly: true})
			}
		},
		LifecycleHooks: []testcontainers.ContainerLifecycleHooks{{
			// The library asks for every port that the image exposes to be published. The network is internal, so none would be; but
			// nothing should even ask.
			PreCreates: []testcontainers.ContainerRequestHook{func(context.Context, testcontainers.ContainerRequest) error {
				host.PortBindings, host.PublishAllPorts = nil, false
				return nil
			}},
		}},
	}
	if !d.spec.Disk {
		r.Tmpfs[dataDir] = "mode=1777"
	}
	if !d.bind {
		r.Files = []testcontainers.ContainerFile{{HostFilePath: d.opts.AgentPath, ContainerFilePath: agentPath, FileMode: 0o755}}
	}
	return r
}

// attach connects to a container that is created but not started, so that nothing that the agent says is missed, and so that the
// container never lives without a stream whose end ends it.
func (d *Deployment) attach(ctx context.Context, i int) error {
	n := d.Nodes[i]
	att, err := d.engine.cli.ContainerAttach(ctx, n.id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return fmt.Errorf("attach to %s: %w", n.Name, err)
	}
	n.stream = &stream{att: att.HijackedResponse}
	n.Conn = wire.NewConn(n.stream, input{n.stream}, d.handler(i))
	return nil
}

func (d *Deployment) handler(i int) wire.Handler {
	n, o := d.Nodes[i], d.opts
	h := wire.Handler{Node: n.Name}
	if o.OnRecords != nil {
		h.OnRecords = func(payload []byte, seq uint64) { o.OnRecords(int32(i), payload, seq) }
	}
	h.OnLog = func(b []byte) {
		_, _ = n.log.Write(b)
		if o.OnLog != nil {
			o.OnLog(int32(i), b)
		}
	}
	if o.OnLost != nil {
		h.OnLost = func(text string) { o.OnLost(int32(i), text) }
	}
	return h
}

// canBind tells whether the agent can be mounted rather than copied into every container: the engine must see this machine's files.
// A container of the engine on whose machine this is may lie about that, so a refusal to mount still falls back to copying.
func (d *Deployment) canBind() bool {
	if d.opts.copyAgent || !d.engine.local {
		return false
	}
	_, err := os.Stat(d.opts.AgentPath)
	return err == nil
}

// mountFailed tells whether a container could not be started because the engine did not find what was to be mounted, or may not run
// it from there (a file system without exec, SELinux). Copied into the container, the agent runs all the same.
func mountFailed(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "bind source path does not exist") || strings.Contains(text, agentPath) &&
		(strings.Contains(text, "permission denied") || strings.Contains(text, "no such file or directory"))
}
