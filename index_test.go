package schism_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports"
)

// recorded is one run of a recorded night.
type recorded struct {
	night            int
	scenario, server string
	seed             int64
	release, build   string
	r                result.Result
}

// save puts the run into a folder of artifacts, as the harness does.
func (x recorded) save(t *testing.T, root string) {
	t.Helper()
	name := strings.ReplaceAll(x.server, ":", "-")
	dir := filepath.Join(root, x.scenario, name, fmt.Sprintf("2026010%dT020000000-%d", x.night, x.seed))
	run := history.Run{Schema: history.RunSchema, ID: fmt.Sprintf("%d-%s-%s-%d", x.night, x.scenario, name, x.seed), Scenario: x.scenario, Server: x.server, Image: "schism/" + x.server,
		ImageID: "sha256:" + strings.Repeat(x.build, 3), Seed: x.seed, Started: fmt.Sprintf("2026-01-0%dT02:00:00Z", x.night), Night: fmt.Sprintf("run-%d", x.night),
		NightURL: fmt.Sprintf("https://ci.example/runs/%d", x.night), Command: fmt.Sprintf("schism run %s -server %s -seed %d", x.scenario, x.server, x.seed),
		Host:  []history.KV{{K: "schism", V: "v0.2.0"}, {K: "kernel", V: "6.1"}},
		Nodes: []history.Node{{Name: "n1", Kind: history.Server, Version: x.release, Build: x.build}}}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	b, err := json.Marshal(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, history.RunFile), b, 0o644))
	f, err := os.Create(filepath.Join(dir, "result.json"))
	require.NoError(t, err)
	require.NoError(t, reports.WriteJSON(f, &run, &x.r))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.html"), nil, 0o644))
}

// account is a result with so many of 1,000 acknowledged writes lost. promised: that none is.
func account(lost int64, promised bool) result.Result {
	r := result.Result{Verdict: result.Pass}
	r.Writes = result.Account{Known: true, Acked: 1000, Survived: 1000 - lost, Lost: lost, LostMost: lost}
	r.Convergence.Barrier = true
	r.Measures = []result.MeasureValue{{Name: "lost", Value: result.Exactly(float64(lost))}}
	p := result.PromiseResult{Promise: result.NothingLost(), Status: result.Kept, Text: "no acknowledged write is lost", Limit: "0", Measured: fmt.Sprint(lost), Value: result.Exactly(float64(lost))}
	if lost > 0 {
		p.Status = result.Broken
	}
	switch {
	case promised && lost > 0:
		r.Verdict = result.Violation
		r.Promises = []result.PromiseResult{p}
	case promised:
		r.Promises = []result.PromiseResult{p}
	default:
		p.Promise, p.Text = result.LostWrites, "lost acknowledged writes"
		r.Shows, r.Weakness = []result.PromiseResult{p}, lost > 0
	}
	return r
}

// recordNight writes a night as CI does: an artifact a server, with two seeds that are always the same and one that is not.
func recordNight(t *testing.T, site string, night int, valkeyBuild string, planted bool) {
	t.Helper()
	for _, server := range []string{"redis:7.0", "valkey:8.1"} {
		job := filepath.Join(site, "runs-"+strings.ReplaceAll(server, ":", "-")+"-1")
		x := recorded{night: night, server: server, release: "7.0.15", build: "aaaaaaaa"}
		if server == "valkey:8.1" {
			x.release, x.build = "8.1.1", valkeyBuild
		}
		for _, seed := range []int64{7431, 7432, int64(100 + night)} {
			x.seed = seed
			x.scenario, x.r = "healthy", account(0, true)
			if planted && server == "valkey:8.1" && seed != 7431 {
				x.r = account(41, true)
			}
			x.save(t, job)
			x.scenario, x.r = "split-brain", account(500+seed%7, false)
			x.save(t, job)
			x.scenario, x.r = "zombie", account(40, true)
			x.save(t, job)
		}
	}
}

// nightOf is what a night's last job makes.
type nightOf struct {
	out                            *schism.IndexOutcome
	page, summary, commands, junit string
}

// mergeNight does what a night's last job does: it has the history of the nights before, and this night's artifacts.
func mergeNight(t *testing.T, site, kept string, night int) nightOf {
	t.Helper()
	var n nightOf
	var commands bytes.Buffer
	summary, junit := filepath.Join(t.TempDir(), "summary.md"), filepath.Join(site, "junit.xml")
	jobs, err := filepath.Glob(filepath.Join(site, "runs-*"))
	require.NoError(t, err)
	n.out, err = schism.Index(t.Context(), append(jobs, kept), schism.IndexOptions{Into: site, Night: fmt.Sprintf("run-%d", night), Summary: summary, JUnit: junit, Annotations: "-", Out: &commands})
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(site, "history.jsonl"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(kept, "history.jsonl"), b, 0o644))
	for name, to := range map[string]*string{n.out.Page: &n.page, summary: &n.summary, junit: &n.junit} {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		*to = string(b)
	}
	n.commands = commands.String()
	return n
}

