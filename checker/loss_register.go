package checker

import "github.com/schismtest/schism/history"

// registerFates judges the writes of one register by the path of predecessor replies back from its final value: an acknowledged
// write that is not on it is lost, one that is was overwritten by a successor that knew it. is are in order of call.
//
// A link is missing where a write on the path has no reply (info). Then the key's one writer helps: what it wrote just before, on
// the same node and the same branch of data, is the predecessor. Where that does not hold either, older writes are masked: their
// fate cannot be told, and they are counted apart instead of guessed.
func (c *check) registerFates(is []int, d *history.Dump) {
	ops := &c.h.Ops
	byValue := make(map[int64]int, len(is))
	versions, preds := true, false
	for _, i := range is {
		if j, ok := byValue[ops.In[i]]; !ok || ops.Outcome[i] < ops.Outcome[j] {
			byValue[ops.In[i]] = i
		}
		versions = versions && ops.Flags[i]&history.FlagVersion != 0
		preds = preds || ops.Flags[i]&history.FlagPred != 0
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
	brokenAt := -1 // writes at or before this position are masked
	for value != history.Nil {
		i, ok := byValue[value]
		if !ok {
			if len(onPath) == 0 {
				c.a.Result.Writes.Unexpected++
			}
			break
		}
		if onPath[i] {
			break // a cycle; the register checker reports it
		}
		onPath[i] = true
		if ops.Outcome[i] == history.OK && ops.Flags[i]&history.FlagPred != 0 {
			value = ops.Out[i]
			continue
		}
		p := order[i] - 1
		for p >= 0 && ops.Outcome[is[p]] == history.Fail {
			p--
		}
		if p < 0 {
			break
		}
		if !versions || !preds || !c.sameBranch(is[p], i) || ops.Outcome[is[p]] != history.OK {
			brokenAt = p
			break
		}
		value = ops.In[is[p]]
	}
	for p, i := range is {
		if ops.Outcome[i] == history.OK && !onPath[i] && p <= brokenAt {
			c.a.Fate[i] = FateMasked
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
	c.forks(is)
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

// forks counts acknowledged writes that replaced the same value as another.
func (c *check) forks(is []int) {
	ops := &c.h.Ops
	succ := map[int64]bool{}
	for _, i := range is {
		if ops.Outcome[i] != history.OK || ops.Flags[i]&history.FlagPred == 0 {
			continue
		}
		if succ[ops.Out[i]] {
			c.loss().Forks++
		}
		succ[ops.Out[i]] = true
	}
}

// loss is the result's loss, made when first needed.
func (c *check) loss() *Loss {
	if c.a.Result.Loss == nil {
		c.a.Result.Loss = &Loss{RPA: -1, BytesThrownAway: -1}
	}
	return c.a.Result.Loss
}
