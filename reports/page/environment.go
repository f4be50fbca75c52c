package page

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/frame"
	"github.com/schismtest/schism/reports/sentences"
)

// facts is a list of names and values.
type facts struct {
	Title string
	List  []history.KV
}

func environment(h *history.History, r *result.Result) ([]*frame.Table, []facts, *frame.Table) {
	run := &h.Run
	var tables []*frame.Table
	if len(run.Nodes) > 0 {
		t := &frame.Table{Title: "Nodes", Head: frame.Heads("Node", "Role at the start", "Version", "Build", "Run id", "Address")}
		for _, n := range run.Nodes {
			role := string(n.Role)
			if n.Stranger {
				role += ", outside the setup"
			}
			if role == "" {
				role = string(n.Kind)
			}
			id := n.RunID
			if len(id) > 8 {
				id = id[:8]
			}
			t.Row(n.Name, role, orDash(n.Version), orDash(n.Build), orDash(id), orDash(n.Addr))
			t.Mark(4, "m")
		}
		tables = append(tables, t)
	}
	var fs []facts
	if kv := configs(run); len(kv) > 0 {
		fs = append(fs, facts{"Config that differs from the default", kv})
	}
	m := facts{Title: "Machine and build"}
	add := func(k, v string) {
		if v != "" {
			m.List = append(m.List, history.KV{K: k, V: v})
		}
	}
	add("Image", run.Image)
	for _, kv := range run.Host {
		add(words.Capital(kv.K), kv.V)
	}
	if run.Imported == "" {
		add("Seed", fmt.Sprint(run.Seed))
	}
	add("Started", frame.Moment(run.Started))
	add("Harness cost", costs(run.Costs))
	add("Clock", clockText(run))
	if run.Imported != "" {
		m.List = m.List[:len(m.List)-1]
		add("Imported from", run.Imported)
	}
	add("Operations", fmt.Sprintf("%s on %s", words.Count(r.Counts.Ops), words.Plural(r.Counts.Keys, "key", "keys")))
	add("Errors", errorCounts(r.Counts.Errors))
	fs = append(fs, m)
	return tables, fs, plan(h)
}

func orDash(s string) string {
	if s == "" {
		return words.Dash
	}
	return s
}

// configs says the config of each kind of node: first the lines that all of them have, then what a few have besides. A sentinel's own
// id is left out, as it differs everywhere and means nothing.
func configs(run *history.Run) []history.KV {
	var out []history.KV
	for _, kind := range []history.NodeKind{history.Server, history.Sentinel, history.Worker} {
		count := map[string]int{}
		var nodes []history.Node
		for _, n := range run.Nodes {
			if n.Kind != kind || len(n.Config) == 0 {
				continue
			}
			nodes = append(nodes, n)
			for _, l := range slices.Compact(slices.Sorted(slices.Values(configLines(n)))) {
				count[l]++
			}
		}
		index := map[string]int{}
		add := func(name string, ls []string, suffix string) {
			v := strings.Join(ls, "\n")
			if len(ls) == 0 {
				return
			}
			if i, ok := index[v+suffix]; ok {
				out[i].K = strings.TrimSuffix(out[i].K, suffix) + ", " + name + suffix
				return
			}
			index[v+suffix] = len(out)
			out = append(out, history.KV{K: name + suffix, V: v})
		}
		for _, n := range nodes {
			add(n.Name, slices.DeleteFunc(configLines(n), func(l string) bool { return count[l] < len(nodes) }), "")
		}
		for _, n := range nodes {
			add(n.Name, slices.DeleteFunc(configLines(n), func(l string) bool { return count[l] == len(nodes) }), ", besides")
		}
	}
	return out
}

func configLines(n history.Node) []string {
	var ls []string
	for _, kv := range n.Config {
		if l := strings.TrimSpace(kv.K + " " + kv.V); !strings.HasPrefix(l, "sentinel myid ") {
			ls = append(ls, l)
		}
	}
	return ls
}

