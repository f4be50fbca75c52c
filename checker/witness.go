package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// windowOps bounds the operations around a witness.
const windowOps = 500

// registerWitnesses shows the worst conflict and the worst fork, and asks porcupine for a second opinion on failing keys.
func registerWitnesses(h *history.History, keys *registerOpsByKey, a *result.Analysis) {
	for i := range a.Result.Registers {
		l := &a.Result.Registers[i]
		shown := map[string]bool{}
		for j := range l.Worst {
			c := &l.Worst[j]
			if shown[c.Kind] || len(c.Ops) == 0 {
				continue
			}
			shown[c.Kind] = true
			if !alreadyShown(a, c) {
				a.Result.Witnesses = append(a.Result.Witnesses, conflictWitness(h, keys, a, c))
			}
		}
		l.Porcupine = secondOpinion(h, keys, l)
	}
}

func alreadyShown(a *result.Analysis, c *result.Conflict) bool {
	return slices.ContainsFunc(a.Result.Witnesses, func(w result.Witness) bool { return slices.Equal(w.Marked, c.Ops) })
}

func conflictWitness(h *history.History, keys *registerOpsByKey, a *result.Analysis, c *result.Conflict) result.Witness {
	w := result.Witness{ID: fmt.Sprintf("w%d", len(a.Result.Witnesses)+1), Of: c.Kind, Key: c.Key, Marked: c.Ops}
	w.Ops, w.From, w.To = windowAround(h, keys, c)
	key := keyName(h, c.Key)
	switch c.Kind {
	case "fork":
		w.Title = "Two acknowledged writes replaced the same value of " + key
		w.Text = fmt.Sprintf("Both %s and %s were told that they replaced the same value: one of the two is not in what came after.", valueText(c.U), valueText(c.V))
		pred := history.Nil
		if len(c.Ops) == 3 {
			pred = h.Ops.In[c.Ops[0]]
		}
		kept, lost := c.U, c.V
		if o := c.Ops[len(c.Ops)-1]; int(o) < len(a.Fate) && a.Fate[o] != result.FateLost {
			kept, lost = lost, kept
		}
		w.Chain = []int64{pred, kept, lost}
	case "cycle":
		w.Title = "The predecessors of " + key + " run in a circle"
		w.Text = fmt.Sprintf("Following what each write replaced leads from %s back to it.", valueText(c.V))
	case "phantom":
		w.Title = "A read of " + key + " returned what was never written"
		w.Text = fmt.Sprintf("It returned %s, which no operation of this history wrote.", valueText(c.V))
	case "aborted_read":
		w.Title = "A refused write of " + key + " is visible"
		w.Text = fmt.Sprintf("The write of %s was refused, yet a read returned it.", valueText(c.V))
	case "future_read":
		w.Title = "A read of " + key + " returned a value before it was written"
		w.Text = fmt.Sprintf("The read ended %s before the write of %s was called.", words.Span(c.Overlap), valueText(c.V))
	default:
		w.Title = "Reads of " + key + " contradict each other"
		w.Text = fmt.Sprintf("%s must come before %s, and %s before %s: for each, one of its operations had ended before one of the other's began. They overlap by %s.", valueText(c.U), valueText(c.V), valueText(c.V), valueText(c.U), words.Span(c.Overlap))
	}
	return w
}

// windowAround are at most windowOps operations of the key around a conflict, the nearest first, with the write of every value
// that is read among them.
func windowAround(h *history.History, keys *registerOpsByKey, c *result.Conflict) (is []int, from, to int64) {
	ops := &h.Ops
	from, to = history.Inf, int64(minTime)
	for _, i := range c.Ops {
		from = min(from, ops.Call[i])
		to = max(to, ops.Call[i])
		if r := ops.Return[i]; r != history.Inf {
			to = max(to, r)
		}
	}
	all := keys.all(c.Key)
	writer := map[int64]int{}
	for _, i := range all {
		if ops.F[i] == history.FWrite {
			writer[ops.In[i]] = int(i)
		}
	}
	distance := func(i int32) int64 {
		switch {
		case ops.Call[i] > to:
			return ops.Call[i] - to
		case ops.Return[i] < from:
			return from - ops.Return[i]
		}
		return 0
	}
	near := slices.Clone(all)
	slices.SortStableFunc(near, func(a, b int32) int { return cmp.Compare(distance(a), distance(b)) })
	in := map[int]bool{}
	take := func(i int) bool {
		if in[i] {
			return true
		}
		need := []int{i}
		if ops.Outcome[i] == history.OK && ops.Out[i] != history.Nil && ops.Out[i] != history.None {
			if w, ok := writer[ops.Out[i]]; ok && !in[w] && ops.F[i] == history.FRead {
				need = append(need, w)
			}
		}
		if len(in)+len(need) > windowOps {
			return false
		}
		for _, j := range need {
			in[j] = true
		}
		return true
	}
	for _, i := range c.Ops {
		take(i)
	}
	for _, i := range near {
		if distance(i) > int64(2e9) || !take(int(i)) {
			break
		}
	}
	for i := range in {
		is = append(is, i)
	}
	slices.SortFunc(is, func(a, b int) int { return cmp.Or(cmp.Compare(ops.Call[a], ops.Call[b]), cmp.Compare(a, b)) })
	return is, from, to
}

// all are the operations of a key.
func (r *registerOpsByKey) all(key uint32) []int32 {
	for i, k := range r.of {
		if k != int32(key) {
			continue
		}
		if is := r.ops(i); is != nil {
			return is
		}
		is := make([]int32, r.n)
		for j := range is {
			is[j] = int32(j)
		}
		return is
	}
	return nil
}

// lossWitnesses shows one lost write of each of the greatest causes.
func (c *check) lossWitnesses() {
	l := c.a.Result.Loss
	if l == nil {
		return
	}
	ops := &c.h.Ops
	for n := range min(3, len(l.Causes)) {
		cause := &l.Causes[n]
		for i, f := range c.a.Fate {
			if f != result.FateLost || ops.Return[i] != cause.First {
				continue
			}
			w := result.Witness{ID: fmt.Sprintf("w%d", len(c.a.Result.Witnesses)+1), Of: "lost", Key: ops.Key[i], Marked: []int{i}, From: ops.Call[i], To: ops.Return[i],
				Title: fmt.Sprintf("The first write that %s lost", c.node(cause.Node)),
				Text:  fmt.Sprintf("%s acknowledged %s to %s at %s; after the barrier no node has it. %s.", c.node(cause.Node), valueText(ops.In[i]), keyName(c.h, ops.Key[i]), words.At(ops.Return[i]), cause.Text)}
			w.Ops = c.neighbours(i)
			c.a.Result.Witnesses = append(c.a.Result.Witnesses, w)
			break
		}
	}
}

// neighbours are the writes of the same key around a write, in order of call.
func (c *check) neighbours(i int) []int {
	ops := &c.h.Ops
	var is []int
	for j, f := range ops.F {
		if f.IsWrite() && ops.Key[j] == ops.Key[i] && ops.Call[j] > ops.Call[i]-int64(1e9) && ops.Call[j] < ops.Call[i]+int64(1e9) {
			is = append(is, j)
		}
	}
	slices.SortFunc(is, func(a, b int) int { return cmp.Compare(ops.Call[a], ops.Call[b]) })
	at := slices.Index(is, i)
	return is[max(0, at-6):min(len(is), at+7)]
}
