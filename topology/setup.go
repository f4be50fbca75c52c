package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// binaries are the names that servers go by, tried in this order in an image about which nothing is known.
var binaries = []string{"redis-server", "valkey-server", "redict-server", "keydb-server"}

// outputTime is how long the last of a process' output may take to arrive after its end.
const outputTime = 250 * time.Millisecond

// findImage refuses an image that the engine does not have, or cannot run.
func (d *Deployment) findImage(ctx context.Context) error {
	ref := d.opts.Image.Ref
	img, err := d.engine.cli.ImageInspect(ctx, ref)
	switch {
	case errdefs.IsNotFound(err), errdefs.IsInvalidArgument(err):
		return &ImageError{Image: ref, Text: "Docker does not have it"}
	case err != nil:
		return fmt.Errorf("look for image %s: %w", ref, err)
	case img.Os != "" && img.Os != d.engine.os, img.Architecture != "" && img.Architecture != d.engine.arch:
		return &ImageError{Image: ref, Text: fmt.Sprintf("it is for %s/%s, the engine for %s/%s", img.Os, img.Architecture, d.engine.os, d.engine.arch)}
	}
	return nil
}

// findServer finds the server in the image and asks it for its version, in a worker, where nothing else runs: which directives may
// be written depends on it.
func (d *Deployment) findServer(ctx context.Context) error {
	names := binaries
	if d.opts.Image.Binary != "" {
		names = []string{d.opts.Image.Binary}
	}
	w := d.Nodes[len(d.Nodes)-1]
	var last error
	for _, name := range names {
		out, err := d.output(ctx, w, name, "--version")
		var re *wire.RemoteError
		if errors.As(err, &re) {
			last = re
			continue
		}
		if err != nil {
			return err
		}
		if d.Version, err = parseVersion(out); err != nil {
			return &ImageError{Image: d.opts.Image.Ref, Text: name + " in it is no Redis server: --version says " + shorten(out)}
		}
		d.opts.Image.Binary = name
		if d.opts.Check != nil {
			return d.opts.Check(d.Version)
		}
		return nil
	}
	text := "it holds no Redis server; looked for " + strings.Join(names, ", ")
	if !strings.Contains(last.Error(), "not found") {
		text = "its server cannot be run: " + last.Error()
	}
	return &ImageError{Image: d.opts.Image.Ref, Text: text}
}

// output runs a command on a node and returns what it wrote.
func (d *Deployment) output(ctx context.Context, n *Node, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if _, err := n.Conn.Call(ctx, wire.OpSetup, wire.SetupArgs{Argv: argv}, nil); err != nil {
		return "", err
	}
	if _, err := n.Conn.Call(ctx, wire.OpStart, nil, nil); err != nil {
		return "", err
	}
	var p wire.Proc
	var gone time.Time
	err := poll(ctx, func() (bool, error) {
		p = wire.Proc{}
		if _, err := n.Conn.Call(ctx, wire.OpProc, nil, &p); err != nil || p.Pid != 0 {
			return false, err
		}
		if gone.IsZero() {
			gone = time.Now()
		}
		return p.Tail != "" || time.Since(gone) > outputTime, nil
	})
	if err != nil {
		return "", fmt.Errorf("run %s on %s: %w", argv[0], n.Name, err)
	}
	return p.Tail, nil
}

// openDoors settles how everybody gets in, which depends on the version.
func (d *Deployment) openDoors(context.Context) error {
	var err error
	d.doors, err = d.spec.doors(d.Version)
	return err
}

// setUp hands servers and sentinels their configs. Workers get none.
func (d *Deployment) setUp(ctx context.Context, nodes []*Node) error {
	all := d.nodes()
	g, ctx := guard.WithContext(ctx)
	for _, n := range nodes {
		argv := []string{d.opts.Image.Binary}
		var lines []string
		switch {
		case n.Kind == history.Sentinel:
			lines = append(d.spec.sentinelConfig(n.Node, all, d.ids), d.doors.sentinelLines...)
			argv = append(argv, sentFile, "--sentinel")
		case n.Kind == history.Server:
			lines = append(d.spec.serverConfig(n.Node, d.Version, d.masterOf(n.Node)), d.doors.serverLines(d.spec.NodeConfig[n.Name])...)
			argv = append(argv, confFile)
		default:
			continue
		}
		shown := conf.MaskLines(lines)
		n.Version, n.Config, n.conf = d.Version.Text, effective(shown), file(shown)
		args := d.doors.setup(n.Kind)
		args.Files[argv[1]] = file(lines)
		args.Argv, args.Dir, args.Port = argv, confDir, ports[n.Kind]
		if d.spec.Disk {
			// The agent makes the folders of the files that it writes.
			args.Files[diskDir+"/.schism"] = ""
		}
		if d.spec.Kind == KindCluster {
			args.Files[d.spec.dir()+"/"+nodesFile] = d.nodesConf(n)
		}
		g.Go(func() error {
			_, err := n.Conn.Call(ctx, wire.OpSetup, args, nil)
			return err
		})
	}
	return g.Wait()
}

// setup is what a node of this kind gets beside its config.
func (d *doors) setup(kind history.NodeKind) wire.SetupArgs {
	files, in := d.files, d.server
	if kind == history.Sentinel {
		files, in = d.sentinelFiles, d.sentinel
	}
	args := wire.SetupArgs{Files: maps.Clone(files), Access: in, Secrets: d.secrets}
	if kind == history.Server {
		args.Folders = d.folders
	}
	return args
}

