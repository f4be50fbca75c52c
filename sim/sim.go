// Package sim simulates asynchronous replication, so that the checkers can be held against the truth: a log on a master, replicas that
// lag behind it, a failover that promotes one of them, a deposed master that goes on or dies and throws its own branch away, and
// clients that time out. It emits a history as a real run records it, and what really became of every write.
package sim

import (
	"fmt"
	"math/rand"
	"slices"

	"github.com/schismtest/schism/history"
)

// Config says what to simulate. Times are ns.
type Config struct {
	Seed int64
	// Register writes registers with predecessor replies and versions instead of adding to sets.
	Register bool
	// Shared lets every client write every register; otherwise each has one writer.
	Shared bool
	// Failover promotes a replica; Split keeps the old master writable for the clients of a second worker until it rejoins.
	Failover, Split bool
	Clients         int // per worker
	Length          int64
}

// Truth is what really happened, by operation number.
type Truth struct {
	InFinal  []bool  // the write stands in the final log
	Executed []bool  // it was executed somewhere
	Effect   []int64 // when, 0 for never
	// Missed is, for a read, when the first write that it missed was executed on the branch it read from; 0 when it missed none.
	Missed   []int64
	Promoted int64 // 0 without a failover
}

const (
	ms       = int64(1e6)
	entry    = 64 // bytes of an offset that a write takes
	sampling = 25 * ms
)

// write is an entry of a log.
type write struct {
	op  int
	key uint32
	v   int64
	t   int64
}

// node is a server: its log, and when it got each entry.
type node struct {
	id      int32
	log     []write
	replID  string
	replID2 string
	second  int64
	runID   string
	down    bool
	master  bool
	link    bool
	lag     int64
}

func (n *node) value(key uint32) int64 {
	for i := len(n.log) - 1; i >= 0; i-- {
		if n.log[i].key == key {
			return n.log[i].v
		}
	}
	return history.Nil
}

type world struct {
	c      Config
	r      *rand.Rand
	nodes  [3]*node
	ops    []history.Op
	truth  Truth
	h      *history.History
	cut    int64
	kill   int64
	prom   int64
	rejoin int64
	next   map[uint32]int64
}

// Run simulates once.
func Run(c Config) (*history.History, Truth) {
	r := rand.New(rand.NewSource(c.Seed))
	if c.Clients == 0 {
		c.Clients = 3
	}
	if c.Length == 0 {
		c.Length = int64(4e9)
	}
	w := &world{c: c, r: r, next: map[uint32]int64{}, h: &history.History{}}
	for i := range w.nodes {
		w.nodes[i] = &node{id: int32(i), replID: "A", runID: fmt.Sprint("run", i), link: true, lag: r.Int63n(5*ms) + ms/10}
	}
	w.nodes[0].master = true
	if c.Failover {
		w.cut = c.Length/4 + r.Int63n(c.Length/8)
		w.kill = w.cut + 20*ms + r.Int63n(500*ms)
		w.prom = w.kill + 300*ms + r.Int63n(500*ms)
		w.rejoin = w.prom + 500*ms + r.Int63n(c.Length/4)
	}
	w.describe()
	w.run()
	w.finish()
	return w.h, w.truth
}

// describe fills in what a real run knows before it starts.
func (w *world) describe() {
	run := &w.h.Run
	run.Scenario = "simulated"
	for i := range 3 {
		role := history.RoleReplica
		if i == 0 {
			role = history.RoleMaster
		}
		run.Nodes = append(run.Nodes, history.Node{Name: fmt.Sprintf("n%d", i+1), Kind: history.Server, Addr: addr(int32(i)), Role: role})
	}
	run.Nodes = append(run.Nodes, history.Node{Name: "w1", Kind: history.Worker}, history.Node{Name: "w2", Kind: history.Worker})
	for k := range 6 {
		w.h.Keys = append(w.h.Keys, fmt.Sprintf("k:%d", k))
	}
}

func addr(n int32) string { return fmt.Sprintf("10.0.0.%d:6379", n+1) }

// client is one sequential client of a worker.
type client struct {
	worker  int32
	slot    int32
	process int32
	free    int64
}

