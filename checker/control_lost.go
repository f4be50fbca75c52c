package checker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// avoidable counts lost writes that another replica surely held when one was promoted without them, and that could have been chosen. Which of
// the two is preferred (a lower priority number) does not count: that is a choice to lose them.
func (k *control) avoidable(g *group, p *promotion) {
	e, ok := k.election(p)
	if !ok || p.offset < 0 || p.replID == "" || !k.c.fin.held {
		return
	}
	best, held := int32(history.NoNode), p.offset
	other := int32(history.NoNode) // one that held more, of which cannot be told whether it could have been promoted
	for _, r := range g.servers {
		if r == p.node || r == p.old {
			continue
		}
		switch has, ok := k.eligible(g, r, p, e); {
		case ok && has > held:
			best, held = r, has
		case !ok && has > p.offset:
			other = r
		}
	}
	k.x.looks("avoidable_lost")
	if best == history.NoNode && other == history.NoNode {
		return
	}
	n, unsure, any := note{class: "avoidable_lost"}, false, false
	l := newLineage(k.c)
	for i, f := range k.c.a.Fate {
		if f != result.FateLost {
			continue
		}
		end, ambiguous := l.endOf(i)
		if ambiguous || end == nil || end.kind != endPromotion || end.winner != p.node || end.t != p.t {
			continue
		}
		any = true
		at := l.place(i)
		switch {
		case best == history.NoNode:
		case len(at.ids) != 1 || at.ids[0] != p.replID || at.lo < 0 || at.lo >= held:
		case at.hi <= held:
			n.count(fmt.Sprintf("%s%s was promoted at offset %s while %s, which could have been, held %s: what %s acknowledged at %s is lost", k.x.node(p.node), k.preferred(p, best), words.Count(p.offset), k.x.node(best),
				words.Count(held), k.x.node(at.node), words.At(k.c.h.Ops.Return[i])), i)
		default:
			unsure = true
		}
	}
	k.x.notes([]note{n})
	switch {
	case any && other != history.NoNode:
		k.x.unsure("avoidable_lost", fmt.Sprintf("%s held more than %s when that was promoted; whether it could have been promoted cannot be told", k.x.node(other), k.x.node(p.node)))
	case unsure:
		k.x.unsure("avoidable_lost", fmt.Sprintf("%s held more than %s when that was promoted; whether some of what is lost was in it cannot be told", k.x.node(best), k.x.node(p.node)))
	}
}

// eligible tells whether a replica could surely have been promoted instead, and up to which offset of the old branch it held all, -1 where
// it surely could not: by the documented rules its priority is not 0, the leader reaches it, and its link was not down longer than ten
// times down-after.
func (k *control) eligible(g *group, r int32, p *promotion, e election) (held int64, ok bool) {
	m, later := k.c.s.at(r, min(p.from, e.selected)), k.c.s.after(r, p.t)
	if m == nil || m.Role != history.RoleReplica || m.ReplID != p.replID || m.Priority == 0 || k.apart(e.leader, r, e.selected-sentinelAsk, p.t) {
		return -1, false
	}
	from := e.selected - sentinelAsk - sentinelPing
	w := k.view(e.leader, e.selected)
	switch {
	case later == nil, m.Loading, m.SyncRunning, m.RunID != later.RunID, m.Priority < 0, e.selected-m.Return > unseen, k.mayBeCut(e.leader, r, from, p.t):
		return m.Offset, false
	case w == nil, e.selected-w.Return > unseen, int(w.Watch.ReplicasUp) < len(g.servers)-1:
		return m.Offset, false
	}
	linked, last := int64(minTime), int64(minTime)
	for _, s := range k.c.s.byNode[r] {
		if s.Call > e.selected {
			break
		}
		if !s.Answered { // a moment does not count: what the leader reaches is asked of itself
			continue
		}
		if s.Call >= from && (s.RunID != m.RunID || s.Loading || s.Call-max(last, from) > unseen) {
			return m.Offset, false
		}
		if s.LinkUp && s.ReplID == p.replID {
			linked = s.Call
		}
		last = s.Return
	}
	return m.Offset, linked > e.selected-10*k.downAfter(e.leader)
}

// preferred says that a promoted node came before another by its priority, where it did.
func (k *control) preferred(p *promotion, other int32) string {
	a, b := k.c.s.at(p.node, p.from), k.c.s.at(other, p.from)
	if a == nil || b == nil || a.Priority <= 0 || b.Priority <= a.Priority {
		return ""
	}
	return fmt.Sprintf(", preferred by its priority of %d to %d,", a.Priority, b.Priority)
}

// downAfter is a sentinel's down-after-milliseconds in ns; where it is not told, a tenth of a second, which excuses most.
func (k *control) downAfter(s int32) int64 {
	for _, kv := range k.c.h.Run.Nodes[s].Config {
		if w := strings.Fields(kv.V); kv.K == "sentinel" && len(w) == 3 && w[0] == "down-after-milliseconds" {
			if ms, err := strconv.ParseInt(w[2], 10, 64); err == nil {
				return ms * 1e6
			}
		}
	}
	return 100e6
}