// Access is how clients get in at nodes of this kind. It holds secrets.
func (d *Deployment) Access(kind history.NodeKind) access.Access {
	if kind == history.Sentinel {
		return d.doors.sentinel
	}
	return d.doors.server
}

// startServers starts the master, its replicas when it answers, theirs when those follow, and waits until they all stream: a server that
// has no data set yet turns its own replicas away for a second.
func (d *Deployment) startServers(ctx context.Context) error {
	masters := d.of(func(n *Node) bool { return n.Kind == history.Server && n.Role == history.RoleMaster })
	replicas := d.of(func(n *Node) bool { return n.Role == history.RoleReplica })
	if err := d.each(ctx, masters, d.startServer); err != nil {
		return err
	}
	for _, level := range d.spec.levels(replicas) {
		if err := d.each(ctx, level, d.startServer); err != nil {
			return err
		}
		if err := d.awaitReplicas(ctx, level); err != nil {
			return err
		}
	}
	return d.awaitStream(ctx, d.Nodes[0], replicas)
}

// startServer starts a server and returns when it serves commands.
func (d *Deployment) startServer(ctx context.Context, n *Node) error {
	if _, err := n.Conn.Call(ctx, wire.OpStart, nil, nil); err != nil {
		return &StartError{Node: n.Name, Want: "its process did not start", Err: err}
	}
	return d.await(ctx, n, "it does not answer PING", func(ctx context.Context) (string, error) {
		var s string
		if err := n.redis(ctx, &s, "PING"); err != nil {
			return err.Error(), err
		}
		return s, nil
	})
}

// startSentinels starts the sentinels, when the replicas are level: a sentinel that looks earlier notes their links as down, and
// looks again only 10 s later.
func (d *Deployment) startSentinels(ctx context.Context) error {
	sentinels := d.of(func(n *Node) bool { return n.Kind == history.Sentinel })
	if err := d.each(ctx, sentinels, d.startServer); err != nil {
		return err
	}
	if !d.spec.Cold {
		if err := d.each(ctx, sentinels, d.introduce); err != nil {
			return err
		}
	}
	if err := d.checkLogins(ctx, sentinels); err != nil {
		return err
	}
	return d.each(ctx, sentinels, d.awaitSentinel)
}

// checkLogins tries the logins of the sentinels' own config where they will: one that is refused would only be seen as sentinels that
// never find anything.
func (d *Deployment) checkLogins(ctx context.Context, sentinels []*Node) error {
	servers, others := conf.Logins(d.spec.SentinelConfig)
	if err := d.Nodes[0].checkLogin(ctx, servers, d.spec.AsksLogin()); err != nil || len(sentinels) == 0 {
		return err
	}
	return sentinels[0].checkLogin(ctx, others, readSettings(d.spec.SentinelConfig).asks())
}

// checkLogin tries a login at a node that asks for one.
func (n *Node) checkLogin(ctx context.Context, l *conf.Login, asks bool) error {
	if l == nil || l.Password == "" || !asks {
		return nil
	}
	args := []string{"AUTH", l.User, l.Password}
	if l.User == "" {
		args = []string{"AUTH", l.Password}
	}
	var v any
	if err := n.redis(ctx, &v, args...); err != nil && strings.Contains(err.Error(), "WRONGPASS") {
		return &ConfigError{Node: n.Name, Line: l.Line, Complaint: "with it sentinels are not let in: " + err.Error()}
	}
	return nil
}

// introduce tells a sentinel of the others, in the words that sentinels use among themselves.
func (d *Deployment) introduce(ctx context.Context, n *Node) error {
	masterIP := d.Nodes[0].ip()
	for _, o := range d.Nodes {
		if o.Kind != history.Sentinel || o == n {
			continue
		}
		hello := fmt.Sprintf("%s,%d,%s,0,%s,%s,%d,0", o.ip(), SentinelPort, d.ids[o.Name], MasterName, masterIP, ServerPort)
		var v any
		if err := n.redis(ctx, &v, "PUBLISH", "__sentinel__:hello", hello); err != nil {
			return &StartError{Node: n.Name, Want: "it could not be told of " + o.Name, Err: err}
		}
	}
	return nil
}

// each does something with all the nodes at once.
func (d *Deployment) each(ctx context.Context, nodes []*Node, do func(context.Context, *Node) error) error {
	g, ctx := guard.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error { return do(ctx, n) })
	}
	return g.Wait()
}

// identify notes what each server says of itself.
func (d *Deployment) identify(ctx context.Context) error {
	running := d.of(func(n *Node) bool { return n.Kind != history.Worker })
	return d.each(ctx, running, func(ctx context.Context, n *Node) error {
		in, err := n.info(ctx, "server")
		if err != nil {
			return fmt.Errorf("identify %s: %w", n.Name, err)
		}
		n.RunID, n.Build = in["run_id"], in["redis_build_id"]
		if n.Build == "" {
			n.Build = in["valkey_build_id"]
		}
		return nil
	})
}

// poll asks until the answer is yes, an error comes, or the context ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func shorten(s string) string {
	s = lines(s, 1)
	if len(s) > 120 {
		s = s[:120] + "..."
	}
	return fmt.Sprintf("%q", s)
}
