package history

import "fmt"

// fNames are the functions' names in exports and reports, by F.
var fNames = [...]string{"", "write", "read", "cas", "delete", "add", "read-set", "append", "read-list", "increment", "read-counter",
	"acquire", "release", "fenced", "transfer", "read-bank", "enqueue", "dequeue", "ack", "expiring", "read-expiring", "txn",
	"remove", "contains", "read-tail", "read-queue", "read-lock"}

// String is the function's name in exports and reports.
func (f F) String() string {
	if int(f) < len(fNames) {
		return fNames[f]
	}
	return fmt.Sprintf("f%d", f)
}

// Known reports whether the function is one of those above; a newer program's history may hold others.
func (f F) Known() bool { return f > 0 && int(f) < len(fNames) }

// ParseF is the function with this name.
func ParseF(s string) (F, bool) {
	for i, n := range fNames {
		if n == s && i > 0 {
			return F(i), true
		}
	}
	return 0, false
}

// String is the outcome's name: ok, fail or info.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Fail:
		return "fail"
	}
	return "info"
}

// ParseOutcome is the outcome with this name.
func ParseOutcome(s string) (Outcome, bool) {
	for _, o := range []Outcome{OK, Fail, Info} {
		if o.String() == s {
			return o, true
		}
	}
	return 0, false
}

// ParseErrCode is the class with this name; names that nobody listed are ErrOther.
func ParseErrCode(s string) ErrCode {
	for i, n := range errNames {
		if n == s {
			return ErrCode(i)
		}
	}
	return ErrOther
}
