package checker

import (
	"fmt"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// announceWithin is how long a sentinel that can be reached may go on naming another master than one that knows better, ns: that one
// tells it within its publish period, and makes a lost link anew within a ping period.
const announceWithin = sentinelPublish + sentinelPing

// announce counts the sentinels that named another master too long after a promotion, although nothing kept them from hearing of it.
func (k *control) announce(p *promotion, until int64) {
	addr := k.c.h.Run.Nodes[p.node].Addr
	var first *history.Sample // the first view that names the new master
	for _, s := range k.sentinels {
		for _, m := range k.views[s] {
			if m.Call >= p.from && m.Return <= until && m.Answered && m.Watch.Known && m.Watch.Announced == addr {
				if first == nil || m.Return < first.Return {
					first = m
				}
				break
			}
		}
	}
	if first == nil {
		return
	}
	n := note{class: "announce_late"}
	for _, s := range k.sentinels {
		if s == first.Node {
			continue
		}
		from, late, open := k.deaf(s, first, addr, until)
		if open && late == 0 {
			k.x.unsure("announce_late", fmt.Sprintf("the run was over before %s had to name %s", k.x.node(s), k.x.node(p.node)))
		}
		switch why := k.c.disturbed.why(result.Gap{From: from, To: from + late}); {
		case late > 0 && why != "":
			k.x.unsure("announce_late", why)
		case late > 0:
			n.count(fmt.Sprintf("%s named another master than %s for at least %s, from %s on, although it reached %s", k.x.node(s), k.x.node(p.node), words.Span(late), words.At(from), k.x.node(first.Node)))
		}
	}
	k.x.notes([]note{n})
}

// deaf is the longest time, if it is too long, for which a sentinel named another master than one that it reached, and that reached all.
// It is open where the sentinel still did at the end.
func (k *control) deaf(s int32, first *history.Sample, addr string, until int64) (from, long int64, open bool) {
	stale := func(m *history.Sample) bool {
		return m.Watch.Announced != addr && m.Watch.Epoch < first.Watch.Epoch
	}
	var last *history.Sample
	since := int64(minTime)
	for _, m := range k.views[s] {
		if m.Call < first.Return {
			continue
		}
		if m.Return > until {
			break
		}
		if !hears(m) || !stale(m) {
			last, since = nil, minTime
			if m.Answered && m.Watch.Known && !stale(m) {
				k.x.looks("announce_late")
				break
			}
			continue
		}
		k.x.looks("announce_late")
		if last == nil || m.Call-last.Return > unseen || m.RunID != last.RunID {
			since = m.Return
		}
		last = m
		span := m.Call - since
		if span <= announceWithin || span <= long {
			continue
		}
		if cut := k.lastTouch(s, first.Node, since, m.Call); cut > minTime {
			since = cut // and what is there from then on
			continue
		}
		tells := func(o *history.Sample) bool {
			return hears(o) && o.Watch.Announced == addr && o.Watch.Epoch >= first.Watch.Epoch
		}
		if span > announceWithin+k.stalled(since, m.Call) && k.steady(first.Node, since, m.Call, tells) {
			from, long = since, span
		}
	}
	return from, long, last != nil
}

// hears reports whether a sentinel answered, acts, and reaches all the others that it knows.
func hears(m *history.Sample) bool {
	return m.Answered && m.Watch.Known && !m.Watch.Tilt && m.Watch.PeersUp == m.Watch.Peers
}

// demoteWithin is how long a sentinel that has seen a deposed master may take to make it a replica, ns: it waits four publish periods
// for news of others, and then for the next INFO; a link that is made anew meanwhile costs a ping period.
const demoteWithin = 4*sentinelPublish + sentinelInfo + sentinelPing

// demotion counts a deposed master that acknowledged writes too long, although a sentinel that knows better reached it.
func (k *control) demotion(p *promotion, until int64) {
	if p.old < 0 || p.replID == "" {
		return
	}
	for i := range k.c.h.Faults {
		if f := &k.c.h.Faults[i]; f.Kind == "replicaof" && f.Injected > 0 {
			return // somebody else says who follows whom
		}
	}
	addr := k.c.h.Run.Nodes[p.node].Addr
	old := k.c.h.Run.Nodes[p.old].Addr
	var worst, op, by int64 = 0, -1, -1
	open := false // it was still a master at the end
	for _, s := range k.sentinels {
		from, to := k.watched(s, p, addr, until)
		if from >= to {
			continue
		}
		k.x.looks("demotion_late")
		open = open || to > until-unseen
		seen := from + sentinelPing + sentinelInfo // its first INFO of it
		for _, e := range k.said[s] {
			if w := strings.Fields(e.Text); e.T >= p.from && e.T <= to && e.Name == "-role-change" && len(w) > 1 && w[1] == old {
				seen = min(seen, max(from, e.T))
			}
		}
		if to-seen <= demoteWithin {
			continue
		}
		limit := seen + demoteWithin + k.stalled(seen, to)
		ops := &k.c.h.Ops
		for i := range ops.F {
			if !ops.IsWrite(i) || ops.Outcome[i] != history.OK || int32(ops.Node[i]) != p.old || ops.Flags[i]&history.FlagReplicaWrite != 0 {
				continue
			}
			if ops.Call[i] > limit && ops.Return[i] <= to && ops.Call[i]-seen > worst && k.c.s.roleOf(p.old, ops.Call[i], p.replID) {
				worst, op, by = ops.Call[i]-seen, int64(i), int64(s)
			}
		}
	}
	if op < 0 {
		if open {
			k.x.unsure("demotion_late", fmt.Sprintf("the run was over before %s had to be a replica", k.x.node(p.old)))
		}
		return
	}
	if t := k.c.h.Ops.Call[op]; k.c.disturbed.why(result.Gap{From: t - worst, To: t}) != "" {
		k.x.unsure("demotion_late", k.c.disturbed.why(result.Gap{From: t - worst, To: t}))
		return
	}
	n := note{class: "demotion_late"}
	n.count(fmt.Sprintf("%s acknowledged a write %s after %s, which names %s, had seen it as a master", k.x.node(p.old), words.Span(worst), k.x.node(int32(by)), k.x.node(p.node)), int(op))
	k.x.notes([]note{n})
}

// watched is the longest span in which a sentinel named the new master, held it for up, and nothing can have kept it from the deposed
// one, which answered as master of the old branch all the time. Empty where there is none.
func (k *control) watched(s int32, p *promotion, addr string, until int64) (from, to int64) {
	var since, last int64 = 0, -1 // as long as it was the old branch's master
	longest := func() {
		if a, b := k.unhindered(s, p, addr, since, min(last, until)); b-a > to-from {
			from, to = a, b
		}
		last = -1
	}
	for i := range k.c.s.spans[p.old] {
		sp := &k.c.s.spans[p.old][i]
		if sp.to <= p.t {
			continue
		}
		if sp.role() != history.RoleMaster || sp.first.ReplID != p.replID {
			longest()
			continue
		}
		if last >= 0 && (sp.first.Call-last > unseen || k.c.s.spans[p.old][i-1].first.RunID != sp.first.RunID) {
			longest()
		}
		if last < 0 {
			since = max(sp.from, p.t)
		}
		last = sp.last.Call
	}
	longest()
	return from, to
}

// unhindered cuts off of a span's begin what a fault may have kept a sentinel from, or in which it did not act.
func (k *control) unhindered(s int32, p *promotion, addr string, from, to int64) (since, end int64) {
	if from >= to {
		return 0, 0
	}
	from = max(from, k.lastTouch(s, p.old, from, to), k.lastTouch(s, p.node, from, to))
	old := k.c.h.Run.Nodes[p.old].Addr
	for _, e := range k.said[s] {
		w := strings.Fields(e.Text)
		if e.T > from && e.T < to && len(w) > 1 && w[1] == old && (e.Name == "+sdown" || e.Name == "-sdown") {
			from = e.T
		}
	}
	var last *history.Sample
	since = to
	for _, m := range k.views[s] {
		if m.Call < from {
			continue
		}
		if m.Call > to {
			break
		}
		if !m.Answered || !m.Watch.Known || m.Watch.Tilt || m.Watch.SDown || m.Watch.Failover || m.Watch.Announced != addr {
			last, since = nil, to
			continue
		}
		if last == nil || m.Call-last.Return > unseen || m.RunID != last.RunID {
			since = m.Return
		}
		last = m
	}
	if last == nil {
		return 0, 0
	}
	return since, last.Call
}
