package exact

// step is one step of a proof: what it is about, and the bounds that it follows from.
type step struct {
	reads, elems [3]int32 // -1 for none
	from         [3]int32 // as bound.why
}

// step notes one and returns how a bound refers to it.
func (s *set) step(reads, elems []int32, from ...int32) int32 {
	st := step{reads: [3]int32{-1, -1, -1}, elems: [3]int32{-1, -1, -1}, from: [3]int32{}}
	copy(st.reads[:], reads)
	copy(st.elems[:], elems)
	for i := range st.from {
		st.from[i] = from[min(i, len(from)-1)]
	}
	s.steps = append(s.steps, st)
	return -int32(len(s.steps))
}

// proof names the operations from which it follows that a read or an element has no time.
func (s *set) proof(w *window, read, elem int32) *Violation {
	p := newProof(s)
	p.read(read)
	p.elem(elem)
	p.follow(w.lo.why)
	p.follow(w.hi.why)
	kind := Reads
	if len(p.elems) == 1 {
		kind = p.kind(w)
	}
	return violation(kind, p.values, p.ops...)
}

// proof gathers the operations of one.
type proof struct {
	s      *set
	seen   map[int32]bool // steps
	elems  map[int32]bool
	ops    []int32
	values []int64
}

func newProof(s *set) *proof {
	return &proof{s: s, seen: map[int32]bool{}, elems: map[int32]bool{}}
}

func (p *proof) read(r int32) {
	if r >= 0 {
		p.ops = append(p.ops, p.s.reads[r])
	}
}

func (p *proof) elem(n int32) {
	if n >= 0 && !p.elems[n] {
		p.elems[n] = true
		e := &p.s.elems[n]
		p.ops, p.values = append(p.ops, e.add, e.rem), append(p.values, e.value)
		p.ops = append(p.ops, p.s.because[n]...)
	}
}

// follow adds what a bound follows from. It keeps a list of its own, since proofs can be long.
func (p *proof) follow(why int32) {
	for todo := []int32{why}; len(todo) > 0; {
		why, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if why >= 0 {
			p.ops = append(p.ops, why)
			continue
		}
		if p.seen[why] {
			continue
		}
		p.seen[why] = true
		st := &p.s.steps[-why-1]
		for i := range st.from {
			p.read(st.reads[i])
			p.elem(st.elems[i])
			todo = append(todo, st.from[i])
		}
	}
}

// kind is the kind of a proof that speaks of one element alone.
func (p *proof) kind(w *window) Kind {
	var e *elem
	for n := range p.elems {
		e = &p.s.elems[n]
	}
	switch {
	case w == &e.in && w.lo.why == e.add:
		return Early
	case w == &e.in && e.rem >= 0 && w.lo.why == e.rem:
		return WrongReply
	case w == &e.out && e.rem >= 0 && w.hi.why == e.rem:
		return Back
	}
	return Missing
}
