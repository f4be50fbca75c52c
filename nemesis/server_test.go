package nemesis_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	. "github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/wire"
)

// world is a real deployment, looked at from outside of nemesis.
type world struct {
	t    testing.TB
	d    *topology.Deployment
	live *history.Live

	mu    sync.Mutex
	last  map[int]history.Fault
	looks int64 // that are over
}

func startWorld(t testing.TB, spec topology.Spec) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts containers")
	}
	agent, err := topology.FindAgent(t.Context())
	require.NoError(t, err)
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	t.Cleanup(func() { _ = lock.Close() })
	w := &world{t: t, live: history.NewLive()}
	spec.Caps = []string{"NET_ADMIN"}
	w.d, err = topology.Start(t.Context(), topology.Options{Spec: spec, RunID: fmt.Sprintf("nemesis%d", time.Now().UnixNano()), Seed: 1,
		Image: topology.Image{Ref: cmp.Or(os.Getenv("SCHISM_TEST_IMAGE"), "schism/redis:7.0")}, AgentPath: agent.Path, LockFile: lock.Name(),
		OnRecords: func(_ int32, payload []byte, _ uint64) {
			b, err := history.DecodeBatch(payload)
			if err == nil {
				w.live.Observe(b)
			}
		}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.d.Stop(context.Background())) })
	for i, n := range w.d.Nodes {
		if n.Kind != history.Worker {
			_, err := w.Call(t.Context(), i, wire.OpWatch, wire.WatchArgs{IntervalMS: 25, Sentinel: n.Kind == history.Sentinel, Cluster: w.d.ClusterIDs()}, nil)
			require.NoError(t, err)
		}
	}
	return w
}

func (w *world) Nodes() []history.Node {
	var out []history.Node
	for _, n := range w.d.Nodes {
		out = append(out, n.Node)
	}
	return out
}

func (w *world) Call(ctx context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error) {
	return w.d.Nodes[node].Conn.Call(ctx, op, args, out)
}

func (w *world) now() int64 {
	now, _ := w.d.Nodes[0].Conn.Now()
	return now
}

// looked is the moment at which the next look of run is over.
func (w *world) looked() When {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Acked(w.looks + 1)
}

// run carries the schedule out, from now on, and looks while the faults in effect are these. What waits for looked goes on then.
func (w *world) run(t *testing.T, s Schedule, look func(t *testing.T), inEffect ...int) {
	t.Helper()
	w.mu.Lock()
	w.last = map[int]history.Fault{}
	w.mu.Unlock()
	start := w.now()
	var looking sync.Once
	var wg sync.WaitGroup
	defer wg.Wait()
	err := Run(t.Context(), Config{Schedule: s, Cluster: w, Live: w.live, Clock: w.now, LoadStart: start, Record: func(f history.Fault) {
		w.live.Observe(&history.Batch{Faults: []history.Fault{f}})
		w.mu.Lock()
		defer w.mu.Unlock()
		w.last[f.ID] = f
		if look == nil || !w.only(inEffect) {
			return
		}
		looking.Do(func() {
			wg.Go(func() {
				defer w.ack()
				look(t)
			})
		})
	}})
	wg.Wait()
	if look != nil {
		looking.Do(func() { t.Error("there was nothing to look at") })
	}
	require.NoError(t, err)
	for id := 1; id <= s.Count(); id++ {
		f := w.last[id]
		require.Empty(t, f.Err)
		require.Empty(t, f.Unavailable)
		require.NotEmpty(t, f.Proof)
		t.Logf("%s: in effect %v after its time: %s; healed: %s", f.Text, time.Duration(f.Effect-f.Scheduled), f.Proof, f.HealProof)
		if !f.Permanent {
			require.NotEmpty(t, f.HealProof)
			require.Less(t, f.Effect, f.Healed)
		}
	}
}

// only tells whether just these faults are in effect. The caller holds mu.
func (w *world) only(ids []int) bool {
	n := 0
	for id, f := range w.last {
		if f.Effect > 0 && f.Healed == 0 {
			if !slices.Contains(ids, id) {
				return false
			}
			n++
		}
	}
	return n == len(ids)
}

// ack says that a look is over, as an acknowledged write, which faults can wait for.
func (w *world) ack() {
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
	now := w.now()
	w.live.Observe(&history.Batch{Ops: []history.Op{{F: history.FWrite, Outcome: history.OK, Call: now, Return: now}}})
}

func (w *world) node(name string) int {
	for i, n := range w.d.Nodes {
		if n.Name == name {
			return i
		}
	}
	w.t.Fatalf("no node %s", name)
	return 0
}

// redis sends a command to a server over loopback; an error is text that begins with "!".
func (w *world) redis(name string, args ...string) string {
	var r wire.RedisReply
	if _, err := w.Call(context.Background(), w.node(name), wire.OpRedis, wire.RedisArgs{Args: args, TimeoutMS: 2000}, &r); err != nil {
		return "!" + err.Error()
	}
	if r.Err != "" {
		return "!" + r.Err
	}
	var s any
	if json.Unmarshal(r.Value, &s) != nil {
		return string(r.Value)
	}
	return fmt.Sprint(s)
}

