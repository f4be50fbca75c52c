package schism

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/internal/words"
)

// evidence ends a run whatever it came to. What was recorded stays; a folder without anything would only clutter the index. Where no
// page was written, the error says where the records are.
func (r *run) evidence(out *Outcome, err error) error {
	err = errors.Join(err, r.noteFailure(out, err), r.folder.release())
	dir := r.folder.dir
	if out == nil && (r.w == nil || !recorded(dir)) {
		err = errors.Join(err, r.folder.remove())
		dir = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := errors.AsType[*guard.Panic](err); ok || r.panic != nil {
		err = panicked(cmp.Or(r.panic, p), dir)
	}
	if err == nil || dir == "" || out != nil && out.Report != "" {
		return err
	}
	q := quote(dir)
	return &Problem{Exit: ExitCode("", err), Text: oneLine(err), Err: err,
		Do: fmt.Sprintf("what was recorded is in %s: schism check %s judges it, schism report %s writes its page", dir, q, q)}
}

// recorded tells whether a run's history holds anything, be it torn or unreadable.
func recorded(dir string) bool {
	found := errors.New("found")
	torn, err := history.Scan(filepath.Join(dir, history.HistoryFile), func(b *history.Batch) error {
		if len(b.Events) == 1 && b.Events[0].Name == history.NoteClosed {
			return nil // the end alone is nothing
		}
		return found
	})
	return err != nil || torn != ""
}

// carry calls f; a panic in it becomes an error, so that what comes after it happens, and makes the run one in the end.
func (r *run) carry(f func() error) error {
	err := guard.Do(f)
	if p, ok := errors.AsType[*guard.Panic](err); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.panic = cmp.Or(r.panic, p)
	}
	return err
}

// Guard calls f. A panic in it, or in a goroutine that it waited for, comes back as a *Problem that says where its trace is.
func Guard(f func() error) error { return guarded("", f) }

// guarded is Guard with the folder for the trace.
func guarded(dir string, f func() error) error {
	err := guard.Do(f)
	if p, ok := errors.AsType[*guard.Panic](err); ok {
		return panicked(p, dir)
	}
	return err
}

// panicked writes the trace down and says where.
func panicked(p *guard.Panic, dir string) error {
	path, err := p.Save(dir)
	if err != nil {
		return &Problem{Exit: ExitError, Text: p.Error(), Do: "its trace could not be written: " + oneLine(err), Err: p}
	}
	return &Problem{Exit: ExitError, Text: p.Error(), Do: "its trace is in " + path, Err: p}
}

// oneLine joins the lines of an error.
func oneLine(err error) string { return words.Line(err.Error()) }
