package guard

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func boom() { panic("boom\n\tat two lines") }

func TestDo(t *testing.T) {
	require.NoError(t, Do(func() error { return nil }))
	require.ErrorIs(t, Do(func() error { return os.ErrExist }), os.ErrExist)
	err := Do(func() error { boom(); return nil })
	var p *Panic
	require.ErrorAs(t, err, &p)
	require.Equal(t, "panic: boom at two lines", err.Error())
	require.Contains(t, string(p.Stack), "guard.boom")
	var index []int
	err = Do(func() error { return errors.New(string(rune(index[len(os.Args)]))) })
	require.ErrorContains(t, err, "index out of range")
}

// A panic reaches the owner of the goroutine with the goroutine's own trace, whatever errors were there before it.
func TestOwnersGetTheirGoroutinesPanics(t *testing.T) {
	owners := map[string]func() error{
		"group": func() error {
			var g Group
			first := make(chan struct{})
			g.Go(func() error { defer close(first); return os.ErrExist })
			g.Go(func() error { <-first; boom(); return nil })
			_ = g.Wait() // an owner that does not care for errors
			return nil
		},
		"group with context": func() error {
			g, ctx := WithContext(context.Background())
			g.Go(func() error { boom(); return nil })
			g.Go(func() error { <-ctx.Done(); return ctx.Err() })
			return g.Wait()
		},
		"wait group": func() error {
			var w WaitGroup
			w.Go(boom)
			w.Go(func() {})
			w.Wait()
			return nil
		},
		"group in a group": func() error {
			var w WaitGroup
			w.Go(func() {
				var g Group
				g.Go(func() error { boom(); return nil })
				_ = g.Wait()
			})
			w.Wait()
			return nil
		},
	}
	for name, owner := range owners {
		t.Run(name, func(t *testing.T) {
			var p *Panic
			require.ErrorAs(t, Do(owner), &p)
			require.Contains(t, string(p.Stack), "guard.boom")
		})
	}
}

func TestGroupsWithoutPanicAreErrgroups(t *testing.T) {
	var g Group
	g.Go(func() error { return os.ErrExist })
	require.ErrorIs(t, g.Wait(), os.ErrExist)
	var none Group
	require.NoError(t, none.Wait())
	var w WaitGroup
	w.Wait()
}

func TestSave(t *testing.T) {
	p := &Panic{Value: "boom", Stack: []byte("goroutine 7")}
	dir := t.TempDir()
	path, err := p.Save(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, TraceFile), path)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "panic: boom\n\ngoroutine 7", string(b))

	t.Setenv("TMPDIR", t.TempDir())
	for _, dir := range []string{"", filepath.Join(dir, "none")} {
		path, err := p.Save(dir)
		require.NoError(t, err)
		require.Equal(t, os.TempDir(), filepath.Dir(path))
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "none"))
	_, err = p.Save("")
	require.Error(t, err)
}
