package exchange

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
)

// extraField is the key under which WriteEDN adds what Jepsen has no place for; Jepsen's tools pass over keys that they do not know.
const extraField = "schism"

// WriteEDN writes the history as Jepsen does: an invocation and a completion of each operation, in order of time, with :time in ns. Keyed
// objects have values [key value]. Nothing is left out: a completion's :schism is the operation as it was, and the notes of the nemesis
// at the beginning hold the other records.
func WriteEDN(w io.Writer, h *history.History) error {
	bw := bufio.NewWriterSize(w, 1<<16)
	index := 0
	err := eachRecord(h, func(r record) error {
		text, err := recordText(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(bw, "{:index %d, :time 0, :process :nemesis, :type :info, :f :schism, :value nil, :%s %s}\n", index, extraField, text)
		index++
		return nil
	})
	if err != nil {
		return fmt.Errorf("write EDN: %w", err)
	}
	var b strings.Builder
	for _, m := range moments(h) {
		o := h.Ops.At(m.op)
		b.Reset()
		f, value := jepsenValue(h, &o, m.done)
		fmt.Fprintf(&b, "{:index %d, :time %d, :process %d, :type :%s, :f :%s, :value ", index, m.t, o.Process, jepsenType(&o, m.done), f)
		writeText(&b, value)
		if m.done {
			if e := jepsenError(&o); e != "" {
				b.WriteString(", :error :" + e)
			}
			b.WriteString(", :" + extraField + " ")
			writeOp(&b, h, m.op)
		}
		b.WriteString("}\n")
		bw.WriteString(b.String())
		index++
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write EDN: %w", err)
	}
	return nil
}

// moment is the invocation or the completion of an operation.
type moment struct {
	t    int64
	op   int
	turn int // of its process's operations
	done bool
}

// moments are all of them in an order that no process contradicts. At one moment invocations come first: intervals are closed, so what
// only touches is concurrent. But a process ends one operation before it begins the next.
func moments(h *history.History) []moment {
	c := &h.Ops
	order := make([]int, c.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.Process[a], c.Process[b]), cmp.Compare(c.Call[a], c.Call[b]), cmp.Compare(a, b))
	})
	ms := make([]moment, 0, 2*len(order))
	for j, i := range order {
		// Stamps are rounded outwards to microseconds, so that two operations of one process may seem to overlap by one, which no
		// Jepsen history may.
		ret := c.Return[i]
		if j+1 < len(order) && c.Process[order[j+1]] == c.Process[i] {
			ret = min(ret, c.Call[order[j+1]])
		}
		if ret == history.Inf {
			ret = max(h.End, c.Call[i])
		}
		ms = append(ms, moment{c.Call[i], i, j, false}, moment{ret, i, j, true})
	}
	slices.SortFunc(ms, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.turn, b.turn), compareBool(a.done, b.done))
	})
	for from := 0; from < len(ms); {
		to := from + 1
		for to < len(ms) && ms[to].t == ms[from].t {
			to++
		}
		if to-from > 1 {
			copy(ms[from:to], widest(ms[from:to], c.Process))
		}
		from = to
	}
	return ms
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// widest orders what happens at one moment so that as much as possible is concurrent: invocations as soon as their process can,
// completions that nobody waits for last. The moments are by process, each process's in its order.
func widest(ms []moment, process []int32) []moment {
	var queues [][]moment
	for i, m := range ms {
		if i == 0 || process[m.op] != process[ms[i-1].op] {
			queues = append(queues, nil)
		}
		queues[len(queues)-1] = append(queues[len(queues)-1], m)
	}
	out := make([]moment, 0, len(ms))
	for moved := true; moved; {
		moved = false
		for i, q := range queues {
			if len(q) > 0 && !q[0].done {
				out, queues[i], moved = append(out, q[0]), q[1:], true
			}
		}
		for i, q := range queues {
			if len(q) > 1 && q[0].done {
				out, queues[i], moved = append(out, q[0]), q[1:], true
			}
		}
	}
	for _, q := range queues {
		out = append(out, q...)
	}
	return out
}

// saidNo reports whether the server answered that it did nothing.
func saidNo(o *history.Op) bool {
	switch o.F {
	case history.FCAS, history.FTransfer, history.FRelease:
		return o.Out == 0
	case history.FAcquire, history.FDequeue:
		return o.Out == history.Nil
	}
	return false
}

func jepsenType(o *history.Op, done bool) string {
	switch {
	case !done:
		return "invoke"
	case o.Outcome == history.OK && saidNo(o):
		return "fail" // Jepsen has no answer "no"
	}
	return o.Outcome.String()
}

// jepsenError is why an operation failed; a dequeue that failed without a reason would be one that found the queue empty.
func jepsenError(o *history.Op) string {
	if o.Err == history.ErrNone && o.Outcome == history.Fail {
		return history.ErrOther.String()
	}
	return o.Err.String()
}

// writeOp writes an operation as it was.
func writeOp(b *strings.Builder, h *history.History, i int) {
	o := h.Ops.At(i)
	value := func(name string, v int64) {
		switch v {
		case history.None:
		case history.Nil:
			b.WriteString(", :" + name + " nil")
		default:
			b.WriteString(", :" + name + " " + strconv.FormatInt(v, 10))
		}
	}
	fmt.Fprintf(b, "{:n %d, :f :%s, :outcome :%s, :key ", i, o.F, o.Outcome)
	writeString(b, keyName(h, o.Key))
	fmt.Fprintf(b, ", :client %d, :worker %d, :node %d, :call %d", o.Client, o.Worker, o.Node, o.Call)
	if o.Return != history.Inf {
		fmt.Fprintf(b, ", :return %d", o.Return)
	}
	value("in", o.In)
	value("arg", o.Arg)
	value("out", o.Out)
	if o.Err != history.ErrNone {
		fmt.Fprintf(b, ", :err :%s", o.Err)
	}
	if o.Flags != 0 {
		fmt.Fprintf(b, ", :flags %d", o.Flags)
	}
	if o.Acked >= 0 {
		fmt.Fprintf(b, ", :replicas-acked %d", o.Acked)
	}
	if o.Redirects > 0 {
		fmt.Fprintf(b, ", :redirects %d", o.Redirects)
	}
	if o.Intended != o.Call {
		fmt.Fprintf(b, ", :intended %d", o.Intended)
	}
	if o.List != nil || o.Outcome == history.OK && takesList(o.F) {
		b.WriteString(", :list [")
		for n, v := range o.List {
			if n > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(strconv.FormatInt(v, 10))
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
}

// recordText is a record as an EDN map: its JSON with keywords for names.
func recordText(r record) (string, error) {
	p, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	return text(keywords(fromJSON(v))), nil
}

// keywords makes keywords of the keys of maps where they are plain names.
func keywords(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = keywords(v[i])
		}
	case mapping:
		for i, e := range v {
			if s, ok := e.key.(string); ok && plainName(s) {
				v[i].key = keyword(s)
			}
			v[i].value = keywords(e.value)
		}
	}
	return v
}

func plainName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '_' || r == '-')) {
			return false
		}
	}
	return s != ""
}

// asJSON undoes recordText.
func asJSON(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = asJSON(v[i])
		}
		return out
	case mapping:
		out := make(map[string]any, len(v))
		for _, e := range v {
			out[name(e.key)] = asJSON(e.value)
		}
		return out
	case keyword:
		return string(v)
	case literal:
		return json.Number(strings.TrimSuffix(string(v), "N"))
	}
	return v
}
