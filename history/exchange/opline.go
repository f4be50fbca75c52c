package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// opLine is an operation. Absent numbers are absent fields; a nil reply is null.
type opLine struct {
	Record  string       `json:"record,omitempty"`
	Process int32        `json:"process"`
	Client  int32        `json:"client"`
	Worker  int32        `json:"worker"`
	F       string       `json:"f"`
	Outcome string       `json:"outcome"`
	Err     string       `json:"err,omitempty"`
	Flags   history.Flag `json:"flags,omitempty"`
	Node    int32        `json:"node"`
	Key     string       `json:"key"`
	In      jsonInt      `json:"in,omitzero"`
	Arg     jsonInt      `json:"arg,omitzero"`
	Out     jsonInt      `json:"out,omitzero"`
	Acked   *int32       `json:"replicas_acked,omitempty"`
	// Redirects: MOVED and ASK replies that were followed.
	Redirects uint8   `json:"redirects,omitempty"`
	Intended  *int64  `json:"intended,omitempty"` // ns; absent: equal to call
	Call      *int64  `json:"call"`               // ns
	Return    *int64  `json:"return,omitempty"`   // ns; absent: never
	List      []int64 `json:"list,omitzero"`
}

func newLine() opLine { return opLine{Node: history.NoNode, Worker: history.NoNode, Outcome: "ok"} }

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
	if err := json.Unmarshal(p, &j.v); err != nil {
		return err
	}
	if j.v <= history.None {
		return fmt.Errorf("%d is too small a value", j.v)
	}
	return nil
}

func toLine(h *history.History, i int) opLine {
	o := h.Ops.At(i)
	l := opLine{Process: o.Process, Client: o.Client, Worker: o.Worker, F: o.F.String(), Outcome: o.Outcome.String(), Err: o.Err.String(),
		Flags: o.Flags, Node: o.Node, Key: keyName(h, o.Key), In: toJSON(o.In), Arg: toJSON(o.Arg), Out: toJSON(o.Out), Redirects: o.Redirects, Call: &o.Call, List: o.List}
	if o.Acked >= 0 {
		l.Acked = &o.Acked
	}
	if o.Intended != o.Call {
		l.Intended = &o.Intended
	}
	if o.Return != history.Inf {
		l.Return = &o.Return
	}
	if l.List == nil && o.Outcome == history.OK && takesList(o.F) {
		l.List = []int64{} // it read, and found nothing
	}
	return l
}

// op makes an operation of a line, and refuses one that does not say what its function does.
func (b *builder) op(l *opLine) (o history.Op, err error) {
	f, ok := history.ParseF(l.F)
	if !ok {
		return o, fmt.Errorf("no function is called %q", l.F)
	}
	outcome, ok := history.ParseOutcome(l.Outcome)
	if !ok {
		return o, fmt.Errorf("no outcome is called %q", l.Outcome)
	}
	if l.Call == nil {
		return o, errors.New("it has no call")
	}
	o = history.Op{Process: l.Process, Client: l.Client, Worker: l.Worker, F: f, Outcome: outcome, Err: history.ParseErrCode(l.Err), Flags: l.Flags,
		Node: l.Node, In: l.In.value(), Arg: l.Arg.value(), Out: l.Out.value(), Acked: -1, Redirects: l.Redirects, Call: *l.Call, Intended: *l.Call, Return: history.Inf, List: l.List}
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
		return o, fmt.Errorf("an operation that is %s needs a return", outcome)
	}
	switch {
	case o.Return < o.Call:
		return o, errors.New("it returns before it is called")
	case o.Acked < -1 || o.Acked > 127:
		return o, fmt.Errorf("no %d replicas acknowledge", o.Acked)
	case o.Flags&(history.FlagAOF|history.FlagLocal) == history.FlagLocal:
		return o, fmt.Errorf("no flags are %d", o.Flags)
	}
	for _, n := range []int32{o.Node, o.Worker} {
		if err := b.node("operation", n); err != nil {
			return o, err
		}
	}
	if b.head == nil { // else the history was one of ours, whatever it holds
		if err := complete(&o); err != nil {
			return o, err
		}
	}
	o.Key = b.key(l.Key)
	return o, nil
}

// takesList tells the functions whose answer is a list.
func takesList(f history.F) bool {
	switch f {
	case history.FReadSet, history.FReadList, history.FReadBank, history.FReadTail, history.FReadQueue, history.FTxn:
		return true
	}
	return false
}

// complete refuses an operation that lacks what its function needs: what was asked for always, the answer when there was one. A value
// under another field's name, or none at all, is no value.
func complete(o *history.Op) error {
	ok := o.Outcome == history.OK
	var in, arg, out, list bool
	switch o.F {
	case history.FWrite:
		in, out = o.List == nil, ok && o.Flags&history.FlagPred != 0
	case history.FRead, history.FReadCounter, history.FReadExpiring, history.FReadLock, history.FDequeue:
		out = ok
	case history.FCAS:
		in, arg, out = true, true, ok
	case history.FAdd, history.FAppend, history.FIncr, history.FEnqueue, history.FAcquire:
		in = true
	case history.FRelease, history.FFenced, history.FAck, history.FRemove, history.FContains:
		in, out = true, ok
	case history.FExpiring:
		in, arg, out = true, true, ok && o.Flags&history.FlagPred != 0
	case history.FTransfer:
		arg, out = true, ok
		if len(o.List) != 2 {
			return errors.New("a transfer is between two accounts: list is [from, to]")
		}
	case history.FReadTail:
		in, arg, out, list = true, ok, ok, ok
	case history.FReadSet, history.FReadList, history.FReadBank, history.FReadQueue:
		list = ok
	case history.FTxn:
		list = true
	}
	for _, need := range []struct {
		is, there bool
		field     string
	}{{in, o.In != history.None, "in"}, {arg, o.Arg != history.None && o.Arg != history.Nil, "arg"}, {out, o.Out != history.None, "out"}, {list, o.List != nil, "list"}} {
		if need.is && !need.there {
			return fmt.Errorf("a %s that is %s needs %s", o.F, o.Outcome, need.field)
		}
	}
	if o.F == history.FTxn {
		return completeMops(o.List, ok)
	}
	return nil
}

// completeMops refuses a list that is no transaction, or one that does not say what it read.
func completeMops(list []int64, ok bool) error {
	ms, good := history.DecodeMops(list)
	if !good || !slices.Equal(history.EncodeMops(ms), list) {
		return errors.New("its list holds no micro-operations")
	}
	for i, m := range ms {
		switch {
		case m.F != history.FAppend && m.F != history.FReadList && m.F != history.FWrite && m.F != history.FRead:
			return fmt.Errorf("micro-operation %d is of function %d, which is none of write, read, append, read-list", i, m.F)
		case m.F != history.FReadList && m.List != nil:
			return fmt.Errorf("micro-operation %d is a %s and holds a list", i, m.F)
		case (m.F == history.FAppend || m.F == history.FWrite) && m.In <= history.None:
			return fmt.Errorf("micro-operation %d writes nothing", i)
		case ok && (m.F == history.FRead && m.In == history.None || m.F == history.FReadList && m.List == nil):
			return fmt.Errorf("micro-operation %d is a read that is ok and says no value", i)
		}
	}
	return nil
}
