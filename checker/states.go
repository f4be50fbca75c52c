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

// end says how a branch of the data ended.
type endKind string

const (
	endPromotion endKind = "promotion" // another node was made master
	endRestart   endKind = "restart"   // the node came back with another history
	endResync    endKind = "resync"    // the node took over another node's data set
)

// branchEnd is a moment at which what one node held alone was thrown away.
type branchEnd struct {
	kind   endKind
	t      int64
	loser  int32 // whose branch ended; NoNode: every node but the winner that had the branch
	winner int32 // who holds the surviving branch, or NoNode
	replID string
	fork   int64 // what lies beyond this offset of replID was thrown away; -1: everything
}

// states is what the samples tell of every node over time.
type states struct {
	h        *history.History
	spans    [][]span            // by node, in order of time
	byNode   [][]*history.Sample // by node, in order of time
	servers  []int32             // of the setup, without strangers
	promoted []promotion
	ends     []branchEnd
}

// promotion is a replica's turning into a master.
type promotion struct {
	node int32
	old  int32 // who was master before, or NoNode
	t    int64
	// replID and offset are where the new branch leaves the old one.
	replID string
	offset int64
}

func newStates(h *history.History) *states {
	s := &states{h: h, spans: make([][]span, len(h.Run.Nodes)), byNode: make([][]*history.Sample, len(h.Run.Nodes))}
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
	s.findPromotions()
	s.findEnds()
	return s
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

// findPromotions looks for nodes that were replicas and then say they are master, silence between them or not.
func (s *states) findPromotions() {
	for n, spans := range s.spans {
		was := history.RoleUnknown
		for i := range spans {
			sp := &spans[i]
			r := sp.role()
			if r == history.RoleMaster && was == history.RoleReplica {
				s.promoted = append(s.promoted, promotion{node: int32(n), t: sp.from, replID: sp.first.ReplID2, offset: sp.first.SecondOffset - 1})
			}
			if r != history.RoleUnknown {
				was = r
			}
		}
	}
	slices.SortFunc(s.promoted, func(a, b promotion) int { return cmp.Compare(a.t, b.t) })
	for i := range s.promoted {
		s.promoted[i].old = s.masterBefore(s.promoted[i].node, s.promoted[i].t)
	}
}

// masterBefore is the node that last said it was master before t and is not n.
func (s *states) masterBefore(n int32, t int64) int32 {
	best, at := int32(history.NoNode), int64(-1)
	for _, o := range s.servers {
		if o == n {
			continue
		}
		for i := range s.spans[o] {
			sp := &s.spans[o][i]
			if sp.role() == history.RoleMaster && sp.from < t && min(sp.to, t) > at {
				best, at = o, min(sp.to, t)
			}
		}
	}
	return best
}

// findEnds collects every moment at which data was thrown away.
func (s *states) findEnds() {
	for _, p := range s.promoted {
		s.ends = append(s.ends, branchEnd{kind: endPromotion, t: p.t, loser: p.old, winner: p.node, replID: p.replID, fork: p.offset})
	}
	for n, spans := range s.spans {
		var prev *history.Sample // the last that answered, and its role
		for i := range spans {
			sp := &spans[i]
			if sp.role() == history.RoleUnknown {
				continue
			}
			now := sp.first
			if prev != nil {
				s.compare(int32(n), prev, now)
			}
			prev = sp.last
		}
	}
	slices.SortStableFunc(s.ends, func(a, b branchEnd) int { return cmp.Compare(a.t, b.t) })
}

// compare looks at two answers of one node in a row for a break in its data.
func (s *states) compare(n int32, prev, now *history.Sample) {
	if now.ReplID == prev.ReplID || now.ReplID2 == prev.ReplID && now.SecondOffset-1 >= prev.Offset {
		return // it went on where it was
	}
	switch {
	case now.Role == history.RoleMaster && now.RunID != prev.RunID:
		s.ends = append(s.ends, branchEnd{kind: endRestart, t: now.Call, loser: n, winner: n, replID: prev.ReplID, fork: -1})
	case now.Role == history.RoleReplica && now.ReplID2 != prev.ReplID:
		s.ends = append(s.ends, branchEnd{kind: endResync, t: now.Call, loser: n, winner: int32(s.h.Run.NodeByAddr(now.MasterAddr)), replID: prev.ReplID, fork: -1})
	}
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

// finalMaster is the node that holds the final data: the setup's master at the end, or any node of it when the master is a stranger.
func (s *states) finalMaster() int32 {
	best := int32(history.NoNode)
	for _, n := range s.servers {
		ms := s.byNode[n]
		if len(ms) == 0 {
			continue
		}
		if last := ms[len(ms)-1]; last.Answered && last.Role == history.RoleMaster {
			return n
		}
		if best == history.NoNode {
			best = n
		}
	}
	if best == history.NoNode && len(s.servers) > 0 {
		best = s.servers[0]
	}
	return best
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
	why = "the run ended before its servers were brought to rest"
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
