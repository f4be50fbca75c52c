package checker

import (
	"cmp"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// standing is what an acknowledged write is worth to a client that wants to go on.
type standing uint8

const (
	firm      standing = iota // it is there at the end, or nothing happened afterwards that could have thrown it away
	mayStay                   // that cannot be told
	wasLost                   // it is lost, but was acknowledged by the rightful master
	goneAside                 // it is lost, and may have been acknowledged by a master that was deposed by then
	aside                     // a deposed master acknowledged it: that is no availability
)

// standings tells the standing of writes, by their fates and, where these are not told, by what happened afterwards to the nodes that
// acknowledged them. Each group's promotions, branch ends and restarts are looked through once for every node.
type standings struct {
	c       *check
	threats [][]threat // by node
	keeps   []bool     // by node: what it holds at the end is the final data of its group
}

// threat is something that threw away, or may have, what a node had acknowledged: calls up to its end, but for replies before since.
type threat struct{ since, end int64 }

func newStandings(c *check) *standings {
	s := &standings{c: c, threats: make([][]threat, len(c.h.Run.Nodes)), keeps: make([]bool, len(c.h.Run.Nodes))}
	for _, g := range c.s.groups {
		if m := g.finalMaster(); m >= 0 {
			s.keeps[m] = true
		}
		for _, n := range g.servers {
			s.threats[n] = g.restarts(n)
			for i := range g.ends {
				if e := &g.ends[i]; e.kind != endRestart && e.loser == n || e.kind == endPromotion && e.winner != n {
					s.threats[n] = append(s.threats[n], threat{minTime, e.t})
				}
			}
		}
	}
	return s
}

// restarts are the times in which a node came back as another process: it may have come back without the last that it had acknowledged,
// also where it shows what it had at the sample before.
func (g *group) restarts(n int32) (ts []threat) {
	var prev *history.Sample
	for i := range g.s.spans[n] {
		sp := &g.s.spans[n][i]
		if sp.role() == history.RoleUnknown {
			continue
		}
		if now := sp.first; prev != nil && now.RunID != prev.RunID {
			t := threat{minTime, now.Return}
			if now.ReplID2 == prev.ReplID && now.SecondOffset-1 >= prev.Offset || now.ReplID == prev.ReplID && now.Offset >= prev.Offset {
				t.since = prev.Call
			}
			ts = append(ts, t)
		}
		prev = sp.last
	}
	return ts
}

// threatened tells whether a write may have been thrown away after its acknowledgement.
func (s *standings) threatened(n int32, call, ret int64) bool {
	for _, t := range s.threats[n] {
		if call <= t.end && ret > t.since {
			return true
		}
	}
	return false
}

func (s *standings) of(i int) standing {
	ops := &s.c.h.Ops
	n, fate := int32(ops.Node[i]), s.c.a.Fate[i]
	if n < 0 || int(n) >= len(s.threats) || fate == FateSurvived && s.shown(i) {
		return firm
	}
	surely, perhaps := s.deposed(n, ops.Call[i], ops.Return[i])
	threatened := s.threatened(n, ops.Call[i], ops.Return[i])
	if fate == FateSurvived && ops.F[i] != history.FRemove { // somebody took what it added, there or elsewhere
		surely, threatened = false, false
	}
	switch {
	case surely && (fate == FateLost || threatened || !s.keeps[n]):
		return aside
	case fate == FateLost && perhaps:
		return goneAside
	case fate == FateLost:
		return wasLost
	case perhaps || threatened:
		return mayStay
	}
	return firm
}

// shown tells of a write that survived whether the final data shows it. What was taken off a queue or removed is not there because of
// that, and what a removal removed may never have been there.
func (s *standings) shown(i int) bool {
	ops := &s.c.h.Ops
	switch ops.F[i] {
	case history.FRemove:
		return false
	case history.FEnqueue:
		return s.c.fin.remains(ops.In[i])
	case history.FAdd:
		_, removed := s.c.x.removed(ops.Key[i])[ops.In[i]]
		return !removed
	}
	return true
}

// deposed tells whether another node had been promoted when a node acknowledged a write, and neither it had been since, nor had that one
// given way to it.
func (s *standings) deposed(n int32, call, ret int64) (surely, perhaps bool) {
	g := s.c.s.with(n)
	for i := range g.promoted {
		switch p := &g.promoted[i]; {
		case ret <= p.from:
		case p.node == n:
			surely, perhaps = false, call <= p.t && perhaps
		case call <= p.t:
			perhaps = true
		default:
			back := g.backAt(n, p)
			surely, perhaps = back < 0, back < 0 || call <= back
		}
	}
	return surely, perhaps
}

// availability measures what clients could do within the load.
func (c *check) availability() {
	ops, av := &c.h.Ops, &c.a.Result.Availability
	from, to := c.judged()
	var order []int32
	workers := map[int32]*WorkerAvailability{}
	std := newStandings(c)
	worth := make([]standing, ops.Len())
	for i := range ops.Len() {
		if ops.Outcome[i] != history.OK || ops.Return[i] < from || ops.Call[i] > to || ops.Flags[i]&history.FlagReplicaWrite != 0 {
			continue
		}
		order = append(order, int32(i))
		w := workers[int32(ops.Worker[i])]
		if w == nil {
			w = &WorkerAvailability{Worker: int32(ops.Worker[i]), RTA: -1}
			workers[w.Worker] = w
		}
		if ops.IsWrite(int(i)) {
			w.OKWrites++
			worth[i] = std.of(i)
		} else {
			w.OKReads++
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(ops.Call[a], ops.Call[b]) })
	write := func(i int32) bool { return ops.IsWrite(int(i)) }
	read := func(i int32) bool { return !ops.IsWrite(int(i)) }
	av.LongestWrite, av.Write = c.longest(order, from, to, write, write)
	av.LongestWriteS, av.WriteS = c.longest(order, from, to, func(i int32) bool { return write(i) && worth[i] <= mayStay }, func(i int32) bool { return write(i) && worth[i] == firm })
	av.LongestRead, av.Read = c.longest(order, from, to, read, read)
	for n, w := range workers {
		of := func(keep func(int32) bool) func(int32) bool {
			return func(i int32) bool { return int32(ops.Worker[i]) == n && keep(i) }
		}
		w.LongestWrite, _ = c.longest(order, from, to, of(write), of(write))
		w.LongestRead, _ = c.longest(order, from, to, of(read), of(read))
		av.ByWorker = append(av.ByWorker, *w)
	}
	slices.SortFunc(av.ByWorker, func(a, b WorkerAvailability) int { return cmp.Compare(a.Worker, b.Worker) })
	c.rta(worth, from, to)
}

// judged is the part of the load in which what clients saw is the setup's doing: until the writers stopped or the records end, and no
// longer than until the harness took over since a step of the schedule had not come about (checkers.md, "Censored").
func (c *check) judged() (from, to int64) {
	from, to = load(c.h)
	if c.h.Cut > 0 {
		to = min(to, c.h.Cut)
	}
	stuck, effect := false, int64(0)
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		effect = max(effect, f.Effect)
		timedOut := strings.Contains(f.Err, history.StepTimedOut)
		if timedOut && f.Effect > 0 && f.HealCalled > 0 { // its end did not come, so it was healed all the same
			to = min(to, f.HealCalled)
		}
		stuck = stuck || timedOut && f.Effect == 0
	}
	for i := range c.h.Faults {
		if f := &c.h.Faults[i]; stuck && f.HealCalled > effect {
			to = min(to, f.HealCalled)
		}
	}
	return from, max(from, to)
}

