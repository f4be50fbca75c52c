package sim

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// schedule puts the failures on the agenda, with room between them.
func (w *world) schedule() {
	t := sec + w.r.Int63n(sec)
	for i, f := range w.c.Faults {
		id := i + 1
		hit := w
		if w.c.Shards > 1 {
			hit = w.worlds[w.r.Intn(len(w.worlds))]
		}
		w.at(t, func(t int64) { hit.fail(id, f, t) })
		t += 4*sec + w.r.Int63n(sec)
	}
}

// inject records a fault as the harness would: its moment, t, lies somewhere between what the harness knows.
func (w *world) inject(id int, kind string, t int64, targets []int32, links ...[2]int32) {
	targets = slices.Clone(targets)
	for i := range targets {
		targets[i] += w.base
	}
	for i := range links {
		for j, n := range links[i] {
			if n < firstWorker {
				links[i][j] = w.base + n
			} else {
				links[i][j] = w.workerID(n)
			}
		}
	}
	f := history.Fault{ID: id, Kind: kind, Text: fmt.Sprintf("%s %v", kind, targets), Targets: targets, Links: links, Scheduled: t - 40*ms, Injected: t - 1 - w.r.Int63n(30*ms),
		Effect: t + 1 + w.r.Int63n(30*ms), Proof: "simulated"}
	w.h.Faults = append(w.h.Faults, f)
	w.truth.Faults = append(w.truth.Faults, Span{From: t})
}

// heal records that fault number id was healed at t, up to so much before its proof.
func (w *world) heal(id int, t int64) {
	f := &w.h.Faults[id-1]
	f.HealCalled, f.Healed, f.HealProof = t-1-w.r.Int63n(30*ms), t+1+w.r.Int63n(30*ms), "simulated"
	w.truth.Faults[id-1].To = t
}

func (w *world) between(lo, hi int64) int64 { return lo + w.r.Int63n(hi-lo) }

// others are the nodes beside one.
func (w *world) others(m *node) (a, b *node) {
	return w.nodes[(m.id+1)%3], w.nodes[(m.id+2)%3]
}

// fail lets one failure happen, with all that follows. The harness heals what it broke.
func (w *world) fail(id int, f Failure, t int64) {
	w.settle(t)
	m := w.official
	a, b := w.others(m)
	one := []int32{m.id}
	switch f {
	case Kill, Failback:
		w.inject(id, "kill", t, one)
		w.stop(m, t)
		w.at(t+w.between(300*ms, 900*ms), func(t int64) { w.promote(m, t) })
		w.at(t+w.between(1500*ms, 2500*ms), func(t int64) { w.comeBack(id, m, f == Failback, t) })
	case Split:
		links := [][2]int32{}
		for _, o := range []int32{a.id, b.id, firstWorker} {
			links = append(links, [2]int32{m.id, o}, [2]int32{o, m.id})
		}
		for _, o := range []int32{a.id, b.id} {
			links = append(links, [2]int32{secondWorker, o}, [2]int32{o, secondWorker})
		}
		w.inject(id, "partition", t, one, links...)
		a.link, b.link, a.cut, b.cut = false, false, true, true
		w.pinned, w.walled = m.id, true
		w.at(t+w.between(300*ms, 900*ms), func(t int64) { w.promote(m, t) })
		w.at(t+w.between(1500*ms, 2500*ms), func(t int64) {
			w.heal(id, t)
			w.walled = false
			w.at(t+w.between(ms, 500*ms), func(t int64) { w.demote(m, t) })
		})
	case Zombie:
		w.inject(id, "freeze", t, one)
		m.frozen, m.since = true, t
		w.pinned = m.id
		w.at(t+w.between(300*ms, 900*ms), func(t int64) { w.promote(m, t) })
		w.at(t+w.between(1500*ms, 2500*ms), func(t int64) {
			w.heal(id, t)
			w.wake(m, t)
			w.at(t+w.between(ms, 800*ms), func(t int64) { w.demote(m, t) })
		})
	case OldRestart, Wipe:
		w.inject(id, "kill", t, one)
		w.stop(m, t)
		w.at(t+w.between(100*ms, 600*ms), func(t int64) {
			w.heal(id, t)
			kept := 0
			if f == OldRestart {
				kept = max(0, len(m.log)-w.r.Intn(30))
			}
			w.start(m, kept, f == OldRestart && m.opened, f == OldRestart && w.r.Intn(2) == 0, t)
			w.lineage(m, "restart", t)
			w.purge(m, t)
			w.attach(a, m, t)
			w.attach(b, m, t)
		})
	case CutReplica:
		w.inject(id, "cut", t, []int32{a.id}, [2]int32{m.id, a.id}, [2]int32{a.id, m.id})
		a.link, a.cut = false, true
		w.at(t+w.between(500*ms, 2000*ms), func(t int64) {
			w.heal(id, t)
			a.cut = false
			w.attach(a, w.official, t+ms)
		})
	case KillOther:
		w.inject(id, "kill", t, []int32{a.id})
		w.stop(a, t)
		w.at(t+w.between(300*ms, 1500*ms), func(t int64) {
			w.heal(id, t)
			w.start(a, 0, false, false, t)
			w.attach(a, w.official, t)
		})
	}
}

