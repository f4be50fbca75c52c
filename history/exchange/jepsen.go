package exchange

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// ImportOptions say how a history from elsewhere is meant.
type ImportOptions struct {
	// Model is a name of checker.Models; empty: guessed from the operations where that is unambiguous.
	Model string
}

// ImportEDN reads a Jepsen history: maps (or records) one after another, or one vector of them. It returns the model that it was
// read as; what WriteEDN wrote comes back as it was, with the model as in o.
func ImportEDN(r io.Reader, o ImportOptions) (*history.History, string, error) {
	events, err := readEDN(r)
	if err != nil {
		return nil, "", err
	}
	if slices.ContainsFunc(events, func(e event) bool { return e.extra != nil }) {
		h, err := restore(events)
		return h, o.Model, err
	}
	return fromEvents(events, "edn", o.Model)
}

// ImportJSON reads a Jepsen history in JSON as elle-cli takes it: an array of objects, or one object after another.
func ImportJSON(r io.Reader, o ImportOptions) (*history.History, string, error) {
	events, err := readJSON(r)
	if err != nil {
		return nil, "", err
	}
	return fromEvents(events, "json", o.Model)
}

// importer makes operations of calls.
type importer struct {
	h        *history.History
	model    string
	keyed    bool              // plain values are [key value]
	keys     map[string]uint32 // by canonical text
	names    map[string]bool
	values   map[string]int64 // what is no integer, by canonical text
	accounts map[string]int
	procs    map[string]int32
	next     int32 // the next process's number
	puts     int   // enqueues of the history
}

// fromEvents makes a history of events. Their order is the clock.
func fromEvents(events []event, format, model string) (*history.History, string, error) {
	for i := range events {
		if e := &events[i]; e.f == "" {
			if !isMops(e.value) { // the paper's examples leave :f out
				return nil, "", fmt.Errorf("line %d: it has no :f: %w", e.line, history.ErrNotHistory)
			}
			e.f = "txn"
		}
	}
	if model == "" {
		var err error
		if model, err = guessModel(events); err != nil {
			return nil, "", err
		}
	}
	calls, err := pairUp(events)
	if err != nil {
		return nil, "", err
	}
	im := &importer{h: &history.History{Run: history.Run{Schema: history.RunSchema, Imported: format}}, model: model, keys: map[string]uint32{},
		names: map[string]bool{}, values: map[string]int64{}, procs: map[string]int32{}}
	im.keyed = keyedValues(calls)
	im.prepare(calls)
	for _, c := range calls {
		if err := im.add(c); err != nil {
			return nil, "", fmt.Errorf("line %d: %w: %w", c.inv.line, err, history.ErrNotHistory)
		}
	}
	if im.h.Ops.Len() == 0 {
		return nil, "", fmt.Errorf("no operation in it: %w", history.ErrNotHistory)
	}
	im.h.End = im.h.LastMoment()
	return im.h, model, nil
}

// add records the operations of one call.
func (im *importer) add(c call) error {
	o := history.Op{Worker: history.NoNode, Node: history.NoNode, In: history.None, Arg: history.None, Out: history.None, Acked: -1,
		Call: c.start, Intended: c.start, Return: c.end, Outcome: history.Info, Err: history.ErrTimeout}
	var done event
	if c.done != nil {
		done = *c.done
		switch done.typ {
		case "ok":
			o.Outcome, o.Err = history.OK, history.ErrNone
		case "fail":
			o.Outcome, o.Err = history.Fail, history.ErrOther
		}
	}
	o.Process = im.process(c.inv.process)
	o.Client = o.Process
	in, out, err := im.take(&o, c.inv, &done)
	if err != nil {
		return err
	}
	if err := im.echo(c.inv.f, in, out, &done); err != nil {
		return err
	}
	if c.inv.f == "drain" {
		return im.drain(o, out, &done)
	}
	if err := im.interpret(&o, c.inv.f, in, out, &done); err != nil {
		return err
	}
	if done.mismatch {
		o.Out = 0
	}
	if o.Outcome == history.Info {
		delete(im.procs, c.inv.process) // it may live on in the file, but not as the same thread of control
		if !o.F.IsWrite() {
			return nil
		}
	}
	im.h.Ops.Append(o)
	return nil
}

// process is the number of the thread of control that a process of the file is now.
func (im *importer) process(p string) int32 {
	n, ok := im.procs[p]
	if !ok {
		n = im.next
		im.next++
		im.procs[p] = n
	}
	return n
}

