package nemesis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// fake is a deployment of 1 master, 2 replicas, 3 sentinels and 2 workers whose agents keep their promises, in the time of a synctest
// bubble. Each call takes 1 ms.
type fake struct {
	t     *testing.T
	base  time.Time
	live  *history.Live
	nodes []history.Node

	mu      sync.Mutex
	servers map[int]*fakeServer
	rules   map[int]fakeRules
	calls   []string
	touched []wire.Stamps  // around each call that breaks or mends something
	quiet   bool           // nobody sends a packet
	broken  map[string]int // op -> node that refuses it
	records []history.Fault
	lines   []string
	named   string // the master's address that the sentinels name
}

type fakeServer struct {
	state          string
	pids           int
	sleeps         time.Time
	follows        string
	loadsUntil     time.Time
	ignoresCommand bool
}

type fakeRules struct {
	since time.Time
	peers []string
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, base: time.Now(), live: history.NewLive(), servers: map[int]*fakeServer{}, rules: map[int]fakeRules{}, broken: map[string]int{}}
	for i, name := range []string{"n1", "n2", "n3", "s1", "s2", "s3", "w1", "w2", "n4"} {
		n := history.Node{Name: name, Addr: fmt.Sprintf("10.0.0.%d:6379", i+1)}
		switch name[0] {
		case 'n':
			n.Kind, n.Role = history.Server, history.RoleReplica
			f.servers[i] = &fakeServer{pids: 1, state: "S", follows: "10.0.0.1:6379"}
			if name == "n1" || name == "n4" {
				n.Role, n.Stranger = history.RoleMaster, name == "n4"
				f.servers[i].follows = ""
			}
		case 's':
			n.Kind, n.Role = history.Sentinel, history.RoleSentinel
			f.servers[i] = &fakeServer{pids: 1, state: "S"}
		case 'w':
			n.Kind, n.Role, n.Addr = history.Worker, history.RoleClient, fmt.Sprintf("10.0.0.%d", i+1)
		}
		f.nodes = append(f.nodes, n)
	}
	f.named = f.nodes[0].Addr
	return f
}

func (f *fake) now() int64            { return time.Since(f.base).Nanoseconds() }
func (f *fake) Nodes() []history.Node { return f.nodes }

func (f *fake) Call(ctx context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error) {
	t0 := f.now()
	time.Sleep(time.Millisecond)
	f.mu.Lock()
	f.calls = append(f.calls, string(op)+" "+f.nodes[node].Name)
	if touches(op, args) {
		f.touched = append(f.touched, wire.Stamps{T0: t0, T1: f.now()})
	}
	bad, ok := f.broken[string(op)]
	v, wait, err := f.answer(node, op, args)
	f.mu.Unlock()
	if ok && bad == node {
		return wire.Stamps{}, &wire.RemoteError{Node: f.nodes[node].Name, Op: op, Code: wire.CodeUnavailable, Msg: "refused by the test"}
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return wire.Stamps{}, ctx.Err()
		}
	}
	if err == nil && out != nil {
		data, merr := json.Marshal(v)
		require.NoError(f.t, merr)
		require.NoError(f.t, json.Unmarshal(data, out))
	}
	return wire.Stamps{T0: t0, T1: f.now()}, err
}

// touches tells whether a call changes something.
func touches(op wire.Op, args any) bool {
	if r, ok := args.(wire.RedisArgs); ok {
		return slices.Contains([]string{"REPLICAOF", "DEBUG"}, r.Args[0]) || len(r.Args) > 1 && r.Args[1] == "FAILOVER"
	}
	return op == wire.OpSignal || op == wire.OpStart || op == wire.OpNet
}

