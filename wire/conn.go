package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schismtest/schism/internal/guard"
)

// Handler takes what an agent sends besides responses. Its functions are called one at a time, in the order of sending, and
// may take their time: what comes meanwhile is queued in memory. They must not call Close. Nil functions ignore what comes.
type Handler struct {
	// Node names the agent in errors.
	Node string
	// OnRecords takes a batch as history.EncodeBatch wrote it, with the number of its frame.
	OnRecords func(payload []byte, seq uint64)
	// OnLog takes a piece of the server's output.
	OnLog func(chunk []byte)
	// OnLost is told of records or frames that did not arrive. A run with such a loss is an error.
	OnLost func(text string)
}

// Stamps are the moments right before and after the agent did what was asked, ns on the run's clock (on the agent's own before
// the first hello).
type Stamps struct{ T0, T1 int64 }

// Codes of RemoteError and Response to branch on.
const (
	CodeUnavailable = "unavailable" // the kernel or the container's rights do not allow it
	CodeNotRunning  = "not-running" // there is no server process
	CodeTimeout     = "timeout"
	CodeUsage       = "usage" // the request makes no sense
)

// RemoteError is what an agent answered instead of a result.
type RemoteError struct {
	Node string
	Op   Op
	Code string
	Msg  string
}

// Error implements error.
func (e *RemoteError) Error() string {
	if e.Node == "" {
		return fmt.Sprintf("%s: %s", e.Op, e.Msg)
	}
	return fmt.Sprintf("%s on %s: %s", e.Op, e.Node, e.Msg)
}

// ErrClosed is the reason of a connection that was closed by Close.
var ErrClosed = errors.New("connection closed")

const (
	keepAlive = 10 * time.Second
	// closeGrace is how long Close waits for the agent's last words.
	closeGrace = time.Second
)

// Conn is the harness's end of the connection with one agent.
type Conn struct {
	h Handler
	r io.Reader
	w io.WriteCloser
	q *queue

	lines  chan []byte
	closed chan struct{} // Close was called, or reading ended
	done   chan struct{} // reading ended
	wg     sync.WaitGroup

	mu      sync.Mutex
	nextID  uint64
	pending map[uint64]chan reply
	err     error
	base    int64
	clock   clockOffset
	once    sync.Once
}

// reply is a response, and how many queued items came before it.
type reply struct {
	Response
	at   time.Time
	mark uint64
}

// NewConn starts to read r and to keep the agent behind w alive. The stream is read whatever the handler does.
func NewConn(r io.Reader, w io.WriteCloser, h Handler) *Conn {
	c := &Conn{h: h, r: r, w: w, q: newQueue(), lines: make(chan []byte, 64),
		closed: make(chan struct{}), done: make(chan struct{}), pending: map[uint64]chan reply{}}
	c.wg.Add(3)
	go func() { defer c.wg.Done(); defer close(c.done); c.owned(c.readLoop) }()
	go func() { defer c.wg.Done(); c.owned(c.writeLoop) }()
	go func() { defer c.wg.Done(); c.owned(c.handleLoop) }()
	return c
}

// Done is closed when the connection has ended; Err says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended; nil while it lasts.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the agent by closing its input, waits a moment for its last records and returns when every goroutine of the
// connection has ended. Pending calls fail.
func (c *Conn) Close() error {
	c.shut(ErrClosed)
	err := c.w.Close()
	t := time.NewTimer(closeGrace)
	defer t.Stop()
	select {
	case <-c.done:
	case <-t.C:
		if rc, ok := c.r.(io.Closer); ok {
			_ = rc.Close()
		}
	}
	<-c.done
	c.wg.Wait()
	return err
}

// shut fails all pending and future calls with the reason.
func (c *Conn) shut(reason error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err = reason
		for id, ch := range c.pending {
			close(ch)
			delete(c.pending, id)
		}
		c.mu.Unlock()
		close(c.closed)
	})
}

