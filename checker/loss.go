package checker

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// fates decides what became of every write from the final data of all nodes (checkers.md, "Data loss").
func (c *check) fates() {
	ops := &c.h.Ops
	w := &c.a.Result.Writes
	for i := range ops.Len() {
		if !ops.IsWrite(i) {
			continue
		}
		w.Attempted++
		if ops.Outcome[i] == history.OK {
			w.Acked++
		}
	}
	held, _, _ := barrier(c.h)
	if !held {
		return
	}
	final := map[string]*history.Dump{}
	node := c.s.finalMaster()
	for i := range c.h.Dumps {
		if d := &c.h.Dumps[i]; d.Node == node {
			final[d.Key] = d
		}
	}
	byKey := c.writesByKey()
	var judged bool
	for key, is := range byKey {
		if len(is) == 0 {
			continue
		}
		d := final[c.h.Keys[key]]
		switch ops.F[is[0]] {
		case history.FAdd, history.FAppend:
			c.elementFates(is, d)
		case history.FWrite:
			if c.mixed(is) {
				continue
			}
			c.registerFates(is, d)
		case history.FIncr:
			if c.mixed(is) {
				continue
			}
			c.counterFates(is, d)
		default:
			continue // queues, locks, banks and transactions are judged by their own checkers
		}
		judged = true
	}
	w.Known = judged
	c.tally()
}

// mixed reports whether a key was written by more than one function (DEL, CAS): then no chain tells its order.
func (c *check) mixed(is []int) bool {
	for _, i := range is[1:] {
		if c.h.Ops.F[i] != c.h.Ops.F[is[0]] {
			return true
		}
	}
	return false
}

// writesByKey are the numbers of the writes of each key in order of call.
func (c *check) writesByKey() [][]int {
	ops := &c.h.Ops
	n := make([]int, len(c.h.Keys)+1)
	own := func(i int) bool {
		return ops.IsWrite(i) && int(ops.Key[i]) < len(c.h.Keys)
	}
	for i := range ops.Len() {
		if own(i) {
			n[ops.Key[i]]++
		}
	}
	byKey := make([][]int, len(c.h.Keys))
	for k := range byKey {
		byKey[k] = make([]int, 0, n[k])
	}
	for i := range ops.Len() {
		if own(i) {
			byKey[ops.Key[i]] = append(byKey[ops.Key[i]], i)
		}
	}
	for _, is := range byKey {
		slices.SortFunc(is, func(a, b int) int {
			switch {
			case ops.Call[a] < ops.Call[b]:
				return -1
			case ops.Call[a] > ops.Call[b]:
				return 1
			}
			return a - b
		})
	}
	return byKey
}

// elementFates judges the additions to one set or list: an element is there, as often as it was added, or not.
func (c *check) elementFates(is []int, d *history.Dump) {
	ops, w := &c.h.Ops, &c.a.Result.Writes
	there := map[int64]int{}
	if d != nil {
		for _, e := range d.Elems {
			there[e]++
		}
	}
	is, removed := splitRemovals(ops, is)
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
			c.a.Fate[i] = FateSurvived // until it was removed
			if o != history.OK {
				c.a.Fate[i] = FateMasked
			}
		}
	}
	for e, n := range there {
		i, ok := owner[e]
		switch {
		case !ok:
			w.Unexpected++
		case n > 1 && ops.F[i] == history.FAppend:
			w.Duplicated += int64(n - 1)
		}
	}
}

// splitRemovals parts the removals from the additions: the elements that somebody tried to remove, with the outcome.
func splitRemovals(ops *history.Columns, is []int) (adds []int, removed map[int64]history.Outcome) {
	removed = map[int64]history.Outcome{}
	adds = make([]int, 0, len(is))
	for _, i := range is {
		switch {
		case ops.F[i] != history.FRemove:
			adds = append(adds, i)
		case ops.Outcome[i] != history.Fail:
			removed[ops.In[i]] = ops.Outcome[i]
		}
	}
	return adds, removed
}

func fateOf(o history.Outcome, found bool) Fate {
	switch {
	case o == history.OK && found:
		return FateSurvived
	case o == history.OK:
		return FateLost
	case o == history.Info && found:
		return FateRecovered
	case o == history.Info:
		return FateIndeterminate
	case found:
		return FateAborted
	}
	return FateFailed
}

// counterFates follows the replies of INCR: a reply that is not above an earlier one, by an operation that was called later,
// says that the increments from there on are gone. What the last of them left and the final value lacks is gone too.
func (c *check) counterFates(is []int, d *history.Dump) {
	ops, w := &c.h.Ops, &c.a.Result.Writes
	final := int64(0)
	if d != nil && len(d.Elems) == 1 {
		final = d.Elems[0]
	}
	var live []int // acked, in the order of their replies
	for _, i := range is {
		switch {
		case ops.Outcome[i] == history.Fail:
			c.a.Fate[i] = FateFailed
		case ops.Outcome[i] == history.Info:
			c.a.Fate[i] = FateIndeterminate
		case ops.Out[i] == history.None || ops.In[i] <= 0:
			c.a.Fate[i] = FateMasked
		default:
			for len(live) > 0 && ops.Out[live[len(live)-1]] >= ops.Out[i] && ops.Return[live[len(live)-1]] < ops.Call[i] {
				c.a.Fate[live[len(live)-1]] = FateLost
				live = live[:len(live)-1]
			}
			at, _ := slices.BinarySearchFunc(live, ops.Out[i], func(j int, v int64) int {
				if ops.Out[j] < v {
					return -1
				}
				return 1
			})
			live = slices.Insert(live, at, i)
		}
	}
	for _, i := range live {
		c.a.Fate[i] = FateSurvived
		if ops.Out[i] > final {
			c.a.Fate[i] = FateLost
		}
	}
	var most int64
	for _, i := range is {
		if ops.Outcome[i] != history.Fail {
			most += max(ops.In[i], 0)
		}
	}
	if final > most {
		w.Duplicated += final - most
	}
}

// tally sums the fates up, and finds which lost writes had been seen.
func (c *check) tally() {
	w, ops := &c.a.Result.Writes, &c.h.Ops
	seen := c.seen()
	for i, f := range c.a.Fate {
		switch f {
		case FateSurvived:
			w.Survived++
		case FateLost:
			w.Lost++
			if seen(i) {
				w.LostAfterVisible++
			}
		case FateRecovered:
			w.Recovered++
		case FateIndeterminate:
			if seen(i) {
				c.a.Fate[i] = FateHappenedThenLost
				w.HappenedThenLost++
			} else {
				w.Indeterminate++
			}
		case FateFailed:
			if seen(i) {
				c.a.Fate[i] = FateAborted
				w.AbortedRead++
			} else {
				w.Failed++
			}
		case FateAborted:
			w.AbortedRead++
		case FateMasked:
			w.Masked++
		case FateNone:
			if ops.IsWrite(i) && ops.Outcome[i] == history.Fail {
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
		if f == FateLost || f == FateIndeterminate || f == FateFailed {
			want[kv{ops.Key[i], ops.In[i]}] = false
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
		case history.FRead:
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
		if f := ops.F[i]; f != history.FWrite && f != history.FAdd && f != history.FAppend {
			return false
		}
		return want[kv{ops.Key[i], ops.In[i]}]
	}
}
