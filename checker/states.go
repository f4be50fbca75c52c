package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// span is a time in which a node's samples all said the same. It begins with the first sample that said so and ends when the
// next one said something else.
type span struct {
	node     int32
	from, to int64
	first    *history.Sample // the span's first and last sample
	last     *history.Sample
}

// role is what the node was during the span, RoleUnknown when it did not answer or still loaded.
func (s *span) role() history.Role {
	if !s.first.Answered || s.first.Loading {
		return history.RoleUnknown
	}
	return s.first.Role
}

// states is what the samples tell of every node over time.
type states struct {
	h       *history.History
	spans   [][]span            // by node, in order of time
	byNode  [][]*history.Sample // by node, in order of time
	servers []int32             // of the setup, without strangers
	groups  []*group
	of      []*group // by node, at the end; none of those that belong to no group
	shardOf func(key string) int
	slots   *slotMap // of a Cluster, nil without one
	// belongs is, by node, since when it belonged to which shard, where that changed; nil where it never did.
	belongs [][]membership
}

// membership is the shard that a node belonged to from a time on.
type membership struct {
	from  int64
	shard int
}

func newStates(h *history.History) *states {
	s := &states{h: h, spans: make([][]span, len(h.Run.Nodes)), byNode: make([][]*history.Sample, len(h.Run.Nodes)), shardOf: func(string) int { return 0 }}
	for i, n := range h.Run.Nodes {
		if n.Kind == history.Server && !n.Stranger {
			s.servers = append(s.servers, int32(i))
		}
	}
	for i := range h.Samples {
		m := &h.Samples[i]
		if n := int(m.Node); n >= 0 && n < len(s.byNode) && h.Run.Nodes[n].Kind == history.Server {
			s.byNode[n] = append(s.byNode[n], m)
			s.extend(n, m)
		}
	}
	s.findMembers()
	if s.slots = newSlotMap(s); s.slots != nil {
		s.shardOf = s.slots.shardOf
	}
	s.findGroups()
	return s
}

// findMembers follows the replicas of a Cluster that went over to the master of another shard.
func (s *states) findMembers() {
	if len(s.h.Run.Slots) == 0 {
		return
	}
	s.belongs = make([][]membership, len(s.h.Run.Nodes))
	at := map[string]int32{}
	for i, n := range s.h.Run.Nodes {
		at[n.Addr] = int32(i)
	}
	for i := range s.h.Samples {
		m := &s.h.Samples[i]
		master, ok := at[m.MasterAddr]
		if !ok || m.Role != history.RoleReplica || !slices.Contains(s.servers, m.Node) {
			continue
		}
		if shard := s.shardAt(master, m.Call); shard != s.shardAt(m.Node, m.Call) {
			s.belongs[m.Node] = append(s.belongs[m.Node], membership{m.Call, shard})
		}
	}
}

// shardAt is the shard that a node belonged to at a time: of a replica its master's.
func (s *states) shardAt(n int32, t int64) int {
	shard := s.h.Run.Nodes[n].Shard
	if s.belongs != nil {
		for _, b := range s.belongs[n] {
			if b.from <= t {
				shard = b.shard
			}
		}
	}
	return shard
}

func (s *states) extend(n int, m *history.Sample) {
	spans := s.spans[n]
	if k := len(spans); k > 0 {
		last := &spans[k-1]
		last.to = m.Call
		if same(last.first, m) {
			last.last, last.to = m, m.Return
			return
		}
	}
	s.spans[n] = append(spans, span{node: int32(n), from: m.Call, to: m.Return, first: m, last: m})
}

func same(a, b *history.Sample) bool {
	if a.Answered != b.Answered {
		return false
	}
	if !a.Answered {
		return a.Up == b.Up && a.Frozen == b.Frozen
	}
	return a.Role == b.Role && a.Loading == b.Loading && a.RunID == b.RunID && a.ReplID == b.ReplID && a.LinkUp == b.LinkUp && a.MasterAddr == b.MasterAddr
}

// at is the last sample of a node that was answered and returned before t.
func (s *states) at(n int32, t int64) *history.Sample {
	if n < 0 || int(n) >= len(s.byNode) {
		return nil
	}
	ms := s.byNode[n]
	i, _ := slices.BinarySearchFunc(ms, t, func(m *history.Sample, t int64) int { return cmp.Compare(m.Return, t) })
	for i--; i >= 0; i-- {
		if ms[i].Answered {
			return ms[i]
		}
	}
	return nil
}

// after is the first sample of a node that was answered and called after t.
func (s *states) after(n int32, t int64) *history.Sample {
	if n < 0 || int(n) >= len(s.byNode) {
		return nil
	}
	ms := s.byNode[n]
	i, _ := slices.BinarySearchFunc(ms, t, func(m *history.Sample, t int64) int { return cmp.Compare(m.Call, t) })
	for ; i < len(ms); i++ {
		if ms[i].Answered {
			return ms[i]
		}
	}
	return nil
}

// downBetween reports whether a node was seen without its process by a sample within a time.
func (s *states) downBetween(n int32, from, to int64) bool {
	ms := s.byNode[n]
	i, _ := slices.BinarySearchFunc(ms, from, func(m *history.Sample, t int64) int { return cmp.Compare(m.Call, t) })
	for ; i < len(ms) && ms[i].Call < to; i++ {
		if !ms[i].Up && !ms[i].Answered && ms[i].Return <= to {
			return true
		}
	}
	return false
}

// load is the time from the first operation's permission to the stop of the writers.
func load(h *history.History) (from, to int64) {
	from, to = 0, h.End
	for i := range h.Events {
		e := &h.Events[i]
		if e.Kind != history.EvPhase {
			continue
		}
		switch e.Name {
		case history.PhaseLoad:
			from = e.T
		case history.PhaseLoadEnd:
			to = e.T
		}
	}
	return from, to
}

// barrier reports whether everything came to rest and every node was read, and when; why not otherwise.
func barrier(h *history.History) (held bool, t int64, why string) {
	if len(h.Run.Slots) > 0 && len(h.Views) == 0 {
		return false, 0, "no server's view of the cluster was recorded, so nobody knows who owned which slot"
	}
	why = whyNoBarrier(h)
	for i := range h.Events {
		e := &h.Events[i]
		if e.Kind != history.EvPhase {
			continue
		}
		switch e.Name {
		case history.PhaseBarrier:
			t = e.T
		case history.PhaseFinalEnd:
			held = true
		case history.PhaseNoBarr:
			why = e.Text
		}
	}
	if held {
		return true, t, ""
	}
	return false, 0, why
}
