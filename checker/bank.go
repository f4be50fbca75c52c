package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// banks checks that the total of all accounts holds in every read, on replicas too: a replica is a prefix of the log, so a total
// that does not hold is a torn transaction however stale the replica is.
func (x *extra) banks() {
	g := x.group(bankOps)
	for _, ns := range perKey(x.keysOf(bankOps), func(k uint32) []note { return x.bank(k, g.of(k)) }) {
		x.notes(ns)
	}
	x.looks("fractured", "negative_balance")
}

func (x *extra) bank(k uint32, ops []int32) []note {
	c := &x.h.Ops
	total, known := x.opts.Total, x.opts.HasTotal
	open := map[int8]bool{}          // by node: all accounts were seen there
	seen := map[*stretchSpan]int64{} // by reign of a master or stretch of a replica: least return of a read that saw any
	var reads []int32
	for _, i := range byReturn(c, ops) {
		switch {
		case c.Outcome[i] != history.OK:
		case c.F[i] == history.FTransfer:
		default:
			l := c.List(int(i))
			span := x.undisturbed(i)
			if first, ok := seen[span]; absent(l) && !(ok && span != nil && first < c.Call[i]) {
				continue // not there yet, or gone as a whole, as after a wipe: that is loss, and tears nothing
			}
			if _, ok := seen[span]; !ok {
				seen[span] = c.Return[i]
			}
			if !open[c.Node[i]] && missing(l) {
				continue // a replica may show accounts one by one while they are made
			}
			open[c.Node[i]] = true
			reads = append(reads, i)
			if !known {
				total, known = sum(l), true
			}
		}
	}
	fractured := note{class: "fractured"}
	negative := note{class: "negative_balance"}
	for _, i := range reads {
		l := c.List(int(i))
		if got := sum(l); got != total {
			fractured.count(fmt.Sprintf("%s: %s read balances that add up to %d instead of %d", x.keyName(k), x.who(int(i)), got, total), int(i))
		}
		if !x.opts.AllowNegative {
			if a := below(l); a >= 0 {
				negative.count(fmt.Sprintf("%s: %s read %d on account %d", x.keyName(k), x.who(int(i)), l[a], a), int(i))
			}
		}
	}
	x.finalBank(k, ops, total, &fractured)
	return []note{fractured, negative}
}

// undisturbed is the reign or the stretch that holds a whole read: within it nothing but a command takes data away. A history without
// samples tells of no servers and is one reign, but for reads of replicas, of which it does not say which is which. Nil for none.
func (x *extra) undisturbed(i int32) *stretchSpan {
	c, st := &x.h.Ops, x.replicaStretches()
	switch {
	case st.evicting, len(x.s.slots.movesOf(x.keyName(c.Key[i]))) > 0 && x.s.slots.movedIn(x.keyName(c.Key[i]), 0, c.Return[i]):
		return nil
	case len(x.h.Samples) > 0:
		if s := spanAround(st.masters, c.Node[i], c.Call[i], c.Return[i]); s != nil {
			return s
		}
		return spanAround(st.replicas, c.Node[i], c.Call[i], c.Return[i])
	case c.Flags[i]&history.FlagReplicaRead != 0:
		return nil
	}
	return &st.whole
}

// finalBank holds the balances at the end against the total and, where transfers left their ids on a ledger in the same transaction,
// against what those on the ledger moved: anything else is a torn transaction.
func (x *extra) finalBank(k uint32, ops []int32, total int64, fractured *note) {
	c := &x.h.Ops
	for _, d := range x.fin.byKey[x.keyName(k)] {
		if len(d.Elems) == 0 || total%int64(len(d.Elems)) != 0 {
			continue
		}
		if got := sum(d.Elems); got != total {
			fractured.count(fmt.Sprintf("%s: after the barrier %s held balances that add up to %d instead of %d", x.keyName(k), x.node(d.Node), got, total))
			continue
		}
		if x.s.slots.movesOf(x.keyName(k)) != nil {
			continue // the balances and their ledger went over one after the other
		}
		want := slices.Repeat([]int64{total / int64(len(d.Elems))}, len(d.Elems))
		exact := false
		ledgers := map[string]map[int64]bool{}
		for _, i := range ops {
			l := c.List(int(i))
			if c.F[i] != history.FTransfer || c.In[i] == history.None || len(l) != 2 || min(l[0], l[1]) < 0 || max(l[0], l[1]) >= int64(len(want)) {
				continue
			}
			exact = true
			if x.onLedger(ledgers, d.Node, k, c.In[i]) {
				want[l[0]] -= arg(c, i)
				want[l[1]] += arg(c, i)
			}
		}
		if exact && !slices.Equal(want, d.Elems) {
			fractured.count(fmt.Sprintf("%s: after the barrier the balances on %s are not what the transfers on its ledger make", x.keyName(k), x.node(d.Node)))
		}
	}
}

// onLedger reports whether a node's ledger of a key holds an id; ledgers keeps what was looked up.
func (x *extra) onLedger(ledgers map[string]map[int64]bool, node int32, k uint32, id int64) bool {
	name := history.LedgerKey(x.keyName(k), id)
	ids, ok := ledgers[name]
	if !ok {
		ids = map[int64]bool{}
		for _, d := range x.fin.byKey[name] {
			if d.Node == node {
				for _, e := range d.Elems {
					ids[e] = true
				}
			}
		}
		ledgers[name] = ids
	}
	return ids[id]
}

// absent tells that no account is there.
func absent(l []int64) bool {
	return !slices.ContainsFunc(l, func(v int64) bool { return v != history.Nil && v != history.None })
}

// missing tells that an account is not there, or none at all.
func missing(l []int64) bool {
	return len(l) == 0 || slices.Contains(l, history.Nil) || slices.Contains(l, history.None)
}

func sum(l []int64) (s int64) {
	for _, v := range l {
		if v != history.Nil && v != history.None {
			s += v
		}
	}
	return s
}

// below is the first account with less than nothing, -1 when there is none.
func below(l []int64) int {
	for a, v := range l {
		if v < 0 && v != history.Nil && v != history.None {
			return a
		}
	}
	return -1
}
