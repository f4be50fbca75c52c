package page

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/charts"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// accountTable accounts for every write: what was replied, and where it was found.
func accountTable(r *result.Result) *frame.Table {
	w := &r.Writes
	if w.Attempted == 0 {
		return nil
	}
	if !w.Known {
		t := &frame.Table{Title: "Every write by its reply", Head: frame.Heads("Reply", ">Total")}
		t.Row("ok", words.Count(w.Acked))
		t.Row("info: timeout, connection cut", words.Count(r.Counts.Info))
		t.Row("fail: not executed", words.Count(r.Counts.Fail))
		return t
	}
	t := &frame.Table{Title: "Every write accounted for", Head: frame.Heads("Reply", ">Total", ">In the final read", ">Seen, then gone", ">Never seen")}
	lostUnseen := w.Lost - w.LostAfterVisible
	t.Row("ok", words.Count(w.Acked), words.Count(w.Survived)+" survived", words.Count(w.LostAfterVisible)+" lost", words.Count(lostUnseen)+" lost")
	if w.LostAfterVisible > 0 {
		t.Mark(3, "bad")
	}
	if lostUnseen > 0 {
		t.Mark(4, "bad")
	}
	if w.Masked > 0 {
		t.Rows[0][1].Small = words.Count(w.Masked) + " cannot be told"
	}
	info := w.Recovered + w.HappenedThenLost + w.Indeterminate
	t.Row("info", words.Count(info), words.Count(w.Recovered)+" recovered", words.Count(w.HappenedThenLost)+" happened, lost", words.Count(w.Indeterminate)+" indeterminate")
	t.Rows[1][0].Small = "timeout, cut off"
	t.Row("fail", words.Count(w.Failed+w.AbortedRead), "0", words.Count(w.AbortedRead)+" aborted reads", words.Count(w.Failed)+" correct")
	t.Rows[2][0].Small = "not executed"
	if w.AbortedRead > 0 {
		t.Mark(3, "bad")
	}
	return t
}

