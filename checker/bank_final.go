package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// bankLost tells how many acknowledged transfers are missing from a bank's final balances, at least. Transfers commute, so the
// balances do not say which are missing; but each account must hold its opening balance plus what the acknowledged transfers moved,
// give or take what those without a reply may have moved, and one missing transfer explains no more money than the largest moved.
func (x *extra) bankLost(k uint32, ops []int32, total int64) note {
	c := &x.h.Ops
	n := note{class: "bank-lost"}
	final := x.finalBalances(k)
	if len(final) == 0 || total%int64(len(final)) != 0 {
		return n
	}
	low := slices.Repeat([]int64{total / int64(len(final))}, len(final))
	high := slices.Clone(low)
	var largest int64
	var first int32 = -1
	for _, i := range ops {
		l, amount := c.List(int(i)), arg(c, i)
		if c.F[i] != history.FTransfer || len(l) != 2 || min(l[0], l[1]) < 0 || max(l[0], l[1]) >= int64(len(final)) {
			continue
		}
		from, to := l[0], l[1]
		switch {
		case c.Outcome[i] == history.OK && c.Out[i] != 0:
			low[from], high[from] = low[from]-amount, high[from]-amount
			low[to], high[to] = low[to]+amount, high[to]+amount
			largest = max(largest, amount)
			if first < 0 {
				first = i
			}
		case c.Outcome[i] == history.Info:
			low[from] -= amount
			high[to] += amount
		}
	}
	var off int64
	for a, v := range final {
		off += max(0, low[a]-v, v-high[a])
	}
	if off == 0 || largest == 0 { // without an acknowledged transfer none can be missing
		return n
	}
	n.n = (off + 2*largest - 1) / (2 * largest) // a transfer that is missing is missing on two accounts
	n.text = fmt.Sprintf("%s: the final balances differ by %d from what the acknowledged transfers make", x.keyName(k), off)
	n.ops = []int{int(first)}
	return n
}

// finalBalances are the bank's balances after the barrier, nil when nobody looked or the nodes differ, which is a finding of its own.
func (x *extra) finalBalances(k uint32) []int64 {
	var out []int64
	for _, d := range x.h.Dumps {
		switch {
		case d.Key != x.keyName(k) || d.Elems == nil:
		case out == nil:
			out = d.Elems
		case !slices.Equal(out, d.Elems):
			return nil
		}
	}
	return out
}
