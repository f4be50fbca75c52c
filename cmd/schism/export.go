package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/history/exchange"
)

func (a *app) export() *cli.Command {
	return &cli.Command{
		Name: "export", Usage: "write a history as JSON Lines, EDN or Parquet", ArgsUsage: "RUN|FILE",
		Description: `Examples:
   schism export artifacts/split-brain/redis-7.0/latest -to parquet -o run.parquet
   schism export artifacts/split-brain/redis-7.0/latest -to edn | less`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Value: "jsonl", Usage: "`FORMAT`: jsonl, edn or parquet"},
			&cli.StringFlag{Name: "o", Usage: "the `FILE` to write (default: standard output)"},
			&cli.StringFlag{Name: "model", Usage: "what a history from elsewhere is about"},
		},
		Action: a.act(writeExport),
	}
}

func writeExport(ctx context.Context, a *app, c *cli.Command) (int, error) {
	path, err := one(c, "one folder of a run, or one history file")
	if err != nil {
		return schism.ExitUsage, err
	}
	to, file, model := c.String("to"), c.String("o"), c.String("model")
	write, ok := map[string]func(io.Writer, *history.History) error{"jsonl": exchange.WriteJSONL, "edn": exchange.WriteEDN,
		"parquet": func(w io.Writer, h *history.History) error {
			return exchange.WriteParquet(w, h, judged(ctx, path, model))
		}}[to]
	if !ok {
		return schism.ExitUsage, usage("-to %s is none of jsonl, edn, parquet", to)
	}
	h, _, err := exchange.Open(path, "", exchange.ImportOptions{Model: model})
	if err != nil {
		return schism.ExitUsage, err
	}
	if file == "" {
		if err := write(a.out, h); err != nil {
			return schism.ExitError, err
		}
		return schism.ExitPass, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return schism.ExitUsage, usage("-o %s cannot be written: %v", file, err)
	}
	err = errors.Join(write(f, h), f.Close())
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return schism.ExitError, err
	}
	return schism.ExitPass, nil
}

// judged are the columns that only a check knows; none of a history that cannot be checked.
func judged(ctx context.Context, path, model string) exchange.Judged {
	o, err := schism.CheckFile(ctx, path, schism.CheckOptions{Model: model})
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
