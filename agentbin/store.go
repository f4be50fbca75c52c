package agentbin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"github.com/schismtest/schism/internal/flock"
)

const (
	// keepAgents is how long an agent that is not used any more stays in the cache.
	keepAgents = 7 * 24 * time.Hour
	// unmapped is the owner that Linux shows for files of users whom a user namespace does not know, such as root outside it.
	unmapped = 65534
)

// store is the folder that keeps built and unpacked agents, under names that tell their content: a build never changes a binary that
// another run has mounted, and a file is used only when its content is what its name says.
type store struct{ dir string }

// openStore is the user's cache, or without one a folder below the one for temporary files. Either must be this user's alone: a folder
// is not trusted for its name.
func openStore() (*store, error) {
	var errs []error
	base, err := os.UserCacheDir()
	if err == nil {
		dir := filepath.Join(base, "schism", "agent")
		if err = private(dir); err == nil {
			return &store{dir}, nil
		}
	}
	errs = append(errs, err)
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("schism-%d", os.Geteuid()))
	if err = private(dir); err == nil {
		return &store{dir}, nil
	}
	errs = append(errs, err)
	return nil, fmt.Errorf("no folder to keep it in: %w; set XDG_CACHE_HOME to one of your own", joined(errs))
}

// joined is errors.Join in one line.
func joined(errs []error) error {
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, ", "))
}

// private makes the folder, if need be, and makes sure that nobody but this user and root can put anything into it.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", dir)
	case owner(info) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others", dir)
	}
	// Whoever owns a folder above it, or may write there, can put another in its place.
	for up := filepath.Dir(dir); ; up = filepath.Dir(up) {
		if info, err = os.Stat(up); err != nil {
			return err
		}
		if o := owner(info); o != 0 && o != os.Geteuid() && o != unmapped {
			return fmt.Errorf("%s, above %s, belongs to another user", up, dir)
		}
		if info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
			return fmt.Errorf("%s, above %s, can be written by all", up, dir)
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// owner is the user id; -1 where there is none.
func owner(info os.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// lock makes builds wait for each other, as long as the context lets them.
func (s *store) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of agents: %w", err)
	}
	if err := flock.Wait(ctx, f); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another build of the agent: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// put keeps a binary and gives its path. What is there already is used if its content is the same.
func (s *store) put(name string, content []byte) (string, error) {
	hash := hashOf(content)
	path := filepath.Join(s.dir, name+"-"+hash)
	if !s.holds(path, hash) {
		if err := writeFile(path, content, 0o755); err != nil {
			return "", err
		}
	}
	return s.use(path)
}

// holds tells whether the file is this user's and has the content.
func (s *store) holds(path, hash string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || owner(info) != os.Geteuid() || info.Mode().Perm() != 0o755 {
		return false
	}
	got, err := hashFile(path)
	return err == nil && got == hash
}

// sweep removes what was not used for long, and what a killed build left. The file that go build itself keeps up to date stays.
func (s *store) sweep(now time.Time) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		kind, rest, _ := strings.Cut(e.Name(), "-")
		left := strings.HasPrefix(kind, ".agent") || kind == "gopath" || kind == "agent" && strings.Count(rest, "-") > 1
		if err == nil && left && now.Sub(info.ModTime()) > keepAgents {
			_ = os.RemoveAll(filepath.Join(s.dir, e.Name())) // another sweeper may have been faster
		}
	}
}

// writeFile writes a file in one step, with this mode whatever was there.
func writeFile(path string, content []byte, mode os.FileMode) error {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return fmt.Errorf("keep agent: %w", err)
	}
	defer func() { _ = f.Cleanup() }() // of what was not taken over
	if _, err := f.Write(content); err != nil {
		return fmt.Errorf("keep agent: %w", err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("keep agent: %w", err)
	}
	return nil
}

// keep puts a built file under a name of its own.
func (s *store) keep(name, built string) (string, error) {
	content, err := os.ReadFile(built)
	if err != nil {
		return "", fmt.Errorf("read built agent: %w", err)
	}
	return s.put(name, content)
}

// use marks an agent as used.
func (s *store) use(path string) (string, error) {
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		return "", fmt.Errorf("keep agent: %w", err)
	}
	s.sweep(now)
	return path, nil
}

// installed finds the agent of a version that was installed before; hash is empty if there is none.
func (s *store) installed(name, version string) (path, hash string) {
	b, err := os.ReadFile(s.note(name, version))
	if err != nil {
		return "", ""
	}
	hash = strings.TrimSpace(string(b))
	path = filepath.Join(s.dir, name+"-"+hash)
	if filepath.Dir(path) != s.dir || !s.holds(path, hash) {
		return "", ""
	}
	return path, hash
}

// remember notes which agent a version's is.
func (s *store) remember(name, version, path string) error {
	return writeFile(s.note(name, version), []byte(strings.TrimPrefix(filepath.Base(path), name+"-")+"\n"), 0o600)
}

func (s *store) note(name, version string) string {
	return filepath.Join(s.dir, "version-"+strings.ReplaceAll(version, "/", "_")+"-"+name)
}
