package observer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/stretchr/testify/require"
)

// fake is a server whose answers to INFO a test chooses.
type fake struct {
	l      net.Listener
	answer func(section string) string // a whole reply; "" closes the connection
	conns  atomic.Int32
	asked  atomic.Int32
	wg     sync.WaitGroup
}

func newFake(t *testing.T, answer func(section string) string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{l: l, answer: answer}
	f.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.conns.Add(1)
			f.wg.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.wg.Wait()
	})
	return f
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		v, err := readReply(r, 0) // a command is an array of strings
		if err != nil {
			return
		}
		cmd := v.([]any)
		f.asked.Add(1)
		reply := f.answer(cmd[len(cmd)-1].(string))
		if reply == "" {
			return
		}
		if _, err := c.Write([]byte(reply)); err != nil {
			return
		}
	}
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// master answers like a master whose offset grows.
func master() func(string) string {
	var offset atomic.Int64
	return func(section string) string {
		switch section {
		case "replication":
			return bulk(fmt.Sprintf("role:master\r\nmaster_repl_offset:%d\r\n", offset.Add(1)))
		case "server":
			return bulk("run_id:r1\r\n")
		case "memory":
			return bulk("used_memory:99\r\n")
		}
		return bulk("loading:0\r\n")
	}
}

// observed runs the observer until the test ends and collects what it sees.
type observed struct {
	up, frozen atomic.Bool

	mu      sync.Mutex
	batches []*history.Batch
	stop    func()
}

func observe(t *testing.T, addr string, sentinel bool) *observed {
	t.Helper()
	o := &observed{}
	o.up.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	start := time.Now()
	cfg := Config{Addr: addr, Interval: 5 * time.Millisecond, Sentinel: sentinel,
		Clock: func() int64 { return time.Since(start).Nanoseconds() + 1 },
		Proc:  func() (bool, bool) { return o.up.Load(), o.frozen.Load() },
		Times: func() (int64, int64, int64) { return 7, time.Since(start).Nanoseconds(), -1 },
		Emit:  func(b *history.Batch) { o.mu.Lock(); defer o.mu.Unlock(); o.batches = append(o.batches, b) }}
	go func() {
		defer close(done)
		Run(ctx, cfg)
	}()
	o.stop = func() { cancel(); <-done }
	t.Cleanup(o.stop)
	return o
}

func (o *observed) samples() []history.Sample {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []history.Sample
	for _, b := range o.batches {
		out = append(out, b.Samples...)
	}
	return out
}

func (o *observed) until(t *testing.T, what string, cond func(last history.Sample) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		ss := o.samples()
		return len(ss) > 0 && cond(ss[len(ss)-1])
	}, time.Minute, time.Millisecond, what)
}

func answered(s history.Sample) bool { return s.Answered }
func silent(s history.Sample) bool   { return !s.Answered }

func TestSamplerCarriesSlowSectionsOn(t *testing.T) {
	f := newFake(t, master())
	o := observe(t, f.l.Addr().String(), false)
	o.until(t, "many looks", func(s history.Sample) bool { return s.Offset > 2*fullEvery })
	o.stop()
	ss := o.samples()
	lost := false // a look, to a machine so busy that its answer was given up
	for i, s := range ss {
		require.Equal(t, history.RoleMaster, s.Role)
		require.Equal(t, "r1", s.RunID)
		require.Equal(t, int64(99), s.Memory)
		require.Equal(t, int64(7), s.RunDelay)
		require.Positive(t, s.CPUTime)
		require.Equal(t, int64(-1), s.Steal)
		if !s.Answered {
			require.GreaterOrEqual(t, s.Return-s.NoAnswerSince, Timeout.Nanoseconds())
			lost = true
		}
		if !lost {
			require.Equal(t, int64(i+1), s.Offset, "every look is recorded")
		}
	}
	require.Equal(t, int32(1), f.conns.Load())
	require.Less(t, len(o.batches), len(ss), "samples without news share batches")
}

