package observer

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadReply(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	for name, c := range map[string]struct {
		in   string
		want any
	}{
		"simple":      {"+OK\r\n", "OK"},
		"error":       {"-READONLY no\r\n", ReplyError("READONLY no")},
		"integer":     {":-42\r\n", int64(-42)},
		"bulk":        {"$5\r\na\r\nbc\r\n", "a\r\nbc"},
		"empty bulk":  {"$0\r\n\r\n", ""},
		"nil bulk":    {"$-1\r\n", nil},
		"nil array":   {"*-1\r\n", nil},
		"array":       {"*3\r\n:1\r\n$1\r\na\r\n*1\r\n-ERR x\r\n", []any{int64(1), "a", []any{ReplyError("ERR x")}}},
		"empty array": {"*0\r\n", []any{}},
		"long line":   {"+" + long + "\r\n", long},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readReply(bufio.NewReaderSize(strings.NewReader(c.in), 16), 0)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			for cut := range min(len(c.in), 100) {
				_, err := readReply(bufio.NewReaderSize(strings.NewReader(c.in[:cut]), 16), 0)
				require.Error(t, err, "cut at %d", cut)
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	for _, in := range []string{"\r\n", "hello\r\n", ":x\r\n", "$-2\r\n", "$3\r\nabcde", "$9999999999\r\n", "*-7\r\n", "+a\n", strings.Repeat("*1\r\n", 50)} {
		_, err := readReply(bufio.NewReader(strings.NewReader(in)), 0)
		require.Error(t, err, "%q", in)
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add("*2\r\n$1\r\na\r\n:1\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		_, _ = readReply(bufio.NewReader(strings.NewReader(in)), 0)
	})
}

func TestClientEndsWithItsContext(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	go func() { _, _ = io.Copy(io.Discard, b) }()
	c := NewClient(a)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.Do(ctx, "PING")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, c.Close())
}
