// Package sim simulates asynchronous replication, so that the checkers can be held against the truth: a log on a master, replicas that
// lag behind it, failovers that promote one of them, deposed masters that go on or die and throw their own branches away, restarts
// with older data or none, and clients that time out. One seed is a whole configuration (Config.Draw). It emits a history as a real run
// records it, and what really happened. It can also break the servers (Defect), so that what the checkers must find is known.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand"
	"slices"

	"github.com/schismtest/schism/history"
)

// happening is something that happens at a moment.
type happening struct {
	t   int64
	seq int
	do  func(t int64)
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].t < a[j].t || a[i].t == a[j].t && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any     { o := *a; x := o[len(o)-1]; *a = o[:len(o)-1]; return x }

// shared is what all shards of a run have together.
type shared struct {
	c       Config
	r       *rand.Rand
	h       *history.History
	truth   Truth
	agenda  agenda
	seq     int
	ids     int
	ops     []history.Op // in order of call
	ended   bool
	clients []*client
	sealed  int64 // when the load ended
	worlds  []*world
	owner   []int   // by key: its shard, as a place in worlds
	moves   []moved // of keys between shards, in order
}

// world is one shard: a master and two replicas. Without a Cluster there is one.
type world struct {
	*shared
	place    int   // in worlds
	base     int32 // number of its first node in Run.Nodes; its nodes' ids count from 0
	nodes    []*node
	official *node // whose data counts
	crowned  []crown
	named    int32 // whom the clients of the first worker take for the master
	pinned   int32 // whom those of the second do, or NoNode: the same
	walled   bool  // the second worker stands with the master that is cut off
	entries  []*entry
	double   int64 // since when there are two masters, or -1
	headless int64 // since when there is none that serves, or -1
}

// The workers' numbers in Run.Nodes of a run with one shard; workerID has those of any.
const (
	firstWorker  = 3
	secondWorker = 4
)

// Run simulates once.
func Run(c Config) (*history.History, Truth) {
	c = c.Draw()
	s := &shared{c: c, r: rand.New(rand.NewSource(c.Seed + 1)), h: &history.History{}}
	s.truth.Config = c
	for k := range c.Keys {
		s.owner = append(s.owner, s.ownerOf(fmt.Sprintf("k:%d", k)))
	}
	for place := range max(1, c.Shards) {
		w := &world{shared: s, place: place, base: int32(3 * place), pinned: history.NoNode, double: -1, headless: -1, crowned: []crown{{-history.Inf, 0}}}
		s.worlds = append(s.worlds, w)
		for i := range int32(3) {
			n := &node{id: i, lag: us*100 + w.r.Int63n(c.Lag), of: 0, link: true, run: 1}
			w.nodes = append(w.nodes, n)
			w.load(n, nil, true)
			n.replID = fmt.Sprintf("id0%s", w.suffix())
		}
		w.nodes[0].master = true
		w.official = w.nodes[0]
	}
	w := s.worlds[0]
	s.describe()
	w.schedule()
	for _, w := range s.worlds {
		for _, n := range w.nodes {
			w.at(w.r.Int63n(c.Sampling), func(t int64) { w.sample(n, t) })
		}
	}
	w.start2()
	s.migrations()
	w.at(c.Load, func(t int64) { w.ended, w.sealed = true, t })
	w.until(c.Load + 2*sec)
	w.finish()
	return s.h, s.truth
}

// suffix tells the ids of one shard from those of others.
func (w *world) suffix() string {
	if w.place == 0 {
		return ""
	}
	return fmt.Sprint(".", w.place)
}

// gid is a node's number in Run.Nodes.
func (w *world) gid(n *node) int32 { return w.base + n.id }

// workerID is a worker's number in Run.Nodes.
func (w *shared) workerID(worker int32) int32 {
	return worker + 3*int32(len(w.worlds)-1)
}

// start2 lets the clients go.
func (w *world) start2() {
	for wk := range int32(2) {
		for i := range w.c.Clients {
			cl := &client{worker: firstWorker + wk, slot: wk*100 + int32(i), n: int64(len(w.clients)), rep: int32(w.r.Intn(3))}
			cl.process = cl.slot
			w.clients = append(w.clients, cl)
			w.at(10*ms+w.r.Int63n(w.c.Pace), func(t int64) { w.next(cl, t) })
		}
	}
	for _, w := range w.worlds {
		slot := 99 + 1000*int32(w.place)
		prober := &client{worker: firstWorker, slot: slot, process: slot}
		w.at(sec/2+w.r.Int63n(sec/2), func(t int64) { w.probe(prober, t) })
	}
}