// Call asks the agent to do op and stores its result in out, unless that is nil. An agent's refusal is a *RemoteError. A call of
// OpDump, OpHalt or OpWatch returns when the handler has taken all records that were sent before its answer.
func (c *Conn) Call(ctx context.Context, op Op, args, out any) (Stamps, error) {
	fail := func(err error) (Stamps, error) {
		return Stamps{}, fmt.Errorf("call %s on %s: %w", op, c.h.Node, err)
	}
	line, id, ch, err := c.register(op, args)
	if err != nil {
		return fail(err)
	}
	defer c.forget(id)
	sent := time.Now()
	select {
	case c.lines <- line:
	case <-c.closed:
		return fail(c.Err())
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	var r reply
	var ok bool
	select {
	case r, ok = <-ch:
		if !ok {
			return fail(c.Err())
		}
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	s := c.stamps(op, sent, r)
	if r.Err != "" {
		return s, &RemoteError{Node: c.h.Node, Op: op, Code: r.Code, Msg: r.Err}
	}
	if op == OpDump || op == OpHalt || op == OpWatch {
		if err := c.q.reached(ctx, r.mark); err != nil {
			return fail(err)
		}
	}
	if out != nil {
		if err := json.Unmarshal(r.Out, out); err != nil {
			return fail(fmt.Errorf("decode result: %w", err))
		}
	}
	return s, nil
}

func (c *Conn) register(op Op, args any) (line []byte, id uint64, ch chan reply, err error) {
	req := Request{Op: op}
	if args != nil {
		if req.Args, err = json.Marshal(args); err != nil {
			return nil, 0, nil, fmt.Errorf("encode arguments: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, 0, nil, c.err
	}
	c.nextID++
	req.ID = c.nextID
	if line, err = json.Marshal(req); err != nil {
		return nil, 0, nil, fmt.Errorf("encode request: %w", err)
	}
	ch = make(chan reply, 1)
	c.pending[req.ID] = ch
	return append(line, '\n'), req.ID, ch, nil
}

// owned ends the connection when a loop of it panics: whoever calls learns of it.
func (c *Conn) owned(loop func()) {
	if err := guard.Do(func() error { loop(); return nil }); err != nil {
		c.shut(err)
		c.q.end()
	}
}

func (c *Conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

func (c *Conn) readLoop() {
	fr := newFrameReader(c.r, func(text string) { c.q.push(item{lost: text}) })
	for {
		f, err := fr.read()
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				c.q.push(item{lost: "the stream ended inside a frame"})
			}
			c.shut(fmt.Errorf("agent's stream ended: %w", err))
			c.q.end()
			return
		}
		switch f.typ {
		case frameResponse:
			c.deliver(f.payload)
		case frameRecords:
			c.q.push(item{records: f.payload, seq: f.seq})
		case frameLog:
			c.q.push(item{log: f.payload})
		default:
			c.q.push(item{lost: fmt.Sprintf("frame %d of unknown type %d", f.seq, f.typ)})
		}
	}
}

func (c *Conn) deliver(payload []byte) {
	var r reply
	r.at = time.Now()
	if err := json.Unmarshal(payload, &r.Response); err != nil {
		c.q.push(item{lost: fmt.Sprintf("response cannot be read: %v", err)})
		return
	}
	r.mark = c.q.pushed()
	c.mu.Lock()
	ch := c.pending[r.ID]
	delete(c.pending, r.ID)
	c.mu.Unlock()
	if ch != nil {
		ch <- r
	}
}

// writeLoop owns w. An empty line is the keep-alive.
func (c *Conn) writeLoop() {
	t := time.NewTicker(keepAlive)
	defer t.Stop()
	for {
		line := []byte("\n")
		select {
		case line = <-c.lines:
		case <-t.C:
		case <-c.closed:
			return
		}
		if _, err := c.w.Write(line); err != nil {
			c.shut(fmt.Errorf("write to agent: %w", err))
			return
		}
	}
}

func (c *Conn) handleLoop() {
	for {
		it, ok := c.q.pop()
		if !ok {
			return
		}
		switch {
		case it.records != nil && c.h.OnRecords != nil:
			c.h.OnRecords(it.records, it.seq)
		case it.log != nil && c.h.OnLog != nil:
			c.h.OnLog(it.log)
		case it.lost != "" && c.h.OnLost != nil:
			c.h.OnLost(it.lost)
		}
		c.q.handled()
	}
}
