package exchange

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/schismtest/schism/history"
)

// event is one line of a Jepsen history: an invocation or its completion. Value is nil, an int64, a string, a []any or a map.
type event struct {
	line    int // for errors
	process string
	typ     string // invoke, ok, fail, info
	f       string
	key     any // of a keyed operation
	hasKey  bool
	value   any
	index   int64 // the clock; -1: its line
	// mismatch: a cas was answered, but the register held something else.
	mismatch bool
}

// ImportOptions say how a history from elsewhere is meant.
type ImportOptions struct {
	// Model is a name of checker.Models; empty: guessed from the operations where that is unambiguous.
	Model string
}

// importer pairs events into operations.
type importer struct {
	h      *history.History
	model  string
	keys   map[string]uint32
	values map[string]int64 // what is no integer, by number
	open   map[string]pending
	procs  map[string]int32
	clock  int64
}

type pending struct {
	e event
	t int64
}

// fromEvents makes operations of events. The order of the events is the clock.
func fromEvents(events []event, format, model string) (*history.History, string, error) {
	if model == "" {
		var err error
		if model, err = guessModel(events); err != nil {
			return nil, "", err
		}
	}
	im := &importer{h: &history.History{Run: history.Run{Schema: history.RunSchema, Imported: format}}, model: model, keys: map[string]uint32{}, values: map[string]int64{},
		open: map[string]pending{}, procs: map[string]int32{}}
	for _, e := range events {
		if e.index >= im.clock {
			im.clock = e.index
		}
		t := im.clock
		im.clock++
		switch e.typ {
		case "invoke":
			if p, ok := im.open[e.process]; ok {
				return nil, "", fmt.Errorf("line %d: process %s invokes %s while its %s of line %d is open: %w", e.line, e.process, e.f, p.e.f, p.e.line, history.ErrNotHistory)
			}
			im.open[e.process] = pending{e, t}
		case "ok", "fail", "info":
			p, ok := im.open[e.process]
			if !ok {
				if e.typ == "info" {
					continue // Jepsen logs notes of the nemesis and of processes as info
				}
				return nil, "", fmt.Errorf("line %d: process %s completes a %s that it never invoked: %w", e.line, e.process, e.f, history.ErrNotHistory)
			}
			delete(im.open, e.process)
			if err := im.add(p, &e, t); err != nil {
				return nil, "", err
			}
		default:
			return nil, "", fmt.Errorf("line %d: no type is called %q: %w", e.line, e.typ, history.ErrNotHistory)
		}
	}
	for _, p := range im.open {
		if err := im.add(p, nil, history.Inf); err != nil {
			return nil, "", err
		}
	}
	if im.h.Ops.Len() == 0 {
		return nil, "", fmt.Errorf("no operation in it: %w", history.ErrNotHistory)
	}
	im.h.End = im.h.LastMoment()
	return im.h, model, nil
}

// add records one operation; done is nil when it never completed.
func (im *importer) add(p pending, done *event, ret int64) error {
	o := history.Op{Worker: history.NoNode, Node: history.NoNode, In: history.None, Arg: history.None, Out: history.None, Acked: -1, Call: p.t, Intended: p.t, Return: ret, Outcome: history.Info, Err: history.ErrTimeout}
	value := p.e.value
	if done != nil {
		switch done.typ {
		case "ok":
			o.Outcome, o.Err, value = history.OK, history.ErrNone, done.value
			if done.hasKey {
				p.e.key, p.e.hasKey = done.key, true
			}
		case "fail":
			o.Outcome, o.Err = history.Fail, history.ErrOther
		}
	}
	proc, ok := im.procs[p.e.process]
	if !ok {
		proc = int32(len(im.procs))
		im.procs[p.e.process] = proc
	}
	o.Process, o.Client = proc, proc
	key := ""
	if p.e.hasKey {
		key = fmt.Sprint(p.e.key)
	}
	o.Key = intern(im.h, im.keys, key)
	keep, err := im.interpret(&o, p.e.f, p.e.value, value)
	if done != nil && done.mismatch {
		o.Out = 0
	}
	if err != nil {
		return fmt.Errorf("line %d: %w: %w", p.e.line, err, history.ErrNotHistory)
	}
	if !keep {
		return nil
	}
	if o.Outcome == history.Info {
		// The process may live on in the file, but not as the same thread of control.
		delete(im.procs, p.e.process)
		im.procs[fmt.Sprintf("%s (retired %d)", p.e.process, len(im.procs))] = proc
		im.procs[p.e.process] = int32(len(im.procs))
		if !o.F.IsWrite() {
			return nil
		}
	}
	im.h.Ops.Append(o)
	return nil
}

// id is the number of a value: itself, or a number far from those of a test.
func (im *importer) id(v any) int64 {
	switch v := v.(type) {
	case nil:
		return history.Nil
	case int64:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	}
	s := fmt.Sprint(v)
	n, ok := im.values[s]
	if !ok {
		n = math.MaxInt64/2 + int64(len(im.values))
		im.values[s] = n
	}
	return n
}

func (im *importer) ids(v any) ([]int64, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is no collection", v)
	}
	out := make([]int64, len(l))
	for i := range l {
		out[i] = im.id(l[i])
	}
	return out, nil
}

// whole is a value that should be a whole number.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v)
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

// ImportEDN reads a Jepsen history: maps (or records) one after another, or one vector of them. It returns the model that it was
// read as.
func ImportEDN(r io.Reader, o ImportOptions) (*history.History, string, error) {
	events, err := readEDN(r)
	if err != nil {
		return nil, "", err
	}
	return fromEvents(events, "edn", o.Model)
}
