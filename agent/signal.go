//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"golang.org/x/sys/unix"
)

// How long the proof of a signal is waited for by default.
const (
	killWithin = 5 * time.Second
	termWithin = 10 * time.Second
	// statePoll is the pause between two looks at /proc, which no event announces.
	statePoll = 200 * time.Microsecond
)

// notifyChild tells of ended children. The first value comes at once: a child may have ended before.
func notifyChild() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGCHLD)
	select {
	case c <- unix.SIGCHLD:
	default:
	}
	return c
}

// signal sends a signal to the server and returns when it is proved to have worked: KILL, TERM, INT and QUIT when the process was reaped,
// STOP when all its threads are in state T, CONT when none is.
func (s *supervisor) signal(ctx context.Context, a wire.SignalArgs) (any, error) {
	sig := unix.Signal(a.Signal)
	name := unix.SignalName(sig)
	if name == "" {
		return nil, wire.Coded(wire.CodeUsage, "no signal %d", a.Signal)
	}
	pid := s.running(ends(sig))
	if pid == 0 {
		return s.proc(), wire.Coded(wire.CodeNotRunning, "send %s: the server is not running", name)
	}
	targets := []int{pid}
	if a.Children {
		targets = s.family(pid)
	}
	within := killWithin
	if sig == unix.SIGTERM {
		within = termWithin
	}
	if a.WithinMS > 0 {
		within = time.Duration(a.WithinMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	st := wire.Stamp(ctx)
	st.T0 = monotonic()
	err := s.sendProved(ctx, sig, targets)
	if sig == unix.SIGKILL && a.Children && err == nil {
		err = s.killFamily(ctx) // one that was forked meanwhile
	}
	st.T1 = monotonic()
	s.emit.event(history.EvProcess, history.ProcessSignal, fmt.Sprintf("%s to pid %d", name, pid))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, wire.Coded(wire.CodeTimeout, "send %s: %w", name, err)
	case err != nil:
		return nil, err
	}
	return s.proc(), nil
}

// ends tells whether a signal ends a process that does not handle it otherwise: all but those that stop, resume or are ignored.
func ends(sig unix.Signal) bool {
	switch sig {
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH:
		return false
	}
	return true
}

// running is the server's pid, 0 when it is not running; with asked it counts as asked to end from here on.
func (s *supervisor) running(asked bool) int {
	if asked {
		return s.ask()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

func (s *supervisor) sendProved(ctx context.Context, sig unix.Signal, pids []int) error {
	if err := send(sig, pids); err != nil {
		return err
	}
	return s.prove(ctx, sig, pids)
}

// killFamily kills until there is nothing left to kill: what is killed may have forked.
func (s *supervisor) killFamily(ctx context.Context) error {
	for {
		targets := s.family(s.ask())
		if len(targets) == 0 {
			return nil
		}
		if err := s.sendProved(ctx, unix.SIGKILL, targets); err != nil {
			return err
		}
	}
}

// send signals every target; one that is gone already needs none.
func send(sig unix.Signal, pids []int) error {
	for _, p := range pids {
		if err := unix.Kill(p, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("send %s to %d: %w", unix.SignalName(sig), p, err)
		}
	}
	return nil
}

func (s *supervisor) prove(ctx context.Context, sig unix.Signal, pids []int) error {
	var done func(pid int) bool
	var what string
	switch sig {
	case unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGSEGV:
		done, what = func(p int) bool { return procState(p) == "" && !s.is(p) }, "to be gone"
	case unix.SIGSTOP:
		done, what = stoppedOrGone, "to be stopped"
	case unix.SIGCONT:
		done, what = func(p int) bool { return !anyStopped(p) }, "to run"
	default:
		return nil
	}
	for _, p := range pids {
		if err := poll(ctx, func() bool { return done(p) }); err != nil {
			return fmt.Errorf("wait for process %d %s (state %s): %w", p, what, procState(p), err)
		}
	}
	return nil
}

func (s *supervisor) is(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid == pid
}

func stoppedOrGone(pid int) bool { return procState(pid) == "" || stopped(pid) }

func anyStopped(pid int) bool {
	for _, s := range threadStates(pid) {
		if s == "T" || s == "t" {
			return true
		}
	}
	return false
}

// poll looks until cond holds or ctx ends.
func poll(ctx context.Context, cond func() bool) error {
	if cond() {
		return nil
	}
	t := time.NewTicker(statePoll)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if cond() {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// killAll leaves nothing of the server.
func (s *supervisor) killAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	if err := s.killFamily(ctx); err != nil {
		return err
	}
	read := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(read)
	}()
	select {
	case <-read:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the server's last output: %w", ctx.Err())
	}
}
