//go:build linux

package monotime

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func kernel(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return ts.Nano()
}

func TestNowIsTheKernelsClock(t *testing.T) {
	for range 1000 {
		before := kernel(t)
		now := Now()
		require.LessOrEqual(t, before, now)
		require.LessOrEqual(t, now, kernel(t))
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}
