package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/schismtest/schism/history"
)

// A history as JSON Lines: one object a line, told apart by its field "record": "run" (first), "history", "fault", "event", "sample",
// "dump", "reading", "op". docs/history.md has the schema.

// WriteJSONL writes the history as JSON Lines. Nothing of it is left out.
func WriteJSONL(w io.Writer, h *history.History) error {
	bw := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(bw)
	enc.SetEscapeHTML(false)
	put := func(v any) error {
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("write JSON Lines: %w", err)
		}
		return nil
	}
	if err := eachRecord(h, func(r record) error { return put(r) }); err != nil {
		return err
	}
	for i := range h.Ops.Len() {
		l := toLine(h, i)
		l.Record = "op"
		if err := put(l); err != nil {
			return err
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write JSON Lines: %w", err)
	}
	return nil
}

// ReadJSONL reads what WriteJSONL wrote, or operations alone; what those need depends on their function (docs/history.md). Its error
// names the line.
func ReadJSONL(r io.Reader) (*history.History, error) {
	b := newBuilder()
	sc := newLines(r)
	for sc.Scan() {
		if len(sc.Bytes()) == 0 {
			continue
		}
		isOp, err := isOpLine(sc.Bytes())
		if err != nil {
			return nil, sc.fail("%v", err)
		}
		add := b.add
		if isOp {
			add = b.addOp
		}
		if err := add(sc.Bytes()); err != nil {
			return nil, sc.fail("%v", err)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, sc.fail("%v", err)
	}
	return b.finish("jsonl")
}

// isOpLine tells an operation from the other records.
func isOpLine(p []byte) (bool, error) {
	if bytes.HasPrefix(p, []byte(`{"record":"op",`)) { // as we write it
		return true, nil
	}
	var kind struct {
		Record string `json:"record"`
	}
	err := json.Unmarshal(p, &kind)
	return kind.Record == "op" || kind.Record == "", err
}

// addOp takes a line that is an operation.
func (b *builder) addOp(p []byte) error {
	l := newLine()
	if err := strict(p, &l); err != nil {
		return err
	}
	o, err := b.op(&l)
	if err != nil {
		return err
	}
	b.h.Ops.Append(o)
	return nil
}

// lines reads long lines and knows their numbers.
type lines struct {
	*bufio.Scanner
	n int
}

func newLines(r io.Reader) *lines {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), 1<<28)
	return &lines{Scanner: sc}
}

// Scan reads the next line.
func (l *lines) Scan() bool {
	l.n++
	return l.Scanner.Scan()
}

func (l *lines) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s: %w", l.n, fmt.Sprintf(format, args...), history.ErrNotHistory)
}