// run lets time pass from one client's operation to the next.
func (w *world) run() {
	var clients []*client
	workers := int32(1)
	if w.c.Split {
		workers = 2
	}
	for wk := range workers {
		for i := range w.c.Clients {
			id := wk*100 + int32(i)
			clients = append(clients, &client{worker: 3 + wk, slot: id, process: id, free: 10 * ms})
		}
	}
	sampled := int64(0)
	for {
		c := slices.MinFunc(clients, func(a, b *client) int { return int(min(1, max(-1, a.free-b.free))) })
		t := c.free // operations are processed in the order of their calls
		if t > w.c.Length {
			break
		}
		for ; sampled < t; sampled += sampling {
			w.advance(sampled)
			w.sample(sampled)
		}
		w.advance(t)
		w.operate(c, t)
	}
	for ; sampled < w.c.Length+3*int64(1e9); sampled += sampling {
		w.advance(sampled)
		w.sample(sampled)
	}
}

// advance applies what happened up to t: replication, the failover's steps.
func (w *world) advance(t int64) {
	old := w.nodes[0]
	if w.c.Failover && w.prom > 0 && t >= w.prom && !w.nodes[1].master {
		n := w.nodes[1]
		n.master, n.replID2, n.second, n.replID = true, n.replID, int64(len(n.log))*entry+1, "B"
		w.nodes[2].log = slices.Clone(n.log[:min(len(n.log), len(w.nodes[2].log))])
		w.nodes[2].replID = "B"
		w.truth.Promoted = w.prom
	}
	if w.c.Failover && !w.c.Split && t >= w.kill && t < w.rejoin {
		old.down = true
	}
	if w.c.Failover && t >= w.rejoin && old.master {
		old.down, old.master, old.replID, old.log = false, false, "B", nil
		if !w.c.Split {
			old.runID = "again"
		}
	}
	master := w.nodes[0]
	if w.nodes[1].master {
		master = w.nodes[1]
	}
	for _, n := range w.nodes {
		if n == master || n.master || n.down || (w.c.Failover && t >= w.cut && master == w.nodes[0]) {
			continue
		}
		for len(n.log) < len(master.log) && (n.replID == master.replID) && master.log[len(n.log)].t+n.lag <= t {
			n.log = append(n.log, master.log[len(n.log)])
		}
	}
}

// target is the master that a client of this worker talks to at t.
func (w *world) target(c *client, t int64) *node {
	switch {
	case w.c.Split && c.worker == 4 && w.nodes[0].master:
		return w.nodes[0]
	case w.c.Failover && t >= w.prom && w.nodes[1].master:
		return w.nodes[1]
	case w.c.Split && t >= w.cut && w.nodes[0].master && c.worker == 3:
		return nil // cut off from the old master, nobody promoted yet
	}
	return w.nodes[0]
}

// operate issues one operation: a write to the master, or a read from a replica.
func (w *world) operate(c *client, t int64) {
	o := history.Op{Process: c.process, Client: c.slot, Worker: c.worker, Node: history.NoNode, Key: uint32(w.r.Intn(len(w.h.Keys))), In: history.None, Arg: history.None, Out: history.None,
		Acked: -1, Call: t, Intended: t}
	took := 100_000 + w.r.Int63n(ms)
	o.Return = t + took
	c.free = o.Return + 1 + w.r.Int63n(4*ms)
	if w.r.Intn(4) == 0 {
		w.read(&o)
		return
	}
	n := w.target(c, t)
	o.F = history.FAdd
	if w.c.Register {
		o.F, o.Flags = history.FWrite, history.FlagPred
		if !w.c.Shared { // one writer a key
			o.Flags |= history.FlagVersion
			o.Key = uint32(c.slot%100) + uint32(c.worker-3)*uint32(w.c.Clients)
		}
	}
	w.next[o.Key]++
	o.In = w.next[o.Key]
	if n == nil || n.down {
		o.Outcome, o.Err = history.Fail, history.ErrDialRefused
		w.record(o, 0, 0)
		return
	}
	o.Node = n.id
	at := t + w.r.Int63n(took)
	if w.c.Failover && !w.c.Split && n.id == 0 && at >= w.kill {
		o.Outcome, o.Err, o.Return = history.Info, history.ErrEOF, history.Inf // it died with the request
		w.retire(c)
		w.record(o, 0, 0)
		return
	}
	if w.c.Register {
		o.Out = n.value(o.Key)
	} else {
		o.Out = 1
	}
	n.log = append(n.log, write{len(w.ops), o.Key, o.In, at})
	if w.r.Intn(60) == 0 || w.c.Failover && !w.c.Split && n.id == 0 && o.Return >= w.kill { // the reply is lost
		o.Outcome, o.Err, o.Return, o.Out = history.Info, history.ErrTimeout, history.Inf, history.None
		w.retire(c)
	}
	w.record(o, at, 0)
}

