package clients

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// poolSize is what go-redis' pool is told. One connection is open at a time: operations come one after another, and dial closes
// what was open. The pool stops dialling after as many failed dials as it is large and then answers from memory while it tries
// once a second, which would hide when the server came back; so it is larger, and rebuilt before that point.
const (
	poolSize   = 64
	maxFailing = poolSize - 8
)

// setupTime is how long replicas may take to follow what Setup wrote.
const setupTime = 5 * time.Second

// session is a client over go-redis.
type session struct {
	opt     Options
	setGet  bool // SET takes GET (6.2)
	rdb     *redis.Client
	failing int // operations of this pool that found no connection
	buf     []byte
	entries map[int64]string // stream entries taken and not acknowledged: id by value

	cur  atomic.Pointer[conn] // the connection to a server, open or just broken; nil when the last dial failed
	sent atomic.Bool          // something of the operation was written
}

// Dial connects a client, through go-redis.
func Dial(ctx context.Context, opt Options) (Client, error) {
	s := newSession(opt)
	if err := s.rdb.Ping(ctx).Err(); err != nil {
		s.rdb.Close()
		where := opt.Addr
		if where == "" {
			where = fmt.Sprintf("master %q of the Sentinels", opt.MasterName)
		}
		return nil, fmt.Errorf("connect to %s: %w", where, err)
	}
	return s, nil
}

func newSession(opt Options) *session {
	quiet()
	s := &session{opt: opt, setGet: opt.atLeast(6, 2)}
	s.rdb = s.open()
	return s
}

// quiet keeps go-redis from writing to standard error: what it would say is in the operations.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func (s *session) open() *redis.Client {
	if s.opt.Addr == "" {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: s.opt.MasterName, SentinelAddrs: s.opt.Sentinels, Dialer: s.dial,
			Username: s.opt.Access.User, Password: s.opt.Access.Password,
			SentinelUsername: s.opt.SentinelAccess.User, SentinelPassword: s.opt.SentinelAccess.Password,
			Protocol: 2, MaxRetries: -1, DialerRetries: 1, DialTimeout: s.lookupTime(),
			ReadTimeout: s.opt.Timeout, WriteTimeout: s.opt.Timeout, ContextTimeoutEnabled: true,
			PoolSize: poolSize, MaxConcurrentDials: 1, PipelinePoolSize: -1, ConnMaxIdleTime: -1, DisableIdentity: true,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: s.opt.Addr, Dialer: s.dial, Username: s.opt.Access.User, Password: s.opt.Access.Password,
		Protocol: 2, MaxRetries: -1, DialerRetries: 1, DialTimeout: s.opt.DialTimeout,
		ReadTimeout: s.opt.Timeout, WriteTimeout: s.opt.Timeout, ContextTimeoutEnabled: true,
		PoolSize: poolSize, MaxConcurrentDials: 1, PipelinePoolSize: -1, ConnMaxIdleTime: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// lookupTime bounds asking the Sentinels and dialling the master together; dial bounds each dial by itself. go-redis leaves a
// Sentinel that does not answer only when time is left after it was asked twice: with one timeout for all, a client whose Sentinel
// is cut off would ask that one for ever.
func (s *session) lookupTime() time.Duration { return 3*s.opt.Timeout + 3*s.opt.DialTimeout }

// dial connects to a server or, for the Sentinel client inside go-redis, to a Sentinel.
func (s *session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: s.opt.DialTimeout}
	if s.opt.Addr == "" && slices.Contains(s.opt.Sentinels, addr) {
		c, err := d.DialContext(ctx, network, s.opt.dialled(addr))
		if err != nil {
			return nil, err
		}
		return s.secure(ctx, s.opt.SentinelAccess, c)
	}
	if old := s.cur.Swap(nil); old != nil {
		old.Close()
	}
	nc, err := d.DialContext(ctx, network, s.opt.dialled(addr))
	if err != nil {
		return nil, err
	}
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		nc.Close()
		return nil, fmt.Errorf("dial %s: network %s is not TCP", addr, network)
	}
	over, err := s.secure(ctx, s.opt.Access, nc)
	if err != nil {
		return nil, err
	}
	node, ok := s.opt.Nodes[addr]
	if !ok {
		node = history.NoNode
	}
	c := &conn{Conn: over, tcp: tcp, sent: &s.sent, node: node}
	s.cur.Store(c)
	return c, nil
}

