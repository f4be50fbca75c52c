package exact

// removal is how the removal of an element went.
type removal uint8

const (
	never  removal = iota // there was none, or it came before the element
	sure                  // it took the element out
	maybe                 // it may have, at any time after its call
	either                // it did, within its time, or came before the element
)

// element judges one element by the operations that name it, and notes it if it was surely there at some time.
func (s *set) element(value int64, mentions []int32) *Violation {
	e := elem{value: value, add: -1, rem: -1}
	adds, rems, shown := 0, 0, int32(-1)
	for _, i := range mentions {
		o := &s.ops[i]
		switch {
		case o.F == Add:
			adds++
			e.add = i
		case o.F == Remove:
			rems++
			e.rem = i
		}
		if o.F == Whole || o.F != Add && !o.Unknown && o.Reply == Yes {
			shown = i
		}
	}
	switch {
	case adds > 1 || rems > 1:
		s.left += len(mentions)
		return nil
	case adds == 0 && shown >= 0:
		return violation(Phantom, []int64{value}, shown)
	case adds == 0 || shown < 0 && s.ops[e.add].Unknown:
		return nil // it need never have been there
	case !s.ops[e.add].Unknown && s.ops[e.add].Reply == No:
		return violation(WrongReply, []int64{value}, e.add)
	}
	how := s.removal(&e)
	var because []int32 // what rules out that the removal went the other way
	if how == either {
		taken, before := e, e
		v, w := s.fit(&taken, sure, mentions), s.fit(&before, never, mentions)
		switch {
		case v != nil && w != nil:
			return violation(v.Kind, v.Values, append(narrowed(v.Ops), narrowed(w.Ops)...)...)
		case v != nil:
			how, because = never, narrowed(v.Ops)
		case w != nil:
			how, because = sure, narrowed(w.Ops)
		default:
			how = maybe
		}
	}
	if v := s.fit(&e, how, mentions); v != nil {
		return v
	}
	e.stays = how == never
	s.removals = s.removals || !e.stays
	if because != nil {
		s.because[int32(len(s.elems))] = because
	}
	s.elems = append(s.elems, e)
	return nil
}

func narrowed(ops []int) []int32 {
	out := make([]int32, len(ops))
	for i, o := range ops {
		out[i] = int32(o)
	}
	return out
}

func (s *set) removal(e *elem) removal {
	if e.rem < 0 {
		return never
	}
	switch o := &s.ops[e.rem]; {
	case o.Unknown:
		return maybe
	case o.Reply == Yes:
		return sure
	case o.Reply == No:
		return never
	}
	return either
}

// fit finds the times within which the element came and went. Coming as late and going as early as the sightings allow leaves the
// least time in which it must have been there, and is the best for those who did not see it: if one of them lies in that time, there
// is no order, else there is one.
func (s *set) fit(e *elem, how removal, mentions []int32) *Violation {
	add := &s.ops[e.add]
	e.in = window{bound{add.Call, e.add}, bound{add.Return, e.add}}
	if add.Unknown {
		e.in.hi.t = Inf
	}
	e.out = window{bound{Inf, e.add}, bound{Inf, e.add}}
	if e.rem >= 0 {
		rem := &s.ops[e.rem]
		switch how {
		case never:
			e.in.later(rem.Call, e.rem)
		case maybe:
			e.out.lo = bound{rem.Call, e.rem}
		default:
			e.out = window{bound{rem.Call, e.rem}, bound{rem.Return, e.rem}}
		}
	}
	for _, i := range mentions {
		if o := &s.ops[i]; o.F == Whole || o.F == Contains && o.Reply == Yes {
			e.in.earlier(o.Return, i)
			e.out.later(o.Call, i)
		}
	}
	e.in.earlier(e.out.hi.t, e.out.hi.why)
	in, out := e.in, e.out
	for _, i := range mentions {
		o := &s.ops[i]
		if o.F != Contains || o.Reply != No {
			continue
		}
		if o.Call > in.hi.t && e.out.earlier(o.Return, i) && e.out.empty() || o.Return < out.lo.t && e.in.later(o.Call, i) && e.in.empty() {
			return violation(Missing, []int64{e.value}, e.add, e.rem, in.hi.why, i, out.lo.why)
		}
	}
	switch {
	case e.in.empty():
		return violation(e.early(), []int64{e.value}, e.add, e.rem, e.in.lo.why, e.in.hi.why)
	case e.out.empty():
		return violation(Back, []int64{e.value}, e.add, e.rem, e.out.lo.why, e.out.hi.why)
	}
	return nil
}

// early says what it means that the element was there before it can have been.
func (e *elem) early() Kind {
	if e.in.lo.why == e.rem {
		return WrongReply // a removal did not find it
	}
	return Early
}
