package history

// ErrCode classes what a client got instead of a reply. clients.Classify is the one table that assigns them; a code
// says by itself whether the operation may have been executed (Outcome).
type ErrCode uint8

// The classes. Those up to errLastFail, and ErrWatched, prove that the operation was not executed.
const (
	ErrNone        ErrCode = iota
	ErrDialRefused         // no connection was made, so nothing was sent
	ErrDialTimeout         // the same
	ErrReadOnly            // READONLY
	ErrLoading             // LOADING
	ErrMoved               // MOVED or ASK, not followed
	ErrClusterDown         // CLUSTERDOWN
	ErrMasterDown          // MASTERDOWN
	ErrNoReplicas          // NOREPLICAS
	ErrOOM                 // OOM
	ErrMisconf             // MISCONF
	ErrExecAbort           // EXECABORT
	ErrNoAuth              // NOAUTH, NOPERM, WRONGPASS: the user may not do that
	ErrNoMaster            // the Sentinels named no master, so nothing was sent
	ErrCrossSlot           // CROSSSLOT, TRYAGAIN
	ErrNotSent             // the client gave up before the first byte (pool timeout, context done)
	ErrTimeout             // no reply in time: info from here on
	ErrEOF                 // the connection closed after the first byte was written
	ErrReset               // it was reset after the first byte was written
	ErrBusy                // BUSY: a script is running
	ErrUnblocked           // UNBLOCKED, CLIENT KILL
	ErrOther               // an error nobody listed: info, never fail
	ErrWatched             // EXEC answered nil, since a watched key had changed: not executed, and no refusal. Older files say ErrExecAbort
	errCount
)

const errLastFail = ErrNotSent

var errNames = [errCount]string{"", "dial-refused", "dial-timeout", "READONLY", "LOADING", "MOVED", "CLUSTERDOWN", "MASTERDOWN",
	"NOREPLICAS", "OOM", "MISCONF", "EXECABORT", "NOAUTH", "no-master", "CROSSSLOT", "not-sent",
	"timeout", "eof", "reset", "BUSY", "UNBLOCKED", "other", "watched-key-changed"}

// String is the name used in files and reports.
func (e ErrCode) String() string {
	if e < errCount {
		return errNames[e]
	}
	return "other"
}

// Refused reports whether the server itself answered that it does not execute the operation: it was reached, and said no.
func (e ErrCode) Refused() bool {
	switch e {
	case ErrReadOnly, ErrLoading, ErrMoved, ErrClusterDown, ErrMasterDown, ErrNoReplicas, ErrOOM, ErrMisconf, ErrExecAbort, ErrNoAuth, ErrCrossSlot:
		return true
	}
	return false
}

// Outcome is what the class proves: OK for ErrNone, Fail when nothing was executed, Info otherwise.
func (e ErrCode) Outcome() Outcome {
	switch {
	case e == ErrNone:
		return OK
	case e <= errLastFail, e == ErrWatched:
		return Fail
	}
	return Info
}
