//go:build linux

package agent

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	for in, want := range map[string]struct {
		state string
		ppid  int
	}{
		"12 (redis-server) S 1 12 12 0":        {"S", 1},
		"12 (a) b) (c) T 77 1":                 {"T", 77},
		"12 (with\nnewline and R 5) Z 3 0 0\n": {"Z", 3},
	} {
		state, ppid, err := parseStat([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want.state, state, in)
		require.Equal(t, want.ppid, ppid, in)
	}
	for _, in := range []string{"", "12", "12 (x", "12 (x)", "12 (x) S", "12 (x) S y"} {
		_, _, err := parseStat([]byte(in))
		require.Error(t, err, in)
	}
}

func TestProcOfThisProcess(t *testing.T) {
	require.NotEmpty(t, procState(os.Getpid()))
	require.NotEmpty(t, threadStates(os.Getpid()))
	require.False(t, stopped(os.Getpid()))
	require.False(t, anyStopped(os.Getpid()))
	require.Empty(t, procState(1<<30))
	require.False(t, stopped(1<<30))

	c := exec.Command("sleep", "60")
	require.NoError(t, c.Start())
	ds, err := descendants(os.Getpid())
	require.NoError(t, err)
	require.Contains(t, ds, c.Process.Pid)
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
}

// sink is an agent's output that a test reads.
type sink struct {
	srv  *wire.Server
	conn *wire.Conn

	mu      sync.Mutex
	batches []*history.Batch
	log     []byte
}

func newSink(t *testing.T) *sink {
	t.Helper()
	r, w := io.Pipe()
	_, in := io.Pipe()
	s := &sink{srv: wire.NewServer(w, monotonic)}
	s.conn = wire.NewConn(r, in, wire.Handler{
		OnRecords: func(p []byte, _ uint64) {
			b, err := history.DecodeBatch(p)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err == nil {
				s.batches = append(s.batches, b)
			}
		},
		OnLog: func(b []byte) { s.mu.Lock(); s.log = append(s.log, b...); s.mu.Unlock() },
	})
	t.Cleanup(func() {
		_ = w.Close()
		_ = s.conn.Close()
	})
	return s
}

// take waits for n batches.
func (s *sink) take(t *testing.T, n int) []*history.Batch {
	t.Helper()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.batches) >= n
	}, time.Minute, time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches
}

func TestEmitterNumbersBatches(t *testing.T) {
	s := newSink(t)
	e := newEmitter(s.srv)
	e.identify(3, monotonic())
	require.Less(t, e.now(), int64(time.Minute))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			e.batch(&history.Batch{Ops: []history.Op{{F: history.FRead}}, Keys: []string{"k"}, Samples: []history.Sample{{}}, Dumps: []history.Dump{{}}})
			e.event(history.EvNote, "n", "t")
		})
	}
	wg.Wait()
	for i, b := range s.take(t, 100) {
		require.Equal(t, uint64(i+1), b.Seq)
		require.Equal(t, int32(3), b.Source)
		for _, o := range b.Ops {
			require.Equal(t, int32(3), o.Worker)
		}
		for _, sm := range b.Samples {
			require.Equal(t, int32(3), sm.Node)
		}
		for _, ev := range b.Events {
			require.Equal(t, int32(3), ev.Node)
		}
		for _, d := range b.Dumps {
			require.Equal(t, int32(3), d.Node)
		}
	}
}

// A harness that does not read for a while leaves a record of it.
func TestEmitterRecordsStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		in, inW := io.Pipe()
		srv := wire.NewServer(w, monotonic)
		e := newEmitter(srv)
		e.identify(0, monotonic())
		for range 16 { // all that an agent keeps
			srv.Records(make([]byte, 1<<20))
		}
		require.False(t, srv.Log([]byte("x")), "logs are dropped by then")
		go e.event(history.EvNote, "n", "t")
		time.Sleep(2 * stallLimit) // of the bubble: it passes when everybody waits
		stalls := make(chan history.Event, 1)
		conn := wire.NewConn(r, inW, wire.Handler{OnRecords: func(p []byte, _ uint64) {
			if b, err := history.DecodeBatch(p); err == nil && len(b.Events) > 0 && b.Events[0].Kind == history.EvStall {
				stalls <- b.Events[0]
			}
		}})
		ev := <-stalls
		require.Equal(t, history.StallHeld, ev.Name)
		require.Positive(t, ev.Dur, "it lasted until the harness read")
		require.NoError(t, w.Close())
		require.NoError(t, conn.Close())
		require.NoError(t, in.Close())
	})
}

