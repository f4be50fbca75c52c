package result

import (
	"fmt"
	"time"

	"github.com/schismtest/schism/internal/words"
)

// Promise is what the server's documentation, the scenario or the user guarantees, as data. A measure's value must not be above
// Limit (below it, where the measure is a share that should be high: Measures says which).
type Promise struct {
	Measure string  `json:"measure"`          // a name in Measures
	Limit   float64 `json:"limit"`            // in the measure's unit
	By      string  `json:"by"`               // "documentation", "scenario", "flag", "always"
	Within  *Window `json:"within,omitempty"` // loss outside this window breaks it
	Shard   int     `json:"shard,omitempty"`  // of lost_other_shards: the one that may lose writes; 0: those that a fault hit
	Note    string  `json:"note,omitempty"`   // where it is documented
}

// Window is a time span between two anchors.
type Window struct{ From, To Anchor }

// Anchor is a moment of a run: that of a fault, a failover or the run, plus an offset.
type Anchor struct {
	// At is "start", "end", "effect", "heal" (of Fault) or "promotion" (the first after Fault's effect).
	At     string        `json:"at"`
	Fault  int           `json:"fault,omitempty"` // ID; faults count from 1 in the order of the schedule
	Offset time.Duration `json:"offset,omitempty"`
}

// Start is the beginning of the load.
func Start() Anchor { return Anchor{At: "start"} }

// End is the end of the run.
func End() Anchor { return Anchor{At: "end"} }

// EffectOf is the moment at which a fault took effect: between when the first of its rules was about to be applied and when all of it
// was proved.
func EffectOf(fault int) Anchor { return Anchor{At: "effect", Fault: fault} }

// HealOf is the moment at which a fault was healed: between when the first of its rules was about to be removed and when the last was.
func HealOf(fault int) Anchor { return Anchor{At: "heal", Fault: fault} }

// PromotionAfter is the first promotion after a fault's effect.
func PromotionAfter(fault int) Anchor { return Anchor{At: "promotion", Fault: fault} }

// Plus moves an anchor; d may be negative.
func (a Anchor) Plus(d time.Duration) Anchor { a.Offset += d; return a }

// Linearizable: reads from the master are linearizable.
func Linearizable() Promise { return Promise{Measure: "master_conflicts", By: "documentation"} }

// NothingLost: no acknowledged write is lost.
func NothingLost() Promise { return Promise{Measure: "lost", By: "scenario"} }

// LossOnlyBetween: no write that was acknowledged outside the window is lost. The limit counts those outside.
func LossOnlyBetween(from, to Anchor) Promise {
	return Promise{Measure: "lost_outside", Within: &Window{from, to}, By: "scenario"}
}

// LossOnlyOnDeposed: only writes that a deposed master acknowledged are lost.
func LossOnlyOnDeposed() Promise { return Promise{Measure: "lost_elsewhere", By: "scenario"} }

// LossOnlyInShardsHit: in a Cluster, only a shard that a fault hit loses acknowledged writes.
func LossOnlyInShardsHit() Promise { return Promise{Measure: "lost_other_shards", By: "scenario"} }

// LossOnlyInShard: in a Cluster, only this shard, from 1, loses acknowledged writes.
func LossOnlyInShard(n int) Promise {
	return Promise{Measure: "lost_other_shards", Shard: n, By: "scenario"}
}

// SlotsServedWithin: in a Cluster, no slot is served by nobody for longer than d.
func SlotsServedWithin(d time.Duration) Promise {
	return Promise{Measure: "unserved_for", Limit: d.Seconds(), By: "scenario"}
}

// UnservedAtMost: in a Cluster, never more than this share of the slots, 0 to 1, is served by nobody.
func UnservedAtMost(share float64) Promise {
	return Promise{Measure: "unserved", Limit: share, By: "scenario"}
}

// LastLossBy: the last lost acknowledgement comes before the anchor.
func LastLossBy(to Anchor) Promise { return LossOnlyBetween(Start(), to) }

