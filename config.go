package schism

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/topology"
)

// shape changes the topology's numbers and kind.
func (o Options) shape(s *topology.Spec) error {
	for _, n := range []struct {
		flag string
		n    int
	}{{"replicas", o.Replicas}, {"sentinels", o.Sentinels}, {"quorum", o.Quorum}, {"parallel-syncs", o.ParallelSyncs}, {"shards", o.Shards}} {
		if n.n < 0 {
			return usagef("-%s %d is negative", n.flag, n.n)
		}
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"down-after", o.DownAfter}, {"failover-timeout", o.FailoverTimeout}, {"node-timeout", o.NodeTimeout}} {
		if d.d < 0 || d.d > 0 && d.d < time.Millisecond {
			return usagef("-%s %s: it is at least 1ms", d.flag, d.d)
		}
	}
	kind := topology.Kind(o.Topology)
	if kind != "" && kind != topology.KindCluster {
		s.Shards, s.NodeTimeout = 0, 0
	}
	if kind != "" && (kind == topology.KindCluster) != (s.Kind == topology.KindCluster) {
		s.Replicas = 0 // of all, or of each shard: what the scenario says is about the other
	}
	switch kind {
	case "":
	case topology.KindStandalone:
		s.Kind, s.Replicas, s.Sentinels, s.Quorum, s.Cold, s.Follows = kind, 0, 0, 0, false, nil
	case topology.KindReplicas, topology.KindChain:
		s.Kind, s.Sentinels, s.Quorum, s.Cold, s.Follows = kind, 0, 0, false, nil
	case topology.KindSentinel:
		s.Kind, s.Follows = kind, nil
	case topology.KindCluster:
		s.Kind, s.Sentinels, s.Quorum, s.Cold, s.Follows = kind, 0, 0, false, nil
	default:
		return usagef("-topology %s: use standalone, replicas, chain, sentinel or cluster", o.Topology)
	}
	if s.Kind != topology.KindCluster && o.NodeTimeout > 0 {
		return usagef("-node-timeout %s: this run's topology is %s; name a Cluster with -topology cluster", o.NodeTimeout, s.WithDefaults().Kind)
	}
	set(&s.Shards, o.Shards)
	set(&s.NodeTimeout, o.NodeTimeout)
	set(&s.Replicas, o.Replicas)
	set(&s.Sentinels, o.Sentinels)
	set(&s.Quorum, o.Quorum)
	set(&s.ParallelSyncs, o.ParallelSyncs)
	set(&s.DownAfter, o.DownAfter)
	set(&s.FailoverTimeout, o.FailoverTimeout)
	set(&s.Persistence, o.Persistence)
	s.Cold = s.Cold || o.ColdSentinels
	s.Follows = s.WithDefaults().Follows // who follows whom stands in run.json
	return nil
}

// set takes a value over that was given.
func set[T comparable](to *T, v T) {
	var zero T
	if v != zero {
		*to = v
	}
}

