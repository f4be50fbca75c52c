package page_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/reports/page"
	"github.com/schismtest/schism/sim"
)

// clusterPage is the page of a simulated run on nine servers.
func clusterPage(t *testing.T, c sim.Config) string {
	t.Helper()
	h, _ := sim.Run(c)
	h.Run.Scenario, h.Run.Server = "cluster-simulated", "redis"
	for i := range h.Run.Nodes {
		if h.Run.Nodes[i].Kind == history.Server {
			h.Run.Nodes[i].Version = "7.0.15"
		}
	}
	a, err := checker.Check(h, checker.Options{})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, h, a, nil))
	return b.String()
}

// The page of a Cluster names the shard that was hit wherever it speaks of loss or of a failover, opens its lane and folds the others,
// without any script.
func TestPageOfACluster(t *testing.T) {
	c := sim.Config{Seed: 4, Object: sim.Set, Faults: []sim.Failure{sim.Split}, Shards: 3, Moves: 1, Keys: 24, Clients: 3, Load: 12e9, Pace: 8e6, Lag: 50e6, Records: sim.Whole, Sampling: 25e6, Late: -1}
	text := clusterPage(t, c)
	if file := os.Getenv("SCHISM_CLUSTER_PAGE"); file != "" {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	require.Equal(t, 3, strings.Count(text, `<details class="lanefold"`))
	require.Contains(t, text, `<details class="lanefold" open>`)
	require.Contains(t, text, "of them by shard ")
	require.Contains(t, text, "Slots served by nobody")
	require.Contains(t, text, "By shard")
	require.Contains(t, text, "Slots that moved")
	c.Faults, c.Moves, c.Object = []sim.Failure{sim.Kill}, 0, sim.Register
	killed := clusterPage(t, c)
	if file := os.Getenv("SCHISM_CLUSTER_PAGE"); file != "" {
		require.NoError(t, os.WriteFile(file+".kill.html", []byte(killed), 0o644))
	}
	require.Contains(t, killed, "of the slots</text>")
	require.Contains(t, killed, "not served for ")
	require.NotContains(t, killed, "Slots that moved")
	require.Regexp(t, `<h3 class="sub">Shard \d: from n\d to n\d</h3>`, text)
}
