package checker

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// What Sentinel documents of its own clockwork, ns.
const (
	sentinelPing    = int64(1e9)  // how often it pings, and makes lost links anew
	sentinelPublish = int64(2e9)  // how often it tells the others whom it holds for master
	sentinelInfo    = int64(10e9) // how often it asks a replica for INFO where nothing is wrong
	sentinelAsk     = int64(5e9)  // how long another's word that the master is down counts
)

// control judges what Sentinel's documentation promises of a failover (checkers.md, "Control plane"). It counts only what samples, events
// and the faults' own brackets leave no doubt about.
type control struct {
	c         *check
	x         *extra
	sentinels []int32
	views     map[int32][]*history.Sample // by sentinel, in order of time
	said      map[int32][]*history.Event  // by sentinel, in order of time
	started   map[int32][]int64           // by node, when a process of it began
	until     int64                       // the clients stopped: what the harness does later is not the setup's doing
}

// control judges the failovers of a run with sentinels.
func (c *check) control() {
	k := newControl(c)
	promoted := 0
	for _, g := range c.s.groups {
		promoted += len(g.promoted)
	}
	if len(k.sentinels) == 0 || promoted == 0 || c.attached() {
		return
	}
	k.gather()
	k.epochs()
	for _, g := range c.s.groups {
		for i := range g.promoted {
			next := k.until
			if i+1 < len(g.promoted) {
				next = min(next, g.promoted[i+1].from)
			}
			p := &g.promoted[i]
			k.minority(p)
			k.avoidable(g, p)
			k.announce(p, next)
			k.demotion(p, next)
		}
	}
}

func newControl(c *check) *control {
	k := &control{c: c, x: c.x, views: map[int32][]*history.Sample{}, said: map[int32][]*history.Event{}, started: map[int32][]int64{}}
	for i, n := range c.h.Run.Nodes {
		if n.Kind == history.Sentinel {
			k.sentinels = append(k.sentinels, int32(i))
		}
	}
	_, k.until = load(c.h)
	return k
}

// gather sorts the sentinels' samples and events.
func (k *control) gather() {
	for i := range k.c.h.Samples {
		if m := &k.c.h.Samples[i]; slices.Contains(k.sentinels, m.Node) {
			k.views[m.Node] = append(k.views[m.Node], m)
		}
	}
	for _, ms := range k.views {
		slices.SortStableFunc(ms, func(a, b *history.Sample) int { return cmp.Compare(a.Call, b.Call) })
	}
	for i := range k.c.h.Events {
		switch e := &k.c.h.Events[i]; {
		case e.Kind == history.EvSentinel:
			k.said[e.Node] = append(k.said[e.Node], e)
		case e.Kind == history.EvProcess && e.Name == history.ProcessStarted:
			k.started[e.Node] = append(k.started[e.Node], e.T)
		}
	}
	for _, es := range k.said {
		slices.SortStableFunc(es, func(a, b *history.Event) int { return cmp.Compare(a.T, b.T) })
	}
}

// view is a sentinel's last view that was complete before t, nil for none.
func (k *control) view(s int32, t int64) *history.Sample {
	var last *history.Sample
	for _, m := range k.views[s] {
		if m.Return > t {
			break
		}
		if m.Answered && m.Watch.Known {
			last = m
		}
	}
	return last
}

// mayBeCut reports whether some fault may have touched the way between two nodes, or one of them, at any moment of a span.
func (k *control) mayBeCut(a, b int32, from, to int64) bool {
	return k.lastTouch(a, b, from, to) > minTime
}

// lastTouch is the last moment of a span at which a fault may have touched the way between two nodes, or one of them; minTime for never.
func (k *control) lastTouch(a, b int32, from, to int64) int64 {
	last := int64(minTime)
	for i := range k.c.h.Faults {
		f := &k.c.h.Faults[i]
		end := f.Healed
		if end == 0 {
			end = history.Inf
		}
		if f.Injected == 0 || f.Injected > to || end < from || !touches(f, a, b) {
			continue
		}
		last = max(last, min(end, to))
	}
	return last
}

func touches(f *history.Fault, a, b int32) bool {
	if len(f.Links) == 0 {
		return slices.Contains(f.Targets, a) || slices.Contains(f.Targets, b)
	}
	return slices.Contains(f.Links, [2]int32{a, b}) || slices.Contains(f.Links, [2]int32{b, a})
}

