package checker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// ModelOptions qualifies the check of a history from elsewhere.
type ModelOptions struct {
	// Level is what transactions are judged by: "strict-serializable" (default), "strong-session-serializable", "serializable",
	// "repeatable-read", "snapshot-isolation", "read-committed" or "read-uncommitted".
	Level string
	// Total is what the accounts of a bank add up to, if HasTotal; else the first ok read says it.
	Total    int64
	HasTotal bool
	// AllowNegative lets the balances of a bank fall below 0.
	AllowNegative bool
	// Timeout bounds the search on all general objects together, MemoryLimit (bytes) that on each; 0 means 30 s and 512 MiB.
	Timeout     time.Duration
	MemoryLimit int64
	// Progress, if set, is told what is being done.
	Progress func(what string)
}

func (o ModelOptions) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return defaultObjectTimeout
}

func (o ModelOptions) memory() int64 {
	if o.MemoryLimit > 0 {
		return o.MemoryLimit
	}
	return defaultObjectMemory
}

func (o ModelOptions) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// ErrModel is wrapped by the errors of CheckModel and GuessModel that a user can do something about.
var ErrModel = errors.New("model")

// Models are the names that CheckModel takes.
func Models() []string {
	return []string{"register", "cas-register", "set", "set-full", "list", "kv", "counter", "bank", "lock", "queue", "stream", "expiry",
		"list-append", "rw-register"}
}

// modelOps are the functions that a history of each model may hold.
func modelOps(model string) (fset, bool) {
	switch model {
	case "register":
		return registerOps, true
	case "cas-register":
		return scalarOps | objectListOps, true
	case "set", "set-full":
		return setOps, true
	case "list", "kv":
		return objectListOps, true
	case "counter":
		return counterOps, true
	case "bank":
		return bankOps, true
	case "lock":
		return lockOps, true
	case "queue", "stream":
		return queueOps, true
	case "expiry":
		return expiryOps, true
	case "list-append", "rw-register":
		return txnOps, true
	}
	return 0, false
}

// GuessModel names the model that the history's functions speak of, or says why none is the only one.
func GuessModel(h *history.History) (string, error) {
	x := newExtra(h, &result.Analysis{}, ModelOptions{})
	switch m := x.all; {
	case m == 0:
		return "", fmt.Errorf("guess %w: the history holds no operation", ErrModel)
	case m&^txnOps == 0:
		return guessTxn(h)
	case m&^registerOps == 0:
		return "register", nil
	case m&^listOps == 0:
		return "list", nil
	case m&^scalarOps == 0 && m&counterOps == 0:
		return "cas-register", nil
	}
	for _, model := range []string{"set", "counter", "bank", "lock", "queue", "expiry", "list"} {
		if ops, _ := modelOps(model); x.all&^ops == 0 {
			return model, nil
		}
	}
	return "", fmt.Errorf("guess %w: the history mixes several kinds of operations; name one of %s", ErrModel, strings.Join(Models(), ", "))
}

// guessTxn looks at the micro-operations.
func guessTxn(h *history.History) (string, error) {
	lists, registers := 0, 0
	for i := range h.Ops.Len() {
		it := mopIter{list: h.Ops.List(i)}
		for it.next() {
			switch it.f {
			case history.FAppend, history.FReadList:
				lists++
			default:
				registers++
			}
		}
		if lists+registers > 10000 {
			break
		}
	}
	switch {
	case lists > 0 && registers == 0:
		return "list-append", nil
	case registers > 0 && lists == 0:
		return "rw-register", nil
	}
	return "", fmt.Errorf("guess %w: the transactions mix lists and registers or are empty; name list-append or rw-register", ErrModel)
}

// CheckModel checks a history from elsewhere as objects of one kind: the model alone decides, rules about faults and barriers do
// not apply. The error wraps ErrModel when the model does not fit the history.
func CheckModel(h *history.History, model string, opts ModelOptions) (*result.Analysis, error) {
	ops, ok := modelOps(model)
	if !ok {
		return nil, fmt.Errorf("check %w %q: unknown; it is one of %s", ErrModel, model, strings.Join(Models(), ", "))
	}
	if opts.Level == "" {
		opts.Level = levels[len(levels)-1]
	}
	if !slices.Contains(levels, opts.Level) {
		return nil, fmt.Errorf("check %w: unknown level %q; it is one of %s", ErrModel, opts.Level, strings.Join(levels, ", "))
	}
	a := &result.Analysis{Result: result.Result{Schema: result.ResultSchema}}
	x := newExtra(h, a, opts)
	if x.all&ops == 0 {
		return nil, fmt.Errorf("check %w %q: the history holds no operation of it", ErrModel, model)
	}
	if err := x.strangers(model, ops); err != nil {
		return nil, err
	}
	opts.progress("checking %d operations as %s", h.Ops.Len(), model)
	x.runModel(model)
	x.finish()
	x.judge(model)
	incomplete(h, &a.Result)
	return a, nil
}

