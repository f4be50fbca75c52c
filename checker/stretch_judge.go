package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// replicaStretches are the stretches of all replicas, found once.
func (x *extra) replicaStretches() *stretches {
	x.stretchOnce.Do(func() { x.stretched = newStretches(x.h, x.s, x.evicted.any()) })
	return x.stretched
}

// replicasBack looks for reads in which a replica went back in time: reads of registers and whole reads of sets and lists, over all
// keys together.
func (x *extra) replicasBack(collections [][]stretchRead) {
	st := x.replicaStretches()
	if st.count == 0 {
		return
	}
	by := make([][]stretchRead, st.count)
	take := func(rs []stretchRead) {
		for _, r := range rs {
			by[r.stretch] = append(by[r.stretch], r)
		}
	}
	if x.all&bit(history.FRead) != 0 {
		p := x.registerPass()
		for i := range p.found {
			take(p.found[i].stretch)
			p.found[i].stretch = nil
		}
	}
	for _, rs := range collections {
		take(rs)
	}
	n := note{class: "replica_back"}
	for i := range by {
		if len(by[i]) > 0 {
			x.looks("replica_back")
			x.stretchBack(by[i], &n)
		}
	}
	x.notes([]note{n})
}

// stretchBack judges the reads of one stretch: walking by call, it keeps the latest write that the reads which had ended showed.
func (x *extra) stretchBack(reads []stretchRead, n *note) {
	c := &x.h.Ops
	byCall, byRet := make([]sortKey, len(reads)), make([]sortKey, len(reads))
	for i := range reads {
		byCall[i], byRet[i] = sortKey{c.Call[reads[i].op], int32(i)}, sortKey{c.Return[reads[i].op], int32(i)}
	}
	slices.SortFunc(byCall, compareKeys)
	slices.SortFunc(byRet, compareKeys)
	shown, by, next := int64(minTime), noOp, 0
	for _, k := range byCall {
		for ; next < len(byRet) && byRet[next].t < k.t; next++ {
			if r := &reads[byRet[next].i]; r.shown > shown {
				shown, by = r.shown, r.op
			}
		}
		r := &reads[k.i]
		switch {
		case r.back != noOp:
			x.countBack(n, r.back, r.op, "what it had shown before was gone")
		case r.lacks < shown:
			x.countBack(n, by, r.op, fmt.Sprintf("the answer lacked what had been acknowledged at %s, before what it had shown was written", seconds(r.lacks)))
		}
	}
}

func compareKeys(a, b sortKey) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.i, b.i)) }

// countBack counts a read that lacks something, although an earlier one showed that it was there.
func (x *extra) countBack(n *note, earlier, later int32, what string) {
	if n.n > 0 {
		n.n++
		return
	}
	c := &x.h.Ops
	n.count(fmt.Sprintf("%s answered for %s at %s, and then for %s at %s: %s", x.node(int32(c.Node[later])), x.keyName(c.Key[earlier]), seconds(c.Call[earlier]),
		x.keyName(c.Key[later]), seconds(c.Call[later]), what), int(earlier), int(later))
}

// collectionStretch says what the reads of a set or list within stretches tell: whole ones, and those of one element or of a tail.
func (x *extra) collectionStretch(s *collection, ops []int32) (out []stretchRead) {
	c, st := s.c, x.replicaStretches()
	if st.count == 0 || st.evicting || len(ops) > 0 && x.s.slots.movesOf(x.keyName(c.Key[ops[0]])) != nil {
		return nil
	}
	var in []int // numbers of the reads
	var spans []*stretchSpan
	for n, i := range s.reads {
		if sp := spanAround(st.replicas, c.Node[i], c.Call[i], c.Return[i]); sp != nil {
			in, spans = append(in, n), append(spans, sp)
		}
	}
	var parts []int32 // reads of one element or of a tail
	for _, i := range ops {
		if (c.F[i] == history.FContains || c.F[i] == history.FReadTail) && c.Outcome[i] == history.OK && spanAround(st.replicas, c.Node[i], c.Call[i], c.Return[i]) != nil {
			parts = append(parts, i)
		}
	}
	if len(in)+len(parts) == 0 {
		return nil
	}
	logs := make([]int32, len(s.elems)) // what each element's addition surely went to
	acked := make([]sortKey, 0, len(s.elems))
	for e := range s.elems {
		logs[e] = -1
		if el := &s.elems[e]; el.adds == 1 && c.Outcome[el.add] == history.OK {
			if logs[e] = st.binds(el.add); logs[e] >= 0 {
				acked = append(acked, sortKey{el.ret, int32(e)})
			}
		}
	}
	slices.SortFunc(acked, compareKeys)
	mark := make([]int32, len(s.elems))
	bound := make([][]int32, len(in)) // of each read the elements that bind, in its order
	for r, n := range in {
		sr := stretchRead{stretch: spans[r].id, op: s.reads[n], shown: minTime, lacks: history.Inf, back: noOp}
		for _, e := range s.read(n) {
			if e < 0 || logs[e] != spans[r].log || mark[e] == int32(r+1) {
				continue
			}
			mark[e] = int32(r + 1)
			bound[r] = append(bound[r], e)
			sr.shown = max(sr.shown, s.elems[e].call)
		}
		for _, a := range acked { // the elements that are there are passed over: no more than the read is long
			if logs[a.i] == spans[r].log && mark[a.i] != int32(r+1) {
				sr.lacks = a.t
				break
			}
		}
		out = append(out, sr)
	}
	x.chainOfReads(s, out, bound)
	if len(parts) == 0 {
		return out
	}
	shown := firstShown{}
	for r := range out {
		for _, e := range bound[r] {
			shown.note(out[r].stretch, e, c, out[r].op)
		}
	}
	return append(out, x.partStretch(s, parts, logs, shown)...)
}

