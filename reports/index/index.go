// Package index writes the page over all runs: what is new, what stands, every scenario on every server, and the runs behind it.
package index

import (
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/nights"
)

//go:embed assets
var assets embed.FS

// FileName is the page's, in the folder of all runs.
const FileName = "index.html"

// Write writes the page over the runs of a folder into it. What it finds without a line it adds to that folder's history. A run or a line that
// cannot be read is said, not skipped in silence.
func Write(ctx context.Context, artifacts string, now time.Time) error {
	f, err := nights.Refresh(ctx, artifacts, now)
	if err == nil {
		_, err = Page(artifacts, f, "")
	}
	return err
}

// Page writes the page of what was found. night is the one that is told of; empty: that of the newest run.
func Page(into string, f *nights.Found, night string) (*nights.Report, error) {
	r := nights.Compare(f.History, f.Going, night)
	js, err := assets.ReadFile("assets/index.js")
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	fr, err := frame.New(js)
	if err != nil {
		return nil, err
	}
	p := newPage(into, r, f.Broken)
	p.Frame = fr
	b, err := frame.Execute(assets, "assets/*.tmpl", "index.tmpl", p)
	if err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(filepath.Join(into, FileName), b, 0o644, renameio.WithTempDir(into)); err != nil {
		return nil, fmt.Errorf("write %s: %w", FileName, err)
	}
	return r, nil
}