// secure puts TLS over a connection where it is asked for, within the time of a dial. What fails is a failure to dial: nothing of an
// operation can have left.
func (s *session) secure(ctx context.Context, a access.Access, c net.Conn) (net.Conn, error) {
	if s.opt.DialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.opt.DialTimeout)
		defer cancel()
	}
	over, err := a.Secure(ctx, c)
	if err != nil {
		_ = c.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: c.RemoteAddr(), Err: err}
	}
	return over, nil
}

// conn notes when something other than the handshake is written.
type conn struct {
	net.Conn
	tcp     *net.TCPConn // beneath
	sent    *atomic.Bool
	node    int32
	greeted bool
}

var _ syscall.Conn = (*conn)(nil) // go-redis looks through it whether an idle connection was closed by the other end

// SyscallConn implements syscall.Conn. Over TLS too what is waiting to be read on an idle connection can only be its end.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.tcp.SyscallConn() }

// hello is what follows the number of arguments in a HELLO, with or without a password.
var hello = []byte("$5\r\nhello\r\n")

// Write passes on to the socket. The first write of a connection is go-redis' HELLO; all others belong to an operation.
func (c *conn) Write(p []byte) (int, error) {
	if !c.greeted {
		c.greeted = true
		if _, rest, ok := bytes.Cut(p, []byte("\r\n")); ok && bytes.HasPrefix(rest, hello) {
			return c.Conn.Write(p)
		}
	}
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.sent.Store(true)
	}
	return n, err
}

// Node implements Client.
func (s *session) Node() int32 {
	if c := s.cur.Load(); c != nil {
		return c.node
	}
	return history.NoNode
}

// Close implements Client.
func (s *session) Close() error { return s.rdb.Close() }

// Do implements Client.
func (s *session) Do(ctx context.Context, key string, op *history.Op) {
	s.sent.Store(false)
	op.Acked = -1
	err := s.issue(ctx, key, op)
	op.Node = s.Node()
	op.Err = Classify(err, s.sent.Load())
	op.Outcome = op.Err.Outcome()
	switch {
	case op.Outcome == history.OK:
		s.failing = 0
		if s.opt.Wait > 0 && op.F.IsWrite() {
			op.Acked = s.wait(ctx)
		}
		return
	case op.Outcome == history.Info:
		s.drop()
	}
	op.Out = history.None
	switch op.Err {
	case history.ErrDialRefused, history.ErrDialTimeout, history.ErrNoMaster, history.ErrNotSent:
		if s.failing++; s.failing >= maxFailing {
			s.rdb.Close()
			s.rdb, s.failing = s.open(), 0
		}
	}
}

// drop closes the connection, so that nothing can follow on it; go-redis notices before the next operation.
func (s *session) drop() {
	if c := s.cur.Load(); c != nil {
		c.Close()
	}
}

// wait issues WAIT on the connection that wrote. When that broke meanwhile, no replica is known to have the write.
func (s *session) wait(ctx context.Context) int32 {
	wrote := s.cur.Load()
	ctx, cancel := context.WithTimeout(ctx, s.opt.WaitTimeout+s.opt.Timeout)
	defer cancel()
	n, err := s.rdb.Wait(ctx, s.opt.Wait, s.opt.WaitTimeout).Result()
	if err != nil || s.cur.Load() != wrote {
		return 0
	}
	return int32(n)
}

// Setup runs commands once each, in order, on the server that opt names, and waits until the replicas connected to it have them, so
// that the first read from one of them finds what was made. A group that exists already is no error.
func Setup(ctx context.Context, opt Options, commands [][]any) error {
	if len(commands) == 0 {
		return nil
	}
	s := newSession(opt)
	defer s.Close()
	for _, c := range commands {
		if err := s.rdb.Do(ctx, c...).Err(); err != nil && err != redis.Nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
			return fmt.Errorf("prepare data, %v: %w", c[0], err)
		}
	}
	info, err := s.rdb.Info(ctx, "replication").Result()
	if err != nil {
		return fmt.Errorf("prepare data, count replicas: %w", err)
	}
	replicas := strings.Count(info, "state=online")
	if replicas == 0 {
		return nil
	}
	n, err := s.rdb.Wait(ctx, replicas, setupTime).Result()
	if err != nil {
		return fmt.Errorf("prepare data, wait for replicas: %w", err)
	}
	if int(n) < replicas {
		return fmt.Errorf("prepare data: only %d of %d replicas took it over within %v", n, replicas, setupTime)
	}
	return nil
}
