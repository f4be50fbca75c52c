//go:build linux

package agent

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What ended is told with how and its last output, and whether anything of ours had asked for it.
func TestExitsAreTold(t *testing.T) {
	s := newSink(t)
	e := newEmitter(s.srv)
	e.identify(0, monotonic())
	sup := newSupervisor(e, s.srv)
	sup.once.Do(func() {}) // no reaper: it would take the children of other tests too
	run := func(script string, ask bool) history.Event {
		t.Helper()
		s.mu.Lock()
		s.batches = nil
		s.mu.Unlock()
		p, err := sup.start(t.Context(), wire.SetupArgs{Argv: []string{"/bin/sh", "-c", script}})
		require.NoError(t, err)
		var reaper sync.WaitGroup
		defer reaper.Wait()
		reaper.Go(func() {
			var ws unix.WaitStatus
			pid, err := unix.Wait4(p.Pid, &ws, 0, nil)
			for err == unix.EINTR {
				pid, err = unix.Wait4(p.Pid, &ws, 0, nil)
			}
			sup.reaped(pid, ws)
		})
		if ask {
			_, err := sup.signal(t.Context(), wire.SignalArgs{Signal: int(unix.SIGKILL)})
			require.NoError(t, err)
		}
		isExit := func(ev history.Event) bool {
			return ev.Kind == history.EvProcess && (ev.Name == history.ProcessExited || ev.Name == history.ProcessByItself)
		}
		var exit history.Event
		require.Eventually(t, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, b := range s.batches {
				for _, ev := range b.Events {
					if isExit(ev) {
						exit = ev
						return true
					}
				}
			}
			return false
		}, 10*time.Second, time.Millisecond)
		return exit
	}
	for name, c := range map[string]struct {
		script string
		ask    bool
		name   string
		text   string
	}{
		"a status":              {"echo one; echo two >&2; exit 3", false, history.ProcessByItself, "exit status 3\none\ntwo"},
		"a fault of memory":     {"kill -SEGV $$", false, history.ProcessByItself, "killed by SIGSEGV"},
		"killed from elsewhere": {"kill -KILL $$", false, history.ProcessByItself, "killed by SIGKILL"},
		"killed by us":          {"echo up; read x < /dev/zero; sleep 60", true, history.ProcessExited, "killed by SIGKILL"},
		"a child ends first":    {"(exit 7) & wait; echo done; exit 0", false, history.ProcessByItself, "exit status 0\ndone"},
		"a child holds the log": {"sleep 2 & echo parent; exit 5", false, history.ProcessByItself, "exit status 5\nparent"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := run(c.script, c.ask)
			require.Equal(t, c.name, ev.Name, ev.Text)
			if c.ask {
				require.True(t, strings.HasPrefix(ev.Text, c.text), ev.Text) // its output may have come, or not
				return
			}
			require.Equal(t, c.text, ev.Text)
			require.Positive(t, ev.T)
		})
	}
	require.NoError(t, sup.killAll())
}
