package flock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.Create(path)
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	held, other := open(), open()
	require.NoError(t, Wait(t.Context(), held))
	over := errors.New("it is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { ended <- Wait(ctx, other) }()
	cancel(over)
	require.ErrorIs(t, <-ended, over)
	go func() { ended <- Wait(t.Context(), other) }()
	require.NoError(t, held.Close())
	require.NoError(t, <-ended)
}
