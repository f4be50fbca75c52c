//go:build linux

package agent

import (
	"strings"

	"github.com/schismtest/schism/history"
)

// clusterStep names the step of a Cluster's failover that a line of a server's output tells of; empty for all others. Valkey says primary
// where Redis says master.
func clusterStep(line string) string {
	for _, p := range [...]struct{ step, text string }{
		{history.ClusterFailing, "as failing (quorum reached)"},
		{history.ClusterDelayed, "Start of election delayed for"},
		{history.ClusterAsked, "Starting a failover election for epoch"},
		{history.ClusterVoted, "Failover auth granted to"},
		{history.ClusterWon, "Failover election won: I'm the new"},
		{history.ClusterManual, "Manual failover requested by"},
		{history.ClusterManual, "failover user request accepted"},
		{history.ClusterManual, "Taking over the"},
		{history.ClusterFollows, "Reconfiguring myself as a replica of"},
		{history.ClusterState, "Cluster state changed:"},
	} {
		if strings.Contains(line, p.text) {
			return p.step
		}
	}
	return ""
}
