package topology

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// packet is one packet of an attach stream.
func packet(kind byte, text string) string {
	h := make([]byte, headerSize)
	h[0] = kind
	binary.BigEndian.PutUint32(h[4:], uint32(len(text)))
	return string(h) + text
}

func streamOf(text string) *stream {
	return &stream{att: client.HijackedResponse{Conn: nopConn{}, Reader: bufio.NewReader(strings.NewReader(text))}}
}

// nopConn is the connection of a stream that is only read.
type nopConn struct{ net.Conn }

func TestStreamTakesPacketsApart(t *testing.T) {
	s := streamOf(packet(stdoutPacket, "one ") + packet(stderrPacket, "oops\n") + packet(stdoutPacket, "") + packet(stdoutPacket, "two"))
	b, err := io.ReadAll(oneByte{s})
	require.NoError(t, err)
	require.Equal(t, "one two", string(b))
	require.Equal(t, "oops", s.errs.String())
}

func TestStreamRefusesNonsense(t *testing.T) {
	_, err := io.ReadAll(streamOf("HTTP/1.1 404 Not Found"))
	require.ErrorContains(t, err, "unknown kind")
	_, err = io.ReadAll(streamOf(packet(stdoutPacket, "all")[:5]))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// oneByte reads a byte at a time.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestTailKeepsTheEnd(t *testing.T) {
	var tl tail
	for range 100 {
		_, err := tl.Write(bytes.Repeat([]byte("x"), 1000))
		require.NoError(t, err)
	}
	_, err := tl.Write([]byte("\nlast\n"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(tl.String()), 2*tailSize)
	require.Equal(t, "last", lines(tl.String(), 1))
	require.Equal(t, "a | b", lines("z\na\n  b\n", 2))
}
