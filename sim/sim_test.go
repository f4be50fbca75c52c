package sim

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

func seeds() int64 {
	if os.Getenv("SCHISM_PROVE") != "" {
		return 3000
	}
	return 15
}

// The checker's account of every acknowledged write must be the truth; a fate that it cannot tell may only be a register's, and rarely.
func TestTruthOfLoss(t *testing.T) {
	for _, data := range []Config{{}, {Register: true}, {Register: true, Shared: true}} {
		for _, kind := range []Config{{}, {Failover: true}, {Failover: true, Split: true}} {
			t.Run(fmt.Sprintf("register=%v shared=%v failover=%v split=%v", data.Register, data.Shared, kind.Failover, kind.Split), func(t *testing.T) {
				var acked, masked, lost int64
				for seed := range seeds() {
					c := kind
					c.Seed, c.Register, c.Shared = seed, data.Register, data.Shared
					h, truth := Run(c)
					a, err := checker.Check(h, checker.Options{})
					require.NoError(t, err)
					compareFates(t, seed, h, truth, a)
					acked += a.Result.Writes.Acked
					masked += a.Result.Writes.Masked
					lost += a.Result.Writes.Lost
					require.Zero(t, a.Result.Writes.AbortedRead, "seed %d: %+v", seed, a.Result.Writes)
					if l := a.Result.Loss; l != nil {
						require.Zero(t, l.Unattributed, "seed %d: %+v", seed, l)
						for _, cause := range l.Causes {
							require.Equal(t, "promotion", cause.Kind, "seed %d", seed)
							require.Equal(t, []int32{0, 1}, []int32{cause.Node, cause.Winner}, "seed %d", seed)
						}
						compareSplit(t, seed, h, truth, a)
					}
				}
				require.Positive(t, acked)
				limit := 0.1
				if data.Shared {
					limit = 0.5 // an unanswered write among many writers hides what came before it
				}
				require.Less(t, float64(masked), limit*float64(acked), "too much is not told")
				require.Equal(t, kind.Failover, lost > 0, "a failover loses, nothing else does")
			})
		}
	}
}

func compareFates(t *testing.T, seed int64, h *history.History, truth Truth, a *checker.Analysis) {
	t.Helper()
	for i := range h.Ops.Len() {
		o := h.Ops.At(i)
		if !o.F.IsWrite() {
			continue
		}
		got := a.Fate[i]
		want := checker.FateFailed
		switch {
		case o.Outcome == history.OK && truth.InFinal[i]:
			want = checker.FateSurvived
		case o.Outcome == history.OK:
			want = checker.FateLost
		case o.Outcome == history.Info:
			if o.F == history.FAdd {
				require.Equal(t, truth.InFinal[i], got == checker.FateRecovered, "seed %d, operation %d: %+v", seed, i, o)
			}
			continue
		}
		if got == checker.FateMasked && o.F == history.FWrite {
			continue
		}
		require.Equal(t, want, got, "seed %d, operation %d: %+v", seed, i, o)
	}
}

// compareSplit counts what was acknowledged after the promotion; the checker knows that moment to one sampling period.
func compareSplit(t *testing.T, seed int64, h *history.History, truth Truth, a *checker.Analysis) {
	t.Helper()
	var after, near int64
	for i, f := range a.Fate {
		if f != checker.FateLost {
			continue
		}
		switch r := h.Ops.Return[i]; {
		case r > truth.Promoted+2*sampling:
			after++
		case r > truth.Promoted-sampling:
			near++
		}
	}
	got := a.Result.Loss.SplitBrain
	require.GreaterOrEqual(t, got, after, "seed %d", seed)
	require.LessOrEqual(t, got, after+near, "seed %d", seed)
}

// The interval of each read's age holds the truth: the age, when the read was executed, of the first write that it missed. (Where
// clients share keys, the simulated log does not keep the order of its own times.)
func TestTruthOfStaleness(t *testing.T) {
	stale, fresh := 0, 0
	for seed := range seeds() {
		h, truth := Run(Config{Seed: seed, Register: true})
		a, err := checker.Check(h, checker.Options{})
		require.NoError(t, err)
		for i := range h.Ops.Len() {
			age, ok := a.Ages.Of(i)
			require.Equal(t, h.Ops.F[i] == history.FRead, ok, "seed %d, operation %d", seed, i)
			if !ok {
				continue
			}
			was := int64(0)
			if truth.Missed[i] > 0 {
				was = max(0, h.Ops.Call[i]-truth.Missed[i])
			}
			require.LessOrEqual(t, age.Lo, was, "seed %d, operation %d", seed, i)
			require.GreaterOrEqual(t, age.Hi, was, "seed %d, operation %d", seed, i)
			if age.Lo > 0 {
				stale++
			}
			if age.Hi == 0 {
				fresh++
			}
		}
		require.Zero(t, a.Result.Registers[0].Conflicts, "seed %d: no master read contradicts another", seed)
	}
	require.Greater(t, stale, 20)
	require.Greater(t, fresh, 20, "reads that surely missed nothing")
}

// A split brain shows as two masters, a crash does not.
func TestTruthOfTwoMasters(t *testing.T) {
	for seed := range seeds() / 3 {
		h, _ := Run(Config{Seed: seed, Failover: true, Split: true})
		a, err := checker.Check(h, checker.Options{})
		require.NoError(t, err)
		require.Positive(t, a.Result.Masters.TwoWritable, "seed %d", seed)
		require.Positive(t, a.Result.Masters.DualAcks, "seed %d", seed)
		h, _ = Run(Config{Seed: seed, Failover: true})
		a, err = checker.Check(h, checker.Options{})
		require.NoError(t, err)
		require.Zero(t, a.Result.Masters.DualAcks, "seed %d", seed)
		require.Equal(t, 1, len(a.Result.Failovers), "seed %d", seed)
		require.Positive(t, a.Result.Availability.RTA, "seed %d", seed)
	}
}
