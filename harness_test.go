package schism_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/scenarios"
)

// The door for go test: go test -run 'TestScenario/split-brain$' . [-server redis:7.0] ...; every flag has a SCHISM_ twin.
var (
	flagServer    = flag.String("server", env("SERVER", "redis:7.0"), "servers, separated by commas")
	flagImage     = flag.String("image", env("IMAGE", ""), "an image of your own, instead of -server")
	flagDuration  = flag.Duration("duration", envDuration("DURATION"), "how long the clients write at least")
	flagSeed      = flag.String("seed", env("SEED", "0"), "seeds of every random choice, separated by commas: a run each; 0 draws one")
	flagPromise   = flag.String("promise", env("PROMISE", ""), "promises of your own, separated by commas")
	flagArtifacts = flag.String("artifacts", env("ARTIFACTS", "artifacts"), "folder of all runs")
	flagNight     = flag.String("night", env("NIGHT", ""), "name of the night that the runs are part of")
	flagNightURL  = flag.String("night-url", env("NIGHT_URL", ""), "page of the job that runs them")
	flagKeep      = flag.Bool("keep", env("KEEP", "") != "", "leave the containers running")
	flagSet       = flag.String("set", env("SET", "ci"), "which scenarios run when -run names none: ci or all")
)

func env(name, def string) string {
	if v, ok := os.LookupEnv("SCHISM_" + name); ok {
		return v
	}
	return def
}

func envDuration(name string) time.Duration {
	v := env(name, "0s")
	d, err := time.ParseDuration(v)
	if err != nil {
		bad("SCHISM_"+name, v, "a duration such as 20s")
	}
	return d
}

func bad(name, value, want string) {
	fmt.Fprintf(os.Stderr, "schism: %s=%q is not %s\n", name, value, want)
	os.Exit(schism.ExitUsage)
}

// ran counts the scenarios that were begun.
var ran atomic.Int64

// TestMain closes two traps of go test: a run whose result would be printed from the cache although the servers may have
// changed, and a mistyped name that ends in "no tests to run" and exit 0.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	uncache() // anew: it must be young when go test looks
	run := flag.Lookup("test.run").Value.String()
	listed := flag.Lookup("test.list").Value.String() != ""
	if code == 0 && !listed && !testing.Short() && strings.Contains(run, "TestScenario") && ran.Load() == 0 {
		fmt.Fprintf(os.Stderr, "schism: -run %q matches no scenario; go run ./cmd/schism list names them all\n", run)
		code = 1
	}
	os.Exit(code)
}

// uncache opens a file of this module and renews it: go test keeps no result of a test that opened a file which, when the test
// ends, is younger than two seconds.
func uncache() {
	path := filepath.Join("artifacts", ".go-test")
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil || os.WriteFile(path, []byte(time.Now().String()), 0o644) != nil {
		fmt.Fprintln(os.Stderr, "schism: cannot write to artifacts/; a second run may print (cached)")
	}
}

// TestScenario runs scenarios against real servers; unknown and error are failures, since neither is a pass.
func TestScenario(t *testing.T) {
	uncache() // go test notes what a running test opens
	if testing.Short() {
		t.Skip("scenarios start real servers; they run without -short")
	}
	for _, s := range chosen(t) {
		t.Run(s.Name, func(t *testing.T) {
			names := strings.Split(*flagServer, ",")
			if *flagImage != "" {
				names = []string{""}
			}
			for _, server := range names {
				t.Run(strings.ReplaceAll(server+*flagImage, "/", "_"), func(t *testing.T) {
					for i, seed := range seeds(t) {
						// The seed is no part of the name, or a drawn one would make a test of its own each night.
						t.Run(fmt.Sprintf("run=%d", i+1), func(t *testing.T) {
							ran.Add(1)
							scenario(t, s, server, seed)
						})
					}
				})
			}
		})
	}
}

// seeds are those of the flag; 0 stays, and the run draws one.
func seeds(t *testing.T) []int64 {
	t.Helper()
	var out []int64
	for _, f := range strings.Split(*flagSeed, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(f), 10, 64)
		require.NoError(t, err, "-seed %s: seeds are whole numbers, separated by commas", *flagSeed)
		out = append(out, n)
	}
	return out
}

// chosen are all scenarios when -run names one, else those of the set.
func chosen(t *testing.T) []scenarios.Scenario {
	t.Helper()
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") || *flagSet == "all" {
		return scenarios.All()
	}
	require.Equal(t, "ci", *flagSet, "-set is ci or all")
	names := scenarios.CI()
	return slices.DeleteFunc(scenarios.All(), func(s scenarios.Scenario) bool { return !slices.Contains(names, s.Name) })
}

func scenario(t *testing.T, s scenarios.Scenario, server string, seed int64) {
	t.Helper()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if deadline, ok := t.Deadline(); ok { // leave time to heal and report
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, deadline.Add(-30*time.Second), fmt.Errorf("go test's -timeout is near"))
		defer cancel()
	}
	o := schism.Options{Server: server, Image: *flagImage, Duration: *flagDuration, Seed: seed, Artifacts: *flagArtifacts, Keep: *flagKeep, Night: *flagNight, NightURL: *flagNightURL}
	if *flagPromise != "" {
		o.Promises = strings.Split(*flagPromise, ",")
	}
	out, err := schism.Run(ctx, s, o)
	if out != nil {
		var b strings.Builder
		require.NoError(t, reports.Summary(&b, out.Run, out.Result, reports.SummaryOptions{Width: 80, ReportPath: out.Report, Took: out.Took.Round(time.Second)}))
		t.Log("\n" + b.String())
	}
	require.NoError(t, err)
	require.Equal(t, result.Pass, out.Result.Verdict, "verdict; %s", strings.Join(out.Result.Reasons, "; "))
}
