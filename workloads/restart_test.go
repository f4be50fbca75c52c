package workloads

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// TestKillAndRestart: what was on its way when the master died is unknown, what came after was refused, and clients go on by
// themselves when it is back, behind their schedule at first.
func TestKillAndRestart(t *testing.T) {
	master := redistest.Start(t)
	rec := &recorder{t: t}
	now := clock()
	r, err := NewRunner(jobFor(Spec{Kind: Register, Rate: 2400}, master), now, rec.emit)
	require.NoError(t, err)
	require.NoError(t, r.Prepare(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	acks := func(after int64) int {
		return rec.count(func(op named) bool { return ok(op) && op.F.IsWrite() && op.Call > after })
	}
	redistest.Poll(t, 10*time.Second, "the load to begin", func() bool { return acks(0) > 50 })
	master.Signal(t, syscall.SIGSTOP) // so that something is surely on its way
	frozen := now()
	redistest.Poll(t, 10*time.Second, "writes to be called", func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		n := len(rec.marks)
		return n > 0 && rec.marks[n-1].T > frozen && len(rec.marks[n-1].InFlight) >= 8
	})
	dying := now() // ending a container takes a while
	master.Kill()
	killed := now()
	redistest.Poll(t, 10*time.Second, "dials to be refused", func() bool {
		return rec.count(func(op named) bool { return op.Err == history.ErrDialRefused }) > 100
	})
	restarted := now()
	master.Restart(t)
	back := now()
	redistest.Poll(t, 10*time.Second, "writes to be acknowledged again", func() bool { return acks(back) > 200 })
	cancel()
	require.NoError(t, <-ended)

	unknown := rec.count(func(op named) bool { return op.Outcome == history.Info && op.F.IsWrite() })
	require.Equal(t, 8, unknown, "one write of each writer was on its way")
	for _, op := range rec.ops {
		if op.Outcome == history.Info {
			require.Contains(t, []history.ErrCode{history.ErrEOF, history.ErrReset}, op.Err)
			require.Less(t, op.Call, killed)
		}
		if op.Call > killed && op.Return < restarted && op.Outcome != history.Info {
			require.Contains(t, []history.ErrCode{history.ErrDialRefused, history.ErrNotSent}, op.Err)
		}
	}
	refused := rec.count(func(op named) bool { return op.Err == history.ErrDialRefused })
	require.Less(t, float64(refused), 12*(float64(back-dying)/float64(retryAfter)+2), "clients do not spin while dials are refused")
	require.Positive(t, rec.count(func(op named) bool { return ok(op) && op.Call > restarted && op.Intended < restarted }), "they catch up")
}
