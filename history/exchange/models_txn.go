package exchange

import (
	"errors"
	"fmt"

	"github.com/schismtest/schism/history"
)

// txn reads [[:append k v] [:r k [..]] [:w k v]]. What completed must be what was invoked, with its reads filled in.
func (im *importer) txn(o *history.Op, in, out any, done *event) error {
	o.F = history.FTxn
	ok := o.Outcome == history.OK
	asked, err := micros(in)
	if err != nil {
		return err
	}
	got := asked
	switch {
	case ok && !done.hasValue:
		return errNoValue
	case ok || done.typ != "" && isMops(out):
		if got, err = micros(out); err != nil {
			return err
		}
		if err := sameMicros(asked, got); err != nil {
			return err
		}
	}
	if !ok {
		got = asked
	}
	ms := make([]history.Mop, len(got))
	for i, m := range got {
		if ms[i], err = im.mop(o, m, ok); err != nil {
			return err
		}
	}
	o.List = history.EncodeMops(ms)
	if o.List == nil {
		o.List = []int64{}
	}
	return nil
}

// micro is one micro-operation as the file has it.
type micro struct {
	f          string
	key, value any
}

func micros(v any) ([]micro, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the value of a transaction is a list, not %s", text(v))
	}
	out := make([]micro, len(l))
	for i, x := range l {
		e, ok := x.([]any)
		if !ok || len(e) < 2 || len(e) > 3 {
			return nil, fmt.Errorf("%s is no micro-operation", text(x))
		}
		out[i] = micro{f: name(e[0]), key: e[1]}
		if len(e) == 3 {
			out[i].value = e[2]
		}
	}
	return out, nil
}

func sameMicros(asked, got []micro) error {
	if len(asked) != len(got) {
		return fmt.Errorf("it was invoked with %d micro-operations and completed with %d", len(asked), len(got))
	}
	for i, a := range asked {
		g := got[i]
		if a.f != g.f || !equal(a.key, g.key) || (a.f != "r" || a.value != nil) && !equal(a.value, g.value) {
			return fmt.Errorf("micro-operation %d was invoked as [:%s %s %s] and completed as [:%s %s %s]", i+1, a.f, text(a.key), text(a.value),
				g.f, text(g.key), text(g.value))
		}
	}
	return nil
}

func (im *importer) mop(o *history.Op, m micro, done bool) (_ history.Mop, err error) {
	h := history.Mop{Key: im.id(m.key), In: history.None}
	if m.key == nil {
		return h, errors.New("a micro-operation on no key")
	}
	if o.Key != 0 || im.h.Keys[0] != "" { // transactions on one independent key know nothing of another's
		h.Key = im.id([]any{keyword("key"), im.h.Keys[o.Key], m.key})
	}
	switch {
	case m.f == "append" && im.model == "list-append":
		h.F = history.FAppend
		h.In, err = im.some(m.value)
	case m.f == "w" && im.model == "rw-register":
		h.F = history.FWrite
		h.In, err = im.some(m.value)
	case m.f == "r" && im.model == "rw-register":
		h.F = history.FRead
		if done {
			h.In = im.id(m.value)
		}
	case m.f == "r":
		h.F = history.FReadList
		if done {
			h.List = []int64{}
			if m.value != nil {
				h.List, err = im.ids(m.value)
			}
		}
	default:
		return h, fmt.Errorf("a micro-operation of %s is not called %s", im.model, m.f)
	}
	return h, err
}
