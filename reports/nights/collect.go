package nights

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/sentences"
)

// The names of a run's files that are looked at.
const (
	resultFile = "result.json"
	reportFile = "report.html"
	lockFile   = ".lock"
)

// Found is what the folders of runs hold.
type Found struct {
	*History
	Going  []Cell   // cells in which a run goes on
	Broken []string // folders that cannot be read, and why
	Fresh  int      // runs that had no line yet
}

// Collect reads folders of runs for a page in another: the lines of each, and each run's result for which there is no line yet. A source is a
// folder with artifacts/<scenario>/<server>/<run> below it, or a file of lines. Line.Dir is relative to into.
func Collect(ctx context.Context, into string, sources []string, now time.Time) (*Found, error) {
	return collect(ctx, into, sources, 0, now)
}

// collect is Collect with no more of each file of lines than its last so many bytes; all where most is 0.
func collect(ctx context.Context, into string, sources []string, most int64, now time.Time) (*Found, error) {
	f := &Found{History: &History{}}
	for _, src := range sources {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read folders of runs: %w", context.Cause(ctx))
		}
		info, err := os.Stat(src)
		if err != nil {
			return nil, fmt.Errorf("read folders of runs: %w", err)
		}
		file := src
		if info.IsDir() {
			file = filepath.Join(src, FileName)
		}
		h, err := readEnd(file, most)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			if err := f.folder(ctx, src, h, now); err != nil {
				return nil, err
			}
		}
		if err := relate(h, filepath.Dir(file), into); err != nil {
			return nil, err
		}
		f.History = Merge(f.History, h)
	}
	return f, nil
}

// relate makes the folders of a history's lines relative to another folder. Of one that is not there nothing is said.
func relate(h *History, from, to string) error {
	from, err := filepath.Abs(from)
	if err == nil {
		to, err = filepath.Abs(to)
	}
	if err != nil {
		return fmt.Errorf("find folders of runs: %w", err)
	}
	if from == to {
		return nil
	}
	for i := range h.Lines {
		l := &h.Lines[i]
		if !there(from, l) {
			l.Dir = ""
			continue
		}
		rel, err := filepath.Rel(to, filepath.Join(from, filepath.FromSlash(l.Dir)))
		if err != nil {
			return fmt.Errorf("find folders of runs: %w", err)
		}
		l.Dir = filepath.ToSlash(rel)
	}
	return nil
}

// there tells whether a run's folder is there, seen from the folder that its line is relative to.
func there(root string, l *Line) bool {
	if l.Dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(l.Dir), history.RunFile))
	return err == nil
}

// Page tells whether a run's page is there.
func Page(root string, l *Line) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(l.Dir), reportFile))
	return l.Dir != "" && err == nil
}

// folder adds the runs below a folder that have no line yet, or one that said they were not finished. Only these are parsed: the others
// cost the look into a directory.
func (f *Found) folder(ctx context.Context, root string, h *History, now time.Time) error {
	known := map[string]Line{}
	since := "" // what began before has a line among those that were not read
	for _, l := range h.Lines {
		known[l.Dir] = l
		if h.Cut && since == "" {
			since = stamp(l.Started)
		}
	}
	scenarios, err := folders(root)
	if err != nil {
		return err
	}
	for _, s := range scenarios {
		servers, err := folders(filepath.Join(root, s))
		if err != nil {
			return err
		}
		for _, v := range servers {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("read folders of runs: %w", context.Cause(ctx))
			}
			runs, err := folders(filepath.Join(root, s, v))
			if err != nil {
				return err
			}
			for _, r := range runs { // their names begin with the time
				if r < since {
					continue
				}
				dir := path.Join(s, v, r)
				if l, ok := known[dir]; !ok || l.Unfinished {
					f.run(root, dir, ok, h, now)
				}
			}
		}
	}
	h.settle()
	return nil
}

// stamp is a moment as the name of a run's folder begins with it.
func stamp(rfc3339 string) string {
	return strings.NewReplacer("-", "", ":", "", "Z", "").Replace(rfc3339)
}