// reach has one node connect to another: "" when it can.
func (w *world) reach(from, to string) string {
	addr := w.d.Nodes[w.node(to)].Addr
	if !strings.Contains(addr, ":") {
		addr += ":6379"
	}
	var out []string
	_, err := w.Call(context.Background(), w.node(from), wire.OpReach, wire.ReachArgs{Addrs: []string{addr}, TimeoutMS: 300}, &out)
	if err != nil {
		return err.Error()
	}
	return out[0]
}

// reaches waits until one node can connect to another.
func (w *world) reaches(t *testing.T, from, to string) {
	t.Helper()
	w.eventually(t, from+" reaches "+to, func() bool { return w.reach(from, to) == "" })
}

func (w *world) proc(name string) wire.Proc {
	var p wire.Proc
	_, err := w.Call(context.Background(), w.node(name), wire.OpProc, nil, &p)
	require.NoError(w.t, err)
	return p
}

// eventually waits for the deployment to be as it was: what one fault did must not show in the next.
func (w *world) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 20*time.Millisecond, what)
}

func (w *world) whole(t *testing.T) {
	t.Helper()
	for _, n := range []string{"n2", "n3"} {
		w.eventually(t, n+" follows n1 again", func() bool {
			return strings.HasPrefix(w.redis(n, "ROLE"), "[slave "+strings.Split(w.d.Nodes[0].Addr, ":")[0]) && strings.Contains(w.redis(n, "ROLE"), "connected")
		})
	}
}

// Each fault takes effect and heals, seen by other means than its own proof. Sentinel is told to be patient, so that no failover
// comes between.
func TestFaultsOnRealServers(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindSentinel, Replicas: 2, Sentinels: 3, Workers: 2, Strangers: 1, DownAfter: time.Minute})
	ms := time.Millisecond
	one := func(a func(looked When) Action) func(When) Schedule {
		return func(looked When) Schedule { return Schedule{After(200*ms, a(looked))} }
	}
	for _, c := range []struct {
		name  string
		s     func(looked When) Schedule
		at    []int // the faults in effect during the look
		look  func(t *testing.T)
		after func(t *testing.T)
	}{
		{"kill", one(func(looked When) Action { return Kill(OneReplica).Until(looked) }), []int{1}, func(t *testing.T) {
			require.Zero(t, w.proc("n2").Pid)
		}, func(t *testing.T) { require.NotZero(t, w.proc("n2").Pid) }},
		{"stop", one(func(looked When) Action { return Stop("n3").Until(looked) }), []int{1}, func(t *testing.T) {
			require.Zero(t, w.proc("n3").Pid)
		}, func(t *testing.T) { require.NotZero(t, w.proc("n3").Pid) }},
		{"kill and restart", func(When) Schedule { return Schedule{After(200*ms, KillAndRestart("n3"))} }, nil, nil, nil},
		{"restart what was killed", func(looked When) Schedule {
			return Schedule{After(200*ms, Kill("n2", "n3")), On(looked, Restart(Killed))}
		}, []int{1}, func(t *testing.T) {
			require.Zero(t, w.proc("n2").Pid)
			require.Zero(t, w.proc("n3").Pid)
		}, nil},
		{"pause", one(func(looked When) Action { return Pause("n2").Until(looked) }), []int{1}, func(t *testing.T) {
			require.Equal(t, "T", w.proc("n2").State)
			require.Contains(t, w.redis("n2", "PING"), "!")
		}, func(t *testing.T) { require.Equal(t, "PONG", w.redis("n2", "PING")) }},
		{"partition", one(func(looked When) Action { return Partition(Side(Master, "s1", "w2"), Rest).Until(looked) }), []int{1}, func(t *testing.T) {
			for _, l := range [][2]string{{"n1", "n2"}, {"n2", "n1"}, {"w2", "n3"}, {"w1", "n1"}, {"s1", "s2"}, {"n3", "w2"}} {
				require.NotEmpty(t, w.reach(l[0], l[1]), "%s reaches %s", l[0], l[1])
			}
			for _, l := range [][2]string{{"n1", "s1"}, {"w2", "n1"}, {"w1", "n2"}, {"n2", "n3"}, {"s2", "s3"}} {
				w.reaches(t, l[0], l[1])
			}
			require.Equal(t, "OK", w.redis("n1", "SET", "cut", "1"))
			require.Equal(t, "<nil>", w.redis("n2", "GET", "cut"))
		}, func(t *testing.T) {
			w.eventually(t, "the write arrives", func() bool { return w.redis("n2", "GET", "cut") == "1" })
		}},
		{"isolate", one(func(looked When) Action { return Isolate("n2").Until(looked) }), []int{1}, func(t *testing.T) {
			require.NotEmpty(t, w.reach("n2", "n3"))
			require.NotEmpty(t, w.reach("w1", "n2"))
			w.reaches(t, "n1", "n3")
		}, nil},
		{"one way", one(func(looked When) Action { return OneWay(Master, Side("n2")).Until(looked) }), []int{1}, func(t *testing.T) {
			require.Equal(t, "OK", w.redis("n1", "SET", "oneway", "1"))
			require.Equal(t, "<nil>", w.redis("n2", "GET", "oneway"))
			w.eventually(t, "the other replica has it", func() bool { return w.redis("n3", "GET", "oneway") == "1" })
		}, nil},
		{"cut links", one(func(looked When) Action { return CutLinks(Master, AllReplicas).Until(looked) }), []int{1}, func(t *testing.T) {
			require.NotEmpty(t, w.reach("n1", "n2"))
			require.NotEmpty(t, w.reach("n3", "n1"))
			w.reaches(t, "n1", "s1")
			w.reaches(t, "w1", "n1")
		}, nil},
		{"overlapping cuts", func(looked When) Schedule {
			return Schedule{After(200*ms, CutLinks(Master, AllReplicas).Until(EffectOf(2))), After(700*ms, CutLinks(Side("n1"), Side("n2")).Until(AllOf(looked, HealOf(1))))}
		}, []int{2}, func(t *testing.T) {
			require.NotEmpty(t, w.reach("n1", "n2"), "the second fault still cuts it")
			w.reaches(t, "n1", "n3")
		}, nil},
		{"debug sleep", func(When) Schedule { return Schedule{After(200*ms, DebugSleep("n3", 4*time.Second))} }, []int{1}, func(t *testing.T) {
			require.Contains(t, w.redis("n3", "PING"), "!")
		}, func(t *testing.T) { require.Equal(t, "PONG", w.redis("n3", "PING")) }},
		{"replica of no one", one(func(looked When) Action { return ReplicaOf("n3", NoOne).Until(looked) }), []int{1}, func(t *testing.T) {
			require.Contains(t, w.redis("n3", "ROLE"), "[master")
		}, nil},
		{"link events", func(When) Schedule {
			return Schedule{After(200*ms, Kill("n2").Until(LinkDown("n3").Plus(200*ms))), After(700*ms, ReplicaOf("n3", "n2").Until(HealOf(1).Plus(200*ms)))}
		}, nil, nil, nil},
		// The last one: it replaces the data set.
		{"replica of another data set", one(func(looked When) Action { return ReplicaOf(Master, Stranger).Until(looked) }), []int{1}, func(t *testing.T) {
			w.eventually(t, "n1 has the other data set", func() bool { return strings.Contains(w.redis("n1", "ROLE"), " connected ") })
		}, func(t *testing.T) {
			require.Contains(t, w.redis("n1", "ROLE"), "[master")
			require.Equal(t, w.redis("n4", "DBSIZE"), w.redis("n1", "DBSIZE"))
			require.Equal(t, "<nil>", w.redis("n1", "GET", "cut"), "its own data is gone")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.run(t, c.s(w.looked()), c.look, c.at...)
			if c.after != nil {
				c.after(t)
			}
			w.whole(t)
		})
	}
}