func costs(c map[string]int64) string {
	var names []string
	var sum int64
	for k, v := range c {
		names = append(names, k)
		sum += v
	}
	sort.Strings(names)
	var parts []string
	for _, k := range names {
		parts = append(parts, k+" "+words.Duration(c[k]))
	}
	if len(parts) == 0 {
		return ""
	}
	return words.Duration(sum) + ": " + strings.Join(parts, ", ")
}

func errorCounts(m map[string]int64) string {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	sort.Slice(names, func(i, j int) bool {
		if m[names[i]] != m[names[j]] {
			return m[names[i]] > m[names[j]]
		}
		return names[i] < names[j]
	})
	var parts []string
	for _, k := range names {
		parts = append(parts, words.Count(m[k])+" "+k)
	}
	return strings.Join(parts, ", ")
}

// plan is the schedule as it ran, with the run's own steps.
func plan(h *history.History) *frame.Table {
	t := &frame.Table{Title: "Schedule as it ran", Head: frame.Heads("Step", "Planned", ">Took effect", "Proof", ">Healed", "Proof")}
	when := func(x int64) string {
		if x <= 0 {
			return words.Dash
		}
		return words.At(x)
	}
	for _, f := range h.Faults {
		proof, heal, healProof := f.Proof, when(f.Healed), f.HealProof
		if f.Err != "" {
			proof = f.Err
		}
		if f.Unavailable != "" {
			proof = "not available: " + f.Unavailable
		}
		if f.Permanent {
			heal, healProof = "", "has no heal step"
		}
		t.Row(fmt.Sprintf("Fault %d: %s", f.ID, sentences.Fault(f)), f.When, when(f.Effect), orDash(proof), heal, healProof)
		if f.Scheduled > 0 && f.Effect > 0 {
			t.Rows[len(t.Rows)-1][2].Small = fmt.Sprintf("%s after its time", words.Duration(max(0, f.Effect-f.Scheduled)))
		}
		var targets []string
		for _, n := range f.Targets {
			targets = append(targets, sentences.Node(&h.Run, n))
		}
		if len(targets) > 0 {
			t.Rows[len(t.Rows)-1][0].Small = "on " + words.List(targets)
		}
	}
	names := map[string]string{history.PhaseLoad: "Load begins", history.PhaseLoadEnd: "Writers stop", history.PhaseBarrier: "Barrier", history.PhaseNoBarr: "Barrier", history.PhaseFinalEnd: "Final reads"}
	if a := h.Run.Attached; a != nil && !a.Load {
		names[history.PhaseLoad], names[history.PhaseLoadEnd] = "Watch begins", "Watch ends"
	}
	for _, e := range h.Events {
		if n, ok := names[e.Name]; ok && e.Kind == history.EvPhase {
			txt := e.Text
			if e.Name == history.PhaseNoBarr {
				txt = strings.TrimSpace("did not hold " + txt)
			}
			t.Row(n, "", words.At(e.T), txt, "", "")
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

// fileLink is one file beside the page.
type fileLink struct{ Path, Name, What string }

// downloads describes the files of a run's folder. A path that would leave the folder, or is no relative path, is left out.
func downloads(files []string) []fileLink {
	var out []fileLink
	for _, f := range files {
		if f == "" || strings.HasPrefix(f, "/") || strings.HasPrefix(f, "\\") || strings.Contains(f, "..") {
			continue
		}
		out = append(out, fileLink{Path: "./" + f, Name: f, What: fileKind(f)})
	}
	return out
}

func fileKind(f string) string {
	switch {
	case f == "run.json":
		return "what was asked for, versions, seed"
	case f == "result.json":
		return fmt.Sprintf("verdict, promises and measures, schema %d", result.ResultSchema)
	case strings.HasPrefix(f, "history"):
		return "every operation, fault and observation"
	case strings.HasSuffix(f, ".parquet"):
		return "operations for DuckDB or pandas"
	case strings.HasSuffix(f, ".edn"):
		return "operations for Knossos and Elle"
	case strings.HasPrefix(f, "logs/"):
		return "what the node printed"
	case strings.HasPrefix(f, "config/"), strings.HasSuffix(f, ".conf"):
		return "config as used"
	}
	return ""
}
