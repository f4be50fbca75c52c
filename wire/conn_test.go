package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come, however busy the machine is.
const patience = time.Minute

// pair is both ends over two pipes, as over an attach stream.
type pair struct {
	conn   *Conn
	server *Server
	served chan error

	mu      sync.Mutex
	records []string
	log     string
	lost    []string
}

func monotonic() func() int64 {
	start := time.Now()
	return func() int64 { return time.Since(start).Nanoseconds() + 1e9 }
}

func newPair(t *testing.T, do func(p *pair) Do) *pair {
	t.Helper()
	p := &pair{served: make(chan error, 1)}
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p.server = NewServer(outW, monotonic())
	go func() {
		err := p.server.Serve(context.Background(), inR, do(p))
		p.server.Flush(patience)
		_ = outW.Close()
		p.served <- err
	}()
	p.conn = NewConn(outR, inW, Handler{
		Node:      "n1",
		OnRecords: func(b []byte, _ uint64) { p.mu.Lock(); p.records = append(p.records, string(b)); p.mu.Unlock() },
		OnLog:     func(b []byte) { p.mu.Lock(); p.log += string(b); p.mu.Unlock() },
		OnLost:    func(s string) { p.mu.Lock(); p.lost = append(p.lost, s); p.mu.Unlock() },
	})
	t.Cleanup(func() {
		_ = p.conn.Close()
		<-p.served
		require.Empty(t, p.lost)
	})
	return p
}

func echo(*pair) Do {
	return func(_ context.Context, op Op, args json.RawMessage) (any, error) {
		switch op {
		case OpNet:
			return nil, Coded(CodeUnavailable, "no NET_ADMIN")
		case OpHello:
			return Hello{Base: 1e9, Now: 1e9}, nil
		}
		return args, nil
	}
}

func TestCall(t *testing.T) {
	p := newPair(t, echo)
	var got RedisArgs
	st, err := p.conn.Call(t.Context(), OpRedis, RedisArgs{Args: []string{"PING"}}, &got)
	require.NoError(t, err)
	require.Equal(t, []string{"PING"}, got.Args)
	require.GreaterOrEqual(t, st.T1, st.T0)
	require.GreaterOrEqual(t, st.T0, int64(1e9))
}

func TestRemoteError(t *testing.T) {
	p := newPair(t, echo)
	_, err := p.conn.Call(t.Context(), OpNet, NetArgs{}, nil)
	var re *RemoteError
	require.ErrorAs(t, err, &re)
	require.Equal(t, &RemoteError{Node: "n1", Op: OpNet, Code: CodeUnavailable, Msg: "no NET_ADMIN"}, re)
	require.Equal(t, "net on n1: no NET_ADMIN", re.Error())
}

func TestHelloSetsTheBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, echo)
		time.Sleep(7 * time.Millisecond) // of the bubble: what is 0 on the agent's clock is its base
		now, _ := p.conn.Now()
		require.Zero(t, now)
		_, err := p.conn.Call(t.Context(), OpHello, HelloArgs{}, nil)
		require.NoError(t, err)
		st, err := p.conn.Call(t.Context(), OpProc, nil, nil)
		require.NoError(t, err)
		require.Equal(t, Stamps{7e6, 7e6}, st)
		now, within := p.conn.Now()
		require.Equal(t, int64(7e6), now)
		require.Zero(t, within, "no time passed between asking and answering")
	})
}