// take takes the key out of the values of an invocation and its completion.
func (im *importer) take(o *history.Op, inv, done *event) (in, out any, err error) {
	in, out = inv.value, done.value
	key, has := inv.key, inv.hasKey
	if done.hasKey {
		if has && !equal(key, done.key) {
			return nil, nil, fmt.Errorf("it was invoked on key %s and completed on %s", text(key), text(done.key))
		}
		key, has = done.key, true
	}
	if !has {
		ikey, iv, iok := im.unkey(in)
		dkey, dv, dok := im.unkey(out)
		if iok && dok && !equal(ikey, dkey) && (o.Outcome == history.OK || !isNote(out)) {
			return nil, nil, fmt.Errorf("it was invoked on key %s and completed on %s", text(ikey), text(dkey))
		}
		switch {
		case iok:
			key, has, in = ikey, true, iv
			if dok {
				out = dv
			} else if out != nil && o.Outcome == history.OK && im.keyed {
				return nil, nil, fmt.Errorf("%s is not [key value] as the others are", text(out))
			}
		case dok:
			key, has, out = dkey, true, dv
		case im.keyed && o.Outcome != history.Info:
			return nil, nil, fmt.Errorf("%s is not [key value] as the others are", text(in))
		}
	}
	o.Key = im.key(key, has)
	return in, out, nil
}

// unkey takes [key value] apart: what jepsen.independent marked always, a plain pair where the history is keyed.
func (im *importer) unkey(v any) (key, value any, ok bool) {
	if k, x, ok := tuple(v); ok {
		return k, x, true
	}
	if !im.keyed {
		return nil, nil, false
	}
	return pair(v)
}

// key is the number of a key. Its name is its text; a text that is the name of another value is quoted.
func (im *importer) key(v any, has bool) uint32 {
	canon := ""
	if has {
		canon = text(v)
	}
	id, ok := im.keys[canon]
	if !ok {
		display := canon
		if s, isText := v.(string); isText {
			display = s
		}
		if im.names[display] {
			display = canon
		}
		for n := 2; im.names[display]; n++ {
			display = fmt.Sprintf("%s (%d)", canon, n)
		}
		im.names[display] = true
		id = uint32(len(im.h.Keys))
		im.keys[canon] = id
		im.h.Keys = append(im.h.Keys, display)
	}
	return id
}

// named is where the numbers of values that are no integers begin.
const named = math.MaxInt64 / 2

// id is the number of a value: itself, or one far from those of a test.
func (im *importer) id(v any) int64 {
	if v == nil {
		return history.Nil
	}
	if n, ok := v.(int64); ok && n < named && n > history.None {
		return n
	}
	s := text(v)
	n, ok := im.values[s]
	if !ok {
		n = named + int64(len(im.values))
		im.values[s] = n
	}
	return n
}

// some is the number of a value that must not be nil.
func (im *importer) some(v any) (int64, error) {
	if v == nil {
		return 0, errors.New("its value is nil")
	}
	return im.id(v), nil
}

func (im *importer) ids(v any) ([]int64, error) {
	l, ok := elements(v)
	if !ok {
		return nil, fmt.Errorf("%s is no collection", text(v))
	}
	out := make([]int64, len(l))
	for i := range l {
		out[i] = im.id(l[i])
	}
	return out, nil
}

// whole is a value that must be a whole number.
func whole(v any) (int64, error) {
	if n, ok := v.(int64); ok && n > history.None {
		return n, nil
	}
	return 0, fmt.Errorf("%s is no whole number", text(v))
}

// isNote tells a completion's value that says why, instead of what.
func isNote(v any) bool {
	switch v.(type) {
	case keyword, symbol, string, mapping, tagged, nil:
		return true
	}
	return false
}

// ImportJepsenLog reads the lines that Jepsen's console prints of operations ("INFO jepsen.util - 0 :invoke :read nil"), as in
// porcupine's tests. There a cas that is :fail was answered: the register held something else.
func ImportJepsenLog(r io.Reader, o ImportOptions) (*history.History, string, error) {
	var events []event
	sc := newLines(r)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 7 || f[1] != "jepsen.util" || !strings.HasPrefix(f[4], ":") {
			continue
		}
		e := event{line: sc.n, process: f[3], typ: f[4][1:], f: strings.TrimPrefix(f[5], ":"), hasValue: true}
		if strings.HasPrefix(e.process, ":") {
			continue // the nemesis
		}
		v, err := newEDN(strings.NewReader(strings.Join(f[6:], " "))).value(0)
		if err != nil {
			return nil, "", sc.fail("%v", inside(err))
		}
		e.value = v
		if e.f == "cas" && e.typ == "fail" && !isNote(v) {
			e.typ, e.mismatch = "ok", true
		}
		events = append(events, e)
	}
	if err := sc.Err(); err != nil {
		return nil, "", sc.fail("%v", err)
	}
	return fromEvents(events, "jepsen-log", o.Model)
}
