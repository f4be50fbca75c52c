package topology

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// Image is what the nodes run.
type Image struct {
	Ref string
	// Binary is the server in it, a name or a path; empty: looked for.
	Binary string
}

// Options say what to start and who hears of it.
type Options struct {
	Spec  Spec
	Image Image
	// RunID is unique: it names the containers and, in a label, everything of the run.
	RunID string
	// Seed draws the sentinels' ids.
	Seed int64
	// AgentPath is the agent for the engine's OS and CPU, as FindAgent gives it.
	AgentPath string
	// LockFile is held with flock as long as the run lives; whoever can take it may remove what the run left. Empty: nothing of the
	// run is removed by others while it may live.
	LockFile string
	// Check may refuse the servers by their version, before any is started; nil: all will do.
	Check func(Version) error
	// OnRecords, OnLog and OnLost are told what the agent of a node sends besides answers: batches of records, the server's output,
	// and what was lost on the way. Each node has a goroutine of its own that calls them.
	OnRecords func(node int32, payload []byte, seq uint64)
	OnLog     func(node int32, b []byte)
	OnLost    func(node int32, text string)

	// copyAgent copies the agent into each container even where it could be mounted.
	copyAgent bool
}

// Node is one container of a deployment.
type Node struct {
	history.Node
	// Conn speaks to the node's agent.
	Conn *wire.Conn
	// Kernel is the one that the agent sees.
	Kernel string

	index   int // in Deployment.Nodes
	id      string
	started bool
	stream  *stream
	log     tail
	conf    string // as written, without secrets
}

// Deployment is what was started.
type Deployment struct {
	// Nodes are in the order of their numbers in the history.
	Nodes []*Node
	// Version is the servers'.
	Version Version

	opts    Options
	spec    Spec
	engine  *engine
	network *testcontainers.DockerNetwork
	bind    bool
	ids     map[string]string // the sentinels', or the servers' of a Cluster, by name
	base    int64             // of the run's clock, as the first agent gave it, ns
	doors   *doors

	lost     chan struct{}
	mu       sync.Mutex
	lostErr  error
	lostNode *Node
	stopping chan struct{}
	stopOnce sync.Once
	stopErr  error
	wg       guard.WaitGroup
}

const (
	// containersTime bounds the start of all containers; on a slow machine one takes seconds.
	containersTime = 2 * time.Minute
	// readyTime bounds each wait for servers to become ready.
	readyTime = 30 * time.Second
	// cleanTime bounds the removal of what a failed start left.
	cleanTime = 30 * time.Second
)

// Start brings the deployment up: every container with an idle agent first, then, when all addresses are known, master, replicas and
// sentinels, each when what it needs is ready. It returns when replicas stream and sentinels agree. When it fails, nothing is left.
//
// Errors are a *ConfigError or *ImageError where the user is at fault, an *EngineError where the surroundings are, and a *StartError
// where a node did not get ready.
func Start(ctx context.Context, o Options) (*Deployment, error) {
	spec := o.Spec.WithDefaults()
	err := spec.Validate()
	if err != nil {
		return nil, err
	}
	if o.AgentPath, err = filepath.Abs(o.AgentPath); err != nil {
		return nil, fmt.Errorf("find agent: %w", err)
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	d := &Deployment{opts: o, spec: spec, engine: e, lost: make(chan struct{}), stopping: make(chan struct{})}
	for i, n := range spec.layout() {
		d.Nodes = append(d.Nodes, &Node{Node: n, index: i})
	}
	if err := d.start(ctx); err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
		defer cancel()
		return nil, errors.Join(err, d.Stop(clean))
	}
	return d, nil
}

func (d *Deployment) start(ctx context.Context) error {
	if err := d.findImage(ctx); err != nil {
		return err
	}
	if err := d.prepareContainers(ctx); err != nil {
		return err
	}
	if d.spec.Kind == KindCluster {
		return steps(ctx, d.startCluster, d.identify)
	}
	all := d.Nodes
	return steps(ctx,
		func(ctx context.Context) error { return d.startContainers(ctx, all) },
		func(ctx context.Context) error { return d.greet(ctx, all) },
		d.checkNetwork, d.watchConns, d.findServer, d.openDoors,
		func(ctx context.Context) error {
			d.ids = sentinelIDs(d.rng(), d.nodes())
			return d.setUp(ctx, all)
		},
		d.startServers, d.startSentinels, d.identify)
}

// steps does one after the other, until one fails or the context ends.
func steps(ctx context.Context, all ...func(context.Context) error) error {
	for _, step := range all {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("start topology: %w", context.Cause(ctx))
		}
	}
	return nil
}

