package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/schismtest/schism/history"
)

// readJSON reads the events of a Jepsen history as elle-cli takes it: objects in an array, or one after another.
func readJSON(r io.Reader) ([]event, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	d := json.NewDecoder(br)
	d.UseNumber()
	var events []event
	fail := func(err error) error {
		return fmt.Errorf("event %d, byte %d: %w: %w", len(events)+1, d.InputOffset(), err, history.ErrNotHistory)
	}
	array := false
	if head, _ := br.Peek(512); bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("[")) {
		if _, err := d.Token(); err != nil {
			return nil, fail(err)
		}
		array = true
	}
	for {
		if array && !d.More() {
			if _, err := d.Token(); err != nil {
				return nil, fail(inside(err))
			}
			if _, err := d.Token(); !errors.Is(err, io.EOF) {
				return nil, fail(errors.New("something follows the array"))
			}
			return events, nil
		}
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) && !array {
			return events, nil
		}
		if err != nil {
			return nil, fail(inside(err))
		}
		e, ok, err := toEvent(fromJSON(v))
		if err != nil {
			return nil, fail(err)
		}
		if ok {
			e.line = len(events) + 1
			events = append(events, e)
		}
	}
}

// fromJSON makes a value of what package json decoded. JSON has no keys but strings: those that are numbers become numbers.
func fromJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, ok := number(v.String()); ok {
			return n
		}
		return literal(v.String())
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fromJSON(v[i])
		}
		return out
	case map[string]any:
		m := make(mapping, 0, len(v))
		for k, x := range v {
			key := any(k)
			if n, err := strconv.ParseInt(k, 10, 64); err == nil && strconv.FormatInt(n, 10) == k {
				key = n
			}
			m = append(m, entry{key, fromJSON(x)})
		}
		slices.SortFunc(m, func(a, b entry) int { return byValue(a.key, b.key) })
		return m
	}
	return v
}
