package exact

// SetF is what an operation does to a set.
type SetF uint8

// The functions of sets.
const (
	// Add puts Value in. Reply Yes: it was new.
	Add SetF = iota
	// Remove takes Value out. Reply Yes: it was there.
	Remove
	// Contains asks for Value. Reply Yes: it is there.
	Contains
	// Whole reads the set into List.
	Whole
)

// Reply is what an operation on one element was told.
type Reply uint8

// The replies.
const (
	NoReply Reply = iota // the operation took place, its reply is not known
	Yes
	No
)

// SetOp is one operation on a set. Times are on one clock.
type SetOp struct {
	F            SetF
	Unknown      bool // the outcome is not known; Reply, List and Return do not count
	Reply        Reply
	Value        int64
	List         []int64
	Call, Return int64
}

// Set decides whether a history of a set that was empty before it is linearizable. It returns nil when it is, as far as it sees, else
// one violation.
//
// A set is a product of its elements, each there or not, so additions, removals and questions for one element are judged element by
// element, exactly: linearizability is local. Whole reads join the elements. With nothing removed they are judged exactly too. With
// removals they are judged by the times within which each addition, removal and read must have taken effect, each narrowed by the
// others, and exactly by what is never removed; a violation that no time shows, only the order of reads, additions and removals that
// overlap each other, is not seen (31 of 46,871 random histories of up to 7 operations).
//
// Elements that more than one operation adds, or more than one removes, are left out, left operations on them.
//
// Time O(n log n), n the operations and the elements of all whole reads.
func Set(ops []SetOp) (v *Violation, left int) {
	s := set{ops: ops, because: map[int32][]int32{}}
	if v = s.elements(); v != nil || len(s.reads) == 0 {
		return v, s.left
	}
	if v = s.chain(); v == nil && s.removals {
		v = s.narrow()
	}
	return v, s.left
}

// bound is one end of the time within which something took effect, and why: an operation, or, below 0, the step -why-1 of a proof.
type bound struct {
	t   int64
	why int32
}

// elem is one element that was surely in the set at some time: put there between in.lo and in.hi, and gone between out.lo and out.hi,
// Inf for never.
type elem struct {
	value    int64
	add, rem int32 // its operations, -1 for none
	in, out  window
	stays    bool // surely never removed
}

// window is the time within which something took effect, both ends included.
type window struct{ lo, hi bound }

// later raises the lower end, earlier lowers the upper one; they tell whether that changed anything.
func (w *window) later(t int64, why int32) bool {
	if t <= w.lo.t {
		return false
	}
	w.lo = bound{t, why}
	return true
}

func (w *window) earlier(t int64, why int32) bool {
	if t >= w.hi.t {
		return false
	}
	w.hi = bound{t, why}
	return true
}

func (w *window) empty() bool { return w.lo.t > w.hi.t }

// set is one history, sorted out.
type set struct {
	ops      []SetOp
	elems    []elem
	reads    []int32  // whole reads
	times    []window // of the reads
	of       lists    // by read: the elements it holds
	in       lists    // by element: the reads that hold it
	steps    []step
	because  map[int32][]int32 // by element: the operations from which it follows how its removal went, where its reply does not say so
	removals bool              // some element may have been removed
	left     int
}

// lists is a list of numbers for each of some things, stored as one.
type lists struct {
	off  []int32
	data []int32
}

func (l *lists) at(n int) []int32 { return l.data[l.off[n]:l.off[n+1]] }

// elements sorts the history out by element and judges each alone.
func (s *set) elements() *Violation {
	var of, read []int32 // the operation of each mention of an element; the whole read, -1 for others
	var values []int64
	for i := range s.ops {
		o := &s.ops[i]
		switch {
		case o.F == Whole && !o.Unknown:
			for _, v := range o.List {
				of, read, values = append(of, int32(i)), append(read, int32(len(s.reads))), append(values, v)
			}
			s.reads = append(s.reads, int32(i))
			s.times = append(s.times, window{bound{o.Call, int32(i)}, bound{o.Return, int32(i)}})
		case o.F == Whole, o.F == Contains && (o.Unknown || o.Reply == NoReply):
		default:
			of, read, values = append(of, int32(i)), append(read, -1), append(values, o.Value)
		}
	}
	by := order(values)
	s.in.off = append(s.in.off, 0)
	var mentions []int32
	for len(by) > 0 {
		n := 1
		for n < len(by) && values[by[n]] == values[by[0]] {
			n++
		}
		mentions = mentions[:0]
		for _, m := range by[:n] {
			if len(mentions) == 0 || mentions[len(mentions)-1] != of[m] { // a read that holds it twice holds it
				mentions = append(mentions, of[m])
				if read[m] >= 0 {
					s.in.data = append(s.in.data, read[m])
				}
			}
		}
		known := len(s.elems)
		if v := s.element(values[by[0]], mentions); v != nil {
			return v
		}
		if len(s.elems) == known { // it never was there, or is left out
			s.in.data = s.in.data[:s.in.off[known]]
		} else {
			s.in.off = append(s.in.off, int32(len(s.in.data)))
		}
		by = by[n:]
	}
	s.of = transpose(s.in, len(s.reads))
	return nil
}

// transpose turns the lists around: by each of the n numbers in them, the things in whose lists it stands, ascending.
func transpose(l lists, n int) lists {
	t := lists{off: make([]int32, n+1), data: make([]int32, len(l.data))}
	for _, d := range l.data {
		t.off[d+1]++
	}
	for i := range n {
		t.off[i+1] += t.off[i]
	}
	at := append([]int32(nil), t.off...)
	for i := range len(l.off) - 1 {
		for _, d := range l.at(i) {
			t.data[at[d]] = int32(i)
			at[d]++
		}
	}
	return t
}
