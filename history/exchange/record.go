package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/schismtest/schism/history"
)

// record is one record of a history in JSON Lines, and in the maps that WriteEDN adds: exactly one of its parts is set, as Record says.
type record struct {
	Record  string           `json:"record"` // "run", "history", "fault", "event", "sample", "dump", "reading", "view"
	Run     json.RawMessage  `json:"run,omitempty"`
	History *header          `json:"history,omitempty"`
	Sample  *history.Sample  `json:"sample,omitempty"`
	Event   *history.Event   `json:"event,omitempty"`
	Fault   *history.Fault   `json:"fault,omitempty"`
	Dump    *history.Dump    `json:"dump,omitempty"` // of either reading: its Read tells
	Reading *history.Reading `json:"reading,omitempty"`
	View    *history.View    `json:"view,omitempty"`
}

// header is what a history knows of itself besides its records: what was lost of it, and how much there must be, so that a file that
// lost its end is not taken for a short run.
type header struct {
	Cut         int64    `json:"cut,omitempty"` // ns
	Torn        string   `json:"torn,omitempty"`
	Missing     []string `json:"missing,omitempty"`
	End         int64    `json:"end"` // ns
	Keys        []string `json:"keys"`
	Ops         int      `json:"ops"`
	Samples     int      `json:"samples"`
	Events      int      `json:"events"`
	Faults      int      `json:"faults"`
	Dumps       int      `json:"dumps"`
	SecondDumps int      `json:"second_dumps,omitempty"`
	Readings    int      `json:"readings,omitempty"`
	Views       int      `json:"views,omitempty"`
}

// eachRecord calls put with every record of a history but its operations.
func eachRecord(h *history.History, put func(record) error) error {
	run, err := json.Marshal(&h.Run)
	if err != nil {
		return fmt.Errorf("write run record: %w", err)
	}
	head := &header{Cut: h.Cut, Torn: h.Torn, Missing: h.Missing, End: h.End, Ops: h.Ops.Len(), Samples: len(h.Samples), Events: len(h.Events),
		Faults: len(h.Faults), Dumps: len(h.Dumps), SecondDumps: len(h.SecondDumps), Readings: len(h.Readings), Views: len(h.Views), Keys: h.Keys}
	for _, k := range h.Keys {
		if !utf8.ValidString(k) {
			return fmt.Errorf("key %q is no text, which this format cannot carry", k)
		}
	}
	if err := put(record{Record: "run", Run: run}); err != nil {
		return err
	}
	if err := put(record{Record: "history", History: head}); err != nil {
		return err
	}
	for i := range h.Faults {
		if err := put(record{Record: "fault", Fault: &h.Faults[i]}); err != nil {
			return err
		}
	}
	for i := range h.Events {
		if err := put(record{Record: "event", Event: &h.Events[i]}); err != nil {
			return err
		}
	}
	for i := range h.Samples {
		if err := put(record{Record: "sample", Sample: &h.Samples[i]}); err != nil {
			return err
		}
	}
	for _, ds := range [][]history.Dump{h.Dumps, h.SecondDumps} {
		for i := range ds {
			if !utf8.ValidString(ds[i].Key) {
				return fmt.Errorf("key %q is no text, which this format cannot carry", ds[i].Key)
			}
			if err := put(record{Record: "dump", Dump: &ds[i]}); err != nil {
				return err
			}
		}
	}
	for i := range h.Readings {
		if err := put(record{Record: "reading", Reading: &h.Readings[i]}); err != nil {
			return err
		}
	}
	for i := range h.Views {
		if err := put(record{Record: "view", View: &h.Views[i]}); err != nil {
			return err
		}
	}
	return nil
}

// builder makes a history of records.
type builder struct {
	h    *history.History
	keys map[string]uint32
	head *header
	run  bool
}

func newBuilder() *builder { return &builder{h: &history.History{}, keys: map[string]uint32{}} }