func TestOutputFindsTheLinesThatMatter(t *testing.T) {
	s := newSink(t)
	e := newEmitter(s.srv)
	e.identify(0, monotonic())
	o := newOutput(e, s.srv, conf.Masker{})
	o.take([]byte("1:M * fine\n1:M # === REDIS BUG REP"))
	o.take([]byte("ORT START: Cut & paste ===\nmore\n==1==ERROR: AddressSanitizer: heap-use-after-free\n"))
	o.take([]byte(strings.Repeat("y", 3*tailSize)))
	bs := s.take(t, 2)
	require.Equal(t, "crash", bs[0].Events[0].Name)
	require.Equal(t, "1:M # === REDIS BUG REPORT START: Cut & paste ===", bs[0].Events[0].Text)
	require.Equal(t, "sanitizer", bs[1].Events[0].Name)
	require.Equal(t, strings.Repeat("y", tailSize), o.tail())
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.HasPrefix(string(s.log), "1:M * fine") && strings.HasSuffix(string(s.log), "yyy")
	}, time.Minute, time.Millisecond)
	for range 2 * history.MostLogEvents {
		o.scan([]byte("scheduled to be closed ASAP for overcoming of output buffer limits.\n"))
	}
	require.Equal(t, history.MostLogEvents, o.buffers)
	require.Equal(t, 2, o.events, "these take no room from others")
	for range 2 * history.MostLogEvents {
		o.scan([]byte("ASSERTION FAILED\n"))
	}
	require.Equal(t, history.MostLogEvents, o.events, "a flood is cut off")
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", 30)
	for name, c := range map[string]struct {
		in          string
		lines, size int
		want        string
	}{
		"nothing":             {"\n\n", 3, 100, ""},
		"all":                 {"a\nb\n", 3, 100, "a\nb"},
		"the last two":        {"a\nb\nc\n", 2, 100, "b\nc"},
		"no end of line":      {"a\nb\nc", 1, 100, "c"},
		"whole lines only":    {"aaaa\nbbbb\ncccc\n", 3, 11, "bbbb\ncccc"},
		"one line, too long":  {long, 3, 10, long[:10]},
		"bytes of no letters": {"a\xff\n", 1, 10, "a?"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, lastLines(c.in, c.lines, c.size)) })
	}
}

func TestWhatTheKernelTellsOfTimes(t *testing.T) {
	for in, want := range map[string][2]int64{"12 34 5\n": {12, 34}, "0 0 0": {0, 0}} {
		ran, waited, ok := parseSchedstat([]byte(in))
		require.True(t, ok, in)
		require.Equal(t, want, [2]int64{ran, waited}, in)
	}
	for _, in := range []string{"", "1", "a b c"} {
		_, _, ok := parseSchedstat([]byte(in))
		require.False(t, ok, in)
	}
	for in, want := range map[string]int64{
		"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 99": 8 * userHz,
		"cpu  1 2 3 4 5 6 7":          -1, // a kernel without it
		"cpu0 1 2 3 4 5 6 7 8":        -1,
		"":                            -1,
		"cpu  1 2 3 4 5 6 7 x 9 10\n": -1,
	} {
		require.Equal(t, want, parseSteal([]byte(in)), in)
	}
	for in, want := range map[string]int64{"low 0\noom 2\noom_kill 3\noom_group_kill 0\n": 3, "oom_kill_disable 0\nunder_oom 0\noom_kill 4": 4, "oom 1\n": -1, "": -1} {
		require.Equal(t, want, parseOOMKills([]byte(in)), in)
	}
	runDelay, cpu, steal := times(os.Getpid())
	require.GreaterOrEqual(t, steal, int64(-1))
	if _, err := os.Stat("/proc/self/schedstat"); err == nil {
		require.Positive(t, cpu)
		require.GreaterOrEqual(t, runDelay, int64(0))
	}
	runDelay, cpu, _ = times(0)
	require.Equal(t, [2]int64{-1, -1}, [2]int64{runDelay, cpu}, "no process, no times")
}

