package exchange

import (
	"github.com/schismtest/schism/history"
)

// jepsenValue is Jepsen's name of the function, and its value when invoked or done.
func jepsenValue(h *history.History, o *history.Op, done bool) (f string, value any) {
	ok := done && o.Outcome == history.OK
	keyed := func(v any) any { return []any{keyName(h, o.Key), v} }
	in := keyed(number64(o.In))
	answer := func(v any) any {
		if !ok {
			v = nil
		}
		return keyed(v)
	}
	out := answer(number64(o.Out))
	switch o.F {
	case history.FWrite:
		if o.List != nil { // a string in pieces
			return "write", keyed(numbers(o.List))
		}
		return "write", in
	case history.FRead:
		return "read", out
	case history.FReadExpiring: // a register's checker would take what expired for lost
		return o.F.String(), out
	case history.FCAS:
		return "cas", keyed([]any{number64(o.In), number64(o.Arg)})
	case history.FAdd:
		return "add", in
	case history.FAppend:
		return "append", in
	case history.FReadSet:
		return "read", answer(set(numbers(o.List)))
	case history.FReadList:
		return "read", answer(numbers(o.List))
	case history.FIncr:
		return "add", in
	case history.FReadCounter:
		return "read", out
	case history.FTransfer:
		if len(o.List) == 2 {
			return "transfer", mapping{{keyword("from"), o.List[0]}, {keyword("to"), o.List[1]}, {keyword("amount"), number64(o.Arg)}}
		}
	case history.FReadBank:
		if !ok {
			return "read", nil
		}
		m := mapping{}
		for i, v := range o.List {
			m = append(m, entry{int64(i), number64(v)})
		}
		return "read", m
	case history.FDequeue:
		return "dequeue", out
	case history.FContains:
		if ok {
			return o.F.String(), keyed([]any{number64(o.In), number64(o.Out)})
		}
	case history.FReadTail: // Jepsen's tools know none of these
		return o.F.String(), answer([]any{number64(o.Out), numbers(o.List)})
	case history.FReadQueue:
		return o.F.String(), answer(numbers(o.List))
	case history.FReadLock:
		return o.F.String(), out
	case history.FTxn:
		return "txn", jepsenMops(o, ok)
	}
	return o.F.String(), in
}

// number64 is a number as a value; what is absent is nil.
func number64(v int64) any {
	if v == history.Nil || v == history.None {
		return nil
	}
	return v
}

func numbers(l []int64) []any {
	out := make([]any, len(l))
	for i, v := range l {
		out[i] = number64(v)
	}
	return out
}

func jepsenMops(o *history.Op, ok bool) []any {
	ms, _ := history.DecodeMops(o.List)
	out := make([]any, 0, len(ms))
	for _, m := range ms {
		var v any
		f := "r"
		switch m.F {
		case history.FAppend:
			f, v = "append", number64(m.In)
		case history.FWrite:
			f, v = "w", number64(m.In)
		case history.FRead:
			if ok {
				v = number64(m.In)
			}
		case history.FReadList:
			if ok && m.List != nil {
				v = numbers(m.List)
			}
		default:
			continue
		}
		out = append(out, []any{keyword(f), m.Key, v})
	}
	return out
}
