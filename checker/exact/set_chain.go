package exact

import (
	"cmp"
	"slices"
)

// chain judges what is never removed. Of that, reads hold ever more: sorted by how much they hold, each must hold all that the one
// before holds. That gives each read a place, and each addition the place just before the first read that holds it, after all reads if
// none does. Whatever must have come after something of a lower place has taken effect no earlier than that, and the other way around;
// there is an order exactly when that leaves each of them a time.
func (s *set) chain() *Violation {
	level := make([]int64, len(s.elems)) // the first read of the chain that holds it, from 1 up; 0: none
	kept := make([][]int32, len(s.reads))
	bySize := make([]int32, len(s.reads))
	for r := range s.reads {
		bySize[r] = int32(r)
		kept[r] = s.of.at(r)
		if s.removals {
			kept[r] = slices.DeleteFunc(slices.Clone(kept[r]), func(e int32) bool { return !s.elems[e].stays })
		}
	}
	slices.SortStableFunc(bySize, func(a, b int32) int { return cmp.Compare(len(kept[a]), len(kept[b])) })
	var things []thing
	first, newest := []int32{-1}, []int32{-1} // as of chainLevels
	size := 0
	for _, r := range bySize {
		inside := 0
		for _, e := range kept[r] {
			if level[e] > 0 {
				inside++
			}
		}
		if inside < size {
			return s.incomparable(first[len(first)-1], r, kept)
		}
		if len(kept[r]) > size || len(first) == 1 {
			first, newest = append(first, r), append(newest, -1)
			size = len(kept[r])
			for _, e := range kept[r] {
				if level[e] == 0 {
					level[e] = int64(len(first) - 1)
					newest[len(first)-1] = e
				}
			}
		}
		things = append(things, thing{place: 2*int64(len(first)-1) + 1, read: r, elem: -1})
	}
	for e := range s.elems {
		switch {
		case !s.elems[e].stays:
		case level[e] > 0:
			things = append(things, thing{place: 2 * level[e], read: -1, elem: int32(e)})
		default:
			things = append(things, thing{place: Inf, read: -1, elem: int32(e)})
		}
	}
	return s.placed(things, &chainLevels{first, newest})
}

// incomparable names two reads, each of which holds an element that the other lacks.
func (s *set) incomparable(a, b int32, kept [][]int32) *Violation {
	lacks := func(x, y int32) int32 {
		for _, e := range kept[x] {
			if _, ok := slices.BinarySearch(kept[y], e); !ok {
				return e
			}
		}
		return -1
	}
	p := newProof(s)
	p.read(a)
	p.read(b)
	p.elem(lacks(a, b))
	p.elem(lacks(b, a))
	return violation(Reads, p.values, p.ops...)
}

// chainLevels are the first read of each level of the chain, from 1 up, and an element that no read before it held.
type chainLevels struct{ first, newest []int32 }

// thing is a read, or the addition of an element, with its place in the only possible order.
type thing struct {
	place      int64
	read, elem int32 // -1 for none
}

// placed narrows the times of things by those of lower and of higher place.
func (s *set) placed(things []thing, l *chainLevels) *Violation {
	places := make([]int64, len(things))
	for i := range things {
		places[i] = things[i].place
	}
	by := order(places)
	var worst *Violation
	// sweep goes through the things in one direction; the end of each is narrowed by the tightest end of those of other places so far.
	sweep := func(by []int32, forward bool) {
		var last, now *thing // the one with the tightest end among those of places passed, and with those of this place
		for n, i := range by {
			x := &things[i]
			if n > 0 && things[by[n-1]].place != x.place {
				last = now
			}
			w := s.window(x)
			if last != nil && tighter(end(s.window(last), forward).t, end(w, forward).t, forward) {
				s.narrowBy(x, last, l, forward)
				if w.empty() && worst == nil {
					worst = s.proof(w, x.read, x.elem)
				}
			}
			if now == nil || tighter(end(s.window(x), forward).t, end(s.window(now), forward).t, forward) {
				now = x
			}
		}
	}
	sweep(by, true)
	slices.Reverse(by)
	sweep(by, false)
	return worst
}

func (s *set) window(x *thing) *window {
	if x.read >= 0 {
		return &s.times[x.read]
	}
	return &s.elems[x.elem].in
}

func end(w *window, lower bool) bound {
	if lower {
		return w.lo
	}
	return w.hi
}

func tighter(a, b int64, lower bool) bool {
	if lower {
		return a > b
	}
	return a < b
}

// narrowBy narrows x by what has another place, and notes why their places differ: a read beside an addition shows it itself, two reads
// by an element that only one of them holds, two additions by a read that only holds one of them.
func (s *set) narrowBy(x, by *thing, l *chainLevels, lower bool) {
	read, elem := int32(-1), int32(-1)
	switch {
	case x.read >= 0 && by.read >= 0:
		elem = l.newest[max(x.place, by.place)/2]
	case x.read < 0 && by.read < 0:
		read = l.first[min(x.place, by.place)/2]
	}
	b := end(s.window(by), lower)
	why := s.step([]int32{x.read, by.read, read}, []int32{x.elem, by.elem, elem}, b.why)
	if lower {
		s.window(x).later(b.t, why)
	} else {
		s.window(x).earlier(b.t, why)
	}
}
