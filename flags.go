package schism

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/topology"
)

// Flag is one setting of a run. The settings are listed once, for the command line and for go test.
type Flag struct {
	Name    string
	Aliases []string // on the command line only
	Usage   string   // one sentence; what stands in backquotes names the value
	Value   FlagValue
}

// FlagValue writes what a flag is given into the options that it belongs to. String is what they hold, in the form that Set takes.
type FlagValue interface {
	flag.Value
	IsBoolFlag() bool
	// Repeats tells whether every further value adds to the ones before.
	Repeats() bool
}

// Flags are the settings of a run, writing to o.
func Flags(o *Options) []Flag {
	return []Flag{
		{"server", nil, "`SERVER` and version: redis 6.0 7.0 8.0 8.6, valkey 8.0 8.1 9.1, redict 7.3 (default: redis:7.0)", textFlag(&o.Server)},
		{"image", nil, "any `IMAGE` that holds a Redis-compatible server, instead of -server", textFlag(&o.Image)},
		{"duration", nil, "how long the clients write at least, a `TIME` such as 20s (default: the scenario's)", timeFlag(&o.Duration)},
		{"seed", nil, "`SEED` of every random choice (default: drawn)", numberFlag(&o.Seed, 1)},
		PromiseFlag(&o.Promises),
		{"config", nil, "a redis.conf `LINE` for every server, such as min-replicas-to-write=1, or for one, such as n2:replica-priority=0; beats -config-file; may be given several times", linesFlag{&o.Config}},
		{"config-file", nil, "your redis.conf, a `FILE`; what must be the run's own in it is replaced, and said", textFlag(&o.ConfigFile)},
		{"sentinel-config", nil, "your sentinel.conf, a `FILE`, likewise", textFlag(&o.SentinelConfig)},
		{"user", nil, "the `NAME` that the clients log in as, where the config asks for a login (default: a user of the run's own)", textFlag(&o.User)},
		{"password-env", nil, "the environment `VARIABLE` that holds that user's password", textFlag(&o.PasswordEnv)},
		{"topology", nil, "`KIND`: sentinel, replicas, chain (each replica follows the one before), cluster or standalone (default: the scenario's)", choiceFlag(&o.Topology, "sentinel", "replicas", "chain", "cluster", "standalone")},
		{"persistence", nil, "what servers keep on disk, a `KIND` of aof-everysec, aof-always, aof-no, rdb, none (default: the scenario's, or the config file's)",
			choiceFlag(&o.Persistence, topology.AOFEverySec, topology.AOFAlways, topology.AOFNo, topology.RDB, topology.NoneKept)},
		{"shards", nil, "`NUMBER` of shards of a Cluster (default: the scenario's, mostly 3)", numberFlag(&o.Shards, 1)},
		{"replicas", nil, "`NUMBER` of replicas, of each shard in a Cluster (default: the scenario's)", numberFlag(&o.Replicas, 1)},
		{"sentinels", nil, "`NUMBER` of sentinels (default: the scenario's)", numberFlag(&o.Sentinels, 1)},
		{"quorum", nil, "`NUMBER` of sentinels that must agree that a master is down (default: the majority)", numberFlag(&o.Quorum, 1)},
		{"down-after", nil, "`TIME` of silence after which a sentinel takes a node for down, such as 5s (default: the scenario's, mostly 2s)", timeFlag(&o.DownAfter)},
		{"node-timeout", nil, "cluster-node-timeout of a Cluster, a `TIME` (default: the scenario's, mostly 2s)", timeFlag(&o.NodeTimeout)},
		{"failover-timeout", nil, "Sentinel's failover-timeout, a `TIME` (default: the scenario's, mostly 10s)", timeFlag(&o.FailoverTimeout)},
		{"parallel-syncs", nil, "`NUMBER` of replicas that are led to a new master at once (default: 1)", numberFlag(&o.ParallelSyncs, 1)},
		{"fault", nil, "change a fault of the schedule, `CHANGE` such as 1.for=5s or 1.target=n2; may be given several times", linesFlag{&o.Faults}},
		{"cold-sentinels", nil, "let sentinels discover each other", yesFlag(&o.ColdSentinels)},
		{"rate", nil, "`OPS` a second in open loop (default: the scenario's, mostly 2000)", numberFlag(&o.Rate, 1)},
		{"closed", nil, "closed loop: as fast as replies come", yesFlag(&o.Closed)},
		{"wait", nil, "follow every write with WAIT for `NUMBER` replicas (default: the scenario's, mostly none)", numberFlag(&o.Wait, 1)},
		{"waitaof", nil, "follow every write with WAITAOF for `LOCAL,REPLICAS`: 1,0 the server's own append-only file, 1,1 its own and one replica's (Redis from 7.2 on, Valkey)", textFlag(&o.WaitAOF)},
		{"wait-timeout", nil, "how long WAIT and WAITAOF wait at most, a `TIME` such as 200ms (default: 1s, of WAITAOF 3s)", timeFlag(&o.WaitTimeout)},
		{"cluster-reload", nil, "`WHEN` clients of a Cluster ask anew who owns which slots, besides after MOVED, ASK and READONLY: library, as go-redis does by itself (every 60s), or a time such as 500ms (default: after a dial that failed)",
			textFlag(&o.ClusterReload)},
		{"night", nil, "`NAME` of the night that the run is part of", textFlag(&o.Night)},
		{"night-url", nil, "`URL` of the job that runs it", textFlag(&o.NightURL)},
		{"runs", []string{"artifacts"}, "`FOLDER` of all runs (default: artifacts)", textFlag(&o.Artifacts)},
		{"keep", nil, "leave the containers running until Ctrl-C", yesFlag(&o.Keep)},
	}
}

