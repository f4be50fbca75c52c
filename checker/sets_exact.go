package checker

import (
	"github.com/schismtest/schism/checker/exact"
	"github.com/schismtest/schism/history"
)

// setExact asks for an order of all operations on a set, with removals, questions for single elements and the replies of all, which the
// chain of whole reads does not look at. found is what is wrong with single elements, which is counted there. Where records are missing,
// one of them may be what explains the rest.
func (x *extra) setExact(k uint32, ops []int32, found []note, master bool) (text string, shown []int) {
	c := &x.h.Ops
	if len(x.h.Missing) > 0 {
		return "", nil
	}
	for _, f := range found {
		if f.n > 0 {
			return "", nil
		}
	}
	more := false // than the chain looks at
	out, at := make([]exact.SetOp, 0, len(ops)), make([]int32, 0, len(ops))
	for _, i := range ops {
		o := exact.SetOp{Value: c.In[i], Unknown: c.Outcome[i] == history.Info, Call: c.Call[i], Return: c.Return[i]}
		switch c.Out[i] {
		case 1:
			o.Reply = exact.Yes
		case 0:
			o.Reply, more = exact.No, true
		}
		switch c.F[i] {
		case history.FAdd:
			o.F = exact.Add
		case history.FRemove:
			o.F, more = exact.Remove, true
		case history.FContains:
			o.F, more = exact.Contains, true
		default:
			o.F, o.List = exact.Whole, c.List(int(i))
		}
		if c.Outcome[i] == history.Fail || o.F >= exact.Contains && master && !masterRead(c, i) {
			continue
		}
		out, at = append(out, o), append(at, i)
	}
	if !more {
		return "", nil
	}
	v, _ := exact.Set(out)
	if v == nil {
		return "", nil
	}
	for _, i := range v.Ops {
		shown = append(shown, int(at[i]))
	}
	return setConflictText(v), shown
}

// setConflictText tells a violation in words.
func setConflictText(v *exact.Violation) string {
	vs := someValues(v.Values)
	switch v.Kind {
	case exact.WrongReply:
		return "the reply to adding or removing " + vs + " was wrong"
	case exact.Missing:
		return "a read lacks " + vs + ", which was surely there"
	case exact.Back:
		return vs + " was there after it had been removed"
	case exact.Early:
		return vs + " was there before it was asked for"
	}
	return "no order of the reads and removals explains what was read of " + vs
}
