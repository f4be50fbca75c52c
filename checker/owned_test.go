package checker

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
)

// ownedBy says which measure, class or table of the page owns a number of Result: what is counted must have somebody who says it. A
// prefix owns everything below it. A new number must be given an owner here, or better: be a class or a measure.
var ownedBy = map[string]string{
	"Schema":       "the format",
	"Verdict":      "",
	"ModelOps":     "sentence: what a history from elsewhere is a correct one of",
	"Counts":       "table: operations by outcome",
	"Writes":       "measure: lost; table: every write accounted for",
	"Loss":         "measures: split_brain_lost, lost_elsewhere; table: causes of loss",
	"Causes":       "measures: refused, evicted, full_syncs, resyncs, buffer_disconnects; table: refused writes; table: servers' own counters; table: WAIT",
	"Availability": "measures: rta, write_gap, read_gap; table: availability by worker",
	"Masters":      "measure: two_masters; lanes of the timeline",
	"Failovers":    "table: failover, step by step",
	"Shards":       "table: shards; measures: lost_other_shards, rta, write_gap, read_gap, two_masters, converge",
	"Slots":        "measures: unserved, unserved_for; class: slot_two_masters; lane of the timeline; table: slots that moved",
	"Registers":    "classes: conflict, fork, cycle, phantom, future_read, aborted_read; table: linearizability of registers",
	"Staleness":    "measures: staleness, stale_reads, version_lag, lag; table: staleness by node",
	"Visibility":   "measure: visible_100ms; chart: visibility",
	"Sessions":     "measures: read_your_writes, monotonic_reads, monotonic_writes, writes_follow_reads; table: session guarantees",
	"Convergence":  "class: divergent; measure: converge",
	"Findings":     "every class is a measure",
	"Disturbance":  "verdict: undecided where a time was disturbed; table: the machine's own delays",
	"Unclaimed":    "verdict: unknown; table: operations that nobody judges",
	"ExpiredWorst": "measure: expired_worst",
	"Collections":  "table: elements as whole reads tell them",
	"Measures":     "themselves",
	"Promises":     "the verdict",
	"Shows":        "the verdict",
	"Witnesses":    "what they show",
	"Faults":       "table: faults",
	"Fair":         "line: a fair test",
}

// Every number that a check can produce has somebody who says it.
func TestEveryNumberOfAResultIsOwned(t *testing.T) {
	used := map[string]bool{}
	rt := reflect.TypeFor[result.Result]()
	for i := range rt.NumField() {
		f := rt.Field(i)
		if !countsSomething(f.Type, map[reflect.Type]bool{}) {
			continue
		}
		_, ok := ownedBy[f.Name]
		require.True(t, ok, "Result.%s holds numbers that no measure, class or table owns", f.Name)
		used[f.Name] = true
	}
	for name := range ownedBy {
		_, ok := rt.FieldByName(name)
		require.True(t, ok, "%s is no field of Result any more", name)
	}
	for name, owner := range ownedBy {
		for part := range strings.SplitSeq(owner, ";") {
			kind, list, ok := strings.Cut(strings.TrimSpace(part), ": ")
			if !ok || kind != "measure" && kind != "measures" && kind != "class" && kind != "classes" {
				continue
			}
			for m := range strings.SplitSeq(list, ", ") {
				_, known := result.MeasureOf(m)
				require.True(t, known, "%s is owned by %q, which is no measure", name, m)
			}
		}
	}
}

// countsSomething reports whether a type holds a number anywhere.
func countsSomething(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return countsSomething(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if countsSomething(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// What a judge counts reaches the verdict: a class that was found is a measure of the result, and if it is a bug, a broken promise.
func TestEveryFindingReachesTheResult(t *testing.T) {
	for name, k := range classCases() {
		r := judged(t, k.has)
		for _, f := range r.Findings {
			c, ok := result.ClassOf(f.Class)
			require.True(t, ok, "%s: %s is no class", name, f.Class)
			require.Contains(t, r.Looked, f.Class, "%s: found what nobody looked for", name)
			require.GreaterOrEqual(t, valueOf(r, f.Class).Lo, float64(f.Count), "%s: %s", name, f.Class)
			if c.Blame == result.Always {
				require.Equal(t, f.Count, f.Bugs, "%s: %s is always a bug", name, f.Class)
			}
			for _, p := range r.Promises {
				if p.Promise.By == "always" && p.Promise.Measure == f.Class {
					require.Equal(t, f.Bugs > 0, p.Status == result.Broken, "%s: %s", name, f.Class)
				}
			}
		}
	}
}