// apart tells whether one node surely got no answer from another during a whole span: a fault dropped what one of them sends to the
// other, or the other one had no running process.
func (k *control) apart(a, b int32, from, to int64) bool {
	for i := range k.c.h.Faults {
		f := &k.c.h.Faults[i]
		switch f.Kind {
		case "partition", "one-way", "cut-links", "isolate":
		default:
			continue
		}
		over := f.HealCalled
		if over == 0 {
			over = history.Inf
		}
		if f.Effect > 0 && f.Effect <= from && over >= to && touches(f, a, b) && len(f.Links) > 0 {
			return true
		}
	}
	return k.gone(b, from, to)
}

// gone tells whether a sentinel's process was surely dead or stopped during a whole span.
func (k *control) gone(s int32, from, to int64) bool {
	for _, t := range k.started[s] {
		if t >= from && t <= to {
			return false
		}
	}
	var last *history.Sample // the last that shows it away
	for _, m := range k.views[s] {
		away := !m.Answered && (!m.Up || m.Frozen)
		if m.Return <= from {
			last = nil
			if away {
				last = m
			}
			continue
		}
		if !away || last == nil || m.Call-last.Return > unseen {
			return false
		}
		if m.Call >= to {
			return true
		}
		last = m
	}
	return false
}

// stalled is how long, in a span, one of ours is known to have stood still: what shares their machine may have stood still as long.
func (k *control) stalled(from, to int64) int64 {
	var gs []result.Gap
	for i := range k.c.h.Events {
		if e := &k.c.h.Events[i]; e.Kind == history.EvStall && e.T < to && e.T+e.Dur > from {
			gs = append(gs, result.Gap{From: max(e.T, from), To: min(e.T+e.Dur, to)})
		}
	}
	return union(gs)
}

// election is a failover as its leader told it.
type election struct {
	leader                   int32
	epoch                    int64 // of the attempt; -1: not told
	tried, elected, selected int64
}

// electionTakes is the longest time that Sentinel gives an election, and atOnce what may lie between two events that it says in one go, ns:
// where more lies between them, an event is missing.
const (
	electionTakes = int64(11e9)
	atOnce        = int64(100e6)
)

// patience is how long before a promotion is seen its replica may have been chosen, ns.
const patience = int64(30e9)

// election finds who made a promotion; ok is false where that is not certain, or a command forced it.
func (k *control) election(p *promotion) (e election, ok bool) {
	for i := range k.c.h.Faults {
		if f := &k.c.h.Faults[i]; f.Injected > 0 && f.Injected <= p.t && (f.Kind == "sentinel-failover" || f.Kind == "replicaof") {
			return e, false // nobody had to agree
		}
	}
	addr := k.c.h.Run.Nodes[p.node].Addr
	e = election{leader: history.NoNode, epoch: -1}
	for _, s := range k.sentinels {
		for _, ev := range k.said[s] {
			if ev.Name != "+selected-slave" || ev.T > p.t || ev.T < p.t-patience {
				continue
			}
			if w := strings.Fields(ev.Text); len(w) < 2 || w[1] != addr {
				continue
			}
			if e.leader != history.NoNode && e.leader != s {
				return e, false
			}
			e.leader, e.selected = s, ev.T
		}
	}
	if e.leader == history.NoNode {
		return e, false
	}
	epoch, since := int64(-1), int64(0) // the present one: it may go on while the failover does
	for _, ev := range k.said[e.leader] {
		switch {
		case ev.T > e.selected:
			if strings.HasPrefix(ev.Name, "-failover-abort") && ev.T <= p.t {
				return e, false
			}
		case ev.Name == "+new-epoch":
			if n, err := strconv.ParseInt(strings.TrimSpace(ev.Text), 10, 64); err == nil {
				epoch, since = n, ev.T
			}
		case ev.Name == "+try-failover":
			e.tried, e.elected, e.epoch = ev.T, 0, -1
			if ev.T-since <= atOnce {
				e.epoch = epoch
			}
		case ev.Name == "+elected-leader":
			e.elected = ev.T
		}
	}
	return e, e.tried > 0 && e.elected >= e.tried && e.elected-e.tried <= electionTakes
}