func TestConcurrentCalls(t *testing.T) {
	p := newPair(t, echo)
	var wg sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 200 {
		wg.Go(func() {
			var got RedisArgs
			want := fmt.Sprint(i)
			_, err := p.conn.Call(context.Background(), OpRedis, RedisArgs{Args: []string{want}}, &got)
			if err == nil && got.Args[0] != want {
				err = fmt.Errorf("reply of %s came to %s", got.Args[0], want)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

// A request that blocks does not hold up another.
func TestRequestsRunConcurrently(t *testing.T) {
	release := make(chan struct{})
	p := newPair(t, func(*pair) Do {
		return func(ctx context.Context, op Op, _ json.RawMessage) (any, error) {
			if op == OpRedis {
				<-release
			}
			return nil, nil
		}
	})
	done := make(chan error, 1)
	go func() {
		_, err := p.conn.Call(context.Background(), OpRedis, nil, nil)
		done <- err
	}()
	_, err := p.conn.Call(t.Context(), OpProc, nil, nil)
	require.NoError(t, err)
	close(release)
	require.NoError(t, <-done)
}

// The answer to a halt comes when all records before it were handled, even by a slow handler.
func TestHaltWaitsForRecords(t *testing.T) {
	p := newPair(t, func(p *pair) Do {
		return func(_ context.Context, op Op, _ json.RawMessage) (any, error) {
			for i := range 1000 {
				p.server.Records(fmt.Appendf(nil, "%d", i))
			}
			return nil, nil
		}
	})
	_, err := p.conn.Call(t.Context(), OpHalt, nil, nil)
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Len(t, p.records, 1000)
	for i, r := range p.records {
		require.Equal(t, fmt.Sprint(i), r)
	}
}

// The stream is read to its end although the handler does not take anything.
func TestReadingNeverWaitsForTheHandler(t *testing.T) {
	outR, outW := io.Pipe()
	_, inW := io.Pipe()
	block := make(chan struct{})
	c := NewConn(outR, inW, Handler{OnRecords: func([]byte, uint64) { <-block }})
	for i := range 2000 {
		_, err := outW.Write(appendFrame(nil, frame{seq: uint64(i + 1), typ: frameRecords, payload: make([]byte, 10<<10)}))
		require.NoError(t, err)
	}
	require.NoError(t, outW.Close())
	<-c.Done()
	require.ErrorIs(t, c.Err(), io.EOF)
	close(block)
	_ = c.Close()
}

func TestDeadConnectionFailsPendingCalls(t *testing.T) {
	p := newPair(t, func(*pair) Do {
		return func(ctx context.Context, _ Op, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	errs := make(chan error, 1)
	go func() {
		_, err := p.conn.Call(context.Background(), OpRedis, nil, nil)
		errs <- err
	}()
	require.Eventually(t, func() bool {
		p.conn.mu.Lock()
		defer p.conn.mu.Unlock()
		return len(p.conn.pending) == 1
	}, patience, time.Millisecond)
	_ = p.conn.Close()
	require.ErrorIs(t, <-errs, ErrClosed)
	_, err := p.conn.Call(t.Context(), OpProc, nil, nil)
	require.ErrorIs(t, err, ErrClosed)
}

func TestCallHonoursItsContext(t *testing.T) {
	p := newPair(t, func(*pair) Do {
		return func(ctx context.Context, _ Op, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := p.conn.Call(ctx, OpRedis, nil, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestServeEndsWhenNoLineComes(t *testing.T) {
	inR, inW := io.Pipe()
	defer inW.Close()
	s := NewServer(io.Discard, monotonic())
	s.Idle = 20 * time.Millisecond
	require.ErrorIs(t, s.Serve(t.Context(), inR, echo(nil)), ErrIdle)
}

func TestServeAnswersWhatItCannotRead(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := NewServer(outW, monotonic())
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), inR, echo(nil)) }()
	_, err := io.WriteString(inW, "\n{nonsense\n")
	require.NoError(t, err)
	f, err := newFrameReader(outR, nil).read()
	require.NoError(t, err)
	require.Contains(t, string(f.payload), "read request")
	require.NoError(t, inW.Close())
	require.ErrorIs(t, <-served, io.EOF)
}

// A harness that does not read holds records up, which the caller is told, and drops logs.
func TestOutputHoldsUpRecordsAndDropsLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := NewServer(w, monotonic())
		chunk := make([]byte, 1<<20)
		for range maxPending >> 20 {
			require.Zero(t, s.Records(chunk))
		}
		require.False(t, s.Log([]byte("x")))
		held := make(chan time.Duration, 1)
		go func() { held <- s.Records(chunk) }()
		time.Sleep(60 * time.Millisecond) // of the bubble: it passes when everybody waits
		go func() { _, _ = io.Copy(io.Discard, r) }()
		require.Equal(t, 60*time.Millisecond, <-held)
		s.Flush(patience)
		require.True(t, s.Log([]byte("x")))
		s.Flush(patience)
		_ = w.Close()
	})
}

func TestBrokenOutputReleasesEverybody(t *testing.T) {
	r, w := io.Pipe()
	_ = r.CloseWithError(errors.New("gone"))
	s := NewServer(w, monotonic())
	for range 2 * maxPending >> 20 {
		s.Records(make([]byte, 1<<20))
	}
	s.Flush(patience) // nothing to wait for
}

// A harness that hangs, its end open and unread, does not keep the agent alive: what is blocked in sending is freed.
func TestServeEndsThoughNobodyReads(t *testing.T) {
	_, out := io.Pipe()
	s := NewServer(out, monotonic())
	s.Idle = 20 * time.Millisecond
	inR, inW := io.Pipe()
	defer inW.Close()
	go func() { _, _ = io.WriteString(inW, `{"id":1,"op":"dump"}`+"\n") }()
	err := s.Serve(t.Context(), inR, func(context.Context, Op, json.RawMessage) (any, error) {
		for range 3 * maxPending >> 20 {
			s.Records(make([]byte, 1<<20))
		}
		return nil, nil
	})
	require.ErrorIs(t, err, ErrIdle)
	s.Records(make([]byte, 1<<20))
	s.Flush(time.Minute) // nothing to wait for
}
