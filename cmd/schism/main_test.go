package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism/internal/guard"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"schism": main,
		// schism whose every command panics, named by how.
		"schism-panics": func() {
			neverUnknown()
			ownHelp()
			os.Exit(dispatch(context.Background(), os.Args, os.Stdout, os.Stderr, func(action) action { return panics }))
		},
	})
}

// panics takes the argument for where.
func panics(_ context.Context, a *app, c *cli.Command) (int, error) {
	bar := newProgress(a.errw)
	defer bar.end()
	boom := func() error { panic("boom in\ntwo lines") }
	switch c.Args().First() {
	case "here":
		return 0, boom()
	case "library": // in a goroutine that is not ours
		go func() { _ = boom() }()
		select {}
	}
	var g guard.Group
	g.Go(boom)
	return 0, g.Wait()
}

// TestScripts runs the command line as a user types it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits CODE schism ARGS... fails unless the command ends with that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = exitCode(err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

func exitCode(err error) string {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return strconv.Itoa(e.ExitCode())
	}
	return err.Error()
}
