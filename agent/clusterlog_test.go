//go:build linux

package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestStepsOfAFailoverAreFoundInTheLog(t *testing.T) {
	const id = "07c37dfeb235213a872192d90877d0cd55635b91"
	for line, step := range map[string]string{
		"9:M 26 Nov 2026 08:00:00.000 * Marking node " + id + " as failing (quorum reached).":                      history.ClusterFailing,
		"9:M 26 Nov 2026 08:00:00.000 * Marking node " + id + " () as failing (quorum reached).":                   history.ClusterFailing,
		"9:S 26 Nov 2026 08:00:00.000 # Start of election delayed for 612 milliseconds (rank #0, offset 5230).":    history.ClusterDelayed,
		"9:S 26 Nov 2026 08:00:00.000 # Starting a failover election for epoch 4.":                                 history.ClusterAsked,
		"9:M 26 Nov 2026 08:00:00.000 # Failover auth granted to " + id + " for epoch 4":                           history.ClusterVoted,
		"9:S 26 Nov 2026 08:00:00.000 # Failover election won: I'm the new master.":                                history.ClusterWon,
		"9:S 26 Nov 2026 08:00:00.000 * Failover election won: I'm the new primary.":                               history.ClusterWon,
		"9:S 26 Nov 2026 08:00:00.000 # Manual failover user request accepted.":                                    history.ClusterManual,
		"9:S 26 Nov 2026 08:00:00.000 # Forced failover user request accepted.":                                    history.ClusterManual,
		"9:S 26 Nov 2026 08:00:00.000 # Taking over the master (user request).":                                    history.ClusterManual,
		"9:M 26 Nov 2026 08:00:00.000 # Manual failover requested by replica " + id + ".":                          history.ClusterManual,
		"9:M 26 Nov 2026 08:00:00.000 # Configuration change detected. Reconfiguring myself as a replica of " + id: history.ClusterFollows,
		"9:M 26 Nov 2026 08:00:00.000 # Cluster state changed: fail":                                               history.ClusterState,
		"9:M 26 Nov 2026 08:00:00.000 * Ready to accept connections":                                               "",
		"9:M 26 Nov 2026 08:00:00.000 # Failover auth denied to " + id:                                             "",
	} {
		require.Equal(t, step, clusterStep(line), line)
		require.Empty(t, classifyLine(line), line)
	}
}
