package reports

import (
	"context"
	"io"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/index"
	"github.com/schismtest/schism/reports/page"
	"github.com/schismtest/schism/reports/sentences"
)

// Run writes a run's page. files are paths relative to the page of what can be downloaded beside it.
func Run(w io.Writer, h *history.History, a *result.Analysis, files []string) error {
	return page.Write(w, h, a, files)
}

// Index writes index.html over all runs in a folder. A run that cannot be read is said, not skipped in silence.
func Index(ctx context.Context, artifacts string, now time.Time) error {
	return index.Write(ctx, artifacts, now)
}

// Sentences are what a result says to people.
func Sentences(run *history.Run, r *result.Result) sentences.Sentences { return sentences.Of(run, r) }

// WriteJSON writes result.json: the result, and the sentences made of it.
func WriteJSON(w io.Writer, run *history.Run, r *result.Result) error {
	return sentences.WriteJSON(w, run, r)
}

// ReadJSON reads a result.json of this or an earlier version. A newer one is refused: its numbers may mean something else.
func ReadJSON(rd io.Reader) (*sentences.File, error) { return sentences.ReadJSON(rd) }
