package checker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// epochs counts where an epoch went back within one process of a sentinel: the config epoch of its view, and the current epoch, which its
// events name.
func (k *control) epochs() {
	n := note{class: "epoch_back"}
	for _, s := range k.sentinels {
		var last *history.Sample
		for _, m := range k.views[s] {
			if !m.Answered || !m.Watch.Known {
				continue
			}
			if last != nil && last.RunID == m.RunID {
				k.x.looks("epoch_back")
				if m.Call > last.Return && m.Watch.Epoch < last.Watch.Epoch {
					n.bug(fmt.Sprintf("%s had config epoch %d at %s, after %d", k.x.node(s), m.Watch.Epoch, words.At(m.Call), last.Watch.Epoch))
				}
			}
			last = m
		}
		k.currentEpochs(s, &n)
	}
	k.x.notes([]note{n})
}

// currentEpochs looks at the epochs that one sentinel's events name.
func (k *control) currentEpochs(s int32, n *note) {
	epoch, at := int64(-1), int64(minTime)
	for _, e := range k.said[s] {
		now, ok := epochOf(e)
		if !ok {
			continue
		}
		again := slices.ContainsFunc(k.started[s], func(t int64) bool { return t > at && t <= e.T })
		if epoch >= 0 && !again {
			k.x.looks("epoch_back")
			if now < epoch {
				n.bug(fmt.Sprintf("%s said %s %s at %s, after epoch %d", k.x.node(s), e.Name, e.Text, words.At(e.T), epoch))
			}
		}
		epoch, at = now, e.T
	}
}

// epochOf is the epoch that an event of a sentinel's names.
func epochOf(e *history.Event) (epoch int64, ok bool) {
	w := strings.Fields(e.Text)
	switch {
	case e.Name == "+new-epoch" && len(w) == 1:
	case e.Name == "+vote-for-leader" && len(w) == 2:
		w = w[1:]
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(w[0], 10, 64)
	return n, err == nil
}

// minority judges whether a majority of the sentinels can have elected the leader of a failover, and the quorum have agreed that the
// master was down.
func (k *control) minority(p *promotion) {
	e, ok := k.election(p)
	if !ok {
		return
	}
	all := len(k.sentinels)
	w := k.view(e.leader, e.tried)
	if w == nil || int(w.Watch.Peers)+1 != all {
		return // by its own lights it may have been another number
	}
	could, agreed := all, all // at most
	voted, down := 0, 0       // at least
	for _, s := range k.sentinels {
		if k.voted(s, e) {
			voted++
		}
		if s == e.leader || k.heldDown(s, e.tried-sentinelAsk, e.elected) {
			down++
		}
		if s == e.leader {
			continue
		}
		if k.apart(e.leader, s, e.tried, e.elected) || k.votedElse(s, e) {
			could--
		}
		if k.apart(e.leader, s, e.tried-sentinelAsk-sentinelPing, e.elected) || k.calm(s, e.tried-sentinelAsk-sentinelPing, e.elected) {
			agreed--
		}
	}
	n := note{class: "minority_failover"}
	made := fmt.Sprintf("%s made %s master at %s", k.x.node(e.leader), k.x.node(p.node), words.At(p.t))
	switch {
	case could < all/2+1:
		n.bug(fmt.Sprintf("%s; at most %d of the %d sentinels can have voted for it", made, could, all))
	case agreed < int(w.Watch.Quorum):
		n.bug(fmt.Sprintf("%s; at most %d of the %d sentinels held the old one for down, the quorum is %d", made, agreed, all, w.Watch.Quorum))
	case voted < all/2+1 || down < int(w.Watch.Quorum):
		return // neither the one nor the other can be told
	}
	k.x.looks("minority_failover")
	k.x.notes([]note{n})
}

// votedElse tells whether a sentinel gave its one vote of an epoch to another than the leader.
func (k *control) votedElse(s int32, e election) bool {
	vote, id := k.vote(s, e), k.id(e.leader)
	return vote != "" && id != "" && vote != id
}

// voted tells whether a sentinel surely voted for the leader.
func (k *control) voted(s int32, e election) bool {
	vote := k.vote(s, e)
	return vote != "" && vote == k.id(e.leader)
}

// vote is the id that a sentinel gave its vote to in the epoch of an election; empty where it said nothing of it.
func (k *control) vote(s int32, e election) string {
	for _, ev := range k.said[s] {
		if epoch, ok := epochOf(ev); ok && epoch == e.epoch && ev.Name == "+vote-for-leader" && ev.T <= e.elected {
			return strings.Fields(ev.Text)[0]
		}
	}
	return ""
}

// heldDown tells whether a sentinel held the master for down at some moment of a span.
func (k *control) heldDown(s int32, from, to int64) bool {
	for _, m := range k.views[s] {
		if m.Answered && m.Watch.Known && m.Watch.SDown && m.Call <= to && m.Return >= from {
			return true
		}
	}
	return slices.ContainsFunc(k.said[s], func(e *history.Event) bool {
		return e.T >= from && e.T <= to && e.Name == "+sdown" && strings.HasPrefix(e.Text, "master ")
	})
}

// id is a sentinel's own, by which the others' votes name it.
func (k *control) id(s int32) string {
	for _, kv := range k.c.h.Run.Nodes[s].Config {
		if id, ok := strings.CutPrefix(kv.V, "myid "); ok && kv.K == "sentinel" {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

// unseen is how far two looks may lie apart for what both show to hold in between too, ns.
const unseen = int64(500e6)

// calm tells whether a sentinel surely held the master for up during a whole span.
func (k *control) calm(s int32, from, to int64) bool {
	for _, e := range k.said[s] {
		if e.T >= from && e.T <= to && e.Name == "+sdown" && strings.HasPrefix(e.Text, "master ") {
			return false
		}
	}
	return k.steady(s, from, to, func(m *history.Sample) bool { return !m.Watch.SDown && !m.Watch.ODown })
}

// steady tells whether all of a sentinel's views of a span, the last before and the first after it too, were complete, near each other,
// and as asked for.
func (k *control) steady(s int32, from, to int64, is func(m *history.Sample) bool) bool {
	var last *history.Sample
	for _, m := range k.views[s] {
		good := m.Answered && m.Watch.Known && is(m)
		if m.Return <= from {
			last = nil
			if good {
				last = m
			}
			continue
		}
		if !good || last == nil || m.Call-last.Return > unseen || m.RunID != last.RunID {
			return false
		}
		if m.Call >= to {
			return true
		}
		last = m
	}
	return false
}
