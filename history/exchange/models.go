package exchange

import (
	"errors"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

var (
	errNotKnown = errors.New("this model has no such function")
	errNoValue  = errors.New("it is :ok and says no :value")
)

// prepare gathers what must be known before any operation is read.
func (im *importer) prepare(calls []call) {
	for _, c := range calls {
		if c.inv.f == "enqueue" {
			im.puts++
		}
	}
	if im.model == "bank" {
		im.number(calls)
	}
}

// echo compares a completion's value with its invocation's: what was written is what was asked for.
func (im *importer) echo(f string, in, out any, done *event) error {
	if done.typ == "" || out == nil {
		return nil
	}
	switch f {
	case "write", "cas", "add", "incr", "increment", "inc", "dec", "decrement", "enqueue", "ack", "append", "put", "transfer", "delete":
		if done.typ != "ok" && !alike(in, out) {
			return nil // it says why
		}
	case "read", "get", "dequeue":
		if in == nil || done.typ != "ok" {
			return nil // a read asks for nothing, but the answer may have been filled in afterwards
		}
	default:
		return nil
	}
	if !equal(in, out) {
		return fmt.Errorf("the %s was invoked with %s and completed with %s", f, text(in), text(out))
	}
	return nil
}

// alike tells whether two values are of one shape, so that one can be the other and not a note of why there is none.
func alike(in, out any) bool {
	if isNote(out) {
		return false
	}
	a, isList := in.([]any)
	b, alsoList := out.([]any)
	if isList != alsoList {
		return false
	}
	return !isList || len(a) == len(b) && (len(b) == 0 || !isNote(b[0]) || isNote(a[0]))
}

// interpret fills in what an operation does; in is the value it was invoked with, out the one it completed with.
func (im *importer) interpret(o *history.Op, f string, in, out any, done *event) (err error) {
	ok := o.Outcome == history.OK
	switch im.model {
	case "register", "cas-register":
		return im.register(o, f, in, out, done)
	case "set", "set-full":
		switch f {
		case "add":
			o.F = history.FAdd
			o.In, err = im.some(in)
			return err
		case "read":
			o.F = history.FReadSet
			if ok {
				o.List, err = im.ids(out)
				slices.Sort(o.List)
			}
			return err
		}
	case "counter":
		return im.counter(o, f, in, out)
	case "bank":
		return im.bank(o, f, in, out)
	case "list-append", "rw-register":
		if f == "txn" {
			return im.txn(o, in, out, done)
		}
	case "lock":
		switch f {
		case "acquire":
			o.F = history.FAcquire
		case "release":
			o.F = history.FRelease
			if ok {
				o.Out = 1
			}
		default:
			return errNotKnown
		}
		o.In = im.id(in)
		if in == nil {
			o.In = int64(o.Process)
		}
		return nil
	case "queue", "stream":
		return im.queue(o, f, in, out, done)
	case "list":
		switch f {
		case "append":
			o.F = history.FAppend
			o.In, err = im.some(in)
			return err
		case "read":
			o.F = history.FReadList
			if ok {
				o.List, err = im.ids(out)
			}
			return err
		}
	case "kv":
		return im.kv(o, f, in, out)
	default:
		return fmt.Errorf("histories from elsewhere are not read as %q", im.model)
	}
	return errNotKnown
}

func (im *importer) register(o *history.Op, f string, in, out any, done *event) (err error) {
	switch f {
	case "write":
		o.F = history.FWrite
		o.In, err = im.some(in)
	case "read":
		o.F = history.FRead
		if o.Outcome == history.OK {
			if !done.hasValue {
				return errNoValue
			}
			o.Out = im.id(out)
		}
	case "cas":
		from, to, ok := pair(in)
		if !ok {
			return fmt.Errorf("the value of a cas is [old new], not %s", text(in))
		}
		o.F, o.In = history.FCAS, im.id(from)
		if o.Outcome == history.OK {
			o.Out = 1
		}
		o.Arg, err = im.some(to)
	case "delete":
		o.F = history.FDel
	default:
		return errNotKnown
	}
	return err
}

func (im *importer) counter(o *history.Op, f string, in, out any) (err error) {
	switch f {
	case "add", "incr", "increment", "inc", "dec", "decrement":
		o.F, o.In = history.FIncr, 1
		if in != nil || f == "add" {
			o.In, err = whole(in)
		}
		if f == "dec" || f == "decrement" {
			o.In = -o.In
		}
		return err
	case "read":
		o.F = history.FReadCounter
		if o.Outcome == history.OK {
			o.Out, err = whole(out)
		}
		return err
	}
	return errNotKnown
}

// emptyErrors are what Jepsen's clients say of a queue that held nothing.
var emptyErrors = []string{"empty", "exhausted", "queue-empty", "empty-queue", "nothing"}

// queue reads enqueues and dequeues. A dequeue that is :fail and says neither a value nor another reason found the queue empty: that is
// how Jepsen writes it, and what makes an element that never came out a lost one.
func (im *importer) queue(o *history.Op, f string, in, out any, done *event) (err error) {
	switch f {
	case "enqueue":
		o.F = history.FEnqueue
		o.In, err = im.some(in)
		return err
	case "ack":
		o.F = history.FAck
		if o.Outcome == history.OK {
			o.Out = 1
		}
		o.In, err = im.some(in)
		return err
	case "dequeue":
		o.F = history.FDequeue
		switch {
		case o.Outcome == history.OK && !done.hasValue:
			return errNoValue
		case o.Outcome == history.OK:
			o.Out = im.id(out)
		case o.Outcome == history.Fail && saysEmpty(out, done.err):
			o.Outcome, o.Err, o.Out = history.OK, history.ErrNone, history.Nil
		}
		return nil
	}
	return errNotKnown
}

func saysEmpty(out, why any) bool {
	if out == nil && why == nil {
		return true
	}
	for _, v := range []any{out, why} {
		if l, ok := v.([]any); ok && len(l) > 0 { // [:empty "queue q is empty"]
			v = l[0]
		}
		if v != nil && !slices.Contains(emptyErrors, name(v)) {
			return false
		}
	}
	return true
}

// drain is a dequeue until nothing is left: one dequeue for each element, and one that found the queue empty. Of one that did not end
// well, what it names came out, and whatever was there may have come out besides.
func (im *importer) drain(o history.Op, out any, done *event) error {
	if im.model != "queue" && im.model != "stream" {
		return errNotKnown
	}
	o.F = history.FDequeue
	got, isList := elements(out)
	switch {
	case o.Outcome == history.Fail:
		return nil
	case o.Outcome == history.OK && !isList && out != nil && !slices.Contains(emptyErrors, name(out)):
		return fmt.Errorf("the value of a drain is a collection, not %s", text(out))
	}
	taken := o
	taken.Outcome, taken.Err = history.OK, history.ErrNone
	for _, v := range got {
		n, err := im.some(v)
		if err != nil {
			return err
		}
		taken.Out = n
		im.h.Ops.Append(taken)
	}
	if o.Outcome == history.OK {
		taken.Out = history.Nil
		im.h.Ops.Append(taken)
		return nil
	}
	for range im.puts {
		im.h.Ops.Append(o)
	}
	return nil
}

// kv reads porcupine's key-value histories: put and append of strings, get of their concatenation. A put is an FWrite whose List
// holds the pieces of its string, a get an FReadList.
func (im *importer) kv(o *history.Op, f string, in, out any) (err error) {
	switch f {
	case "put":
		o.F = history.FWrite
		o.List, err = im.pieces(in)
	case "append":
		p, err := im.pieces(in)
		if err != nil || len(p) != 1 {
			return fmt.Errorf("%s is not one piece", text(in))
		}
		o.F, o.In = history.FAppend, p[0]
	case "get":
		o.F = history.FReadList
		if o.Outcome == history.OK {
			o.List, err = im.pieces(out)
		}
	default:
		return errNotKnown
	}
	return err
}

// pieces splits a string like "x 0 1 yx 2 3 y" behind each y.
func (im *importer) pieces(v any) ([]int64, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s is no text", text(v))
	}
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
	return out, nil
}
