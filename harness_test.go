package schism_test

import (
	"cmp"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/gotest"
	"github.com/schismtest/schism/scenarios"
)

// The door for go test: go test -run 'TestScenario/split-brain$' -server=redis:8.0.
var (
	door = gotest.New("TestScenario")
	set  = flag.String("set", cmp.Or(os.Getenv("SCHISM_SET"), "ci"), "which scenarios run when -run names none: ci or all")
)

func TestMain(m *testing.M) { door.Main(m) }

// TestScenario runs scenarios against real servers.
func TestScenario(t *testing.T) {
	all := chosen(t)
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) { door.Run(t, s) })
	}
	if given("test.run") == "TestScenario" && given("test.skip") == "" && !testing.Short() {
		require.GreaterOrEqual(t, door.Ran(), len(all), "scenarios were not run")
	}
}

func given(name string) string { return flag.Lookup(name).Value.String() }

// chosen are all scenarios when -run names one, else those of the set.
func chosen(t *testing.T) []scenarios.Scenario {
	t.Helper()
	if strings.Contains(given("test.run"), "/") || *set == "all" {
		return scenarios.All()
	}
	require.Equal(t, "ci", *set, "-set is ci or all")
	names := scenarios.CI()
	return slices.DeleteFunc(scenarios.All(), func(s scenarios.Scenario) bool { return !slices.Contains(names, s.Name) })
}
