// Package own is a user's own module: a scenario of its own, run by the same function as schism's catalogue.
package own

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/gotest"
	. "github.com/schismtest/schism/nemesis"
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

var door = gotest.New()

func TestMain(m *testing.M) { door.Main(m) }

func TestOwnScenario(t *testing.T) {
	door.Run(t, pausedReplica(), func(t *testing.T, out *schism.Outcome) {
		require.Greater(t, out.Result.Availability.LongestRead.Len(), time.Second.Nanoseconds(), "nobody else answers reads")
	})
}