// run adds a run's line to a history. known: there is one, which says that the run was not finished.
func (f *Found) run(root, dir string, known bool, h *History, now time.Time) {
	full := filepath.Join(root, filepath.FromSlash(dir))
	if _, err := os.Stat(filepath.Join(full, history.RunFile)); err != nil {
		return // no folder of a run
	}
	run, err := history.LoadRun(full)
	if err != nil {
		f.Broken = append(f.Broken, clean(dir+": "+err.Error()))
		return
	}
	file, err := os.Open(filepath.Join(full, resultFile))
	if errors.Is(err, os.ErrNotExist) {
		if goesOn(full) {
			f.Going = append(f.Going, Cell{clean(run.Scenario), clean(run.Server)})
			return
		}
		if !known {
			f.Fresh++
			h.Lines = append(h.Lines, unfinished(run, dir, now))
		}
		return
	}
	if err != nil {
		f.Broken = append(f.Broken, clean(dir+": "+err.Error()))
		return
	}
	defer file.Close()
	res, err := sentences.ReadJSON(file)
	if err != nil {
		f.Broken = append(f.Broken, clean(dir+": "+err.Error()))
		return
	}
	f.Fresh++
	h.Lines = append(h.Lines, LineOf(run, res, dir, now))
}

// exitOf is the exit code that a run had by what its folder says.
func exitOf(run *history.Run, v result.Verdict) int {
	if strings.HasPrefix(run.Incomplete, "interrupted") {
		return 3
	}
	return map[result.Verdict]int{result.Pass: 0, result.Violation: 1, result.Unknown: 2, result.Error: 3, result.Watched: 0}[v]
}

// goesOn tells whether the process of a run lives: it holds the lock in the run's folder.
func goesOn(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// folders lists the real folders of a folder, sorted: links ("latest") and files are none.
func folders(dir string) ([]string, error) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read folders of runs: %w", err)
	}
	var out []string
	for _, e := range es {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// Join is Collect, and writes all lines into the page's own folder: what is parsed once is not parsed again, and a run whose folder goes keeps its
// line.
func Join(ctx context.Context, into string, sources []string, now time.Time) (*Found, error) {
	f, err := Collect(ctx, into, sources, now)
	if err != nil {
		return nil, err
	}
	return f, f.save(ctx, into)
}

// endOfRun is how much of the history is read at the end of a run, in bytes: some 10,000 runs.
const endOfRun = 16 << 20

// Refresh is Join for the end of a run, which must not take longer the more runs there were: it reads the end of the file, and writes it anew only
// where a folder had no line yet.
func Refresh(ctx context.Context, into string, now time.Time) (*Found, error) {
	return refresh(ctx, into, endOfRun, now)
}

func refresh(ctx context.Context, into string, most int64, now time.Time) (*Found, error) {
	f, err := collect(ctx, into, []string{into}, most, now)
	if err != nil || f.Fresh == 0 {
		return f, err
	}
	return f, f.save(ctx, into)
}

func (f *Found) save(ctx context.Context, into string) error {
	return Update(ctx, into, func(old *History) (*History, error) {
		f.History = Merge(old, f.History)
		f.Cut = false
		return f.History, nil
	})
}

// Note adds the line of a run that has just been judged to the history of its folder. root is the folder of all runs.
func Note(ctx context.Context, root, dir string, run *history.Run, r *result.Result, now time.Time) error {
	return NoteExit(ctx, root, dir, run, r, exitOf(run, r.Verdict), now)
}

// NoteExit is Note for a run whose exit code is not that of its verdict: something failed besides.
func NoteExit(ctx context.Context, root, dir string, run *history.Run, r *result.Result, exit int, now time.Time) error {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return fmt.Errorf("note run: %w", err)
	}
	l := LineOf(run, &sentences.File{Sentences: sentences.Of(run, r), Result: *r}, filepath.ToSlash(rel), now)
	l.Exit = exit
	return Append(ctx, root, l)
}