// A real failover: the events, the targets that depend on it, and the restart that heals the kill.
func TestFailoverOnRealServers(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindSentinel, Replicas: 2, Sentinels: 3, DownAfter: time.Second})
	w.run(t, Schedule{
		After(500*time.Millisecond, CutLinks(Master, AllReplicas).Until(FailoverDone())),
		AfterEffect(1, 500*time.Millisecond, Kill(Master)),
		AfterFailover(time.Second, Restart(Killed), Pause(OneReplica).For(time.Second)),
	}, nil)
	require.Equal(t, "kill n1", w.last[2].Text)
	require.Equal(t, "restart n1", w.last[3].Text)
	require.NotEqual(t, "freeze n1", w.last[4].Text, "it was dead when the target was settled")
	require.Less(t, w.last[2].Effect, w.last[1].HealCalled, "the cut outlives the master")
	w.eventually(t, "the old master follows the new one", func() bool { return strings.Contains(w.redis("n1", "ROLE"), "[slave") })

	w.run(t, Schedule{After(100*time.Millisecond, SentinelFailover())}, nil)
}

// When the harness is told to stop, everything is healed before Run returns.
func TestInterruptOnRealServers(t *testing.T) {
	w := startWorld(t, topology.Spec{Kind: topology.KindReplicas, Replicas: 2})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := Run(ctx, Config{Schedule: Schedule{After(100*time.Millisecond, Isolate("n2").For(time.Minute), Kill("n3"), Pause("n1"))},
		Cluster: w, Live: w.live, Clock: w.now, LoadStart: w.now(), Record: func(f history.Fault) {
			if f.ID == 1 && f.Effect > 0 {
				cancel()
			}
		}})
	require.ErrorIs(t, err, context.Canceled)
	w.reaches(t, "n1", "n2")
	require.Equal(t, "PONG", w.redis("n3", "PING"))
	require.Equal(t, "PONG", w.redis("n1", "PING"))
}
