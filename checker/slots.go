package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// lookGap is how long before a view was recorded the one before may have ceased to hold, ns: servers are looked at every 100 ms or
// more often, and one look may be missed.
const lookGap = int64(250e6)

// Who owns a slot of a Cluster at a time is what the majority of the views of those servers say that answer. What changes is known from the
// views alone, so each change has a time before which it surely had not begun and one after which it was surely over everywhere.

// slotMap tells to which shard each slot belongs over time; nil in a run without a Cluster.
type slotMap struct {
	s     *states
	atoms []slotAtom
	of    [history.Slots]uint16 // the atom of each slot
	// midway are the nodes that still had slots on their way at the end, to them or from them.
	midway map[int32]bool
	moved  bool // some slot changed its shard
	gaps   []slotMove
}

// slotAtom are slots that all views treat alike.
type slotAtom struct {
	from, to     int // both ends belong to it
	start, final int // shards; unowned where the views of the end do not agree on one
	moves        []slotMove
}

// unowned is the shard of a slot of which no majority names an owner.
const unowned = -1

// slotMove is a slot's way from one shard to another: it began after lo and was over everywhere before hi.
type slotMove struct {
	lo, hi   int64
	from, to int
}

// unseen is since when a view may have held: at the node's look before it at the latest, and no less than a missed look before it.
func (s *states) unseen(v *history.View) int64 {
	t := v.Call - lookGap
	if m := s.at(v.Node, v.Call); m != nil { // its agent looks at views between samples
		t = min(t, m.Call-lookGap/2)
	}
	return t
}

func (a *slotAtom) slots() int { return a.to - a.from + 1 }

// newSlotMap follows the views of a Cluster; nil without one.
func newSlotMap(s *states) *slotMap {
	if len(s.h.Run.Slots) == 0 {
		return nil
	}
	m := &slotMap{s: s, midway: map[int32]bool{}}
	m.split()
	m.follow()
	m.widen()
	return m
}

// split parts the slots where any view, or the beginning, does.
func (m *slotMap) split() {
	var edge [history.Slots + 1]bool
	edge[0] = true
	cut := func(rs []history.SlotRange) {
		for _, r := range rs {
			edge[r.From], edge[int(r.To)+1] = true, true
		}
	}
	for _, x := range m.s.h.Run.Slots {
		cut(x.Ranges)
	}
	for i := range m.s.h.Views {
		for j := range m.s.h.Views[i].Peers {
			cut(m.s.h.Views[i].Peers[j].Slots)
		}
	}
	for slot := range history.Slots {
		if edge[slot] {
			m.atoms = append(m.atoms, slotAtom{from: slot, start: unowned})
		}
		m.of[slot] = uint16(len(m.atoms) - 1)
		m.atoms[len(m.atoms)-1].to = slot
	}
	for _, x := range m.s.h.Run.Slots {
		for _, r := range x.Ranges {
			for a := m.of[r.From]; a <= m.of[r.To]; a++ {
				m.atoms[a].start = x.Shard
			}
		}
	}
	for i := range m.atoms {
		m.atoms[i].final = m.atoms[i].start
	}
}

// owners fills in which node each atom belongs to by a view, NoNode for none. An owner that is no node of the run is none.
func (m *slotMap) owners(v *history.View, out []int32) {
	for i := range out {
		out[i] = history.NoNode
	}
	for i := range v.Peers {
		for _, r := range v.Peers[i].Slots {
			for a := int(m.of[r.From]); a <= int(m.of[r.To]); a++ {
				out[a] = v.Peers[i].Node
			}
		}
	}
}

// ballot counts, by atom, how many of the servers that answer name which shard.
type ballot struct {
	m      *slotMap
	voters map[int32]*voter
	alive  int
	votes  [][]int16 // by atom, then by place of the shard in shards; the last place is for none
	first  [][]int64 // when the first of the present votes for it may have been cast
	shards []int
	open   []int // by atom: the number of the last move and one, while not every voter has followed; 0 for none
}

// voter is one server: what it names by atom, and whether it answers.
type voter struct {
	owner []int32
	place []int16
	up    bool
}