func (f *fake) answer(node int, op wire.Op, args any) (v any, wait time.Duration, err error) {
	s := f.servers[node]
	refuse := func(code, msg string) error {
		return &wire.RemoteError{Node: f.nodes[node].Name, Op: op, Code: code, Msg: msg}
	}
	switch op {
	case wire.OpProbe:
		return map[string]string{"nft": "ok"}, 0, nil
	case wire.OpProc:
		return s.proc(), 0, nil
	case wire.OpSignal:
		if s.state == "" {
			return nil, 0, refuse(wire.CodeNotRunning, "not running")
		}
		switch args.(wire.SignalArgs).Signal {
		case sigKill, sigTerm:
			s.state = ""
		case sigStop:
			s.state = "T"
		case sigCont:
			s.state = "S"
		}
		return s.proc(), 0, nil
	case wire.OpStart:
		require.Empty(f.t, s.state, "%s runs already", f.nodes[node].Name)
		s.pids++
		s.state, s.loadsUntil = "S", time.Now().Add(50*time.Millisecond)
		return s.proc(), 0, nil
	case wire.OpNet:
		var peers []string
		for _, r := range args.(wire.NetArgs).Rules {
			peers = append(peers, r.Peers...)
		}
		f.rules[node] = fakeRules{time.Now(), peers}
		return nil, 0, nil
	case wire.OpNetCnt:
		var cs []wire.Counter
		for _, p := range f.rules[node].peers {
			n := uint64(time.Since(f.rules[node].since) / (100 * time.Millisecond))
			if i := f.byIP(p); f.quiet || f.nodes[i].Kind == history.Worker || f.servers[i].state != "S" {
				n = 0
			}
			cs = append(cs, wire.Counter{Packets: n})
		}
		return cs, 0, nil
	case wire.OpReach:
		var out []string
		for _, a := range args.(wire.ReachArgs).Addrs {
			why := ""
			if f.cut(node, f.byIP(host(a))) {
				why = "timeout"
			}
			out = append(out, why)
		}
		return out, 0, nil
	case wire.OpRedis:
		a := args.(wire.RedisArgs)
		within := time.Duration(a.TimeoutMS) * time.Millisecond
		switch {
		case s.state == "":
			return nil, 0, refuse(wire.CodeNotRunning, "refused")
		case s.state == "T" || time.Now().Before(s.sleeps):
			return nil, within, refuse(wire.CodeTimeout, "no reply")
		}
		v, err := f.redis(node, s, a.Args)
		return v, 0, err
	}
	return nil, 0, refuse(wire.CodeUsage, "unknown operation")
}

func (f *fake) redis(node int, s *fakeServer, args []string) (wire.RedisReply, error) {
	ok := func(v any) (wire.RedisReply, error) {
		b, err := json.Marshal(v)
		return wire.RedisReply{Value: b}, err
	}
	switch cmd := strings.Join(args, " "); {
	case time.Now().Before(s.loadsUntil):
		return wire.RedisReply{Err: "LOADING the data set"}, nil
	case s.ignoresCommand:
		return ok("OK")
	case cmd == "PING":
		return ok("PONG")
	case args[0] == "DEBUG":
		d, err := time.ParseDuration(args[2] + "s")
		require.NoError(f.t, err)
		s.sleeps = time.Now().Add(d)
		return ok(nil)
	case cmd == "ROLE" && s.follows == "":
		return ok([]any{"master", 1, []any{}})
	case cmd == "ROLE":
		h, p, _ := strings.Cut(s.follows, ":")
		return ok([]any{"slave", h, json.Number(p), "connected", 1})
	case cmd == "REPLICAOF NO ONE":
		s.follows = ""
		return ok("OK")
	case args[0] == "REPLICAOF":
		s.follows = args[1] + ":" + args[2]
		return ok("OK")
	case cmd == "SENTINEL MASTERS":
		return ok([]any{[]any{"name", "mymaster", "ip", "10.0.0.1"}})
	case strings.HasPrefix(cmd, "SENTINEL GET-MASTER"):
		return ok(strings.Split(f.named, ":"))
	case strings.HasPrefix(cmd, "SENTINEL FAILOVER"):
		f.named = f.nodes[1].Addr
		return ok("OK")
	}
	return wire.RedisReply{Err: "ERR unknown command"}, nil
}

func (s *fakeServer) proc() wire.Proc {
	if s.state == "" {
		return wire.Proc{Exit: "signal: killed"}
	}
	return wire.Proc{Pid: s.pids, State: s.state}
}

