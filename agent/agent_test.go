//go:build linux

package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const sigKILL, sigTERM, sigSTOP, sigCONT = int(unix.SIGKILL), int(unix.SIGTERM), int(unix.SIGSTOP), int(unix.SIGCONT)

func TestKillAndStartAgain(t *testing.T) {
	n := newRig(t).start()
	first := n.serve("save \"\"")
	n.redis("SET", "k", "1")
	gone := n.signal(sigKILL, true)
	require.Zero(t, gone.Pid)
	require.Equal(t, "killed by SIGKILL", gone.Exit)
	require.Contains(t, gone.Tail, "Ready to accept connections")
	n.refused(wire.OpSignal, wire.SignalArgs{Signal: sigKILL}, wire.CodeNotRunning)
	n.refused(wire.OpRedis, wire.RedisArgs{Args: []string{"PING"}}, wire.CodeNotRunning)

	var again wire.Proc
	n.call(wire.OpStart, nil, &again)
	require.NotEqual(t, first.Pid, again.Pid)
	require.Greater(t, again.Started, first.Started)
	n.refused(wire.OpStart, nil, wire.CodeUsage)
	n.pong()
	require.Equal(t, "null", n.redis("GET", "k"), "the data set was not saved")
	n.until("the events", func() bool { return len(n.events(history.EvProcess)) == 4 })
	var names []string
	for _, e := range n.events(history.EvProcess) {
		names = append(names, e.Name)
		if e.Name == history.ProcessExited {
			status, tail, _ := strings.Cut(e.Text, "\n")
			require.Equal(t, "killed by SIGKILL", status)
			require.Contains(t, tail, "Ready to accept connections")
			require.LessOrEqual(t, len(tail), history.ExitBytes)
			require.Less(t, strings.Count(tail, "\n"), history.ExitLines)
		}
	}
	slices.Sort(names)
	require.Equal(t, []string{"exited", "signal", "started", "started"}, names)
}

// exits are how the server's processes ended, once there are n of them: the event's name and the first line of its text.
func (n *node) exits(count int) []string {
	n.t.Helper()
	var out []string
	n.until("the exits", func() bool {
		out = nil
		for _, e := range n.events(history.EvProcess) {
			if e.Name == history.ProcessExited || e.Name == history.ProcessByItself {
				status, _, _ := strings.Cut(e.Text, "\n")
				out = append(out, e.Name+": "+status)
			}
		}
		return len(out) >= count
	})
	return out
}

// Who asked for an exit is told: a server that ends by itself, with or without a line about it, is told apart from one that a fault, a
// command or the end of the run ended. The children that save end by themselves, and are no server.
func TestExitsByThemselves(t *testing.T) {
	n := newRig(t).start()
	n.serve("save \"\"\nenable-debug-command local")
	n.redis("SET", "k", "1")
	n.redis("BGSAVE")
	n.until("the save", func() bool { return strings.Contains(n.redis("INFO", "persistence"), "rdb_bgsave_in_progress:0") })
	n.signal(sigSTOP, false)
	n.signal(sigCONT, false)
	require.Empty(t, n.exits(0))

	pid := func() int {
		var p wire.Proc
		n.call(wire.OpProc, nil, &p)
		return p.Pid
	}
	outside := func(sig string) { // a signal that is nothing of the agent's: from a shell beside it
		t.Helper()
		require.NoError(t, exec.Command("docker", "exec", n.id, "sh", "-c", fmt.Sprintf("kill -%s %d", sig, pid())).Run())
	}
	start := func() {
		t.Helper()
		n.call(wire.OpStart, nil, nil)
		n.pong()
	}
	outside("SEGV")
	n.exits(1)
	start()
	outside("KILL")
	n.exits(2)
	start()
	_, _ = n.Call(t.Context(), wire.OpRedis, wire.RedisArgs{Args: []string{"SHUTDOWN", "NOSAVE"}}, nil)
	n.exits(3)
	start()
	n.signal(sigTERM, false)
	n.exits(4)
	start()
	n.signal(sigKILL, true)
	require.Equal(t, []string{"exited-by-itself: killed by SIGSEGV", "exited-by-itself: killed by SIGKILL", "exited: exit status 0",
		"exited: exit status 0", "exited: killed by SIGKILL"}, n.exits(5))
}

