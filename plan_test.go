package schism

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
)

// planned applies options to a scenario.
func planned(t *testing.T, scenario string, o Options) (plan, error) {
	t.Helper()
	s, err := scenarios.Find(scenario)
	require.NoError(t, err)
	o = o.withDefaults()
	p, err := o.apply(s)
	if err == nil {
		err = o.changeFaults(&p)
	}
	return p, err
}

// configFile writes a file into a folder of its own.
func configFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Each shape of a public configuration is taken without a mistake, for the server that it was written for.
func TestShapesAreTaken(t *testing.T) {
	for _, c := range []struct {
		file, sentinel, server string
		keeps                  string
		replaced               int
	}{
		{"debian", "", "redis:7.0", topology.RDB, 6},
		{"stock-6.0", "", "redis:6.0", topology.RDB, 3},
		{"stock-7.0", "", "redis:7.0", topology.NoneKept, 3},
		{"stock-8.0", "", "redis:8.0", topology.RDB, 3},
		{"packaged", "", "valkey:8.1", topology.AOFEverySec, 2},
		{"packaged", "", "redis:7.0", topology.AOFEverySec, 2},
		{"operator", "operator-sentinel", "redis:7.0", topology.RDB, 8},
		{"tutorial", "", "redis:7.0", topology.AOFEverySec, 7},
		{"tls-acl", "", "valkey:8.1", topology.AOFEverySec, 4},
	} {
		t.Run(c.file+" on "+c.server, func(t *testing.T) {
			o := Options{Server: c.server, ConfigFile: filepath.Join("testdata", "config", c.file+".conf")}
			if c.sentinel != "" {
				o.SentinelConfig = filepath.Join("testdata", "config", c.sentinel+".conf")
			}
			p, err := planned(t, "sentinel-kill", o)
			require.NoError(t, err)
			require.Equal(t, c.keeps, p.Spec.Persistence)
			require.True(t, p.Spec.AsGiven)
			require.Len(t, p.Replaced, c.replaced, "%v", p.Replaced)
			written, err := json.Marshal(p.Spec)
			require.NoError(t, err)
			require.NotContains(t, string(written), "S3cret")
			require.NotContains(t, replacedText(p.Replaced), "S3cret")
		})
	}
}

func TestSentinelFileSettlesTheTopology(t *testing.T) {
	o := Options{SentinelConfig: configFile(t, "sentinel.conf", "sentinel monitor prod 10.0.0.1 6379 3\nsentinel down-after-milliseconds prod 4500\nsentinel failover-timeout prod 9000\nsentinel parallel-syncs prod 2\nloglevel debug")}
	p, err := planned(t, "sentinel-kill", o)
	require.NoError(t, err)
	require.Equal(t, 3, p.Spec.Quorum)
	require.Equal(t, 4500*time.Millisecond, p.Spec.DownAfter)
	require.Equal(t, 9*time.Second, p.Spec.FailoverTimeout)
	require.Equal(t, 2, p.Spec.ParallelSyncs)
	require.Equal(t, []string{"loglevel debug"}, p.Spec.SentinelConfig)

	o.Quorum, o.DownAfter, o.FailoverTimeout, o.ParallelSyncs = 1, time.Second, 5*time.Second, 1
	p, err = planned(t, "sentinel-kill", o)
	require.NoError(t, err)
	require.Equal(t, 1, p.Spec.Quorum, "the line wins over the file")
	require.Equal(t, time.Second, p.Spec.DownAfter)
	require.Equal(t, 5*time.Second, p.Spec.FailoverTimeout)
	require.Equal(t, 1, p.Spec.ParallelSyncs)
}

func TestLinesWinOverTheFile(t *testing.T) {
	file := configFile(t, "redis.conf", "maxmemory 1mb\nsave 900 1\nslave-priority 5\nappendonly yes\nhz 5")
	p, err := planned(t, "healthy", Options{ConfigFile: file, Config: []string{"maxmemory=2mb", "save 60 1", "n2:replica-priority=0"}})
	require.NoError(t, err)
	require.Equal(t, []string{"slave-priority 5", "appendonly yes", "hz 5", "maxmemory 2mb", "save 60 1"}, p.Spec.Config)
	require.Equal(t, map[string][]string{"n2": {"replica-priority 0"}}, p.Spec.NodeConfig)

	p, err = planned(t, "healthy", Options{ConfigFile: file, Persistence: topology.NoneKept})
	require.NoError(t, err)
	require.Equal(t, topology.NoneKept, p.Spec.Persistence)
	require.NotContains(t, p.Spec.Config, "appendonly yes", "-persistence wins over the file")
	require.NotContains(t, p.Spec.Config, "save 900 1")
}