func (f *fake) byIP(ip string) int {
	return slices.IndexFunc(f.nodes, func(n history.Node) bool { return host(n.Addr) == ip })
}

// cut tells whether either direction between two nodes drops.
func (f *fake) cut(a, b int) bool {
	return slices.Contains(f.rules[a].peers, host(f.nodes[b].Addr)) || slices.Contains(f.rules[b].peers, host(f.nodes[a].Addr))
}

// drops are the cut links by name: "n1>n2".
func (f *fake) drops() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for to, r := range f.rules {
		for _, p := range r.peers {
			out = append(out, f.nodes[f.byIP(p)].Name+">"+f.nodes[to].Name)
		}
	}
	slices.Sort(out)
	return out
}

func (f *fake) state(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[f.index(name)].state
}

func (f *fake) follows(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[f.index(name)].follows
}

func (f *fake) index(name string) int {
	return slices.IndexFunc(f.nodes, func(n history.Node) bool { return n.Name == name })
}

// at runs something at a moment after the beginning of the load.
func (f *fake) at(d time.Duration, do func()) { time.AfterFunc(d-time.Since(f.base), do) }

// switchMaster has a sentinel say that the master changed.
func (f *fake) switchMaster(sentinel, old, now string) {
	text := "mymaster " + strings.ReplaceAll(f.nodes[f.index(old)].Addr, ":", " ") + " " + strings.ReplaceAll(f.nodes[f.index(now)].Addr, ":", " ")
	f.live.Observe(&history.Batch{Events: []history.Event{{Node: int32(f.index(sentinel)), T: f.now(), Kind: history.EvSentinel, Name: "+switch-master", Text: text}}})
}

func (f *fake) sample(name string, role history.Role, linkUp bool) {
	f.live.Observe(&history.Batch{Samples: []history.Sample{{Node: int32(f.index(name)), Call: f.now(), Answered: true, Up: true, Role: role, LinkUp: linkUp}}})
}

func (f *fake) config(s Schedule) Config {
	return Config{Schedule: s, Cluster: f, Live: f.live, Clock: f.now, EventTimeout: 30 * time.Second,
		Record: func(r history.Fault) {
			f.mu.Lock()
			f.records = append(f.records, r)
			f.mu.Unlock()
			f.live.Observe(&history.Batch{Faults: []history.Fault{r}}) // as the harness does
		},
		Progress: func(l string) { f.mu.Lock(); defer f.mu.Unlock(); f.lines = append(f.lines, l) }}
}

// last is the last record of a fault.
func (f *fake) last(id int) history.Fault {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.records) - 1; i >= 0; i-- {
		if f.records[i].ID == id {
			return f.records[i]
		}
	}
	f.t.Fatalf("fault %d was never recorded", id)
	return history.Fault{}
}

// bubble runs the test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFake(t)) })
}

func (f *fake) run(s Schedule) {
	f.t.Helper()
	require.NoError(f.t, Run(f.t.Context(), f.config(s)))
}

// near requires a moment within 50 ms after the wanted one, which is the bar for the effect of a fault.
func near(t *testing.T, want time.Duration, got int64) {
	t.Helper()
	d := time.Duration(got) - want
	require.True(t, d >= 0 && d <= 50*time.Millisecond, "at %v instead of %v", time.Duration(got), want)
}

// complete requires that a fault took effect, healed, and that all of it was proved and in order.
func complete(t *testing.T, r history.Fault) {
	t.Helper()
	require.Empty(t, r.Err)
	require.NotEmpty(t, r.Proof, "no proof of fault %d", r.ID)
	require.NotEmpty(t, r.HealProof, "no proof of the heal of fault %d", r.ID)
	require.LessOrEqual(t, r.Scheduled, r.Injected)
	require.LessOrEqual(t, r.Injected, r.Effect)
	require.LessOrEqual(t, r.Effect, r.HealCalled)
	require.LessOrEqual(t, r.HealCalled, r.Healed)
}
