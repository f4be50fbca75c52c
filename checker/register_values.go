package checker

import (
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// valueIndex finds the number of a value. Writers count up in a value's low half and name themselves in its high half, so there is a
// table for each high half where those are dense, and a hash table where they are not.
type valueIndex struct {
	base   int64 // least high half
	groups []valueGroup
	dense  []int32
	slots  []int32 // hash table of numbers; nil: the tables serve
	shift  uint8
	used   []int32 // memory of slots
}

// valueGroup is the table of the values with one high half: span of them from least on, at off in dense.
type valueGroup struct {
	least, most int64
	off, span   int
}

const (
	mostGroups = 1 << 12
	hashFactor = 0x9e3779b97f4a7c15
)

// prepare makes an empty index for the values that are written.
func (x *valueIndex) prepare(values []int64) {
	x.slots = nil
	x.groups, x.dense = x.groups[:0], x.dense[:0]
	if len(values) == 0 {
		return
	}
	lo, hi := history.Inf, int64(minTime)
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	x.base = lo >> 32
	if n := hi>>32 - x.base; n >= mostGroups || !x.spread(values, int(n)+1, 4*len(values)+64) {
		x.hash(len(values))
	}
}

// spread makes a table for each high half; false: they would take more than room.
func (x *valueIndex) spread(values []int64, n, room int) bool {
	x.groups = resize(x.groups, n)
	for g := range x.groups {
		x.groups[g] = valueGroup{least: history.Inf, most: minTime}
	}
	for _, v := range values {
		g := &x.groups[v>>32-x.base]
		g.least, g.most = min(g.least, v), max(g.most, v)
	}
	total := 0
	for i := range x.groups {
		g := &x.groups[i]
		if g.most < g.least {
			continue
		}
		g.off, g.span = total, int(g.most-g.least)+1
		if total += g.span; total > room {
			return false
		}
	}
	x.dense = resize(x.dense, total)
	for i := range x.dense {
		x.dense[i] = noOp
	}
	return true
}

func (x *valueIndex) hash(writes int) {
	size := 16
	x.shift = 60
	for size < 2*writes {
		size, x.shift = 2*size, x.shift-1
	}
	x.used = resize(x.used, size)
	x.slots = x.used
	for i := range x.slots {
		x.slots[i] = noOp
	}
}

// place is a value's slot in the hash table: its own, or the free one where it belongs.
func (x *valueIndex) place(v int64, values []int64) int {
	i := int(uint64(v) * hashFactor >> x.shift)
	for x.slots[i] != noOp && values[x.slots[i]] != v {
		if i++; i == len(x.slots) {
			i = 0
		}
	}
	return i
}

// put adds a value; false: it is there already.
func (x *valueIndex) put(v int64, k int32, values []int64) bool {
	at := &x.slots
	i := 0
	if x.slots != nil {
		i = x.place(v, values)
	} else {
		g := &x.groups[v>>32-x.base]
		at, i = &x.dense, g.off+int(v-g.least)
	}
	if (*at)[i] != noOp {
		return false
	}
	(*at)[i] = k
	return true
}

// replace gives a value that is there another number.
func (x *valueIndex) replace(v int64, k int32, values []int64) {
	if x.slots != nil {
		x.slots[x.place(v, values)] = k
		return
	}
	g := &x.groups[v>>32-x.base]
	x.dense[g.off+int(v-g.least)] = k
}

// get is a value's number, noOp for one that nobody wrote.
func (x *valueIndex) get(v int64, values []int64) int32 {
	if v == history.Nil {
		return 0
	}
	if x.slots != nil {
		return x.slots[x.place(v, values)]
	}
	n := v>>32 - x.base
	if uint64(n) >= uint64(len(x.groups)) {
		return noOp
	}
	g := &x.groups[n]
	d := v - g.least
	if uint64(d) >= uint64(g.span) {
		return noOp
	}
	return x.dense[g.off+int(d)]
}

// collect takes in what the sweep of one scope needs: the writes, the reads of the scope, and the predecessor replies.
func (v *vals) collect(t *regTable, masterOnly bool, r *keyResult) {
	v.reset(t)
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&regOK == 0 {
			continue
		}
		pred := o.is&regWrite != 0
		if pred && o.is&regPred == 0 || !pred && masterOnly && o.is&regReplica != 0 {
			continue
		}
		k := o.ref
		if pred {
			v.prepare(t, k)
			k = o.pred
		}
		if k == noOp {
			v.wrong(t, o, k, r)
			continue
		}
		v.prepare(t, k)
		u := &v.of[k]
		switch {
		case u.pred == valRefused || o.ret < u.s && o.ret < t.call[k]: // s is no earlier than the write's call
			v.wrong(t, o, k, r)
		case !pred:
			u.observe(o.op, o.call, o.ret)
		default:
			u.see() // it happened, although no read may ever return it
			v.of[o.ref].pred = k
			v.forks = v.forks || u.next != noOp
			u.next = o.ref
		}
	}
	v.prepare(t, int32(len(v.of))-1)
}

// wrong notes a reply that names a value which nobody wrote (k is noOp), whose write was refused, or was called only later.
func (v *vals) wrong(t *regTable, o *regOp, k int32, r *keyResult) {
	value := v.out[o.op]
	switch {
	case k == noOp:
		if v.odd(value) {
			r.phantoms++
			r.note(result.Conflict{Kind: "phantom", V: value, Ops: []int{int(o.op)}})
		}
	case v.of[k].pred == valRefused:
		if v.odd(value) {
			r.aborted++
			r.note(result.Conflict{Kind: "aborted_read", V: value, Ops: []int{int(t.write[k]), int(o.op)}})
		}
	default:
		if v.odd(value) {
			r.future++
		}
		r.gamma = max(r.gamma, t.call[k]-o.ret)
		r.note(result.Conflict{Kind: "future_read", V: value, Ops: []int{int(t.write[k]), int(o.op)}, Overlap: t.call[k] - o.ret})
	}
}

// odd notes that a value was seen that must not have been, and reports whether that is news: each value counts once.
func (v *vals) odd(value int64) bool {
	if v.told[value] {
		return false
	}
	if v.told == nil {
		v.told = map[int64]bool{}
	}
	v.told[value] = true
	return true
}

// collectHeld looks for values among what the nodes held at the end that nobody wrote, or that were refused.
func (v *vals) collectHeld(t *regTable, held []*history.Dump, r *keyResult) {
	for _, d := range held {
		if len(d.Elems) != 1 {
			continue
		}
		switch k := t.index.get(d.Elems[0], t.value); {
		case k == noOp && v.odd(d.Elems[0]):
			r.phantoms++
			r.note(result.Conflict{Kind: "phantom", V: d.Elems[0]})
		case k > 0 && v.of[k].pred == valRefused && v.odd(d.Elems[0]):
			r.aborted++
			r.note(result.Conflict{Kind: "aborted_read", V: d.Elems[0], Ops: []int{int(t.write[k])}})
		}
	}
}
