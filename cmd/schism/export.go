package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/history/exchange"
)

func exportCmd(_ context.Context, args []string, out, _ io.Writer) (int, error) {
	fs := flag.NewFlagSet("export", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is one line; the flags come with -h
	to := fs.String("to", "jsonl", "jsonl, edn or parquet")
	file := fs.String("o", "", "the file to write (default: standard output)")
	model := fs.String("model", "", "what a history from elsewhere is about")
	path, code, err := parse(fs, args, "one folder of a run, or one history file", out)
	if err != nil {
		return code, err
	}
	write, ok := map[string]func(io.Writer, *history.History) error{"jsonl": exchange.WriteJSONL, "edn": exchange.WriteEDN,
		"parquet": func(w io.Writer, h *history.History) error { return exchange.WriteParquet(w, h, judged(path, *model)) }}[*to]
	if !ok {
		return schism.ExitUsage, fmt.Errorf("-to %s is none of jsonl, edn, parquet", *to)
	}
	h, _, err := exchange.Open(path, "", exchange.ImportOptions{Model: *model})
	if err != nil {
		return schism.ExitUsage, err
	}
	if *file == "" {
		if err := write(out, h); err != nil {
			return schism.ExitError, err
		}
		return schism.ExitPass, nil
	}
	f, err := os.Create(*file)
	if err != nil {
		return schism.ExitUsage, fmt.Errorf("write export: %w", err)
	}
	if err := errors.Join(write(f, h), f.Close()); err != nil {
		return schism.ExitError, err
	}
	return schism.ExitPass, nil
}

// judged are the columns that only a check knows; none of a history that cannot be checked.
func judged(path, model string) exchange.Judged {
	o, err := schism.CheckFile(path, schism.CheckOptions{Model: model})
	if err != nil {
		return exchange.Judged{}
	}
	j := exchange.Judged{Staleness: make([]int64, len(o.Analysis.Fate))}
	for i, f := range o.Analysis.Fate {
		j.Fate = append(j.Fate, fateWord(f))
		j.Staleness[i] = -1
		if age, ok := o.Analysis.Ages.Of(i); ok {
			j.Staleness[i] = age.Lo
		}
	}
	return j
}

// fateWord is a fate as people write it; empty where there is none.
func fateWord(f result.Fate) string {
	switch f {
	case result.FateSurvived:
		return "survived"
	case result.FateLost:
		return "lost"
	case result.FateRecovered:
		return "recovered"
	case result.FateIndeterminate:
		return "indeterminate"
	case result.FateHappenedThenLost:
		return "happened then lost"
	case result.FateFailed:
		return "failed"
	case result.FateAborted:
		return "aborted read"
	case result.FateMasked:
		return "masked"
	}
	return ""
}
