package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// finalLists compares appends with the list as it ended: on the nodes' dumps after the barrier where there are any, else in the
// last whole read called after every append had ended.
func (x *extra) finalLists(keys []uint32, g grouped) {
	for _, k := range keys {
		var final []int64
		d := x.fin.of(x.keyName(k))
		ok := d != nil && d.Type == "list" && d.Elems != nil
		if ok {
			final = d.Elems
		} else if !x.fin.held {
			final, ok = lastRead(&x.h.Ops, g.of(k))
		}
		if ok {
			x.notes(x.holes(k, g.of(k), final))
		}
	}
}

// lastRead is the last ok whole read that was called after every addition had ended.
func lastRead(c *history.Columns, ops []int32) ([]int64, bool) {
	end, best := int64(0), int32(-1)
	for _, i := range ops {
		if isAddition(c.F[i]) && c.Outcome[i] != history.Info {
			end = max(end, c.Return[i])
		}
	}
	for _, i := range ops {
		if isWhole(c.F[i]) && c.Outcome[i] == history.OK && masterRead(c, i) && c.Call[i] > end && (best < 0 || c.Call[i] > c.Call[best]) {
			best = i
		}
	}
	if best < 0 {
		return nil, false
	}
	return c.List(int(best)), true
}

// holes finds acknowledged elements that the final list lacks although it holds one that the same master, in the same reign, was
// asked to append later: what is lost is then no tail. And elements whose order in it contradicts real time.
func (x *extra) holes(k uint32, ops []int32, final []int64) []note {
	c := &x.h.Ops
	hole := note{class: "hole"}
	swapped := note{class: "reordered"}
	es := elementsOf(c, ops)
	at := make(map[int64]int64, len(final))
	for p, v := range final {
		if _, ok := at[v]; !ok {
			at[v] = int64(p + 1)
		}
	}
	latest := map[int8]int32{} // by node: the surviving append that was called last
	var put []placed
	for _, e := range es {
		if p, ok := at[e.value]; ok && e.tried {
			put = append(put, placed{key: p, call: e.call, ret: e.ret, op: e.add})
			n := c.Node[e.add]
			if l, ok := latest[n]; e.adds == 1 && c.Outcome[e.add] == history.OK && (!ok || c.Call[e.add] > c.Call[l]) {
				latest[n] = e.add
			}
		}
	}
	sweepOrder(put, func(m misplaced) {
		swapped.count(fmt.Sprintf("%s: %d was acknowledged %s before %d was asked for, yet stands after it", x.keyName(k),
			c.In[m.a], x.span(m.by), c.In[m.b]), int(m.a), int(m.b))
	})
	for _, e := range es {
		if _, ok := at[e.value]; ok || e.adds != 1 || c.Outcome[e.add] != history.OK {
			continue
		}
		n := c.Node[e.add]
		l, ok := latest[n]
		if ok && c.Return[e.add] < c.Call[l] && x.sameReign(int32(n), c.Call[e.add], c.Return[l]) {
			hole.bug(fmt.Sprintf("%s: %d was acknowledged and is gone, although %d, appended after it on the same master, is there",
				x.keyName(k), e.value, c.In[l]), int(e.add), int(l))
		}
	}
	return []note{hole, swapped}
}
