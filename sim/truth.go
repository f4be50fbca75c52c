package sim

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// Truth is what really happened.
type Truth struct {
	Config Config // as drawn
	Ops    []Op   // by operation of the history
	// Promotions are the changes of the master whose data counts, in order.
	Promotions []Promotion
	Faults     []Span // when each began and was healed, really
	TwoMasters int64  // ns in which two servers answered as masters
	Headless   []Headless
	// Measures are those of the checker's measures of which the truth is known, in the measure's unit. What a measure means leaves room in
	// places (an acknowledgement is sent at one moment and arrives at another): the truth is then an interval itself. Empty where
	// records were lost.
	Measures map[string]Range

	kept    []int
	lag     int64 // bytes
	lagDown int64 // the same with replicas that were down
}

// Span is a time, ns on the run's clock.
type Span struct{ From, To int64 }

// Headless is a time in which no server of a shard answered as its master; the shard counts from 0.
type Headless struct {
	Shard int
	Span
}

// Range is where a measure's truth lies.
type Range struct{ Lo, Hi float64 }

// Promotion is a change of the master whose data counts. Back: the old master took over again with its own data.
type Promotion struct {
	Old, New int32
	T        int64
	Back     bool
}

// Op is what became of one operation.
type Op struct {
	Executed bool  // it changed a log
	At       int64 // when it reached a server that dealt with it, 0 for never
	Final    bool  // its change is in the final log
	Lost     bool  // it was acknowledged and leaves nothing behind, nor did anybody take it
	// Cause is what ended the branch that it was on ("promotion", "restart", "resync"), Winner who held the one that went on, Ended when.
	Cause  string
	Winner int32
	Ended  int64
	// Missed is, for a read of a register, when the first write was executed that is newer than what it returned; 0 when there was none.
	// MissedAcked is the same for writes that were acknowledged: of the others nobody may ever have heard.
	Missed, MissedAcked int64
	Versions, Acked     int // how many such there are

	shard int // place of the world that it was sent to
	aside bool
	entry *entry
	seen  int
	saw   int
	log   []*entry
}

// tell works the truth out; place is each operation's number in the history.
func (w *world) tell(place []int) {
	tr := &w.truth
	final, popped, carried := map[*entry]bool{}, map[int64]bool{}, map[*entry]*entry{}
	for _, o := range w.worlds {
		for _, e := range o.official.log {
			if e.f == history.FDequeue && w.owner[e.key] == o.place {
				popped[e.out] = true
			}
		}
		for _, e := range o.entries {
			for _, x := range e.carries {
				carried[x] = e
			}
		}
	}
	for k := range w.c.Keys {
		for _, e := range living(w.worlds[w.owner[k]].official.log, uint32(k)) {
			final[e] = true
			if e.f == history.FDequeue {
				popped[e.out] = true
			}
		}
	}
	gone := map[int64]bool{} // elements that somebody took and knows of
	for i := range w.ops {
		switch o := &w.ops[i]; {
		case o.Outcome != history.OK:
		case o.F == history.FDequeue && o.Out != history.Nil:
			gone[o.Out] = true
		case o.F == history.FRemove && o.Out == 1:
			gone[o.In] = true
		}
	}
	for i := range w.ops {
		o, t := &w.ops[i], &tr.Ops[i]
		if t.entry != nil {
			t.Final = final[t.entry]
			d := t.entry.death
			for e := carried[t.entry]; e != nil && !t.Final; e = carried[e] {
				if e.death != nil {
					d = e.death
				}
			}
			if d != nil && !t.Final {
				t.Cause, t.Winner, t.Ended = d.kind, d.winner, d.t
			}
		}
		if o.F == history.FRemove { // it is lost where its element is back
			t.Lost = o.Outcome == history.OK && o.Out == 1 && w.worlds[w.owner[o.Key]].official.data[o.Key].set[o.In]
			continue
		}
		t.Lost = o.Outcome == history.OK && leaves(o) && !t.Final && !gone[o.In] && !(o.F == history.FEnqueue && popped[o.In])
	}
	w.missed()
	if w.c.Records == Whole {
		w.measures()
	}
	ops := make([]Op, len(tr.Ops))
	for i, p := range place {
		ops[p] = tr.Ops[i]
	}
	tr.Ops = ops
}

