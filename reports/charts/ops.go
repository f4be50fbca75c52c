package charts

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
	"github.com/schismtest/schism/reports/sentences"
)

// value writes a value of an operation.
func value(v int64) string {
	switch v {
	case history.Nil:
		return "nil"
	case history.None:
		return ""
	}
	return strconv.FormatInt(v, 10)
}

// values writes a list, at most the first dozen.
func values(l []int64) string {
	const most = 12
	var parts []string
	for i, v := range l {
		if i == most {
			parts = append(parts, fmt.Sprintf("… %d more", len(l)-most))
			break
		}
		parts = append(parts, value(v))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// opKey is the name of an operation's key.
func opKey(h *history.History, key uint32) string {
	if int(key) < len(h.Keys) {
		return h.Keys[key]
	}
	return strconv.Itoa(int(key))
}

// opText says what an operation asked for.
func opText(h *history.History, o history.Op) string {
	k := opKey(h, o.Key)
	in, arg := value(o.In), value(o.Arg)
	switch o.F {
	case history.FWrite:
		if o.Flags&history.FlagPred != 0 {
			return "SET " + k + " " + in + " GET"
		}
		return "SET " + k + " " + in
	case history.FRead, history.FReadCounter, history.FReadExpiring, history.FReadLock:
		return "GET " + k
	case history.FCAS:
		return "CAS " + k + " " + in + " → " + arg
	case history.FDel:
		return "DEL " + k
	case history.FAdd:
		return "add " + in + " to " + k
	case history.FRemove:
		return "remove " + in + " from " + k
	case history.FContains:
		return "ask " + k + " for " + in
	case history.FReadTail:
		return "read the last " + in + " of " + k
	case history.FReadQueue:
		return "read " + k + " whole"
	case history.FReadSet:
		return "read " + k
	case history.FAppend:
		return "RPUSH " + k + " " + in
	case history.FReadList:
		return "LRANGE " + k
	case history.FIncr:
		return "INCRBY " + k + " " + in
	case history.FAcquire:
		return "acquire " + k + " as " + in
	case history.FRelease:
		return "release " + k + " as " + in
	case history.FFenced:
		return "write under " + k + " with token " + in
	case history.FTransfer:
		if len(o.List) >= 2 {
			return fmt.Sprintf("transfer %s from %d to %d", arg, o.List[0], o.List[1])
		}
		return "transfer " + arg
	case history.FReadBank:
		return "read balances of " + k
	case history.FEnqueue:
		return "enqueue " + in + " on " + k
	case history.FDequeue:
		return "dequeue from " + k
	case history.FAck:
		return "XACK " + k + " " + in
	case history.FExpiring:
		return "SET " + k + " " + in + " PX " + words.Duration(o.Arg)
	case history.FTxn:
		return txnText(o.List)
	}
	return k
}

// txnText writes a transaction's micro-operations in short.
func txnText(l []int64) string {
	ms, ok := history.DecodeMops(l)
	if !ok {
		return "transaction"
	}
	var parts []string
	for i, m := range ms {
		if i == 8 {
			parts = append(parts, fmt.Sprintf("… %d more", len(ms)-i))
			break
		}
		switch m.F {
		case history.FAppend:
			parts = append(parts, fmt.Sprintf("append %d to %d", m.In, m.Key))
		case history.FReadList:
			if m.List == nil {
				parts = append(parts, fmt.Sprintf("read %d", m.Key))
			} else {
				parts = append(parts, fmt.Sprintf("read %d: %s", m.Key, values(m.List)))
			}
		case history.FWrite:
			parts = append(parts, fmt.Sprintf("write %d = %d", m.Key, m.In))
		default:
			parts = append(parts, fmt.Sprintf("read %d: %s", m.Key, value(m.In)))
		}
	}
	return strings.Join(parts, "; ")
}

// reply says what came back.
func reply(o history.Op) string {
	switch o.Outcome {
	case history.Info:
		if o.Err != history.ErrNone {
			return "unknown (" + o.Err.String() + ")"
		}
		return "unknown"
	case history.Fail:
		if o.Err != history.ErrNone {
			return "not executed (" + o.Err.String() + ")"
		}
		return "not executed"
	}
	switch o.F {
	case history.FReadTail:
		return values(o.List) + " of " + value(o.Out)
	case history.FReadSet, history.FReadList, history.FReadBank, history.FReadQueue:
		return values(o.List)
	case history.FTxn:
		return "OK"
	}
	if o.Out == history.None {
		return "OK"
	}
	return value(o.Out)
}

// became says what the analysis knows of an operation.
func (t *Timeline) became(i int) (text string, bad bool) {
	switch t.fate(i) {
	case result.FateSurvived:
		return "survived", false
	case result.FateLost:
		return "lost", true
	case result.FateRecovered:
		return "found, though unanswered", false
	case result.FateIndeterminate:
		return "never seen", false
	case result.FateHappenedThenLost:
		return "seen, then lost", true
	case result.FateAborted:
		return "seen, though not executed", true
	case result.FateFailed:
		return "not executed", false
	}
	if s := t.staleness(i); s > 0 {
		return "stale by " + words.Duration(s), true
	}
	return "", false
}

// who names the client of an operation.
func (t *Timeline) who(o history.Op) string {
	c := fmt.Sprintf("c%d", o.Client)
	if o.Worker >= 0 {
		c += " on " + sentences.Node(&t.h.Run, o.Worker)
	}
	return c
}
