package exchange

import (
	"fmt"

	"github.com/schismtest/schism/history"
)

// guessModel tells what a history is about by its functions, where that is unambiguous.
func guessModel(events []event) (string, error) {
	has := map[string]bool{}
	for i := range events {
		has[events[i].f] = true
	}
	switch {
	case has["txn"]:
		for i := range events {
			if e := &events[i]; e.f == "txn" && appends(e.value) {
				return "list-append", nil
			}
		}
		return "rw-register", nil
	case has["cas"]:
		return "cas-register", nil
	case has["transfer"]:
		return "bank", nil
	case has["acquire"] || has["release"]:
		return "lock", nil
	case has["enqueue"] || has["dequeue"] || has["drain"]:
		return "queue", nil
	case has["get"] && (has["put"] || has["append"]):
		return "kv", nil
	case has["write"]:
		return "register", nil
	case has["append"]:
		return "list", nil
	case has["add"]:
		switch v := firstRead(events).(type) {
		case int64:
			return "counter", nil
		default:
			if _, ok := elements(v); ok {
				return "set", nil
			}
		}
	case has["read"]:
		if _, ok := firstRead(events).(mapping); ok {
			return "bank", nil
		}
		return "register", nil
	}
	return "", fmt.Errorf("its model cannot be told from its functions; name it with -model: %w", history.ErrNotHistory)
}

// firstRead is what the first ok read that read something returned, without its key.
func firstRead(events []event) any {
	keyed := false
	for i := range events {
		e := &events[i]
		if e.f != "read" || e.value == nil {
			continue
		}
		v := e.value
		k, x, isPair := pair(v)
		_, marked, isTuple := tuple(v)
		switch {
		case isTuple:
			v = marked
		case e.typ == "invoke":
			keyed = keyed || isPair && k != nil && x == nil
			continue
		case isPair && keyed:
			v = x
		}
		if e.typ == "ok" && v != nil {
			return v
		}
	}
	return nil
}

// isMops tells whether a value is a list of micro-operations.
func isMops(v any) bool {
	l, ok := v.([]any)
	if !ok || len(l) == 0 {
		return false
	}
	m, ok := l[0].([]any)
	if !ok || len(m) < 2 {
		return false
	}
	switch name(m[0]) {
	case "append", "r", "w":
		return true
	}
	return false
}

func appends(v any) bool {
	if _, x, ok := tuple(v); ok {
		v = x
	}
	if _, x, ok := pair(v); ok && isMops(x) && !isMops(v) {
		v = x
	}
	l, _ := v.([]any)
	for _, m := range l {
		if m, ok := m.([]any); ok && len(m) > 0 && name(m[0]) == "append" {
			return true
		}
	}
	return false
}

// keyedValues tells whether plain pairs are [key value], as jepsen.independent prints them, or values that are pairs. What is invoked
// without a value shows it: a keyed read is invoked with [key nil], any other with nothing. Where nothing is read, all must be pairs,
// and what stands second must be what the function takes.
func keyedValues(calls []call) bool {
	reads, keyed, writes := 0, 0, 0
	for _, c := range calls {
		v := c.inv.value
		if _, _, ok := tuple(v); ok {
			continue // this one says so itself
		}
		k, x, ok := pair(v)
		switch c.inv.f {
		case "read", "dequeue", "drain", "get":
			reads++
			if ok && k != nil && (x == nil || c.done != nil && equal(v, c.done.value)) { // or filled in afterwards
				keyed++
			}
			continue
		case "cas":
			_, _, second := pair(x)
			ok = ok && second
		case "transfer":
			_, second := fields(x)
			ok = ok && second
		case "txn":
			ok = ok && !isMops(v) && isMops(x)
		}
		if !ok {
			return false
		}
		writes++
	}
	if reads > 0 {
		return keyed == reads
	}
	return writes > 0
}
