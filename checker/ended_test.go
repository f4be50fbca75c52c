package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func exitOf(node int32, t int64, name, text string) history.Event {
	return history.Event{Node: node, T: t, Kind: history.EvProcess, Name: name, Text: text}
}

func line(node int32, t int64, class, text string) history.Event {
	return history.Event{Node: node, T: t, Kind: history.EvLog, Name: class, Text: text}
}

func TestServersThatEndedByThemselves(t *testing.T) {
	const s = int64(1e9)
	itself := func(t int64, text string) history.Event { return exitOf(1, t, history.ProcessByItself, text) }
	started := func(t int64) history.Event { return exitOf(1, t, history.ProcessStarted, "pid 16") }
	for _, c := range []struct {
		name   string
		events []history.Event
		want   int64
		text   string
	}{
		{"a signal without a line", []history.Event{itself(3*s, "killed by SIGSEGV")}, 1, "n2 ended by itself at 3.0000 s: killed by SIGSEGV"},
		{"exit status 1 and its last words", []history.Event{itself(3*s, "exit status 1\nFirst\nCan't save in background")}, 1, "exit status 1; its last words: Can't save in background"},
		{"for want of memory", []history.Event{itself(3*s, "killed by SIGKILL, for want of memory")}, 1, "for want of memory"},
		{"a report and its exit are one", []history.Event{line(1, 2*s, "crash", "crashed by signal: 11"), line(1, 2*s+1, "assertion", "ASSERTION FAILED"), itself(3*s, "killed by SIGSEGV\nEND")}, 1, "killed by SIGSEGV; its last words: crashed by signal: 11"},
		{"a line that comes after the exit", []history.Event{itself(3*s, "killed by SIGSEGV"), line(1, 4*s, "crash", "crashed by signal: 11")}, 1, "killed by SIGSEGV"},
		{"two lines of one process", []history.Event{line(1, 2*s, "crash", "BUG REPORT START"), line(1, 20*s, "crash", "crashed by signal: 11")}, 1, "BUG REPORT START"},
		{"two processes", []history.Event{line(1, 2*s, "crash", "crashed by signal: 11"), started(4 * s), line(1, 20*s, "crash", "crashed by signal: 7")}, 2, "signal: 11"},
		{"two exits", []history.Event{itself(3*s, "exit status 1"), started(4 * s), itself(5*s, "exit status 1")}, 2, "at 3.0000 s"},
		{"asked for by a fault", []history.Event{exitOf(1, 3*s, history.ProcessSignal, "SIGKILL"), exitOf(1, 3*s+1, history.ProcessExited, "killed by SIGKILL")}, 0, ""},
		{"before the load", []history.Event{itself(-s, "exit status 0\nRedis server v=7.0.15")}, 0, ""},
		{"a worker's process", []history.Event{exitOf(2, 3*s, history.ProcessByItself, "exit status 1")}, 0, ""},
		{"lines that tell of no crash", []history.Event{line(1, 3*s, "oom", "Out Of Memory")}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := judged(t, noted(tinyRun(keyed(1), write(1, none, 1, 2)), c.events...))
			require.Equal(t, c.want, countOf(r, "crash"))
			require.Equal(t, c.want > 0, r.Verdict == result.Violation)
			for _, f := range r.Findings {
				require.Contains(t, f.Text, c.text)
			}
		})
	}
}

// Without a load nothing says which exits belong to the run.
func TestExitsOfARunWithoutALoad(t *testing.T) {
	h := hist()
	h.Events = []history.Event{exitOf(0, 5, history.ProcessByItself, "exit status 0")}
	require.Empty(t, checkExtra(h).Result.Findings)
}
