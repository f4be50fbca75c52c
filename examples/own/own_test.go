// Package own is a user's own module: a scenario of its own, run by the same function as schism's catalogue.
package own

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	. "github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/reports"
	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// pausedReplica is the question of a team that reads from its one replica: what do readers see while it hangs?
func pausedReplica() scenarios.Scenario {
	return scenarios.Scenario{
		Name:     "own-paused-replica",
		Why:      "Our readers use one replica. When it hangs they get nothing, and right after that what it held before.",
		Topology: topology.MasterReplicas{Replicas: 1},
		Workload: workloads.Spec{Kind: workloads.Register, Writers: 4, Readers: 4, ReadFrom: workloads.Replicas, Rate: 500},
		Faults:   Schedule{After(2*time.Second, Pause(OneReplica).For(2*time.Second))},
		Load:     5 * time.Second,
		Promises: []result.Promise{result.NothingLost(), result.ConvergesWithin(5 * time.Second)},
		Shows:    []result.Promise{result.ReadGap},
	}
}

func TestOwnScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	out, err := schism.Run(t.Context(), pausedReplica(), schism.Options{Server: server(), Seed: 1, Artifacts: "artifacts"})
	require.NoError(t, err)
	t.Log(reports.Sentences(out.Run, out.Result).Headline, out.Report)
	require.Equal(t, result.Pass, out.Result.Verdict, out.Result.Reasons)
	require.Greater(t, out.Result.Availability.LongestRead.Len(), time.Second.Nanoseconds(), "nobody else answers reads")
}

func server() string {
	if s := os.Getenv("SCHISM_SERVER"); s != "" {
		return s
	}
	return "redis:7.0"
}
