package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
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
	threats [][]threat     // by node
	keeps   []bool         // by node: what it holds at the end is the final data of its group
	breaks  [][]result.Gap // by node, in order: when its own data broke
	held    [][]int64      // by node, before its first break, its second, and so on: the last call of a write that the final data shows
}

// threat is something that threw away, or may have, what a node had acknowledged: calls up to its end, but for replies before since.
type threat struct{ since, end int64 }

func newStandings(c *check) *standings {
	n := len(c.h.Run.Nodes)
	s := &standings{c: c, threats: make([][]threat, n), keeps: make([]bool, n), breaks: make([][]result.Gap, n), held: make([][]int64, n)}
	any := false
	for _, g := range c.s.groups {
		if m := g.finalMaster(); m >= 0 {
			s.keeps[m] = true
		}
		for _, n := range g.servers {
			s.find(g, n)
			any = any || len(s.threats[n]) > 0
		}
	}
	if any {
		s.hold()
	}
	return s
}

// find finds what threatened a node's writes. A restart does also where it shows what it had at the sample before: it may have come back
// without the last that it had acknowledged.
func (s *standings) find(g *group, n int32) {
	for i := range g.ends {
		e := &g.ends[i]
		switch {
		case e.kind == endRestart: // below
		case e.kind == endPromotion && e.winner != n:
			s.threats[n] = append(s.threats[n], threat{minTime, e.t})
		case e.kind == endResync && e.loser == n:
			s.threats[n] = append(s.threats[n], threat{minTime, e.t})
			s.breaks[n] = append(s.breaks[n], result.Gap{From: e.prev.Call, To: e.now.Return})
		}
	}
	var prev *history.Sample
	spans := g.spansOf(n)
	for i := range spans {
		sp := &spans[i]
		if sp.role() == history.RoleUnknown {
			continue
		}
		if now := sp.first; prev != nil && now.RunID != prev.RunID {
			t := threat{minTime, now.Return}
			if now.ReplID2 == prev.ReplID && now.SecondOffset-1 >= prev.Offset {
				t.since = prev.Call
			}
			s.threats[n] = append(s.threats[n], t)
			s.breaks[n] = append(s.breaks[n], result.Gap{From: prev.Call, To: now.Return})
		}
		prev = sp.last
	}
	slices.SortFunc(s.breaks[n], func(a, b result.Gap) int { return cmp.Compare(a.From, b.From) })
}

// hold finds the writes that the final data shows: a log that kept them kept all that stood before them in it.
func (s *standings) hold() {
	ops := &s.c.h.Ops
	for n := range s.held {
		s.held[n] = slices.Repeat([]int64{minTime}, len(s.breaks[n])+1)
	}
	for i, fate := range s.c.a.Fate {
		n := ops.Node[i]
		if fate != result.FateSurvived || n < 0 || int(n) >= len(s.held) || !s.shown(i) || s.c.s.slots.movesOf(s.c.keyName(i)) != nil {
			continue
		}
		if k, ok := s.stretch(i); ok {
			s.held[n][k] = max(s.held[n][k], ops.Call[i])
		}
	}
}

// stretch is how many breaks of its node's data a write came after; false: it may have come before or after one.
func (s *standings) stretch(i int) (k int, ok bool) {
	ops := &s.c.h.Ops
	bs := s.breaks[ops.Node[i]]
	for k < len(bs) && bs[k].To < ops.Call[i] {
		k++
	}
	return k, k == len(bs) || ops.Return[i] < bs[k].From
}