// stop ends a process.
func (w *world) stop(n *node, t int64) {
	n.down, n.since, n.link, n.sync, n.waiting = true, t, false, false, nil
	for _, o := range w.nodes {
		if o.of == n.id && !o.master {
			o.link = false
		}
	}
}

// wake lets a frozen process go on with what lies in its sockets.
func (w *world) wake(n *node, t int64) {
	n.frozen = false
	for _, do := range n.waiting {
		do(t)
	}
	n.waiting = nil
}

// promote makes the better replica master, mostly; the other one follows.
func (w *world) promote(m *node, t int64) {
	w.settle(t)
	p, o := w.others(m)
	if len(o.log) > len(p.log) || p.sync {
		p, o = o, p
	}
	if w.r.Intn(5) == 0 && !o.sync {
		p, o = o, p
	}
	p.master, p.link, p.cut, p.sync, p.deposed = true, false, false, false, nil
	p.syncs++
	p.replID2, p.second, p.replID = p.replID, p.offset()+1, w.id()
	w.lineage(p, "promotion", t)
	w.purge(p, t)
	w.truth.Promotions = append(w.truth.Promotions, Promotion{Old: w.gid(m), New: w.gid(p), T: t})
	w.at(t+w.between(ms, 200*ms), func(int64) { w.named = p.id })
	w.at(t+w.between(ms, 200*ms), func(t int64) { o.cut = false; w.attach(o, p, t) })
}

// demote makes a deposed master a replica of the present one.
func (w *world) demote(m *node, t int64) {
	w.pinned = history.NoNode
	m.cut = false
	w.attach(m, w.official, t)
}

// comeBack restarts a master that was killed: as a replica, as a master for a moment, or for good.
func (w *world) comeBack(id int, m *node, again bool, t int64) {
	w.heal(id, t)
	p := w.official
	kept, keep := len(m.log), false
	if w.r.Intn(2) == 0 {
		kept, keep = max(0, kept-w.r.Intn(30)), true
	}
	w.start(m, kept, m.opened, keep, t)
	switch {
	case again:
		m.master = true
		m.deposed = &death{"promotion", w.gid(p), t}
		w.at(t+w.between(ms, 300*ms), func(t int64) {
			w.settle(t)
			w.lineage(m, "resync", t)
			w.purge(m, t)
			w.named = m.id
			a, b := w.others(m)
			w.attach(a, m, t)
			w.attach(b, m, t)
			w.truth.Promotions = append(w.truth.Promotions, Promotion{Old: w.gid(p), New: w.gid(m), T: t, Back: true})
		})
	case w.r.Intn(2) == 0:
		m.master = false
		w.attach(m, p, t)
	default:
		m.master = true
		m.deposed = &death{"promotion", w.gid(p), t}
		w.at(t+w.between(ms, 400*ms), func(t int64) { w.attach(m, w.official, t) })
	}
}
