package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// resurrected counts elements that are there although their removal was acknowledged, each once. It is a bug where they are seen on
// the branch on which they were removed: at the same master in the same reign. A failover may have lost the removal, and a replica
// may not have heard of it yet.
func (x *extra) resurrected(k uint32, ops []int32) note {
	c := &x.h.Ops
	n := note{class: "resurrected"}
	removed := map[int64]int32{} // by element: its acknowledged removal
	for _, i := range ops {
		if c.F[i] == history.FRemove && c.Outcome[i] == history.OK {
			removed[c.In[i]] = i
		}
	}
	// An addition that may still land after the removal explains that the element is there.
	for _, i := range ops {
		if r, ok := removed[c.In[i]]; ok && c.F[i] == history.FAdd && c.Outcome[i] != history.Fail && c.Return[i] >= c.Call[r] {
			delete(removed, c.In[i])
		}
	}
	if len(removed) == 0 {
		return n
	}
	bugs := map[int64]bool{}
	seen := map[int64]bool{}
	see := func(v int64, bug bool, who string, at ...int) {
		r, ok := removed[v]
		if !ok || bugs[v] || seen[v] && !bug {
			return
		}
		text := fmt.Sprintf("%s: %s %d, whose removal %s had acknowledged", x.keyName(k), who, v, x.node(int32(c.Node[r])))
		at = append([]int{int(r)}, at...)
		switch {
		case !bug:
			n.count(text, at...)
		case seen[v]: // what was excused where it was seen first is not here
			if n.bugs == 0 {
				n.text, n.ops = text, at
			}
			n.bugs++
		default:
			n.bug(text, at...)
		}
		seen[v], bugs[v] = true, bug
	}
	for _, i := range ops {
		if c.Outcome[i] != history.OK || !masterRead(c, i) {
			continue
		}
		var shown []int64
		switch {
		case isWhole(c.F[i]):
			shown = c.List(int(i))
		case c.F[i] == history.FContains && c.Out[i] == 1:
			shown = []int64{c.In[i]}
		}
		for _, v := range shown {
			if r, ok := removed[v]; ok && c.Return[r] < c.Call[i] {
				see(v, x.oneReign(r, i), x.who(int(i))+" found", int(i))
			}
		}
	}
	if d := x.fin.of(x.keyName(k)); d != nil {
		for _, v := range d.Elems {
			if r, ok := removed[v]; ok {
				see(v, int32(c.Node[r]) == d.Node && x.sameReign(d.Node, c.Call[r], x.h.End), "after the barrier "+x.node(d.Node)+" held")
			}
		}
	}
	return n
}
