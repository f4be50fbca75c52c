package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// witnessWindow bounds the operations shown around what a collection's witness names: whole reads are long.
const witnessWindow = 60

// witnesses shows the first case of each class that was found.
func (x *extra) witnesses() {
	r := &x.a.Result
	for i := range x.found {
		a := &x.found[i]
		if a.Count == 0 || len(a.Ops) == 0 {
			continue
		}
		w := result.Witness{ID: fmt.Sprintf("w%d", len(r.Witnesses)+1), Of: a.Class, Title: capital(findingNoun(*a)), Text: a.Text, Key: x.h.Ops.Key[a.Ops[0]]}
		w.Marked = slices.Clone(a.Ops)
		x.byCall(w.Marked)
		if slices.ContainsFunc(r.Witnesses, func(o result.Witness) bool { return slices.Equal(o.Marked, w.Marked) }) {
			continue // a register's own witness shows it
		}
		w.Ops, w.From, w.To = x.around(w.Marked)
		r.Witnesses = append(r.Witnesses, w)
	}
}

func (x *extra) byCall(ops []int) {
	c := &x.h.Ops
	slices.SortFunc(ops, func(a, b int) int { return cmp.Or(cmp.Compare(c.Call[a], c.Call[b]), cmp.Compare(a, b)) })
}

// around are the operations of the same key that are nearest in time to those marked, and these. A transaction's neighbours say
// nothing about it, so only the marked ones are shown.
func (x *extra) around(marked []int) (ops []int, from, to int64) {
	c := &x.h.Ops
	from, to = history.Inf, c.Call[marked[0]]
	for _, i := range marked {
		from, to = min(from, c.Call[i]), max(to, c.Call[i])
		if c.Return[i] != history.Inf {
			to = max(to, c.Return[i])
		}
	}
	if c.F[marked[0]] == history.FTxn {
		return slices.Clone(marked), from, to
	}
	distance := func(i int) int64 { return max(0, from-c.Call[i], c.Call[i]-to) }
	var near []int
	for i, k := range c.Key {
		if k == c.Key[marked[0]] && distance(i) <= 2e9 && !slices.Contains(marked, i) {
			near = append(near, i)
		}
	}
	slices.SortStableFunc(near, func(a, b int) int { return cmp.Compare(distance(a), distance(b)) })
	ops = append(slices.Clone(marked), near[:min(len(near), max(0, witnessWindow-len(marked)))]...)
	x.byCall(ops)
	return ops, from, to
}

// capital begins a text with a capital letter.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