// at puts something on the agenda.
func (w *shared) at(t int64, do func(t int64)) {
	w.seq++
	heap.Push(&w.agenda, happening{t, w.seq, do})
}

func (w *shared) until(t int64) {
	for len(w.agenda) > 0 && w.agenda[0].t <= t {
		x := heap.Pop(&w.agenda).(happening)
		x.do(x.t)
		for _, w := range w.worlds {
			w.count(x.t)
		}
	}
}

// count keeps account of the time with two masters.
func (w *world) count(t int64) {
	masters := 0
	for _, n := range w.nodes {
		if n.master && !n.down && !n.frozen {
			masters++
		}
	}
	switch {
	case masters > 1 && w.double < 0:
		w.double = t
	case masters < 2 && w.double >= 0:
		w.truth.TwoMasters += t - w.double
		w.double = -1
	}
	switch {
	case masters == 0 && w.headless < 0:
		w.headless = t
	case masters > 0 && w.headless >= 0:
		w.truth.Headless = append(w.truth.Headless, Headless{w.place, Span{w.headless, t}})
		w.headless = -1
	}
}

func (w *shared) id() string { w.ids++; return fmt.Sprint("id", w.ids) }

// describe fills in what a real run knows before it starts.
func (w *shared) describe() {
	run := &w.h.Run
	run.Scenario = "simulated"
	for i := range int32(3 * len(w.worlds)) {
		role, shard := history.RoleReplica, 0
		if i%3 == 0 {
			role = history.RoleMaster
		}
		if w.c.Shards > 0 {
			shard = int(i/3) + 1
		}
		run.Nodes = append(run.Nodes, history.Node{Name: fmt.Sprintf("n%d", i+1), Kind: history.Server, Addr: addr(i), Role: role, Shard: shard})
	}
	for place := range w.c.Shards {
		run.Slots = append(run.Slots, history.ShardSlots{Shard: place + 1, Ranges: []history.SlotRange{w.slotsOf(place)}})
	}
	run.Nodes = append(run.Nodes, history.Node{Name: "w1", Kind: history.Worker}, history.Node{Name: "w2", Kind: history.Worker})
	for k := range w.c.Keys {
		w.h.Keys = append(w.h.Keys, fmt.Sprintf("k:%d", k))
	}
	for i := range int32(3 * len(w.worlds)) {
		w.h.Keys = append(w.h.Keys, history.ReplicaKey(i))
	}
}

func addr(n int32) string { return fmt.Sprintf("10.0.0.%d:6379", n+1) }

// finish reads the final data, and says what is true.
func (w *world) finish() {
	for _, w := range w.worlds {
		w.settle(w.c.Load + 2*sec)
	}
	// The history has operations about in the order of their returns.
	order := make([]int, len(w.ops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(1, max(-1, w.ops[a].Return-w.ops[b].Return))) })
	place := make([]int, len(w.ops))
	for p, i := range order {
		place[i] = p
		w.ops[i].Worker = w.workerID(w.ops[i].Worker)
		w.h.Ops.Append(w.ops[i])
	}
	w.ended = true
	end := w.c.Load + 2*sec
	phase := func(name string, t int64) {
		w.h.Events = append(w.h.Events, history.Event{Node: history.NoNode, T: t, Kind: history.EvPhase, Name: name})
	}
	phase(history.PhaseLoad, 0)
	phase(history.PhaseLoadEnd, w.c.Load)
	phase(history.PhaseDropped, w.c.Load+sec)
	phase(history.PhaseBarrier, end)
	for _, w := range w.worlds {
		w.dumps(end)
	}
	w.sortDumps()
	w.until(end + sec)
	phase(history.PhaseFinalEnd, end+sec)
	for _, w := range w.worlds {
		w.count(end + sec)
	}
	slices.SortStableFunc(w.h.Views, func(a, b history.View) int { return int(min(1, max(-1, a.Call-b.Call))) })
	slices.SortStableFunc(w.h.Samples, func(a, b history.Sample) int { return int(min(1, max(-1, a.Call-b.Call))) })
	w.h.End = end + sec
	w.tell(place)
	w.lose()
}
