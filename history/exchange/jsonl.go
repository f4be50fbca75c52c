package exchange

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/schismtest/schism/history"
)

// A history as JSON Lines: one object a line, told apart by its field "record": "run" (first), "op", "sample", "event", "fault",
// "dump". docs/history.md has the schema.

// line is any record; exactly one of its parts is set, or it is an operation.
type line struct {
	Record string          `json:"record"`
	Run    *history.Run    `json:"run,omitempty"`
	Sample *history.Sample `json:"sample,omitempty"`
	Event  *history.Event  `json:"event,omitempty"`
	Fault  *history.Fault  `json:"fault,omitempty"`
	Dump   *history.Dump   `json:"dump,omitempty"`
}

// opLine is an operation. Absent numbers are absent fields; a nil reply is "nil":true.
type opLine struct {
	Record   string       `json:"record"`
	Process  int32        `json:"process"`
	Client   int32        `json:"client"`
	Worker   int32        `json:"worker"`
	F        string       `json:"f"`
	Outcome  string       `json:"outcome"`
	Err      string       `json:"err,omitempty"`
	Flags    history.Flag `json:"flags,omitempty"`
	Node     int32        `json:"node"`
	Key      string       `json:"key"`
	In       jsonInt      `json:"in,omitzero"`
	Arg      jsonInt      `json:"arg,omitzero"`
	Out      jsonInt      `json:"out,omitzero"`
	Acked    *int32       `json:"replicas_acked,omitempty"`
	Intended *int64       `json:"intended,omitempty"` // ns; absent: equal to call
	Call     int64        `json:"call"`               // ns
	Return   *int64       `json:"return,omitempty"`   // ns; absent: never
	List     []int64      `json:"list,omitempty"`
}

// jsonInt is a value that may be None (absent) or Nil (null).
type jsonInt struct {
	set bool
	v   int64
}

func toJSON(v int64) jsonInt { return jsonInt{v != history.None, v} }

func (j jsonInt) value() int64 {
	if !j.set {
		return history.None
	}
	return j.v
}

// IsZero makes an absent value an absent field.
func (j jsonInt) IsZero() bool { return !j.set }

// MarshalJSON implements json.Marshaler.
func (j jsonInt) MarshalJSON() ([]byte, error) {
	if j.v == history.Nil {
		return []byte("null"), nil
	}
	return json.Marshal(j.v)
}

// UnmarshalJSON implements json.Unmarshaler.
func (j *jsonInt) UnmarshalJSON(p []byte) error {
	j.set = true
	if string(p) == "null" {
		j.v = history.Nil
		return nil
	}
	return json.Unmarshal(p, &j.v)
}

// WriteJSONL writes the history as JSON Lines.
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
	if err := put(line{Record: "run", Run: &h.Run}); err != nil {
		return err
	}
	for i := range h.Faults {
		if err := put(line{Record: "fault", Fault: &h.Faults[i]}); err != nil {
			return err
		}
	}
	for i := range h.Events {
		if err := put(line{Record: "event", Event: &h.Events[i]}); err != nil {
			return err
		}
	}
	for i := range h.Samples {
		if err := put(line{Record: "sample", Sample: &h.Samples[i]}); err != nil {
			return err
		}
	}
	for i := range h.Ops.Len() {
		if err := put(toLine(h, i)); err != nil {
			return err
		}
	}
	for i := range h.Dumps {
		if err := put(line{Record: "dump", Dump: &h.Dumps[i]}); err != nil {
			return err
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write JSON Lines: %w", err)
	}
	return nil
}

func toLine(h *history.History, i int) opLine {
	o := h.Ops.At(i)
	l := opLine{Record: "op", Process: o.Process, Client: o.Client, Worker: o.Worker, F: o.F.String(), Outcome: o.Outcome.String(), Err: o.Err.String(),
		Flags: o.Flags, Node: o.Node, Key: h.Keys[o.Key], In: toJSON(o.In), Arg: toJSON(o.Arg), Out: toJSON(o.Out), Call: o.Call, List: o.List}
	if o.Acked >= 0 {
		l.Acked = &o.Acked
	}
	if o.Intended != o.Call {
		l.Intended = &o.Intended
	}
	if o.Return != history.Inf {
		l.Return = &o.Return
	}
	return l
}

// ReadJSONL reads what WriteJSONL wrote, or operations alone; of those only f and call are needed. Its error names the line.
func ReadJSONL(r io.Reader) (*history.History, error) {
	h := &history.History{}
	keys := map[string]uint32{}
	sc := newLines(r)
	run := false
	for sc.Scan() {
		if len(sc.Bytes()) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, sc.fail("%v", err)
		}
		switch l.Record {
		case "run":
			if l.Run == nil {
				return nil, sc.fail("a run record without a run")
			}
			h.Run, run = *l.Run, true
		case "sample":
			if l.Sample != nil {
				h.Samples = append(h.Samples, *l.Sample)
			}
		case "event":
			if l.Event != nil {
				h.Events = append(h.Events, *l.Event)
			}
		case "fault":
			if l.Fault != nil {
				h.Faults = append(h.Faults, *l.Fault)
			}
		case "dump":
			if l.Dump != nil {
				h.Dumps = append(h.Dumps, *l.Dump)
			}
		case "op", "":
			if err := addLine(h, sc, keys); err != nil {
				return nil, err
			}
		default:
			return nil, sc.fail("no record is called %q", l.Record)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, sc.fail("%v", err)
	}
	if !run {
		h.Run.Imported = "jsonl"
	}
	if h.Ops.Len() == 0 {
		return nil, fmt.Errorf("no operation in it: %w", history.ErrNotHistory)
	}
	h.End = h.LastMoment()
	return h, nil
}

func addLine(h *history.History, sc *lines, keys map[string]uint32) error {
	l := opLine{Node: history.NoNode, Worker: history.NoNode, Outcome: "ok"}
	if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
		return sc.fail("%v", err)
	}
	f, ok := history.ParseF(l.F)
	if !ok {
		return sc.fail("no function is called %q", l.F)
	}
	outcome, ok := history.ParseOutcome(l.Outcome)
	if !ok {
		return sc.fail("no outcome is called %q", l.Outcome)
	}
	o := history.Op{Process: l.Process, Client: l.Client, Worker: l.Worker, F: f, Outcome: outcome, Err: history.ParseErrCode(l.Err), Flags: l.Flags, Node: l.Node,
		Key: intern(h, keys, l.Key), In: l.In.value(), Arg: l.Arg.value(), Out: l.Out.value(), Acked: -1, Call: l.Call, Intended: l.Call, Return: history.Inf, List: l.List}
	if l.Acked != nil {
		o.Acked = *l.Acked
	}
	if l.Intended != nil {
		o.Intended = *l.Intended
	}
	switch {
	case l.Return != nil:
		o.Return = *l.Return
	case outcome != history.Info:
		return sc.fail("an operation that is %s needs a return", outcome)
	}
	if o.Return < o.Call {
		return sc.fail("it returns before it is called")
	}
	h.Ops.Append(o)
	return nil
}

func intern(h *history.History, keys map[string]uint32, k string) uint32 {
	id, ok := keys[k]
	if !ok {
		id = uint32(len(h.Keys))
		keys[k] = id
		h.Keys = append(h.Keys, k)
	}
	return id
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
