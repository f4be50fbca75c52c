package page

import (
	"html/template"
	"maps"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// watchedLag is the figure that a setup of somebody else's is watched for: how far its replicas were behind, each of them below.
func watchedLag(h *history.History, a *result.Analysis) *figure {
	r := &a.Result
	all := sentences.Overall(r)
	if h.Run.Attached == nil || all == nil || all.LagBytes < 0 {
		return nil
	}
	n, unit := words.DurationUnit(all.LagTime)
	f := (&figure{Label: "Greatest lag of a replica", N: n, Unit: unit}).time(r, "lag_time")
	bytes, age := map[int32]int64{}, map[int32]int64{}
	for _, p := range a.Lag {
		if !p.Branch {
			bytes[p.Node], age[p.Node] = max(bytes[p.Node], p.Bytes), max(age[p.Node], p.Age)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(bytes)) {
		f.Lines = append(f.Lines, template.HTML("<b>"+frame.Esc(sentences.Node(&h.Run, n))+"</b> "+frame.Esc(words.Size(bytes[n])+", "+words.Duration(age[n]))))
	}
	return f
}

// uncovered is what was not looked at in somebody else's setup, and what was left there.
func uncovered(run *history.Run) []string {
	if run.Attached == nil {
		return nil
	}
	var out []string
	for _, why := range run.Attached.Uncovered {
		out = append(out, "Not covered: "+why+".")
	}
	if left := run.Attached.Leftover; left != "" {
		out = append(out, "Left behind: "+left+".")
	}
	return out
}

// clockText says what all times are measured by.
func clockText(run *history.Run) string {
	if run.Attached != nil {
		return "this process’s monotonic clock; the span of a look or an operation holds the way over the network"
	}
	return "one kernel’s monotonic clock for clients, servers and faults"
}
