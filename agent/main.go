//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schismtest/schism/wire"
)

// Main is the agent's main function; it returns the exit code. Standard output belongs to the protocol.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// A write after the harness is gone must be an error, not the end: the server has to be taken along. The channel is never
	// read; Notify, unlike Ignore, is not inherited by the server.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	srv := wire.NewServer(os.Stdout, monotonic)
	a := New(srv)
	if err := srv.Serve(ctx, os.Stdin, a.Do); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "schism-agent:", err)
	}
	// As PID 1 this process takes everything in the container along when it ends, so it ends whatever else goes wrong.
	time.AfterFunc(2*killWithin, func() { os.Exit(1) })
	if err := a.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "schism-agent:", err)
	}
	srv.Flush(lastWords)
	return 0
}

// lastWords is how long the records of the end may take.
const lastWords = 250 * time.Millisecond
