package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// registerFates judges the writes of one register by the path of predecessor replies back from its final value: an acknowledged
// write that is not on it is lost, one that is was overwritten by a successor that knew it. is are in order of call.
//
// A link is missing where a write on the path has no reply (info). Then the key's one writer helps: what it wrote just before, on
// the same node and the same branch of data, is the predecessor. Where that does not hold either, what is off the path and may
// stand before the missing link is masked: its fate cannot be told, and it is counted apart instead of guessed, unless the
// servers' offsets prove that it was on a branch that was thrown away.
func (c *check) registerFates(is []int, d *history.Dump, m *pathMemory) {
	ops := &c.h.Ops
	m.reset(len(is))
	versions, preds := true, false
	for p, i := range is {
		m.values[p+1] = c.made(i)
		versions = versions && ops.Flags[i]&history.FlagVersion != 0
		_, known := c.replaced(i)
		preds = preds || known
	}
	if !m.number(is, ops) {
		c.untold(is, "values were written more than once")
		return
	}
	for p, i := range is {
		if v, ok := c.replaced(i); ok {
			m.follows(int32(p), v)
		}
	}
	value := history.Nil
	if d != nil && d.Type != "none" && len(d.Elems) == 1 {
		value = d.Elems[0]
	}
	masked := int64(minTime) // off the path, what was called before this moment may stand before a missing link
	by := history.Inf        // the return of the write on the path that was seen last: what it replaced was there by then
	for value != history.Nil {
		p := m.find(value)
		if p == noOp || m.onPath[p] {
			masked = by // nobody wrote it, or the path runs in a circle: both are findings, and say nothing of what came before
			break
		}
		m.onPath[p] = true
		i := is[p]
		if v, ok := c.replaced(i); ok {
			value, by = v, ops.Return[i]
			continue
		}
		before := -1
		if versions && preds {
			before = c.before(int(p), is, m, by)
		}
		if before < 0 {
			masked = by
			break
		}
		if before == len(is) {
			break // nothing was written before it
		}
		value = c.made(is[before])
	}
	c.fatesByPath(is, m, masked)
}

// fatesByPath gives each write its fate by whether it is on the path; what is not and was called before masked may have been.
func (c *check) fatesByPath(is []int, m *pathMemory, masked int64) {
	ops := &c.h.Ops
	latest := c.latestOn(is, m.onPath)
	for p, i := range is {
		if ops.Outcome[i] == history.OK && !m.onPath[p] && ops.Call[i] < masked && !c.beyondFork(i) {
			c.masked(i, "a write without a reply may have replaced them")
			if j := latest[uint8(ops.Node[i])]; j >= 0 && ops.Return[i] < ops.Call[j] && c.sameBranch(i, j) {
				c.a.Fate[i] = result.FateSurvived // a log that kept the later write kept the earlier one
			}
			continue
		}
		if ops.Outcome[i] == history.Info && !m.onPath[p] && ops.Call[i] < masked {
			c.unsettled(i)
		}
		c.a.Fate[i] = fateOf(ops.Outcome[i], m.onPath[p])
	}
	for _, i := range is[:len(is)-1] {
		if c.a.Fate[i] == result.FateSurvived {
			m.overwritten++
		}
	}
}

// pathMemory is what following one register's path needs, by position among its writes in order of call. A worker uses the same for one
// register after the other.
type pathMemory struct {
	values []int64 // by number: one more than the position, 0 for the initial value
	index  valueIndex
	onPath []bool
	// first is, by number, one of the writes that say they replaced the value, next another one by position; noOp for none.
	first, next []int32
	overwritten int64
	keys        []sortKey
}

func (m *pathMemory) reset(n int) {
	m.values, m.onPath = resize(m.values, n+1), resize(m.onPath, n)
	m.first, m.next = resize(m.first, n+1), resize(m.next, n)
	for p := range n {
		m.onPath[p], m.first[p], m.next[p] = false, noOp, noOp
	}
	m.first[n] = noOp
}

// number indexes the values; false: one was written more than once, and more than one of the writes may have happened.
func (m *pathMemory) number(is []int, ops *history.Columns) bool {
	m.values[0] = history.Nil
	m.index.prepare(m.values[1:])
	for p, i := range is {
		v := m.values[p+1]
		old := m.index.get(v, m.values)
		switch {
		case old == noOp:
			m.index.put(v, int32(p+1), m.values)
		case old == 0:
			return false // the absence of a value cannot be written
		case ops.Outcome[i] == history.Fail && ops.Outcome[is[old-1]] != history.Info:
		case ops.Outcome[i] == history.OK && ops.Outcome[is[old-1]] == history.Fail:
			m.index.replace(v, int32(p+1), m.values)
		default:
			return false
		}
	}
	return true
}

// follows notes that the write at a position says it replaced v.
func (m *pathMemory) follows(p int32, v int64) {
	if k := m.index.get(v, m.values); k != noOp {
		m.next[p], m.first[k] = m.first[k], p
	}
}

// find is the position of the write of v, noOp for none.
func (m *pathMemory) find(v int64) int32 {
	if k := m.index.get(v, m.values); k > 0 {
		return k - 1
	}
	return noOp
}

// byCall sorts writes by their calls.
func (m *pathMemory) byCall(is []int, ops *history.Columns) {
	m.keys = resize(m.keys, len(is))
	for n, i := range is {
		m.keys[n] = sortKey{ops.Call[i], int32(i)}
	}
	sortKeys(m.keys)
	for n, k := range m.keys {
		is[n] = int(k.i)
	}
}