// configure gives the plan the user's config: the file's lines, those of -config that win over them, and the sentinels'. All that is wrong
// with them is one error.
func (o Options) configure(p *plan) error {
	spec := &p.Spec
	full := spec.WithDefaults()
	ctx := conf.Context{Replicas: full.Replicas > 0, Sentinels: full.Sentinels > 0, Cluster: full.Kind == topology.KindCluster, Topology: string(full.Kind),
		Dir: topology.ConfigDir, Commands: agentCommands(full), Clients: p.Work.WithDefaults().Commands(full.Kind == topology.KindCluster)}
	if ctx.Cluster {
		ctx.Clients = append(ctx.Clients, "CLUSTER", "READONLY", "ASKING")
	}
	if o.Image == "" {
		ctx.Server = o.Server
	}
	c := &configuring{ctx: ctx, nodes: map[string][]conf.Line{}}
	c.given(o.Config)
	var file []conf.Line
	if o.ConfigFile != "" {
		file = c.read(o.ConfigFile)
		if o.Persistence != "" { // what the line says wins over what the file says
			file = slices.DeleteFunc(file, func(l conf.Line) bool { return slices.Contains([]string{"save", "appendonly", "appendfsync"}, l.Name) })
		}
	}
	servers := c.sort(conf.Beat(file, c.own), ctx)
	spec.Config = append(slices.Clone(spec.Config), texts(servers.Kept)...)
	spec.Files = servers.Files
	setUnless(&spec.NodeTimeout, time.Duration(servers.NodeTimeoutMS)*time.Millisecond, o.NodeTimeout)
	if o.ConfigFile != "" && o.Persistence == "" {
		spec.AsGiven, spec.Persistence = true, topology.Keeps(spec.Config)
	}
	if o.SentinelConfig != "" {
		if full.Kind != topology.KindSentinel {
			c.mistakes = append(c.mistakes, conf.Mistake{Where: "-sentinel-config", Text: fmt.Sprintf("this run's topology is %s, which has no sentinels", full.Kind)})
		}
		sctx := ctx
		sctx.SentinelFile = true
		sentinels := c.sort(c.read(o.SentinelConfig), sctx)
		spec.SentinelConfig = append(slices.Clone(spec.SentinelConfig), texts(sentinels.Kept)...)
		spec.SentinelFiles = sentinels.Files
		m := sentinels.Monitor
		setUnless(&spec.Quorum, m.Quorum, o.Quorum)
		setUnless(&spec.ParallelSyncs, m.ParallelSyncs, o.ParallelSyncs)
		setUnless(&spec.DownAfter, time.Duration(m.DownAfterMS)*time.Millisecond, o.DownAfter)
		setUnless(&spec.FailoverTimeout, time.Duration(m.FailoverTimeMS)*time.Millisecond, o.FailoverTimeout)
	}
	c.perNode(spec)
	p.Replaced = c.replaced
	if err := o.login(p); err != nil {
		c.mistakes = append(c.mistakes, conf.Mistake{Text: err.Error()})
	}
	if err := c.mistakes.Err(); err != nil {
		return &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	return nil
}

// setUnless takes over what a file says, unless the line said it.
func setUnless[T comparable](to *T, file, line T) {
	var zero T
	if line == zero {
		set(to, file)
	}
}

// configuring gathers what becomes of the user's lines.
type configuring struct {
	ctx      conf.Context
	own      []conf.Line            // of -config, for all servers
	nodes    map[string][]conf.Line // of -config, for one node
	replaced []history.Replaced
	mistakes conf.Mistakes
}

// nodeConfig is a line for one node: "n2:replica-priority=0".
var nodeConfig = regexp.MustCompile(`^([ns][0-9]+):(.*)$`)

const fromLine = "-config"

// given reads the lines of -config.
func (c *configuring) given(texts []string) {
	for _, text := range texts {
		node := ""
		if m := nodeConfig.FindStringSubmatch(text); m != nil {
			node, text = m[1], m[2]
		}
		l, why := conf.ParseLine(normalize(text))
		l.File = fromLine
		switch {
		case why != "":
			c.mistakes = append(c.mistakes, conf.Mistake{Where: fromLine, Name: l.Name, Text: why})
		case l.Name == "include" && len(l.Args) == 1:
			lines := c.read(l.Args[0])
			if node != "" {
				c.nodes[node] = append(c.nodes[node], lines...)
			} else {
				c.own = append(c.own, lines...)
			}
		case l.Name == "":
		case node != "":
			c.nodes[node] = append(c.nodes[node], l)
		default:
			c.own = append(c.own, l)
		}
	}
}

func (c *configuring) read(path string) []conf.Line {
	lines, mistakes := conf.Read(path)
	c.mistakes = append(c.mistakes, mistakes...)
	return lines
}

// sort sorts lines. A line of a file that is not taken is listed; one that was given by hand, for this run, is a mistake.
func (c *configuring) sort(lines []conf.Line, ctx conf.Context) conf.Sorted {
	s := conf.Sort(lines, ctx)
	c.mistakes = append(c.mistakes, s.Mistakes...)
	for _, r := range s.Replaced {
		if r.Where == fromLine && !strings.HasPrefix(r.Line, "tls-port ") { // which port it is does not matter to who wants TLS
			name, _, _ := strings.Cut(r.Line, " ")
			c.mistakes = append(c.mistakes, conf.Mistake{Where: r.Where, Name: name, Text: "it cannot be set: " + r.Why})
			continue
		}
		c.replaced = append(c.replaced, history.Replaced{Where: r.Where, Line: r.Line, Why: r.Why})
	}
	return s
}

// perNode sorts the lines for single nodes.
func (c *configuring) perNode(spec *topology.Spec) {
	for _, node := range slices.Sorted(maps.Keys(c.nodes)) {
		ctx := c.ctx
		ctx.Part = true
		if node[0] == 's' {
			ctx.SentinelFile, ctx.Master = true, topology.MasterName
		}
		s := c.sort(c.nodes[node], ctx)
		all := maps.Clone(spec.NodeConfig)
		if all == nil {
			all = map[string][]string{}
		}
		all[node] = append(slices.Clone(all[node]), texts(s.Kept)...)
		spec.NodeConfig = all
	}
}

func texts(lines []conf.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

// normalize accepts "name=value" for "name value", since that is how one writes it on a command line.
func normalize(l string) string {
	if name, value, ok := strings.Cut(l, "="); ok && !strings.ContainsAny(name, " \t\"") {
		return name + " " + value
	}
	return l
}

// agentCommands are what agents ask servers with, wherever a run goes: without them nothing of it would be seen.
func agentCommands(s topology.Spec) []string {
	c := []string{"AUTH", "CLIENT", "COMMAND", "DUMP", "GET", "HSCAN", "INFO", "LRANGE", "PEXPIRETIME", "PING", "PTTL", "SCAN", "SELECT", "SSCAN",
		"TYPE", "XINFO", "XPENDING", "XRANGE", "ZRANGE"}
	switch {
	case s.Kind == topology.KindCluster:
		c = append(c, "CLUSTER", "WAIT")
	case s.Replicas > 0:
		c = append(c, "PUBLISH")
	}
	return c
}

// login settles whom the clients log in as.
func (o Options) login(p *plan) error {
	switch {
	case o.User == "" && o.PasswordEnv == "":
		return nil
	case o.User == "":
		return errors.New("-password-env: it goes with -user, which says whose password it is")
	case o.PasswordEnv == "":
		return fmt.Errorf("-user %s: name the environment variable that holds the password with -password-env", o.User)
	case !p.Spec.AsksLogin():
		return fmt.Errorf("-user %s: nothing in the config asks for a login (requirepass, user or aclfile)", o.User)
	}
	password := os.Getenv(o.PasswordEnv)
	if password == "" {
		return fmt.Errorf("-password-env %s: the variable is empty or not set", o.PasswordEnv)
	}
	p.user = access.Access{User: o.User, Password: password}
	return nil
}

// login is how the clients get in: as the user that was named, else as the agent does.
func (p *plan) login(agent access.Access) access.Access {
	if p.user.Password != "" {
		agent.User, agent.Password = p.user.User, p.user.Password
	}
	return agent
}

// changeFaults changes single faults; whom they hit must exist.
func (o Options) changeFaults(p *plan) error {
	var err error
	if p.Faults, err = p.Faults.Change(o.Faults); err != nil {
		return &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	if len(o.Faults) == 0 {
		return nil // a fault that the scenario's own topology lacks is recorded as not available
	}
	if err := p.Faults.Fits(p.Spec); err != nil {
		return &Problem{Exit: ExitUsage, Text: strings.ReplaceAll(err.Error(), "\n", "; "), Err: err}
	}
	nodes := p.Spec.NodeNames()
	for _, n := range p.Faults.Names() {
		if !slices.Contains(nodes, n) {
			return usagef("a fault hits %s, but this run has only %s", n, strings.Join(nodes, ", "))
		}
	}
	return nil
}

// replacedText says in one line which lines of the user's files are not taken.
func replacedText(r []history.Replaced) string {
	var names []string
	for _, x := range r {
		name, rest, _ := strings.Cut(x.Line, " ")
		if name == "sentinel" {
			what, _, _ := strings.Cut(rest, " ")
			name += " " + what
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("%d %s of the config %s replaced by the run's own (%s); the page says why", len(r), plural(len(r), "line"),
		map[bool]string{true: "is", false: "are"}[len(r) == 1], strings.Join(names, ", "))
}
