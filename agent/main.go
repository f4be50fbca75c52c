//go:build linux

package agent

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is the agent's main function; it returns the exit code. Standard output belongs to the protocol.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// A write after the harness is gone must be an error, not the end: the server has to be taken along. The channel is never
	// read; Notify, unlike Ignore, is not inherited by the server.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err := Serve(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schism-agent:", err)
	}
	return 0
}
