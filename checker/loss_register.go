package checker

import "github.com/schismtest/schism/history"

// registerFates judges the writes of one register by the path of predecessor replies back from its final value: an acknowledged
// write that is not on it is lost, one that is was overwritten by a successor that knew it. is are in order of call.
//
// A link is missing where a write on the path has no reply (info). Then the key's one writer helps: what it wrote just before, on
// the same node and the same branch of data, is the predecessor. Where that does not hold either, what is off the path and may
// stand before the missing link is masked: its fate cannot be told, and it is counted apart instead of guessed, unless the
// servers' offsets prove that it was on a branch that was thrown away.
func (c *check) registerFates(is []int, d *history.Dump) {
	ops := &c.h.Ops
	byValue := make(map[int64]int, len(is))
	versions, preds := true, false
	for _, i := range is {
		v := c.made(i)
		if j, ok := byValue[v]; !ok || ops.Outcome[i] < ops.Outcome[j] {
			if ok && ops.Outcome[j] != history.Fail {
				c.repeatedFates(is)
				return
			}
			byValue[v] = i
		} else if ops.Outcome[i] != history.Fail {
			c.repeatedFates(is)
			return
		}
		versions = versions && ops.Flags[i]&history.FlagVersion != 0
		_, known := c.replaced(i)
		preds = preds || known
	}
	succ := make(map[int64][]int, len(is)) // acknowledged successors of a value
	for _, i := range is {
		if p, ok := c.replaced(i); ok {
			succ[p] = append(succ[p], i)
		}
	}
	order := make(map[int]int, len(is)) // position in order of call
	for p, i := range is {
		order[i] = p
	}
	value := history.Nil
	if d != nil && d.Type != "none" && len(d.Elems) == 1 {
		value = d.Elems[0]
	}
	onPath := make(map[int]bool, len(is))
	masked := int64(minTime) // off the path, what was called before this moment may stand before a missing link
	by := history.Inf        // the return of the write on the path that was seen last: what it replaced was there by then
	for value != history.Nil {
		i, ok := byValue[value]
		if !ok || onPath[i] {
			masked = by // nobody wrote it, or the path runs in a circle: both are findings, and say nothing of what came before
			break
		}
		onPath[i] = true
		if p, ok := c.replaced(i); ok {
			value, by = p, ops.Return[i]
			continue
		}
		before := -1
		if versions && preds {
			before = c.before(i, is, order, succ, onPath, by)
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
	latest := c.latestOn(onPath)
	for _, i := range is {
		if ops.Outcome[i] == history.OK && !onPath[i] && ops.Call[i] < masked && !c.beyondFork(i) {
			c.masked(i, "a write without a reply may have replaced them")
			if j, ok := latest[int32(ops.Node[i])]; ok && ops.Return[i] < ops.Call[j] && c.sameBranch(i, j) {
				c.a.Fate[i] = FateSurvived // a log that kept the later write kept the earlier one
			}
			continue
		}
		c.a.Fate[i] = fateOf(ops.Outcome[i], onPath[i])
	}
	last := is[len(is)-1]
	for _, i := range is {
		if c.a.Fate[i] == FateSurvived && i != last {
			c.a.Result.Writes.Overwritten++
		}
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

// repeatedFates: where a value was written more than once, what is there at the end does not say by whom.
func (c *check) repeatedFates(is []int) {
	for _, i := range is {
		switch c.h.Ops.Outcome[i] {
		case history.OK:
			c.masked(i, "values were written more than once")
		case history.Info:
			c.a.Fate[i] = FateIndeterminate
		default:
			c.a.Fate[i] = FateFailed
		}
	}
}

// before finds what a write without a reply replaced, in a register with one writer: what the writer had written just before it, or
// what came onto that while the write was on its way. It returns a position in is, len(is) for nothing, or -1 where it cannot be told.
func (c *check) before(i int, is []int, order map[int]int, succ map[int64][]int, onPath map[int]bool, by int64) int {
	ops := &c.h.Ops
	p := order[i] - 1
	for p >= 0 && ops.Outcome[is[p]] == history.Fail {
		p--
	}
	value := history.Nil
	if p >= 0 {
		if ops.Outcome[is[p]] != history.OK || !c.sameBranch(is[p], i) {
			return -1
		}
		value = c.made(is[p])
	}
	for {
		var next []int
		for _, s := range succ[value] {
			if !onPath[s] && ops.Call[s] < by {
				next = append(next, s)
			}
		}
		if len(next) == 0 {
			break
		}
		if len(next) > 1 || !c.sameBranch(next[0], i) {
			return -1
		}
		p = order[next[0]]
		value = c.made(next[0])
	}
	if p < 0 {
		return len(is)
	}
	return p
}

// latestOn is, for each node, the acknowledged write on the path that was called last there.
func (c *check) latestOn(onPath map[int]bool) map[int32]int {
	ops := &c.h.Ops
	latest := map[int32]int{}
	for i := range onPath {
		n := int32(ops.Node[i])
		if ops.Outcome[i] != history.OK {
			continue
		}
		if j, ok := latest[n]; !ok || ops.Call[i] > ops.Call[j] {
			latest[n] = i
		}
	}
	return latest
}

// beyondFork reports whether a write was surely executed on a branch beyond the point where the surviving one left it.
func (c *check) beyondFork(i int) bool {
	n := int32(c.h.Ops.Node[i])
	m := c.s.at(n, c.h.Ops.Call[i])
	if m == nil || m.Role != history.RoleMaster {
		return false
	}
	for _, p := range c.s.with(n).promoted {
		if p.node != n && p.replID != "" && m.ReplID == p.replID && m.Offset > p.offset {
			return true
		}
	}
	return false
}

// sameBranch reports whether two writes of one client went to one node, and nothing broke that node's data between them.
func (c *check) sameBranch(a, b int) bool {
	ops := &c.h.Ops
	n := int32(ops.Node[a])
	if n < 0 || ops.Node[b] != ops.Node[a] {
		return false
	}
	from, to := c.s.at(n, ops.Call[a]), c.s.at(n, ops.Call[b])
	if from == nil || to == nil || from.RunID != to.RunID || from.ReplID != to.ReplID {
		return false
	}
	// The second write may have waited in a frozen server: the node must still have been the same at its next sample.
	next := c.s.after(n, ops.Call[b])
	return next == nil || next.RunID == to.RunID
}

// loss is the result's loss, made when first needed.
func (c *check) loss() *Loss {
	if c.a.Result.Loss == nil {
		c.a.Result.Loss = &Loss{RPA: -1, BytesThrownAway: -1}
	}
	return c.a.Result.Loss
}