// made is the value that a write leaves.
func (c *check) made(i int) int64 {
	if c.h.Ops.F[i] == history.FCAS {
		return arg(&c.h.Ops, int32(i))
	}
	return c.h.Ops.In[i]
}

// replaced is the value that an acknowledged write says it replaced; ok is false when it does not say.
func (c *check) replaced(i int) (value int64, ok bool) {
	ops := &c.h.Ops
	switch {
	case ops.Outcome[i] != history.OK:
	case ops.F[i] == history.FCAS:
		return ops.In[i], true
	case ops.Flags[i]&history.FlagPred != 0:
		return ops.Out[i], true
	}
	return 0, false
}

// untold masks the acknowledged writes of one key: what is there at the end does not say what became of them.
func (c *check) untold(is []int, why string) {
	for _, i := range is {
		switch c.h.Ops.Outcome[i] {
		case history.OK:
			c.masked(i, why)
		case history.Info:
			c.a.Fate[i] = result.FateIndeterminate
		default:
			c.a.Fate[i] = result.FateFailed
		}
	}
}

// before finds what a write without a reply replaced, in a register with one writer: what the writer had written just before it, or
// what came onto that while the write was on its way. It returns a position in is, len(is) for nothing, or -1 where it cannot be told.
func (c *check) before(at int, is []int, m *pathMemory, by int64) int {
	ops := &c.h.Ops
	i, p := is[at], at-1
	for p >= 0 && ops.Outcome[is[p]] == history.Fail {
		p--
	}
	k := int32(0)
	if p >= 0 {
		if ops.Outcome[is[p]] != history.OK || !c.sameBranch(is[p], i) {
			return -1
		}
		k = m.index.get(c.made(is[p]), m.values)
	}
	for {
		next, n := noOp, 0
		for q := m.first[k]; q != noOp; q = m.next[q] {
			if !m.onPath[q] && ops.Call[is[q]] < by {
				next = q
				n++
			}
		}
		if n == 0 {
			break
		}
		if n > 1 || !c.sameBranch(is[next], i) {
			return -1
		}
		p = int(next)
		k = m.index.get(c.made(is[next]), m.values)
	}
	if p < 0 {
		return len(is)
	}
	return p
}

// latestOn is, for each node, the acknowledged write on the path that was called last there, -1 for none.
func (c *check) latestOn(is []int, onPath []bool) (latest [256]int) {
	ops := &c.h.Ops
	for n := range latest {
		latest[n] = -1
	}
	for p, i := range is {
		if onPath[p] && ops.Outcome[i] == history.OK { // in order of call
			latest[uint8(ops.Node[i])] = i
		}
	}
	return latest
}

// beyondFork reports whether a write was surely executed on a branch beyond the point where the surviving one left it.
func (c *check) beyondFork(i int) bool {
	n := int32(c.h.Ops.Node[i])
	m := c.s.at(n, c.h.Ops.Call[i])
	if m == nil || m.Role != history.RoleMaster || c.s.slots.movedIn(c.keyName(i), c.h.Ops.Call[i], history.Inf) {
		return false // what went over to another shard before is there
	}
	g := c.s.withAt(n, c.h.Ops.Call[i])
	for k := range g.promoted {
		p := &g.promoted[k]
		if p.node != n && p.replID != "" && m.ReplID == p.replID && m.Offset > p.offset && g.backAt(n, p) < 0 {
			return true
		}
	}
	return false
}

// backAt is when who had been promoted in a deposed master's place had taken that one's data over, before it had given it up itself; -1
// where that did not happen.
func (g *group) backAt(old int32, p *promotion) int64 {
	for i := range g.ends {
		e := &g.ends[i]
		switch {
		case e.kind != endResync || e.t <= p.t:
		case e.loser == old:
			return -1
		case e.loser == p.node && e.winner == old:
			return e.t
		}
	}
	return -1
}

// sameBranch reports whether two writes of one client went to one node, and nothing broke that node's data between them.
func (c *check) sameBranch(a, b int) bool {
	ops := &c.h.Ops
	n := int32(ops.Node[a])
	if n < 0 || ops.Node[b] != ops.Node[a] || c.s.slots.movedIn(c.keyName(a), ops.Call[a], ops.Return[b]) {
		return false
	}
	from, to := c.s.at(n, ops.Call[a]), c.s.at(n, ops.Call[b])
	if from == nil || to == nil || from.RunID != to.RunID || from.ReplID != to.ReplID {
		return false
	}
	// The second write may have waited in a frozen server: the node must still have been the same at its next sample.
	next := c.s.after(n, ops.Call[b])
	return next == nil || next.RunID == to.RunID || c.overBefore(b, n, to.RunID)
}

// overBefore reports whether an operation had ended, with or without a reply, before its server can have come back as another process:
// its client went on to something else while the server was still the old process, or was seen to be down.
func (c *check) overBefore(i int, n int32, run string) bool {
	over := c.clients.after(i)
	if over == history.Inf || n < 0 || int(n) >= len(c.s.byNode) {
		return false
	}
	ms := c.s.byNode[n]
	at, _ := slices.BinarySearchFunc(ms, over, func(m *history.Sample, t int64) int { return cmp.Compare(m.Call, t) })
	return at < len(ms) && (!ms[at].Up || ms[at].Answered && ms[at].RunID == run)
}

// loss is the result's loss, made when first needed.
func (c *check) loss() *result.Loss {
	if c.a.Result.Loss == nil {
		c.a.Result.Loss = &result.Loss{RPA: -1, BytesThrownAway: -1}
	}
	return c.a.Result.Loss
}
