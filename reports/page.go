package reports

import (
	"io"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

// Run writes a run's page.
func Run(w io.Writer, h *history.History, a *checker.Analysis, files []string) error { return nil }
