package schism

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The names of a run's further files, in its folder.
const (
	resultFile = "result.json"
	reportFile = "report.html"
	lockFile   = ".lock"
	logFolder  = "logs"
	confFolder = "config"
)

// folder is a run's place: artifacts/<scenario>/<server>/<time>-<seed>.
type folder struct {
	dir  string
	root string // artifacts
	made bool   // root was not there before
	lock *os.File
}

// createFolder makes the run's folder and holds its lock until release: who can take the lock knows that the run is dead.
func createFolder(root, scenario, server string, started time.Time, seed int64) (*folder, error) {
	base := filepath.Join(root, scenario, fileName(server))
	stamp := started.UTC().Format("20060102T150405.000")
	dir := filepath.Join(base, fmt.Sprintf("%s-%d", strings.Replace(stamp, ".", "", 1), seed))
	_, statErr := os.Stat(root)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: "the folder for runs cannot be made: " + err.Error(), Do: "name another with -runs", Err: err}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find run folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(abs, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	f := &folder{dir: dir, root: root, made: errors.Is(statErr, os.ErrNotExist), lock: lock}
	if err != nil {
		return nil, errors.Join(&Problem{Exit: ExitUsage, Text: "the folder for runs cannot be written: " + err.Error(), Do: "name another with -runs", Err: err}, f.remove())
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock run folder: %w", err), f.release()) // it is another run's
	}
	return f, nil
}

// release gives the lock back.
func (f *folder) release() error { return f.lock.Close() }

// remove takes the folder away, and those above it that held nothing else.
func (f *folder) remove() error {
	err := os.RemoveAll(f.dir)
	for dir := filepath.Dir(f.dir); dir != f.root && dir != "."; dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			return err // another run lives there
		}
	}
	if f.made {
		_ = os.Remove(f.root) // unless another run lives there
	}
	return err
}

// latest points artifacts/<scenario>/<server>/latest to this run.
func (f *folder) latest() error {
	link := filepath.Join(filepath.Dir(f.dir), "latest")
	tmp := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(filepath.Base(f.dir), tmp); err != nil {
		return fmt.Errorf("link latest run: %w", err)
	}
	if err := os.Rename(tmp, link); err != nil {
		return fmt.Errorf("link latest run: %w", err)
	}
	return nil
}

// latestReport is the report's path by the latest link, for people.
func (f *folder) latestReport() string {
	return filepath.Join(filepath.Dir(f.dir), "latest", reportFile)
}

// fileName makes a server's or image's name fit for one path element: "redis:7.0" becomes "redis-7.0".
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == '_' || r == '-' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z'):
			return r
		}
		return '-'
	}, s)
}
