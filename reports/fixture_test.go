package reports

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"slices"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

// The moments of the invented split brain, in ns.
const (
	ms         = int64(1e6)
	tCut       = 10012 * ms
	tPromoted  = 12460 * ms
	tFirstAck  = 13422 * ms
	tHeal      = 30015 * ms
	tDemoted   = 40312 * ms
	tLinkUp    = 40882 * ms
	tLoadEnd   = 50900 * ms
	tBarrier   = 52104 * ms
	tEnd       = 52921 * ms
	w1, w2     = 6, 7
	n1, n2, n3 = 0, 1, 2
)

type world struct {
	r     *rand.Rand
	h     *history.History
	a     *checker.Analysis
	now   [2][]int64 // by branch (0: n1's, 1: n2's), by key
	next  int64
	lost  int64
	ops   []history.Op
	fate  []checker.Fate
	stale []int64
}

// splitBrain invents a run with so many writes a second, and an analysis that fits it.
func splitBrain(rate float64) (*history.History, *checker.Analysis) {
	const keys = 100
	w := &world{r: rand.New(rand.NewSource(7431)), h: &history.History{End: tEnd}, a: &checker.Analysis{}}
	w.h.Run = fixtureRun()
	for k := range keys {
		w.h.Keys = append(w.h.Keys, fmt.Sprintf("k:%04d", k))
	}
	w.now[0], w.now[1] = make([]int64, keys), make([]int64, keys)
	for k := range keys {
		w.now[0][k] = history.Nil
	}
	w.load(rate)
	order := make([]int, len(w.ops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(w.ops[a].Call - w.ops[b].Call) })
	ages := map[int]checker.ReadAge{}
	for _, i := range order {
		w.h.Ops.Append(w.ops[i])
		w.a.Fate = append(w.a.Fate, w.fate[i])
		if s := w.stale[i]; s >= 0 {
			ages[len(w.a.Fate)-1] = checker.ReadAge{Lo: s, Hi: s, KeptLo: s, KeptHi: s}
		}
	}
	w.a.Ages = checker.AgesOf(len(w.ops), ages)
	w.observe()
	w.events()
	w.judge()
	return w.h, w.a
}

func (w *world) add(o history.Op, f checker.Fate, stale int64) int {
	o.Acked, o.Arg, o.Intended = -1, history.None, o.Call
	w.ops, w.fate, w.stale = append(w.ops, o), append(w.fate, f), append(w.stale, stale)
	return len(w.ops) - 1
}

func (w *world) load(rate float64) {
	step := int64(1e9 / rate)
	for t := int64(0); t < tLoadEnd; t += step {
		client := int32(w.r.Intn(10))
		worker := int32(w1)
		if client == 0 {
			worker = w2
		}
		w.write(t+w.r.Int63n(step), client, worker, w.r.Intn(100))
		if w.r.Float64() < 0.5 {
			w.read(t+w.r.Int63n(step), client+10, worker, w.r.Intn(100))
		}
	}
	for c := int32(1); c < 10; c++ { // what was in flight at the cut, and what could not connect after it
		w.add(history.Op{Process: c, Client: c, Worker: w1, F: history.FWrite, Outcome: history.Info, Err: history.ErrTimeout, Node: n1,
			Key: uint32(c), In: 1e6 + int64(c), Out: history.None, Call: tCut - int64(c)*ms/4}, checker.FateIndeterminate, -1)
		for k := range int64(4) {
			t := tCut + 1010*ms + k*600*ms + int64(c)*ms
			w.add(history.Op{Process: c + 20, Client: c, Worker: w1, F: history.FWrite, Outcome: history.Fail, Err: history.ErrDialTimeout, Node: history.NoNode,
				Key: uint32(c), In: 2e6 + int64(c)*10 + k, Out: history.None, Call: t, Return: t + 500*ms}, checker.FateFailed, -1)
		}
	}
}

