package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// Keys whose slot went over to another shard. That the shard which gave the slot away lacks them is as it should be; what was acknowledged
// before and is with neither of the two was lost on the way, unless a branch of the data of one of them ended meanwhile or later.

// endMigration is the kind of the end of a write that got lost when its slot moved.
const endMigration endKind = "migration"

// wayOf is the move that the key of an acknowledged write went over after that, nil for none.
func (c *check) wayOf(i int) *slotMove {
	moves := c.s.slots.movesOf(c.keyName(i))
	if len(moves) == 0 {
		return nil
	}
	shard := c.s.withAt(int32(c.h.Ops.Node[i]), c.h.Ops.Call[i]).shard
	for k := range moves {
		if mv := &moves[k]; mv.from == shard && c.h.Ops.Call[i] <= mv.hi {
			return mv
		}
	}
	return nil
}

// otherwise tells whether something else than a move may have lost what moved: a branch of one of both shards that ended since it began.
func (c *check) otherwise(mv *slotMove) bool {
	for _, shard := range []int{mv.from, mv.to} {
		if g := c.s.shard(shard); g != nil && slices.ContainsFunc(g.ends, func(e branchEnd) bool { return e.t >= mv.lo }) {
			return true
		}
	}
	return false
}

// moveLoss is what moves lost, while lost writes are put down to their causes.
type moveLoss struct {
	c      *check
	causes map[slotMove]*result.Cause
	lost   map[uint32]int // by key: a write that a move surely lost
	maybe  map[uint32]int
	moves  map[uint32]slotMove
}

func (c *check) newMoveLoss() *moveLoss {
	return &moveLoss{c: c, causes: map[slotMove]*result.Cause{}, lost: map[uint32]int{}, maybe: map[uint32]int{}, moves: map[uint32]slotMove{}}
}

// take puts a lost write down to the move of its slot where that explains it: done is false where the end of a branch does. e is the end
// that would explain it had it stayed, nil for none.
func (m *moveLoss) take(i int, e *branchEnd, l *result.Loss) (done bool) {
	c, ops := m.c, &m.c.h.Ops
	mv := c.wayOf(i)
	if mv == nil || e != nil && e.t < mv.lo {
		return false
	}
	key := ops.Key[i]
	m.moves[key] = *mv
	if e != nil || c.otherwise(mv) {
		m.maybe[key] = i
		l.Ambiguous++
		return true
	}
	m.lost[key] = i
	cause := m.causes[*mv]
	if cause == nil {
		cause = &result.Cause{Kind: string(endMigration), Node: int32(ops.Node[i]), Winner: history.NoNode, T: min(mv.hi, c.h.End), First: ops.Return[i], Shard: mv.from}
		if g := c.s.shard(mv.to); g != nil {
			cause.Winner = g.finalMaster()
		}
		cause.Trigger = c.movedBy(mv)
		cause.Text = fmt.Sprintf("the slots of %s went over to %s without them", c.shardName(mv.from), c.shardName(mv.to))
		m.causes[*mv] = cause
	}
	cause.Lost++
	cause.Last = ops.Return[i]
	l.Other++
	return true
}

// movedBy is the fault behind a move: the last that began before it was over, still held when it began, and names nodes of one of both
// shards; 0 for none.
func (c *check) movedBy(mv *slotMove) int {
	id, last := 0, int64(-1)
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Injected == 0 || f.Injected > mv.hi || f.Healed > 0 && f.Healed < mv.lo || f.Injected < last {
			continue
		}
		if slices.ContainsFunc(f.Targets, func(n int32) bool {
			shard := c.s.withAt(n, f.Injected).shard
			return shard == mv.from || shard == mv.to
		}) {
			id, last = f.ID, f.Injected
		}
	}
	return id
}

// notes are the keys that lost writes on the way, each once.
func (m *moveLoss) note() note {
	n := note{class: "lost_in_migration"}
	for _, key := range sortedKeys(m.lost) {
		i, mv := m.lost[key], m.moves[key]
		where := "no node holds the key"
		switch d := m.c.fin.of(m.c.x.keyName(key)); {
		case d != nil:
			where = m.c.node(d.Node) + " holds it without that"
		case len(m.c.fin.byKey[m.c.x.keyName(key)]) > 0:
			where = "it lies on nodes that do not own its slot"
		}
		n.bug(fmt.Sprintf("%s: what %s acknowledged at %s is gone since slot %d went from %s to %s: %s", m.c.x.keyName(key), m.c.node(int32(m.c.h.Ops.Node[i])), words.At(m.c.h.Ops.Return[i]),
			history.SlotOf(m.c.x.keyName(key)), m.c.shardName(mv.from), m.c.shardName(mv.to), where), i)
	}
	for key := range m.maybe {
		if _, sure := m.lost[key]; !sure {
			n.more++
		}
	}
	return n
}

func sortedKeys(m map[uint32]int) []uint32 {
	var ks []uint32
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// shardName names a shard for people; 0 is what belonged to none at the start.
func (c *check) shardName(shard int) string {
	if shard > 0 {
		return fmt.Sprintf("shard %d", shard)
	}
	var ns []int32
	if g := c.s.shard(shard); g != nil {
		ns = g.servers
	}
	return "the shard of " + words.List(c.names(ns))
}

// foreign counts the keys that lie, at the end, on a node of a shard that does not own their slot. Where slots are still on their way, what
// lies at either end of it is not judged.
func (c *check) foreign() map[int]int64 {
	by := map[int]int64{}
	m := c.s.slots
	if m == nil || !c.fin.held {
		return by
	}
	c.x.looks("foreign_key")
	n := note{class: "foreign_key"}
	var keys []string
	for key := range c.fin.byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		at := m.atom(key)
		var on []string
		for _, d := range c.fin.byKey[key] {
			if g := c.s.of[d.Node]; d.Type != "none" && g.shard != at.final && !m.midwayIn(g) {
				on = append(on, c.node(d.Node)+" of "+c.shardName(g.shard))
			}
		}
		if len(on) == 0 {
			continue
		}
		by[at.final]++
		owner := "the owner lacks it"
		if d := c.fin.of(key); d != nil {
			owner = c.node(d.Node) + " has it too"
		}
		n.count(fmt.Sprintf("%s: %s %s it, while %s owns its slot %d; %s", key, words.List(on), plural(int64(len(on)), "holds", "hold"), c.shardName(at.final), history.SlotOf(key), owner))
	}
	c.x.notes([]note{n})
	if len(c.fin.disputed) > 0 {
		c.x.unsure("foreign_key", "the servers did not agree on who owned every slot at the end")
		c.unjudged("what is in the slots of which the servers did not agree, at the end, who owns them")
	}
	if len(m.midway) > 0 {
		c.x.unsure("foreign_key", "slots were still on their way at the end")
		c.unjudged("which keys lie where they should: slots were still on their way at the end")
	}
	return by
}

// midwayIn tells whether slots were still on their way to or from a group at the end.
func (m *slotMap) midwayIn(g *group) bool {
	return slices.ContainsFunc(g.servers, func(n int32) bool { return m.midway[n] })
}

func (c *check) unjudged(what string) {
	if s := c.a.Result.Slots; s != nil && !slices.Contains(s.Unjudged, what) {
		s.Unjudged = append(s.Unjudged, what)
	}
}