// incomplete takes a pass back where the history is not whole: what is missing may be what the model forbids. Where records were lost on
// the way there is no verdict at all, since their absence alone may look like a violation.
func incomplete(h *history.History, r *result.Result) {
	var why []string
	if h.Run.Incomplete != "" {
		why = append(why, "the run is incomplete: "+h.Run.Incomplete)
	}
	if h.Torn != "" {
		why = append(why, "the history is incomplete: "+h.Torn)
	} else if h.Cut > 0 {
		why = append(why, "the history ends before the run did, at "+seconds(h.Cut))
	}
	switch {
	case len(h.Missing) > 0:
		r.Verdict = result.Error
		r.Reasons = slices.Clone(h.Missing)
		r.Do = ""
	case len(why) > 0 && r.Verdict != result.Violation:
		r.Verdict = result.Unknown
		r.Reasons = append(why, r.Reasons...)
	}
}

// modelJudges tells whether a model judges a key by the functions used on it.
func modelJudges(model string, m fset) bool {
	switch model {
	case "register", "cas-register": // with deletes, a cas or appends it is a general object
		return m&^scalarOps == 0 || m&^objectListOps == 0
	}
	ops, _ := modelOps(model)
	return m&^ops == 0
}

// strangers looks for keys that the model does not judge, of which its verdict says nothing. In a history from elsewhere they are an
// error. A run has many kinds of objects and is asked about one; there a key that mixes it with others is undecided.
func (x *extra) strangers(model string, ops fset) error {
	for k, m := range x.mask {
		switch {
		case modelJudges(model, m):
		case x.imported():
			return fmt.Errorf("check %w %q: key %q holds operations that are none of it", ErrModel, model, x.keyName(uint32(k)))
		case m&ops != 0:
			x.undecided = append(x.undecided, fmt.Sprintf("key %q mixes it with other kinds", x.keyName(uint32(k))))
		}
	}
	return nil
}

// own counts the operations that the model judges.
func (x *extra) own(model string) (n int64) {
	for _, k := range x.h.Ops.Key {
		if modelJudges(model, x.mask[k]) {
			n++
		}
	}
	return n
}

func (x *extra) runModel(model string) {
	x.count()
	switch model {
	case "register", "cas-register":
		x.sessions()
		x.registers()
		x.objects(func(m fset) bool { return m&^registerOps != 0 && (m&^scalarOps == 0 || m&^objectListOps == 0) })
	case "set", "set-full":
		x.sessions()
		x.sets()
	case "list", "kv": // a string that is put, appended to and got is a list of pieces
		x.sessions()
		x.lists()
		x.objects(func(m fset) bool { return m&^listOps != 0 && m&^objectListOps == 0 })
	case "counter":
		x.counters()
	case "bank":
		x.banks()
	case "lock":
		x.locks()
		x.objects(x.plainLock)
	case "queue", "stream":
		x.queues()
		x.drainedQueues()
	case "expiry":
		x.expiry()
	case "list-append", "rw-register":
		x.transactions()
	}
}

// plainLock tells a lock without leases and tokens, which porcupine can judge with the acquisitions that got nothing.
func (x *extra) plainLock(m fset) bool {
	return m&^bits(history.FAcquire, history.FRelease) == 0 && x.h.Ops.Arg == nil
}

// count fills in the plain tallies.
func (x *extra) count() {
	c := &x.h.Ops
	n := &x.a.Result.Counts
	for i, f := range c.F {
		n.Ops++
		if f.IsWrite() {
			n.Writes++
		} else {
			n.Reads++
		}
		switch c.Outcome[i] {
		case history.OK:
			n.OK++
		case history.Fail:
			n.Fail++
		default:
			n.Info++
		}
	}
	for _, m := range x.mask {
		if m != 0 {
			n.Keys++
		}
	}
}

// judge gives the verdict of an imported history: a finding is whatever the model forbids, and what is always a bug.
func (x *extra) judge(model string) {
	r := &x.a.Result
	r.Model, r.ModelOps = model, x.own(model)
	for _, f := range r.Findings {
		if f.Count > 0 && !slices.Contains(r.Forbidden, f.Class) && x.forbids(model, f) { // one scope of reads holds the other
			r.Forbidden = append(r.Forbidden, f.Class)
		}
	}
	switch {
	case len(r.Forbidden) > 0 || r.Writes.Lost > 0:
		r.Verdict = result.Violation
	case len(x.undecided) > 0:
		r.Verdict = result.Unknown
		r.Reasons = x.undecided
		r.Do = "give the check more time or memory, or split the history by key"
	case r.Counts.OK == 0:
		r.Verdict = result.Unknown
		r.Reasons = []string{"no operation succeeded"}
	default:
		r.Verdict = result.Pass
	}
}

// findingNoun is what a finding counts.
func findingNoun(f result.Finding) string {
	if c, ok := result.ClassOf(f.Class); ok {
		return c.Noun
	}
	return f.Class
}

// forbids tells whether a finding counts against the model. Replicas lag: what only their reads show is no fault of the model.
func (x *extra) forbids(model string, f result.Finding) bool {
	c, _ := result.ClassOf(f.Class)
	switch {
	case model == "list-append" || model == "rw-register":
		return forbidden(f.Class, x.opts.Level)
	case c.Blame == result.Always:
		return true
	case f.Scope == result.AllReads:
		return false
	case c.Name == "queue_reordered", c.Name == "counter_regressed", c.Name == "queue_redelivered", c.Name == "executed_twice":
		return false // a redelivery that says so is right until the element was acknowledged for good; the order is a measure
	case c.Name == "early_nil", c.Name == "early_nil_replica":
		return false
	}
	return c.Order || c.Blame == result.Unexcused || c.Name == "expired_read"
}
