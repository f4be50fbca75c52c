package nemesis_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	. "github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/topology"
)

// BenchmarkDelay prints how long after its time a fault is effective, for the bar of design.md (50 ms, p99), and how long its heal takes.
func BenchmarkDelay(b *testing.B) {
	w := startWorld(b, topology.Spec{Kind: topology.KindSentinel, Replicas: 2, Sentinels: 3, DownAfter: time.Minute})
	for _, c := range []struct {
		name   string
		action Action
	}{
		{"partition", Partition(Side(Master, "s1"), Rest).For(50 * time.Millisecond)},
		{"pause", Pause("n2").For(50 * time.Millisecond)},
		{"kill", Kill("n3").For(50 * time.Millisecond)},
	} {
		b.Run(c.name, func(b *testing.B) {
			last := map[int]history.Fault{}
			err := Run(b.Context(), Config{Schedule: Schedule{Every(100*time.Millisecond, 400*time.Millisecond, b.N, c.action)}.Draw(nil), Cluster: w, Live: w.live,
				Clock: w.now, LoadStart: w.now(), Record: func(f history.Fault) { last[f.ID] = f }})
			require.NoError(b, err)
			var effect, heal []time.Duration
			for _, f := range last {
				at := f.Effect
				if at == 0 { // so short a cut may drop no packet
					at = f.HealCalled - (50 * time.Millisecond).Nanoseconds()
				}
				effect = append(effect, time.Duration(at-f.Scheduled))
				heal = append(heal, time.Duration(f.Healed-f.HealCalled))
			}
			for name, ds := range map[string][]time.Duration{"effect": effect, "heal": heal} {
				slices.Sort(ds)
				b.ReportMetric(float64(ds[len(ds)/2].Microseconds())/1000, name+"-p50-ms")
				b.ReportMetric(float64(ds[(len(ds)*99)/100].Microseconds())/1000, name+"-p99-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
