package reports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
	"github.com/schismtest/schism/reports/nights"
	"github.com/schismtest/schism/reports/sentences"
)

// lineOf is the line of a run that came to a result.
func lineOf(run *history.Run, r *result.Result) nights.Line {
	return nights.LineOf(run, &sentences.File{Sentences: sentences.Of(run, r), Result: *r}, "", time.Unix(0, 0))
}

// night is what a night of one run says.
func night(run *history.Run, r *result.Result) *nights.Report {
	return nights.Compare(&nights.History{Lines: []nights.Line{lineOf(run, r)}}, nil, "")
}

func TestMarkdownAndJUnitGolden(t *testing.T) {
	run := fixture.Run()
	for _, name := range []string{"violation", "unknown", "pass", "missing"} {
		r := night(&run, terminalCases()[name])
		var m, j bytes.Buffer
		require.NoError(t, Markdown(&m, r, 0))
		require.NoError(t, JUnit(&j, r))
		fixture.Golden(t, name+".md", m.String())
		fixture.Golden(t, name+".xml", j.String())
	}
}

func TestMarkdownJUnitAndAnnotationsEscape(t *testing.T) {
	const evil = "<script>|\n\x1b[2J ]]>\x00 ::error::x %0A @all"
	run := &history.Run{ID: "1", Scenario: "a|<b>\n::warning::,%", Server: "x:1", Command: "x `y`"}
	r := night(run, &result.Result{Verdict: result.Violation, Reasons: []string{evil}, Promises: []result.PromiseResult{{Status: result.Broken, Promise: result.NothingLost(), Text: evil, Measured: evil, Limit: evil, Why: evil}}})
	var m, j, a bytes.Buffer
	require.NoError(t, Markdown(&m, r, 0))
	require.NotContains(t, m.String(), "<")
	require.NotContains(t, m.String(), "\x1b")
	require.NotContains(t, m.String(), "@all")
	require.NoError(t, JUnit(&j, r))
	require.NotContains(t, j.String(), "<script>")
	require.NotContains(t, j.String(), "\x00")
	require.NoError(t, xml.Unmarshal(j.Bytes(), new(junitSuites)))
	require.NoError(t, Annotations(&a, r))
	require.Equal(t, 1, strings.Count(a.String(), "\n"), "one command, on one line")
	head, text, ok := strings.Cut(strings.TrimPrefix(a.String(), "::error title="), "::")
	require.True(t, ok)
	require.Equal(t, "New violation%3A a|<b> %3A%3Awarning%3A%3A%2C%25 on x%3A1", head)
	require.Contains(t, text, "%250A")
}

// manyNew is a night in which so many scenarios broke a promise that they had kept.
func manyNew(n int) *nights.Report {
	h := &nights.History{}
	for i := range n {
		for night, v := range []result.Verdict{result.Pass, result.Violation} {
			run := &history.Run{ID: fmt.Sprint(i, night), Scenario: fmt.Sprintf("s%04d", i), Server: "redis:7.0", Night: fmt.Sprint(night), Started: fmt.Sprintf("2026-01-0%d", night+1)}
			p := result.PromiseResult{Promise: result.NothingLost(), Status: result.Kept, Text: "no acknowledged write is lost", Limit: "0", Measured: "41"}
			if v == result.Violation {
				p.Status = result.Broken
			}
			if i == n-1 { // always a bug
				p.Promise.By = "always"
			}
			h.Lines = append(h.Lines, lineOf(run, &result.Result{Verdict: v, Promises: []result.PromiseResult{p}}))
		}
	}
	return nights.Compare(nights.Merge(h), nil, "")
}

func TestAtMostTenAnnotationsWorstFirst(t *testing.T) {
	for n, want := range map[int]int{1: 1, 10: 10, 11: 10, 500: 10} {
		var a bytes.Buffer
		require.NoError(t, Annotations(&a, manyNew(n)))
		lines := strings.Split(strings.TrimSpace(a.String()), "\n")
		require.Len(t, lines, want)
		require.Contains(t, lines[0], fmt.Sprintf("s%04d", n-1))
		if n > want {
			require.Contains(t, lines[want-1], fmt.Sprintf("%d more are in the summary", n-want+1))
		}
	}
}

func TestMarkdownIsCutOffWithASentence(t *testing.T) {
	r := manyNew(6000)
	var m bytes.Buffer
	require.NoError(t, Markdown(&m, r, 0))
	require.Less(t, m.Len(), 1<<20)
	require.True(t, strings.HasSuffix(m.String(), cutOff))
	require.True(t, strings.HasPrefix(m.String(), "## ✕ 6,000 new violations"))
	m.Reset()
	require.NoError(t, Markdown(&m, manyNew(3), 0))
	require.NotContains(t, m.String(), cutOff)
}

// namesOf are the names of all that a JUnit file holds.
func namesOf(t *testing.T, r *nights.Report) []string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, r))
	var s junitSuites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &s))
	var out []string
	for _, suite := range s.Suites {
		for _, c := range suite.Cases {
			out = append(out, suite.Name+"/"+c.Class+"/"+c.Name)
		}
	}
	return out
}

func TestJUnitNamesAreTheSameEachNight(t *testing.T) {
	run := fixture.Run()
	good := night(&run, terminalCases()["pass"])
	want := namesOf(t, good)
	require.NotEmpty(t, want)
	run.Seed, run.ID, run.Started = run.Seed+1, "another", "2027-01-01T00:00:00Z"
	for i := range run.Nodes {
		run.Nodes[i].Version = "9.9.9"
	}
	bad := *terminalCases()["pass"]
	bad.Verdict = result.Violation
	bad.Promises = append([]result.PromiseResult{}, bad.Promises...)
	bad.Promises[0].Status, bad.Promises[0].Measured = result.Broken, "41"
	require.Equal(t, want, namesOf(t, night(&run, &bad)))
	for _, n := range want {
		require.NotContains(t, n, fmt.Sprint(run.Seed-1))
	}
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, night(&run, &bad)))
	require.Contains(t, b.String(), fmt.Sprintf(`<property name="seed" value="%d">`, run.Seed))
}
