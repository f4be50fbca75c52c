package schism

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// Options are what a user may change about a run. The zero value runs the scenario as it is, on redis:7.0.
type Options struct {
	// Server is one of images.Servers ("redis:7.0", the default); Image is any image with a Redis-compatible server instead.
	Server string
	Image  string
	// Duration is how long the clients write at least; 0: as the scenario says.
	Duration time.Duration
	// Seed fixes every random choice; 0 draws one.
	Seed int64
	// Promises are the user's own ("lost=0", "rta=10s"), in place of the scenario's on the same measure.
	Promises []string
	// Config are redis.conf lines, "name value" or "name=value", for every server or with a node's name before ("n2:replica-priority=0").
	// ConfigFile is a redis.conf: what must be the run's own in it is replaced (history.Run.Replaced). Config wins over it.
	Config     []string
	ConfigFile string
	// SentinelConfig is a sentinel.conf for every sentinel. The first master that it watches is taken to be the run's.
	SentinelConfig string
	// User is whom the clients log in as where the config asks for a login, PasswordEnv names the environment variable that holds its
	// password; empty: as the user that is made for the agents.
	User        string
	PasswordEnv string
	// Topology is "standalone", "replicas", "chain", "sentinel" or "cluster"; empty: the scenario's.
	Topology string
	// DownAfter, FailoverTimeout (at least 1 ms), Quorum and ParallelSyncs are Sentinel's; 0: what SentinelConfig says, else the scenario.
	DownAfter       time.Duration
	FailoverTimeout time.Duration
	Quorum          int
	ParallelSyncs   int
	// NodeTimeout is a Cluster's cluster-node-timeout (at least 1 ms); 0: what ConfigFile says, else the scenario.
	NodeTimeout time.Duration
	// Persistence is what is kept over a restart: topology.AOFEverySec and its like; empty: what ConfigFile says, else the scenario.
	Persistence string
	// Faults change single faults of the scenario: "1.for=5s" its length, "1.target=n2" its victim.
	Faults []string
	// Shards, Replicas (in a Cluster of each shard) and Sentinels change the topology's numbers; 0: as the scenario says.
	Shards    int
	Replicas  int
	Sentinels int
	// ColdSentinels lets sentinels discover each other.
	ColdSentinels bool
	// Rate is op/s in open loop, 0: as the scenario says; Closed runs as fast as replies come.
	Rate   int
	Closed bool
	// Wait has every write followed by WAIT for so many replicas, WaitAOF by WAITAOF: "1,0" is the server itself and no replica, "1,1" it
	// and one replica. WaitTimeout is how long they wait at most, in whole milliseconds. Zero values: as the scenario says.
	Wait        int
	WaitAOF     string
	WaitTimeout time.Duration
	// ClusterReload says when clients of a Cluster ask anew who owns which slots (workloads.Spec.ClusterReload); empty: as the scenario says.
	ClusterReload string
	// Artifacts is the folder of all runs, "artifacts" by default. Keep leaves the containers running for a look.
	Artifacts string
	Keep      bool
	// Test is the name of the go test that runs the scenario, for the line that repeats it.
	Test string
	// Night names the night that the run is part of, and NightURL the page of the job that runs it; empty for a run by hand.
	Night, NightURL string
	// Progress is told what goes on; nil: nobody is.
	Progress func(Progress)
}

// Progress is a step of a run, or a sign of life within it.
type Progress struct {
	Phase string // "prepare", "start", "load", "heal", "barrier", "check", "report"
	Text  string
}