// whole reports whether the load went on until it was meant to end, so that nothing more would have come.
func (c *check) whole() bool {
	_, to := load(c.h)
	_, until := c.judged()
	return until == to && c.h.Run.Incomplete == "" && c.h.Torn == ""
}

// longest is the longest time between two executions of the operations that count, as an interval in seconds: at least the longest in
// which surely none was under way, with those that may count; at most the longest in which, of those that surely count, none need have
// been executed. The gap is the first of the two as clients saw it, from one reply to the next. The order is that of calls.
func (c *check) longest(order []int32, from, to int64, may, sure func(i int32) bool) (Gap, Value) {
	ops := &c.h.Ops
	least, last := Gap{from, from}, from
	for _, i := range order {
		if !may(i) {
			continue
		}
		if call := min(ops.Call[i], to); call-last > least.Len() {
			least = Gap{last, call}
		}
		last = max(last, ops.Return[i])
	}
	if to-last > least.Len() {
		least = Gap{last, to}
	}
	most, next := int64(0), to
	for k := len(order) - 1; k >= 0; k-- {
		if i := order[k]; sure(i) {
			most = max(most, next-max(ops.Call[i], from))
			next = min(next, ops.Return[i])
		}
	}
	most = max(most, next-from, least.Len())
	seen := Gap{least.From, to}
	at, _ := slices.BinarySearchFunc(order, least.To, func(i int32, t int64) int { return cmp.Compare(ops.Call[i], t) })
	for _, i := range order[at:] {
		if ops.Call[i] >= seen.To {
			break
		}
		if may(i) {
			seen.To = min(seen.To, ops.Return[i])
		}
	}
	return seen, Between(secondsOf(least.Len()), secondsOf(most), "an operation is executed somewhere between its call and its reply")
}
