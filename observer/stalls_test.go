package observer

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

func TestStallIsATickThatComesLate(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, c := range map[string]struct {
		late int64 // after the tick before
		want int64 // ms of stall, 0 for none
	}{
		"in time":           {10 * ms, 0},
		"early":             {2 * ms, 0},
		"a little late":     {60 * ms, 0},
		"more than that":    {60*ms + 1, 50*ms + 1},
		"half a second":     {510 * ms, 500 * ms},
		"a clock that lags": {-5 * ms, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e, ok := stall(1000*ms, 1000*ms+c.late)
			require.Equal(t, c.want != 0, ok)
			if ok {
				require.Equal(t, history.Event{Node: history.NoNode, T: 1010 * ms, Dur: c.want, Kind: history.EvStall, Name: history.StallTick}, e)
			}
		})
	}
}

// The clock jumps while the process stands still, and the taker is slow: nothing is missed, and the waiting for him is no stall.
func TestStallsAreKeptForASlowTaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var jumped atomic.Int64
		clock := func() int64 { return time.Since(start).Nanoseconds() + jumped.Load() }
		var got []history.Event
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Stalls(ctx, clock, func(b *history.Batch) {
				time.Sleep(300 * time.Millisecond)
				got = append(got, b.Events...)
			})
		}()
		for _, d := range []time.Duration{100, 200, 70} {
			time.Sleep(51 * time.Millisecond)
			synctest.Wait()
			jumped.Add((d * time.Millisecond).Nanoseconds())
		}
		time.Sleep(time.Second)
		cancel()
		<-done
		require.Len(t, got, 3)
		for i, d := range []time.Duration{100, 200, 70} {
			require.Equal(t, d*time.Millisecond, time.Duration(got[i].Dur))
		}
		require.Less(t, got[0].T+got[0].Dur, got[1].T)
	})
}

// A machine that was suspended has lost no time on its monotonic clock: only the other clock tells.
func TestSuspensionIsSeen(t *testing.T) {
	looks := 0
	slept := func() int64 { // from the second look on
		looks++
		return min(int64(looks-1), 1) * (20 * time.Second).Nanoseconds()
	}
	found := make(chan []history.Event)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchTicks(ctx, func() int64 { return 5 }, slept, found)
	}()
	require.Equal(t, []history.Event{{Node: history.NoNode, T: 5, Dur: 20e9, Kind: history.EvStall, Name: history.StallSuspended}}, <-found)
	cancel()
	<-done
}
