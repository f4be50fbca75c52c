package checker

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/schismtest/schism/history"
)

// The limits of porcupine's search where ModelOptions names none.
const (
	defaultObjectTimeout = 30 * time.Second
	defaultObjectMemory  = 512 << 20 // bytes a key
)

// scalarOps can share one key as a register-like object, objectListOps as a list that may be set and deleted too.
var (
	scalarOps     = bits(history.FWrite, history.FRead, history.FCAS, history.FDel, history.FIncr, history.FReadCounter)
	objectListOps = bits(history.FAppend, history.FReadList, history.FWrite, history.FDel)
)

// autoObjects tells whether a key with these functions needs the general check because no other one judges it.
func autoObjects(m fset) bool {
	for _, simple := range []fset{registerOps, counterOps, listOps} {
		if m&^simple == 0 {
			return false
		}
	}
	return m&^scalarOps == 0 || m&^objectListOps == 0
}

// objects gives general objects to porcupine: compare-and-set, deletes, mixed use of one key, and registers and lists with repeated
// values, which the exact sweeps cannot judge. Only master reads are judged.
func (x *extra) objects(want func(fset) bool) {
	var keys []uint32
	var all fset
	for k, m := range x.mask {
		if m != 0 && (want(m) || x.repeated[uint32(k)]) {
			keys = append(keys, uint32(k))
			all |= m
		}
	}
	if len(keys) == 0 {
		return
	}
	x.looks("object_conflict", "phantom", "aborted_read")
	g := x.group(all)
	for _, ns := range perKey(keys, func(k uint32) []note { return x.strangeObject(k, g.of(k)) }) {
		x.notes(ns)
	}
	deadline := time.Now().Add(x.opts.timeout())
	results := perKey(keys, func(k uint32) objectResult { return x.object(g.of(k), x.mask[k], quickTries, deadline) })
	var hard []uint32
	bad := false
	for n, r := range results {
		bad = bad || (!r.ok && r.undecided == "")
		if r.undecided != "" {
			hard = append(hard, keys[n])
		}
	}
	// The hard keys get all the time there is, unless an easy one has settled the verdict.
	if len(hard) > 0 && !bad {
		again := perKey(hard, func(k uint32) objectResult { return x.object(g.of(k), x.mask[k], 0, deadline) })
		for n, r := range results {
			if r.undecided != "" {
				results[n], again = again[0], again[1:]
			}
		}
	}
	for n, r := range results {
		name := x.keyName(keys[n])
		switch {
		case r.undecided != "":
			x.unsureIn("object_conflict", scopeMaster, name+": "+r.undecided)
		case !r.ok:
			x.notes([]note{{class: "object_conflict", scope: scopeMaster, n: 1, text: name + ": " + r.text, ops: r.ops}})
		}
	}
	x.decided()
}

// objectResult is porcupine's answer on one key.
type objectResult struct {
	ok        bool
	undecided string
	text      string
	ops       []int
	tries     int64 // how long the search was
}

// quickTries bounds the first search on each key.
const quickTries = 300_000

// object searches one key; tries bounds the search, 0 leaves it to time and memory.
func (x *extra) object(ops []int32, m fset, tries int64, deadline time.Time) objectResult {
	os := objectOps(&x.h.Ops, ops)
	if m&^scalarOps == 0 {
		os = prune(os)
	}
	initial := any(history.Nil)
	if m&bits(history.FAppend, history.FReadList) != 0 {
		initial = ""
	}
	b := newBudget(len(os), x.opts.memory())
	b.mostTries = tries
	r := search(os, initial, b, time.Until(deadline))
	if r.undecided != "" || r.ok {
		return r
	}
	r.text, r.ops = x.firstBad(os, initial, 4*r.tries+1000, deadline)
	return r
}

// objectOps turns the operations of a key into the model's. Reads from replicas and operations without effect are left out.
func objectOps(c *history.Columns, ops []int32) []*objectOp {
	var out []*objectOp
	for _, i := range ops {
		read := !c.F[i].IsWrite()
		if c.Outcome[i] == history.Fail || (read && (c.Outcome[i] != history.OK || !masterRead(c, i))) {
			continue
		}
		o := &objectOp{f: c.F[i], in: c.In[i], arg: arg(c, i), out: c.Out[i], known: c.Outcome[i] == history.OK, op: i, call: c.Call[i], ret: c.Return[i]}
		o.pred = c.Flags[i]&history.FlagPred != 0 && o.f == history.FWrite
		switch l := c.List(int(i)); {
		case o.f == history.FReadList, o.f == history.FWrite && len(l) > 0:
			o.list = encodeList(l)
		case o.f == history.FWrite && o.in != history.None:
			o.list = encodeList([]int64{o.in})
		}
		if !o.known {
			o.ret = history.Inf
		}
		out = append(out, o)
	}
	return out
}