func (o Options) withDefaults() Options {
	if o.Server == "" {
		o.Server = "redis:7.0"
	}
	if o.Artifacts == "" {
		o.Artifacts = "artifacts"
	}
	o.Artifacts = filepath.Clean(o.Artifacts) // rel/../x is x, also where there is no rel
	if o.Seed == 0 {
		o.Seed = time.Now().UnixNano()%999_999 + 1
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

// apply changes the scenario as the options say; the error is a usage problem.
func (o Options) apply(s scenarios.Scenario) (plan, error) {
	p := plan{Scenario: s, Spec: s.Topology.Spec(), Load: s.Load, Settle: s.Settle}
	if p.Load == 0 {
		p.Load = 10 * time.Second
	}
	if p.Settle == 0 {
		p.Settle = 3 * time.Second
	}
	if o.Duration < 0 {
		return p, usagef("-duration %s is negative", o.Duration)
	}
	if o.Duration > 0 {
		p.Load = o.Duration
	}
	p.Work = s.Workload
	if o.Rate < 0 {
		return p, usagef("-rate %d is negative", o.Rate)
	}
	if o.Rate > 0 {
		p.Work.Rate = o.Rate
	}
	p.Work.Closed = p.Work.Closed || o.Closed
	if err := o.waiting(&p); err != nil {
		return p, err
	}
	if _, err := clients.ReloadInterval(o.ClusterReload); err != nil {
		return p, usagef("-cluster-reload %v", err)
	}
	set(&p.Work.ClusterReload, o.ClusterReload)
	if err := o.shape(&p.Spec); err != nil {
		return p, err
	}
	if p.Spec.Kind != topology.KindCluster && o.ClusterReload != "" {
		return p, usagef("-cluster-reload %s: this run's topology is %s; name a Cluster with -topology cluster", o.ClusterReload, p.Spec.WithDefaults().Kind)
	}
	if err := p.Work.WithDefaults().Validate(); err != nil {
		return p, &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	if err := o.configure(&p); err != nil {
		return p, err
	}
	if err := errors.Join(p.Spec.WithDefaults().Validate(), p.Work.WithDefaults().Validate()); err != nil {
		return p, &Problem{Exit: ExitUsage, Text: strings.ReplaceAll(err.Error(), "\n", "; "), Err: err}
	}
	if err := p.Faults.Fits(p.Spec); err != nil {
		return p, &Problem{Exit: ExitUsage, Text: strings.ReplaceAll(err.Error(), "\n", "; "), Err: err}
	}
	if err := o.checkWaitAOF(&p); err != nil {
		return p, err
	}
	var err error
	p.Promises, err = withOwn(s.Promises, o.Promises)
	return p, err
}

// withOwn are promises with the user's own in the place of those on the same measure.
func withOwn(promises []result.Promise, own []string) ([]result.Promise, error) {
	all := slices.Clone(promises)
	for _, text := range own {
		p, err := result.ParsePromise(text)
		if err != nil {
			return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-promise %s: %v", text, err), Err: err}
		}
		all = slices.DeleteFunc(all, func(q result.Promise) bool { return q.Measure == p.Measure })
		all = append(all, p)
	}
	return all, nil
}

// plan is a scenario with the options applied.
type plan struct {
	scenarios.Scenario
	Spec     topology.Spec
	Work     workloads.Spec
	Load     time.Duration
	Settle   time.Duration
	Promises []result.Promise
	// Replaced are the lines of the user's config files that no server gets.
	Replaced []history.Replaced
	user     access.Access // whom the clients log in as; without a password: as the agents do
}

// command is the line that repeats the run; empty for a scenario of the user's own, which only a test of his can.
func (o Options) command(scenario string) string {
	if _, err := scenarios.Find(scenario); err != nil {
		return ""
	}
	return "schism run " + scenario + o.settings(" ")
}

// testCommand is the line that repeats the run by go test, in the folder of its package; empty when no test ran it.
func (o Options) testCommand() string {
	if o.Test == "" {
		return ""
	}
	var pattern []string
	for _, name := range strings.Split(o.Test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	return "go test -run " + quote(strings.Join(pattern, "/")) + o.settings("=") // go test takes an unknown flag's value only behind =
}

// settings are the options as flags.
func (o Options) settings(equals string) string {
	var b strings.Builder
	flag := func(name, value string) {
		if value != "" {
			b.WriteString(" -" + name + equals + quote(value))
		}
	}
	if o.Image != "" {
		flag("image", o.Image)
	} else {
		flag("server", o.Server)
	}
	flag("seed", fmt.Sprint(o.Seed))
	if o.Duration > 0 {
		flag("duration", o.Duration.String())
	}
	for _, c := range o.Config {
		flag("config", maskConfig(c))
	}
	flag("config-file", o.ConfigFile)
	flag("sentinel-config", o.SentinelConfig)
	flag("user", o.User)
	flag("password-env", o.PasswordEnv)
	flag("topology", o.Topology)
	flag("persistence", o.Persistence)
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"down-after", o.DownAfter}, {"failover-timeout", o.FailoverTimeout}, {"node-timeout", o.NodeTimeout}} {
		if d.d > 0 {
			flag(d.name, d.d.String())
		}
	}
	for _, n := range []struct {
		name string
		n    int
	}{{"quorum", o.Quorum}, {"parallel-syncs", o.ParallelSyncs}, {"shards", o.Shards}} {
		if n.n > 0 {
			flag(n.name, fmt.Sprint(n.n))
		}
	}
	for _, f := range o.Faults {
		flag("fault", f)
	}
	if o.Replicas > 0 {
		flag("replicas", fmt.Sprint(o.Replicas))
	}
	if o.Sentinels > 0 {
		flag("sentinels", fmt.Sprint(o.Sentinels))
	}
	if o.ColdSentinels {
		b.WriteString(" -cold-sentinels")
	}
	if o.Rate > 0 {
		flag("rate", fmt.Sprint(o.Rate))
	}
	if o.Closed {
		b.WriteString(" -closed")
	}
	if o.Wait > 0 {
		flag("wait", fmt.Sprint(o.Wait))
	}
	flag("waitaof", o.WaitAOF)
	if o.ClusterReload != "" {
		flag("cluster-reload", o.ClusterReload)
	}
	if o.WaitTimeout > 0 {
		flag("wait-timeout", o.WaitTimeout.String())
	}
	for _, p := range o.Promises {
		flag("promise", p)
	}
	return b.String()
}

// maskConfig is a line of -config without secrets.
func maskConfig(text string) string {
	node := ""
	if m := nodeConfig.FindStringSubmatch(text); m != nil {
		node, text = m[1]+":", m[2]
	}
	if line := normalize(text); conf.MaskLine(line) != line {
		text = conf.MaskLine(line)
	}
	return node + text
}

// quote makes a value safe to paste into a shell.
func quote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !(r == '-' || r == '_' || r == '.' || r == '/' || r == ':' || r == '=' || r == ',' || r == '@' ||
			(r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z'))
	}) < 0 && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
