package checker

import "github.com/schismtest/schism/history"

// contents is what the servers held at the end: every key on every node of the setup, read after the barrier.
type contents struct {
	held  bool // the barrier held: it is final
	s     *states
	byKey map[string][]*history.Dump
	left  map[int64]bool // elements of queues and what was taken into work, on any key of the master
	// doubted are the keys, and those whose ledgers they are, of which two readings of one node at rest said different things: what they
	// held is not known.
	doubted  map[string]bool
	bad      []badReply
	disputed map[string]bool   // keys of a Cluster of which no majority names an owner
	lacking  map[string]string // why, of the doubted keys of a Cluster whose owner at the end is not known or was not read
	nodes    int               // how many nodes were read: those that a fault holds down for good are left out
}

// badReply is a key of which one node at rest gave two answers.
type badReply struct{ first, second *history.Dump }

func newContents(h *history.History, s *states) *contents {
	f := &contents{byKey: map[string][]*history.Dump{}, s: s, doubted: map[string]bool{}}
	f.held, _, _ = barrier(h)
	if !f.held {
		return f
	}
	setup, gone := map[int32]bool{}, h.LeftOut()
	for _, n := range s.servers {
		if !gone[n] {
			setup[n] = true
			f.nodes++
		}
	}
	f.doubt(h, setup)
	f.ownerless(h, setup)
	for i := range h.Dumps {
		if d := &h.Dumps[i]; setup[d.Node] && !f.doubted[d.Key] {
			f.byKey[d.Key] = append(f.byKey[d.Key], d)
		}
	}
	return f
}

// doubt finds the keys of which a node's second reading said something else than its first. A key with a time to live may have gone
// in between.
func (f *contents) doubt(h *history.History, setup map[int32]bool) {
	if len(h.SecondDumps) == 0 {
		return
	}
	type at struct {
		node int32
		key  string
	}
	first := map[at]*history.Dump{}
	for i := range h.Dumps {
		first[at{h.Dumps[i].Node, h.Dumps[i].Key}] = &h.Dumps[i]
	}
	for i := range h.SecondDumps {
		d := &h.SecondDumps[i]
		one := first[at{d.Node, d.Key}]
		if !setup[d.Node] || d.Type == "none" && one != nil && one.ExpireAt > 0 {
			continue
		}
		f.bad = append(f.bad, badReply{one, d})
		f.doubted[d.Key] = true
		if key, ok := history.LedgerOf(d.Key); ok {
			f.doubted[key] = true
		}
	}
}

// ownerless finds the keys of a Cluster of which the final data is not known: no majority of the views names the owner of their slot, or
// nobody read that one's master.
func (f *contents) ownerless(h *history.History, setup map[int32]bool) {
	if f.s.slots == nil {
		return
	}
	f.lacking, f.disputed = map[string]string{}, map[string]bool{}
	look := func(key string) {
		switch a := f.s.slots.atom(key); {
		case a.final == unowned:
			f.disputed[key] = true
			f.lacking[key] = "the servers did not agree on who owned its slot at the end"
		case !setup[f.master(key)]:
			f.lacking[key] = "no master of the shard that owned its slot was read at the end"
		default:
			return
		}
		f.doubted[key] = true
	}
	for _, key := range h.Keys {
		look(key)
	}
	for i := range h.Dumps {
		look(h.Dumps[i].Key)
	}
}

// whyDoubted says why what a doubted key held is not known.
func (f *contents) whyDoubted(key string) string {
	if why := f.lacking[key]; why != "" {
		return why
	}
	return "two readings of one node differ"
}

// master is the node whose data counts as the final data of a key.
func (f *contents) master(key string) int32 { return f.s.groupOf(key).finalMaster() }

// of is a key's content on the final master, nil where it has none.
func (f *contents) of(key string) *history.Dump {
	master := f.master(key)
	for _, d := range f.byKey[key] {
		if d.Node == master && d.Type != "none" {
			return d
		}
	}
	return f.underway(key)
}

// underway is what lies of a key at the node that its slot was still on its way to at the end; nil for nothing.
func (f *contents) underway(key string) *history.Dump {
	if f.s.slots == nil || len(f.s.slots.midway) == 0 || !f.s.slots.midway[f.master(key)] {
		return nil
	}
	for _, d := range f.byKey[key] {
		if f.s.slots.midway[d.Node] && f.s.of[d.Node].finalMaster() == d.Node && d.Type != "none" {
			return d
		}
	}
	return nil
}

// remains reports whether an element lies on some key of the final master: what was taken into work lies on another key than where
// it was put.
func (f *contents) remains(v int64) bool {
	if f.left == nil {
		f.left = map[int64]bool{}
		for key, ds := range f.byKey {
			master := f.master(key)
			for _, d := range ds {
				if d.Node != master {
					continue
				}
				for _, e := range d.Elems {
					f.left[e] = true
				}
			}
		}
	}
	return f.left[v]
}
