package checker

import "github.com/schismtest/schism/history"

// valueIndex finds a value's dense index: by its distance from the least where values are dense (versions), else by a map.
type valueIndex struct {
	least int64
	dense []int32
	byMap map[int64]int32
}

func (x *valueIndex) get(v int64) int32 {
	if v == history.Nil {
		return 0
	}
	if x.byMap != nil {
		if i, ok := x.byMap[v]; ok {
			return i
		}
		return noOp
	}
	d := uint64(v) - uint64(x.least)
	if d >= uint64(len(x.dense)) {
		return noOp
	}
	return x.dense[d]
}

// collectWrites gives every written value its index; nil when a value was written twice.
func collectWrites(ops *history.Columns, n int, is []int32) (*vals, *valueIndex) {
	least, most, writes := history.Inf, int64(minTime), 0
	for j := range n {
		i := int32(j)
		if is != nil {
			i = is[j]
		}
		if ops.F[i] == history.FWrite {
			least, most = min(least, ops.In[i]), max(most, ops.In[i])
			writes++
		}
	}
	v := newVals(writes + 1)
	v.add(history.Nil)
	v.f[0], v.s[0], v.call[0], v.used[0] = minTime, minTime, minTime, true
	x := &valueIndex{}
	if span := uint64(most) - uint64(least); writes > 0 && span < 4*uint64(writes)+64 {
		x.least, x.dense = least, make([]int32, span+1)
		for i := range x.dense {
			x.dense[i] = noOp
		}
	} else {
		x.byMap = make(map[int64]int32, writes)
	}
	for j := range n {
		i := int32(j)
		if is != nil {
			i = is[j]
		}
		if ops.F[i] != history.FWrite {
			continue
		}
		if x.get(ops.In[i]) != noOp {
			return nil, nil
		}
		k := v.add(ops.In[i])
		if x.byMap != nil {
			x.byMap[ops.In[i]] = k
		} else {
			x.dense[ops.In[i]-least] = k
		}
		v.write[k], v.call[k] = i, ops.Call[i]
		switch ops.Outcome[i] {
		case history.OK:
			v.observe(k, i, ops.Call[i], ops.Return[i])
		case history.Info:
			v.info[k] = true
		case history.Fail:
			v.failed[k] = true
		}
	}
	return v, x
}

// collectReads takes in the reads of the scope and the predecessor replies of writes.
func (v *vals) collectReads(ops *history.Columns, n int, is []int32, x *valueIndex, masterOnly bool, r *keyResult) {
	for j := range n {
		i := int32(j)
		if is != nil {
			i = is[j]
		}
		if ops.Outcome[i] != history.OK {
			continue
		}
		pred := ops.F[i] == history.FWrite
		if pred && ops.Flags[i]&history.FlagPred == 0 || !pred && masterOnly && ops.Flags[i]&history.FlagReplicaRead != 0 {
			continue
		}
		k := x.get(ops.Out[i])
		switch {
		case k == noOp:
			if v.odd(ops.Out[i]) {
				r.phantoms++
				r.note(Conflict{Kind: "phantom", V: ops.Out[i], Ops: []int{int(i)}})
			}
			continue
		case v.failed[k]:
			if v.odd(ops.Out[i]) {
				r.aborted++
				r.note(Conflict{Kind: "aborted_read", V: ops.Out[i], Ops: []int{int(v.write[k]), int(i)}})
			}
			continue
		case ops.Return[i] < v.call[k]:
			if v.odd(ops.Out[i]) {
				r.future++
			}
			r.gamma = max(r.gamma, v.call[k]-ops.Return[i])
			r.note(Conflict{Kind: "future_read", V: ops.Out[i], Ops: []int{int(v.write[k]), int(i)}, Overlap: v.call[k] - ops.Return[i]})
			continue
		}
		if pred {
			w := x.get(ops.In[i])
			v.pred[w] = k
			v.used[k] = true // it happened, although no read may ever return it
			continue
		}
		v.observe(k, i, ops.Call[i], ops.Return[i])
	}
	for k := range v.value {
		// A write of unknown outcome that was seen keeps its call; it returned whenever one likes.
		if v.info[k] && v.used[k] && v.call[k] > v.s[k] {
			v.s[k], v.sOp[k] = v.call[k], v.write[k]
		}
	}
}

// odd notes that a value was seen that must not have been, and reports whether that is news: each value counts once.
func (v *vals) odd(value int64) bool {
	if v.told[value] {
		return false
	}
	if v.told == nil {
		v.told = map[int64]bool{}
	}
	v.told[value] = true
	return true
}

// collectHeld looks for values among what the nodes held at the end that nobody wrote, or that were refused.
func (v *vals) collectHeld(held []*history.Dump, x *valueIndex, r *keyResult) {
	for _, d := range held {
		if len(d.Elems) != 1 {
			continue
		}
		switch k := x.get(d.Elems[0]); {
		case k == noOp && v.odd(d.Elems[0]):
			r.phantoms++
			r.note(Conflict{Kind: "phantom", V: d.Elems[0]})
		case k > 0 && v.failed[k] && v.odd(d.Elems[0]):
			r.aborted++
			r.note(Conflict{Kind: "aborted_read", V: d.Elems[0], Ops: []int{int(v.write[k])}})
		}
	}
}

// drop leaves out what takes no part: writes of unknown outcome that nobody saw, and refused ones.
func (v *vals) drop() {
	for k := range v.value {
		if !v.used[k] {
			v.f[k], v.s[k] = history.Inf, minTime
		}
	}
}
