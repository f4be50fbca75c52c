//go:build linux

package agent

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// runner is a prepared workload. Run returns when its context has ended and every operation has returned, with the last batch
// sent.
type runner interface {
	Prepare(ctx context.Context) error
	Run(ctx context.Context) error
}

// worker runs one workload.
type worker struct {
	mu     sync.Mutex
	r      runner
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// load prepares a workload: its connections are made and its keys are there when it returns.
func (w *worker) load(ctx context.Context, job json.RawMessage, e *emitter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		return wire.Coded(wire.CodeUsage, "a workload is running")
	}
	r, err := newRunner(job, e)
	if err != nil {
		return err
	}
	if err := r.Prepare(ctx); err != nil {
		return err
	}
	w.r = r
	return nil
}

func (w *worker) run(e *emitter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.r == nil || w.cancel != nil {
		return wire.Coded(wire.CodeUsage, "run without load, or twice")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.cancel, w.done = cancel, done
	r := w.r
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			e.event(history.EvNote, "worker-error", err.Error())
			w.setErr(err)
		}
	}()
	return nil
}

func (w *worker) setErr(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// halt ends the load and returns when its last batch is sent; then another may be loaded.
func (w *worker) halt(ctx context.Context) error {
	w.mu.Lock()
	cancel, done := w.cancel, w.done
	w.mu.Unlock()
	if cancel == nil {
		return nil // never ran: nothing to wait for
	}
	cancel()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	w.r, w.cancel, w.err = nil, nil, nil
	return err
}

// abandon ends the load without waiting for its operations: the process ends.
func (w *worker) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
}
