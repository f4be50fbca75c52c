package checker

import "github.com/schismtest/schism/history"

// contents is what the servers held at the end: every key on every node of the setup, read after the barrier.
type contents struct {
	held  bool // the barrier held: it is final
	s     *states
	byKey map[string][]*history.Dump
	left  map[int64]bool // elements of queues and what was taken into work, on any key of the master
}

func newContents(h *history.History, s *states) *contents {
	f := &contents{byKey: map[string][]*history.Dump{}, s: s}
	f.held, _, _ = barrier(h)
	if !f.held {
		return f
	}
	setup := map[int32]bool{}
	for _, n := range s.servers {
		setup[n] = true
	}
	for i := range h.Dumps {
		if d := &h.Dumps[i]; setup[d.Node] {
			f.byKey[d.Key] = append(f.byKey[d.Key], d)
		}
	}
	return f
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
