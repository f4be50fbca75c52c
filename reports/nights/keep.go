package nights

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/schismtest/schism/history"
)

// Keep removes the folders of runs that are older than the last n nights, and returns which. A day's runs by hand are a night here. Lines stay, so
// nothing is forgotten; a folder without a line stays, and so do a cell's newest run and one that goes on.
func Keep(ctx context.Context, root string, h *History, n int) (removed []string, err error) {
	newest := map[Cell]string{}
	var names []string // nights, the newest last
	for i := range h.Lines {
		l := &h.Lines[i]
		newest[l.Cell()] = l.Run
		names = append(names, nightName(l))
	}
	keep := map[string]bool{}
	for i := len(names) - 1; i >= 0 && len(keep) < n; i-- {
		keep[names[i]] = true
	}
	for i := range h.Lines {
		l := &h.Lines[i]
		if err := ctx.Err(); err != nil {
			return removed, fmt.Errorf("remove folders of runs: %w", context.Cause(ctx))
		}
		if keep[nightName(l)] || newest[l.Cell()] == l.Run || !own(root, l) {
			continue
		}
		gone, err := removeRun(filepath.Join(root, filepath.FromSlash(l.Dir)))
		if err != nil {
			return removed, err
		}
		if gone {
			removed = append(removed, l.Dir)
		}
	}
	return removed, nil
}

// nightName is the night of a run, or its day.
func nightName(l *Line) string {
	if l.Night != "" {
		return "night " + l.Night
	}
	return l.Started[:min(len(l.Started), len("2006-01-02"))]
}

// own tells whether a line's folder lies in root and holds that run and no other.
func own(root string, l *Line) bool {
	dir := filepath.FromSlash(l.Dir)
	if !filepath.IsLocal(dir) || strings.Count(filepath.ToSlash(filepath.Clean(dir)), "/") < 2 {
		return false
	}
	full := filepath.Join(root, dir)
	if info, err := os.Lstat(full); err != nil || !info.IsDir() {
		return false
	}
	run, err := history.LoadRun(full)
	return err == nil && run.ID != "" && clean(run.ID) == l.Run
}

// removeRun removes a run's folder unless its process lives.
func removeRun(dir string) (bool, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return false, fmt.Errorf("remove folder of a run: %w", err)
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, lock.Close()
	}
	if err := errors.Join(os.RemoveAll(dir), lock.Close()); err != nil {
		return false, fmt.Errorf("remove folder of a run: %w", err)
	}
	return true, nil
}
