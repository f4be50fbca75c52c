package schism

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/scenarios"
)

// prepared is a run whose servers did not start yet.
func prepared(t *testing.T, progress func(Progress)) *run {
	t.Helper()
	s, err := scenarios.Find("healthy")
	require.NoError(t, err)
	o := Options{Artifacts: t.TempDir(), Seed: 1, Progress: progress}.withDefaults()
	p, err := o.apply(s)
	require.NoError(t, err)
	r := &run{opts: o, plan: p, live: history.NewLive()}
	require.NoError(t, r.prepare(context.Background(), time.Now()))
	return r
}

// recording is one that has recorded something of two nodes.
func recording(t *testing.T, progress func(Progress)) *run {
	t.Helper()
	r := prepared(t, progress)
	r.meta.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "10.0.0.1:6379", Role: history.RoleMaster}, {Name: "w1", Kind: history.Worker, Addr: "10.0.0.2"}}
	require.NoError(t, r.w.SaveRun(r.meta))
	r.append(&history.Batch{Events: []history.Event{{Node: history.NoNode, T: 1, Kind: history.EvPhase, Name: history.PhaseLoad}}})
	return r
}

func stoppedAlready() <-chan stopResult {
	c := make(chan stopResult, 1)
	c <- stopResult{}
	return c
}

// requireKept demands that the records are there, that the error says so in one line, and that they can still be judged.
func requireKept(t *testing.T, r *run, err error) {
	t.Helper()
	dir := r.folder.dir
	require.FileExists(t, filepath.Join(dir, history.HistoryFile))
	require.Equal(t, ExitError, ExitCode(result.Pass, err))
	require.ErrorContains(t, err, "what was recorded is in "+dir+": schism check "+dir+" judges it, schism report "+dir+" writes its page")
	require.NotContains(t, err.Error(), "\n")
}

func requireJudged(t *testing.T, r *run) {
	t.Helper()
	out, err := Check(t.Context(), r.folder.dir)
	require.NoError(t, err)
	require.NotEqual(t, result.Pass, out.Result.Verdict)
	_, err = Report(t.Context(), r.folder.dir)
	require.NoError(t, err)
}

func TestStartThatRecordedNothingLeavesNothing(t *testing.T) {
	r := prepared(t, nil)
	failed := errors.New("no engine")
	err := r.evidence(nil, errors.Join(failed, r.unstarted(failed)))
	require.EqualError(t, err, "no engine")
	require.NoDirExists(t, r.folder.dir)
	left, err := os.ReadDir(r.opts.Artifacts)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestStartThatRecordedSomethingStays(t *testing.T) {
	r := prepared(t, nil)
	r.append(&history.Batch{Events: []history.Event{{Node: 0, T: 1, Kind: history.EvNote, Name: "exit", Text: "status 1"}}})
	failed := errors.New("n1: its process did not start\nbad option")
	err := r.evidence(nil, errors.Join(failed, r.unstarted(failed)))
	requireKept(t, r, err)
	require.ErrorContains(t, err, "did not start; bad option;")
	out, err := Check(t.Context(), r.folder.dir)
	require.NoError(t, err)
	require.Equal(t, result.Unknown, out.Result.Verdict)
	require.Contains(t, out.Run.Incomplete, "it did not start: n1")
	requireJudged(t, r)
}

// A first line that does not fit on the disk is no record.
func TestHistoryThatCouldNotBeginLeavesNothing(t *testing.T) {
	r := prepared(t, nil)
	require.NoError(t, os.Truncate(filepath.Join(r.folder.dir, history.HistoryFile), 3))
	r.w = nil
	require.ErrorContains(t, r.evidence(nil, errors.New("no space")), "no space")
	require.NoDirExists(t, r.folder.dir)
}

func TestFailureToJudgeKeepsTheRecords(t *testing.T) {
	r := recording(t, nil)
	path := filepath.Join(r.folder.dir, history.HistoryFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("some other program's file"), 0o644))
	out, err := r.conclude(stoppedAlready())
	require.Nil(t, out)
	requireKept(t, r, r.evidence(out, err))
	require.NoError(t, os.WriteFile(path, whole, 0o644))
	requireJudged(t, r)
}