func (w *world) write(t int64, client, worker int32, key int) {
	branch, node := 0, int32(n1)
	switch {
	case worker == w1 && t >= tCut-ms && t < tFirstAck:
		return
	case worker == w2 && t >= tDemoted && t < tDemoted+620*ms:
		if w.r.Intn(12) == 0 {
			w.add(history.Op{Process: client, Client: client, Worker: worker, F: history.FWrite, Outcome: history.Fail, Err: history.ErrReadOnly, Node: n1,
				Key: uint32(key), In: 3e6 + w.next, Out: history.None, Call: t, Return: t + ms/3}, checker.FateFailed, -1)
		}
		return
	case worker == w1 && t >= tFirstAck, t >= tDemoted:
		branch, node = 1, n2
	}
	w.next++
	d := int64(math.Exp(w.r.NormFloat64()*0.45) * 0.21 * float64(ms))
	if t > tFirstAck && t < tFirstAck+400*ms {
		d *= 9
	}
	f := checker.FateSurvived
	if branch == 0 && t > tCut-4*ms {
		f = checker.FateLost
		w.lost++
	}
	w.add(history.Op{Process: client, Client: client, Worker: worker, F: history.FWrite, Flags: history.FlagPred, Node: node, Key: uint32(key),
		In: w.next, Out: w.now[branch][key], Call: t, Return: t + d}, f, -1)
	w.now[branch][key] = w.next
	if t < tCut-4*ms {
		w.now[1][key] = w.next
	}
}

func (w *world) read(t int64, client, worker int32, key int) {
	node := int32(n2 + w.r.Intn(2))
	branch := 1
	if worker == w2 || (t > tLinkUp && w.r.Intn(3) == 0) {
		node = n1
		if t < tDemoted {
			branch = 0
		}
		if t > tDemoted && t < tLinkUp+50*ms {
			return
		}
	} else if t < tCut {
		branch = 0
	}
	stale := int64(0)
	switch {
	case node == n1 && t > tFirstAck && t < tDemoted:
		stale = t - tFirstAck - w.r.Int63n(400*ms)
	case node == n3 && t > tFirstAck && t < tFirstAck+696*ms:
		stale = (t - tFirstAck) * 9 / 10
	case node == n2 && t > tPromoted:
	case w.r.Float64() < 0.07:
		stale = int64(math.Exp(w.r.NormFloat64()*0.6) * 0.45 * float64(ms))
	}
	out := w.now[branch][key]
	w.add(history.Op{Process: client, Client: client, Worker: worker, F: history.FRead, Flags: history.FlagReplicaRead, Node: node, Key: uint32(key),
		In: history.None, Out: out, Call: t, Return: t + int64(math.Exp(w.r.NormFloat64()*0.3)*0.15*float64(ms))}, checker.FateNone, max(0, stale))
}

func (w *world) observe() {
	for t := int64(0); t < tEnd; t += 50 * ms {
		for n := int32(0); n < 3; n++ {
			s := history.Sample{Node: n, Call: t, Return: t + ms/2, Answered: true, Up: true, LinkUp: true, Role: history.RoleReplica}
			switch {
			case n == n1 && t < tDemoted, n == n2 && t >= tPromoted:
				s.Role = history.RoleMaster
			case n == n1 && t < tLinkUp:
				s.Loading, s.LinkUp = true, false
			}
			if s.Role == history.RoleReplica {
				s.MasterAddr = "10.0.0.1:6379"
				if t > tFirstAck {
					s.MasterAddr = "10.0.0.2:6379"
				}
				s.LinkUp = s.LinkUp && !(t > tCut && t < tFirstAck)
				b, age := int64(w.r.ExpFloat64()*900), int64(w.r.ExpFloat64()*float64(ms))
				if t > tCut && t < tFirstAck+696*ms {
					b, age = (t-tCut)/ms*40, t-tCut
				}
				w.a.Lag = append(w.a.Lag, checker.LagPoint{Node: n, T: t, Bytes: b, Age: age})
			} else if n == n1 && t > tPromoted {
				w.a.Lag = append(w.a.Lag, checker.LagPoint{Node: n, T: t, Bytes: (t - tCut) / ms * 41, Age: -1, Branch: true})
			}
			w.h.Samples = append(w.h.Samples, s)
		}
	}
}