// search asks porcupine.
func search(os []*objectOp, initial any, b *budget, timeout time.Duration) objectResult {
	hist := make([]porcupine.Operation, len(os))
	for n, o := range os {
		hist[n] = porcupine.Operation{Input: o, Call: o.call, Return: o.ret}
	}
	switch r := porcupine.CheckOperationsTimeout(b.model(initial), hist, max(timeout, time.Millisecond)); {
	case r == porcupine.Ok:
		return objectResult{ok: true}
	case r == porcupine.Unknown:
		return objectResult{undecided: fmt.Sprintf("not decided within the time limit (%d operations)", len(os))}
	case b.spent():
		return objectResult{undecided: fmt.Sprintf("not decided within the limit of the search (%d operations)", len(os))}
	}
	return objectResult{tries: b.tries.Load()}
}

// firstBad finds the operation with whose return the history stops being linearizable, by bisection: what had not returned by then
// is unknown. A part can be harder than the whole, so each search gets so many attempts only.
func (x *extra) firstBad(os []*objectOp, initial any, tries int64, deadline time.Time) (string, []int) {
	ends := slices.Clone(os)
	slices.SortFunc(ends, func(a, b *objectOp) int { return cmp.Compare(a.ret, b.ret) })
	unsure := false
	n := sort.Search(len(ends), func(n int) bool {
		left := time.Until(deadline)
		if unsure || left <= 0 {
			return true
		}
		r := search(until(os, ends[n].ret), initial, &budget{most: tries, mostTries: tries}, left)
		unsure = unsure || r.undecided != ""
		return !r.ok
	})
	if n == len(ends) || unsure {
		return "no order of the operations explains every reply", nil
	}
	o := ends[n]
	return fmt.Sprintf("no order of the operations up to then explains the reply of operation %d (%s)", o.op, x.who(int(o.op))), []int{int(o.op)}
}

// until is the history as it stood at t.
func until(os []*objectOp, t int64) []*objectOp {
	var out []*objectOp
	for _, o := range os {
		switch {
		case o.call > t:
		case o.ret <= t:
			out = append(out, o)
		case o.f.IsWrite():
			cut := *o
			cut.known, cut.ret = false, history.Inf
			out = append(out, &cut)
		}
	}
	return out
}

// observes is the value that an operation proves to have been there; ok is false when there is none.
func (o *objectOp) observes() (int64, bool) {
	switch {
	case o.f == history.FRead:
		return o.out, true
	case o.f == history.FCAS && o.known && o.out != 0:
		return o.in, true
	case o.f == history.FWrite && o.known && o.pred:
		return o.out, true
	}
	return 0, false
}

// makes is the value that an operation leaves behind when it takes effect.
func (o *objectOp) makes() (int64, bool) {
	switch o.f {
	case history.FWrite:
		return o.in, true
	case history.FCAS:
		return o.arg, true
	case history.FDel:
		return history.Nil, true
	}
	return 0, false
}

// prune makes the search smaller without changing its answer. An unknown operation that leaves a value nobody saw can be left out,
// unless something depends on a value not being there (a CAS that found another one, a delete that tells whether there was
// one). An unknown operation that alone can have left a value had taken effect before anybody who saw it returned.
func prune(os []*objectOp) []*objectOp {
	for _, o := range os {
		if o.f == history.FIncr || o.f == history.FReadCounter {
			return os
		}
	}
	os = dropUnseen(os)
	makers := map[int64]int{}
	seen := map[int64]int64{}
	for _, o := range os {
		if v, ok := o.makes(); ok {
			makers[v]++
		}
		if v, ok := o.observes(); ok {
			if t, ok := seen[v]; !ok || o.ret < t {
				seen[v] = o.ret
			}
		}
	}
	out := slices.Clone(os)
	for n, o := range out {
		v, ok := o.makes()
		t, read := seen[v]
		if o.known || !ok || !read || v == history.Nil || makers[v] > 1 || t < o.call {
			continue
		}
		capped := *o
		capped.ret = t
		out[n] = &capped
	}
	return out
}

// dropUnseen leaves out unknown operations until nothing more can go: a CAS that goes takes its need for a value along.
func dropUnseen(os []*objectOp) []*objectOp {
	for _, o := range os {
		if o.known && ((o.f == history.FCAS && o.out == 0) || (o.f == history.FDel && o.out != history.None)) {
			return os
		}
	}
	for {
		needed := map[int64]bool{}
		for _, o := range os {
			if v, ok := o.observes(); ok {
				needed[v] = true
			}
			if o.f == history.FCAS && !o.known {
				needed[o.in] = true
			}
		}
		kept := slices.DeleteFunc(slices.Clone(os), func(o *objectOp) bool {
			v, ok := o.makes()
			return !o.known && ok && !needed[v]
		})
		if len(kept) == len(os) {
			return os
		}
		os = kept
	}
}
