package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/scenarios"
)

// texts is a flag that may be given several times.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ", ") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// runFlags are the flags of run.
func runFlags() (*flag.FlagSet, *schism.Options) {
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is one line; the flags come with -h
	o := &schism.Options{}
	fs.StringVar(&o.Server, "server", "redis:7.0", "server and version")
	fs.StringVar(&o.Image, "image", "", "any image that holds a Redis-compatible server, instead of -server")
	fs.DurationVar(&o.Duration, "duration", 0, "how long the clients write at least (default: the scenario's)")
	fs.Int64Var(&o.Seed, "seed", 0, "seed of every random choice (default: drawn)")
	fs.Var((*texts)(&o.Promises), "promise", "a promise of your own, such as lost=0 or rta=10s; may be given several times")
	fs.Var((*texts)(&o.Config), "config", "a redis.conf line for every server, such as min-replicas-to-write=1; may be given several times")
	fs.StringVar(&o.ConfigFile, "config-file", "", "a file of redis.conf lines")
	fs.IntVar(&o.Replicas, "replicas", 0, "number of replicas (default: the scenario's)")
	fs.IntVar(&o.Sentinels, "sentinels", 0, "number of sentinels (default: the scenario's)")
	fs.BoolVar(&o.ColdSentinels, "cold-sentinels", false, "let sentinels discover each other")
	fs.IntVar(&o.Rate, "rate", 0, "operations a second in open loop (default: the scenario's, 2000)")
	fs.BoolVar(&o.Closed, "closed", false, "closed loop: as fast as replies come")
	fs.StringVar(&o.Artifacts, "artifacts", "artifacts", "folder of all runs")
	fs.BoolVar(&o.Keep, "keep", false, "leave the containers running until the line is interrupted")
	return fs, o
}

func runCmd(ctx context.Context, args []string, out, errw io.Writer) (int, error) {
	fs, o := runFlags()
	name, code, err := parse(fs, args, "one scenario's name (schism list names them all)", out)
	if err != nil {
		return code, err
	}
	s, err := scenarios.Find(name)
	if err != nil {
		return schism.ExitUsage, err
	}
	bar := newProgress(errw)
	o.Progress = bar.show
	outcome, err := schism.Run(ctx, s, *o)
	bar.end()
	if outcome != nil {
		fmt.Fprintf(errw, "harness cost %s\n", outcome.Cost())
	}
	return finish(outcome, err, out, true)
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
