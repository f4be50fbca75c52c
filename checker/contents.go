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
	doubted map[string]bool
	bad     []badReply
	nodes   int // how many nodes were read: those that a fault holds down for good are left out
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
