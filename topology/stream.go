package topology

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/moby/moby/client"
)

// stream is the attach stream of one container: the agent's standard input and output. The engine packs output and errors into one
// connection, which Read takes apart; errors are kept for whoever asks why the agent ended.
type stream struct {
	att client.HijackedResponse

	left int64 // bytes of output that the present packet still holds
	errs tail
}

// The numbers of the streams in a packet's header.
const (
	stdoutPacket = 1
	stderrPacket = 2
	headerSize   = 8
)

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.header(); err != nil {
			return 0, err
		}
	}
	n, err := s.att.Reader.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// header reads the next packet's header, and the packet too when it is not output.
func (s *stream) header() error {
	var h [headerSize]byte
	if _, err := io.ReadFull(s.att.Reader, h[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(h[4:]))
	switch h[0] {
	case stdoutPacket:
		s.left = size
	case stderrPacket:
		if _, err := io.CopyN(&s.errs, s.att.Reader, size); err != nil {
			return err
		}
	default:
		return fmt.Errorf("read attach stream: packet of unknown kind %d", h[0])
	}
	return nil
}

// Close implements io.Closer: it gives up the whole connection.
func (s *stream) Close() error {
	s.att.Close()
	return nil
}

// input is the agent's standard input; closing it leaves the output open for last words.
type input struct{ s *stream }

func (i input) Write(p []byte) (int, error) { return i.s.att.Conn.Write(p) }

func (i input) Close() error {
	if err := i.s.att.CloseWrite(); err != nil {
		return fmt.Errorf("close agent's input: %w", err)
	}
	return nil
}

// tailSize is how much is kept of what a server or an agent wrote, to say why it ended.
const tailSize = 4 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}

// lines are the last n lines of a text, on one line.
func lines(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	all = all[max(0, len(all)-n):]
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return strings.Join(all, " | ")
}
