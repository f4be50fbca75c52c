package schism

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/reports/nights"
)

// judge checks the history as it stands in the file, so that a check of the same run years later says the same.
func (r *run) judge() (*Outcome, error) {
	t := time.Now()
	r.progress("check", "checking the history")
	h, err := history.LoadUnsealed(r.folder.dir)
	var out *Outcome
	if err == nil {
		out, err = checkLoaded(r.folder.dir, h)
	}
	if err != nil { // whatever it is, it is not what the user wrote
		return nil, &Problem{Exit: ExitError, Text: err.Error(), Err: err}
	}
	r.meta.Costs["check"] = time.Since(t).Nanoseconds()
	out.Report = r.folder.latestReport()
	return out, nil
}

// publish seals the run's folder, and writes its result, its page, its line in the history of all runs and the index.
func (r *run) publish(out *Outcome) error {
	r.progress("report", "writing the report")
	t := time.Now()
	if err := r.w.SaveRun(r.meta); err != nil {
		return err
	}
	if err := history.Seal(r.folder.dir, r.meta.ID, resultFile, reportFile); err != nil {
		return err
	}
	out.Run = r.meta
	if err := writeReport(out); err != nil {
		return err
	}
	r.meta.Costs["report"] = time.Since(t).Nanoseconds() // known too late for run.json
	ctx := context.Background()                          // it happens after Ctrl-C too
	return errors.Join(r.folder.latest(), nights.Note(ctx, r.opts.Artifacts, out.Dir, out.Run, out.Result, time.Now()), reports.Index(ctx, r.opts.Artifacts, time.Now()))
}

// Check judges a run's folder anew. Promises of the user's own ("lost=0"), if there are any, take the place of the run's on the same
// measure; the folder is not changed.
func Check(ctx context.Context, dir string, promises ...string) (out *Outcome, err error) {
	err = guarded(dir, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err = check(dir, promises)
		return err
	})
	return out, err
}

func check(dir string, promises []string) (*Outcome, error) {
	h, err := history.Load(dir)
	if err != nil {
		return nil, notARun(dir, err)
	}
	if len(promises) > 0 {
		if err := promiseAnew(&h.Run, promises); err != nil {
			return nil, err
		}
	}
	return checkLoaded(dir, h)
}

func checkLoaded(dir string, h *history.History) (*Outcome, error) {
	a, err := checker.Check(h, checker.Options{})
	if err != nil {
		return nil, fmt.Errorf("check history: %w", err)
	}
	return &Outcome{Dir: dir, Report: filepath.Join(dir, reportFile), Run: &h.Run, Result: &a.Result, Analysis: a, History: h}, nil
}

// promiseAnew puts promises in the place of a run's on the same measures.
func promiseAnew(run *history.Run, promises []string) error {
	var old []result.Promise
	if len(run.Promises) > 0 {
		if err := json.Unmarshal(run.Promises, &old); err != nil {
			return fmt.Errorf("read the run's promises: %w", err)
		}
	}
	all, err := withOwn(old, promises)
	if err != nil {
		return err
	}
	run.Promises = data(all)
	return nil
}

// Report judges a run's folder anew and writes its result and page.
func Report(ctx context.Context, dir string) (out *Outcome, err error) {
	err = guarded(dir, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if out, err = check(dir, nil); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return errors.Join(writeReport(out), noteAgain(ctx, out))
	})
	return out, err
}

func notARun(dir string, err error) error {
	if _, statErr := os.Stat(filepath.Join(dir, history.RunFile)); statErr != nil {
		return &Problem{Exit: ExitUsage, Text: fmt.Sprintf("%s is no folder of a run", dir), Do: "name one that holds a " + history.RunFile, Err: err}
	}
	return &Problem{Exit: ExitUsage, Text: fmt.Sprintf("the history in %s cannot be read: %v", dir, err), Err: err}
}

func writeReport(out *Outcome) error {
	files, err := downloads(out.Dir)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(out.Dir, resultFile), func(f io.Writer) error { return reports.WriteJSON(f, out.Run, out.Result) }); err != nil {
		return err
	}
	return writeFile(filepath.Join(out.Dir, reportFile), func(f io.Writer) error {
		return reports.Run(f, out.History, out.Analysis, files)
	})
}

// writeFile replaces a file in one step.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() { _ = f.Cleanup() }() // of what was not taken over
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// downloads are the run's files, by path from its page.
func downloads(dir string) ([]string, error) {
	var files []string
	dir, err := filepath.EvalSymlinks(dir) // a walk does not follow "latest"
	if err != nil {
		return nil, fmt.Errorf("list files of run: %w", err)
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || history.Unfinished(e.Name()) || e.Name() == reportFile {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list files of run: %w", err)
	}
	return files, nil
}

// Cost says in one line what the harness itself took: all but the load and the faults.
func (o *Outcome) Cost() string {
	var total int64
	var parts []string
	for _, phase := range []string{"start", "stop", "check", "report"} {
		if t, ok := o.Run.Costs[phase]; ok {
			total += t
			parts = append(parts, phase+" "+words.Duration(t))
		}
	}
	return words.Duration(total) + " (" + strings.Join(parts, ", ") + ")"
}