// kept tells that the log which the final data is made of surely holds a write.
func (s *standings) kept(i int) bool {
	ops := &s.c.h.Ops
	if s.c.a.Fate[i] == result.FateSurvived && s.shown(i) {
		return true
	}
	if s.c.a.Fate[i] == result.FateLost || s.held[ops.Node[i]] == nil || s.c.s.slots.movesOf(s.c.keyName(i)) != nil {
		return false
	}
	k, ok := s.stretch(i)
	return ok && ops.Return[i] < s.held[ops.Node[i]][k]
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
	if n < 0 || int(n) >= len(s.threats) || s.kept(i) {
		return firm
	}
	surely, perhaps := s.deposed(n, ops.Call[i], ops.Return[i])
	threatened := s.threatened(n, ops.Call[i], ops.Return[i])
	if fate == result.FateSurvived && ops.F[i] != history.FRemove { // somebody took what it added, there or elsewhere
		surely, threatened = false, false
	}
	switch {
	case surely && (fate == result.FateLost || threatened || !s.keeps[n]):
		return aside
	case fate == result.FateLost && perhaps:
		return goneAside
	case fate == result.FateLost:
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
	g := s.c.s.withAt(n, call)
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
	var writes, reads []int32
	var workers [256]*result.WorkerAvailability // by the byte that the history holds
	std := newStandings(c)
	worth := make([]standing, ops.Len())
	for i := range ops.Len() {
		if ops.Outcome[i] != history.OK || ops.Return[i] < from || ops.Call[i] > to || ops.Flags[i]&history.FlagReplicaWrite != 0 {
			continue
		}
		w := workers[uint8(ops.Worker[i])]
		if w == nil {
			w = &result.WorkerAvailability{Worker: int32(ops.Worker[i]), RTA: -1}
			workers[uint8(ops.Worker[i])] = w
		}
		if ops.IsWrite(i) {
			w.OKWrites++
			worth[i] = std.of(i)
			writes = append(writes, int32(i))
		} else {
			w.OKReads++
			reads = append(reads, int32(i))
		}
	}
	var keys []sortKey
	for _, order := range [][]int32{writes, reads} {
		keys = sortByCall(order, ops, keys)
	}
	written, read := c.longestByWorker(writes, from, to), c.longestByWorker(reads, from, to)
	for n, w := range workers {
		if w != nil {
			w.LongestWrite, w.LongestRead = written[n], read[n]
			av.ByWorker = append(av.ByWorker, *w)
		}
	}
	slices.SortFunc(av.ByWorker, func(a, b result.WorkerAvailability) int { return cmp.Compare(a.Worker, b.Worker) })
	if c.s.slots != nil {
		c.availabilityByShard(writes, reads, worth, from, to)
		return
	}
	c.gaps(av, writes, reads, worth, from, to)
	c.rta(c.writesByWorker(from, to, func(int) bool { return true }), c.s.groups, worth, to)
}

// gaps are the longest times without an ok write and without an ok read; the operations stand in order of call.
func (c *check) gaps(av *result.Availability, writes, reads []int32, worth []standing, from, to int64) {
	all := func(int32) bool { return true }
	av.LongestWrite, av.Write = c.longest(writes, from, to, all, all)
	av.LongestWriteS, av.WriteS = c.longest(writes, from, to, func(i int32) bool { return worth[i] <= mayStay }, func(i int32) bool { return worth[i] == firm })
	av.LongestRead, av.Read = c.longest(reads, from, to, all, all)
}

// sortByCall sorts operations by their calls; keys is memory for it.
func sortByCall(is []int32, ops *history.Columns, keys []sortKey) []sortKey {
	keys = resize(keys, len(is))
	for n, i := range is {
		keys[n] = sortKey{ops.Call[i], i}
	}
	sortKeys(keys)
	for n, k := range keys {
		is[n] = k.i
	}
	return keys
}

// judged is the part of the load in which what clients saw is the setup's doing: until the writers stopped or the records end, and no
// longer than until the harness took over since a step of the schedule had not come about (checkers.md, "Censored").
func (c *check) judged() (from, to int64) {
	from, to = load(c.h)
	if c.h.Cut > 0 {
		to = min(to, c.h.Cut)
	}
	if c.harness != nil {
		to = min(to, c.harness.T)
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
func (c *check) longest(order []int32, from, to int64, may, sure func(i int32) bool) (result.Gap, result.Value) {
	ops := &c.h.Ops
	g := gapSearch{result.Gap{From: from, To: from}, from}
	for _, i := range order {
		if may(i) {
			g.next(ops.Call[i], ops.Return[i], to)
		}
	}
	least := g.end(to)
	most, next := int64(0), to
	for k := len(order) - 1; k >= 0; k-- {
		if i := order[k]; sure(i) {
			most = max(most, next-max(ops.Call[i], from))
			next = min(next, ops.Return[i])
		}
	}
	most = max(most, next-from, least.Len())
	return c.seenGap(least, order, to, may), result.Between(secondsOf(least.Len()), secondsOf(most), "an operation is executed somewhere between its call and its reply")
}

// longestByWorker are the gaps of each worker as it saw them, by its byte in the history.
func (c *check) longestByWorker(order []int32, from, to int64) (gaps [256]result.Gap) {
	ops := &c.h.Ops
	var gs [256]gapSearch
	for w := range gs {
		gs[w] = gapSearch{result.Gap{From: from, To: from}, from}
	}
	for _, i := range order {
		gs[uint8(ops.Worker[i])].next(ops.Call[i], ops.Return[i], to)
	}
	for w := range gs {
		gaps[w] = c.seenGap(gs[w].end(to), order, to, func(i int32) bool { return int(uint8(ops.Worker[i])) == w })
	}
	return gaps
}

// gapSearch finds the longest time in which surely no operation was under way. It is told them in order of call.
type gapSearch struct {
	least result.Gap
	last  int64 // the latest return
}

func (g *gapSearch) next(call, ret, to int64) {
	if call = min(call, to); call-g.last > g.least.Len() {
		g.least = result.Gap{From: g.last, To: call}
	}
	g.last = max(g.last, ret)
}

func (g *gapSearch) end(to int64) result.Gap {
	if to-g.last > g.least.Len() {
		g.least = result.Gap{From: g.last, To: to}
	}
	return g.least
}

// seenGap is a gap between a reply and a call as clients saw it: until the first reply to one of the operations that may end it.
func (c *check) seenGap(least result.Gap, order []int32, to int64, may func(i int32) bool) result.Gap {
	ops := &c.h.Ops
	seen := result.Gap{From: least.From, To: to}
	at, _ := slices.BinarySearchFunc(order, least.To, func(i int32, t int64) int { return cmp.Compare(ops.Call[i], t) })
	for _, i := range order[at:] {
		if ops.Call[i] >= seen.To {
			break
		}
		if may(i) {
			seen.To = min(seen.To, ops.Return[i])
		}
	}
	return seen
}