// Kept are the operations of the truth that the history has, in its order.
func (t *Truth) Kept() []Op {
	out := make([]Op, len(t.kept))
	for i, k := range t.kept {
		out[i] = t.Ops[k]
	}
	return out
}

// leaves tells whether an acknowledged write left something that must be there at the end.
func leaves(o *history.Op) bool {
	switch o.F {
	case history.FWrite:
		return o.Flags&history.FlagReplicaWrite == 0
	case history.FAdd, history.FAppend, history.FIncr, history.FEnqueue, history.FExpiring:
		return true
	case history.FTransfer:
		return o.Out == 1
	}
	return false
}

// missed finds for each read of a register which newer writes it did not show, on whatever branch.
func (w *world) missed() {
	if w.c.Object != Register && w.c.Object != Shared && w.c.Object != Blind {
		return
	}
	byKey := map[uint32][]*entry{}
	for _, o := range w.worlds {
		for _, e := range o.entries {
			if e.op >= 0 {
				byKey[e.key] = append(byKey[e.key], e)
			}
		}
	}
	for _, es := range byKey {
		slices.SortFunc(es, func(a, b *entry) int { return int(a.t - b.t) })
	}
	for i := range w.ops {
		o, t := &w.ops[i], &w.truth.Ops[i]
		if o.F != history.FRead || o.Outcome != history.OK {
			continue
		}
		shown := int64(-1)
		if t.seen >= 0 {
			shown = w.truth.Ops[t.seen].entry.t
		}
		es := byKey[o.Key]
		for j := len(es) - 1; j >= 0 && es[j].t > shown; j-- {
			if es[j].t < t.At {
				t.Missed = es[j].t
				t.Versions++
				if w.ops[es[j].op].Outcome == history.OK {
					t.MissedAcked = es[j].t
					t.Acked++
				}
			}
		}
	}
}

