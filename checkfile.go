package schism

import (
	"context"
	"fmt"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history/exchange"
)

// CheckOptions say how a history from elsewhere is meant.
type CheckOptions struct {
	Model   string // a name of checker.Models; empty: guessed
	Format  string // one of exchange.Formats; empty: told by the content
	Checker checker.ModelOptions
}

// CheckFile judges a history file: ours, or one from elsewhere by its model.
func CheckFile(ctx context.Context, path string, o CheckOptions) (*Outcome, error) {
	h, model, err := exchange.Open(path, o.Format, exchange.ImportOptions{Model: o.Model})
	if err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: err.Error(), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if model == "" && h.Run.Imported == "" && h.Run.Scenario != "" {
		a, err := checker.Check(h, checker.Options{Progress: o.Checker.Progress})
		if err != nil {
			return nil, fmt.Errorf("check history: %w", err)
		}
		return &Outcome{Run: &h.Run, Result: &a.Result, Analysis: a, History: h}, nil
	}
	if model == "" {
		if model, err = checker.GuessModel(h); err != nil {
			return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("%s: %v", path, err), Do: "name it with -model", Err: err}
		}
	}
	a, err := checker.CheckModel(h, model, o.Checker)
	if err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("%s: %v", path, err), Err: err}
	}
	return &Outcome{Run: &h.Run, Result: &a.Result, Analysis: a, History: h}, nil
}
