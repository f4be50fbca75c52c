package sentences

import (
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// Mark is a verdict's sign: a shape (ID), a colour (Class), a character and a word, since none alone reaches everybody.
type Mark struct{ ID, Class, Char, Word string }

// MarkOf is the sign of a run's verdict.
func MarkOf(v result.Verdict, weakness bool) Mark {
	switch {
	case v == result.Violation:
		return Mark{"bad", "v-bad", "✕", "Violation"}
	case v == result.Unknown:
		return Mark{"und", "v-und", "?", "Unknown"}
	case v == result.Error:
		return Mark{"err", "v-err", "!", "Error"}
	case v == result.Watched:
		return Mark{"na", "v-na", "•", "Watched"}
	case weakness:
		return Mark{"weak", "v-weak", "⊗", "Pass, weakness shown"}
	}
	return Mark{"ok", "v-ok", "✓", "Pass"}
}

// Node names a node of the run.
func Node(run *history.Run, i int32) string {
	if i < 0 || int(i) >= len(run.Nodes) {
		return words.Dash
	}
	return run.Nodes[i].Name
}

// Server says which server ran, by its exact version where that is known: "redis 7.0.15".
func Server(run *history.Run) string {
	name := run.Server
	if name == "" {
		name = run.Image
	}
	for _, n := range run.Nodes {
		if n.Kind == history.Server && n.Version != "" {
			if i := strings.LastIndexByte(name, ':'); i >= 0 {
				name = name[:i]
			}
			return name + " " + n.Version
		}
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.Contains(name[i:], "/") {
		name = name[:i] + " " + name[i+1:]
	}
	return name
}

// Overall is the staleness of all replicas over the whole run, nil when it was not measured.
func Overall(r *result.Result) *result.Staleness {
	for i := range r.Staleness {
		if s := &r.Staleness[i]; s.Node == history.NoNode && s.Window == "" {
			return s
		}
	}
	return nil
}

// Reasons are those of an unknown or an error. Promises that are not decided stand in a table of their own, so that they are there is
// said once.
func Reasons(r *result.Result) []string {
	var out []string
	undecided := false
	for _, s := range r.Reasons {
		if strings.HasPrefix(s, "not decided: ") {
			undecided = true
			continue
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return r.Reasons
	}
	if undecided {
		out = append(out, "promises are not decided, as listed below")
	}
	return out
}

// Fault says what a fault did.
func Fault(f history.Fault) string {
	if f.Text != "" {
		return f.Text
	}
	return f.Kind
}