func TestTermSavesAndExits(t *testing.T) {
	n := newRig(t).start()
	n.serve("save 3600 1")
	n.redis("SET", "k", "1")
	gone := n.signal(sigTERM, false)
	require.Equal(t, "exit status 0", gone.Exit)
	n.call(wire.OpStart, nil, nil)
	n.pong()
	require.Equal(t, `"1"`, n.redis("GET", "k"))
}

func TestStopAndContinue(t *testing.T) {
	n := newRig(t).start()
	n.serve("")
	require.Equal(t, "T", n.signal(sigSTOP, true).State)
	n.refused(wire.OpRedis, wire.RedisArgs{Args: []string{"PING"}, TimeoutMS: 200}, wire.CodeTimeout)
	require.NotEqual(t, "T", n.signal(sigCONT, true).State)
	require.Equal(t, `"PONG"`, n.redis("PING"))

	// TERM does not reach a stopped process: that is said in time, and it acts after the resume.
	n.signal(sigSTOP, false)
	n.refused(wire.OpSignal, wire.SignalArgs{Signal: sigTERM, WithinMS: 100}, wire.CodeTimeout)
	n.call(wire.OpSignal, wire.SignalArgs{Signal: sigCONT}, nil)
	n.until("the exit", func() bool {
		var p wire.Proc
		n.call(wire.OpProc, nil, &p)
		return p.Pid == 0
	})
	n.refused(wire.OpSignal, wire.SignalArgs{Signal: 99}, wire.CodeUsage)
}

// KILL takes the child that writes an RDB file along, or leaves it, as asked.
func TestKillTakesChildren(t *testing.T) {
	n := newRig(t).start()
	n.serve("save \"\"\nrdb-key-save-delay 10000")
	n.redis("MSET", "a", "1", "b", "2", "c", "3")
	saving := func() {
		t.Helper()
		n.redis("CONFIG", "SET", "rdb-key-save-delay", "1000000")
		n.redis("BGSAVE")
		require.Contains(t, n.redis("INFO", "persistence"), "rdb_bgsave_in_progress:1")
	}
	saving()
	n.signal(sigKILL, true)
	require.Equal(t, 1, processes(t, n), "only the agent is left")

	n.call(wire.OpStart, nil, nil)
	n.pong()
	n.redis("MSET", "a", "1", "b", "2", "c", "3")
	saving()
	n.signal(sigKILL, false)
	require.Equal(t, 2, processes(t, n), "the agent and the child that saves")
}

// processes counts the container's processes as the host sees them.
func processes(t *testing.T, n *node) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	count := 0
	for _, e := range entries {
		b, err := os.ReadFile("/proc/" + e.Name() + "/cgroup")
		if err == nil && strings.Contains(string(b), n.id) {
			count++
		}
	}
	return count
}

func TestBadConfigIsTold(t *testing.T) {
	n := newRig(t).start()
	n.call(wire.OpSetup, wire.SetupArgs{Files: map[string]string{"/data/c": "no-such-directive 1\n"}, Argv: []string{serverBinary(), "/data/c"}}, nil)
	n.call(wire.OpStart, nil, nil)
	var p wire.Proc
	n.until("the exit", func() bool { n.call(wire.OpProc, nil, &p); return p.Pid == 0 })
	require.Equal(t, "exit status 1", p.Exit)
	n.until("the output", func() bool { n.call(wire.OpProc, nil, &p); return strings.Contains(p.Tail, "no-such-directive") })
	n.until("the event", func() bool { return len(n.events(history.EvLog)) > 0 })
	require.Equal(t, "config", n.events(history.EvLog)[0].Name)

	n.call(wire.OpSetup, wire.SetupArgs{Argv: []string{"no-such-server"}}, nil)
	_, err := n.Call(t.Context(), wire.OpStart, nil, nil)
	require.ErrorContains(t, err, "no-such-server")
	n.refused(wire.OpSetup, wire.SetupArgs{}, wire.CodeUsage)
	n.refused(wire.Op("nonsense"), nil, wire.CodeUsage)
}

