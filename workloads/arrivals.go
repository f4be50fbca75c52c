package workloads

import (
	"context"
	"math/rand/v2"
	"time"
)

// sleeper sleeps by the run's clock.
type sleeper struct {
	clock func() int64
	timer *time.Timer
}

func newSleeper(clock func() int64) *sleeper { return &sleeper{clock: clock} }

// until returns true at time t, at once when that has passed, or false when ctx ends before.
func (s *sleeper) until(ctx context.Context, t int64) bool { return s.untilOr(ctx, t, nil) }

// untilOr returns true when wake has something, too.
func (s *sleeper) untilOr(ctx context.Context, t int64, wake <-chan struct{}) bool {
	d := t - s.clock()
	if d <= 0 {
		return ctx.Err() == nil
	}
	if s.timer == nil {
		s.timer = time.NewTimer(time.Duration(d))
	} else {
		s.timer.Reset(time.Duration(d))
	}
	select {
	case <-s.timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *sleeper) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// openLoop wants one operation in every period, at a random moment of it. A client that is behind goes on at once and keeps the
// moments that were wanted, so that the wait for a slow server is not left out.
type openLoop struct {
	period int64
	rng    *rand.Rand
	sleep  *sleeper
	n      int64
}

func newOpenLoop(perSecond float64, rng *rand.Rand, clock func() int64) *openLoop {
	return &openLoop{period: max(1, int64(1e9/perSecond)), rng: rng, sleep: newSleeper(clock)}
}

func (o *openLoop) wait(ctx context.Context, start int64) (int64, bool) {
	t := start + o.n*o.period + o.rng.Int64N(o.period)
	o.n++
	return t, o.sleep.until(ctx, t)
}

// closedLoop wants the next operation as soon as the last one has ended.
type closedLoop struct{}

func (closedLoop) wait(ctx context.Context, _ int64) (int64, bool) { return 0, ctx.Err() == nil }
