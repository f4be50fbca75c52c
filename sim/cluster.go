package sim

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/schismtest/schism/history"
)

// A Cluster is several worlds on one agenda: each shard has its own log, its own failures and its own slots; keys go from one to another
// in one step, which both logs hold an entry of.

const (
	gossip   = 60 * ms // how long a server takes to hear of what happened in another
	lookEach = 90 * ms // the least time between two looks at a server's view
)

// crown is a change of the master whose data counts, by its place in the world.
type crown struct {
	t  int64
	id int32
}

// moved is a key's way from one shard to another.
type moved struct {
	t        int64
	key      int
	from, to int // places in worlds
}

// slotsOf are the slots that a shard has at the start.
func (w *shared) slotsOf(place int) history.SlotRange {
	each := history.Slots / w.c.Shards
	r := history.SlotRange{From: uint16(place * each), To: uint16((place+1)*each - 1)}
	if place == w.c.Shards-1 {
		r.To = history.Slots - 1
	}
	return r
}

// ownerOf is the shard that a key belongs to at the start.
func (w *shared) ownerOf(key string) int {
	for place := range w.c.Shards {
		if w.slotsOf(place).Has(history.SlotOf(key)) {
			return place
		}
	}
	return 0
}

// atFirst tells whether a key belonged to the shard from the start.
func (w *world) atFirst(key int) bool {
	return w.c.Shards == 0 || w.ownerOf(fmt.Sprintf("k:%d", key)) == w.place
}

func (o *object) clone() *object {
	c := *o
	c.list, c.accounts, c.ledger, c.set = slices.Clone(o.list), slices.Clone(o.accounts), slices.Clone(o.ledger), maps.Clone(o.set)
	return &c
}

// migrations puts the moves of slots on the agenda. A slot goes with all of its keys.
func (w *shared) migrations() {
	for range w.c.Moves {
		w.at(sec+w.r.Int63n(w.c.Load-sec), func(t int64) { w.migrate(w.r.Intn(w.c.Keys), t, 20) })
	}
}

// migrate lets a slot go to another shard, as soon as both have a master that is well.
func (w *shared) migrate(key int, t int64, tries int) {
	if tries == 0 || w.ended {
		return
	}
	from := w.worlds[w.owner[key]]
	to := w.worlds[(from.place+1+w.r.Intn(len(w.worlds)-1))%len(w.worlds)]
	from.settle(t)
	to.settle(t)
	for _, w := range []*world{from, to} {
		if m := w.official; m.down || m.frozen || !m.master || w.walled || !m.opened && w.c.Object == Bank {
			w.at(t+200*ms, func(t int64) { w.migrate(key, t, tries-1) })
			return
		}
	}
	slot := history.SlotOf(w.h.Keys[key])
	w.moves = append(w.moves, moved{t, key, from.place, to.place})
	for k, name := range w.h.Keys[:w.c.Keys] {
		if history.SlotOf(name) != slot {
			continue
		}
		w.owner[k] = to.place
		e := &entry{op: -1, key: uint32(k), t: t, arrives: true, carries: living(from.official.log, uint32(k)), content: from.official.data[k].clone()}
		to.append(to.official, e)
		from.append(from.official, &entry{op: -1, key: uint32(k), t: t, leaves: true})
	}
}

// append puts an entry that no client asked for into a master's log.
func (w *world) append(n *node, e *entry) {
	e.node = n.id
	n.log = append(n.log, e)
	w.entries = append(w.entries, e)
	n.data[e.key].apply(e)
}

// living are the entries that a key's content in a log is made of.
func living(log []*entry, key uint32) (out []*entry) {
	for _, e := range log {
		switch {
		case e.key != key:
		case e.leaves:
			out = out[:0:0]
		case e.arrives:
			out = append(slices.Clone(e.carries), e)
		default:
			out = append(out, e)
		}
	}
	return out
}

// purge lets a new master drop what it finds of slots that its shard does not own.
func (w *world) purge(n *node, t int64) {
	if w.c.Shards == 0 {
		return
	}
	for k := range w.c.Keys {
		if w.owner[k] != w.place && (len(living(n.log, uint32(k))) > 0 || n.data[k].accounts != nil) {
			w.append(n, &entry{op: -1, key: uint32(k), t: t, leaves: true})
		}
	}
}

// look writes a server's view down where it says something else than the one before.
func (w *world) look(n *node, call, ret, t int64) {
	if w.c.Shards == 0 || t-n.looked < lookEach {
		return
	}
	n.looked = t
	v := history.View{Node: w.gid(n), OK: true, Epoch: 1}
	for _, o := range w.worlds {
		v.Epoch += int64(len(o.crowned))
		lead := o.believed(t - gossip)
		if o == w && n.master {
			lead = n.id
		}
		for _, x := range o.nodes {
			p := history.Peer{Node: o.gid(x), Role: history.RoleReplica, Master: o.base + lead, LinkUp: true, Myself: x == n}
			if x != n {
				p.Fail = (x.down || x.frozen) && t-x.since > 300*ms
			}
			if x.id == lead && (x != n || n.master) {
				p.Role, p.Master, p.Slots = history.RoleMaster, history.NoNode, w.slotsBelieved(n, o, t)
			}
			v.Peers = append(v.Peers, p)
		}
	}
	if n.viewed != nil && reflect.DeepEqual(*n.viewed, v) {
		return
	}
	seen := v
	n.viewed = &seen
	v.Call, v.Return = call, ret
	w.h.Views = append(w.h.Views, v)
}

// believed is the master of a shard as others knew it at a time.
func (w *world) believed(t int64) (id int32) {
	for _, c := range w.crowned {
		if c.t <= t {
			id = c.id
		}
	}
	return id
}

// slotsBelieved are the slots that a node takes for those of a shard: it hears late of moves between others.
func (w *world) slotsBelieved(n *node, of *world, t int64) (out []history.SlotRange) {
	var owner [history.Slots]int8
	for place := range w.c.Shards {
		for slot := int(w.slotsOf(place).From); slot <= int(w.slotsOf(place).To); slot++ {
			owner[slot] = int8(place)
		}
	}
	for _, m := range w.moves {
		if at := n == w.official && (w.place == m.from || w.place == m.to); at && m.t <= t || m.t+gossip <= t {
			owner[history.SlotOf(w.h.Keys[m.key])] = int8(m.to)
		}
	}
	for slot := 0; slot < history.Slots; slot++ {
		if int(owner[slot]) != of.place {
			continue
		}
		r := history.SlotRange{From: uint16(slot)}
		for slot+1 < history.Slots && int(owner[slot+1]) == of.place {
			slot++
		}
		r.To = uint16(slot)
		out = append(out, r)
	}
	return out
}
