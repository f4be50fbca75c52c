package checker

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// queueViews looks at reads of a queue or stream that take nothing, at replicas while it moves too: each shows only what was put in,
// and in the order in which it went in. Two elements of one view were both executed on the branch that shows it, so a failover
// excuses nothing.
func (x *extra) queueViews(ops []int32, k uint32, es []entryLife, index map[int64]int, told map[int64]bool) []note {
	c := &x.h.Ops
	phantom, aborted, future, swapped := note{class: "phantom"}, note{class: "aborted_read"}, note{class: "future_read"}, note{class: "reordered"}
	for _, i := range ops {
		if c.Outcome[i] != history.OK || c.F[i] != history.FReadQueue && c.F[i] != history.FReadTail {
			continue
		}
		var last *entryLife // of those before, the one asked for last
		for _, v := range c.List(int(i)) {
			n, ok := index[v]
			if !ok {
				if !told[v] {
					phantom.count(fmt.Sprintf("%s: %s showed %s, which nobody put in", x.keyName(k), x.who(int(i)), valueText(v)), int(i))
				}
				told[v] = true
				continue
			}
			e := &es[n]
			switch {
			case told[v]:
			case !e.tried:
				told[v] = true
				aborted.count(fmt.Sprintf("%s: %s showed %d, although putting it in failed", x.keyName(k), x.who(int(i)), v), int(e.put), int(i))
			case c.Return[i] < e.call:
				told[v] = true
				future.count(fmt.Sprintf("%s: %s showed %d, which was put in only %s later", x.keyName(k), x.who(int(i)), v, x.span(e.call-c.Return[i])), int(i), int(e.put))
			}
			if last != nil && e.ret < last.call {
				swapped.count(fmt.Sprintf("%s: %s showed %d behind %d, although it was acknowledged before that was asked for", x.keyName(k), x.who(int(i)), v, last.value),
					int(e.put), int(last.put), int(i))
			}
			if last == nil || e.call > last.call {
				last = e
			}
		}
	}
	return []note{phantom, aborted, future, swapped}
}
