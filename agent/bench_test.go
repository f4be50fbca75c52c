//go:build linux

package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/schismtest/schism/wire"
)

// BenchmarkAgent measures what the agent's mechanisms take, seen by the harness over the attach stream, and of that the part within
// the agent (its stamps).
func BenchmarkAgent(b *testing.B) {
	r := newRig(b)
	n, peer := r.start("NET_ADMIN"), r.start()
	n.serve("save \"\"")
	for _, c := range []struct {
		name string
		do   func() wire.Stamps
	}{
		{"ask", func() wire.Stamps { return n.call(wire.OpProc, nil, nil) }},
		{"ping", func() wire.Stamps { return n.call(wire.OpRedis, wire.RedisArgs{Args: []string{"PING"}}, nil) }},
		{"stop", func() wire.Stamps {
			st := n.call(wire.OpSignal, wire.SignalArgs{Signal: sigSTOP, Children: true}, nil)
			n.signal(sigCONT, true)
			return st
		}},
		{"rules", func() wire.Stamps {
			return n.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Peers: []string{peer.addr}}}}, nil)
		}},
		{"heal", func() wire.Stamps {
			n.call(wire.OpNet, wire.NetArgs{Rules: []wire.Rule{{Peers: []string{peer.addr}}}}, nil)
			return n.call(wire.OpNet, wire.NetArgs{}, nil)
		}},
		{"kill", func() wire.Stamps {
			st := n.call(wire.OpSignal, wire.SignalArgs{Signal: sigKILL, Children: true}, nil)
			n.call(wire.OpStart, nil, nil)
			n.pong()
			return st
		}},
		{"start-to-pong", func() wire.Stamps {
			n.signal(sigKILL, true)
			st := n.call(wire.OpStart, nil, nil)
			n.pong()
			now, _ := n.Now()
			return wire.Stamps{T0: st.T0, T1: now}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var outside, inside []time.Duration
			for b.Loop() {
				t := time.Now()
				st := c.do()
				outside = append(outside, time.Since(t))
				inside = append(inside, time.Duration(st.T1-st.T0))
			}
			slices.Sort(outside)
			slices.Sort(inside)
			ms := func(ds []time.Duration, p float64) float64 {
				return float64(ds[int(p*float64(len(ds)-1))].Microseconds()) / 1000
			}
			b.ReportMetric(ms(outside, 0.5), "ms-p50")
			b.ReportMetric(ms(inside, 0.5), "ms-p50-agent")
			b.ReportMetric(ms(inside, 0.99), "ms-p99-agent")
		})
	}
}
