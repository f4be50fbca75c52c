// Command schism runs scenarios against real Redis and Valkey replication setups and says what their clients saw.
//
// Results go to standard output, progress and errors to standard error. Exit codes: 0 pass, 1 violation, 2 unknown,
// 3 the surroundings lack something or schism itself failed, 64 what the user wrote cannot be done.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	if code, ok := asAgent(os.Args[0]); ok {
		os.Exit(code)
	}
	neverUnknown()
	ownHelp()
	signal.Ignore(syscall.SIGPIPE) // a reader that went away must not end a run before it has healed
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	code := dispatch(ctx, os.Args, os.Stdout, os.Stderr, nil)
	stop()
	os.Exit(code)
}

// neverUnknown makes what nobody can take, a fatal error of the runtime or a panic in a library's goroutine, end the process by SIGABRT,
// without a core file. Go's own exit code for it, 2, is "unknown" here.
func neverUnknown() {
	debug.SetTraceback("crash")
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // no more than a large file, if it fails
}
