package exact

// maxRounds bounds how often the times are narrowed by one another. In a million random histories one round found whatever twenty find.
const maxRounds = 2

// narrow finds the times within which each addition, removal and read took effect, each narrowed by the others: a read lies between the
// coming and the going of what it holds, and before the coming or after the going of what it lacks. A time that becomes empty is a
// violation.
func (s *set) narrow() *Violation {
	for range maxRounds {
		changed := false
		for _, pass := range []func() (bool, *Violation){s.held, s.lacking} {
			c, v := pass()
			if v != nil {
				return v
			}
			changed = changed || c
		}
		if !changed {
			return nil
		}
	}
	return nil
}

// held narrows elements by the reads that hold them, and those by the elements that they hold.
func (s *set) held() (changed bool, v *Violation) {
	for n := range s.elems {
		e, x := &s.elems[n], []int32{int32(n)}
		for _, r := range s.in.at(n) {
			w := &s.times[r]
			if w.hi.t < e.in.hi.t {
				changed = e.in.earlier(w.hi.t, s.step([]int32{r}, x, w.hi.why)) || changed
			}
			if w.lo.t > e.out.lo.t {
				changed = e.out.later(w.lo.t, s.step([]int32{r}, x, w.lo.why)) || changed
			}
		}
		if v := s.comeAndGone(n, &changed); v != nil {
			return true, v
		}
		for _, r := range s.in.at(n) {
			w := &s.times[r]
			if e.in.lo.t > w.lo.t {
				changed = w.later(e.in.lo.t, s.step([]int32{r}, x, e.in.lo.why)) || changed
			}
			if e.out.hi.t < w.hi.t {
				changed = w.earlier(e.out.hi.t, s.step([]int32{r}, x, e.out.hi.why)) || changed
			}
			if w.empty() {
				return true, s.proof(w, r, -1)
			}
		}
	}
	return changed, nil
}

// comeAndGone narrows the times of one element by one another: it came before it went.
func (s *set) comeAndGone(n int, changed *bool) *Violation {
	e, x := &s.elems[n], []int32{int32(n)}
	if e.out.hi.t < e.in.hi.t {
		*changed = e.in.earlier(e.out.hi.t, s.step(nil, x, e.out.hi.why)) || *changed
	}
	if e.in.lo.t > e.out.lo.t {
		*changed = e.out.later(e.in.lo.t, s.step(nil, x, e.in.lo.why)) || *changed
	}
	switch {
	case e.in.empty():
		return s.proof(&e.in, -1, int32(n))
	case e.out.empty():
		return s.proof(&e.out, -1, int32(n))
	}
	return nil
}

// lacking narrows reads by the elements that they lack: a read that came after the element came lies after it went, and one that came
// before it went lies before it came. (Narrowing the elements by those reads, too, finds nothing more.)
func (s *set) lacking() (changed bool, v *Violation) {
	come, gone := make([]int64, len(s.elems)), make([]int64, len(s.elems))
	lo, hi := make([]int64, len(s.reads)), make([]int64, len(s.reads))
	for n, e := range s.elems {
		come[n], gone[n] = e.in.hi.t, e.out.lo.t
	}
	for r, w := range s.times {
		lo[r], hi[r] = w.lo.t, w.hi.t
	}
	after := apart{keys: come, values: gone, limits: lo, of: s.in, in: s.of}.greatest()
	before := apart{keys: negated(gone), values: negated(come), limits: negated(hi), of: s.in, in: s.of}.greatest()
	for r := range s.reads {
		w, x := &s.times[r], []int32{int32(r)}
		if n := after[r]; n >= 0 && s.elems[n].out.lo.t > w.lo.t {
			e := &s.elems[n]
			changed = w.later(e.out.lo.t, s.step(x, []int32{n}, e.out.lo.why, e.in.hi.why, w.lo.why)) || changed
		}
		if n := before[r]; n >= 0 && s.elems[n].in.hi.t < w.hi.t {
			e := &s.elems[n]
			changed = w.earlier(e.in.hi.t, s.step(x, []int32{n}, e.in.hi.why, e.out.lo.why, w.hi.why)) || changed
		}
		if w.empty() {
			return true, s.proof(w, int32(r), -1)
		}
	}
	return changed, nil
}

func negated(ts []int64) []int64 {
	out := make([]int64, len(ts))
	for i, t := range ts {
		out[i] = -t
	}
	return out
}
