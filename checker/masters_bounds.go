package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// Samples say what a node was at some moment between their call and their return. Between two looks in a row at one process that both
// found a master under one replication id it was master all the time; between two that both found a replica, or that both got no
// answer, it surely was not. What lies between other looks is not known.

// twoMasters bounds the time in ns, from one moment to another, in which two nodes of the group were master at once.
func (g *group) twoMasters(from, end int64) (least, most int64) {
	sure, maybe := make([][]result.Gap, len(g.servers)), make([][]result.Gap, len(g.servers))
	for i, n := range g.servers {
		sure[i], maybe[i] = reignBounds(g.s.byNode[n], from, end)
	}
	var both, either []result.Gap
	for i := range g.servers {
		for j := range i {
			both = append(both, meet(sure[i], sure[j])...)
			either = append(either, meet(maybe[i], maybe[j])...)
		}
	}
	return union(both), union(either)
}

// reignBounds are the times in which a node surely was master, and those in which it may have been.
func reignBounds(ms []*history.Sample, from, end int64) (sure, maybe []result.Gap) {
	var not []result.Gap
	for i := 0; i < len(ms); {
		first, last := ms[i], ms[i] // a run of looks in which it was the same all the time
		for i++; i < len(ms) && sameLook(first, ms[i]); i++ {
			last = ms[i]
		}
		g := result.Gap{From: first.Return, To: max(first.Return, last.Call)}
		switch {
		case first.Answered && first.Role == history.RoleMaster && !first.Loading:
			sure = append(sure, g)
		case !first.Answered || first.Role == history.RoleReplica || first.Loading:
			not = append(not, g)
		}
	}
	if len(ms) == 0 {
		return nil, nil // nobody looked: nothing is said of it
	}
	if first := ms[0]; first.Answered && first.Role == history.RoleReplica {
		not = append(not, result.Gap{From: min(from, first.Call), To: first.Return}) // as it was started
	}
	if last := ms[len(ms)-1]; !last.Answered || last.Role == history.RoleReplica {
		not = append(not, result.Gap{From: last.Call, To: end})
	}
	slices.SortFunc(not, func(a, b result.Gap) int { return cmp.Compare(a.From, b.From) })
	at := from
	for _, g := range not {
		if g.From > at {
			maybe = append(maybe, result.Gap{From: at, To: g.From})
		}
		at = max(at, g.To)
	}
	if at < end {
		maybe = append(maybe, result.Gap{From: at, To: end})
	}
	return sure, maybe
}

// sameLook tells whether two looks in a row found one process in one state.
func sameLook(a, b *history.Sample) bool {
	if !a.Answered || !b.Answered {
		return !a.Answered && !b.Answered
	}
	return a.RunID == b.RunID && a.ReplID == b.ReplID && a.Role == b.Role && a.Loading == b.Loading
}

// meet are the times in which one of both lists' intervals overlap; each list is in order.
func meet(as, bs []result.Gap) (out []result.Gap) {
	for i, j := 0, 0; i < len(as) && j < len(bs); {
		if g := (result.Gap{From: max(as[i].From, bs[j].From), To: min(as[i].To, bs[j].To)}); g.Len() > 0 {
			out = append(out, g)
		}
		if as[i].To < bs[j].To {
			i++
		} else {
			j++
		}
	}
	return out
}
