//go:build linux

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
)

const (
	commandTimeout = 5 * time.Second
	// noWaitFor is how long an error reply is waited for when the reply is not.
	noWaitFor = 20 * time.Millisecond
	// lateReply is how long the connection of such a command is kept for its reply.
	lateReply = time.Minute
)

// redis sends one command on a connection of its own: one that hangs hinders no other.
func (a *Agent) redis(ctx context.Context, r wire.RedisArgs) (wire.RedisReply, error) {
	addr, login, err := a.server()
	if err != nil {
		return wire.RedisReply{}, err
	}
	if len(r.Args) == 0 {
		return wire.RedisReply{}, wire.Coded(wire.CodeUsage, "no command")
	}
	timeout := commandTimeout
	if r.TimeoutMS > 0 {
		timeout = time.Duration(r.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := observer.Dial(ctx, addr, login)
	if err != nil {
		return wire.RedisReply{}, dialError(r.Args[0], err)
	}
	if r.Login {
		r.Args = withLogin(r.Args, login)
	}
	if endsServer(r.Args) {
		a.sup.ask()
	}
	st := wire.Stamp(ctx)
	st.T0 = monotonic()
	var v any
	if r.NoWait {
		v, err = a.doNoWait(c, r.Args)
	} else {
		v, err = c.Do(ctx, r.Args...)
		_ = c.Close()
	}
	st.T1 = monotonic()
	return replyJSON(r.Args[0], v, err)
}

// withLogin puts a login into a MIGRATE, before its keys.
func withLogin(args []string, login access.Access) []string {
	at := slices.Index(args, "KEYS")
	if login.Password == "" || at < 0 {
		return args
	}
	auth := []string{"AUTH", login.Password}
	if login.User != "" {
		auth = []string{"AUTH2", login.User, login.Password}
	}
	return slices.Insert(slices.Clone(args), at, auth...)
}

// endsServer tells whether a command asks the server to end, one way or another.
func endsServer(args []string) bool {
	switch strings.ToUpper(args[0]) {
	case "SHUTDOWN":
		return true
	case "DEBUG":
		return len(args) > 1 && slices.Contains([]string{"SEGFAULT", "PANIC", "ASSERT", "OOM", "RESTART", "CRASH-AND-RECOVER"}, strings.ToUpper(args[1]))
	}
	return false
}

func dialError(cmd string, err error) error {
	var re observer.ReplyError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return wire.Coded(wire.CodeNotRunning, "send %s: %w", cmd, err)
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Coded(wire.CodeTimeout, "send %s: %w", cmd, err)
	case errors.As(err, &re):
		return wire.Coded(wire.CodeUnavailable, "send %s: %w", cmd, err)
	}
	return fmt.Errorf("send %s: %w", cmd, err)
}

// doNoWait returns the reply when it comes at once, else nil; the connection is kept open in the background until it does.
func (a *Agent) doNoWait(c *observer.Client, args []string) (any, error) {
	type result struct {
		v   any
		err error
	}
	done := make(chan result, 1)
	a.bg.Go(func() {
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), lateReply)
		defer cancel()
		v, err := c.Do(ctx, args...)
		done <- result{v, err}
	})
	t := time.NewTimer(noWaitFor)
	defer t.Stop()
	select {
	case r := <-done:
		return r.v, r.err
	case <-t.C:
		return nil, nil
	}
}

func replyJSON(cmd string, v any, err error) (wire.RedisReply, error) {
	var re observer.ReplyError
	switch {
	case errors.As(err, &re):
		return wire.RedisReply{Value: json.RawMessage("null"), Err: string(re)}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return wire.RedisReply{}, wire.Coded(wire.CodeTimeout, "no reply to %s: %w", cmd, err)
	case err != nil:
		return wire.RedisReply{}, fmt.Errorf("send %s: %w", cmd, err)
	}
	b, err := json.Marshal(printable(v))
	if err != nil {
		return wire.RedisReply{}, fmt.Errorf("encode reply to %s: %w", cmd, err)
	}
	return wire.RedisReply{Value: b}, nil
}

// printable makes a reply fit for JSON: error replies within arrays become {"err": text}, and bytes that are no UTF-8 are quoted
// as Go does.
func printable(v any) any {
	switch v := v.(type) {
	case observer.ReplyError:
		return map[string]string{"err": string(v)}
	case string:
		if !utf8.ValidString(v) {
			return strconv.Quote(v)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = printable(v[i])
		}
		return out
	}
	return v
}
