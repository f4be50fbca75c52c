package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// group is a replication group: servers of which one is the master that the others copy. All of a run's form one; in a Cluster each
// shard is one, and a server that goes over to another shard belongs to both, each for its time. Reigns, promotions, the ends of branches and the final master are a group's, and a promotion deposes nobody but
// the master of its own.
type group struct {
	s        *states
	shard    int
	servers  []int32
	promoted []promotion
	ends     []branchEnd
}

// findGroups makes the groups and finds what became of each.
func (s *states) findGroups() {
	s.of = make([]*group, len(s.h.Run.Nodes))
	join := func(n int32, shard int) {
		g := s.shard(shard)
		if g == nil {
			g = &group{s: s, shard: shard}
			s.groups = append(s.groups, g)
		}
		if !slices.Contains(g.servers, n) {
			g.servers = append(g.servers, n)
		}
		s.of[n] = g
	}
	for _, n := range s.servers {
		join(n, s.h.Run.Nodes[n].Shard)
		if s.belongs != nil {
			for _, b := range s.belongs[n] {
				join(n, b.shard)
			}
		}
	}
	if len(s.groups) == 0 {
		s.groups = []*group{{s: s}}
	}
	for _, g := range s.groups {
		g.findPromotions()
		g.findEnds()
	}
}

// groupOf is the group that a key belongs to.
func (s *states) groupOf(key string) *group {
	if len(s.groups) > 1 {
		if g := s.shard(s.shardOf(key)); g != nil {
			return g
		}
	}
	return s.groups[0]
}

// shard is the group of a shard, nil for none.
func (s *states) shard(shard int) *group {
	for _, g := range s.groups {
		if g.shard == shard {
			return g
		}
	}
	return nil
}

// withAt is the group that a node belonged to at a time, an empty one for a node that belongs to none.
func (s *states) withAt(node int32, t int64) *group {
	if s.belongs != nil && node >= 0 && int(node) < len(s.belongs) && len(s.belongs[node]) > 0 {
		return s.shard(s.shardAt(node, t))
	}
	return s.with(node)
}

// has tells whether a node belonged to the group at a time.
func (g *group) has(n int32, t int64) bool {
	return g.s.belongs == nil || len(g.s.belongs[n]) == 0 || g.s.shardAt(n, t) == g.shard
}

// members are the servers that belong to the group at the end.
func (g *group) members() []int32 {
	if g.s.belongs == nil {
		return g.servers
	}
	return slices.DeleteFunc(slices.Clone(g.servers), func(n int32) bool { return g.s.of[n] != g })
}

// spansOf are a node's spans while it belonged to the group.
func (g *group) spansOf(n int32) []span {
	if g.s.belongs == nil || len(g.s.belongs[n]) == 0 {
		return g.s.spans[n]
	}
	var out []span
	for _, sp := range g.s.spans[n] {
		if g.has(n, sp.first.Call) {
			out = append(out, sp)
		}
	}
	return out
}

// with is the group that a node belongs to at the end, an empty one for a node that belongs to none.
func (s *states) with(node int32) *group {
	if node >= 0 && int(node) < len(s.of) && s.of[node] != nil {
		return s.of[node]
	}
	return &group{s: s, shard: -1}
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
	fork   int64  // what lies beyond this offset of replID was thrown away; -1: the offsets do not tell
	next   string // the replication id that goes on
	// prev and now are the node's answers before and after it; nil for a promotion.
	prev, now *history.Sample
}

// promotion is a replica's turning into a master.
type promotion struct {
	node int32
	old  int32 // who was master before, or NoNode
	t    int64
	// from is the call of its last sample as a replica: it was promoted between then and t.
	from int64
	next string // its replication id since
	// replID and offset are where the new branch leaves the old one.
	replID string
	offset int64
}

