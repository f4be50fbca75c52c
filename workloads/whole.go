package workloads

import "github.com/schismtest/schism/history"

const (
	// wholeElements is how many elements a second whole reads return together, over all clients: what is read whole grows, and reads
	// must not be what the servers are busy with.
	wholeElements = 50_000
	// leastElements is what a whole read counts for at least, so that reads of small objects leave room for the others.
	leastElements = 50
	// tailLen is how many elements a read of a tail returns at most.
	tailLen = 20
)

// wholeReads lets one client's whole reads through.
type wholeReads struct {
	each int64 // ns that an element takes up
	next int64 // when the next read is due; 0: at once
}

// newWholeReads shares wholeElements among so many readers.
func newWholeReads(readers int) wholeReads {
	return wholeReads{each: int64(max(readers, 1)) * 1e9 / wholeElements}
}

func (w *wholeReads) due(now int64) bool { return now >= w.next }

// done counts a read that was asked for at now.
func (w *wholeReads) done(now int64, elements int) {
	w.next = max(w.next, now) + int64(max(elements, leastElements))*w.each
}

// moment is when an operation that is about to be called is wanted, ns.
func (r *Runner) moment(op *history.Op) int64 {
	if op.Intended != 0 {
		return op.Intended
	}
	return r.clock()
}
