package checker

import (
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// Objects whose final content says how many writes are gone, but not which: counters, queues, banks, expiring keys, transactions.

// masked gives the reason why a write's fate cannot be told.
func (c *check) masked(i int, why string) {
	c.a.Fate[i] = result.FateMasked
	c.maskedWhy[why]++
}

// unsettled notes a write without a reply that may have been there and given way to a later one, seen or not.
func (c *check) unsettled(i int) {
	if c.open == nil {
		c.open = map[int]bool{}
	}
	c.open[i] = true
}

// counterFates counts by the final value: of increments by 1, as many are lost as were acknowledged beyond it, give or take those
// of unknown outcome. Which ones they are is told by the servers' offsets alone; a reply tells nothing, since both sides of a
// split count on from the same value.
func (c *check) counterFates(is []int, d *history.Dump) *keyLoss {
	ops := &c.h.Ops
	var acked, unknown, final int64
	byOne := true
	if d != nil && len(d.Elems) == 1 {
		final = d.Elems[0]
	}
	for _, i := range is {
		byOne = byOne && ops.In[i] == 1
		switch ops.Outcome[i] {
		case history.OK:
			acked++
		case history.Info:
			unknown++
			c.a.Fate[i] = result.FateIndeterminate
		default:
			c.a.Fate[i] = result.FateFailed
		}
	}
	bound := &keyLoss{max(0, acked-final), min(acked, max(0, acked+unknown-final))}
	if !byOne {
		bound = nil
	}
	for _, i := range is {
		if ops.Outcome[i] != history.OK {
			continue
		}
		switch {
		case bound != nil && bound.hi == 0:
			c.a.Fate[i] = result.FateSurvived
		case bound != nil && bound.lo == acked, c.beyondFork(i):
			c.a.Fate[i] = result.FateLost
		default:
			c.masked(i, "increments that were lost cannot be told from those that were not")
		}
	}
	return bound
}

// queueFates counts the acknowledged elements that nobody took and that lie nowhere at the end. A dequeue without a reply may have
// taken any one of them.
func (c *check) queueFates(key uint32, is []int) *keyLoss {
	t := c.x.takes(key)
	if len(c.fin.doubted) > 0 { // what is missing may lie there
		t.pending += int64(len(is))
	}
	return c.missingFates(is, t.pending, func(v int64) bool { return t.taken[v] || c.fin.remains(v) }, "a take without a reply may have got them")
}

// takes are what came off one queue.
type takes struct {
	taken   map[int64]bool
	pending int64 // takes without a reply: each may have got one
	empty   int64 // call of the last one that found nothing, -1 for none
}

func (x *extra) takes(key uint32) takes {
	c := &x.h.Ops
	t := takes{taken: map[int64]bool{}, empty: -1}
	g := x.queueOps()
	for _, i := range g.of(key) {
		switch {
		case c.F[i] == history.FDequeue && c.Outcome[i] == history.Info:
			t.pending++
		case c.F[i] == history.FDequeue && c.Outcome[i] == history.OK && (c.Out[i] == history.Nil || c.Out[i] == history.None):
			if masterRead(c, i) && arg(c, i) != 1 { // nothing to deliver again does not mean that nothing is there
				t.empty = max(t.empty, c.Call[i])
			}
		case c.F[i] == history.FDequeue && c.Outcome[i] == history.OK:
			t.taken[c.Out[i]] = true
		case c.F[i] == history.FAck && c.Outcome[i] != history.Fail:
			t.taken[c.In[i]] = true
		}
	}
	return t
}

// queueOps are the operations of queues by key, grouped once.
func (x *extra) queueOps() *grouped {
	if x.queued == nil {
		g := x.group(queueOps)
		x.queued = &g
	}
	return x.queued
}

// drainedQueues counts, where nobody looked at what was left, the acknowledged elements that never came out of a queue that was
// found empty after all of them had been put in.
func (x *extra) drainedQueues() {
	c := &x.h.Ops
	g := x.queueOps()
	for _, k := range x.keysOf(queueOps) {
		t := x.takes(k)
		missing := map[int64]bool{}
		drained := true
		for _, i := range g.of(k) {
			if c.F[i] == history.FEnqueue && c.Outcome[i] == history.OK {
				drained = drained && c.Return[i] < t.empty
				if !t.taken[c.In[i]] {
					missing[c.In[i]] = true
				}
			}
		}
		if n := int64(len(missing)); drained {
			x.a.Result.Writes.Lost += max(0, n-t.pending) // a take without a reply may have got one
			x.a.Result.Writes.LostMost += n
		}
	}
}

// missingFates gives each write its fate by whether its element is accounted for; up to spare missing ones may have been taken unseen.
func (c *check) missingFates(is []int, spare int64, there func(v int64) bool, why string) *keyLoss {
	ops := &c.h.Ops
	var missing []int
	kept := map[int64]bool{} // several attempts may put one element in: any acknowledged one owns it
	for _, i := range is {
		found := there(ops.In[i])
		c.a.Fate[i] = fateOf(ops.Outcome[i], found && (ops.Outcome[i] == history.OK || !kept[ops.In[i]]))
		kept[ops.In[i]] = kept[ops.In[i]] || found && ops.Outcome[i] == history.OK
		if c.a.Fate[i] == result.FateLost {
			missing = append(missing, i)
		}
	}
	n := int64(len(missing))
	if spare > 0 {
		for _, i := range missing {
			c.masked(i, why)
		}
	}
	return &keyLoss{max(0, n-spare), n}
}

// ledgerFates judges writes that left their id on a ledger in the same transaction: exactly those whose id is there took effect.
func (c *check) ledgerFates(is []int) *keyLoss {
	ops := &c.h.Ops
	var bound keyLoss
	for _, i := range is {
		c.a.Fate[i] = fateOf(ops.Outcome[i], c.inLedger(i))
		if c.a.Fate[i] == result.FateLost {
			bound.lo++
		}
	}
	bound.hi = bound.lo
	return &bound
}

// inLedger reports whether a write's id is on its ledger at the end.
func (c *check) inLedger(i int) bool {
	ops := &c.h.Ops
	key := history.LedgerKey(c.h.Keys[ops.Key[i]], ops.In[i])
	ids, ok := c.ledgers[key]
	if !ok {
		ids = map[int64]bool{}
		if d := c.fin.of(key); d != nil {
			for _, e := range d.Elems {
				ids[e] = true
			}
		}
		c.ledgers[key] = ids
	}
	return ids[ops.In[i]]
}

// expiringFates: a write with an entry in the ledger is judged by that. Of the others the one whose value is there at the end
// survived, and those that another write says it replaced, as far as they are surely in the log of the final master. What became of the rest cannot be told, since
// they may have been overwritten or have expired.
func (c *check) expiringFates(is []int, key uint32, d *history.Dump) {
	ops := &c.h.Ops
	replaced, writers := map[int64]bool{}, map[int64]int{}
	log := c.finalLogOf(key)
	for _, i := range is {
		if v, ok := c.replaced(i); ok {
			replaced[v] = true
		}
		if ops.Outcome[i] != history.Fail {
			writers[ops.In[i]]++
		}
	}
	for _, i := range is {
		switch {
		case ops.Flags[i]&history.FlagLedger != 0:
			c.a.Fate[i] = fateOf(ops.Outcome[i], c.inLedger(i))
		case d != nil && len(d.Elems) == 1 && d.Elems[0] == ops.In[i]:
			c.a.Fate[i] = fateOf(ops.Outcome[i], true)
		case ops.Outcome[i] == history.OK && replaced[ops.In[i]] && writers[ops.In[i]] == 1 && log.holds(i):
			c.a.Fate[i] = result.FateSurvived
		case ops.Outcome[i] == history.OK:
			c.masked(i, "a key that is gone may have expired or been overwritten")
		default:
			c.unsettled(i)
			c.a.Fate[i] = fateOf(ops.Outcome[i], false)
		}
	}
}

// bankFates bounds how many acknowledged transfers are missing from the final balances. Transfers commute, so the balances do not
// say which; but each account must hold its opening balance plus what the acknowledged transfers moved, give or take what those
// without a reply may have moved, and one missing transfer explains no more money than the largest moved.
func (c *check) bankFates(is []int, d *history.Dump) *keyLoss {
	ops := &c.h.Ops
	if ops.In[is[0]] != history.None {
		return c.ledgerFates(is)
	}
	var acked, unknown int64
	for _, i := range is {
		switch ops.Outcome[i] {
		case history.OK:
			acked++
			c.masked(i, "the final balances do not tell which transfers are missing")
		case history.Info:
			unknown++
			c.a.Fate[i] = result.FateIndeterminate
		default:
			c.a.Fate[i] = result.FateFailed
		}
	}
	bound := &keyLoss{0, acked}
	if d == nil || len(d.Elems) == 0 {
		bound.lo = acked // the whole bank is gone
	} else if off, largest := c.offBalance(is, d.Elems); largest > 0 {
		bound.lo = min(acked, (off+2*largest-1)/(2*largest)) // a transfer that is missing is missing on two accounts
	}
	if bound.lo == acked {
		for _, i := range is {
			if ops.Outcome[i] == history.OK {
				c.a.Fate[i] = result.FateLost
			}
		}
	}
	return bound
}

// offBalance is how much money the final balances differ by from what the acknowledged transfers make, and the largest of these.
func (c *check) offBalance(is []int, final []int64) (off, largest int64) {
	ops := &c.h.Ops
	total := sum(final)
	if total%int64(len(final)) != 0 || slices.Contains(final, history.Nil) {
		return 0, 0
	}
	low := slices.Repeat([]int64{total / int64(len(final))}, len(final))
	high := slices.Clone(low)
	for _, i := range is {
		l, amount := ops.List(i), arg(ops, int32(i))
		if len(l) != 2 || min(l[0], l[1]) < 0 || max(l[0], l[1]) >= int64(len(final)) {
			continue
		}
		from, to := l[0], l[1]
		switch ops.Outcome[i] {
		case history.OK:
			low[from], high[from] = low[from]-amount, high[from]-amount
			low[to], high[to] = low[to]+amount, high[to]+amount
			largest = max(largest, amount)
		case history.Info:
			low[from] -= amount
			high[to] += amount
		}
	}
	for a, v := range final {
		off += max(0, low[a]-v, v-high[a])
	}
	return off, largest
}
