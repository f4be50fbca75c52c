package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// collectionFindings are what one set or list shows.
type collectionFindings struct {
	conflicts [2]int64 // reads and additions that contradict linearizability: master reads, all reads
	notes     []note
	full      setFull
	regressed int64
	repeats   bool // a list in which an element was appended more than once
}

// sets checks sets that are read whole. Nothing is ever taken out of them, so what reads return must grow: the distinct reads
// form a chain by inclusion, and each addition has its place at the first of them that holds it.
func (x *extra) sets() {
	if x.all&setOps == 0 {
		return
	}
	g := x.group(setOps)
	keys := x.keysOf(setOps)
	parts := perKey(keys, func(k uint32) collectionFindings {
		s := collect(&x.h.Ops, g.of(k))
		s.span = x.span
		f := collectionFindings{notes: x.strange(s, k)}
		f.full = s.full()
		for scope, name := range [2]string{scopeMaster, scopeAll} {
			bad, text, ops := s.setConflicts(scope == 0)
			f.conflicts[scope] = bad
			if bad > 0 {
				f.notes = append(f.notes, note{class: "set-conflict (" + name + ")", n: bad, text: x.keyName(k) + ": " + text, ops: ops})
			}
		}
		return f
	})
	x.addCollections("set", parts)
}

// addCollections sums up what the keys of a kind showed.
func (x *extra) addCollections(kind string, parts []collectionFindings) {
	if len(parts) == 0 {
		return
	}
	x.judged = true
	var full setFull
	for _, p := range parts {
		x.conflict(true, p.conflicts[0])
		x.conflict(false, p.conflicts[1])
		x.notes(p.notes)
		full.add(p.full)
	}
	full.report(x, kind)
}

// strange finds values that were never added, that were added by a failed operation only, and that stand there twice.
func (x *extra) strange(s *collection, k uint32) []note {
	phantom := note{class: "phantom", bug: true}
	aborted := note{class: "aborted_read", bug: true}
	twice := note{class: "duplicated", bug: true}
	retried := note{class: "duplicated by a retry"}
	last := make([]int32, len(s.elems))
	told := make([]bool, len(s.elems)) // each element is counted once, whatever the number of reads that show it
	ghosts := map[int64]bool{}
	for n, i := range s.reads {
		values := s.c.List(int(i))
		for j, e := range s.read(n) {
			if e == taken {
				continue
			}
			if e < 0 {
				if !ghosts[values[j]] {
					ghosts[values[j]] = true
					phantom.count(fmt.Sprintf("%s: %s read %s, which nobody added", x.keyName(k), x.who(int(i)), valueText(values[j])), int(i))
				}
				continue
			}
			el := &s.elems[e]
			dup := last[e] == int32(n+1)
			last[e] = int32(n + 1)
			if told[e] || (el.tried && !dup) {
				continue
			}
			told[e] = true
			switch {
			case !el.tried:
				aborted.count(fmt.Sprintf("%s: %s read %d, although adding it failed", x.keyName(k), x.who(int(i)), el.value), int(el.add), int(i))
			case el.adds == 1:
				twice.count(fmt.Sprintf("%s: %s read %d twice, which was added once", x.keyName(k), x.who(int(i)), el.value), int(el.add), int(i))
			default:
				retried.count(fmt.Sprintf("%s: %s read %d twice; %d operations added it", x.keyName(k), x.who(int(i)), el.value, el.adds), int(el.add), int(i))
			}
		}
	}
	return []note{phantom, aborted, twice, retried}
}

// count adds one case; the first one's words stay.
func (n *note) count(text string, ops ...int) {
	if n.n == 0 {
		n.text, n.ops = text, ops
	}
	n.n++
}

// known are the elements of a read that somebody may have added, each once.
func (s *collection) known(n int, stamp []int32) []int32 {
	var out []int32
	for _, e := range s.read(n) {
		if e >= 0 && s.elems[e].tried && stamp[e] != int32(n+1) {
			stamp[e] = int32(n + 1)
			out = append(out, e)
		}
	}
	return out
}

// setConflicts counts the reads outside the chain and the operations whose place contradicts real time. It is 0 exactly when
// the reads of the scope are linearizable.
func (s *collection) setConflicts(master bool) (bad int64, text string, ops []int) {
	stamp := make([]int32, len(s.elems))
	type whole struct {
		op    int32
		elems []int32
	}
	var reads []whole
	for n, i := range s.reads {
		if !master || masterRead(s.c, i) {
			reads = append(reads, whole{i, s.known(n, stamp)})
		}
	}
	slices.SortStableFunc(reads, func(a, b whole) int { return cmp.Compare(len(a.elems), len(b.elems)) })
	level := make([]int64, len(s.elems)) // 0: in no read so far
	var places []placed
	size, depth, lastOp := 0, int64(0), int32(-1)
	for _, r := range reads {
		inside := 0
		for _, e := range r.elems {
			if level[e] > 0 {
				inside++
			}
		}
		if inside < size { // it lacks something that a read no larger holds
			if bad == 0 {
				text = fmt.Sprintf("reads of operations %d and %d each hold an element that the other lacks", lastOp, r.op)
				ops = []int{int(lastOp), int(r.op)}
			}
			bad++
			continue
		}
		if len(r.elems) > size || depth == 0 {
			depth++
			size, lastOp = len(r.elems), r.op
			for _, e := range r.elems {
				if level[e] == 0 {
					level[e] = depth
				}
			}
		}
		places = append(places, placed{key: 2*depth + 1, call: s.c.Call[r.op], ret: s.c.Return[r.op], op: r.op})
	}
	for n := range s.elems {
		e := &s.elems[n]
		switch {
		case level[n] > 0:
			places = append(places, placed{key: 2 * level[n], call: e.call, ret: e.ret, op: e.add})
		case e.ret != history.Inf:
			places = append(places, placed{key: never, call: e.call, ret: e.ret, op: e.add})
		}
	}
	sweepOrder(places, func(m misplaced) {
		if bad == 0 {
			text, ops = s.describe(m), []int{int(m.a), int(m.b)}
		}
		bad++
	})
	return bad, text, ops
}

// describe tells a pair that contradicts real time in words.
func (s *collection) describe(m misplaced) string {
	later := s.c.Call[m.b] - s.c.Return[m.a]
	switch aw, bw := isWhole(s.c.F[m.a]), isWhole(s.c.F[m.b]); {
	case !aw && bw:
		return fmt.Sprintf("a read lacks %d, added and acknowledged at least %s before it", s.c.In[m.a], s.span(max(later, 0)))
	case aw && bw:
		return fmt.Sprintf("a read holds less than one that had returned %s before it", s.span(later))
	case aw:
		return fmt.Sprintf("a read held %d before it was asked for", s.c.In[m.b])
	default:
		return fmt.Sprintf("%d shows up before %d, which was acknowledged %s before it was asked for", s.c.In[m.b], s.c.In[m.a], s.span(max(later, 0)))
	}
}
