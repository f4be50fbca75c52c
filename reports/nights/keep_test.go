package nights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// runFolder makes the folder of a line.
func runFolder(t *testing.T, root string, l *Line, id string) string {
	t.Helper()
	dir := filepath.Join(root, filepath.FromSlash(l.Dir))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	b, err := json.Marshal(history.Run{Schema: history.RunSchema, ID: id, Scenario: l.Scenario, Server: l.Server, Started: l.Started})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, history.RunFile), b, 0o644))
	return dir
}

func TestKeepRemovesFoldersOnly(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	h := tell("kk", "k", "k", "-")
	dirs := map[string]string{}
	for i := range h.Lines {
		l := &h.Lines[i]
		l.Dir = "healthy/redis-7.0/" + l.Run
		dirs[l.Run] = runFolder(t, root, l, l.Run)
	}
	// What no line speaks of, what another run's line speaks of, what lies elsewhere and what goes on is left alone.
	stray := lineOf("stray", "0")
	stray.Dir = "healthy/redis-7.0/stray"
	dirs["stray"] = runFolder(t, root, &stray, "stray")
	wrong, outside := lineOf("wrong", "0"), lineOf("outside", "0")
	wrong.Dir, outside.Dir = "healthy/redis-7.0/wrong", "../elsewhere/s/v/outside"
	dirs["wrong"], dirs["outside"] = runFolder(t, root, &wrong, "another"), runFolder(t, root, &outside, "outside")
	h.Lines = append([]Line{wrong, outside}, h.Lines...)
	lock, err := os.Create(filepath.Join(dirs["1-0"], lockFile))
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))

	removed, err := Keep(t.Context(), root, h, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"healthy/redis-7.0/0-0", "healthy/redis-7.0/0-1"}, removed)
	for id, dir := range dirs {
		if id == "0-0" || id == "0-1" {
			require.NoDirExists(t, dir)
			continue
		}
		require.DirExists(t, dir, id) // 2-0 is its cell's newest
	}
}

func TestTheEndOfARunReadsTheEndOfTheHistory(t *testing.T) {
	root := t.TempDir()
	h := tell("k", "k", "k", "k", "k", "k")
	for i := range h.Lines {
		l := &h.Lines[i]
		l.Dir = "healthy/redis-7.0/" + stamp(l.Started) + "000-" + l.Run
		runFolder(t, root, l, l.Run)
	}
	last := h.Lines[5]
	h.Lines = h.Lines[:5] // the last has no line yet
	b, err := h.bytes()
	require.NoError(t, err)
	name := filepath.Join(root, FileName)
	require.NoError(t, os.WriteFile(name, b, 0o644))

	f, err := collect(t.Context(), root, []string{root}, int64(len(b))/2, time.Now())
	require.NoError(t, err)
	require.True(t, f.Cut)
	require.Len(t, f.Lines, 2+1)
	require.Equal(t, 1, f.Fresh, "older folders are not parsed again")

	f, err = refresh(t.Context(), root, int64(len(b))/2, time.Now())
	require.NoError(t, err)
	require.Len(t, f.Lines, 6, "where there is something to write, all is read")
	again, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, f.Lines, again.Lines)
	require.Equal(t, last.Run, again.Lines[5].Run)

	f, err = refresh(t.Context(), root, int64(len(b))/2, time.Now())
	require.NoError(t, err)
	require.Zero(t, f.Fresh)
	require.True(t, f.Cut)
}
