package result

// ReadAge is how stale one read was, ns: at least Lo, at most Hi. The Kept ones leave the lost writes out: what a read of lost data
// missed counts from the surviving write that its branch had left.
type ReadAge struct{ Lo, Hi, KeptLo, KeptHi int64 }

// ReadAges are the ages of the reads of registers, by operation. Most reads are fresh, so only the others take memory. The zero value has
// none.
type ReadAges struct {
	at   []int32 // -1: no age; 0: fresh; else one more than the place in ages
	ages []ReadAge
}

// OpAge is the age of one read that is or may be stale.
type OpAge struct {
	Op  int32
	Age ReadAge
}

// NewReadAges are those of n operations, none of which has an age yet.
func NewReadAges(n int) ReadAges {
	r := ReadAges{at: make([]int32, n)}
	for i := range r.at {
		r.at[i] = -1
	}
	return r
}

// AgesOf are the ages of n operations by their numbers.
func AgesOf(n int, ages map[int]ReadAge) ReadAges {
	r := NewReadAges(n)
	for i, a := range ages {
		if r.at[i] = 0; a != (ReadAge{}) {
			r.Add([]OpAge{{int32(i), a}})
		}
	}
	return r
}

// Of is the age of operation i; ok is false where it has none: it is no read of a register, it found nothing known, or it is a probe,
// which is timed to hit the moment after a write.
func (r *ReadAges) Of(i int) (age ReadAge, ok bool) {
	switch {
	case i >= len(r.at) || r.at[i] < 0:
		return ReadAge{}, false
	case r.at[i] == 0:
		return ReadAge{}, true
	}
	return r.ages[r.at[i]-1], true
}

// Fresh says that operation i is a read of a register, of age 0.
func (r *ReadAges) Fresh(i int32) { r.at[i] = 0 }

// Add takes in ages of reads that were fresh until now.
func (r *ReadAges) Add(ages []OpAge) {
	for _, a := range ages {
		r.ages = append(r.ages, a.Age)
		r.at[a.Op] = int32(len(r.ages))
	}
}
