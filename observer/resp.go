package observer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/schismtest/schism/internal/access"
)

// ReplyError is an error reply of a server ("READONLY You can't write...").
type ReplyError string

// Error implements error.
func (e ReplyError) Error() string { return string(e) }

// Client is one RESP2 connection. It is deliberately bare: no pool, no retries, no handshake, so that what was sent when and what
// came back is known exactly. It is used by one goroutine at a time.
type Client struct {
	c   net.Conn
	r   *bufio.Reader
	out []byte
	a   access.Access
}

// Dial connects and, where the server asks for it, logs in.
func Dial(ctx context.Context, addr string, a access.Access) (*Client, error) {
	c, err := connect(ctx, addr, a)
	if err != nil {
		return nil, err
	}
	if auth := a.Auth(); auth != nil {
		if _, err := c.Do(ctx, auth...); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// connect connects without logging in.
func connect(ctx context.Context, addr string, a access.Access) (*Client, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c, err := a.Secure(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, cause(ctx, err)
	}
	client := NewClient(c)
	client.a = a
	return client, nil
}

// NewClient speaks RESP2 over c.
func NewClient(c net.Conn) *Client {
	return &Client{c: c, r: bufio.NewReaderSize(c, 16<<10)}
}

// Close closes the connection.
func (c *Client) Close() error { return c.c.Close() }

// Do sends one command and waits for its reply: string (bulk and simple), int64, nil or []any. An error reply is a ReplyError, at
// whatever depth it stands within []any it is a value. After any other error the connection is of no more use.
func (c *Client) Do(ctx context.Context, args ...string) (any, error) {
	v, err := c.Pipeline(ctx, args)
	if err != nil {
		return nil, err
	}
	if e, ok := v[0].(ReplyError); ok {
		return nil, e
	}
	return v[0], nil
}

// Pipeline sends commands at once and waits for all replies; error replies are values among them.
func (c *Client) Pipeline(ctx context.Context, cmds ...[]string) ([]any, error) {
	stop := c.bind(ctx)
	defer stop()
	if err := c.Send(cmds...); err != nil {
		return nil, cause(ctx, err)
	}
	out := make([]any, len(cmds))
	for i := range cmds {
		v, err := c.Receive()
		if err != nil {
			return nil, cause(ctx, err)
		}
		out[i] = v
	}
	return out, nil
}

// bind ends blocked reads and writes when ctx does.
func (c *Client) bind(ctx context.Context) func() {
	_ = c.c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// cause prefers the reason of ctx's end to the error that it led to.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Send writes commands without waiting for replies.
func (c *Client) Send(cmds ...[]string) error {
	b := c.out[:0]
	for _, args := range cmds {
		b = append(b, '*')
		b = strconv.AppendInt(b, int64(len(args)), 10)
		b = append(b, "\r\n"...)
		for i, a := range args {
			if i == 0 {
				a = c.a.Rename(a)
			}
			b = append(b, '$')
			b = strconv.AppendInt(b, int64(len(a)), 10)
			b = append(b, "\r\n"...)
			b = append(b, a...)
			b = append(b, "\r\n"...)
		}
	}
	c.out = b
	_, err := c.c.Write(b)
	return err
}

// Receive reads the next reply.
func (c *Client) Receive() (any, error) { return readReply(c.r, 0) }

// ErrProtocol is an answer that no Redis gives.
var ErrProtocol = errors.New("reply is no RESP2")

// Bounds of what a reply may announce before its bytes are there.
const (
	maxBulk  = 512 << 20
	maxDepth = 32
)

func readReply(r *bufio.Reader, depth int) (any, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	if len(line) == 0 || depth > maxDepth {
		return nil, ErrProtocol
	}
	rest := string(line[1:])
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return ReplyError(rest), nil
	case ':':
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return nil, ErrProtocol
		}
		return n, nil
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < -1 || n > maxBulk {
			return nil, ErrProtocol
		}
		if n == -1 {
			return nil, nil
		}
		return readBulk(r, n)
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil || n < -1 {
			return nil, ErrProtocol
		}
		if n == -1 {
			return nil, nil
		}
		out := make([]any, 0, min(n, 1024))
		for range n {
			v, err := readReply(r, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	return nil, ErrProtocol
}

// readLine reads up to CRLF; the result is valid until the next read unless it was longer than the buffer.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) < maxBulk {
			line, err = r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return nil, ErrProtocol
	}
	return line[:len(line)-2], nil
}

func readBulk(r *bufio.Reader, n int) (string, error) {
	var b []byte
	for want := n + 2; len(b) < want; {
		at, k := len(b), min(want-len(b), 1<<20)
		b = append(b, make([]byte, k)...)
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			return "", err
		}
	}
	if b[n] != '\r' || b[n+1] != '\n' {
		return "", ErrProtocol
	}
	return string(b[:n]), nil
}