// prepareContainers makes what containers need.
func (d *Deployment) prepareContainers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), containersTime)
	defer cancel()
	d.bind = d.canBind()
	return d.createNetwork(ctx)
}

// startContainers starts these containers at once. Cancelling is heeded only afterwards: the engine would go on making a container
// whose request was given up, and nobody would know of it.
func (d *Deployment) startContainers(ctx context.Context, nodes []*Node) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), containersTime)
	defer cancel()
	err := d.startAll(ctx, nodes)
	if d.bind && mountFailed(err) {
		d.bind = false
		if err := d.discard(ctx, nodes); err != nil {
			return err
		}
		err = d.startAll(ctx, nodes)
	}
	return err
}

// startAll waits for all, whether or not one fails: what is started must be known.
func (d *Deployment) startAll(ctx context.Context, nodes []*Node) error {
	var g guard.Group
	for _, n := range nodes {
		g.Go(func() error { return d.startContainer(ctx, n.index) })
	}
	return g.Wait()
}

// greet introduces the harness to the agents of these nodes. The clock of the first of all gives the base for all.
func (d *Deployment) greet(ctx context.Context, nodes []*Node) error {
	hello := func(ctx context.Context, i int, base int64) (wire.Hello, error) {
		n := d.Nodes[i]
		ctx, cancel := context.WithTimeout(ctx, readyTime)
		defer cancel()
		var h wire.Hello
		if _, err := n.Conn.Call(ctx, wire.OpHello, wire.HelloArgs{Source: int32(i), Base: base}, &h); err != nil {
			return h, &StartError{Node: n.Name, Want: "its agent does not answer", Log: lines(n.stream.errs.String(), 3), Err: err}
		}
		if h.Proto != wire.Proto {
			return h, &StartError{Node: n.Name, Want: fmt.Sprintf("its agent (%s) speaks version %d of the protocol, this schism version %d: both must be of one build", d.opts.AgentPath, h.Proto, wire.Proto)}
		}
		if h.Addr == "" {
			return h, &StartError{Node: n.Name, Want: "its container has no address"}
		}
		n.Kernel, n.Addr = h.Kernel, h.Addr
		if port := ports[n.Kind]; port != 0 {
			n.Addr = fmt.Sprintf("%s:%d", h.Addr, port)
		}
		return h, nil
	}
	if nodes[0].index == 0 {
		first, err := hello(ctx, 0, 0)
		if err != nil {
			return err
		}
		d.base, nodes = first.Base, nodes[1:]
	}
	return d.each(ctx, nodes, func(ctx context.Context, n *Node) error {
		_, err := hello(ctx, n.index, d.base)
		return err
	})
}

var ports = map[history.NodeKind]int{history.Server: ServerPort, history.Sentinel: SentinelPort}

// Configs are the config files as the nodes were started with them, without secrets, by the node's name. Sentinels and CONFIG REWRITE change
// the files in the containers later on.
func (d *Deployment) Configs() map[string]string {
	m := map[string]string{}
	for _, n := range d.Nodes {
		if n.conf != "" {
			m[n.Name] = n.conf
		}
	}
	return m
}

// Facts say where the deployment runs, for people.
func (d *Deployment) Facts() []history.KV {
	build := ""
	if d.Version.Build != "" {
		build = " (build " + d.Version.Build + ")"
	}
	data := "tmpfs: it survives the death of a server, and fsync costs nothing"
	if d.spec.Disk {
		data = "the container's file system"
	}
	kv := []history.KV{{K: "server", V: d.Version.String() + build}, {K: "binary", V: d.opts.Image.Binary + " of " + d.opts.Image.Ref}, {K: "data on", V: data}}
	if d.spec.Kind == KindSentinel {
		how := "told of each other and of the replicas beforehand"
		if d.spec.Cold {
			how = "left to find each other"
		}
		kv = append(kv, history.KV{K: "sentinels", V: how})
	}
	return slices.Concat(kv, d.doors.facts, d.engine.facts)
}

// nodes are the history's view of the nodes.
func (d *Deployment) nodes() []history.Node {
	out := make([]history.Node, len(d.Nodes))
	for i, n := range d.Nodes {
		out[i] = n.Node
	}
	return out
}

// of are the nodes for which want holds.
func (d *Deployment) of(want func(*Node) bool) []*Node {
	var out []*Node
	for _, n := range d.Nodes {
		if want(n) {
			out = append(out, n)
		}
	}
	return out
}

func (d *Deployment) rng() *rand.Rand { return rand.New(rand.NewSource(d.opts.Seed)) }