// kinds are the changes that a page lists.
func kinds(page string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?s)<tr><td class="nw[^"]*">.*?</svg> ([^<]+)</td><th scope="row">.*?(\w[\w-]+)(?:</a>)? <span class="mut">([^<]+)`).FindAllStringSubmatch(page, -1) {
		out = append(out, m[1]+": "+m[2]+" on "+m[3])
	}
	return out
}

func TestThreeRecordedNights(t *testing.T) {
	root := t.TempDir()
	kept := filepath.Join(root, "kept")
	require.NoError(t, os.Mkdir(kept, 0o755))
	site := func(n int) string { return filepath.Join(root, fmt.Sprint("site", n)) }

	// The first night: what breaks its promise is new, since nothing is known of it.
	recordNight(t, site(1), 1, "bbbbbbbb", false)
	one := mergeNight(t, site(1), kept, 1)
	require.Equal(t, schism.ExitViolation, one.out.Exit())
	require.Equal(t, []string{"New violation: zombie on redis 7.0.15", "New violation: zombie on valkey 8.1.1"}, kinds(one.page))
	require.Contains(t, one.page, `href="./runs-valkey-8.1-1/zombie/valkey-8.1/20260101T020000000-7431/report.html"`)
	require.Len(t, one.out.Report.History.Lines, 18)

	// The second: one server's build is another. Nothing else changed, although a third of the seeds did.
	recordNight(t, site(2), 2, "cccccccc", false)
	two := mergeNight(t, site(2), kept, 2)
	require.Equal(t, schism.ExitPass, two.out.Exit())
	require.Equal(t, "✕ No new violation; 2 stand from before", two.out.Headline())
	require.Empty(t, kinds(two.page))
	require.Empty(t, two.commands)
	require.NotContains(t, two.summary, "### New")
	require.NotContains(t, two.summary, "### Gone")
	require.NotContains(t, two.summary, "### Changed\n")
	around := []string{"valkey:8.1: server build bbbbbbbb → cccccccc", "valkey:8.1: image digest sha256:bbbbbbbbbbbb → sha256:cccccccccccc"}
	require.Equal(t, around, two.out.Report.Around)
	for _, a := range around {
		require.Contains(t, two.page, "<li>"+a+"</li>")
		require.Contains(t, two.summary, "- "+a+"\n")
	}
	require.Equal(t, 2, strings.Count(two.summary, "Broken in 2 nights, since 2026-01-01; now 40 in 3 of 3 runs"))
	require.Equal(t, 2, strings.Count(two.page, `class="std"`), "a violation that stands looks unlike a weakness")
	require.Contains(t, two.page, "<b>Violations, none new</b>")
	require.Contains(t, two.page, "shown 12 of 12")

	// The third: a violation is planted, and nothing else changed.
	recordNight(t, site(3), 3, "cccccccc", true)
	three := mergeNight(t, site(3), kept, 3)
	require.Equal(t, schism.ExitViolation, three.out.Exit())
	require.Equal(t, "✕ 1 new violation, 0 gone, 0 changed", three.out.Headline())
	require.Equal(t, []string{"New violation: healthy on valkey 8.1.1"}, kinds(three.page))
	require.Contains(t, three.page, "<title>✕ healthy on valkey 8.1.1: 41 of 1,000 acknowledged writes were lost | schism</title>")
	require.Contains(t, three.page, "41 (promised: 0) in 2 of 3 runs")
	require.Equal(t, "::error title=New violation%3A healthy on valkey%3A8.1::no acknowledged write is lost: 41 (promised: 0) in 2 of 3 runs. 41 of 1,000 acknowledged writes were lost. Changed around it: nothing that is recorded.\n", three.commands)
	require.Contains(t, three.summary, "| ✕ **healthy** | valkey:8.1 | no acknowledged write is lost | kept in 3 of 3 runs | 41 (promised: 0) in 2 of 3 runs | 41 of 1,000 acknowledged writes were lost. | nothing that is recorded |\n")
	require.Contains(t, three.summary, "- Again: `schism run healthy -server valkey:8.1 -seed 103`\n")
	require.NotContains(t, three.summary, "### Changed around")
	require.Equal(t, 2, strings.Count(three.summary, "Broken in 3 nights"))
	// Older runs are there, by the job that made them, and every run has its line.
	require.Len(t, three.out.Report.History.Lines, 54)
	require.Contains(t, three.page, `<a href="https://ci.example/runs/1">the job</a> <span class="mut">folder gone</span>`)
	require.Contains(t, three.page, `href="./runs-redis-7.0-1/split-brain/redis-7.0/20260103T020000000-103/report.html"`)
	require.Equal(t, names(one.junit), names(two.junit))
	require.Equal(t, names(one.junit), names(three.junit))
	require.Contains(t, three.junit, `<property name="seed" value="103">`)

	// It is fixed, by another build: gone. One cell was not decided: neither gone nor new.
	recordNight(t, site(4), 4, "dddddddd", false)
	unknown := recorded{night: 4, server: "redis:7.0", release: "7.0.15", build: "aaaaaaaa", scenario: "zombie", seed: 7431, r: result.Result{Verdict: result.Unknown, Reasons: []string{"fault 1 never took effect"}}}
	require.NoError(t, os.RemoveAll(filepath.Join(site(4), "runs-redis-7.0-1", "zombie")))
	unknown.save(t, filepath.Join(site(4), "runs-redis-7.0-1"))
	require.NoError(t, os.RemoveAll(filepath.Join(site(4), "runs-valkey-8.1-1", "zombie")))
	four := mergeNight(t, site(4), kept, 4)
	require.Equal(t, schism.ExitPass, four.out.Exit())
	require.Equal(t, []string{"No longer decided: zombie on redis 7.0.15", "Not run: zombie on valkey 8.1.1", "Violation gone: healthy on valkey 8.1.1"}, kinds(four.page))
	require.Contains(t, four.page, "1 violation is gone. 2 violations stand from before, 2 of them not told of now.")
	require.Contains(t, four.summary, "- ✓ healthy on valkey:8.1: no acknowledged write is lost. It was 41 (promised: 0); now kept in 3 of 3 runs. Changed around it: server build cccccccc → dddddddd; image digest")
	require.Contains(t, four.summary, "Broken in 3 nights, since 2026-01-01. Not told now (unknown: fault 1 never took effect): neither gone nor new.")
	require.Contains(t, four.summary, "Broken in 3 nights, since 2026-01-01. Not told now (not run): neither gone nor new.")
	if out := os.Getenv("SCHISM_REPORT_OUT"); out != "" {
		require.NoError(t, os.WriteFile(filepath.Join(out, "nights.html"), []byte(four.page), 0o644))
	}
}

