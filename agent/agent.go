//go:build linux

package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
	"golang.org/x/sys/unix"
)

// Agent is one agent. Its methods are called concurrently.
type Agent struct {
	srv  *wire.Server
	emit *emitter
	sup  *supervisor
	net  firewall
	obs  watcher
	load worker
	bg   sync.WaitGroup // replies that nobody waits for

	mu    sync.Mutex
	hello bool
	end   context.CancelFunc // of what runs since the first hello
	setup wire.SetupArgs
	addr  string // the server's, over loopback
}

// monotonic reads CLOCK_MONOTONIC in ns: one clock for all containers of a kernel.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // cannot happen for this clock
	}
	return ts.Nano()
}

// New makes an agent that answers over srv.
func New(srv *wire.Server) *Agent {
	a := &Agent{srv: srv}
	a.emit = newEmitter(srv)
	a.sup = newSupervisor(a.emit, srv)
	return a
}

// Do carries out one request; it is a wire.Do.
func (a *Agent) Do(ctx context.Context, op wire.Op, args json.RawMessage) (any, error) {
	if op != wire.OpHello && op != wire.OpProbe && !a.greeted() {
		return nil, wire.Coded(wire.CodeUsage, "%s before hello", op)
	}
	switch op {
	case wire.OpHello:
		return with(args, a.greet)
	case wire.OpSetup:
		return with(args, a.prepare)
	case wire.OpStart:
		return a.start(ctx)
	case wire.OpSignal:
		return with(args, func(s wire.SignalArgs) (any, error) { return a.sup.signal(ctx, s) })
	case wire.OpProc:
		return a.sup.proc(), nil
	case wire.OpNet:
		return with(args, func(n wire.NetArgs) (any, error) { return nil, a.net.apply(n.Rules) })
	case wire.OpNetCnt:
		return a.net.counters()
	case wire.OpReach:
		return with(args, func(r wire.ReachArgs) (any, error) { return reach(ctx, r), nil })
	case wire.OpRedis:
		return with(args, func(r wire.RedisArgs) (any, error) { return a.redis(ctx, r) })
	case wire.OpWatch:
		return with(args, func(w wire.WatchArgs) (any, error) { return nil, a.watch(w) })
	case wire.OpDump:
		return with(args, func(d wire.DumpArgs) (any, error) { return a.dump(ctx, d) })
	case wire.OpProbe:
		return probe(), nil
	case wire.OpLoad:
		return nil, a.load.load(ctx, args, a.emit)
	case wire.OpRun:
		return nil, a.load.run(a.emit)
	case wire.OpHalt:
		return nil, a.load.halt(ctx)
	}
	return nil, wire.Coded(wire.CodeUsage, "unknown operation %q", op)
}

// with decodes the arguments of a request.
func with[T any](args json.RawMessage, do func(T) (any, error)) (any, error) {
	var v T
	if len(args) > 0 {
		if err := json.Unmarshal(args, &v); err != nil {
			return nil, wire.Coded(wire.CodeUsage, "read arguments: %w", err)
		}
	}
	return do(v)
}

func (a *Agent) greeted() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hello
}

func (a *Agent) greet(h wire.HelloArgs) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := monotonic()
	if h.Base == 0 {
		h.Base = now
	}
	a.emit.identify(h.Source, h.Base)
	if !a.hello { // the clock has its base from here on
		ctx, cancel := context.WithCancel(context.Background())
		a.end = cancel
		a.bg.Go(func() { observer.Stalls(ctx, a.emit.now, a.emit.batch) })
	}
	a.hello = true
	return wire.Hello{Proto: wire.Proto, Base: h.Base, Now: now, Kernel: kernel(), Addr: ownAddr()}, nil
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// ownAddr is the container's first IPv4 address besides loopback; empty in a container without network.
func ownAddr() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}

// defaultPort is where a server listens that was not told where.
const defaultPort = 6379

// prepare writes the server's files and remembers how to start it.
func (a *Agent) prepare(s wire.SetupArgs) (any, error) {
	if len(s.Argv) == 0 {
		return nil, wire.Coded(wire.CodeUsage, "setup without a command line")
	}
	owner := &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	if s.User != "" {
		var err error
		if owner, err = credential(s.User); err != nil {
			return nil, err
		}
	}
	for _, dir := range s.Folders {
		if err := makeFolder(dir, owner); err != nil {
			return nil, err
		}
	}
	for path, content := range s.Files {
		if err := writeFile(path, content, owner); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setup, a.addr = s, net.JoinHostPort("127.0.0.1", strconv.Itoa(cmp.Or(s.Port, defaultPort)))
	return nil, nil
}

func (a *Agent) start(ctx context.Context) (any, error) {
	a.mu.Lock()
	s := a.setup
	a.mu.Unlock()
	if len(s.Argv) == 0 {
		return nil, wire.Coded(wire.CodeUsage, "start before setup")
	}
	return a.sup.start(ctx, s)
}

// server is where the server answers, and how to get in there.
func (a *Agent) server() (addr string, login access.Access, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addr == "" {
		return "", login, wire.Coded(wire.CodeUsage, "no server was set up")
	}
	return a.addr, a.setup.Access, nil
}

// Close ends everything that the agent started.
func (a *Agent) Close() error {
	a.mu.Lock()
	if a.end != nil {
		a.end()
	}
	a.mu.Unlock()
	a.obs.stop()
	a.load.abandon()
	err := a.sup.killAll()
	a.bg.Wait()
	return err
}

// emitter is the one door through which records leave the agent: it numbers and encodes batches.
type emitter struct {
	srv  *wire.Server
	base atomic.Int64 // apart from the lock: the clock must not wait for a batch that is being sent

	mu     sync.Mutex
	source int32
	seq    uint64
	buf    []byte
}

func newEmitter(srv *wire.Server) *emitter { return &emitter{srv: srv} }

// identify sets the source's number and the clock's base. A second hello to the same agent keeps its sequence going.
func (e *emitter) identify(source int32, base int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.source = source
	e.base.Store(base)
}

// now is the run's clock.
func (e *emitter) now() int64 { return monotonic() - e.base.Load() }

// stallLimit is how long the harness may hold an agent up before that is recorded.
const stallLimit = 50 * time.Millisecond

// batch sends a batch. Its records are given the agent's number: as worker of operations, as node of all else.
func (e *emitter) batch(b *history.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	from := e.now()
	if held := e.send(b); held > stallLimit {
		e.send(&history.Batch{Events: []history.Event{{T: from, Dur: held.Nanoseconds(), Kind: history.EvStall, Name: history.StallHeld}}})
	}
}

func (e *emitter) send(b *history.Batch) time.Duration {
	e.seq++
	b.Own(e.source, e.seq)
	e.buf = history.EncodeBatch(e.buf[:0], b)
	return e.srv.Records(append([]byte(nil), e.buf...))
}

// event records something that happens now.
func (e *emitter) event(kind history.EventKind, name, text string) {
	e.batch(&history.Batch{Events: []history.Event{{T: e.now(), Kind: kind, Name: name, Text: text}}})
}
