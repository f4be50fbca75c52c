package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history/exchange"
)

func (a *app) check() *cli.Command {
	var promises []string
	return &cli.Command{
		Name: "check", Usage: "judge a run's folder, or a history from elsewhere, anew", ArgsUsage: "RUN|FILE",
		Description: `A run's folder is judged by what it promised, and by -promise in its place. A
history from elsewhere is Jepsen's EDN or log, or JSON Lines; what it is about
is guessed, or named with -model.

Examples:
   schism check artifacts/split-brain/redis-7.0/latest -promise lost=0
   schism check history.edn -model queue`,
		Flags: []cli.Flag{
			bind(schism.PromiseFlag(&promises)),
			&cli.StringFlag{Name: "model", Usage: "what a history from elsewhere is about, a `MODEL` of " + strings.Join(checker.Models(), ", ")},
			&cli.StringFlag{Name: "format", Usage: "its `FORMAT`, where its content does not tell: " + strings.Join(exchange.Formats(), ", ")},
			&cli.StringFlag{Name: "level", Usage: "the `LEVEL` that transactions are judged by (default: strict-serializable)"},
			&cli.Int64Flag{Name: "total", Usage: "what the accounts of a bank `ADD` up to (default: the first ok read)", HideDefault: true},
			&cli.BoolFlag{Name: "allow-negative", Usage: "the accounts of a bank may fall below 0"},
		},
		Action: a.act(func(ctx context.Context, a *app, c *cli.Command) (int, error) {
			path, err := one(c, "one folder of a run, or one history file")
			if err != nil {
				return schism.ExitUsage, err
			}
			if st, serr := os.Stat(path); serr == nil && st.IsDir() && !c.IsSet("model") {
				for _, name := range []string{"format", "level", "total", "allow-negative"} {
					if c.IsSet(name) {
						return schism.ExitUsage, fmt.Errorf("-%s is about a history from elsewhere, and %s is a run's folder", name, path)
					}
				}
				o, err := schism.Check(ctx, path, promises...)
				return finish(o, err, a.out, false)
			}
			if len(promises) > 0 {
				return schism.ExitUsage, fmt.Errorf("-promise is about a run's folder, and %s is none", path)
			}
			return a.checkFile(ctx, c, path)
		}),
	}
}

func (a *app) checkFile(ctx context.Context, c *cli.Command, path string) (int, error) {
	bar := newProgress(a.errw)
	o, err := schism.CheckFile(ctx, path, schism.CheckOptions{Model: c.String("model"), Format: c.String("format"),
		Checker: checker.ModelOptions{Level: c.String("level"), Total: c.Int64("total"), HasTotal: c.IsSet("total"), AllowNegative: c.Bool("allow-negative"),
			Progress: func(s string) { bar.show(schism.Progress{Phase: "check", Text: s}) }}})
	bar.end()
	if err != nil {
		return schism.ExitCode("", err), err
	}
	if o.Run.Scenario == "" {
		o.Run.Scenario = filepath.Base(path)
	}
	o.Report = ""
	return finish(o, nil, a.out, false)
}