// firstShown is, by stretch and element, the read that showed the element and ended first.
type firstShown map[[2]int32]int32

func (f firstShown) note(stretch, e int32, c *history.Columns, op int32) {
	at := [2]int32{stretch, e}
	if old, ok := f[at]; !ok || c.Return[op] < c.Return[old] {
		f[at] = op
	}
}

// partStretch says what reads of one element or of a tail tell. logs are what the elements' additions went to, shown what whole reads
// showed. What a tail does not show may stand before it.
func (x *extra) partStretch(s *collection, parts, logs []int32, shown firstShown) (out []stretchRead) {
	c, st, number := s.c, x.replicaStretches(), s.numbers()
	for _, i := range parts {
		sp := spanAround(st.replicas, c.Node[i], c.Call[i], c.Return[i])
		r := stretchRead{stretch: sp.id, op: i, shown: minTime, lacks: history.Inf, back: noOp}
		values := c.List(int(i))
		if c.F[i] == history.FContains {
			values = []int64{c.In[i]}
		}
		for _, v := range values {
			e, ok := number[v]
			switch {
			case !ok || logs[e] != sp.log:
			case c.F[i] == history.FContains && c.Out[i] == 0:
				r.lacks = s.elems[e].ret
			case c.F[i] == history.FReadTail || c.Out[i] == 1:
				r.shown = max(r.shown, s.elems[e].call)
				shown.note(sp.id, e, c, i)
			}
		}
		out = append(out, r)
	}
	for n := range out {
		r := &out[n]
		if e, ok := number[c.In[r.op]]; ok && c.F[r.op] == history.FContains && r.lacks != history.Inf {
			if by, ok := shown[[2]int32{r.stretch, e}]; ok && c.Return[by] < c.Call[r.op] {
				r.back = by
			}
		}
	}
	return out
}

// chainOfReads notes the reads of one key that do not form a chain with the others of their stretch: by length, each must hold the
// shorter one (as its beginning, in a list), and none that begins after another ended may be shorter.
func (x *extra) chainOfReads(s *collection, reads []stretchRead, bound [][]int32) {
	c := s.c
	order := make([]int, len(reads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(reads[a].stretch, reads[b].stretch), cmp.Compare(len(bound[a]), len(bound[b])), cmp.Compare(c.Call[reads[a].op], c.Call[reads[b].op]))
	})
	in := make([]int32, len(s.elems))
	for p := 1; p < len(order); p++ {
		a, b := order[p-1], order[p]
		if reads[a].stretch != reads[b].stretch || holds(bound[b], bound[a], c.F[reads[b].op] == history.FReadList, in, int32(p)) {
			continue
		}
		if c.Call[reads[a].op] > c.Call[reads[b].op] {
			a, b = b, a
		}
		reads[b].back = reads[a].op
	}
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && reads[order[to]].stretch == reads[order[from]].stretch {
			to++
		}
		shorter(c, reads, bound, order[from:to])
		from = to
	}
}

// holds tells whether a long read has everything of a short one; of lists, as its beginning. in is memory by element.
func holds(long, short []int32, list bool, in []int32, stamp int32) bool {
	if list {
		return slices.Equal(long[:len(short)], short)
	}
	for _, e := range long {
		in[e] = stamp
	}
	for _, e := range short {
		if in[e] != stamp {
			return false
		}
	}
	return true
}

// shorter notes the reads of one stretch that hold less than one that had ended before they began.
func shorter(c *history.Columns, reads []stretchRead, bound [][]int32, of []int) {
	byCall := slices.Clone(of)
	slices.SortFunc(byCall, func(a, b int) int { return cmp.Compare(c.Call[reads[a].op], c.Call[reads[b].op]) })
	byRet := slices.Clone(of)
	slices.SortFunc(byRet, func(a, b int) int { return cmp.Compare(c.Return[reads[a].op], c.Return[reads[b].op]) })
	longest, next := -1, 0
	for _, r := range byCall {
		for ; next < len(byRet) && c.Return[reads[byRet[next]].op] < c.Call[reads[r].op]; next++ {
			if longest < 0 || len(bound[byRet[next]]) > len(bound[longest]) {
				longest = byRet[next]
			}
		}
		if longest >= 0 && len(bound[r]) < len(bound[longest]) && reads[r].back == noOp {
			reads[r].back = reads[longest].op
		}
	}
}
