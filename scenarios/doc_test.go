package scenarios

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
)

var update = flag.Bool("update", false, "write docs/catalogue.md anew")

// The catalogue's page is made from the catalogue, so that it cannot go stale.
func TestCataloguePage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The catalogue\n\nMade from the scenarios themselves (`go test ./scenarios -update`). What is always a bug (phantoms, visible refused writes, duplicates,\n" +
		"divergence after the barrier, holes in the log, crashes) is promised by every scenario besides.\n")
	for _, s := range All() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n- setup: %s\n- clients: %s\n", s.Name, s.Why, s.Topology.Spec(), s.Workload.Kind)
		for _, line := range s.Faults.Describe() {
			fmt.Fprintf(&b, "- fault %s\n", line)
		}
		fmt.Fprintf(&b, "- promises: %s\n", inWords(s.Promises))
		if len(s.Shows) > 0 {
			var nouns []string
			for _, p := range s.Shows {
				nouns = append(nouns, p.Noun())
			}
			fmt.Fprintf(&b, "- shows: %s\n", strings.Join(nouns, "; "))
		}
	}
	const path = "../docs/catalogue.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run go test ./scenarios -update")
}

func inWords(ps []result.Promise) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return strings.Join(out, "; ")
}
