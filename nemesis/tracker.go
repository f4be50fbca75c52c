package nemesis

import (
	"net"
	"strings"
	"sync"

	"github.com/schismtest/schism/history"
)

// failover is one promotion that was made known.
type failover struct {
	at       int64
	old, new int
}

// tracker follows who is the rightful master. With Sentinel that is whom +switch-master named last; each sentinel says so for itself,
// so a change that is known already is no second failover. Without Sentinel it is the first one that says it is master, for as long
// as it does. In a Cluster every shard has one: whom the majority of the masters named last.
type tracker struct {
	nodes     []history.Node
	byAddr    map[string]int
	sentinels bool
	shards    *shards // of a Cluster; else nil

	mu        sync.Mutex
	events    int // of the view, taken in
	master    int
	failovers []failover
}

func newTracker(nodes []history.Node) *tracker {
	t := &tracker{nodes: nodes, byAddr: map[string]int{}, master: history.NoNode, shards: newShards(nodes)}
	for i, n := range nodes {
		switch {
		case n.Kind == history.Sentinel:
			t.sentinels = true
		case n.Kind == history.Server && !n.Stranger:
			t.byAddr[n.Addr] = i
			if n.Role == history.RoleMaster && t.master == history.NoNode {
				t.master = i
			}
		}
	}
	return t
}

// take brings the tracker up to date; it is called with mu held.
func (t *tracker) take(v *history.LiveView) {
	if t.shards != nil {
		t.failovers = append(t.failovers, t.shards.take(v.AllViews)...)
		return
	}
	if !t.sentinels {
		t.takeRoles(v)
		return
	}
	for _, e := range v.Events[t.events:] {
		if e.Kind != history.EvSentinel || e.Name != "+switch-master" {
			continue
		}
		// Its text is the master's name, then address and port of the old one and of the new one.
		w := strings.Fields(e.Text)
		if len(w) < 5 {
			continue
		}
		old, okOld := t.byAddr[net.JoinHostPort(w[1], w[2])]
		now, okNew := t.byAddr[net.JoinHostPort(w[3], w[4])]
		if okOld && okNew && now != t.master && old == t.master {
			t.failovers = append(t.failovers, failover{at: e.T, old: old, new: now})
			t.master = now
		}
	}
	t.events = len(v.Events)
}

func (t *tracker) takeRoles(v *history.LiveView) {
	first, at := history.NoNode, int64(0)
	for i, n := range t.nodes {
		s, ok := v.Samples[int32(i)]
		if n.Kind != history.Server || n.Stranger || !ok || !s.Answered || s.Role != history.RoleMaster {
			continue
		}
		if i == t.master {
			return
		}
		if first == history.NoNode {
			first, at = i, s.Call
		}
	}
	if first != history.NoNode {
		t.failovers = append(t.failovers, failover{at: at, old: t.master, new: first})
		t.master = first
	}
}

// failoverAfter is the first one after the moment.
func (t *tracker) failoverAfter(v *history.LiveView, since int64) (failover, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(v)
	for _, f := range t.failovers {
		if f.at > since {
			return f, true
		}
	}
	return failover{}, false
}

// masters are the rightful master and the one before it, NoNode when there is none.
func (t *tracker) masters(v *history.LiveView) (now, old int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(v)
	old = history.NoNode
	if n := len(t.failovers); n > 0 {
		old = t.failovers[n-1].old
	}
	return t.master, old
}