func TestTLSByALine(t *testing.T) {
	p, err := planned(t, "healthy", Options{Config: []string{"tls-port=6390"}})
	require.NoError(t, err)
	require.Equal(t, []string{"tls-port 6379"}, p.Spec.Config)
}

// All mistakes come in one error, which ends in exit code 64 and shows no secret.
func TestMistakesOfLinesAndFiles(t *testing.T) {
	file := configFile(t, "redis.conf", "cluster-enabled yes\nloadmodule /x.so\nmasterauth S3cret\nappendonly maybe\nrename-command SLAVEOF \"\"\nrequirepas S3cret\nsentinel monitor m 1 1 1\nsentinel parallel-syncs m 1\n")
	_, err := planned(t, "sentinel-kill", Options{ConfigFile: file, Config: []string{"port=7000", "requirepass \"S3cret", "n2:hz", "maxmemory 1mb\nport 1"}})
	require.Equal(t, ExitUsage, ExitCode("", err))
	require.NotContains(t, err.Error(), "S3cret")
	for _, want := range []string{"redis.conf:1: cluster-enabled", "redis.conf:2: loadmodule", "redis.conf:3: masterauth", "redis.conf:4: appendonly", "redis.conf:5: rename-command",
		"redis.conf:6: requirepas", "redis.conf:7: sentinel: it is a sentinel's, and so is one line more", "-config: port: it cannot be set", "-config: requirepass: its quotes", "-config: hz: it has no value",
		"-config: maxmemory: a config line holds one directive"} {
		require.Contains(t, err.Error(), want)
	}
	require.Equal(t, 11, strings.Count(err.Error(), "\n"), err.Error())
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Setenv("SCHISM_TEST_EMPTY", "")
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"a user without its password", Options{User: "app", Config: []string{"requirepass x"}}, "-password-env"},
		{"a password without its user", Options{PasswordEnv: "X"}, "it goes with -user"},
		{"an empty password", Options{User: "app", PasswordEnv: "SCHISM_TEST_EMPTY", Config: []string{"requirepass x"}}, "is empty or not set"},
		{"a user that nobody asks for", Options{User: "app", PasswordEnv: "PATH"}, "nothing in the config asks for a login"},
		{"a topology", Options{Topology: "ring"}, "use standalone, replicas, chain, sentinel or cluster"},
		{"a quorum", Options{Quorum: -1}, "-quorum -1 is negative"},
		{"too high a quorum", Options{Topology: "sentinel", Quorum: 9}, "there are only 3 sentinels"},
		{"down-after", Options{DownAfter: time.Microsecond}, "at least 1ms"},
		{"persistence", Options{Persistence: "floppy"}, "persistence"},
		{"a sentinel's file without sentinels", Options{SentinelConfig: configFile(t, "s.conf", "loglevel debug")}, "which has no sentinels"},
		{"no such file", Options{ConfigFile: "none.conf"}, "none.conf: the file cannot be read"},
		{"a folder", Options{ConfigFile: t.TempDir()}, "it is no regular file"},
		{"no such node", Options{Config: []string{"n9:hz=5"}}, "no such server or sentinel"},
		{"a fault that is not there", Options{Faults: []string{"1.for=5s"}}, "there is no fault 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := planned(t, "healthy", c.o)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, ExitUsage, ExitCode("", err))
		})
	}
	_, err := planned(t, "sentinel-kill", Options{Faults: []string{"1.target=n9"}})
	require.ErrorContains(t, err, "a fault hits n9, but this run has only n1,")
}

func TestClientsLogin(t *testing.T) {
	t.Setenv("SCHISM_TEST_PASSWORD", "S3cret-app")
	p, err := planned(t, "healthy", Options{User: "app", PasswordEnv: "SCHISM_TEST_PASSWORD", Config: []string{"user app on >S3cret-app ~* +@all"}})
	require.NoError(t, err)
	agent := access.Access{User: "schism-agent", Password: "x", TLS: &access.TLS{}}
	require.Equal(t, access.Access{User: "app", Password: "S3cret-app", TLS: agent.TLS}, p.login(agent))
	require.Equal(t, agent, (&plan{}).login(agent))
}

