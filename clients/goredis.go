package clients

import (
	"bytes"
	"context"
	"errors"
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
	setGet  bool          // SET takes GET (6.2)
	rdb     *redis.Client // of the link in use
	buf     []byte
	entries map[int64]string // stream entries taken and not acknowledged: id by value

	at   atomic.Pointer[link] // in use; nil when it is not known where an operation goes, in a Cluster also between operations
	sent atomic.Bool          // something of the operation was written

	cluster *redis.ClusterClient // knows who owns which slots; nil outside a Cluster
	links   map[string]*link     // in a Cluster, by address
	asking  bool                 // an ASK led to the link in use
}

// link is what a session has of one server, or of the master that Sentinels name.
type link struct {
	s       *session
	addr    string // empty: the master that the Sentinels name
	rdb     *redis.Client
	failing int // operations of this pool that found no connection

	cur atomic.Pointer[conn] // the connection, open or just broken; nil when the last dial failed
}

// Dial connects a client, through go-redis.
func Dial(ctx context.Context, opt Options) (Client, error) {
	s := newSession(opt)
	if err := s.hello(ctx); err != nil {
		_ = s.Close()
		where := opt.Addr
		switch {
		case len(opt.Cluster) > 0:
			where = "the Cluster of " + strings.Join(opt.Cluster, ", ")
		case where == "":
			where = fmt.Sprintf("master %q of the Sentinels", opt.MasterName)
		}
		return nil, fmt.Errorf("connect to %s: %w", where, err)
	}
	return s, nil
}

func newSession(opt Options) *session {
	quiet()
	s := &session{opt: opt, setGet: opt.atLeast(6, 2)}
	if len(opt.Cluster) > 0 {
		s.cluster, s.links = s.openCluster(), map[string]*link{}
		return s
	}
	s.use(s.newLink(opt.Addr))
	return s
}

// hello makes the first connections.
func (s *session) hello(ctx context.Context) error {
	if s.cluster != nil {
		return s.helloCluster(ctx)
	}
	return s.rdb.Ping(ctx).Err()
}

func (s *session) newLink(addr string) *link {
	l := &link{s: s, addr: addr}
	l.rdb = l.open()
	return l
}

// use has the operations that follow go over a link.
func (s *session) use(l *link) {
	s.rdb = l.rdb
	s.at.Store(l)
}

