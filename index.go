package schism

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/reports/index"
	"github.com/schismtest/schism/reports/nights"
)

// IndexOptions say what Index writes besides the page.
type IndexOptions struct {
	// Into is the folder of the page and of the joined history; where it is empty, the one folder that is given.
	Into string
	// Night is the night that is told of; empty: that of the newest run.
	Night string
	// KeepNights removes the folders of runs that are older than so many nights; 0 keeps all. Their lines stay.
	KeepNights int
	// Summary, JUnit and Annotations are files to write: Markdown, which is added to what is there, JUnit's XML, and GitHub's workflow commands
	// for the new violations; "-" is Out. Empty: none.
	Summary, JUnit, Annotations string
	// Out is where "-" goes.
	Out io.Writer
	_   struct{}
}

// IndexOutcome is what Index found and wrote.
type IndexOutcome struct {
	Page    string // the page's path
	Report  *nights.Report
	Broken  []string // folders that cannot be read, and why
	Removed []string // folders that KeepNights removed
}

// Exit is the exit code: that of a violation where one is new, unknown for a night in which nothing was run, else a pass. What is unknown,
// failed or stands from before has failed its own run already.
func (o *IndexOutcome) Exit() int {
	switch last := o.Report.Last; {
	case len(o.Report.NewOnes()) > 0:
		return ExitViolation
	case last != nil && len(last.Lines) == 0:
		return ExitUnknown
	}
	return ExitPass
}

// Headline says in one line what is new.
func (o *IndexOutcome) Headline() string { return reports.Headline(o.Report) }

// Index joins the runs and histories of some folders, which hold runs or a history.jsonl, and writes the page over them.
func Index(ctx context.Context, dirs []string, o IndexOptions) (out *IndexOutcome, err error) {
	err = guarded("", func() error {
		out, err = makeIndex(ctx, dirs, o)
		return err
	})
	return out, err
}

func makeIndex(ctx context.Context, dirs []string, o IndexOptions) (*IndexOutcome, error) {
	switch {
	case len(dirs) == 0:
		return nil, usagef("index takes the folders of runs to go over")
	case o.Into == "" && len(dirs) > 1:
		return nil, &Problem{Exit: ExitUsage, Text: "of several folders of runs it must be said where the page goes", Do: "name its folder with -into"}
	case o.KeepNights < 0:
		return nil, usagef("-keep-nights %d is negative; 0 keeps all", o.KeepNights)
	case o.Into == "":
		o.Into = dirs[0]
	}
	for _, d := range dirs {
		if _, err := os.Stat(d); err != nil {
			return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("%s cannot be read as a folder of runs: %v", d, err), Err: err}
		}
	}
	if err := os.MkdirAll(o.Into, 0o755); err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: "the folder for the page cannot be made: " + err.Error(), Err: err}
	}
	sources := append([]string{o.Into}, slices.DeleteFunc(slices.Clone(dirs), func(d string) bool { return sameFile(d, o.Into) })...)
	f, err := nights.Join(ctx, o.Into, sources, time.Now())
	if err != nil {
		return nil, err
	}
	out := &IndexOutcome{Page: filepath.Join(o.Into, index.FileName), Broken: f.Broken}
	if o.KeepNights > 0 {
		if out.Removed, err = nights.Keep(ctx, o.Into, f.History, o.KeepNights); err != nil {
			return nil, err
		}
	}
	if out.Report, err = index.Page(o.Into, f, o.Night); err != nil {
		return nil, err
	}
	return out, o.write(out.Report)
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// write writes what was asked for besides the page.
func (o *IndexOptions) write(r *nights.Report) error {
	return errors.Join(
		o.file(o.Summary, os.O_APPEND, func(w io.Writer) error { return reports.Markdown(w, r, 0) }),
		o.file(o.JUnit, os.O_TRUNC, func(w io.Writer) error { return reports.JUnit(w, r) }),
		o.file(o.Annotations, os.O_TRUNC, func(w io.Writer) error { return reports.Annotations(w, r) }),
	)
}

func (o *IndexOptions) file(name string, how int, write func(io.Writer) error) error {
	switch {
	case name == "":
		return nil
	case name == "-" && o.Out != nil:
		return write(o.Out)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, 0o644)
	if err != nil {
		return &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	return errors.Join(write(f), f.Close())
}

// noteFailure adds a line of a run that was judged, and whose exit code is another than its verdict's: something failed besides.
func (r *run) noteFailure(out *Outcome, err error) error {
	if out == nil || err == nil {
		return nil
	}
	exit := ExitCode(out.Result.Verdict, err)
	if exit == ExitCode(out.Result.Verdict, nil) {
		return nil
	}
	return nights.NoteExit(context.Background(), r.opts.Artifacts, out.Dir, out.Run, out.Result, exit, time.Now())
}

// noteAgain adds a line of a run that was judged anew, so that the index says the same as its page.
func noteAgain(ctx context.Context, out *Outcome) error {
	dir, err := filepath.EvalSymlinks(out.Dir)
	if err != nil {
		return fmt.Errorf("note run: %w", err)
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	if _, err := os.Stat(filepath.Join(root, nights.FileName)); err != nil {
		return nil // it stands alone
	}
	if _, err := os.Stat(filepath.Join(dir, history.RunFile)); err != nil {
		return nil // it is a file
	}
	return nights.Note(ctx, root, dir, out.Run, out.Result, time.Now())
}
