package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A window begins with the fault's first rule and ends with its last; what was acknowledged in between the two ends of a bracket is
// neither surely in nor surely out.
func TestWindowsOfPromises(t *testing.T) {
	add := func(h *history.History, at int64, node int32) {
		h.Ops.Append(history.Op{Process: 9, Client: 9, Worker: 2, Node: node, F: history.FAdd, In: at, Out: 1, Arg: history.None, Acked: -1, Call: at, Intended: at, Return: at + 1e6})
	}
	for _, tt := range []struct {
		name   string
		keep   int64
		window [2]result.Anchor
		edit   func(h *history.History)
		want   result.Status
		lo, hi float64
	}{
		{"loss from the first rule on", 4 * vSecond, [2]result.Anchor{result.EffectOf(1), result.End()}, func(h *history.History) { h.Faults[0].Injected, h.Faults[0].Effect = 39*vSecond/10, 39*vSecond/10 }, result.Kept, 0, 0},
		{"loss between the first rule and the proof", 4 * vSecond, [2]result.Anchor{result.EffectOf(1), result.End()}, func(h *history.History) { h.Faults[0].Injected, h.Faults[0].Effect = 39*vSecond/10, 5*vSecond }, result.Kept, 0, 0},
		{"loss half a second before the first rule", 4 * vSecond, [2]result.Anchor{result.EffectOf(1), result.End()}, func(h *history.History) { h.Faults[0].Injected = 45 * vSecond / 10 }, result.Broken, 4, 5},
		{"loss after the last rule was gone", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.HealOf(1)}, func(h *history.History) { add(h, 10*vSecond, 0) }, result.Broken, 1, 1},
		{"loss while the rules were removed", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.HealOf(1)}, func(h *history.History) {
			add(h, 10*vSecond, 0)
			h.Faults[0].HealCalled, h.Faults[0].Healed = 10*vSecond, 10*vSecond+20e6
		}, result.Kept, 0, 0},
		{"loss in the middle", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.HealOf(1)}, func(h *history.History) { add(h, 7*vSecond, 0) }, result.Kept, 0, 0},
		{"loss while the promotion took place", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.PromotionAfter(1)}, func(h *history.History) { add(h, 598*vSecond/100, 0) }, result.Kept, 0, 0},
		{"loss after the promotion", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.PromotionAfter(1)}, func(h *history.History) { add(h, 61*vSecond/10, 0) }, result.Broken, 1, 1},
		{"on its way when the fault came", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.End()}, func(h *history.History) { add(h, 496*vSecond/100, 0) }, result.Undecided, 0, 1},
		{"not acknowledged within its window", 5 * vSecond, [2]result.Anchor{result.EffectOf(1).Plus(200e6), result.EffectOf(1).Plus(300e6)}, func(*history.History) {}, result.Undecided, 0, -1},
		{"its end did not come", 5 * vSecond, [2]result.Anchor{result.EffectOf(1), result.HealOf(1)}, func(h *history.History) { h.Faults[0].Healed = 0 }, result.Undecided, 0, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := failoverRun(t, tt.keep, result.LossOnlyBetween(tt.window[0], tt.window[1]))
			tt.edit(h)
			for _, p := range judged(t, h).Promises {
				if p.Promise.Measure != "lost_outside" {
					continue
				}
				require.Equal(t, tt.want, p.Status, "%v", p.Value)
				require.InDelta(t, tt.lo, p.Value.Lo, 0)
				if tt.hi >= 0 {
					require.InDelta(t, tt.hi, p.Value.Hi, 0)
				}
			}
		})
	}
}
