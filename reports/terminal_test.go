package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
)

func summary(t *testing.T, run *history.Run, r *result.Result, o SummaryOptions) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Summary(&b, run, r, o))
	return b.String()
}

func terminalCases() map[string]*result.Result {
	_, a := fixture.SplitBrain(200)
	pass := &result.Result{Verdict: result.Pass, Writes: result.Account{Known: true, Acked: 53988, Survived: 53988}, Convergence: result.Convergence{Barrier: true, Nodes: 3, Keys: 100}}
	for range 7 {
		pass.Promises = append(pass.Promises, result.PromiseResult{Status: result.Kept, Text: "x"})
	}
	pass.Availability.LongestWriteS = result.Gap{From: 0, To: 4e6}
	pass.Staleness = []result.Staleness{{Node: -1, Reads: 10, Ages: result.Ages{Max: 2.1e6, MaxMost: 2.1e6}}}
	unknown := &result.Result{Verdict: result.Unknown, Reasons: []string{"fault 1 never took effect (n2 refused DEBUG SLEEP)"}, Do: "add -config enable-debug-command=local and run it again",
		Promises: []result.PromiseResult{{Status: result.Undecided, Text: "staleness stays under 4 s", Limit: "<= 4 s", Why: "not put to the test"}}}
	weak := *pass
	weak.Weakness = true
	weak.Writes = result.Account{Known: true, Acked: 53065, Survived: 53065 - 3368, Lost: 3368, LostMost: 3368}
	weak.Loss = &result.Loss{First: 10e9, Last: 12e9}
	weak.Shows = []result.PromiseResult{{Status: result.Broken, Text: "lost writes", Measured: "3,368"}}
	// Records are missing: nothing is judged, whatever was counted of the rest.
	missing := &result.Result{Verdict: result.Error, Writes: weak.Writes, Loss: weak.Loss, Shows: weak.Shows, Reasons: []string{"batch 3 of w1", "batch 4 of w1", "batch 9 of w2"}}
	missing.Promises = []result.PromiseResult{{Promise: result.NothingLost(), Status: result.Broken, Text: "no acknowledged write is lost", Limit: "0", Measured: "1,180"}}
	// Values that are intervals: a promise between its ends is not decided.
	open := &result.Result{Verdict: result.Unknown, Reasons: []string{"not decided: no acknowledged write is lost (the fate of 68 writes cannot be told)"}}
	open.Promises = []result.PromiseResult{
		{Promise: result.NothingLost(), Status: result.Undecided, Text: "at most 5,075 acknowledged writes are lost", Limit: "5,075", Measured: "5,072 to 5,078", Value: result.Between(5072, 5078, "x"), Why: "the fate of 6 writes cannot be told: increments that were lost cannot be told from those that were not"},
		{Status: result.Kept, Text: "x"}}
	for _, name := range []string{"phantom", "duplicated", "hole", "crash", "cycle"} {
		open.Promises = append(open.Promises, result.PromiseResult{Promise: result.Promise{Measure: name, By: "always"}, Status: result.Undecided, Text: name, Limit: "0", Measured: "–", Why: "12 operations are judged by nobody"})
	}
	return map[string]*result.Result{"missing": missing, "open": open, "violation": &a.Result, "pass": pass, "unknown": unknown, "weakness": &weak}
}

func TestSummaryGolden(t *testing.T) {
	run := fixture.Run()
	for name, r := range terminalCases() {
		t.Run(name, func(t *testing.T) {
			got := summary(t, &run, r, SummaryOptions{ReportPath: "artifacts/split-brain/redis-7.0/latest/report.html", Took: 53 * time.Second})
			fixture.Golden(t, "summary-"+name+".txt", got)
			require.NotContains(t, got, "\x1b")
			for _, l := range strings.Split(got, "\n") {
				if !strings.HasPrefix(l, "  again") && !strings.HasPrefix(l, "  report") {
					require.LessOrEqual(t, utf8.RuneCountInString(l), 80, l)
				}
			}
		})
	}
}

func TestWithRecordsMissingNothingIsCalledBroken(t *testing.T) {
	run := fixture.Run()
	r := terminalCases()["missing"]
	for _, text := range []string{summary(t, &run, r, SummaryOptions{}), markdown(t, &run, r)} {
		require.NotContains(t, text, "broken")
		require.NotContains(t, text, "shown")
		require.NotContains(t, text, "1,180")
		require.Contains(t, strings.ToLower(text), "not judged")
		require.Contains(t, text, "batch 3 of w1")
	}
}

func markdown(t *testing.T, run *history.Run, r *result.Result) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Markdown(&b, night(run, r), 0))
	return b.String()
}

func TestSummaryColour(t *testing.T) {
	run := fixture.Run()
	r := terminalCases()["violation"]
	t.Setenv("NO_COLOR", "")
	require.Contains(t, summary(t, &run, r, SummaryOptions{Color: true}), "\x1b[31")
	t.Setenv("NO_COLOR", "1")
	require.NotContains(t, summary(t, &run, r, SummaryOptions{Color: true}), "\x1b")
}

func TestSummaryLetsNothingThroughToTheTerminal(t *testing.T) {
	run := fixture.Run()
	r := &result.Result{Verdict: result.Error, Reasons: []string{"a\x1b]0;x\x07b\r\nc", "\x9b2J"}, Do: "\x1b[2J"}
	run.Nodes[0].Version = "7\x1b[1m"
	got := summary(t, &run, r, SummaryOptions{})
	require.NotContains(t, got, "\x1b")
	require.NotContains(t, got, "\r")
	require.NotContains(t, got, "\u009b")
}

func TestResultRoundTrip(t *testing.T) {
	h, a := fixture.SplitBrain(50)
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, &h.Run, &a.Result))
	got, err := ReadJSON(&b)
	require.NoError(t, err)
	require.Equal(t, a.Result, got.Result)
	require.Equal(t, Sentences(&h.Run, &a.Result), got.Sentences)

	_, err = ReadJSON(strings.NewReader(`{"schema": 99}`))
	require.ErrorContains(t, err, "schema 99, this program reads up to 2")
	_, err = ReadJSON(strings.NewReader(`{`))
	require.ErrorContains(t, err, "read result")
}
