package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

func summary(t *testing.T, run *history.Run, r *checker.Result, o SummaryOptions) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Summary(&b, run, r, o))
	return b.String()
}

func terminalCases() map[string]*checker.Result {
	_, a := splitBrain(200)
	pass := &checker.Result{Verdict: checker.Pass, Headline: "Nothing lost: all 53,988 acknowledged writes are there, on every node."}
	for range 7 {
		pass.Promises = append(pass.Promises, checker.PromiseResult{Status: checker.Kept, Text: "x"})
	}
	pass.Availability.LongestWriteS = checker.Gap{From: 0, To: 4e6}
	pass.Staleness = []checker.Staleness{{Node: -1, Reads: 10, Ages: checker.Ages{Max: 2.1e6, MaxMost: 2.1e6}}}
	unknown := &checker.Result{Verdict: checker.Unknown, Headline: "Not decided: fault 1 never took effect (n2 refused DEBUG SLEEP).", Do: "add -config enable-debug-command=local and run it again",
		Promises: []checker.PromiseResult{{Status: checker.Undecided, Text: "staleness stays under 4 s", Limit: "<= 4 s", Why: "not put to the test"}}}
	weak := *pass
	weak.Weakness = true
	weak.Headline = "3,368 of 53,065 acknowledged writes were lost."
	weak.Shows = []checker.PromiseResult{{Status: checker.Broken, Text: "lost writes", Measured: "3,368"}}
	return map[string]*checker.Result{"violation": &a.Result, "pass": pass, "unknown": unknown, "weakness": &weak}
}

func TestSummaryGolden(t *testing.T) {
	run := fixtureRun()
	for name, r := range terminalCases() {
		t.Run(name, func(t *testing.T) {
			got := summary(t, &run, r, SummaryOptions{ReportPath: "artifacts/split-brain/redis-7.0/latest/report.html", Took: 53 * time.Second})
			golden(t, "summary-"+name+".txt", got)
			require.NotContains(t, got, "\x1b")
			for _, l := range strings.Split(got, "\n") {
				if !strings.HasPrefix(l, "  again") && !strings.HasPrefix(l, "  report") {
					require.LessOrEqual(t, utf8.RuneCountInString(l), 80, l)
				}
			}
		})
	}
}

func TestSummaryColour(t *testing.T) {
	run := fixtureRun()
	r := terminalCases()["violation"]
	t.Setenv("NO_COLOR", "")
	require.Contains(t, summary(t, &run, r, SummaryOptions{Color: true}), "\x1b[31")
	t.Setenv("NO_COLOR", "1")
	require.NotContains(t, summary(t, &run, r, SummaryOptions{Color: true}), "\x1b")
}

func TestSummaryLetsNothingThroughToTheTerminal(t *testing.T) {
	run := fixtureRun()
	r := &checker.Result{Verdict: checker.Error, Headline: "a\x1b]0;x\x07b\r\nc", Reasons: []string{"\x9b2J"}, Do: "\x1b[2J"}
	run.Nodes[0].Version = "7\x1b[1m"
	got := summary(t, &run, r, SummaryOptions{})
	require.NotContains(t, got, "\x1b")
	require.NotContains(t, got, "\r")
	require.NotContains(t, got, "\u009b")
}

func TestResultRoundTrip(t *testing.T) {
	_, a := splitBrain(50)
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, &a.Result))
	got, err := ReadJSON(&b)
	require.NoError(t, err)
	require.Equal(t, &a.Result, got)

	_, err = ReadJSON(strings.NewReader(`{"schema": 99}`))
	require.ErrorContains(t, err, "schema 99, this program reads up to 2")
	_, err = ReadJSON(strings.NewReader(`{`))
	require.ErrorContains(t, err, "read result")
}
