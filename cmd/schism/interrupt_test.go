package main

import (
	"bytes"
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
)

// Whatever a command waits for, it ends when it is interrupted: here for a pipe that nobody writes to.
func TestInterruptedCommandsEnd(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, args := range [][]string{{"check", pipe}, {"check", pipe, "-model", "register"}, {"export", pipe}} {
		ctx, cancel := context.WithCancel(t.Context())
		alarm := time.AfterFunc(100*time.Millisecond, cancel)
		var out, errw bytes.Buffer
		ended := make(chan int)
		go func() { ended <- dispatch(ctx, append([]string{"schism"}, args...), &out, &errw, nil) }()
		select {
		case code := <-ended:
			require.Equal(t, schism.ExitError, code, args)
			require.Equal(t, "schism: interrupted\n", errw.String(), args)
		case <-time.After(time.Minute):
			t.Fatalf("%q goes on", args)
		}
		alarm.Stop()
		cancel()
	}
}
