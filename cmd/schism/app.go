package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/internal/words"
)

const about = `Starts a real Redis or Valkey replication setup in containers, drives load at
it, breaks it, and says exactly what its clients saw.

Flags may stand before or behind the argument, with one dash or two.
Exit codes: 0 pass, 1 violation, 2 unknown, 3 the surroundings lack something
or schism itself failed, 64 usage.`

// app is one call of the command line.
type app struct {
	out, errw io.Writer
	code      int // the exit code, once an action has run
	wrap      func(action) action
	holds     atomic.Bool // containers, which must be healed and removed before the process ends
}

// action carries out a command. It returns the exit code, and what to print to errw in one line.
type action func(ctx context.Context, a *app, c *cli.Command) (int, error)

// dispatch runs what the arguments say, args[0] being the program's own name, and returns the exit code. A panic is exit code 3: Go's own
// for it, 2, is "unknown" here. When ctx ends, a command ends soon, whatever it waits for; a run that has started containers heals and
// reports first. wrap, where it is given, changes every command: for tests.
func dispatch(ctx context.Context, args []string, out, errw io.Writer, wrap func(action) action) int {
	a := &app{out: out, errw: errw, code: schism.ExitPass, wrap: wrap}
	done := make(chan error, 1)
	go func() { done <- schism.Guard(func() error { return a.root().Run(ctx, args) }) }()
	select {
	case err := <-done:
		return a.end(err)
	case <-ctx.Done():
	}
	if a.holds.Load() {
		return a.end(<-done)
	}
	select {
	case err := <-done:
		return a.end(err)
	case <-time.After(grace): // it computes, or waits for a lock or a pipe: the process ends under it
		fmt.Fprintln(errw, "schism: interrupted")
		return schism.ExitError
	}
}

// grace is how long a command that holds nothing may take to end by itself.
const grace = time.Second

// longestError is how many characters an error takes at most: some repeat what the user gave.
const longestError = 1000

// end says the error, if any, and returns the exit code.
func (a *app) end(err error) int {
	if err == nil {
		return a.code
	}
	if a.code == schism.ExitPass {
		a.code = schism.ExitCode("", err)
	}
	var mistakes conf.Mistakes
	if errors.As(err, &mistakes) && len(mistakes) > 1 { // one line each
		fmt.Fprintf(a.errw, "schism: the config has %d mistakes:\n", len(mistakes))
		for _, m := range mistakes {
			fmt.Fprintf(a.errw, "  %s\n", words.Clip(words.Line(m.Error()), longestError))
		}
		return a.code
	}
	fmt.Fprintf(a.errw, "schism: %s\n", words.Clip(words.Line(err.Error()), longestError))
	return a.code
}

// root is the tree of commands.
func (a *app) root() *cli.Command {
	root := &cli.Command{
		Name: "schism", Usage: "break Redis and Valkey replication on purpose, and say what the clients saw",
		Description: about, Commands: []*cli.Command{a.list(), a.run(), a.attach(), a.check(), a.report(), a.index(), a.export(), a.doctor(), a.version(), a.man()},
		EnableShellCompletion: true, Suggest: true, HideVersion: true, DisableSliceFlagSeparator: true,
		Writer: a.out, ErrWriter: a.errw,
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden, c.Usage = false, "print the completion script for bash, zsh or fish"
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return usage("there is no command %q%s", name, words.DidYouMean(name, commandNames(c)))
			}
			return usage("it takes a command: %s; schism help tells of each", strings.Join(commandNames(c), ", "))
		},
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // dispatch says the error, main exits
		OnUsageError:   badFlag,
	}
	for _, c := range root.Commands {
		c.OnUsageError, c.HideHelpCommand = badFlag, true
	}
	return root
}

func commandNames(c *cli.Command) []string {
	var names []string
	for _, c := range c.VisibleCommands() {
		names = append(names, c.Name)
	}
	return names
}

// act makes an action the command's own.
func (a *app) act(do action) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		if a.wrap != nil {
			do = a.wrap(do)
		}
		a.code = schism.ExitError // of a panic
		code, err := do(ctx, a, c)
		a.code = code
		return err
	}
}

// one is the one argument that a command takes.
func one(c *cli.Command, what string) (string, error) {
	if c.NArg() != 1 {
		return "", usage("%s takes %s", c.Name, what)
	}
	return c.Args().First(), nil
}

// none fails when there are arguments.
func none(c *cli.Command) error {
	if c.NArg() > 0 {
		return usage("%s takes no arguments, and there is %q", c.Name, c.Args().First())
	}
	return nil
}

// usage is a problem with what the user wrote.
func usage(format string, args ...any) error {
	return &schism.Problem{Exit: schism.ExitUsage, Text: fmt.Sprintf(format, args...)}
}

// badFlag says in one line what is wrong with a flag.
func badFlag(_ context.Context, c *cli.Command, err error, _ bool) error {
	if errors.Is(err, schism.ErrPromiseHelp) || strings.HasSuffix(err.Error(), schism.ErrPromiseHelp.Error()) { // the library keeps only the text
		_, err := fmt.Fprint(c.Root().Writer, schism.PromiseHelp())
		return err
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = fmt.Sprintf("%s has no flag -%s%s", c.Name, name, words.DidYouMean(name, flagNames(c)))
	} else if flag, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		text = flag + " needs a value"
	}
	return usage("%s (schism %s -h lists the flags)", text, c.Name)
}

func flagNames(c *cli.Command) []string {
	var names []string
	for _, f := range c.VisibleFlags() {
		names = append(names, f.Names()...)
	}
	return names
}

// bind makes one of schism's flags one of the command line.
func bind(f schism.Flag) cli.Flag {
	if f.Value.IsBoolFlag() {
		return &cli.BoolFlag{Name: f.Name, Aliases: f.Aliases, Usage: f.Usage, HideDefault: true,
			Action: func(_ context.Context, _ *cli.Command, yes bool) error { return f.Value.Set(strconv.FormatBool(yes)) }}
	}
	return &cli.GenericFlag{Name: f.Name, Aliases: f.Aliases, Usage: f.Usage, Value: value{f.Value}, HideDefault: true}
}

// value is a flag's value as the library wants it.
type value struct{ schism.FlagValue }

// Get implements cli.Value.
func (v value) Get() any { return v.FlagValue }
