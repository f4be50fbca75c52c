package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// tallied are the losses of one shard, as bounds.
type tallied struct{ acked, lo, hi int64 }

// byShard adds one key's sum to the shards that acknowledged its writes; where it is not known which of them are lost, to the one that owned
// the key's slot at the end.
func (c *check) byShard(k *keySum) {
	if c.s.slots == nil || len(k.is) == 0 {
		return
	}
	ops := &c.h.Ops
	at := func(shard int) *tallied {
		t := c.tallies[shard]
		if t == nil {
			t = &tallied{}
			c.tallies[shard] = t
		}
		return t
	}
	for _, i := range k.is {
		if ops.Outcome[i] != history.OK {
			continue
		}
		t := at(c.shardOfOp(i))
		t.acked++
		if k.bounded {
			continue
		}
		switch c.a.Fate[i] {
		case result.FateLost:
			t.lo, t.hi = t.lo+1, t.hi+1
		case result.FateMasked:
			t.hi++
		}
	}
	if k.bounded {
		t := at(c.s.shardOf(c.keyName(k.is[0])))
		t.lo, t.hi = t.lo+k.lo, t.hi+max(k.lo, k.hi)
	}
}

// shardOfOp is the shard that an operation was answered by; of one that no node answered, the one that owned its key's slot when it was
// called.
func (c *check) shardOfOp(i int) int {
	ops := &c.h.Ops
	if n := int32(ops.Node[i]); n >= 0 && int(n) < len(c.s.of) && c.s.of[n] != nil {
		return c.s.withAt(n, ops.Call[i]).shard
	}
	return c.s.slots.shardOfAt(c.keyName(i), ops.Call[i])
}

// hit are the shards that faults hit, by number: of those with these IDs, or of all where there are none; nil where they hit no server.
func (c *check) hit(ids ...int) map[int]bool {
	var out map[int]bool
	note := func(n, t int64) {
		if int(n) < len(c.s.of) && n >= 0 && c.s.of[n] != nil {
			if out == nil {
				out = map[int]bool{}
			}
			out[c.s.withAt(int32(n), t).shard] = true
		}
	}
	for i := range c.h.Faults {
		f := &c.h.Faults[i]
		if f.Injected == 0 && f.Effect == 0 || len(ids) > 0 && !slices.Contains(ids, f.ID) {
			continue
		}
		for _, n := range f.Targets {
			note(int64(n), begin(f))
		}
		if len(f.Targets) == 0 {
			for _, l := range f.Links {
				note(int64(l[0]), begin(f))
				note(int64(l[1]), begin(f))
			}
		}
	}
	return out
}

// lostOtherShards counts the writes that other shards lost than those that may: those that faults hit, or the one that is named.
func (c *check) lostOtherShards(only int) result.Value {
	lost := c.value("lost")
	switch {
	case c.s.slots == nil:
		return result.Unmeasured("there are no shards")
	case !lost.Measured():
		return lost
	}
	may := c.hit()
	if only > 0 {
		may = map[int]bool{only: true}
	}
	var lo, hi int64
	for shard, t := range c.tallies {
		if !may[shard] {
			lo, hi = lo+t.lo, hi+t.hi
		}
	}
	return result.Between(float64(lo), float64(hi), c.unsureLoss())
}

// shards sums each shard up.
func (c *check) shards() {
	if c.s.slots == nil {
		return
	}
	r := &c.a.Result
	for _, g := range c.s.groups {
		if len(g.servers) == 0 {
			continue
		}
		s := result.Shard{Shard: g.shard, Nodes: g.servers, Promotions: len(g.promoted), LostMost: -1, RTA: result.Unmeasured("no fault took effect"),
			WriteGap: result.Unmeasured("no write was tried"), ReadGap: result.Unmeasured("no read was tried"), Converge: result.Unmeasured("the servers did not come to rest"),
			Stalest: result.Unmeasured("no replica was read"), TwoMasters: result.Unmeasured("no server was sampled"), Unserved: result.Unmeasured("no server's view was recorded"), Foreign: c.strangers[g.shard]}
		for a := range c.s.slots.atoms {
			at := &c.s.slots.atoms[a]
			if at.start == g.shard {
				s.Slots += at.slots()
			}
			if at.final == g.shard {
				s.SlotsEnd += at.slots()
			}
		}
		if t := c.tallies[g.shard]; t != nil {
			s.Acked, s.Lost, s.LostMost = t.acked, t.lo, t.hi
		} else if r.Writes.Known {
			s.LostMost = 0
		}
		c.shardServed(g, &s)
		c.shardClients(g, &s)
		c.shardData(g, &s)
		r.Shards = append(r.Shards, s)
	}
	slices.SortFunc(r.Shards, func(a, b result.Shard) int { return cmp.Compare(a.Shard, b.Shard) })
	c.moves()
}

