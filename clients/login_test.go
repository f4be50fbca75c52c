package clients

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A greeting, with or without a login, is no part of an operation: when it is all that left, nothing can have been executed.
func TestGreetingIsNotSent(t *testing.T) {
	for _, c := range []struct {
		first string
		sent  bool
	}{
		{"*2\r\n$5\r\nhello\r\n$1\r\n2\r\n", false},
		{"*5\r\n$5\r\nhello\r\n$1\r\n2\r\n$4\r\nauth\r\n$3\r\napp\r\n$2\r\npw\r\n", false},
		{"*2\r\n$3\r\nget\r\n$5\r\nhello\r\n", true},
		{"*1\r\n$4\r\nPING\r\n", true},
	} {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, far)
		}()
		var sent atomic.Bool
		w := &conn{Conn: near, sent: &sent}
		_, err := w.Write([]byte(c.first))
		require.NoError(t, err)
		require.Equal(t, c.sent, sent.Load(), c.first)
		_, err = w.Write([]byte("*1\r\n$4\r\nPING\r\n"))
		require.NoError(t, err)
		require.True(t, sent.Load(), "what follows the greeting is an operation's")
		require.NoError(t, near.Close())
		<-done
	}
}
