package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// reply is an error reply, as go-redis hands it over.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func dialing(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
func reading(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
func writing(err error) error { return &net.OpError{Op: "write", Net: "tcp", Err: err} }

func TestClassify(t *testing.T) {
	tests := []struct {
		name string
		err  error
		sent bool
		want history.ErrCode
	}{
		{"ok", nil, true, history.ErrNone},
		{"nil reply", redis.Nil, true, history.ErrNone},

		{"read only", reply("READONLY You can't write against a read only replica."), true, history.ErrReadOnly},
		{"loading", reply("LOADING Redis is loading the dataset in memory"), true, history.ErrLoading},
		{"moved", reply("MOVED 3999 10.0.0.1:6381"), true, history.ErrMoved},
		{"ask", reply("ASK 3999 10.0.0.1:6381"), true, history.ErrMoved},
		{"cluster down", reply("CLUSTERDOWN Hash slot not served"), true, history.ErrClusterDown},
		{"master down", reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."), true, history.ErrMasterDown},
		{"no replicas", reply("NOREPLICAS Not enough good replicas to write."), true, history.ErrNoReplicas},
		{"out of memory", reply("OOM command not allowed when used memory > 'maxmemory'."), true, history.ErrOOM},
		{"misconf", reply("MISCONF Redis is configured to save RDB snapshots, but..."), true, history.ErrMisconf},
		{"no password", reply("NOAUTH Authentication required."), true, history.ErrNoAuth},
		{"no permission", reply("NOPERM User default has no permissions to run the 'set' command"), true, history.ErrNoAuth},
		{"wrong password", reply("WRONGPASS invalid username-password pair or user is disabled."), false, history.ErrNoAuth},
		{"exec abort", reply("EXECABORT Transaction discarded because of previous errors."), true, history.ErrExecAbort},
		{"watched key changed", redis.TxFailedErr, true, history.ErrWatched},
		{"cross slot", reply("CROSSSLOT Keys in request don't hash to the same slot"), true, history.ErrCrossSlot},
		{"try again", reply("TRYAGAIN Multiple keys request during rehashing of slot"), true, history.ErrCrossSlot},
		{"busy", reply("BUSY Redis is busy running a script."), true, history.ErrBusy},
		{"unblocked", reply("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"), true, history.ErrUnblocked},
		{"wrapped", fmt.Errorf("run script: %w", reply("READONLY no")), true, history.ErrReadOnly},
		{"unlisted reply", reply("WRONGTYPE Operation against a key holding the wrong kind of value"), true, history.ErrOther},
		{"a word that only begins alike", reply("READONLYISH"), true, history.ErrOther},
		{"busy group", reply("BUSYGROUP Consumer Group name already exists"), true, history.ErrOther},

		{"dial refused", dialing(syscall.ECONNREFUSED), false, history.ErrDialRefused},
		{"no route", dialing(syscall.EHOSTUNREACH), false, history.ErrDialRefused},
		{"dial timeout", dialing(os.ErrDeadlineExceeded), false, history.ErrDialTimeout},
		{"dial timeout by context", dialing(context.DeadlineExceeded), false, history.ErrDialTimeout},
		{"no sentinel answers", fmt.Errorf("redis: all sentinels specified in configuration are unreachable: %w", errors.Join(dialing(syscall.ECONNREFUSED), redis.Nil)), false, history.ErrNoMaster},
		{"pool timeout", redis.ErrPoolTimeout, false, history.ErrNotSent},
		{"handshake refused", reply("ERR max number of clients reached"), false, history.ErrNotSent},
		{"handshake timeout", reading(os.ErrDeadlineExceeded), false, history.ErrNotSent},
		{"closed before", io.EOF, false, history.ErrNotSent},
		{"write refused whole", writing(syscall.EPIPE), false, history.ErrNotSent},

		{"timeout", reading(os.ErrDeadlineExceeded), true, history.ErrTimeout},
		{"context timeout", context.DeadlineExceeded, true, history.ErrTimeout},
		{"eof", io.EOF, true, history.ErrEOF},
		{"torn reply", io.ErrUnexpectedEOF, true, history.ErrEOF},
		{"closed by ourselves", reading(net.ErrClosed), true, history.ErrEOF},
		{"reset", reading(syscall.ECONNRESET), true, history.ErrReset},
		{"broken pipe after a part", writing(syscall.EPIPE), true, history.ErrReset},
		{"dial error after something was sent", dialing(syscall.ECONNREFUSED), true, history.ErrOther},
		{"anything else", errors.New("redis: can't parse reply"), true, history.ErrOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, Classify(tt.err, tt.sent))
		})
	}
}

// TestNothingUnlistedFails: whatever the error, once something was sent only a listed reply proves that nothing was executed.
func TestNothingUnlistedFails(t *testing.T) {
	for _, err := range []error{io.EOF, redis.ErrClosed, redis.ErrPoolTimeout, syscall.ECONNREFUSED, context.Canceled, reply("ERR unknown"), reply("")} {
		require.Equal(t, history.Info, Classify(err, true).Outcome(), "%v", err)
	}
	for _, e := range serverErrors {
		if e.code != history.ErrBusy && e.code != history.ErrUnblocked {
			require.Equal(t, history.Fail, e.code.Outcome(), e.word)
		}
	}
}
