package observer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// A view is recorded when it differs from the one before, and not else; what comes of a server that is not ready changes nothing.
func TestViewsAreRecordedWhenTheyChange(t *testing.T) {
	own, other := "07c37dfeb235213a872192d90877d0cd55635b91", "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1"
	var epoch, pings, refuse atomic.Int64
	epoch.Store(1)
	m := master()
	f := newFake(t, func(what string) string {
		switch {
		case what != "INFO" && what != "NODES":
			return m(what)
		case refuse.Load() != 0:
			return "-LOADING it loads\r\n"
		case what == "INFO":
			return bulk(fmt.Sprintf("cluster_state:ok\r\ncluster_current_epoch:%d\r\n", epoch.Load()))
		}
		first := fmt.Sprintf("%s 10.0.0.1:6379@16379 myself,master - 0 %d 1 connected 0-16383\n", own, pings.Add(1))
		second := other + " 10.0.0.2:6379@16379 slave " + own + " 0 0 1 connected\n"
		if pings.Load()%2 == 0 { // the order is the server's, and says nothing
			first, second = second, first
		}
		return bulk(first + second)
	})
	var mu sync.Mutex
	var views []history.View
	samples := 0
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		Run(ctx, Config{Addr: f.l.Addr().String(), Interval: 5 * time.Millisecond, Cluster: map[string]int32{own: 4, other: 7},
			Clock: func() int64 { return time.Since(start).Nanoseconds() + 1 }, Proc: func() (bool, bool) { return true, false },
			Emit: func(b *history.Batch) {
				mu.Lock()
				defer mu.Unlock()
				views = append(views, b.Views...)
				for _, s := range b.Samples {
					if s.Answered {
						samples++
					}
				}
			}})
	})
	defer wg.Wait()
	defer cancel()
	seen := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(views) >= n }
	}
	require.Eventually(t, seen(1), 5*time.Second, time.Millisecond)
	asked := pings.Load()
	require.Eventually(t, func() bool { return pings.Load() > asked+3 }, 5*time.Second, time.Millisecond)
	require.True(t, seen(1)() && !seen(2)(), "nothing changed")
	refuse.Store(1)
	mu.Lock()
	before := samples
	mu.Unlock()
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return samples > before+20 }, 5*time.Second, time.Millisecond, "samples go on")
	require.False(t, seen(2)())
	epoch.Store(2)
	refuse.Store(0)
	require.Eventually(t, seen(2), 5*time.Second, time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.EqualValues(t, 1, views[0].Epoch)
	require.EqualValues(t, 2, views[1].Epoch)
	require.Equal(t, []int32{4, 7}, []int32{views[0].Peers[0].Node, views[0].Peers[1].Node})
	require.EqualValues(t, 4, views[0].Peers[1].Master)
	require.True(t, slices.IsSortedFunc(views, func(a, b history.View) int { return int(a.Call - b.Call) }))
	require.Less(t, views[0].Call, views[0].Return)
}

func TestViewsAreAskedForATenthOfASecondApartAtMost(t *testing.T) {
	for _, i := range []time.Duration{time.Millisecond, 25 * time.Millisecond, 40 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		require.LessOrEqual(t, time.Duration(viewEvery(i))*i, 100*time.Millisecond)
	}
}
