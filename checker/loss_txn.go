package checker

import "github.com/schismtest/schism/history"

// writesSomething reports whether a transaction holds a write.
func writesSomething(list []int64) bool {
	it := mopIter{list: list}
	for it.next() {
		if it.f == history.FAppend || it.f == history.FWrite {
			return true
		}
	}
	return false
}

// txnFates judges transactions by the lists they appended to: all of a transaction's elements are there, or it is lost. A blind write
// of a register may have been overwritten, so nothing is said of a transaction that holds one.
func (c *check) txnFates() {
	ops := &c.h.Ops
	there := map[int64]map[int64]bool{} // by list
	var all []int
	for i, f := range ops.F {
		if f != history.FTxn || !leaves(ops, i) {
			continue
		}
		all = append(all, i)
		found, known := true, !c.x.crossesSlots(i)
		it := mopIter{list: ops.List(i)}
		for it.next() {
			switch it.f {
			case history.FWrite:
				known = false
			case history.FAppend:
				known = known && !c.fin.doubted[TxnKey(it.key)]
				elems, ok := there[it.key]
				if !ok {
					elems = map[int64]bool{}
					if d := c.fin.of(TxnKey(it.key)); d != nil {
						for _, e := range d.Elems {
							elems[e] = true
						}
					}
					there[it.key] = elems
				}
				found = found && elems[it.in]
			}
		}
		switch {
		case known:
			c.a.Fate[i] = fateOf(ops.Outcome[i], found)
		case ops.Outcome[i] == history.OK:
			c.masked(i, "a blind write of a transaction may have been overwritten, or what a node held is not known")
		default:
			c.a.Fate[i] = fateOf(ops.Outcome[i], false)
		}
	}
	c.sum(all, nil)
}

// TxnKey is the server's name of a key of transactions.
func TxnKey(n int64) string { return history.TxnKey(n) }
