// Package exact decides whether histories of FIFO queues and of sets are linearizable, in time O(n log n), where every element goes
// in at most once (and, from a set, out at most once). Searches over orders, such as porcupine's, take exponential time on the same
// question; the class by class checks of package checker are as fast but weaker than linearizability.
//
// Intervals are closed: a precedes b only if a returned strictly before b was called, so operations that touch may stand in either
// order. An operation of unknown outcome happened at any time after its call, or never. Failed operations do not belong into a
// history given to this package.
//
// Nothing here is ever a false alarm. What is not found is said at Queue and at Set.
//
// The queue test rests on Henzinger, Sezgin and Vafeiadis, "Aspect-Oriented Linearizability Proofs" (2013), and Bouajjani, Emmi, Enea
// and Hamza, "On Reducing Linearizability to State Reachability" (2015): a queue is linearizable exactly when none of a few patterns
// is in its history. That log-linear time suffices is due to Lee and Mathur, "Efficient Decrease-and-Conquer Linearizability
// Monitoring" (2025), and Abdulla et al., "Efficient Linearizability Monitoring" (2025). What is made of unknown outcomes and of sets
// read whole is our own; the tests try it against every order of small histories.
package exact

import "math"

// Inf is the time of what never happens.
const Inf int64 = math.MaxInt64

// MaxOps bounds the operations that a violation names.
const MaxOps = 200

// Kind is the pattern that shows a violation.
type Kind string

// The kinds of queues.
const (
	// Phantom: an element came out of a queue, or was in a set, that nobody put there.
	Phantom Kind = "phantom"
	// Early: an element came out, was seen or was removed before the operation that put it there was called.
	Early Kind = "early"
	// Twice: an element came out of a queue twice.
	Twice Kind = "twice"
	// Reordered: a was in before b was asked for, and b was out before anybody asked for what turned out to be a.
	Reordered Kind = "reordered"
	// Overtaken: elements never came out, and one put in after all of them did; dequeues without a reply are too few to have taken them.
	Overtaken Kind = "overtaken"
	// NotEmpty: a dequeue found the queue empty, although at each moment of it something was surely there.
	NotEmpty Kind = "not-empty"
)

// The kinds of sets, besides Phantom and Early.
const (
	// WrongReply: an addition answered "there already", or a removal "not there", at a time when that was wrong.
	WrongReply Kind = "reply"
	// Missing: a read lacks an element that was surely there.
	Missing Kind = "missing"
	// Back: an element was there after it had been removed for good.
	Back Kind = "back"
	// Reads: the reads of the whole set can stand in no order.
	Reads Kind = "reads"
)

// Violation is a proof that a history is not linearizable.
type Violation struct {
	Kind Kind
	// Ops are indices into the history, at most MaxOps: these operations alone, with those of no other element, are not linearizable.
	Ops []int
	// More is how many further operations the proof needs.
	More int
	// Values are the elements that it is about, at most MaxOps.
	Values []int64
}

// violation builds one; duplicates and absent operations (-1) are left out.
func violation(kind Kind, values []int64, ops ...int32) *Violation {
	v := &Violation{Kind: kind, Values: values[:min(len(values), MaxOps)]}
	seen := make(map[int32]bool, len(ops))
	for _, o := range ops {
		switch {
		case o < 0 || seen[o]:
			continue
		case len(v.Ops) < MaxOps:
			v.Ops = append(v.Ops, int(o))
		default:
			v.More++
		}
		seen[o] = true
	}
	return v
}
