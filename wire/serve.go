package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// IdleLimit is how long an agent lives without a line from its harness: that long after the harness's machine died or a remote
// engine's connection hangs half open, nothing is left.
const IdleLimit = 60 * time.Second

// ErrIdle ends Serve when no line came for IdleLimit.
var ErrIdle = errors.New("no line from the harness")

// CodedError is an error with a Code for the other end to branch on.
type CodedError struct {
	Code string
	Err  error
}

// Error implements error.
func (e *CodedError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *CodedError) Unwrap() error { return e.Err }

// Coded builds a CodedError.
func Coded(code, format string, args ...any) error {
	return &CodedError{Code: code, Err: fmt.Errorf(format, args...)}
}

// Do carries out a request. Its stamps are taken by Stamp, or around it when that was not called.
type Do func(ctx context.Context, op Op, args json.RawMessage) (out any, err error)

// Server is the agent's end of the connection.
type Server struct {
	// Clock is CLOCK_MONOTONIC in ns.
	Clock func() int64
	// Idle replaces IdleLimit when it is not 0.
	Idle time.Duration

	out *output
}

// NewServer writes frames to out, which nothing else may write to.
func NewServer(out io.Writer, clock func() int64) *Server {
	return &Server{Clock: clock, out: newOutput(out)}
}

type stampKey struct{}

// Stamp is where a request's own stamps go when the work proper is shorter than the request: a Do sets them.
func Stamp(ctx context.Context) *Stamps {
	s, _ := ctx.Value(stampKey{}).(*Stamps)
	if s == nil {
		s = new(Stamps)
	}
	return s
}

// Serve reads requests until in ends (io.EOF), falls silent (ErrIdle) or ctx is done. Each request
// runs in a goroutine of its own; Serve cancels and awaits them before it returns. A read of in that is still blocked then ends
// with the process. Half a second later nothing is sent any more.
func (s *Server) Serve(ctx context.Context, in io.Reader, do Do) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		// What is not written by then is for nobody; it frees whoever waits for a harness that reads no more.
		time.AfterFunc(closeGrace/2, s.out.abandon)
		wg.Wait()
	}()
	lines, readErr := make(chan []byte), make(chan error, 1)
	go readLines(ctx, in, lines, readErr)
	idle := s.Idle
	if idle == 0 {
		idle = IdleLimit
	}
	t := time.NewTimer(idle)
	defer t.Stop()
	for {
		select {
		case line := <-lines:
			t.Reset(idle)
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			var req Request
			if err := json.Unmarshal(line, &req); err != nil {
				s.respond(Response{Err: fmt.Sprintf("read request: %v", err), Code: CodeUsage})
				continue
			}
			wg.Go(func() { s.answer(ctx, req, do) })
		case err := <-readErr:
			return err
		case <-t.C:
			return ErrIdle
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func readLines(ctx context.Context, in io.Reader, lines chan<- []byte, end chan<- error) {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			end <- err
			return
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) answer(ctx context.Context, req Request, do Do) {
	var st Stamps
	resp := Response{ID: req.ID, T0: s.Clock()}
	out, err := do(context.WithValue(ctx, stampKey{}, &st), req.Op, req.Args)
	resp.T1 = s.Clock()
	if st.T0 != 0 {
		resp.T0 = st.T0
	}
	if st.T1 != 0 {
		resp.T1 = st.T1
	}
	if err == nil && out != nil {
		resp.Out, err = json.Marshal(out)
	}
	if err != nil {
		resp.Err = err.Error()
		var ce *CodedError
		switch {
		case errors.As(err, &ce):
			resp.Code = ce.Code
		case errors.Is(err, context.DeadlineExceeded):
			resp.Code = CodeTimeout
		}
	}
	s.respond(resp)
}

func (s *Server) respond(r Response) {
	b, err := json.Marshal(r)
	if err != nil { // cannot happen: Out is already JSON
		b, _ = json.Marshal(Response{ID: r.ID, Err: err.Error()})
	}
	s.out.put(frame{typ: frameResponse, payload: b}, true)
}

// Records sends an encoded batch and says how long the caller was held up because the harness did not read. The payload must not
// be changed afterwards.
func (s *Server) Records(payload []byte) (held time.Duration) {
	return s.out.put(frame{typ: frameRecords, payload: payload}, true)
}

// Log sends a piece of the server's output unless too much waits already; false says that it was dropped.
func (s *Server) Log(chunk []byte) bool {
	if !s.out.roomForLog() {
		return false
	}
	s.out.put(frame{typ: frameLog, payload: chunk}, false)
	return true
}

// Flush waits, at most so long, until everything sent so far was written.
func (s *Server) Flush(within time.Duration) { s.out.flush(within) }