// PromiseFlag is the flag that adds promises to a list.
func PromiseFlag(to *[]string) Flag {
	return Flag{"promise", nil, "a promise of your own, `MEASURE=LIMIT` such as lost=0 or rta=10s, in place of the scenario's on the same measure; may be given several times; help lists the measures",
		promiseFlag{to}}
}

// ErrPromiseHelp is what -promise help comes to: whoever reads the flags prints PromiseHelp.
var ErrPromiseHelp = errors.New("the measures of a promise are asked for")

// PromiseHelp lists what -promise takes, one measure a line, with its unit and what the promise says.
func PromiseHelp() string {
	var b strings.Builder
	b.WriteString("-promise MEASURE=LIMIT; a run that breaks it ends with exit code 1. The measures:\n\n")
	for _, m := range result.Measures() {
		if text, ok := m.Promisable(); ok {
			fmt.Fprintf(&b, "  %-28s %s\n", m.Name+"="+m.Example(), text)
		}
	}
	return b.String()
}

// EnvName is a flag's twin in the environment: SCHISM_CONFIG_FILE for config-file.
func (f Flag) EnvName() string {
	return "SCHISM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// FromEnv takes the twins of the flags from the environment. Of a flag that may be given several times each line is one value.
func FromEnv(flags []Flag) error {
	for _, f := range flags {
		v, ok := os.LookupEnv(f.EnvName())
		if !ok || v == "" {
			continue
		}
		values := []string{v}
		if f.Value.Repeats() {
			values = strings.Split(strings.Trim(v, "\n"), "\n")
		}
		for _, v := range values {
			if err := f.Value.Set(v); err != nil {
				return usagef("%s=%q: %v", f.EnvName(), v, err)
			}
		}
	}
	return nil
}

// setting is a flag with one value of type T.
type setting[T comparable] struct {
	to    *T
	parse func(string) (T, error)
	yes   bool
}

// Set implements flag.Value.
func (s setting[T]) Set(text string) error {
	v, err := s.parse(text)
	if err == nil {
		*s.to = v
	}
	return err
}

// String implements flag.Value; it is empty while nothing is set.
func (s setting[T]) String() string {
	var zero T
	if s.to == nil || *s.to == zero {
		return ""
	}
	return fmt.Sprint(*s.to)
}

// IsBoolFlag tells whether the flag may stand without a value.
func (s setting[T]) IsBoolFlag() bool { return s.yes }

// Repeats implements FlagValue.
func (s setting[T]) Repeats() bool { return false }

func textFlag(to *string) FlagValue {
	return setting[string]{to: to, parse: func(v string) (string, error) {
		if strings.TrimSpace(v) == "" {
			return "", errors.New("it cannot be empty")
		}
		return v, nil
	}}
}

func timeFlag(to *time.Duration) FlagValue {
	return setting[time.Duration]{to: to, parse: func(v string) (time.Duration, error) {
		switch d, err := time.ParseDuration(v); {
		case err != nil:
			return 0, errors.New("it is a time such as 20s or 1m30s")
		case d <= 0:
			return 0, errors.New("it must be more than nothing, such as 20s; not negative")
		default:
			return d, nil
		}
	}}
}

func choiceFlag(to *string, choices ...string) FlagValue {
	return setting[string]{to: to, parse: func(v string) (string, error) {
		if !slices.Contains(choices, v) {
			return "", fmt.Errorf("it is one of %s", strings.Join(choices, ", "))
		}
		return v, nil
	}}
}

func numberFlag[T int | int64](to *T, least T) FlagValue {
	return setting[T]{to: to, parse: func(v string) (T, error) {
		n, err := strconv.ParseInt(v, 10, strconv.IntSize)
		if err != nil || T(n) < least {
			return 0, fmt.Errorf("it is a whole number from %d on", least)
		}
		return T(n), nil
	}}
}

// SeedsFlag is the value of a list of seeds, separated by commas; 0 stands for one that is drawn.
func SeedsFlag(to *[]int64) FlagValue { return seedsFlag{to} }

type seedsFlag struct{ to *[]int64 }

// Set implements flag.Value; the list replaces the one before.
func (f seedsFlag) Set(v string) error {
	var seeds []int64
	for one := range strings.SplitSeq(v, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(one), 10, 64)
		if err != nil || n < 0 {
			return errors.New("seeds are whole numbers, separated by commas; 0 draws one")
		}
		seeds = append(seeds, n)
	}
	*f.to = seeds
	return nil
}