// shardServed fills in when the shard's slots had two masters, and none.
func (c *check) shardServed(g *group, s *result.Shard) {
	if c.serving == nil {
		return
	}
	from, to := c.judged()
	var both, either, none, maybe []result.Gap
	for a := range c.serving.by {
		if c.s.slots.atoms[a].start != g.shard {
			continue
		}
		sure, may, _ := c.serving.twice(a)
		both, either = append(both, sure...), append(either, may...)
		sure, may = c.serving.idle(a)
		none, maybe = append(none, sure...), append(maybe, may...)
	}
	const why = "what a server served is known at its looks only"
	s.TwoMasters = result.Between(secondsOf(union(both)), secondsOf(union(either)), why)
	load := []result.Gap{{From: from, To: to}}
	s.Unserved = result.Between(secondsOf(union(clipped(none, load))), secondsOf(union(clipped(maybe, load))), why)
}

// clipped are gaps, in whatever order, as far as they lie in others.
func clipped(gs, in []result.Gap) (out []result.Gap) {
	for _, g := range gs {
		for _, x := range in {
			if y := (result.Gap{From: max(g.From, x.From), To: min(g.To, x.To)}); y.Len() > 0 {
				out = append(out, y)
			}
		}
	}
	return out
}

// shardClients fills in what clients of the shard's keys saw.
func (c *check) shardClients(g *group, s *result.Shard) {
	if a, ok := c.byKeys[g.shard]; ok {
		s.RTA, s.RTAFault, s.WriteGap, s.ReadGap, s.Outage = a.rta, a.fault, a.write, a.read, a.gap
	}
	for k, m := range c.x.mask {
		if m != 0 && k < len(c.h.Keys) && c.s.shardOf(c.h.Keys[k]) == g.shard {
			s.Keys++
		}
	}
	lo, hi, reads := int64(0), int64(0), false
	for _, st := range c.a.Result.Staleness {
		if st.Window == "" && st.Reads > 0 && slices.Contains(g.members(), st.Node) {
			s.StaleReads += st.Stale
			lo, hi, reads = max(lo, st.Max), max(hi, st.MaxMost), true
		}
	}
	if reads {
		s.Stalest = result.Between(secondsOf(lo), secondsOf(hi), "a read falls somewhere between its call and its reply, and so does what it missed")
	}
}

// shardData fills in how the shard's nodes came to hold the same.
func (c *check) shardData(g *group, s *result.Shard) {
	held, t, _ := barrier(c.h)
	if !held {
		return
	}
	s.Divergent = c.differing[g.shard]
	healed := c.lastHealed()
	unlevel, level := c.levelIn([]*group{g}, healed, t)
	s.Converge = result.Between(secondsOf(max(0, unlevel-healed)), secondsOf(max(0, level-c.lastHealCalled())), "it came to be between two looks")
}

// moves lists the slots that went over to other shards, and says what is not judged because of that.
func (c *check) moves() {
	r := c.a.Result.Slots
	by := map[slotMove]*result.SlotMove{}
	var order []slotMove
	for a := range c.s.slots.atoms {
		at := &c.s.slots.atoms[a]
		for _, mv := range at.moves {
			if by[mv] == nil {
				by[mv] = &result.SlotMove{From: mv.lo, To: mv.hi, OldShard: mv.from, NewShard: mv.to, FirstSlot: at.from}
				order = append(order, mv)
			}
			by[mv].Slots += at.slots()
		}
	}
	if c.moving != nil {
		for key := range c.moving.lost {
			by[c.moving.moves[key]].LostKeys++
			by[c.moving.moves[key]].LostMost++
		}
		for key := range c.moving.maybe {
			if _, sure := c.moving.lost[key]; !sure {
				by[c.moving.moves[key]].LostMost++
			}
		}
	}
	for _, mv := range order {
		r.Moves = append(r.Moves, *by[mv])
	}
	slices.SortStableFunc(r.Moves, func(a, b result.SlotMove) int { return cmp.Compare(a.From, b.From) })
	if n := c.readsUnderway(); n > 0 {
		c.unjudged(fmt.Sprintf("how stale %s of replicas %s, and what their sessions saw: their keys were on their way to another shard", words.Plural(n, "read", "reads"), plural(n, "was", "were")))
	}
	ops := &c.h.Ops
	crossing, back := int64(0), int64(0)
	for i, f := range ops.F {
		switch {
		case f == history.FTxn && c.x.crossesSlots(i):
			crossing++
		case c.s.slots.moved && !f.IsWrite() && ops.Outcome[i] == history.OK && ops.Flags[i]&history.FlagReplicaRead != 0 && c.s.slots.movesOf(c.keyName(i)) != nil:
			back++
		}
	}
	if back > 0 {
		c.unjudged(fmt.Sprintf("whether a replica went back in time in %s of keys whose slot moved", words.Plural(back, "read", "reads")))
	}
	if crossing > 0 {
		c.unjudged(words.Plural(crossing, "transaction", "transactions") + " over several slots: nothing makes them one step")
	}
}

// readsUnderway counts the reads of registers from replicas whose key's slot was on its way.
func (c *check) readsUnderway() (n int64) {
	if c.s.slots == nil || !c.s.slots.moved {
		return 0
	}
	ops := &c.h.Ops
	for i := range ops.Len() {
		if ops.F[i] == history.FRead && ops.Outcome[i] == history.OK && ops.Flags[i]&history.FlagReplicaRead != 0 && c.s.slots.movedIn(c.keyName(i), ops.Call[i], ops.Return[i]) {
			n++
		}
	}
	return n
}