// ConvergesWithin: all nodes hold the same data at most d after the last heal.
func ConvergesWithin(d time.Duration) Promise {
	return Promise{Measure: "converge", Limit: d.Seconds(), By: "scenario"}
}

// WritableWithin: writes that last are acknowledged again at most d after the fault's effect (RTA).
func WritableWithin(d time.Duration) Promise {
	return Promise{Measure: "rta", Limit: d.Seconds(), By: "scenario"}
}

// ReadsGoOn: there is never longer than d without an ok read.
func ReadsGoOn(d time.Duration) Promise {
	return Promise{Measure: "read_gap", Limit: d.Seconds(), By: "scenario"}
}

// Shows are measures too; these are the usual ones, with the limit 0: above it, the weakness is shown.
var (
	LostWrites    = Promise{Measure: "lost", By: "shows"}
	SlotsUnserved = Promise{Measure: "unserved", By: "shows"}
	UnservedFor   = Promise{Measure: "unserved_for", By: "shows"}
	// LostInMigration shows keys that lost writes when their slot moved.
	LostInMigration = Promise{Measure: "lost_in_migration", By: "shows"}
	TwoMasters      = Promise{Measure: "two_masters", By: "shows"}
	SplitBrain      = Promise{Measure: "split_brain_lost", By: "shows"}
	RTA             = Promise{Measure: "rta", By: "shows"}
	WriteGap        = Promise{Measure: "write_gap", By: "shows"}
	ReadGap         = Promise{Measure: "read_gap", By: "shows"}
	Lag             = Promise{Measure: "lag", By: "shows"}
	StaleReads      = Promise{Measure: "stale_reads", By: "shows"}
	DataReplaced    = Promise{Measure: "lost", By: "shows"}
	// ShortWaits is the share of WAITs, or WAITAOFs, that counted fewer than was asked for.
	ShortWaits = Promise{Measure: "wait_short", By: "shows"}
	// LostAfterWait are lost writes that WAIT had counted on a replica.
	LostAfterWait = Promise{Measure: "wait_lost", By: "shows"}
	// OtherReads is the share of ok replica reads that the other replicas answered while one was hit by a fault.
	OtherReads = Promise{Measure: "other_reads", By: "shows"}
)

// Noun is what the promise's measure is called where a scenario shows it.
func (p Promise) Noun() string {
	m, _ := MeasureOf(NameToday(p.Measure))
	if m.noun == "" {
		return p.Measure
	}
	return m.noun
}

// String is the promise in words.
func (p Promise) String() string {
	if p.Within != nil {
		return p.Within.Words(0)
	}
	if p.Shard > 0 && p.Limit == 0 {
		return fmt.Sprintf("only shard %d loses writes", p.Shard)
	}
	m, _ := MeasureOf(NameToday(p.Measure))
	return m.Sentence(p.Limit)
}

// Words says when lost writes may have been acknowledged. faults is how many the run had, 0 if that is not known.
func (w Window) Words(faults int) string {
	switch {
	case w.From.At == "start":
		return "loss only until " + w.To.Words(faults)
	case w.To.At == "end":
		return "nothing lost that was acknowledged before " + w.From.Words(faults)
	}
	return "loss only between " + w.From.Words(faults) + " and " + w.To.Words(faults)
}

// Words names a moment.
func (a Anchor) Words(faults int) string {
	var text string
	switch a.At {
	case "start", "end":
		text = "the " + a.At
	case "promotion":
		text = "the promotion"
	default:
		text = fmt.Sprintf("the %s of fault %d", a.At, a.Fault)
		if faults == 1 {
			text = "the fault's " + a.At
		}
	}
	switch {
	case a.Offset > 0:
		return text + " plus " + words.Span(a.Offset.Nanoseconds())
	case a.Offset < 0:
		return text + " less " + words.Span(-a.Offset.Nanoseconds())
	}
	return text
}
