package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history/exchange"
)

// parse reads flags that may stand before or behind the one argument. code is the exit code when err is not nil.
func parse(fs *flag.FlagSet, args []string, what string, out io.Writer) (name string, code int, err error) {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(out, "schism %s takes %s and these flags:\n", fs.Name(), what)
		fs.SetOutput(out)
		fs.PrintDefaults()
		return "", schism.ExitPass, errSaid
	} else if err != nil {
		return "", schism.ExitUsage, fmt.Errorf("%w; schism %s -h lists the flags", err, fs.Name())
	}
	rest := fs.Args()
	if name == "" && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if name == "" || len(rest) > 0 {
		return "", schism.ExitUsage, fmt.Errorf("%s takes %s", fs.Name(), what)
	}
	return name, 0, nil
}

func checkCmd(_ context.Context, args []string, out, errw io.Writer) (int, error) {
	fs := flag.NewFlagSet("check", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is one line; the flags come with -h
	model := fs.String("model", "", "what a history from elsewhere is about: "+strings.Join(checker.Models(), ", "))
	format := fs.String("format", "", "its format, where its content does not tell: "+strings.Join(exchange.Formats(), ", "))
	level := fs.String("level", "", "what transactions are judged by (default strict-serializable)")
	total := fs.Int64("total", 0, "what the accounts of a bank add up to (default: the first ok read)")
	negative := fs.Bool("allow-negative", false, "the accounts of a bank may fall below 0")
	path, code, err := parse(fs, args, "one folder of a run, or one history file", out)
	if err != nil {
		return code, err
	}
	if st, serr := os.Stat(path); serr == nil && st.IsDir() && *model == "" {
		o, err := schism.Check(path)
		return finish(o, err, out, false)
	}
	hasTotal := false
	fs.Visit(func(f *flag.Flag) { hasTotal = hasTotal || f.Name == "total" })
	bar := newProgress(errw)
	o, err := schism.CheckFile(path, schism.CheckOptions{Model: *model, Format: *format,
		Checker: checker.ModelOptions{Level: *level, Total: *total, HasTotal: hasTotal, AllowNegative: *negative,
			Progress: func(s string) { bar.show(schism.Progress{Phase: "check", Text: s}) }}})
	bar.end()
	if err != nil {
		return schism.ExitCode("", err), err
	}
	if o.Run.Scenario == "" {
		o.Run.Scenario = filepath.Base(path)
	}
	o.Report = ""
	return finish(o, nil, out, false)
}

func doctorCmd(ctx context.Context, args []string, out, _ io.Writer) (int, error) {
	if len(args) > 0 {
		return schism.ExitUsage, fmt.Errorf("doctor takes no arguments")
	}
	lines, ok := schism.Doctor(ctx)
	for _, l := range lines {
		fmt.Fprintf(out, "%s %-12s %s\n", map[bool]string{true: "+", false: "x"}[l.OK], l.What, l.Text)
		if l.Cost != "" {
			fmt.Fprintf(out, "%15s%s\n", "", l.Cost)
		}
	}
	if !ok {
		return schism.ExitError, nil
	}
	return schism.ExitPass, nil
}
