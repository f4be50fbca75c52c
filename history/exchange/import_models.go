package exchange

import (
	"errors"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// guessModel tells what a history is about by its functions, where that is unambiguous.
func guessModel(events []event) (string, error) {
	has := map[string]bool{}
	var txn, read any
	for _, e := range events {
		has[e.f] = true
		switch {
		case e.f == "txn" && txn == nil:
			txn = e.value
		case e.f == "read" && e.typ == "ok" && read == nil:
			read = e.value
			if _, v, ok := named(read); ok {
				read = v
			}
			if t, ok := read.(ednTuple); ok {
				read = t.value
			}
		}
	}
	switch {
	case has["txn"]:
		for _, e := range events {
			if mops, ok := e.value.([]any); ok && e.f == "txn" {
				for _, m := range mops {
					if l, ok := m.([]any); ok && len(l) > 0 && fmt.Sprint(l[0]) == "append" {
						return "list-append", nil
					}
				}
			}
		}
		return "rw-register", nil
	case has["cas"]:
		return "cas-register", nil
	case has["transfer"]:
		return "bank", nil
	case has["acquire"] || has["release"]:
		return "lock", nil
	case has["enqueue"] || has["dequeue"]:
		return "queue", nil
	case has["get"] && (has["put"] || has["append"]):
		return "kv", nil
	case has["write"]:
		return "register", nil
	case has["append"]:
		return "list", nil
	case has["add"]:
		switch read.(type) {
		case []any:
			return "set", nil
		case int64:
			return "counter", nil
		}
	case has["read"]:
		return "register", nil
	}
	return "", fmt.Errorf("its model cannot be told from its functions; name it with -model: %w", history.ErrNotHistory)
}

var errNotKnown = errors.New("this model has no such function")

// interpret fills in what an operation does; in is the value it was invoked with, out the one it completed with. keep is false
// for what says nothing.
func (im *importer) interpret(o *history.Op, f string, in, out any) (keep bool, err error) {
	switch im.model {
	case "register", "cas-register":
		return im.register(o, f, in, out)
	case "set", "set-full":
		in, out = im.keyed(o, in), im.keyed(o, out)
		switch f {
		case "add":
			o.F, o.In = history.FAdd, im.id(in)
			return true, nil
		case "read":
			o.F = history.FReadSet
			if o.Outcome == history.OK {
				o.List, err = im.ids(out)
				slices.Sort(o.List)
			}
			return true, err
		}
	case "counter":
		in, out = im.keyed(o, in), im.keyed(o, out)
		switch f {
		case "add", "incr", "increment", "inc", "dec", "decrement":
			n, ok := whole(in)
			if in == nil {
				n, ok = 1, true
			}
			if !ok {
				return false, fmt.Errorf("%v is no whole number", in)
			}
			if f == "dec" || f == "decrement" {
				n = -n
			}
			o.F, o.In = history.FIncr, n
			return true, nil
		case "read":
			o.F = history.FReadCounter
			if o.Outcome == history.OK {
				n, ok := whole(out)
				if !ok {
					return false, fmt.Errorf("%v is no whole number", out)
				}
				o.Out = n
			}
			return true, nil
		}
	case "bank":
		return im.bank(o, f, in, out)
	case "list-append", "rw-register":
		if f != "txn" {
			break
		}
		o.F = history.FTxn
		v := in
		if o.Outcome == history.OK {
			v = out
		}
		o.List, err = im.mops(v, o.Outcome == history.OK)
		return true, err
	case "lock":
		switch f {
		case "acquire":
			o.F = history.FAcquire
		case "release":
			o.F, o.Out = history.FRelease, 1
		default:
			return false, errNotKnown
		}
		o.In = im.id(in)
		if in == nil {
			o.In = int64(o.Process)
		}
		return true, nil
	case "queue", "stream":
		in, out = im.keyed(o, in), im.keyed(o, out)
		switch f {
		case "enqueue":
			o.F, o.In = history.FEnqueue, im.id(in)
			return true, nil
		case "ack":
			o.F, o.In = history.FAck, im.id(in)
			return true, nil
		case "dequeue":
			o.F = history.FDequeue
			if o.Outcome == history.OK {
				o.Out = im.id(out)
			}
			return true, nil
		}
	case "list":
		in, out = im.keyed(o, in), im.keyed(o, out)
		switch f {
		case "append":
			o.F, o.In = history.FAppend, im.id(in)
			return true, nil
		case "read":
			o.F = history.FReadList
			if o.Outcome == history.OK {
				o.List, err = im.ids(out)
			}
			return true, err
		}
	case "kv":
		return im.kv(o, f, in, out)
	default:
		return false, fmt.Errorf("histories from elsewhere are not read as %q", im.model)
	}
	return false, errNotKnown
}

// keyed takes the key out of a value that was marked as a tuple of jepsen.independent, or that is [name value] where values are no
// names, as WriteEDN writes it.
func (im *importer) keyed(o *history.Op, v any) any {
	if t, ok := v.(ednTuple); ok {
		o.Key = intern(im.h, im.keys, fmt.Sprint(t.key))
		return t.value
	}
	if name, value, ok := named(v); ok {
		o.Key = intern(im.h, im.keys, name)
		return value
	}
	return v
}

// named takes [name value] apart, where the value is no text.
func named(v any) (name string, value any, ok bool) {
	l, ok := v.([]any)
	if !ok || len(l) != 2 {
		return "", nil, false
	}
	name, ok = l[0].(string)
	if _, text := l[1].(string); !ok || text {
		return "", nil, false
	}
	return name, l[1], true
}

func (im *importer) register(o *history.Op, f string, in, out any) (bool, error) {
	untuple := func(v any, pairs bool) any {
		if t, ok := v.(ednTuple); ok {
			return im.keyed(o, t)
		}
		l, ok := v.([]any)
		if !ok || len(l) != 2 {
			return v
		}
		if _, inner := l[1].([]any); pairs && !inner {
			return v
		}
		o.Key = intern(im.h, im.keys, fmt.Sprint(l[0]))
		return l[1]
	}
	switch f {
	case "write":
		o.F, o.In = history.FWrite, im.id(untuple(in, false))
	case "read":
		o.F = history.FRead
		untuple(in, false) // for its key
		if o.Outcome == history.OK {
			o.Out = im.id(untuple(out, false))
		}
	case "cas":
		l, ok := untuple(in, true).([]any)
		if !ok || len(l) != 2 {
			return false, fmt.Errorf("the value of a cas is [old new], not %v", in)
		}
		o.F, o.In, o.Arg = history.FCAS, im.id(l[0]), im.id(l[1])
		if o.Outcome == history.OK {
			o.Out = 1
		}
	case "delete":
		untuple(in, false)
		o.F, o.Out = history.FDel, history.None
	default:
		return false, errNotKnown
	}
	return true, nil
}

func (im *importer) bank(o *history.Op, f string, in, out any) (bool, error) {
	switch f {
	case "transfer":
		m, ok := in.(map[string]any)
		if !ok {
			return false, fmt.Errorf("the value of a transfer is a map, not %v", in)
		}
		amount, ok := whole(m["amount"])
		if !ok {
			return false, fmt.Errorf("the amount %v is no whole number", m["amount"])
		}
		o.F, o.Arg, o.List, o.Out = history.FTransfer, amount, []int64{im.id(m["from"]), im.id(m["to"])}, 1
		return true, nil
	case "read":
		o.F = history.FReadBank
		if o.Outcome != history.OK {
			return true, nil
		}
		var accounts []string
		m, ok := out.(map[string]any)
		if !ok {
			list, err := im.ids(out)
			o.List = list
			return true, err
		}
		for a := range m {
			accounts = append(accounts, a)
		}
		slices.Sort(accounts)
		for _, a := range accounts {
			n, ok := whole(m[a])
			if !ok {
				return false, fmt.Errorf("the balance %v is no whole number", m[a])
			}
			o.List = append(o.List, n)
		}
		return true, nil
	}
	return false, errNotKnown
}

// mops packs [[:append k v] [:r k [..]] [:w k v]].
func (im *importer) mops(v any, done bool) ([]int64, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the value of a transaction is a list, not %v", v)
	}
	ms := make([]history.Mop, 0, len(l))
	for _, x := range l {
		e, ok := x.([]any)
		if !ok || len(e) < 2 || len(e) > 3 {
			return nil, fmt.Errorf("%v is no micro-operation", x)
		}
		var val any
		if len(e) == 3 {
			val = e[2]
		}
		m := history.Mop{Key: im.id(e[1]), In: history.None}
		switch fmt.Sprint(e[0]) {
		case "append":
			m.F, m.In = history.FAppend, im.id(val)
		case "w":
			m.F, m.In = history.FWrite, im.id(val)
		case "r":
			if im.model == "rw-register" {
				m.F = history.FRead
				if done {
					m.In = im.id(val)
				}
				break
			}
			m.F = history.FReadList
			if done {
				m.List = []int64{}
				if val != nil {
					var err error
					if m.List, err = im.ids(val); err != nil {
						return nil, err
					}
				}
			}
		default:
			return nil, fmt.Errorf("no micro-operation is called %v", e[0])
		}
		ms = append(ms, m)
	}
	return history.EncodeMops(ms), nil
}

// kv reads porcupine's key-value histories: put and append of strings, get of their concatenation. A put is an FWrite whose List
// holds the pieces of its string, a get an FReadList.
func (im *importer) kv(o *history.Op, f string, in, out any) (bool, error) {
	switch f {
	case "put":
		o.F, o.List = history.FWrite, im.pieces(in)
	case "append":
		p := im.pieces(in)
		if len(p) != 1 {
			return false, fmt.Errorf("%v is not one piece", in)
		}
		o.F, o.In = history.FAppend, p[0]
	case "get":
		o.F = history.FReadList
		if o.Outcome == history.OK {
			o.List = im.pieces(out)
		}
	default:
		return false, errNotKnown
	}
	return true, nil
}

// pieces splits a string like "x 0 1 yx 2 3 y" behind each y.
func (im *importer) pieces(v any) []int64 {
	s, _ := v.(string)
	var out []int64
	for s != "" {
		n := len(s)
		for i := range s {
			if s[i] == 'y' {
				n = i + 1
				break
			}
		}
		out = append(out, im.id(s[:n]))
		s = s[n:]
	}
	return out
}
