package agentbin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the cache holds is used for its content, never for its name.
func TestKeptIsTrustedByItsContent(t *testing.T) {
	s := &store{t.TempDir()}
	path, err := s.put("agent-linux-amd64", []byte("agent"))
	require.NoError(t, err)
	before, err := os.Stat(path)
	require.NoError(t, err)
	again, err := s.put("agent-linux-amd64", []byte("agent"))
	require.NoError(t, err)
	require.Equal(t, path, again)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "what is mounted in a run is not replaced")

	elsewhere := file(t, "agent")
	for name, spoil := range map[string]func() error{
		"content":   func() error { return os.WriteFile(path, []byte("other"), 0o755) },
		"mode":      func() error { return os.Chmod(path, 0o777) },
		"a link":    func() error { return errors.Join(os.Remove(path), os.Symlink(elsewhere, path)) },
		"not there": func() error { return os.Remove(path) },
	} {
		require.NoError(t, spoil(), name)
		again, err := s.put("agent-linux-amd64", []byte("agent"))
		require.NoError(t, err, name)
		require.Equal(t, path, again)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode(), name)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "agent", string(b), name)
	}
	b, err := os.ReadFile(elsewhere)
	require.NoError(t, err)
	require.Equal(t, "agent", string(b), "nothing was written through the link")

	require.NoError(t, s.remember("agent-linux-amd64", "v1", path))
	_, hash := s.installed("agent-linux-amd64", "v1")
	require.Equal(t, hashOf([]byte("agent")), hash)
	require.NoError(t, os.WriteFile(path, []byte("other"), 0o755))
	_, hash = s.installed("agent-linux-amd64", "v1")
	require.Empty(t, hash)
	require.NoError(t, writeFile(s.note("agent-linux-amd64", "v1"), []byte("../../etc/passwd"), 0o600))
	_, hash = s.installed("agent-linux-amd64", "v1")
	require.Empty(t, hash)
}

func TestWhatWasNotUsedForLongGoes(t *testing.T) {
	s := &store{t.TempDir()}
	long := time.Now().Add(-2 * keepAgents)
	for _, name := range []string{"agent-linux-amd64-old", ".agent-linux-amd64-new123", "agent-linux-amd64", ".lock", "gopath-1/bin"} {
		path := filepath.Join(s.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, long, long))
		require.NoError(t, os.Chtimes(filepath.Join(s.dir, filepath.Dir(name)), long, long))
	}
	path, err := s.put("agent-linux-amd64", []byte("x"))
	require.NoError(t, err)
	var names []string
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{".lock", "agent-linux-amd64", filepath.Base(path)}, names)
}

// Without a home there is a folder below the one for temporary files, and it must be the user's alone.
func TestFolderOfTheUsersOwn(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(base, "cache"))
	s, err := openStore()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(base, "cache", "schism", "agent"), s.dir)
	info, err := os.Stat(s.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("TMPDIR", base)
	s, err = openStore()
	require.NoError(t, err)
	require.Equal(t, base, filepath.Dir(s.dir))
	info, err = os.Stat(s.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	dir := s.dir
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = openStore()
	require.ErrorContains(t, err, "can be written by others")
	require.ErrorContains(t, err, "set XDG_CACHE_HOME")
	require.NotContains(t, err.Error(), "\n")
	require.NoError(t, os.Remove(dir))

	require.NoError(t, os.Symlink(t.TempDir(), dir))
	_, err = openStore()
	require.ErrorContains(t, err, "is no folder")
	require.NoError(t, os.Remove(dir))

	require.NoError(t, os.Chmod(base, 0o777)) // without the sticky bit all can put another in its place
	_, err = openStore()
	require.ErrorContains(t, err, "can be written by all")
	require.NoError(t, os.Chmod(base, 0o755))
	require.NoError(t, os.RemoveAll(dir))

	if os.Geteuid() != 0 {
		t.Skip("only root can make another user's folder")
	}
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chown(dir, 1, 1))
	_, err = openStore()
	require.ErrorContains(t, err, "belongs to another user")
}

// Whoever waits for another build, or for Go, can be told to stop.
func TestWaitsEndWithTheContext(t *testing.T) {
	const within = 30 * time.Second // what would block would do so for ever
	// stops cancels a search once it has made the file, and gives its error.
	stops := func(t *testing.T, f *finder, once string) error {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := f.find(ctx, f.ways())
			done <- err
		}()
		require.Eventually(t, func() bool { _, err := os.Stat(once); return err == nil }, within, 100*time.Millisecond)
		cancel(errors.New("Ctrl-C"))
		select {
		case err := <-done:
			return err
		case <-time.After(within):
			t.Fatal("it did not end")
			return nil
		}
	}
	t.Run("lock", func(t *testing.T) {
		f := fakes(t)
		s, err := f.open()
		require.NoError(t, err)
		unlock, err := s.lock(t.Context())
		require.NoError(t, err)
		listed := filepath.Join(t.TempDir(), "listed")
		fakeGo(t, "touch "+listed+"\n"+goHere)
		require.ErrorContains(t, stops(t, f, listed), "Ctrl-C")
		unlock()
		_, err = f.find(t.Context(), f.ways())
		require.NoError(t, err)
	})
	t.Run("go and its children", func(t *testing.T) {
		f := fakes(t)
		child := filepath.Join(t.TempDir(), "child")
		fakeGo(t, "sleep 600 & echo $! > "+child+".new; mv "+child+".new "+child+"; wait")
		require.ErrorContains(t, stops(t, f, child), "Ctrl-C")
		pid, err := os.ReadFile(child)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return !lives(strings.TrimSpace(string(pid))) }, within, 100*time.Millisecond)
	})
}

// lives tells whether a process runs; what nobody has waited for yet does not.
func lives(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}