// What threads did only grows, and tells when none of them did anything.
func TestWhatOtherThreadsDid(t *testing.T) {
	for in, want := range map[string]int64{"12 34 5\n": 17, "0 0 0": 0, "12 34": -1, "": -1, "a b c": -1} {
		did, ok := parseTurns([]byte(in))
		require.Equal(t, want >= 0, ok, in)
		if ok {
			require.Equal(t, want, did, in)
		}
	}
	require.EqualValues(t, -1, threadWakes(0), "no process, no threads")
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip("this kernel does not tell of threads")
	}
	before := threadWakes(os.Getpid())
	require.Positive(t, before, "a Go program has threads of its own")
	done := make(chan struct{})
	go func() { // on another thread than the first, or not: the test runs on one of them
		defer close(done)
		runtime.LockOSThread() // the thread ends with it, and a new one takes its place
		time.Sleep(time.Millisecond)
	}()
	<-done
	require.Eventually(t, func() bool { return threadWakes(os.Getpid()) != before }, time.Minute, time.Millisecond)
}

func TestCommandsThatEndAServer(t *testing.T) {
	for cmd, want := range map[string]bool{"shutdown nosave": true, "SHUTDOWN": true, "debug segfault": true, "DEBUG": false, "DEBUG SLEEP 1": false, "SET shutdown 1": false} {
		require.Equal(t, want, endsServer(strings.Fields(cmd)), cmd)
	}
}

func TestClassifyLine(t *testing.T) {
	for line, want := range map[string]string{
		"1:M 23 Nov 2026 04:45:50.388 * Ready to accept connections":                                                       "",
		"1:M # Redis 7.0.15 crashed by signal: 11, si_code: 0":                                                             "crash",
		"1:M # === ASSERTION FAILED ===":                                                                                   "assertion",
		"src/x.c:5:3: runtime error: signed integer overflow":                                                              "sanitizer",
		"1:M # Client id=7 addr=10.0.0.3:6379 flags=S scheduled to be closed ASAP for overcoming of output buffer limits.": history.LogBuffer,
		"1:M # Out Of Memory allocating 100 bytes!":                                                                        "oom",
		"*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***":                                                                   "config",
		"1:M # Bad file format reading the append only file: x":                                                            "corruption",
		"1:M # Write error writing append only file on disk: No space left on device":                                      "disk",
	} {
		require.Equal(t, want, classifyLine(line), line)
	}
}

// fakeRunner runs until it is halted.
type fakeRunner struct {
	running chan struct{}
	err     error
}

func (f *fakeRunner) Prepare(context.Context) error { return nil }

func (f *fakeRunner) Run(ctx context.Context) error {
	close(f.running)
	<-ctx.Done()
	return f.err
}

func TestWorkerHaltTellsTheError(t *testing.T) {
	s := newSink(t)
	e := newEmitter(s.srv)
	e.identify(0, monotonic())
	for _, want := range []error{nil, errors.New("lost all")} {
		f := &fakeRunner{running: make(chan struct{}), err: want}
		w := &worker{r: f}
		require.NoError(t, w.run(e))
		require.Error(t, w.run(e))
		<-f.running
		require.Equal(t, want, w.halt(t.Context()))
		require.NoError(t, w.halt(t.Context()))
		require.Error(t, w.run(e), "it must be loaded again")
	}
	require.Equal(t, "worker-error", s.take(t, 1)[0].Events[0].Name)
}

func TestRequestsBeforeHelloAreRefused(t *testing.T) {
	s := newSink(t)
	a := New(s.srv)
	_, err := a.Do(t.Context(), wire.OpProc, nil)
	require.ErrorContains(t, err, "before hello")
	_, err = a.Do(t.Context(), wire.OpHello, []byte(`{"source":1}`))
	require.NoError(t, err)
	for op, args := range map[wire.Op]string{wire.OpStart: "", wire.OpRedis: `{"args":["PING"]}`, wire.OpDump: "", wire.OpWatch: `{"interval_ms":5}`, wire.OpSetup: `{"argv":5}`} {
		_, err := a.Do(t.Context(), op, []byte(args))
		var ce *wire.CodedError
		require.ErrorAs(t, err, &ce, string(op))
		require.Equal(t, wire.CodeUsage, ce.Code, string(op))
	}
	require.NoError(t, a.Close())
}
