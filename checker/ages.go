package checker

import (
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// agePlan is what every key's ages are measured by.
type agePlan struct {
	windows *windows
	lossy   bool // some writes are lost or may be
	probes  bool // there are reads on a schedule: visibility is measured by them alone
	end     int64
	held    bool // the final data was read
}

func (x *extra) newAgePlan() *agePlan {
	p := &agePlan{windows: newWindows(x.h), held: x.fin.held}
	for i, f := range x.h.Ops.Flags {
		if f&history.FlagProbe != 0 && x.h.Ops.F[i] == history.FRead {
			p.probes = true
			break
		}
	}
	for _, f := range x.a.Fate {
		if gone(f) || f == result.FateMasked {
			p.lossy = true
			break
		}
	}
	for i := range x.h.Events {
		if e := &x.h.Events[i]; e.Kind == history.EvPhase && e.Name == history.PhaseFinalEnd {
			p.end = e.T
		}
	}
	return p
}

// ageCell are the ages of the reads of one node in one window, of replicas or not. Those of 0 are not listed.
type ageCell struct {
	node           int32
	window         int
	replica        bool
	reads          int64
	lo, hi         []int64
	keptLo, keptHi []int64
	versions       int64 // the most that a read missed, at least
	versionsMost   int64 // and at most
	worst          int32
	worstAge       int64
}

// ageScratch is the memory of one worker.
type ageScratch struct {
	cells  map[[3]int32]*ageCell
	last   *ageCell
	lastAt [3]int32
	lossy  bool  // some writes of the register are or may be lost
	masked int64 // writes masked in registers whose writes do not say what they replaced

	// By value: the position of the first that is surely newer; the least K of those, and the call of the first that may be newer.
	newer         []int32
	missed, first []int64
	// The same without the lost writes, and the K of the value that a lost one's branch had left when it left the surviving one.
	missedKept, firstKept []int64
	baseLo, baseHi        []int64
	pred                  []int32 // what a write says it replaced; unsaid, or noOp where nobody wrote that
	succ, succKept        []int64 // least call of the acknowledged writes that replaced the value
	next                  []int32 // the first called of those, noOp for none
	chain                 []int32 // the first value of the chain of these
	// By position in order.
	least, leastKept []int64 // least K from there on
	callKept         []int64 // call of the first write from there on that may be part of the final data
	quiet, quietK    []int64 // call of the first write from there on that does not say what it replaced; greatest K of those before
	prevKept         []int32 // the last value before it that is surely part of the final data

	state   []bool
	path    []int32
	stale   []sortKey // reads that are stale
	byK     []sortKey
	older   []int32 // by value: how many are surely no newer, noOp: not counted yet
	until   int     // where the last read's end fell in the order
	fenwick []int32
}

// unsaid is the predecessor of a write that does not say it.
const unsaid = int32(-2)

// cell finds the cell that a read counts in.
func (sc *ageScratch) cell(node int8, window int, replica bool) *ageCell {
	at := [3]int32{int32(node), int32(window), 0}
	if replica {
		at[2] = 1
	}
	if sc.last != nil && sc.lastAt == at {
		return sc.last
	}
	c := sc.cells[at]
	if c == nil {
		if sc.cells == nil {
			sc.cells = map[[3]int32]*ageCell{}
		}
		c = &ageCell{node: int32(node), window: window, replica: replica, worst: noOp, worstAge: -1}
		sc.cells[at] = c
	}
	sc.last, sc.lastAt = c, at
	return c
}