func (w *world) events() {
	ev := func(node int32, t int64, kind history.EventKind, name, text string) {
		w.h.Events = append(w.h.Events, history.Event{Node: node, T: t, Kind: kind, Name: name, Text: text})
	}
	ev(-1, 0, history.EvPhase, history.PhaseLoad, "")
	ev(4, 12124*ms, history.EvSentinel, "+sdown", "master mymaster 10.0.0.1 6379")
	ev(5, 12131*ms, history.EvSentinel, "+sdown", "master mymaster 10.0.0.1 6379")
	ev(4, 12243*ms, history.EvSentinel, "+odown", "master mymaster 10.0.0.1 6379 #quorum 2/2")
	ev(4, 12308*ms, history.EvSentinel, "+elected-leader", "master mymaster 10.0.0.1 6379")
	ev(4, 13297*ms, history.EvSentinel, "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6379")
	ev(5, 13304*ms, history.EvSentinel, "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6379")
	ev(3, 30420*ms, history.EvSentinel, "+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6379")
	ev(4, tDemoted, history.EvSentinel, "+convert-to-slave", "slave 10.0.0.1:6379 10.0.0.1 6379 @ mymaster 10.0.0.2 6379")
	ev(-1, tLoadEnd, history.EvPhase, history.PhaseLoadEnd, "")
	ev(-1, tBarrier, history.EvPhase, history.PhaseBarrier, "offsets equal on two samples")
	ev(-1, tEnd, history.EvPhase, history.PhaseFinalEnd, "")
	w.h.Faults = []history.Fault{{ID: 1, Kind: "partition", Text: "cut {n1, s1, w2} from {n2, n3, s2, s3, w1}", When: "10 s after the load began, for 20 s",
		Targets: []int32{0, 3, 7}, Scheduled: 10000 * ms, Injected: 10004 * ms, Effect: tCut, Proof: "27 packets dropped", HealCalled: 30010 * ms,
		Healed: tHeal, HealProof: "31 packets through"}}
}

func fixtureRun() history.Run {
	conf := []history.KV{{K: "save", V: `""`}, {K: "repl-diskless-sync-delay", V: "0"}}
	sconf := []history.KV{{K: "down-after-milliseconds", V: "2000"}, {K: "failover-timeout", V: "10000"}}
	r := history.Run{Schema: 1, ID: "x", Scenario: "split-brain", Why: "A master that is cut off goes on acknowledging.", Server: "redis:7.0",
		Image: "schism/redis:7.0", Seed: 7431, Started: "2025-11-12T02:14:07Z", Command: "schism run split-brain -server redis:7.0 -seed 7431 -promise lost=0",
		Duration: 53e9, Topology: json.RawMessage("{}"), Workload: json.RawMessage("{}"), Schedule: json.RawMessage("[]"), Promises: json.RawMessage("[]"), Shows: json.RawMessage("[]"),
		Setup: []history.KV{{K: "topology", V: "1 master, 2 replicas, 3 sentinels, quorum 2"}, {K: "workload", V: "register on 100 keys, 10 writers, 10 readers"},
			{K: "fault 1", V: "10 s after the load began: cut {Master, OneSentinel, OneClient} for 20 s"}},
		Host:  []history.KV{{K: "harness", V: "linux/amd64, 2 CPUs, go1.26"}, {K: "engine", V: "Docker 27.3.1"}, {K: "schism", V: "0.1.0"}},
		Costs: map[string]int64{"start": 2.1e9, "check": 0.4e9, "stop": 0.2e9}}
	for i, n := range []string{"n1", "n2", "n3", "s1", "s2", "s3", "w1", "w2"} {
		node := history.Node{Name: n, Kind: history.Server, Addr: fmt.Sprintf("10.0.0.%d:6379", i+1), Role: history.RoleReplica, Version: "7.0.15", RunID: fmt.Sprintf("5be1c07a%032d", i), Build: "6e0f2d1c9a3b", Config: conf}
		switch n[0] {
		case 's':
			node.Kind, node.Role, node.Addr, node.Config = history.Sentinel, history.RoleSentinel, fmt.Sprintf("10.0.0.%d:26379", i+1), sconf
		case 'w':
			node = history.Node{Name: n, Kind: history.Worker, Role: history.RoleClient, Addr: fmt.Sprintf("10.0.0.%d", i+1)}
		}
		r.Nodes = append(r.Nodes, node)
	}
	r.Nodes[0].Role = history.RoleMaster
	return r
}