func TestServerOutputArrives(t *testing.T) {
	n := newRig(t).start()
	n.serve("")
	n.until("the log", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return strings.Contains(n.log.String(), "Ready to accept connections")
	})
}

func TestRedisReplies(t *testing.T) {
	n := newRig(t).start()
	n.serve("enable-debug-command local")
	require.Equal(t, `"OK"`, n.redis("SET", "k", "v"))
	require.Equal(t, `1`, n.redis("RPUSH", "l", "a"))
	require.Equal(t, `null`, n.redis("GET", "none"))
	require.Equal(t, `["a"]`, n.redis("LRANGE", "l", "0", "-1"))
	require.Equal(t, `"\"\\xff\\x00\""`, n.redis("EVAL", `return "\255\0"`, "0"))
	var r wire.RedisReply
	n.call(wire.OpRedis, wire.RedisArgs{Args: []string{"INCR", "k"}}, &r)
	require.Contains(t, r.Err, "not an integer")
	n.refused(wire.OpRedis, wire.RedisArgs{}, wire.CodeUsage)

	st := n.call(wire.OpRedis, wire.RedisArgs{Args: []string{"DEBUG", "SLEEP", "3"}, NoWait: true}, &r)
	require.Empty(t, r.Err)
	require.Less(t, time.Duration(st.T1-st.T0), 3*time.Second, "it is not waited for")
	n.refused(wire.OpRedis, wire.RedisArgs{Args: []string{"PING"}, TimeoutMS: 100}, wire.CodeTimeout)
	n.pong()
	n.call(wire.OpRedis, wire.RedisArgs{Args: []string{"DEBUG", "NONSENSE"}, NoWait: true}, &r)
	require.NotEmpty(t, r.Err, "an error reply is reported")
}

// The kernel takes the server when the container's memory is used up, and the agent lives to tell.
func TestAgentSurvivesItsServersMemory(t *testing.T) {
	n := newRig(t).startLimited(64 << 20)
	n.serve("save \"\"")
	_, err := n.Call(t.Context(), wire.OpRedis, wire.RedisArgs{Args: []string{"EVAL",
		`for i = 1, 200 do redis.call('SET', 'k' .. i, string.rep('x', 1000000)) end`, "0"}}, nil)
	require.Error(t, err)
	var p wire.Proc
	n.until("the exit", func() bool { n.call(wire.OpProc, nil, &p); return p.Pid == 0 })
	require.Equal(t, "killed by SIGKILL", p.Exit)
	require.Contains(t, []string{"exited-by-itself: killed by SIGKILL, for want of memory", "exited-by-itself: killed by SIGKILL"}, n.exits(1)[0],
		"not every engine tells the container why")
	n.call(wire.OpStart, nil, nil)
	n.pong()
}

// When the harness dies its end of the stream closes; nothing is left, whatever state the server is in.
func TestNothingOutlivesTheHarness(t *testing.T) {
	r := newRig(t)
	n := r.start()
	n.serve("")
	n.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 25}, nil)
	n.signal(sigSTOP, true)
	start := time.Now()
	require.NoError(t, n.Close())
	require.True(t, n.gone(r.docker, patience))
	t.Logf("gone after %v", time.Since(start))
}

// A server that runs as a user of its own can write its config and its data anew.
func TestFilesBelongToTheServersUser(t *testing.T) {
	n := newRig(t).start()
	n.refused(wire.OpSetup, wire.SetupArgs{Argv: []string{"x"}, User: "no-such-user"}, wire.CodeUsage)
	n.refused(wire.OpSetup, wire.SetupArgs{Argv: []string{"x"}, Files: map[string]string{"relative": ""}}, wire.CodeUsage)
	n.call(wire.OpSetup, wire.SetupArgs{Files: map[string]string{"/srv/s/c.conf": "dir /srv/s\n"}, Argv: []string{serverBinary(), "/srv/s/c.conf"}, User: "nobody"}, nil)
	n.call(wire.OpStart, nil, nil)
	n.pong()
	require.Equal(t, `"OK"`, n.redis("CONFIG", "REWRITE"))
	require.Equal(t, `"OK"`, n.redis("SAVE"))
}
