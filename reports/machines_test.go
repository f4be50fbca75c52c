package reports

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
)

func TestMarkdownAndJUnitGolden(t *testing.T) {
	run := fixture.Run()
	for _, name := range []string{"violation", "unknown", "pass", "missing"} {
		r := terminalCases()[name]
		var m, j bytes.Buffer
		require.NoError(t, Markdown(&m, &run, r))
		require.NoError(t, JUnit(&j, &run, r))
		fixture.Golden(t, name+".md", m.String())
		fixture.Golden(t, name+".xml", j.String())
	}
}

func TestMarkdownAndJUnitEscape(t *testing.T) {
	run := &history.Run{Scenario: "a|<b>", Command: "x `y`"}
	r := &result.Result{Verdict: result.Violation, Promises: []result.PromiseResult{{Status: result.Broken, Text: "<script>|\n\x1b[2J", Measured: "]]>\x00"}}}
	var m, j bytes.Buffer
	require.NoError(t, Markdown(&m, run, r))
	require.NotContains(t, m.String(), "<")
	require.NotContains(t, m.String(), "\x1b")
	require.NoError(t, JUnit(&j, run, r))
	require.NotContains(t, j.String(), "<script>")
	require.NotContains(t, j.String(), "\x00")
}
