package gotest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/scenarios"
)

func TestWhichPatternsMissed(t *testing.T) {
	all := []string{"TestScenario", "TestHarness", "TestOther"}
	own := &Door{names: []string{"TestScenario"}}
	for pattern, missed := range map[string]bool{
		"":                      false,
		"TestScenario/healhty$": true,
		"Scenario/healhty$":     true,
		"Scenraio":              true,
		"TestScenaroi/healthy":  true,
		"TestHarness":           false,
		"TestHarness/deep":      false, // no scenario is meant
		"Test.*/healthy":        true,
		"(":                     false, // go test says what is wrong with it
	} {
		require.Equal(t, missed, own.missed(pattern, all), pattern)
	}
	require.True(t, (&Door{}).missed("TestOwn/redis", []string{"TestOwn"}), "in a package of scenarios each test is one")
	require.False(t, own.missed("Scenraio", nil), "the tests are not known")
}

// The testing package has no door to its tests; this notices when its fields change.
func TestTestsAreKnown(t *testing.T) { require.Contains(t, known, "TestTestsAreKnown") }

var known []string

func TestMain(m *testing.M) {
	known = tests(m)
	m.Run()
}

// A scenario that asks for what a server does not know is left out there, and says so; nothing is started for it.
func TestWhatAServerLacksIsLeftOut(t *testing.T) {
	s, err := scenarios.Find("waitaof")
	require.NoError(t, err)
	var skipped bool
	t.Run("redis 6.0", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		d := &Door{opts: schism.Options{Artifacts: t.TempDir()}}
		d.one(t, t.Name(), s, "redis:6.0", 1, nil)
	})
	require.True(t, skipped)
}
