package result

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/measures/README.md anew")

// The list of measures and classes is made from the data itself, so that it cannot go stale.
func TestMeasuresPage(t *testing.T) {
	pages := measurePages(t)
	var b strings.Builder
	b.WriteString("# Measures and classes of findings\n\nMade from the checker's own data (`go test ./checker/result -run MeasuresPage -update`). Each can be promised: `-promise NAME=LIMIT`.\n" +
		"A value is an interval where something cannot be told; a promise between its ends is undecided.\n\n## Measures\n\n| name | unit | a promise says | more |\n|---|---|---|---|\n")
	classes := map[string]bool{}
	for _, c := range Classes() {
		classes[c.Name] = true
	}
	units := map[Unit]string{Number: "count", Timed: "time", Share: "share", Part: "share", Size: "bytes"}
	for _, m := range Measures() {
		if !classes[m.Name] {
			text := m.zero
			if text == "" {
				text = strings.ReplaceAll(m.text, "%s", "LIMIT")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, units[m.Unit], text, pages(m.Name))
		}
	}
	b.WriteString("\n## Classes of findings\n\n*Always* a bug: in any setup, also across failovers. *Unexcused*: a bug where it lies within one reign of one master. *Measured*: a bug only\n" +
		"where a promise makes it one. Each counts its cases; each has the smallest history that shows it and the nearest that does not in\n`checker/class_test.go`.\n\n" +
		"| name | a bug | it counts | without one | more |\n|---|---|---|---|---|\n")
	blames := map[Blame]string{Measured: "measured", Unexcused: "unexcused", Always: "always"}
	for _, c := range Classes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, blames[c.Blame], c.Noun, c.Promise, pages(c.Name))
	}
	b.WriteString("\nTransactions also know " + strings.Join(cycleNames(), ", ") + ", each with `-process` and `-realtime`: circles of transactions, see [transactions](transactions.md).\n")
	const path = "../../docs/measures/README.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run go test ./checker/result -run MeasuresPage -update")
}

func cycleNames() []string {
	var out []string
	for _, c := range CycleClasses() {
		out = append(out, "`"+c+"`")
	}
	return out
}

// measurePages finds the pages that speak of a name.
func measurePages(t *testing.T) func(name string) string {
	t.Helper()
	files, err := filepath.Glob("../../docs/measures/*.md")
	require.NoError(t, err)
	texts := map[string]string{}
	for _, f := range files {
		if filepath.Base(f) != "README.md" {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			texts[filepath.Base(f)] = string(text)
		}
	}
	return func(name string) string {
		var out []string
		for f, text := range texts {
			if strings.Contains(text, "`"+name+"`") {
				out = append(out, fmt.Sprintf("[%s](%s)", strings.TrimSuffix(f, ".md"), f))
			}
		}
		require.NotEmpty(t, out, "no page of docs/measures tells of %s", name)
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
}
