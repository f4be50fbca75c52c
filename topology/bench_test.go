package topology

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkStartStop tells the median of what starting and stopping takes; run it with -benchtime=5x.
func BenchmarkStartStop(b *testing.B) {
	for _, c := range []struct {
		name string
		spec Spec
		copy bool
	}{
		{"3-servers", Spec{Kind: KindReplicas, Replicas: 2}, false},
		{"3-servers-agent-copied", Spec{Kind: KindReplicas, Replicas: 2}, true},
		{"6-with-sentinel", Spec{Kind: KindSentinel, Replicas: 2, Sentinels: 3}, false},
		{"9-servers", Spec{Kind: KindReplicas, Replicas: 8}, false},
		{"9-of-a-cluster", Spec{Kind: KindCluster, Shards: 3, Replicas: 2}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := options(b, c.spec)
			o.copyAgent = c.copy
			var starts, stops []time.Duration
			for i := 0; b.Loop(); i++ {
				o.RunID = fmt.Sprintf("bench%d-%d", time.Now().UnixNano(), i)
				t := time.Now()
				d, err := Start(b.Context(), o)
				require.NoError(b, err)
				starts = append(starts, time.Since(t))
				t = time.Now()
				require.NoError(b, d.Stop(context.Background()))
				stops = append(stops, time.Since(t))
			}
			slices.Sort(starts)
			slices.Sort(stops)
			b.ReportMetric(starts[len(starts)/2].Seconds(), "start-s")
			b.ReportMetric(stops[len(stops)/2].Seconds(), "stop-s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// An engine that does not see this machine's files gets the agent copied.
func TestStartWithAgentCopied(t *testing.T) {
	o := options(t, Spec{})
	o.copyAgent = true
	d := start(t, o)
	require.False(t, d.bind)
	require.NotEmpty(t, d.Nodes[0].RunID)
}
