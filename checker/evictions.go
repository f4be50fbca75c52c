package checker

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// evictions are how many keys the servers removed of their own to stay within maxmemory, by their counters. Which keys those were is not
// told: so many keys at most may be empty, or hold only what was written later, without a loss (checkers.md, "Removed by a setting").
type evictions struct {
	most    float64 // of all servers; +Inf where a server that evicts died unseen
	replica float64 // of those, by servers while they were replicas: no other node follows these
	why     string  // who evicted how many, for people; empty for none
	settled bool    // what they explain was taken out of the findings
}

// newEvictions reads them off the samples.
func newEvictions(s *states) evictions {
	var e evictions
	var who []string
	for n := range s.byNode {
		more := nothing
		if mayEvict(s.byNode[n], &s.h.Run.Nodes[n]) {
			more = anything
		}
		g := s.grew(int32(n), evictedKeys, minTime, history.Inf, more)
		if g.hi == 0 {
			continue
		}
		e.most += g.hi
		if wasReplica(s.byNode[n]) {
			e.replica += g.hi
		}
		count := words.Plural(int64(g.hi), "key", "keys")
		if math.IsInf(g.hi, 1) {
			count = "at least " + words.Plural(int64(g.lo), "key", "keys")
		}
		text := fmt.Sprintf("%s evicted %s", s.h.Run.Nodes[n].Name, count)
		if p := s.h.Run.Nodes[n].Setting("maxmemory-policy"); p != "" {
			text += fmt.Sprintf(" (maxmemory-policy %s)", p)
		}
		who = append(who, text)
	}
	e.why = words.List(who)
	return e
}

// any reports whether a key may have been evicted.
func (e *evictions) any() bool { return e.most > 0 }

// mayEvict tells whether a server evicts: it did, or its settings let it.
func mayEvict(ms []*history.Sample, n *history.Node) bool {
	for _, m := range ms {
		if m.Rest.Known && m.Rest.Evicted > 0 {
			return true
		}
	}
	limit, policy := n.Setting("maxmemory"), n.Setting("maxmemory-policy")
	return limit != "" && limit != "0" && policy != "" && policy != "noeviction"
}

// wasReplica tells whether a server evicted anything while it was a replica, as far as samples tell.
func wasReplica(ms []*history.Sample) bool {
	var last *history.Sample
	for _, m := range ms {
		if !m.Answered || !m.Rest.Known {
			continue
		}
		before := int64(0)
		if last != nil && last.RunID == m.RunID {
			before = last.Rest.Evicted
		}
		if m.Rest.Evicted > before && (m.Role == history.RoleReplica || last != nil && last.Role == history.RoleReplica) {
			return true
		}
		last = m
	}
	return false
}

// keySum is what is known of the loss of one key, or of all transactions together.
type keySum struct {
	is      []int
	lo, hi  int64
	bounded bool // the fates of single writes do not say it
}

// evicted is how many of a key's lost writes one eviction explains, and which these are: those with no survivor that was there before
// them, since an eviction takes all of a key.
func (c *check) evicted(k *keySum) (n int64, which []int) {
	ops := &c.h.Ops
	since := int64(history.Inf) // the first return of a survivor
	whole := true               // the key's own content tells what is there of it
	for _, i := range k.is {
		switch ops.F[i] {
		case history.FWrite, history.FCAS, history.FAdd, history.FAppend, history.FEnqueue:
		default:
			whole = false
		}
		if c.a.Fate[i] == result.FateSurvived && c.shows(i) {
			since = min(since, ops.Return[i])
		}
	}
	for _, i := range k.is {
		if c.a.Fate[i] == result.FateLost && (!whole || ops.Call[i] <= since) {
			which = append(which, i)
		}
	}
	if k.bounded {
		return k.lo, which
	}
	return int64(len(which)), which
}