// follow goes through the views and the samples in order of time.
func (m *slotMap) follow() {
	b := &ballot{m: m, voters: map[int32]*voter{}}
	for _, g := range m.s.h.Run.Nodes {
		if g.Kind == history.Server && !slices.Contains(b.shards, g.Shard) {
			b.shards = append(b.shards, g.Shard)
		}
	}
	b.votes, b.first, b.open = make([][]int16, len(m.atoms)), make([][]int64, len(m.atoms)), make([]int, len(m.atoms))
	for a := range m.atoms {
		b.votes[a], b.first[a] = make([]int16, len(b.shards)+1), make([]int64, len(b.shards)+1)
	}
	type change struct {
		t    int64
		node int32
		view *history.View // nil: it began or ceased to answer
		up   bool
	}
	var cs []change
	for i := range m.s.h.Views {
		v := &m.s.h.Views[i]
		cs = append(cs, change{v.Return, v.Node, v, true})
	}
	for _, n := range m.s.servers {
		for i := range m.s.spans[n] {
			sp := &m.s.spans[n][i]
			cs = append(cs, change{sp.from, n, nil, sp.first.Answered})
		}
	}
	slices.SortStableFunc(cs, func(a, b change) int { return cmp.Compare(a.t, b.t) })
	end := int64(history.Inf) // what comes after the final reading says nothing of it
	for i := range m.s.h.Events {
		if e := &m.s.h.Events[i]; e.Kind == history.EvPhase && e.Name == history.PhaseFinalEnd {
			end = e.T
		}
	}
	for _, c := range cs {
		if c.t > end {
			break
		}
		v := b.voters[c.node]
		if c.view == nil {
			if v != nil && v.up != c.up {
				b.turnout(v, c.up, c.t)
			}
			continue
		}
		if v == nil {
			v = &voter{owner: make([]int32, len(m.atoms)), place: make([]int16, len(m.atoms))}
			for a := range v.owner {
				v.owner[a], v.place[a] = history.NoNode, int16(len(b.shards))
			}
			b.voters[c.node] = v
			b.turnout(v, true, c.t)
		}
		if !v.up { // it spoke, so it answers
			b.turnout(v, true, c.t)
		}
		b.vote(v, c.view)
	}
	for a := range m.atoms {
		if b.open[a] > 0 {
			m.atoms[a].moves[b.open[a]-1].hi = history.Inf
		}
		if w := b.winner(a); w != unowned || len(b.voters) > 0 {
			m.atoms[a].final = w
		}
		m.moved = m.moved || len(m.atoms[a].moves) > 0
	}
}

// turnout lets a server's votes count, or not any more.
func (b *ballot) turnout(v *voter, up bool, t int64) {
	v.up = up
	d := int16(1)
	if !up {
		d = -1
	}
	b.alive += int(d)
	for a := range v.place {
		b.count(a, v.place[a], d, t)
	}
	for a := range v.place {
		b.decide(a, t)
	}
}

func (b *ballot) count(a int, place, d int16, t int64) {
	if b.votes[a][place] == 0 && d > 0 {
		b.first[a][place] = t
	}
	b.votes[a][place] += d
}

// vote takes in a server's new view.
func (b *ballot) vote(v *voter, view *history.View) {
	now := make([]int32, len(v.owner))
	b.m.owners(view, now)
	for a, owner := range now {
		if owner == v.owner[a] {
			continue
		}
		v.owner[a] = owner
		place := b.placeOf(owner, view.Return)
		if place == v.place[a] {
			continue
		}
		b.count(a, v.place[a], -1, view.Return)
		b.count(a, place, 1, b.m.s.unseen(view))
		v.place[a] = place
		b.decide(a, view.Return)
	}
}

func (b *ballot) placeOf(node int32, t int64) int16 {
	if node < 0 || int(node) >= len(b.m.s.h.Run.Nodes) {
		return int16(len(b.shards))
	}
	return int16(slices.Index(b.shards, b.m.s.shardAt(node, t)))
}

// winner is the shard that more than half of the servers that answer name.
func (b *ballot) winner(a int) int {
	for place, shard := range b.shards {
		if int(b.votes[a][place])*2 > b.alive {
			return shard
		}
	}
	return unowned
}

// decide looks whether the majority names another shard than before, and whether all follow it by now.
func (b *ballot) decide(a int, t int64) {
	w := b.winner(a)
	if w == unowned {
		return
	}
	at := &b.m.atoms[a]
	place := slices.Index(b.shards, w)
	if w != at.final {
		if b.open[a] > 0 {
			at.moves[b.open[a]-1].hi = t
			b.open[a] = 0
		}
		if at.final != unowned {
			at.moves = append(at.moves, slotMove{lo: min(t, b.first[a][place]), hi: t, from: at.final, to: w})
			b.open[a] = len(at.moves)
		}
		at.final = w
	}
	if b.open[a] > 0 && int(b.votes[a][place]) == b.alive {
		at.moves[b.open[a]-1].hi = t
		b.open[a] = 0
	}
}

