// Package gotest runs scenarios from go test. A package of scenarios has one door and gives it TestMain:
//
//	var door = gotest.New()
//
//	func TestMain(m *testing.M) { door.Main(m) }
//
//	func TestPausedReplica(t *testing.T) { door.Run(t, pausedReplica()) }
//
// Every flag of schism run is one of go test (go test -run TestPausedReplica -server=redis:8.0 -seed=7431), and has a twin in the
// environment: SCHISM_SERVER, SCHISM_SEED. A list of servers, separated by commas, runs each.
package gotest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/scenarios"
)

// Door is a test binary's way to run scenarios.
type Door struct {
	opts  schism.Options
	seeds []int64 // a run each; 0 draws one
	env   error   // what is wrong with the environment
	ran   atomic.Int64
	// names of the tests that run scenarios, as patterns of -run find them
	names []string
}

// New registers the flags of schism run with package flag. scenarioTests are the names of the tests that run scenarios, for a -run that
// matches none of them; all of the package's by default.
func New(scenarioTests ...string) *Door {
	d := &Door{names: scenarioTests}
	flags := schism.Flags(&d.opts)
	for i := range flags {
		if flags[i].Name == "seed" {
			flags[i].Usage, flags[i].Value = "`SEEDS`, separated by commas: a run each; 0 draws one (default: 0)", schism.SeedsFlag(&d.seeds)
		}
	}
	d.env = schism.FromEnv(flags)
	for _, f := range flags {
		flag.Var(f.Value, f.Name, f.Usage+" (go test: "+f.EnvName()+")")
	}
	return d
}

// Main is the body of TestMain. It closes two traps of go test: a result that is printed from the cache although the servers may have
// changed, and a mistyped pattern that ends in "no tests to run" and exit code 0.
func (d *Door) Main(m *testing.M) {
	flag.Parse()
	if d.env != nil {
		fmt.Fprintln(os.Stderr, "schism:", d.env)
		os.Exit(schism.ExitUsage)
	}
	code := m.Run()
	d.uncache() // anew: it must be young when go test looks
	pattern := flag.Lookup("test.run").Value.String()
	listed := flag.Lookup("test.list").Value.String() != ""
	if code == 0 && !listed && !testing.Short() && d.ran.Load() == 0 && d.missed(pattern, tests(m)) {
		fmt.Fprintf(os.Stderr, "schism: -run %q matches no scenario, so nothing was run; the tests are %s\n", pattern, strings.Join(tests(m), ", "))
		code = 1
	}
	os.Exit(code)
}

// missed tells whether a pattern of -run was meant for a scenario, or for anything, and found nothing. all are the binary's tests.
func (d *Door) missed(pattern string, all []string) bool {
	if pattern == "" {
		return false
	}
	first, rest, deeper := strings.Cut(pattern, "/")
	re, err := regexp.Compile(first)
	if err != nil {
		return false // go test says so
	}
	names := d.names
	if len(names) == 0 {
		names = all
	}
	matches := func(names []string) bool { return slices.ContainsFunc(names, re.MatchString) }
	return !matches(all) && len(all) > 0 || deeper && rest != "" && matches(names)
}

// tests are the names of a binary's tests. The testing package has no door to them, so none are known should its fields change.
func tests(m *testing.M) []string {
	var names []string
	v := reflect.ValueOf(m).Elem().FieldByName("tests")
	if v.Kind() != reflect.Slice {
		return nil
	}
	for i := range v.Len() {
		if n := v.Index(i).FieldByName("Name"); n.Kind() == reflect.String {
			names = append(names, n.String())
		}
	}
	return names
}

// uncache opens a file of the tested module and renews it: go test keeps no result of a test that opened a file of its module which, when
// the test ends, is younger than two seconds.
func (d *Door) uncache() {
	path := filepath.Join("artifacts", ".go-test")
	if os.MkdirAll(filepath.Dir(path), 0o755) != nil || os.WriteFile(path, []byte(time.Now().String()), 0o644) != nil {
		fmt.Fprintln(os.Stderr, "schism: cannot write to artifacts/; a second run may print (cached)")
	}
}

// Run runs a scenario on each server of -server. A verdict other than pass fails the test: unknown and error are no passes. What is to
// be looked at beyond the verdict goes into looks.
func (d *Door) Run(t *testing.T, s scenarios.Scenario, looks ...func(*testing.T, *schism.Outcome)) {
	t.Helper()
	d.uncache() // go test notes what a running test opens, also of one that is skipped
	if testing.Short() {
		t.Skip("scenarios start real servers; they run without -short")
	}
	servers, seeds := strings.Split(d.opts.Server, ","), d.seeds
	if d.opts.Image != "" {
		servers = []string{""}
	}
	if len(seeds) == 0 {
		seeds = []int64{0}
	}
	name := t.Name() // one server and one seed are no further tests
	for _, server := range servers {
		under(t, len(servers), strings.ReplaceAll(server, "/", "_"), func(t *testing.T) {
			for i, seed := range seeds {
				// The seed is no part of the name, or a drawn one would make a test of its own each night.
				under(t, len(seeds), fmt.Sprintf("run=%d", i+1), func(t *testing.T) { d.one(t, name, s, server, seed, looks) })
			}
		})
	}
}

// under calls f in a subtest when it is one of several.
func under(t *testing.T, of int, name string, f func(*testing.T)) {
	t.Helper()
	if of == 1 {
		f(t)
		return
	}
	t.Run(name, f)
}

// one runs a scenario on one server with one seed; name is that of the test that repeats it.
func (d *Door) one(t *testing.T, name string, s scenarios.Scenario, server string, seed int64, looks []func(*testing.T, *schism.Outcome)) {
	t.Helper()
	d.ran.Add(1)
	o := d.opts
	o.Server, o.Seed, o.Test = server, seed, name
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if deadline, ok := t.Deadline(); ok {
		until := deadline.Add(-schism.EndTime)
		if left := time.Until(until); left < schism.EndTime {
			t.Fatalf("go test's -timeout leaves %s for %s, of which healing and the report may take %s; give a longer one, such as -timeout 20m",
				max(0, time.Until(deadline)).Round(time.Second), s.Name, schism.EndTime)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, until, fmt.Errorf("go test's -timeout is near"))
		defer cancel()
	}
	out, err := schism.Run(ctx, s, o)
	if out != nil {
		// Not by t.Log, which nobody sees of a test that passes.
		if err := reports.Summary(os.Stdout, out.Run, out.Result, reports.SummaryOptions{Width: 80, ReportPath: out.Report, Took: out.Took.Round(time.Second)}); err != nil {
			t.Error(err)
		}
	}
	if errors.Is(err, schism.ErrUnavailable) && o.WaitAOF == "" { // the scenario asks for it, not the user: another server may run it
		fmt.Printf("schism: %s is left out: %s\n", s.Name, words.Line(err.Error()))
		t.Skip(words.Line(err.Error()))
	}
	if err != nil {
		t.Fatal(words.Line(err.Error()))
	}
	if out.Result.Verdict != result.Pass {
		t.Fatalf("%s: %s", out.Result.Verdict, words.Line(strings.Join(out.Result.Reasons, "\n")))
	}
	for _, look := range looks {
		look(t, out)
	}
}

// Ran is how many runs were begun.
func (d *Door) Ran() int { return int(d.ran.Load()) }