// String implements flag.Value.
func (f seedsFlag) String() string {
	if f.to == nil {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*f.to), " ", ","), "[]")
}

// IsBoolFlag implements FlagValue.
func (f seedsFlag) IsBoolFlag() bool { return false }

// Repeats implements FlagValue.
func (f seedsFlag) Repeats() bool { return false }

func yesFlag(to *bool) FlagValue {
	return setting[bool]{to: to, yes: true, parse: func(v string) (bool, error) {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return false, errors.New("it is true or false")
		}
		return b, nil
	}}
}

// linesFlag adds each value to a list, as it is: a redis.conf line may hold commas.
type linesFlag struct{ to *[]string }

// Set implements flag.Value.
func (l linesFlag) Set(v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("it cannot be empty")
	}
	*l.to = append(*l.to, v)
	return nil
}

// String implements flag.Value.
func (l linesFlag) String() string {
	if l.to == nil {
		return ""
	}
	return strings.Join(*l.to, "\n")
}

// IsBoolFlag implements FlagValue.
func (l linesFlag) IsBoolFlag() bool { return false }

// Repeats implements FlagValue.
func (l linesFlag) Repeats() bool { return true }

// promiseFlag adds promises; several may stand in one value, with commas between.
type promiseFlag struct{ to *[]string }

// Set implements flag.Value.
func (p promiseFlag) Set(v string) error {
	if v == "help" {
		return ErrPromiseHelp
	}
	for one := range strings.SplitSeq(v, ",") {
		if _, err := result.ParsePromise(one); err != nil {
			return err
		}
		*p.to = append(*p.to, strings.TrimSpace(one))
	}
	return nil
}

// String implements flag.Value.
func (p promiseFlag) String() string { return linesFlag(p).String() }

// IsBoolFlag implements FlagValue.
func (p promiseFlag) IsBoolFlag() bool { return false }

// Repeats implements FlagValue.
func (p promiseFlag) Repeats() bool { return true }
