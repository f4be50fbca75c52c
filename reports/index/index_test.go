package index

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/internal/fixture"
	"github.com/schismtest/schism/reports/sentences"
)

// writeRun puts a run into a folder of artifacts, as the harness does. A nil result is a run that is not finished.
func writeRun(t *testing.T, root, scenario, server, stamp string, edit func(*history.Run), r *result.Result) {
	t.Helper()
	dir := filepath.Join(root, scenario, strings.ReplaceAll(server, ":", "-"), stamp+"-7431")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	run := fixture.Run()
	run.ID, run.Scenario, run.Server, run.Started = scenario+server+stamp, scenario, server, stamp
	if edit != nil {
		edit(&run)
	}
	b, err := json.Marshal(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, history.RunFile), b, 0o644))
	if r == nil {
		return
	}
	f, err := os.Create(filepath.Join(dir, "result.json"))
	require.NoError(t, err)
	require.NoError(t, sentences.WriteJSON(f, &run, r))
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.html"), nil, 0o644))
}

// write writes the index, as a run does at its end.
func write(t *testing.T, root string) {
	t.Helper()
	require.NoError(t, Write(t.Context(), root, time.Date(2025, 11, 15, 0, 0, 0, 0, time.UTC)))
}

func lostResult(v result.Verdict, lost int64, weakness bool) *result.Result {
	r := &result.Result{Verdict: v, Weakness: weakness}
	r.Writes = result.Account{Known: true, Acked: 1000, Survived: 1000 - lost, Lost: lost}
	if v == result.Violation {
		r.Promises = []result.PromiseResult{{Promise: result.NothingLost(), Status: result.Broken, Text: "no acknowledged write is lost", Measured: fmt.Sprint(lost)}}
	}
	if weakness {
		r.Shows = []result.PromiseResult{{Promise: result.LostWrites, Status: result.Broken, Text: "lost writes", Measured: fmt.Sprint(lost)}}
	}
	return r
}

func fillArtifacts(t *testing.T, root string) {
	t.Helper()
	for _, server := range []string{"redis:7.0", "valkey:8.1", "redis:8.0"} {
		for i := range 14 {
			stamp := fmt.Sprintf("202511%02dT020000000", i+1)
			writeRun(t, root, "healthy", server, stamp, nil, lostResult(result.Pass, 0, false))
			writeRun(t, root, "split-brain", server, stamp, nil, lostResult(result.Pass, 13000+int64(i*i*7%500), true))
			r := lostResult(result.Pass, 0, false)
			if i == 13 && server == "valkey:8.1" {
				r = lostResult(result.Violation, 41, false)
			}
			if i == 13 && server == "redis:8.0" {
				r = &result.Result{Verdict: result.Unknown, Reasons: []string{"fault 1 never took effect"}}
			}
			writeRun(t, root, "sentinel-kill", server, stamp, nil, r)
			if server != "redis:8.0" {
				writeRun(t, root, "zombie-master", server, stamp, nil, lostResult(result.Violation, 4500, false))
			}
		}
	}
	writeRun(t, root, "slow-replica", "redis:7.0", "20251114T020000000", nil, nil)
}

func TestIndexSaysWhatIsNew(t *testing.T) {
	root := t.TempDir()
	fillArtifacts(t, root)
	write(t, root)
	b, err := os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	page := string(b)
	require.Contains(t, page, "<title>✕ sentinel-kill on valkey 7.0.15: 41 of 1,000 acknowledged writes were lost | schism</title>")
	require.Contains(t, page, "No longer decided")
	require.Contains(t, page, "fault 1 never took effect")
	require.Contains(t, page, "not run")
	require.Contains(t, page, "not finished")
	require.Contains(t, page, "shown 42 of 42")
	require.Contains(t, page, `href="./sentinel-kill/valkey-8.1/20251114T020000000-7431/report.html"`)
	require.Contains(t, page, "violation, as before")
	if out := os.Getenv("SCHISM_REPORT_OUT"); out != "" {
		require.NoError(t, os.WriteFile(filepath.Join(out, "index.html"), b, 0o644))
	}
}

func TestIndexIsNeverBlank(t *testing.T) {
	root := t.TempDir()
	write(t, root)
	b, err := os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(b), "No run yet.")

	dir := filepath.Join(root, "healthy", "redis-7.0", "x")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, history.RunFile), []byte("{"), 0o644))
	write(t, root)
	b, err = os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(b), "Cannot be read: healthy/redis-7.0/x")
}

func TestIndexEscapesNames(t *testing.T) {
	root := t.TempDir()
	writeRun(t, root, "a b%c", "redis:7.0", "1", func(r *history.Run) { r.Scenario, r.Why = "<script>alert(1)</script>", "<img src=x>" }, lostResult(result.Pass, 0, false))
	write(t, root)
	b, err := os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	require.NotContains(t, string(b), "<script>alert")
	require.NotContains(t, string(b), "<img")
	require.Contains(t, string(b), "./a%20b%25c/redis-7.0/1-7431/report.html")
}

func TestIndexTellsARunThatGoesOnFromADeadOne(t *testing.T) {
	root := t.TempDir()
	writeRun(t, root, "healthy", "redis:7.0", "1", nil, nil)
	lock, err := os.Create(filepath.Join(root, "healthy", "redis-7.0", "1-7431", ".lock"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	read := func() string {
		write(t, root)
		b, err := os.ReadFile(filepath.Join(root, "index.html"))
		require.NoError(t, err)
		return string(b)
	}
	page := read()
	require.Contains(t, page, ">first run goes on<")
	require.NotContains(t, page, ">not finished<")
	require.NoError(t, lock.Close())
	page = read()
	require.Contains(t, page, "not finished")
	require.NotContains(t, page, "goes on<")
}

func TestIndexCountsAShareAsShownWhereItWasMeasured(t *testing.T) {
	root := t.TempDir()
	r := lostResult(result.Pass, 0, false)
	r.Shows = []result.PromiseResult{{Promise: result.OtherReads, Status: result.Broken, Text: "share of reads that the other replicas answered", Measured: "96.3 %"}}
	writeRun(t, root, "replica-crash", "redis:7.0", "1", nil, r)
	write(t, root)
	b, err := os.ReadFile(filepath.Join(root, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(b), "shown 1 of 1")
}

func TestIndexSaysAnInterval(t *testing.T) {
	for _, c := range []struct {
		lost, most int64
		want       string
	}{{41, 41, ">41<"}, {41, 44, ">41 to 44<"}, {0, 68, ">0 to 68<"}} {
		root := t.TempDir()
		r := lostResult(result.Pass, c.lost, false)
		r.Writes.LostMost = c.most
		writeRun(t, root, "counter", "redis:7.0", "1", nil, r)
		write(t, root)
		b, err := os.ReadFile(filepath.Join(root, "index.html"))
		require.NoError(t, err)
		require.Contains(t, string(b), c.want)
	}
}