// checkTables are what the consistency checkers counted.
func checkTables(h *history.History, r *result.Result) []*frame.Table {
	var out []*frame.Table
	if len(r.Registers) > 0 {
		t := &frame.Table{Title: "Linearizability of registers", Head: frame.Heads("Reads", ">Keys", ">Values", ">In conflict", ">Forks", ">Gamma", ">k at least", "Second opinion")}
		for _, l := range r.Registers {
			k := words.Dash
			if l.K >= 0 {
				k = words.Count(l.K)
			}
			note := l.Porcupine
			if l.Undecided != "" {
				note = "undecided: " + l.Undecided
			}
			if note == "" {
				note = words.Dash
			}
			t.Row(l.Scope, words.Count(int64(l.Keys)), words.Count(l.Values), words.Count(l.Conflicts), words.Count(l.Forks), words.Duration(l.Gamma), k, note)
			if l.BadKeys > 0 {
				t.Rows[len(t.Rows)-1][3].Small = "in " + words.Plural(int64(l.BadKeys), "key", "keys") + ", for " + words.Duration(l.Overlap) + " in all"
			}
		}
		out = append(out, t)
	}
	if len(r.Sessions) > 0 {
		t := &frame.Table{Title: "Session guarantees", Head: frame.Heads("Guarantee", "Reads", ">Checked", ">Broken", ">Worst")}
		for _, s := range r.Sessions {
			worst := words.Dash
			if s.Breaks > 0 {
				worst = words.Duration(s.Worst)
			}
			t.Row(strings.ReplaceAll(s.Name, "_", " "), s.Scope, words.Count(s.Checked), words.Count(s.Breaks), worst)
		}
		out = append(out, t)
	}
	if len(r.Findings) > 0 {
		out = append(out, findingTable(r))
	}
	if len(r.Unclaimed) > 0 {
		t := &frame.Table{Title: "Operations that nobody judges", Head: frame.Heads("Function", ">Count", "Why")}
		for _, u := range r.Unclaimed {
			t.Row(u.F, words.Count(u.Count), u.Why)
		}
		out = append(out, t)
	}
	if len(r.Collections) > 0 {
		t := &frame.Table{Title: "Elements as whole reads tell them", Head: frame.Heads("Kind", ">Elements", ">Stable", ">Stale", ">Missing at last", ">Never read", ">Stable after, p99", ">Longest")}
		for _, c := range r.Collections {
			t.Row(c.Kind, words.Count(c.Elements), words.Count(c.Stable), words.Count(c.Stale), words.Count(c.Lost), words.Count(c.NeverRead), words.Duration(c.StableP99), words.Duration(c.StableMax))
		}
		out = append(out, t)
	}
	if c := &r.Convergence; len(c.Sample) > 0 {
		t := &frame.Table{Title: fmt.Sprintf("Keys that differ between nodes: %s of %s", words.Count(int64(len(c.Sample))), words.Count(c.Divergent)), Head: frame.Heads("Key", "Node", "Holds")}
		for _, k := range c.Sample {
			for i, n := range k.Nodes {
				key, holds := k.Key, ""
				if i > 0 {
					key = ""
				}
				if i < len(k.Text) {
					holds = words.Clip(k.Text[i], 160)
				}
				t.Row(key, sentences.Node(&h.Run, n), holds)
			}
		}
		out = append(out, t)
	}
	if t := charts.MoveTable(r); t != nil {
		out = append(out, t)
	}
	if d := &r.Disturbance; d.Stalls > 0 || d.RunDelay > 0 {
		t := &frame.Table{Title: "Delays of the machine itself", Head: frame.Heads("What", ">Measured"),
			Note: "A broken promise in seconds is undecided where stalls exceed 500 ms or 5 % of its span and the 10 s before, a server waited for a processor for more than 20 % of it, a sentinel went into TILT after a stall, or a tenth of the load could not be offered."}
		t.Row("late ticks of agents, clients and harness (over 50 ms)", words.Count(int64(d.Stalls)))
		t.Row("all of them together", words.Duration(d.StallsTotal))
		t.Row("the longest", words.Duration(d.StallsMax))
		if d.RunDelay >= 0 {
			t.Row("most a server waited for a processor, "+sentences.Node(&h.Run, d.RunDelayNode), words.Share(int64(d.RunDelay*1e6), 1e6))
		}
		t.Row("sentinels in TILT after a stall", words.Count(int64(d.Tilts)))
		out = append(out, t)
	}
	return out
}

// findingTable lists what was found of each class in each scope. A count of reads is one of reads, not of damage.
func findingTable(r *result.Result) *frame.Table {
	t := &frame.Table{Title: "Findings", Head: frame.Heads("What", "Seen by", ">Count", ">Bugs", "The first, and what is not decided")}
	for _, f := range r.Findings {
		count, text := words.Count(f.Count), f.Text
		if f.Undecided != "" {
			count = "≥ " + count
			text = strings.TrimSpace(text + " Undecided: " + strings.TrimSuffix(f.Undecided, ".") + ".")
			if f.Count == 0 {
				count = words.Dash
			}
		}
		scope := f.Scope
		if scope == "" {
			scope = words.Dash
		}
		t.Row(words.Capital(sentences.Noun(f.Class)), scope, count, words.Count(f.Bugs), words.Clip(text, 400))
		t.Rows[len(t.Rows)-1][0].Small = f.Class
		if f.Bugs > 0 {
			t.Mark(3, "bad")
		}
	}
	return t
}

// looked says what a run was searched for, so that an absence can be told from what nobody looked for.
func looked(r *result.Result) string {
	if len(r.Looked) == 0 {
		return ""
	}
	var names []string
	for _, c := range r.Looked {
		names = append(names, sentences.Noun(c))
	}
	return words.Capital(strings.Join(names, "; ")) + "."
}
