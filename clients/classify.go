package clients

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

// serverErrors are the error replies that say something about the operation, by their first word. A reply that is not listed is
// history.ErrOther: it proves nothing.
var serverErrors = []struct {
	word string
	code history.ErrCode
}{
	{"READONLY", history.ErrReadOnly},
	{"LOADING", history.ErrLoading},
	{"MOVED", history.ErrMoved},
	{"ASK", history.ErrMoved},
	{"CLUSTERDOWN", history.ErrClusterDown},
	{"MASTERDOWN", history.ErrMasterDown},
	{"NOREPLICAS", history.ErrNoReplicas},
	{"OOM", history.ErrOOM},
	{"MISCONF", history.ErrMisconf},
	{"EXECABORT", history.ErrExecAbort},
	{"NOAUTH", history.ErrNoAuth},
	{"NOPERM", history.ErrNoAuth},
	{"WRONGPASS", history.ErrNoAuth},
	{"CROSSSLOT", history.ErrCrossSlot},
	{"TRYAGAIN", history.ErrCrossSlot},
	{"BUSY", history.ErrBusy},
	{"UNBLOCKED", history.ErrUnblocked},
}

// Classify says what an error proves about the operation that met it. Sent is whether the first byte of the operation was written:
// without it nothing can have been executed, whatever went wrong; with it only the server's own word proves that.
func Classify(err error, sent bool) history.ErrCode {
	switch {
	case err == nil, err == redis.Nil: // not errors.Is: go-redis wraps a Sentinel's nil into its list of failures
		return history.ErrNone
	case err == redis.TxFailedErr: // EXEC answered nil: a watched key had changed
		return history.ErrWatched
	}
	if code, ok := dialError(err, sent); ok {
		return code
	}
	if reply := redis.Error(nil); errors.As(err, &reply) {
		return replyError(reply.Error(), sent)
	}
	var timeout net.Error
	switch {
	case !sent:
		return history.ErrNotSent
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return history.ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return history.ErrEOF
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return history.ErrReset
	}
	return history.ErrOther
}

// dialError classes what kept a connection from being made. A Sentinel client dials while its own command is on its way to
// nobody yet, so errors of the look-up come first: they wrap the dial errors and nil replies of the Sentinels.
func dialError(err error, sent bool) (history.ErrCode, bool) {
	if sent {
		return 0, false
	}
	if strings.Contains(err.Error(), "redis: all sentinels specified") || strings.Contains(err.Error(), "redis: no sentinels configured") {
		return history.ErrNoMaster, true
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		return 0, false
	}
	if op.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return history.ErrDialTimeout, true
	}
	return history.ErrDialRefused, true
}

func replyError(text string, sent bool) history.ErrCode {
	word, _, _ := strings.Cut(text, " ")
	for _, e := range serverErrors {
		if e.word == word {
			return e.code
		}
	}
	if !sent {
		return history.ErrNotSent // a reply to the handshake
	}
	return history.ErrOther
}