// findPromotions looks for nodes that were replicas and then say they are master, silence between them or not.
func (g *group) findPromotions() {
	for _, n := range g.servers {
		spans := g.spansOf(n)
		was, at := history.RoleUnknown, int64(0)
		for i := range spans {
			sp := &spans[i]
			r := sp.role()
			if r == history.RoleMaster && was == history.RoleReplica {
				g.promoted = append(g.promoted, promotion{node: n, t: sp.from, from: at, next: sp.first.ReplID, replID: sp.first.ReplID2, offset: sp.first.SecondOffset - 1})
			}
			if r != history.RoleUnknown {
				was, at = r, sp.last.Call
			}
		}
	}
	slices.SortFunc(g.promoted, func(a, b promotion) int { return cmp.Compare(a.t, b.t) })
	for i := range g.promoted {
		g.promoted[i].old = g.masterBefore(g.promoted[i].node, g.promoted[i].t)
	}
}

// masterBefore is the node that last said it was master before t and is not n.
func (g *group) masterBefore(n int32, t int64) int32 {
	best, at := int32(history.NoNode), int64(-1)
	for _, o := range g.servers {
		if o == n {
			continue
		}
		spans := g.spansOf(o)
		for i := range spans {
			sp := &spans[i]
			if sp.role() == history.RoleMaster && sp.from < t && min(sp.to, t) > at {
				best, at = o, min(sp.to, t)
			}
		}
	}
	return best
}

// findEnds collects every moment at which data was thrown away.
func (g *group) findEnds() {
	for _, p := range g.promoted {
		g.ends = append(g.ends, branchEnd{kind: endPromotion, t: p.t, loser: p.old, winner: p.node, replID: p.replID, fork: p.offset, next: p.next})
	}
	for _, n := range g.servers {
		spans := g.s.spans[n]
		var prev *history.Sample // the last that answered, and its role
		for i := range spans {
			sp := &spans[i]
			if sp.role() == history.RoleUnknown {
				continue
			}
			now := sp.first
			if prev != nil && g.has(n, prev.Call) {
				g.compare(n, prev, now)
			}
			prev = sp.last
		}
	}
	slices.SortStableFunc(g.ends, func(a, b branchEnd) int { return cmp.Compare(a.t, b.t) })
}

// compare looks at two answers of one node in a row for a break in its data. A restart is one where it may have come back with less: by
// its offset where the replication id goes on, else (an AOF is loaded under a new id) that cannot be told here. That it has all of its
// last answer does not show that it has what it wrote after that.
func (g *group) compare(n int32, prev, now *history.Sample) {
	e := branchEnd{t: now.Call, loser: n, winner: n, replID: prev.ReplID, fork: -1, next: now.ReplID, prev: prev, now: now}
	restarted := now.RunID != prev.RunID && prev.Role == history.RoleMaster
	switch {
	case restarted && now.ReplID == prev.ReplID:
		e.kind, e.fork = endRestart, now.Offset
	case restarted && now.ReplID2 == prev.ReplID && now.Role == history.RoleMaster:
		e.kind, e.fork = endRestart, now.SecondOffset-1
	case now.ReplID == prev.ReplID, now.ReplID2 == prev.ReplID && now.SecondOffset-1 >= prev.Offset:
		return // it went on where it was
	case now.RunID != prev.RunID && now.Role == history.RoleMaster:
		e.kind = endRestart
	case now.Role == history.RoleReplica && now.ReplID2 != prev.ReplID:
		e.kind, e.winner = endResync, int32(g.s.h.Run.NodeByAddr(now.MasterAddr))
	default:
		return
	}
	g.ends = append(g.ends, e)
}

// finalMaster is the node that holds the final data: the group's master at the end, or any node of it when the master is a stranger.
func (g *group) finalMaster() int32 {
	best := int32(history.NoNode)
	servers := g.members()
	for _, n := range servers {
		ms := g.s.byNode[n]
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
	if best == history.NoNode && len(servers) > 0 {
		best = servers[0]
	}
	return best
}

// promotedFrom is the moment after which the promotion behind a branch end may have taken place.
func (g *group) promotedFrom(e *branchEnd) int64 {
	for _, p := range g.promoted {
		if p.node == e.winner && p.t == e.t {
			return p.from
		}
	}
	return e.t
}
