package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/schismtest/schism/history"
)

// restore makes a history of the events that WriteEDN wrote. What the :schism maps say must agree with what the events say for
// everybody, so that neither is changed unnoticed.
func restore(events []event) (*history.History, error) {
	b := newBuilder()
	fail := func(e *event, err error) error {
		return fmt.Errorf("line %d: %w: %w", e.line, err, history.ErrNotHistory)
	}
	var ops []event
	for i := range events {
		e := &events[i]
		if _, ok := e.extra.get("record"); !ok {
			ops = append(ops, *e)
			continue
		}
		p, err := json.Marshal(asJSON(e.extra))
		if err != nil {
			return nil, fail(e, err)
		}
		if err := b.add(p); err != nil {
			return nil, fail(e, err)
		}
	}
	calls, err := pairUp(ops)
	if err != nil {
		return nil, err
	}
	type numbered struct {
		n  int64
		op history.Op
	}
	list := make([]numbered, len(calls))
	for i, c := range calls {
		if c.done == nil || c.done.extra == nil {
			return nil, fail(c.inv, fmt.Errorf("its completion, with :%s, is missing", extraField))
		}
		n, o, err := b.ednOp(&c)
		if err == nil {
			err = agree(b.h, &o, &c)
		}
		if err != nil {
			return nil, fail(c.done, err)
		}
		list[i] = numbered{n, o}
	}
	slices.SortStableFunc(list, func(a, b numbered) int { return int(min(1, max(-1, a.n-b.n))) })
	for i, l := range list {
		if b.head != nil && l.n != int64(i) {
			return nil, fmt.Errorf("operation %d is missing or there twice: %w", i, history.ErrNotHistory)
		}
		b.h.Ops.Append(l.op)
	}
	return b.finish("edn")
}

// ednOp reads the operation of a completion.
func (b *builder) ednOp(c *call) (n int64, o history.Op, err error) {
	l := newLine()
	process, err := strconv.ParseInt(c.done.process, 10, 32)
	if err != nil {
		return 0, o, fmt.Errorf("no process is called %s", c.done.process)
	}
	l.Process = int32(process)
	num := func(v any) int64 {
		n, ok := v.(int64)
		if !ok && err == nil {
			err = fmt.Errorf("%s is no whole number", text(v))
		}
		return n
	}
	value := func(v any) jsonInt {
		if v == nil {
			return toJSON(history.Nil)
		}
		return toJSON(num(v))
	}
	small := func(v any) int32 {
		n := num(v)
		if int64(int32(n)) != n && err == nil {
			err = fmt.Errorf("%d is out of bounds", n)
		}
		return int32(n)
	}
	n = -1
	for _, e := range c.done.extra {
		switch field := name(e.key); field {
		case "n":
			n = num(e.value)
		case "f":
			l.F = name(e.value)
		case "outcome":
			l.Outcome = name(e.value)
		case "err":
			l.Err = name(e.value)
		case "key":
			l.Key = name(e.value)
		case "client":
			l.Client = small(e.value)
		case "worker":
			l.Worker = small(e.value)
		case "node":
			l.Node = small(e.value)
		case "flags":
			l.Flags = history.Flag(min(max(num(e.value), 0), 255))
		case "in":
			l.In = value(e.value)
		case "arg":
			l.Arg = value(e.value)
		case "out":
			l.Out = value(e.value)
		case "replicas-acked":
			l.Acked = new(small(e.value))
		case "redirects":
			l.Redirects = uint8(min(max(num(e.value), 0), 255))
		case "intended":
			l.Intended = new(num(e.value))
		case "call":
			l.Call = new(num(e.value))
		case "return":
			l.Return = new(num(e.value))
		case "list":
			vs, ok := e.value.([]any)
			if !ok {
				return 0, o, fmt.Errorf("%s is no list", text(e.value))
			}
			l.List = make([]int64, len(vs))
			for i := range vs {
				l.List[i] = num(vs[i])
			}
		default:
			return 0, o, fmt.Errorf("no field of an operation is called %s", field)
		}
	}
	if err == nil && n < 0 {
		err = errors.New("it has no :n")
	}
	if err != nil {
		return 0, o, err
	}
	o, err = b.op(&l)
	return n, o, err
}

// agree compares an operation with the events that it was written as.
func agree(h *history.History, o *history.Op, c *call) error {
	for _, e := range []*event{c.inv, c.done} {
		done := e == c.done
		f, value := jepsenValue(h, o, done)
		if typ := jepsenType(o, done); typ != e.typ {
			return fmt.Errorf("it is :%s, but its :%s is that of one that is :%s", e.typ, extraField, typ)
		}
		if f != e.f || !equal(value, e.value) {
			return fmt.Errorf("it is :f :%s with :value %s, but its :%s says :f :%s with %s", e.f, text(e.value), extraField, f, text(value))
		}
	}
	return nil
}