// widen widens each move to the time in which its shards said that slots were on their way, and notes who still says so at the end.
func (m *slotMap) widen() {
	ways := map[int][]slotMove{} // by shard
	for _, n := range m.s.servers {
		var last *history.View
		since := int64(-1)
		note := func(until int64) {
			if since >= 0 {
				shard := m.s.shardAt(n, until)
				ways[shard] = append(ways[shard], slotMove{lo: since, hi: until})
			}
			since = -1
		}
		for i := range m.s.h.Views {
			v := &m.s.h.Views[i]
			if v.Node != n {
				continue
			}
			last = v
			switch self := v.Self(); {
			case self == nil || self.Migrating+self.Importing == 0:
				note(v.Return)
			case since < 0:
				since = m.s.unseen(v)
			}
		}
		note(history.Inf)
		if last != nil {
			if self := last.Self(); self != nil && self.Migrating+self.Importing > 0 {
				m.midway[n] = true
			}
		}
	}
	for a := range m.atoms {
		for i := range m.atoms[a].moves {
			mv := &m.atoms[a].moves[i]
			for _, w := range append(slices.Clone(ways[mv.from]), ways[mv.to]...) {
				if w.lo <= mv.hi && w.hi >= mv.lo {
					mv.lo, mv.hi = min(mv.lo, w.lo), max(mv.hi, min(w.hi, mv.hi+lookGap))
				}
			}
		}
	}
	m.collect()
}

// collect lists the times in which slots moved, by pair of shards.
func (m *slotMap) collect() {
	m.gaps = m.gaps[:0]
	for a := range m.atoms {
		for _, mv := range m.atoms[a].moves {
			if !slices.Contains(m.gaps, mv) {
				m.gaps = append(m.gaps, mv)
			}
		}
	}
}

// atom is what is known of a key's slot.
func (m *slotMap) atom(key string) *slotAtom { return &m.atoms[m.of[history.SlotOf(key)]] }

// shardOf is the shard that owned a key's slot at the end, unowned where the views do not tell.
func (m *slotMap) shardOf(key string) int { return m.atom(key).final }

// movesOf are the moves of a key's slot.
func (m *slotMap) movesOf(key string) []slotMove {
	if m == nil || !m.moved {
		return nil
	}
	return m.atom(key).moves
}

// movedIn tells whether a key's slot moved, or may have, within a time.
func (m *slotMap) movedIn(key string, from, to int64) bool {
	return slices.ContainsFunc(m.movesOf(key), func(mv slotMove) bool { return mv.lo <= to && mv.hi >= from })
}

// shardMoved tells whether slots moved from or to a shard within a time.
func (m *slotMap) shardMoved(shard int, from, to int64) bool {
	if m == nil {
		return false
	}
	return slices.ContainsFunc(m.gaps, func(g slotMove) bool { return (g.from == shard || g.to == shard) && g.lo <= to && g.hi >= from })
}

// crossesSlots tells of a transaction in a Cluster that nothing makes it one step: its keys lie in more than one slot, or a replica was asked
// after their slot had begun to move, key by key.
func (x *extra) crossesSlots(i int) bool {
	if x.s.slots == nil {
		return false
	}
	slot, crosses := -1, false
	it := mopIter{list: x.h.Ops.List(i)}
	for it.next() {
		key := TxnKey(it.key)
		at := history.SlotOf(key)
		crosses = crosses || slot >= 0 && at != slot || x.afterMove(i, key)
		slot = at
	}
	return crosses
}

// afterMove tells of a read of a replica that the key's slot had begun to move to another shard: the replica may not have got the key yet.
func (x *extra) afterMove(i int, key string) bool {
	c := &x.h.Ops
	return x.s.slots != nil && c.Flags[i]&history.FlagReplicaRead != 0 && slices.ContainsFunc(x.s.slots.movesOf(key), func(mv slotMove) bool { return mv.lo <= c.Return[i] })
}

// shardOfAt is the shard that owned a key's slot at a time, by when its move was over.
func (m *slotMap) shardOfAt(key string, t int64) int {
	a := m.atom(key)
	shard := a.start
	for _, mv := range a.moves {
		if mv.hi <= t {
			shard = mv.to
		}
	}
	return shard
}
