package observer

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/stretchr/testify/require"
)

// loggedIn runs a sampler that logs in until enough samples have come.
func loggedIn(t *testing.T, addr string, enough func([]history.Sample) bool) []history.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []history.Sample
	start := time.Now()
	Run(ctx, Config{Addr: addr, Access: access.Access{User: "agent", Password: "password"}, Interval: 5 * time.Millisecond,
		Clock: func() int64 { return time.Since(start).Nanoseconds() + 1 },
		Proc:  func() (bool, bool) { return true, false },
		Emit: func(b *history.Batch) {
			if got = append(got, b.Samples...); enough(got) {
				cancel()
			}
		}})
	require.True(t, enough(got), "%d samples", len(got))
	return got
}

func TestSamplerLogsInOnce(t *testing.T) {
	info := master()
	var asked atomic.Int32
	f := newFake(t, func(last string) string {
		if last == "password" {
			asked.Add(1)
			return "+OK\r\n"
		}
		return info(last)
	})
	got := loggedIn(t, f.l.Addr().String(), func(s []history.Sample) bool { return len(s) > 5 })
	require.True(t, answered(got[0]), "the login is no answer of its own")
	require.EqualValues(t, 1, f.conns.Load())
	require.EqualValues(t, 1, asked.Load())
}

// A server that does not let the agent in tells nothing; it is asked anew, on a connection of its own, at each look.
func TestSamplerThatIsNotLetIn(t *testing.T) {
	info := master()
	var refuse atomic.Bool
	refuse.Store(true)
	f := newFake(t, func(last string) string {
		switch {
		case last == "password" && refuse.Load():
			return "-WRONGPASS invalid username-password pair\r\n"
		case last == "password":
			return "+OK\r\n"
		case refuse.Load():
			refuse.Store(last != "memory") // the last question of the first look
			return "-NOAUTH Authentication required.\r\n"
		}
		return info(last)
	})
	got := loggedIn(t, f.l.Addr().String(), func(s []history.Sample) bool { return slices.ContainsFunc(s, answered) })
	require.False(t, answered(got[0]))
	require.NotZero(t, got[0].NoAnswerSince)
}

func TestDialLogsInAndRenames(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	heard := make(chan string, 8)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		server := NewClient(c)
		for {
			v, err := server.Receive()
			if err != nil {
				return
			}
			cmd := v.([]any)
			heard <- cmd[0].(string)
			if _, err := c.Write([]byte("+OK\r\n")); err != nil {
				return
			}
		}
	}()
	c, err := Dial(t.Context(), l.Addr().String(), access.Access{Password: "x", Renames: map[string]string{"CONFIG": "hidden", "KEYS": ""}})
	require.NoError(t, err)
	defer c.Close()
	for _, cmd := range []string{"config", "KEYS", "PING"} {
		_, err = c.Do(t.Context(), cmd, "GET")
		require.NoError(t, err)
	}
	for _, want := range []string{"AUTH", "hidden", "KEYS", "PING"} {
		require.Equal(t, want, <-heard)
	}
}
