package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// event is one map of a Jepsen history: an invocation or its completion.
type event struct {
	line     int // where it stands, for errors
	process  string
	typ      string
	f        string
	value    any
	hasValue bool
	key      any // of an event that names its key apart from its value
	hasKey   bool
	err      any // :error
	index    int64
	hasIndex bool
	extra    mapping // what WriteEDN adds for itself, nil in a history from elsewhere
	// mismatch: a cas was answered, but the register held something else.
	mismatch bool
}

// toEvent reads one map; ok is false for what no client did.
func toEvent(v any) (e event, ok bool, err error) {
	m, ok := fields(v)
	if !ok {
		return event{}, false, fmt.Errorf("%.60s is no map", text(v))
	}
	seen := map[string]bool{}
	client := false
	for _, kv := range m {
		field := name(kv.key)
		if seen[field] {
			return e, false, fmt.Errorf("it has :%s twice", field)
		}
		seen[field] = true
		switch field {
		case "process":
			e.process = text(kv.value)
			_, client = kv.value.(int64)
		case "type":
			e.typ = name(kv.value)
		case "f":
			e.f = name(kv.value)
		case "value":
			e.value, e.hasValue = kv.value, true
		case "key":
			e.key, e.hasKey = kv.value, true
		case "error":
			e.err = kv.value
		case "index":
			if e.index, e.hasIndex = kv.value.(int64); !e.hasIndex {
				return e, false, fmt.Errorf("its :index %s is no whole number", text(kv.value))
			}
		case extraField:
			if e.extra, ok = fields(kv.value); !ok {
				return e, false, fmt.Errorf("its :%s is no map", extraField)
			}
		}
	}
	switch {
	case e.typ == "":
		return e, false, errors.New("it has no :type")
	case e.extra != nil:
		return e, true, nil
	case !client && (e.process == ":nemesis" || e.process == `"nemesis"` || e.typ == "info"):
		return e, false, nil // the nemesis and other harness processes only leave notes
	case e.process == "":
		return e, false, errors.New("it has no :process")
	}
	return e, true, nil
}

// call is an invocation with its completion, nil when it never completed.
type call struct {
	inv, done  *event
	start, end int64 // places in the order of all events, or their :index
}

// order sorts events by :index, which is the order that they happened in, wherever they stand.
func order(events []event) error {
	n := 0
	for i := range events {
		if events[i].hasIndex {
			n++
		}
	}
	if n == 0 {
		for i := range events {
			events[i].index = int64(i)
		}
		return nil
	}
	if n != len(events) {
		return fmt.Errorf("%d of %d events have an :index: %w", n, len(events), history.ErrNotHistory)
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.index, b.index) })
	for i := 1; i < len(events); i++ {
		if a, b := events[i-1], events[i]; a.index == b.index {
			return fmt.Errorf("lines %d and %d both have the :index %d: %w", a.line, b.line, a.index, history.ErrNotHistory)
		}
	}
	return nil
}

// pairUp joins invocations and completions, in the order of their ends; those that never ended come last.
func pairUp(events []event) ([]call, error) {
	if err := order(events); err != nil {
		return nil, err
	}
	var calls []call
	open := map[string]*event{}
	bad := func(e *event, format string, args ...any) error {
		return fmt.Errorf("line %d: process %s %s: %w", e.line, e.process, fmt.Sprintf(format, args...), history.ErrNotHistory)
	}
	for i := range events {
		e := &events[i]
		p := open[e.process]
		switch e.typ {
		case "invoke":
			if p != nil {
				return nil, bad(e, "invokes %s while its %s of line %d is open", e.f, p.f, p.line)
			}
			open[e.process] = e
		case "ok", "fail", "info":
			switch {
			case p == nil && e.typ == "info":
				continue // a note of a process that does nothing at the moment
			case p == nil:
				return nil, bad(e, "completes a %s that it never invoked", e.f)
			case p.f != e.f:
				return nil, bad(e, "completes a %s, but it invoked a %s in line %d", e.f, p.f, p.line)
			}
			delete(open, e.process)
			calls = append(calls, call{p, e, p.index, e.index})
		default:
			return nil, fmt.Errorf("line %d: no type is called %q: %w", e.line, e.typ, history.ErrNotHistory)
		}
	}
	n := len(calls)
	for _, p := range open {
		calls = append(calls, call{p, nil, p.index, history.Inf})
	}
	slices.SortFunc(calls[n:], func(a, b call) int { return cmp.Compare(a.start, b.start) })
	return calls, nil
}