func TestSamplerOfAServerThatFreezes(t *testing.T) {
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	m := master()
	f := newFake(t, func(section string) string {
		<-gate
		defer func() { gate <- struct{}{} }()
		return m(section)
	})
	o := observe(t, f.l.Addr().String(), false)
	o.until(t, "an answer", answered)
	<-gate // from here on nothing is answered
	o.until(t, "silence", silent)
	s := o.samples()
	last := s[len(s)-1]
	require.True(t, last.Up)
	require.False(t, last.Frozen)
	require.GreaterOrEqual(t, last.Return-last.NoAnswerSince, Timeout.Nanoseconds(), "a short wait is no silence")
	o.frozen.Store(true)
	o.until(t, "the freeze", func(s history.Sample) bool { return s.Frozen && s.NoAnswerSince == last.NoAnswerSince })
	asked := f.asked.Load()
	o.frozen.Store(false)
	gate <- struct{}{}
	o.until(t, "an answer", answered)
	o.stop()
	require.Equal(t, int32(1), f.conns.Load(), "the connection is kept")
	require.Greater(t, f.asked.Load(), asked)
	all := o.samples()
	i := slices.IndexFunc(all, func(s history.Sample) bool { return s.Frozen })
	for _, s := range all[i:] {
		if s.Answered {
			require.Greater(t, s.Call, last.Return, "the late reply itself is not taken for a look")
		}
	}
}

func TestSamplerOfAServerThatHangsUp(t *testing.T) {
	var hangUp atomic.Bool
	m := master()
	f := newFake(t, func(section string) string {
		if hangUp.Load() {
			return ""
		}
		return m(section)
	})
	o := observe(t, f.l.Addr().String(), false)
	o.until(t, "an answer", answered)
	hangUp.Store(true)
	o.until(t, "silence", silent)
	before, n := f.conns.Load(), len(o.samples())
	o.until(t, "ten looks", func(history.Sample) bool { return len(o.samples()) >= n+10 })
	dials, looks := f.conns.Load()-before, len(o.samples())-n+1
	require.LessOrEqual(t, int(dials), 4*looks, "it is not dialled in a loop")
	hangUp.Store(false)
	o.until(t, "an answer", answered)
}

func TestSamplerOfARefusal(t *testing.T) {
	f := newFake(t, func(string) string { return "-BUSY Redis is busy running a script\r\n" })
	o := observe(t, f.l.Addr().String(), false)
	o.until(t, "silence", silent)
	first := o.samples()[0].NoAnswerSince
	require.Positive(t, first)
	o.until(t, "more of it", func(s history.Sample) bool { return s.Call > first+50e6 && s.NoAnswerSince == first })
}

func TestSamplerWithoutAProcessDoesNotDial(t *testing.T) {
	f := newFake(t, master())
	o := observe(t, f.l.Addr().String(), false)
	o.until(t, "an answer", answered)
	o.up.Store(false)
	o.until(t, "death", func(s history.Sample) bool { return !s.Answered && !s.Up })
	conns := f.conns.Load()
	n := len(o.samples())
	o.until(t, "more samples", func(history.Sample) bool { return len(o.samples()) > n+3 })
	require.Equal(t, conns, f.conns.Load())
}

func TestSubscriberRecordsEventsAndComesBack(t *testing.T) {
	var said atomic.Int32
	f := newFake(t, func(arg string) string {
		switch arg {
		case "*": // PSUBSCRIBE
			if said.Add(1) == 1 {
				return ""
			}
			return "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$5\r\n+tilt\r\n$8\r\n#tilt on\r\n"
		case "sentinel":
			return bulk("sentinel_masters:1\r\nmaster0:name=m,status=ok,address=1.2.3.4:6379,slaves=2,sentinels=3\r\n")
		case "MASTERS":
			return "*1\r\n*4\r\n" + bulk("name") + bulk("m") + bulk("config-epoch") + bulk("3")
		case "m": // GET-MASTER-ADDR-BY-NAME, SENTINELS, REPLICAS
			return "*2\r\n" + bulk("1.2.3.5") + bulk("6379")
		}
		return bulk("")
	})
	o := observe(t, f.l.Addr().String(), true)
	o.until(t, "a sample", func(s history.Sample) bool {
		return s.Role == history.RoleSentinel && s.MasterAddr == "1.2.3.4:6379" && s.Watch.Known && s.Watch.Epoch == 3 && s.Watch.Announced == "1.2.3.5:6379"
	})
	require.Eventually(t, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return slices.ContainsFunc(o.batches, func(b *history.Batch) bool {
			return len(b.Events) == 1 && b.Events[0].Name == "+tilt" && b.Events[0].Text == "#tilt on" && b.Events[0].T > 0
		})
	}, time.Minute, time.Millisecond)
}