// The line that repeats a run has all that shaped it, and no secret.
func TestCommandRepeatsTheRun(t *testing.T) {
	o := Options{Server: "redis:7.0", Seed: 7, Config: []string{"requirepass=S3cret", "n2:masterauth=S3cret", "hz=5"}, ConfigFile: "a b.conf", SentinelConfig: "s.conf", User: "app", PasswordEnv: "PW",
		Topology: "sentinel", Persistence: "rdb", DownAfter: time.Second, FailoverTimeout: 5 * time.Second, Quorum: 2, ParallelSyncs: 3, Faults: []string{"1.for=5s"}}
	line := o.command("healthy")
	require.NotContains(t, line, "S3cret")
	for _, want := range []string{"-config 'requirepass ***'", "-config 'n2:masterauth ***'", "-config hz=5", "-config-file 'a b.conf'", "-sentinel-config s.conf", "-user app", "-password-env PW", "-topology sentinel",
		"-persistence rdb", "-down-after 1s", "-failover-timeout 5s", "-quorum 2", "-parallel-syncs 3", "-fault 1.for=5s"} {
		require.Contains(t, line, want)
	}
}

func TestTopologyOfTheLine(t *testing.T) {
	p, err := planned(t, "sentinel-kill", Options{Topology: "replicas"})
	require.NoError(t, err)
	require.Equal(t, topology.KindReplicas, p.Spec.Kind)
	require.Zero(t, p.Spec.Sentinels)
	p, err = planned(t, "healthy", Options{Topology: "standalone"})
	require.NoError(t, err)
	require.Zero(t, p.Spec.Replicas)
	p, err = planned(t, "healthy", Options{Topology: "sentinel"})
	require.NoError(t, err)
	require.Equal(t, 3, p.Spec.WithDefaults().Sentinels)
}

func TestClusterOfTheLine(t *testing.T) {
	p, err := planned(t, "healthy", Options{Topology: "cluster"})
	require.NoError(t, err)
	require.Equal(t, 6, len(p.Spec.NodeNames())-1)
	require.Equal(t, 2*time.Second, p.Spec.WithDefaults().NodeTimeout)
	p, err = planned(t, "healthy", Options{Topology: "cluster", Shards: 2, Replicas: 3, NodeTimeout: time.Second})
	require.NoError(t, err)
	require.Equal(t, 8, len(p.Spec.NodeNames())-1)
	require.Equal(t, time.Second, p.Spec.NodeTimeout)

	file := filepath.Join(t.TempDir(), "redis.conf")
	require.NoError(t, os.WriteFile(file, []byte("cluster-enabled yes\ncluster-node-timeout 7000\ncluster-config-file n.conf\n"), 0o600))
	p, err = planned(t, "healthy", Options{Topology: "cluster", ConfigFile: file})
	require.NoError(t, err)
	require.Equal(t, 7*time.Second, p.Spec.NodeTimeout)
	require.Len(t, p.Replaced, 1)
	p, err = planned(t, "healthy", Options{Topology: "cluster", ConfigFile: file, NodeTimeout: time.Second})
	require.NoError(t, err)
	require.Equal(t, time.Second, p.Spec.NodeTimeout)

	_, err = planned(t, "sentinel-kill", Options{Topology: "cluster"})
	require.ErrorContains(t, err, "every shard of a Cluster has a master: name one, as in Shard(1).Master()")

	for text, o := range map[string]Options{
		"name a Cluster with -topology cluster":          {ConfigFile: file},
		"-node-timeout 1s: this run's topology is":       {NodeTimeout: time.Second},
		"-node-timeout 1µs: it is at least 1ms":          {Topology: "cluster", NodeTimeout: time.Microsecond},
		"-shards -1 is negative":                         {Topology: "cluster", Shards: -1},
		"shards is 3: kind replicas has none":            {Shards: 3},
		"CLUSTER":                                        {Topology: "cluster", Config: []string{"rename-command CLUSTER abc"}},
		"it cannot be set: the servers of a Cluster are": {Topology: "cluster", Config: []string{"cluster-config-file x"}},
	} {
		_, err := planned(t, "healthy", o)
		require.ErrorContains(t, err, text)
		var p *Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, ExitUsage, p.Exit)
	}
}