// quiet keeps go-redis from writing to standard error: what it would say is in the operations.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func (l *link) open() *redis.Client {
	s := l.s
	if l.addr == "" {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: s.opt.MasterName, SentinelAddrs: s.opt.Sentinels, Dialer: l.dial,
			Username: s.opt.Access.User, Password: s.opt.Access.Password,
			SentinelUsername: s.opt.SentinelAccess.User, SentinelPassword: s.opt.SentinelAccess.Password,
			Protocol: 2, MaxRetries: -1, DialerRetries: 1, DialTimeout: s.lookupTime(),
			ReadTimeout: s.opt.Timeout, WriteTimeout: s.opt.Timeout, ContextTimeoutEnabled: true,
			PoolSize: poolSize, MaxConcurrentDials: 1, PipelinePoolSize: -1, ConnMaxIdleTime: -1, DisableIdentity: true,
		})
	}
	var greet func(context.Context, *redis.Conn) error
	if s.opt.Nth > 0 {
		greet = func(ctx context.Context, c *redis.Conn) error { return c.ReadOnly(ctx).Err() }
	}
	return redis.NewClient(&redis.Options{
		Addr: l.addr, Dialer: l.dial, OnConnect: greet, Username: s.opt.Access.User, Password: s.opt.Access.Password,
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
func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s := l.s
	d := net.Dialer{Timeout: s.opt.DialTimeout}
	if l.addr == "" && slices.Contains(s.opt.Sentinels, addr) {
		c, err := d.DialContext(ctx, network, s.opt.dialled(addr))
		if err != nil {
			return nil, err
		}
		return s.secure(ctx, s.opt.SentinelAccess, c)
	}
	if old := l.cur.Swap(nil); old != nil {
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
	l.cur.Store(c)
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

// Write passes on to the socket. The first write of a connection is go-redis' HELLO; all others belong to an operation, but for those
// that execute nothing.
func (c *conn) Write(p []byte) (int, error) {
	if !c.greeted {
		c.greeted = true
		if _, rest, ok := bytes.Cut(p, []byte("\r\n")); ok && bytes.HasPrefix(rest, hello) {
			return c.Conn.Write(p)
		}
	}
	n, err := c.Conn.Write(p)
	if n > 0 && !prelude(p) {
		c.sent.Store(true)
	}
	return n, err
}

// Node implements Client.
func (s *session) Node() int32 {
	if l := s.at.Load(); l != nil {
		if c := l.cur.Load(); c != nil {
			return c.node
		}
	}
	return history.NoNode
}

// Close implements Client.
func (s *session) Close() error {
	if s.cluster == nil {
		return s.rdb.Close()
	}
	err := s.cluster.Close()
	for _, l := range s.links {
		err = errors.Join(err, l.rdb.Close())
	}
	return err
}

// Do implements Client.
func (s *session) Do(ctx context.Context, key string, op *history.Op) {
	s.sent.Store(false)
	op.Acked = -1
	var err error
	if s.cluster != nil {
		defer s.at.Store(nil)
		err = s.issueRouted(ctx, key, op)
	} else {
		err = s.issue(ctx, key, op)
	}
	op.Node = s.Node()
	op.Err = Classify(err, s.sent.Load())
	op.Outcome = op.Err.Outcome()
	l := s.at.Load()
	switch {
	case op.Outcome == history.OK:
		l.failing = 0
		switch {
		case !op.F.IsWrite():
		case s.opt.Wait > 0:
			op.Acked = s.wait(ctx)
		case s.opt.WaitAOF != (WaitAOF{}):
			s.waitAOF(ctx, op)
		}
		return
	case op.Outcome == history.Info:
		s.drop()
	}
	op.Out = history.None
	if l != nil && unconnected(op.Err) {
		if l.failing++; l.failing >= maxFailing {
			l.rdb.Close()
			l.rdb, l.failing = l.open(), 0
			s.use(l)
		}
	}
}

// unconnected tells whether no connection could be had.
func unconnected(e history.ErrCode) bool {
	switch e {
	case history.ErrDialRefused, history.ErrDialTimeout, history.ErrNoMaster, history.ErrNotSent:
		return true
	}
	return false
}

// drop closes the connection, so that nothing can follow on it; go-redis notices before the next operation.
func (s *session) drop() {
	if l := s.at.Load(); l != nil {
		if c := l.cur.Load(); c != nil {
			c.Close()
		}
	}
}

// wait issues WAIT on the connection that wrote. When that broke meanwhile, no replica is known to have the write.
func (s *session) wait(ctx context.Context) int32 {
	l := s.at.Load()
	wrote := l.cur.Load()
	ctx, cancel := context.WithTimeout(ctx, s.opt.WaitTimeout+s.opt.Timeout)
	defer cancel()
	n, err := s.rdb.Wait(ctx, s.opt.Wait, s.opt.WaitTimeout).Result()
	if err != nil || l.cur.Load() != wrote {
		return 0
	}
	return int32(n)
}

// waitAOF issues WAITAOF on the connection that wrote. When that broke meanwhile, nobody is known to have fsynced the write.
func (s *session) waitAOF(ctx context.Context, op *history.Op) {
	l := s.at.Load()
	wrote := l.cur.Load()
	ctx, cancel := context.WithTimeout(ctx, s.opt.WaitTimeout+s.opt.Timeout)
	defer cancel()
	n, err := s.rdb.WaitAOF(ctx, s.opt.WaitAOF.Local, s.opt.WaitAOF.Replicas, s.opt.WaitTimeout).Result()
	op.Acked, op.Flags = 0, op.Flags|history.FlagAOF
	if err != nil || len(n) != 2 || l.cur.Load() != wrote {
		return
	}
	op.Acked = int32(n[1])
	if n[0] > 0 {
		op.Flags |= history.FlagLocal
	}
}

// Setup runs commands once each, in order, on the server that opt names, and waits until the replicas connected to it have them, so
// that the first read from one of them finds what was made. A group that exists already is no error.
func Setup(ctx context.Context, opt Options, commands [][]any) error {
	if len(commands) == 0 {
		return nil
	}
	s := newSession(opt)
	defer s.Close()
	if s.cluster != nil {
		return s.setupCluster(ctx, commands)
	}
	for _, c := range commands {
		if err := s.rdb.Do(ctx, c...).Err(); err != nil && err != redis.Nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
			return fmt.Errorf("prepare data, %v: %w", c[0], err)
		}
	}
	return settle(ctx, s.rdb)
}

// settle waits until the replicas that are connected to a server have what was written to it.
func settle(ctx context.Context, rdb *redis.Client) error {
	info, err := rdb.Info(ctx, "replication").Result()
	if err != nil {
		return fmt.Errorf("prepare data, count replicas: %w", err)
	}
	replicas := strings.Count(info, "state=online")
	if replicas == 0 {
		return nil
	}
	n, err := rdb.Wait(ctx, replicas, setupTime).Result()
	if err != nil {
		return fmt.Errorf("prepare data, wait for replicas: %w", err)
	}
	if int(n) < replicas {
		return fmt.Errorf("prepare data: only %d of %d replicas took it over within %v", n, replicas, setupTime)
	}
	return nil
}
