// Command schism runs scenarios against real Redis and Valkey replication setups and says what their clients saw.
//
// Results go to standard output, progress and errors to standard error. Exit codes: 0 pass, 1 violation, 2 unknown,
// 3 the surroundings lack something or schism itself failed, 64 what the user wrote cannot be done.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/schismtest/schism"
)

const usage = `schism runs Redis and Valkey replication setups, breaks them on purpose, and says what their clients saw.

  schism list                 the scenarios
  schism run NAME [flags]     run one; schism run -h lists the flags
  schism check RUN|FILE       judge a run's folder, or a history from elsewhere, anew
  schism report RUN           write a run's page anew
  schism export RUN|FILE      write a history as JSON Lines, EDN or Parquet
  schism doctor               what is there, what is missing, and what that costs

Exit codes: 0 pass, 1 violation, 2 unknown, 3 the surroundings lack something or schism itself failed, 64 usage.
`

func main() {
	if code, ok := asAgent(os.Args[0]); ok {
		os.Exit(code)
	}
	neverUnknown()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := dispatch(ctx, commands(), os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// neverUnknown makes what nobody can take, a fatal error of the runtime or a panic in a library's goroutine, end the process by SIGABRT,
// without a core file. Go's own exit code for it, 2, is "unknown" here.
func neverUnknown() {
	debug.SetTraceback("crash")
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // no more than a large file, if it fails
}

// command carries out what its arguments say. It returns the exit code and what to print to errw in one line.
type command func(ctx context.Context, args []string, out, errw io.Writer) (int, error)

func commands() map[string]command {
	return map[string]command{"list": listCmd, "run": runCmd, "check": checkCmd, "report": reportCmd, "doctor": doctorCmd, "export": exportCmd}
}

// dispatch runs one of the commands and returns its exit code. A panic is exit code 3: Go's own for it, 2, is "unknown" here.
func dispatch(ctx context.Context, commands map[string]command, args []string, out, errw io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errw, usage)
		return schism.ExitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, usage)
		return schism.ExitPass
	}
	cmd, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(errw, "schism: no command %q; there are list, run, check, report, export and doctor\n", args[0])
		return schism.ExitUsage
	}
	code := schism.ExitError // of a panic
	err := schism.Guard(func() (err error) {
		code, err = cmd(ctx, args[1:], out, errw)
		return err
	})
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintf(errw, "schism: %v\n", err)
	}
	return code
}

// errSaid is returned when the flag package has already printed what is wrong.
var errSaid = errors.New("said already")