func (w *world) retire(c *client) {
	c.process += 1000
	c.free += 50 * ms
}

// read reads a replica.
func (w *world) read(o *history.Op) {
	n := w.nodes[1+w.r.Intn(2)]
	if n.master {
		n = w.nodes[2]
	}
	o.Node, o.Flags = n.id, history.FlagReplicaRead
	master := w.nodes[0]
	if w.nodes[1].master {
		master = w.nodes[1]
	}
	var missed int64
	for i := len(n.log); i < len(master.log); i++ {
		if master.log[i].key == o.Key {
			missed = master.log[i].t
			break
		}
	}
	if w.c.Register {
		o.F, o.Out = history.FRead, n.value(o.Key)
	} else {
		o.F = history.FReadSet
		o.List = []int64{}
		for _, e := range n.log {
			if e.key == o.Key {
				o.List = append(o.List, e.v)
			}
		}
		slices.Sort(o.List)
	}
	w.record(*o, 0, missed)
}

func (w *world) record(o history.Op, at, missed int64) {
	w.ops = append(w.ops, o)
	w.truth.Effect = append(w.truth.Effect, at)
	w.truth.Executed = append(w.truth.Executed, at > 0)
	w.truth.Missed = append(w.truth.Missed, missed)
}

// sample looks at every node as its agent would.
func (w *world) sample(t int64) {
	for _, n := range w.nodes {
		s := history.Sample{Node: n.id, Call: t, Return: t + 200_000, Answered: !n.down, Up: !n.down, RunID: n.runID, ReplID: n.replID, ReplID2: n.replID2, SecondOffset: n.second,
			Offset: int64(len(n.log)) * entry, LinkUp: true, Role: history.RoleReplica}
		if n.master {
			s.Role = history.RoleMaster
		} else if w.nodes[1].master {
			s.MasterAddr = addr(1)
		} else {
			s.MasterAddr = addr(0)
		}
		w.h.Samples = append(w.h.Samples, s)
	}
}

// finish reads the final data, and says what is true.
func (w *world) finish() {
	final := w.nodes[0]
	if w.nodes[1].master {
		final = w.nodes[1]
	}
	w.truth.InFinal = make([]bool, len(w.ops))
	for _, e := range final.log {
		w.truth.InFinal[e.op] = true
	}
	for _, o := range w.ops {
		w.h.Ops.Append(o)
	}
	end := w.c.Length + 2*int64(1e9)
	phase := func(name string, t int64) {
		w.h.Events = append(w.h.Events, history.Event{Node: history.NoNode, T: t, Kind: history.EvPhase, Name: name})
	}
	phase(history.PhaseLoad, 0)
	phase(history.PhaseLoadEnd, w.c.Length)
	phase(history.PhaseBarrier, end)
	phase(history.PhaseFinalEnd, end+ms)
	w.h.End = end + ms
	w.dumps(final)
	if w.c.Failover {
		w.h.Faults = []history.Fault{
			{ID: 1, Kind: "cut-links", Text: "cut n1 from its replicas", Links: [][2]int32{{0, 1}, {0, 2}}, Scheduled: w.cut, Injected: w.cut, Effect: w.cut, HealCalled: w.rejoin, Healed: w.rejoin},
			{ID: 2, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Scheduled: w.kill, Injected: w.kill, Effect: w.kill, HealCalled: w.rejoin, Healed: w.rejoin},
		}
		if w.c.Split {
			w.h.Faults = w.h.Faults[:1]
			w.h.Faults[0].Targets = []int32{0}
		}
	}
}

func (w *world) dumps(final *node) {
	for k, key := range w.h.Keys {
		d := history.Dump{Key: key, Type: "none", ExpireAt: -1, Digest: 1}
		for _, e := range final.log {
			if e.key != uint32(k) {
				continue
			}
			if w.c.Register {
				d.Type, d.Elems = "string", []int64{e.v}
			} else {
				d.Type, d.Elems = "set", append(d.Elems, e.v)
			}
		}
		slices.Sort(d.Elems)
		for n := range int32(3) {
			d.Node = n
			w.h.Dumps = append(w.h.Dumps, d)
		}
	}
}