// measures are the truths of what the checker measures.
func (w *world) measures() {
	tr := &w.truth
	tr.Measures = map[string]Range{}
	put := func(name string, lo, hi float64) { tr.Measures[name] = Range{lo, hi} }
	var lost, split, splitMost, elsewhere, elsewhereMost, waited, acked float64
	deposed, replaced := map[int32]bool{}, map[int32]bool{}
	for _, p := range tr.Promotions {
		deposed[p.Old] = deposed[p.Old] || !p.Back
		replaced[p.Old] = true
	}
	for i := range w.ops {
		o, t := &w.ops[i], &tr.Ops[i]
		if o.Outcome == history.OK && leaves(o) {
			acked++
		}
		if !t.Lost {
			continue
		}
		lost++
		if t.Cause == "promotion" {
			split += one(t.At > t.Ended)
			splitMost += one(o.Return > t.Ended)
		}
		elsewhere += one(!replaced[o.Node])
		elsewhereMost += one(!deposed[o.Node])
		waited += one(o.Acked > 0)
	}
	if acked > 0 {
		put("lost", lost, lost)
		put("split_brain_lost", split, splitMost)
		put("lost_elsewhere", elsewhere, elsewhereMost)
		put("wait_lost", waited, waited)
	}
	put("two_masters", seconds(tr.TwoMasters), seconds(tr.TwoMasters))
	put("lag", float64(tr.lag), float64(tr.lagDown))
	w.unserved(put)
	put("expired_worst", 0, 0)
	put("expired_read", 0, 0)
	if len(w.c.Faults) == 0 {
		put("master_conflicts", 0, 0)
	}
	w.staleness(put)
	w.gaps(put)
	w.converged(put)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

func (w *world) staleness(put func(string, float64, float64)) {
	var worst, worstMost int64
	var stale, staleMost, reads float64
	versions, versionsMost := 0, 0
	for i := range w.ops {
		o, t := &w.ops[i], &w.truth.Ops[i]
		if o.F != history.FRead || o.Outcome != history.OK || o.Flags&history.FlagReplicaRead == 0 {
			continue
		}
		reads++
		versions, versionsMost = max(versions, t.Acked), max(versionsMost, t.Versions)
		if t.Acked > 0 {
			stale++
			worst = max(worst, t.At-t.MissedAcked)
		}
		if t.Versions > 0 {
			staleMost++
			worstMost = max(worstMost, t.At-t.Missed)
		}
	}
	if reads > 0 {
		put("staleness", seconds(worst), seconds(worstMost))
		put("stale_reads", stale, staleMost)
		put("version_lag", float64(versions), float64(versionsMost))
	}
}

// unserved is the largest share of slots that nobody served at once. Not where slots moved: which of them the share is of would be another
// simulation's to say.
func (w *world) unserved(put func(string, float64, float64)) {
	if w.c.Shards == 0 {
		return
	}
	put("foreign_key", 0, 0)
	put("lost_in_migration", 0, 0)
	if len(w.moves) > 0 {
		return
	}
	most, longest := 0, int64(0)
	for _, a := range w.truth.Headless {
		if a.From >= w.c.Load {
			continue
		}
		slots := 0
		for _, b := range w.truth.Headless {
			if b.From <= a.From && a.From < b.To {
				r := w.slotsOf(b.Shard)
				slots += int(r.To) - int(r.From) + 1
			}
		}
		most, longest = max(most, slots), max(longest, min(a.To, w.c.Load)-a.From)
	}
	put("unserved", float64(most)/history.Slots, float64(most)/history.Slots)
	if len(w.c.Faults) < 2 {
		put("unserved_for", seconds(longest), seconds(longest))
	}
}

// ack is when an acknowledged write was executed within the load, and whether it stayed: surely, or perhaps.
type ack struct {
	t          int64
	sure, some bool
}

func (w *world) wrote(shard int) (ws []ack) {
	for i := range w.ops {
		o, t := &w.ops[i], &w.truth.Ops[i]
		if o.F.IsWrite() && o.Outcome == history.OK && o.Flags&history.FlagReplicaWrite == 0 && t.shard == shard && o.Return <= w.c.Load {
			ws = append(ws, ack{t.At, !t.aside && (t.entry == nil || t.Final), !t.Lost && (!t.aside || leaves(o))})
		}
	}
	slices.SortFunc(ws, func(a, b ack) int { return int(a.t - b.t) })
	return ws
}

// gaps are the longest times without an acknowledged write that stayed, and without a read.
func (w *world) gaps(put func(string, float64, float64)) {
	if len(w.moves) > 0 {
		return // whose gap it was is known from when on everybody had heard of the move
	}
	var some, sure, read int64
	wrote, asked := false, false
	for shard := range w.worlds { // the run's is that of the shard for which it is the longest
		if !slices.Contains(w.owner, shard) {
			continue
		}
		if ws := w.wrote(shard); len(ws) > 0 {
			wrote = true
			some, sure = max(some, w.gap(ws, func(x ack) bool { return x.some })), max(sure, w.gap(ws, func(x ack) bool { return x.sure }))
		} else if w.c.Shards > 0 {
			return
		}
		var rs []ack
		for i := range w.ops {
			if o := &w.ops[i]; !o.F.IsWrite() && o.Outcome == history.OK && o.Return <= w.c.Load && w.truth.Ops[i].shard == shard {
				rs = append(rs, ack{t: w.truth.Ops[i].At})
			}
		}
		slices.SortFunc(rs, func(a, b ack) int { return int(a.t - b.t) })
		if len(rs) > 0 {
			asked = true
			read = max(read, w.gap(rs, func(ack) bool { return true }))
		} else if w.c.Shards > 0 {
			return
		}
	}
	if wrote {
		put("write_gap", seconds(some), seconds(sure))
	}
	if asked {
		put("read_gap", seconds(read), seconds(read))
	}
}

func (w *world) gap(ws []ack, counts func(ack) bool) (longest int64) {
	last := int64(0)
	for _, x := range ws {
		if counts(x) {
			longest = max(longest, x.t-last)
			last = x.t
		}
	}
	return max(longest, w.c.Load-last)
}

// converged is the time from the last heal to the moment at which every replica's link was up for good and it was level, which under load
// it may be now and then only: the truth lies between the moment at which the links were up and the one from which it stayed level.
func (w *world) converged(put func(string, float64, float64)) {
	from := w.c.Load
	if n := len(w.truth.Faults); n > 0 {
		from = w.truth.Faults[n-1].To
	}
	var lo, hi int64
	for _, w := range w.worlds {
		for _, n := range w.nodes {
			if n != w.official {
				lo, hi = max(lo, n.linkUp-from), max(hi, max(n.linkUp, w.c.Load)+n.lag-from)
			}
		}
	}
	put("converge", seconds(lo), seconds(hi))
}