// total sums the keys up, less what the fault did not do: what evictions may have taken, and what the harness threw away.
func (c *check) total() {
	c.evict(c.sums)
	c.takenOver(c.sums)
	for i := range c.sums {
		k := &c.sums[i]
		c.a.Result.Writes.Lost += k.lo
		c.a.Result.Writes.LostMost += max(k.lo, k.hi)
		c.byShard(k)
	}
	c.sums = nil
}

// evict leaves untold what evictions may have taken. Which keys were evicted is not known, so of those that evictions may explain, as many as
// there were evictions are left out of the least loss: those that lack the most.
func (c *check) evict(sums []keySum) {
	e := &c.x.evicted
	if !e.any() {
		return
	}
	type candidate struct {
		k     *keySum
		n     int64
		which []int
	}
	var all []candidate
	for j := range sums {
		if n, which := c.evicted(&sums[j]); n > 0 {
			all = append(all, candidate{&sums[j], n, which})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.n, a.n) })
	for j, k := range all {
		if float64(j) >= e.most {
			break
		}
		k.k.lo -= k.n
		for _, i := range k.which {
			c.masked(i, e.why)
		}
	}
}

// excuse takes out of the notes what evictions may explain: of each class that an evicted key shows as well, the cases on as many keys as
// were evicted, those with the most. They may be cases still.
func (x *extra) excuse(ns []note) []note {
	type group struct {
		class, scope string
		keys         map[uint32]*note
		order        []uint32
	}
	var out []note
	var groups []*group
	at := map[classScope]*group{}
	for i := range ns {
		n := &ns[i]
		cl, _ := result.ClassOf(n.class)
		if !cl.Evicted || n.n == 0 || x.budget(n.class) == 0 {
			out = append(out, *n)
			continue
		}
		g := at[classScope{n.class, n.scope}]
		if g == nil {
			g = &group{class: n.class, scope: n.scope, keys: map[uint32]*note{}}
			at[classScope{n.class, n.scope}] = g
			groups = append(groups, g)
		}
		key := uint32(math.MaxUint32)
		if len(n.ops) > 0 && n.ops[0] >= 0 {
			key = x.h.Ops.Key[n.ops[0]]
		}
		k := g.keys[key]
		if k == nil {
			k = &note{class: n.class, scope: n.scope, text: n.text, ops: n.ops}
			g.keys[key] = k
			g.order = append(g.order, key)
		}
		if k.bugs == 0 && n.bugs > 0 {
			k.text, k.ops = n.text, n.ops
		}
		k.n, k.bugs, k.more = k.n+n.n, k.bugs+n.bugs, k.more+n.more
	}
	for _, g := range groups {
		var each []*note
		for _, key := range g.order {
			each = append(each, g.keys[key])
		}
		out = append(out, x.excused(each))
	}
	return out
}

// budget is on how many keys evictions may have caused cases of a class.
func (x *extra) budget(class string) float64 {
	if class == "divergent" {
		return x.evicted.replica
	}
	return x.evicted.most
}

// excused joins the notes of one class in one scope, one a key, without those on as many keys as were evicted. Of cases and of bugs those
// keys may be different ones: each count is the least.
func (x *extra) excused(keys []*note) note {
	out := note{class: keys[0].class, scope: keys[0].scope}
	least := func(count func(n *note) int64) (sum, left int64, first *note) {
		slices.SortStableFunc(keys, func(a, b *note) int { return cmp.Compare(count(b), count(a)) })
		for j, k := range keys {
			sum += count(k)
			if float64(j) >= x.budget(out.class) && count(k) > 0 {
				left += count(k)
				if first == nil {
					first = k
				}
			}
		}
		return sum, left, first
	}
	all, n, first := least(func(n *note) int64 { return n.n })
	_, bugs, bug := least(func(n *note) int64 { return n.bugs })
	out.n, out.bugs, out.more = n, bugs, all-n
	for _, k := range keys {
		out.more += k.more
	}
	if bug != nil {
		first = bug
	}
	if first != nil {
		out.text, out.ops = first.text, first.ops
	}
	if all > n {
		out.unsure = x.evicted.why + ": what was evicted shows the same"
	}
	return out
}