// strict decodes one JSON value that has no field but those of v.
func strict(p []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(p))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// add takes a record that is no operation.
func (b *builder) add(p []byte) error {
	var r record
	if err := strict(p, &r); err != nil {
		return err
	}
	h := b.h
	switch {
	case r.Record == "run" && r.Run != nil:
		return b.setRun(r.Run)
	case r.Record == "history" && r.History != nil:
		if b.head != nil || len(h.Keys) > 0 {
			return errors.New("the record of the history must be the only one, and come before operations")
		}
		b.head = r.History
		for _, k := range b.head.Keys {
			if _, ok := b.keys[k]; ok {
				return fmt.Errorf("key %q is there twice", k)
			}
			b.key(k)
		}
	case r.Record == "sample" && r.Sample != nil:
		h.Samples = append(h.Samples, *r.Sample)
		return b.node("sample", r.Sample.Node)
	case r.Record == "event" && r.Event != nil:
		h.Events = append(h.Events, *r.Event)
		return b.node("event", r.Event.Node)
	case r.Record == "fault" && r.Fault != nil:
		h.Faults = append(h.Faults, *r.Fault)
	case r.Record == "dump" && r.Dump != nil:
		if r.Dump.Read == 2 {
			h.SecondDumps = append(h.SecondDumps, *r.Dump)
		} else {
			h.Dumps = append(h.Dumps, *r.Dump)
		}
		return b.node("dump", r.Dump.Node)
	case r.Record == "reading" && r.Reading != nil:
		h.Readings = append(h.Readings, *r.Reading)
		return b.node("reading", r.Reading.Node)
	case r.Record == "view" && r.View != nil:
		h.Views = append(h.Views, *r.View)
		return b.node("view", r.View.Node)
	case r.Run == nil && r.History == nil && r.Sample == nil && r.Event == nil && r.Fault == nil && r.Dump == nil && r.Reading == nil && r.View == nil:
		return fmt.Errorf("a %s record without a %s", r.Record, r.Record)
	default:
		return fmt.Errorf("no record is called %q", r.Record)
	}
	return nil
}

func (b *builder) setRun(p []byte) error {
	if b.run {
		return errors.New("a second run record")
	}
	b.run = true
	if err := json.Unmarshal(p, &b.h.Run); err != nil {
		return err
	}
	if s := b.h.Run.Schema; s > history.RunSchema {
		return fmt.Errorf("the run's schema %d is newer than this program's %d", s, history.RunSchema)
	}
	return nil
}

// node checks that a record speaks of a node of the run.
func (b *builder) node(what string, n int32) error {
	limit := len(b.h.Run.Nodes)
	if limit == 0 {
		limit = 128 // of a column
	}
	if n < history.NoNode || int(n) >= limit {
		return fmt.Errorf("the %s is of node %d, which the run has not", what, n)
	}
	return nil
}

func (b *builder) key(k string) uint32 {
	id, ok := b.keys[k]
	if !ok {
		id = uint32(len(b.h.Keys))
		b.keys[k] = id
		b.h.Keys = append(b.h.Keys, k)
	}
	return id
}

// finish compares what is there with what should be.
func (b *builder) finish(format string) (*history.History, error) {
	h := b.h
	if !b.run {
		h.Run.Imported = format
	}
	if h.Ops.Len() == 0 && b.head == nil {
		return nil, fmt.Errorf("no operation in it: %w", history.ErrNotHistory)
	}
	h.End = h.LastMoment()
	if b.head == nil {
		return h, nil
	}
	for _, n := range []struct {
		what       string
		want, have int
	}{{"operations", b.head.Ops, h.Ops.Len()}, {"samples", b.head.Samples, len(h.Samples)}, {"events", b.head.Events, len(h.Events)},
		{"faults", b.head.Faults, len(h.Faults)}, {"dumps", b.head.Dumps, len(h.Dumps)},
		{"dumps of second readings", b.head.SecondDumps, len(h.SecondDumps)}, {"readings", b.head.Readings, len(h.Readings)}, {"views", b.head.Views, len(h.Views)}} {
		if n.want != n.have {
			return nil, fmt.Errorf("%d of %d %s are there: %w", n.have, n.want, n.what, history.ErrNotHistory)
		}
	}
	h.Cut, h.Torn, h.Missing, h.End = b.head.Cut, b.head.Torn, b.head.Missing, b.head.End
	return h, nil
}

// keyName is the name of a key; a history may name its keys by number alone.
func keyName(h *history.History, k uint32) string {
	if int(k) < len(h.Keys) {
		return h.Keys[k]
	}
	return fmt.Sprintf("key %d", k)
}
