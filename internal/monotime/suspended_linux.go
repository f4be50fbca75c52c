package monotime

import "golang.org/x/sys/unix"

// Suspended is for how long this machine was suspended since it was booted, ns: CLOCK_MONOTONIC stands still meanwhile, CLOCK_BOOTTIME
// does not. What grows is one more suspension; small steps are the time between the two readings.
func Suspended() int64 {
	var boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return boot.Nano() - Now()
}