// names are those of a JUnit file.
func names(junit string) []string {
	return slices.Concat(regexp.MustCompile(`<testcase name="[^"]*" classname="[^"]*"`).FindAllString(junit, -1), regexp.MustCompile(`<testsuite name="[^"]*"`).FindAllString(junit, -1))
}

func TestANightInWhichNothingWasRunIsNoPass(t *testing.T) {
	root := t.TempDir()
	kept := filepath.Join(root, "kept")
	require.NoError(t, os.Mkdir(kept, 0o755))
	recordNight(t, filepath.Join(root, "one"), 1, "b", true)
	mergeNight(t, filepath.Join(root, "one"), kept, 1)
	two := mergeNight(t, filepath.Join(root, "two"), kept, 2)
	require.Equal(t, schism.ExitUnknown, two.out.Exit())
	require.Empty(t, two.commands, "what was new the night before is not new again")
	require.Contains(t, two.page, "No cell was run last night.")
	require.Contains(t, two.summary, "6 not run")
}

func TestIndexOfOneFolder(t *testing.T) {
	root := t.TempDir()
	for night := 1; night <= 4; night++ {
		(&recorded{night: night, scenario: "healthy", server: "redis:7.0", seed: 1, release: "7.0.15", build: "a", r: account(0, true)}).save(t, root)
	}
	out, err := schism.Index(t.Context(), []string{root}, schism.IndexOptions{})
	require.NoError(t, err)
	require.Equal(t, schism.ExitPass, out.Exit())
	require.Empty(t, out.Removed)
	first, err := os.ReadFile(filepath.Join(root, "history.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 4, bytes.Count(first, []byte("\n")))

	// What has a line is not parsed again: a result that can no longer be read is not missed.
	dir := filepath.Join(root, "healthy", "redis-7.0", "20260102T020000000-1")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "result.json"), []byte("{"), 0o644))
	out, err = schism.Index(t.Context(), []string{root}, schism.IndexOptions{KeepNights: 2})
	require.NoError(t, err)
	require.Empty(t, out.Broken)
	require.Equal(t, []string{"healthy/redis-7.0/20260101T020000000-1", "healthy/redis-7.0/20260102T020000000-1"}, out.Removed)
	require.NoDirExists(t, dir)
	page, err := os.ReadFile(out.Page)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(page), "folder gone"))
	again, err := os.ReadFile(filepath.Join(root, "history.jsonl"))
	require.NoError(t, err)
	require.Equal(t, string(first), string(again), "lines stay")
}

func TestIndexSaysWhatItCannotDo(t *testing.T) {
	root := t.TempDir()
	for want, try := range map[string]func() error{
		"takes the folders": func() error { _, err := schism.Index(t.Context(), nil, schism.IndexOptions{}); return err },
		"-into": func() error {
			_, err := schism.Index(t.Context(), []string{root, root}, schism.IndexOptions{})
			return err
		},
		"cannot be read as a folder": func() error {
			_, err := schism.Index(t.Context(), []string{root + "/none"}, schism.IndexOptions{})
			return err
		},
		"-keep-nights -1 is negative": func() error {
			_, err := schism.Index(t.Context(), []string{root}, schism.IndexOptions{KeepNights: -1})
			return err
		},
		"none/summary.md: no such file": func() error {
			_, err := schism.Index(t.Context(), []string{root}, schism.IndexOptions{Summary: root + "/none/summary.md"})
			return err
		},
	} {
		err := try()
		require.ErrorContains(t, err, want)
		require.Equal(t, schism.ExitUsage, schism.ExitCode("", err))
	}
}
