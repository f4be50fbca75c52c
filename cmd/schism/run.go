package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/scenarios"
)

func (a *app) run() *cli.Command {
	o := &schism.Options{}
	var flags []cli.Flag
	for _, f := range schism.Flags(o) {
		flags = append(flags, bind(f))
	}
	return &cli.Command{
		Name: "run", Usage: "run a scenario against a real setup", ArgsUsage: "SCENARIO", Flags: flags,
		Description: `Starts the scenario's setup in containers, drives load at it, breaks it,
heals it, judges what the clients saw, and writes a page.

Examples:
   schism run split-brain -server valkey:8.1
   schism run split-brain -promise lost=0
   schism run healthy -config min-replicas-to-write=1 -image my/redis:test`,
		ShellComplete: completeScenarios,
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			name, err := one(c, "one scenario's name (schism list names them all)")
			if err != nil {
				return schism.ExitUsage, err
			}
			s, err := scenarios.Find(name)
			if err != nil {
				return schism.ExitUsage, err
			}
			bar := newProgress(a.errw)
			o.Progress = func(p schism.Progress) {
				if p.Phase == "start" {
					a.holds.Store(true)
				}
				bar.show(p)
			}
			outcome, err := schism.Run(ctx, s, *o)
			bar.end()
			if outcome != nil {
				fmt.Fprintf(a.errw, "harness cost %s\n", outcome.Cost())
				if outcome.Left != nil {
					fmt.Fprintf(a.errw, "schism: not all that the run started could be removed, the next start tries again: %s\n", words.Line(outcome.Left.Error()))
				}
			}
			return finish(outcome, err, a.out, true)
		}),
	}
}

// completeScenarios lists what may stand behind run.
func completeScenarios(ctx context.Context, c *cli.Command) {
	if c.NArg() == 0 {
		for _, s := range scenarios.All() {
			fmt.Fprintln(c.Root().Writer, s.Name)
		}
	}
	cli.DefaultCompleteWithFlags(ctx, c)
}

// finish prints what a run came to and returns its exit code.
func finish(o *schism.Outcome, err error, out io.Writer, ran bool) (int, error) {
	if o == nil {
		return schism.ExitCode("", err), err
	}
	opts := reports.SummaryOptions{Color: isTerminal(out), Width: 80, ReportPath: o.Report}
	if ran {
		opts.Took = o.Took.Round(time.Second)
	}
	if perr := reports.Summary(out, o.Run, o.Result, opts); perr != nil {
		return schism.ExitError, perr
	}
	return schism.ExitCode(o.Result.Verdict, err), err
}