func TestFailureToWriteTheHistoryKeepsWhatWasWritten(t *testing.T) {
	r := recording(t, nil)
	require.NoError(t, r.w.Close())
	r.append(&history.Batch{}) // fails, as every write after it
	out, err := r.conclude(stoppedAlready())
	require.Nil(t, out)
	requireKept(t, r, r.evidence(out, err))
	requireJudged(t, r)
}

// The disk is full when the page is written; /dev/full is one that always is.
func TestFailureToPublishKeepsTheRecords(t *testing.T) {
	for _, name := range []string{resultFile, reportFile} {
		t.Run(name, func(t *testing.T) {
			r := recording(t, nil)
			inTheWay := filepath.Join(r.folder.dir, name, "x")
			require.NoError(t, os.MkdirAll(inTheWay, 0o755))
			out, err := r.conclude(stoppedAlready())
			require.NotNil(t, out, "what was seen is said")
			require.Empty(t, out.Report, "a page that is not there is not named")
			err = r.evidence(out, err)
			requireKept(t, r, err)
			require.ErrorContains(t, err, "write "+name)
			require.NoError(t, os.RemoveAll(filepath.Dir(inTheWay)))
			requireJudged(t, r)
		})
	}
}

// A run.json that could not be replaced does not say all: the history says that, so that nothing passes later.
func TestOldRunFileIsSaidInTheHistory(t *testing.T) {
	r := recording(t, nil)
	name := filepath.Join(r.folder.dir, history.RunFile)
	old, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "x"), 0o755))) // in the way
	out, err := r.conclude(stoppedAlready())
	require.Nil(t, out)
	require.NoError(t, errors.Join(os.RemoveAll(name), os.WriteFile(name, old, 0o644)))
	requireKept(t, r, r.evidence(out, err))
	again, err := Check(t.Context(), r.folder.dir)
	require.NoError(t, err)
	require.Equal(t, result.Error, again.Result.Verdict)
}

func TestPanicKeepsTheRecordsAndSaysWhereItsTraceIs(t *testing.T) {
	for _, phase := range []string{"check", "report"} {
		t.Run(phase, func(t *testing.T) {
			r := recording(t, func(p Progress) {
				if p.Phase == phase {
					panic("boom")
				}
			})
			out, err := r.conclude(stoppedAlready())
			err = r.evidence(out, err)
			requireKept(t, r, err)
			trace := filepath.Join(r.folder.dir, guard.TraceFile)
			require.ErrorContains(t, err, "panic: boom; its trace is in "+trace)
			b, err := os.ReadFile(trace)
			require.NoError(t, err)
			require.Contains(t, string(b), "TestPanicKeeps")
			requireJudged(t, r)
		})
	}
}

// A panic where an agent's records are taken makes the run one although everything after it goes well.
func TestPanicInAHandlerIsNotForgotten(t *testing.T) {
	r := recording(t, nil)
	live := r.live
	r.live = nil // so that it panics
	r.onRecords(1, history.EncodeBatch(nil, &history.Batch{Source: 1, Seq: 1}), 1)
	r.live = live
	out, err := r.conclude(stoppedAlready())
	require.NoError(t, err)
	err = r.evidence(out, err)
	require.Equal(t, ExitError, ExitCode(out.Result.Verdict, err))
	require.ErrorContains(t, err, "panic: runtime error")
	require.FileExists(t, filepath.Join(r.folder.dir, guard.TraceFile))
	require.Equal(t, result.Error, out.Result.Verdict)
}

func TestPanicOfACheckIsAnError(t *testing.T) {
	err := guarded(t.TempDir(), func() error { panic("boom") })
	require.Equal(t, ExitError, ExitCode(result.Pass, err))
	require.ErrorContains(t, err, guard.TraceFile)
}
