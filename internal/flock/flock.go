// Package flock waits for a file's lock as long as a context lets it: flock itself would wait whatever happens.
package flock

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// pollEvery is how often a lock that another process holds is tried again.
const pollEvery = 20 * time.Millisecond

// Wait takes the file's lock for this process alone; closing the file gives it back. The error is the system's, or why ctx ended.
func Wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
