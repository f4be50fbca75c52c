package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// strangeObject looks on a key of general use for values that nobody wrote, or that only refused operations would have written. A
// compare-and-set that found another value wrote nothing. Each value counts once. Counters and lists on such a key make values of
// their own, so nothing is said of them.
func (x *extra) strangeObject(k uint32, ops []int32) []note {
	c := &x.h.Ops
	phantom, aborted := note{class: "phantom"}, note{class: "aborted_read"}
	if x.mask[k]&bits(history.FIncr, history.FAppend) != 0 {
		return nil
	}
	type maker struct {
		op    int32
		tried bool
	}
	makers := map[int64]maker{}
	for _, i := range ops {
		v := c.In[i]
		tried := c.Outcome[i] != history.Fail
		switch c.F[i] {
		case history.FWrite:
		case history.FCAS:
			v = arg(c, i)
			tried = tried && (c.Outcome[i] == history.Info || c.Out[i] != 0)
		default:
			continue
		}
		if m, ok := makers[v]; !ok || tried && !m.tried {
			makers[v] = maker{i, tried}
		}
	}
	told := map[int64]bool{history.Nil: true, history.None: true}
	look := func(v int64, who string, seen ...int) {
		m, known := makers[v]
		if told[v] || known && m.tried {
			return
		}
		told[v] = true
		if !known {
			phantom.count(fmt.Sprintf("%s: %s %d, which nobody wrote", x.keyName(k), who, v), seen...)
			return
		}
		aborted.count(fmt.Sprintf("%s: %s %d, although writing it was refused", x.keyName(k), who, v), append([]int{int(m.op)}, seen...)...)
	}
	for _, i := range ops {
		if c.Outcome[i] != history.OK {
			continue
		}
		switch {
		case c.F[i] == history.FRead, c.F[i] == history.FWrite && c.Flags[i]&history.FlagPred != 0:
			look(c.Out[i], x.who(int(i))+" read", int(i))
		case c.F[i] == history.FCAS && c.Out[i] != 0:
			look(c.In[i], x.who(int(i))+" found", int(i))
		}
	}
	for _, d := range x.fin.byKey[x.keyName(k)] {
		if len(d.Elems) == 1 {
			look(d.Elems[0], "after the barrier "+x.node(d.Node)+" held")
		}
	}
	return []note{phantom, aborted}
}
