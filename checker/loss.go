package checker

import (
	"runtime"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// leaves tells of a write whether it leaves something that must be so at the end: what loss is counted of. The others (a lock taken,
// an element taken off a queue) are judged by their objects' own classes.
func leaves(c *history.Columns, i int) bool {
	if c.Flags[i]&history.FlagReplicaWrite != 0 {
		return false
	}
	switch c.F[i] {
	case history.FWrite, history.FAdd, history.FAppend, history.FIncr, history.FEnqueue, history.FExpiring:
		return true
	case history.FCAS, history.FTransfer, history.FRemove: // the ones that found what they did not want changed nothing
		return c.Outcome[i] != history.OK || c.Out[i] != 0
	case history.FTxn:
		return writesSomething(c.List(i))
	}
	return false
}

// keyLoss bounds how many acknowledged writes of one key are lost where the fates of single writes do not say it.
type keyLoss struct{ lo, hi int64 }

// fates decides what became of every write from the final data of all nodes (checkers.md, "Data loss"). It is the one computation of
// loss: table, timeline, promises and attribution read it.
func (c *check) fates() {
	ops := &c.h.Ops
	w := &c.a.Result.Writes
	for i := range ops.Len() {
		if !ops.F[i].IsWrite() || !leaves(ops, i) {
			continue
		}
		w.Attempted++
		if ops.Outcome[i] == history.OK {
			w.Acked++
		}
	}
	if !c.fin.held {
		return
	}
	w.Known = true
	c.txnFates()
	byKey := c.writesByKey()
	registers := c.registersFates(byKey)
	var m pathMemory
	for key, is := range byKey {
		if len(is) == 0 {
			continue
		}
		if registers[key] {
			c.sum(is, nil)
			continue
		}
		if c.fin.doubted[c.h.Keys[key]] {
			c.untold(is, c.fin.whyDoubted(c.h.Keys[key]))
			c.sum(is, nil)
			continue
		}
		m.byCall(is, ops)
		d := c.fin.of(c.h.Keys[key])
		var bound *keyLoss
		switch fs := c.functions(is); {
		case (fs&^bits(history.FAdd, history.FRemove) == 0 || fs == bits(history.FAppend)) && c.x.mask[key]&bits(history.FDel) == 0:
			c.elementFates(is, d)
		case fs == bits(history.FIncr) && c.x.mask[key]&^counterOps == 0:
			bound = c.counterFates(is, d)
		case fs == bits(history.FEnqueue):
			bound = c.queueFates(uint32(key), is)
		case fs == bits(history.FExpiring):
			c.expiringFates(is, uint32(key), d)
		case fs == bits(history.FTransfer):
			bound = c.bankFates(is, d)
		case fs == bits(history.FTxn):
			continue
		case c.x.mask[key]&^bits(history.FWrite, history.FCAS, history.FDel, history.FRead) == 0:
			c.mixedFates(is, uint32(key), d, &m)
		}
		c.sum(is, bound)
	}
	c.total()
	c.tally()
}

// functions are the functions of these writes.
func (c *check) functions(is []int) (m fset) {
	for _, i := range is {
		m |= bit(c.h.Ops.F[i])
	}
	return m
}

// sum adds one key to the account's interval of lost writes. What no judge gave a fate is masked: it cannot be told.
func (c *check) sum(is []int, bound *keyLoss) {
	ops := &c.h.Ops
	var lost, masked int64
	for _, i := range is {
		if c.a.Fate[i] == result.FateNone && ops.Outcome[i] == history.OK {
			c.a.Fate[i] = result.FateMasked
			c.maskedWhy["nothing here tells what became of "+fname(ops.F[i])]++
		}
		switch c.a.Fate[i] {
		case result.FateLost:
			lost++
		case result.FateMasked:
			masked++
		}
	}
	lo, hi := lost, lost+masked
	if bound != nil {
		lo, hi = max(lo, bound.lo), min(hi, bound.hi)
	}
	c.sums = append(c.sums, keySum{is, lo, hi, bound != nil})
}

// fname names a function for people.
func fname(f history.F) string { return strings.ReplaceAll(f.String(), "-", " ") }

// registersFates gives the writes to registers their fates, each register by itself, and tells which keys those are. It sorts their
// writes by call.
func (c *check) registersFates(byKey [][]int) []bool {
	is := make([]bool, len(byKey))
	var keys []int
	for key := range byKey {
		if len(byKey[key]) > 0 && !c.fin.doubted[c.h.Keys[key]] && c.x.mask[key]&^bits(history.FWrite, history.FCAS, history.FRead) == 0 {
			is[key] = true
			keys = append(keys, key)
		}
	}
	parts := make(chan *check, runtime.GOMAXPROCS(0))
	inParallel(len(keys), func() func(n int) {
		part := *c // with counts of its own
		part.maskedWhy, part.open = map[string]int64{}, map[int]bool{}
		part.paths = &pathMemory{}
		parts <- &part
		return func(n int) {
			writes := byKey[keys[n]]
			part.paths.byCall(writes, &c.h.Ops)
			part.registerFates(writes, c.fin.of(c.h.Keys[keys[n]]), part.paths)
		}
	})
	close(parts)
	for part := range parts {
		c.a.Result.Writes.Overwritten += part.paths.overwritten
		for why, n := range part.maskedWhy {
			c.maskedWhy[why] += n
		}
		for i := range part.open {
			c.unsettled(i)
		}
	}
	return is
}

// writesByKey are the numbers of the lasting writes of each key, in file order.
func (c *check) writesByKey() [][]int {
	ops := &c.h.Ops
	n := make([]int, len(c.h.Keys)+1)
	for i := range ops.Len() {
		if ops.F[i].IsWrite() && int(ops.Key[i]) < len(c.h.Keys) && leaves(ops, i) {
			n[ops.Key[i]]++
		}
	}
	total := 0
	for _, writes := range n {
		total += writes
	}
	all, byKey := make([]int, total), make([][]int, len(c.h.Keys))
	for k := range byKey {
		byKey[k], all = all[:0:n[k]], all[n[k]:]
	}
	for i := range ops.Len() {
		if ops.F[i].IsWrite() && int(ops.Key[i]) < len(c.h.Keys) && leaves(ops, i) {
			byKey[ops.Key[i]] = append(byKey[ops.Key[i]], i)
		}
	}
	return byKey
}

// elementFates judges the additions to one set or list: an element is there, as often as it was added, or not.
func (c *check) elementFates(is []int, d *history.Dump) {
	ops := &c.h.Ops
	there := map[int64]int{}
	if d != nil {
		for _, e := range d.Elems {
			there[e]++
		}
	}
	removed := c.took(is)
	is = c.removalFates(is, there)
	// One element may have been added more than once (a client that retries): the first ok addition owns it.
	owner := map[int64]int{}
	for _, i := range is {
		o, ok := owner[ops.In[i]]
		if !ok || ops.Outcome[i] < ops.Outcome[o] {
			owner[ops.In[i]] = i
		}
	}
	for _, i := range is {
		found := there[ops.In[i]] > 0
		if owner[ops.In[i]] != i && ops.Outcome[i] != history.OK {
			found = false // the other addition explains it
		}
		c.a.Fate[i] = fateOf(ops.Outcome[i], found)
		if o, ok := removed[ops.In[i]]; ok && !found && ops.Outcome[i] == history.OK {
			c.a.Fate[i] = result.FateSurvived // until it was removed
			if o != history.OK {
				c.masked(i, "a removal without a reply may have taken them")
			}
		}
	}
}

// removalFates judges the removals of one key, and returns the additions: what was removed for good is not there.
func (c *check) removalFates(is []int, there map[int64]int) (adds []int) {
	ops := &c.h.Ops
	for _, i := range is {
		if ops.F[i] != history.FRemove {
			adds = append(adds, i)
			continue
		}
		switch gone := there[ops.In[i]] == 0; {
		case ops.Outcome[i] == history.OK:
			c.a.Fate[i] = fateOf(history.OK, gone)
		case ops.Outcome[i] == history.Fail:
			c.a.Fate[i] = result.FateFailed // that the element is gone may have other reasons
		case gone && len(c.s.groupOf(c.h.Keys[ops.Key[i]]).ends) == 0 && c.s.slots.movesOf(c.keyName(i)) == nil:
			c.a.Fate[i] = result.FateRecovered
		default: // where branches ended, the addition may be what is gone
			c.a.Fate[i] = result.FateIndeterminate
		}
	}
	return adds
}

// took are the elements that removals among these lasting writes took, or may have taken, with the best outcome.
func (c *check) took(is []int) map[int64]history.Outcome {
	ops := &c.h.Ops
	var m map[int64]history.Outcome
	for _, i := range is {
		if ops.F[i] != history.FRemove || ops.Outcome[i] == history.Fail {
			continue
		}
		if m == nil {
			m = map[int64]history.Outcome{}
		}
		if o, ok := m[ops.In[i]]; !ok || ops.Outcome[i] < o {
			m[ops.In[i]] = ops.Outcome[i]
		}
	}
	return m
}

// removed are the elements of a key that somebody tried to remove, with the best outcome.
func (x *extra) removed(key uint32) map[int64]history.Outcome { return x.removals[key] }

// removalsOf are the elements that somebody tried to remove, by key.
func removalsOf(c *history.Columns) map[uint32]map[int64]history.Outcome {
	out := map[uint32]map[int64]history.Outcome{}
	for i, f := range c.F {
		if f != history.FRemove || c.Outcome[i] == history.Fail {
			continue
		}
		m := out[c.Key[i]]
		if m == nil {
			m = map[int64]history.Outcome{}
			out[c.Key[i]] = m
		}
		if o, ok := m[c.In[i]]; !ok || c.Outcome[i] < o {
			m[c.In[i]] = c.Outcome[i]
		}
	}
	return out
}

func fateOf(o history.Outcome, found bool) result.Fate {
	switch {
	case o == history.OK && found:
		return result.FateSurvived
	case o == history.OK:
		return result.FateLost
	case o == history.Info && found:
		return result.FateRecovered
	case o == history.Info:
		return result.FateIndeterminate
	case found:
		return result.FateAborted
	}
	return result.FateFailed
}

// tally sums the fates up, and finds which lost writes had been seen.
func (c *check) tally() {
	w, ops := &c.a.Result.Writes, &c.h.Ops
	var most int64
	for why, n := range c.maskedWhy {
		if n > most || n == most && why < w.MaskedWhy {
			most, w.MaskedWhy = n, why
		}
	}
	seen := c.seen()
	for i, f := range c.a.Fate {
		switch f {
		case result.FateSurvived:
			w.Survived++
		case result.FateLost:
			if seen(i) {
				w.LostAfterVisible++
			}
		case result.FateRecovered:
			w.Recovered++
		case result.FateIndeterminate:
			if seen(i) && !c.open[i] {
				c.a.Fate[i] = result.FateHappenedThenLost
				w.HappenedThenLost++
			} else {
				w.Indeterminate++
			}
		case result.FateFailed:
			if seen(i) {
				c.a.Fate[i] = result.FateAborted
				w.AbortedRead++
			} else {
				w.Failed++
			}
		case result.FateAborted:
			w.AbortedRead++
		case result.FateMasked:
			w.Masked++
		case result.FateNone:
			if ops.F[i].IsWrite() && ops.Outcome[i] == history.Fail && leaves(ops, i) {
				w.Failed++
			}
		}
	}
}

// seen tells of a write whether some ok read returned it. Register values and elements are unique within their key.
func (c *check) seen() func(i int) bool {
	type kv struct {
		key uint32
		v   int64
	}
	want := map[kv]bool{}
	ops := &c.h.Ops
	for i, f := range c.a.Fate {
		if f == result.FateLost || f == result.FateIndeterminate || f == result.FateFailed {
			want[kv{ops.Key[i], c.made(i)}] = false
		}
	}
	if len(want) == 0 {
		return func(int) bool { return false }
	}
	mark := func(k uint32, v int64) {
		if _, ok := want[kv{k, v}]; ok {
			want[kv{k, v}] = true
		}
	}
	for i := range ops.Len() {
		if ops.Outcome[i] != history.OK {
			continue
		}
		switch ops.F[i] {
		case history.FRead, history.FReadExpiring, history.FDequeue:
			mark(ops.Key[i], ops.Out[i])
		case history.FWrite:
			if ops.Flags[i]&history.FlagPred != 0 {
				mark(ops.Key[i], ops.Out[i])
			}
		case history.FReadSet, history.FReadList:
			for _, v := range ops.List(i) {
				mark(ops.Key[i], v)
			}
		}
	}
	return func(i int) bool {
		switch ops.F[i] {
		case history.FWrite, history.FCAS, history.FAdd, history.FAppend, history.FEnqueue, history.FExpiring:
			return want[kv{ops.Key[i], c.made(i)}]
		}
		return false
	}
}
