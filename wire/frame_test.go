package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// readFrames reads all frames of a stream, with the losses reported and the error at its end.
func readFrames(b []byte) (fs []frame, losses []string, end error) {
	fr := newFrameReader(bytes.NewReader(b), func(t string) { losses = append(losses, t) })
	for {
		f, err := fr.read()
		if err != nil {
			return fs, losses, err
		}
		fs = append(fs, f)
	}
}

// sampleFrames is a stream of frames of several sizes, and where each begins.
func sampleFrames() (fs []frame, stream []byte, starts []int) {
	for i, n := range []int{0, 1, 20, 300, 5} {
		f := frame{seq: uint64(i + 1), typ: frameType(i%3 + 1), payload: bytes.Repeat([]byte{byte('a' + i)}, n)}
		starts = append(starts, len(stream))
		stream = appendFrame(stream, f)
		fs = append(fs, f)
	}
	return fs, stream, append(starts, len(stream))
}

func requireSameFrames(t *testing.T, want, got []frame) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].seq, got[i].seq)
		require.Equal(t, want[i].typ, got[i].typ)
		require.True(t, bytes.Equal(want[i].payload, got[i].payload), "payload of frame %d", i)
	}
}

func TestFramesRoundTrip(t *testing.T) {
	want, stream, _ := sampleFrames()
	got, losses, end := readFrames(stream)
	require.ErrorIs(t, end, io.EOF)
	require.Empty(t, losses)
	requireSameFrames(t, want, got)
}

func TestBigFrame(t *testing.T) {
	want := []frame{{seq: 1, typ: frameRecords, payload: bytes.Repeat([]byte("x"), 3<<20)}, {seq: 2, typ: frameLog, payload: []byte("y")}}
	var stream []byte
	for _, f := range want {
		stream = appendFrame(stream, f)
	}
	got, losses, _ := readFrames(stream)
	require.Empty(t, losses)
	requireSameFrames(t, want, got)
}

// A stream cut anywhere yields every frame that is whole, nothing else, and tells a cut inside a frame from a clean end.
func TestCutAtEveryByte(t *testing.T) {
	want, stream, starts := sampleFrames()
	for cut := range len(stream) + 1 {
		whole := 0
		for whole+1 < len(starts) && starts[whole+1] <= cut {
			whole++
		}
		got, losses, end := readFrames(stream[:cut])
		requireSameFrames(t, want[:whole], got)
		require.Empty(t, losses)
		if cut == starts[whole] {
			require.Equal(t, io.EOF, end, "cut at %d", cut)
		} else {
			require.ErrorIs(t, end, io.ErrUnexpectedEOF, "cut at %d", cut)
		}
	}
}

// One damaged byte costs at most the frame it is in (or, in a length, the frames that it swallows until the end), and the loss is
// reported.
func TestDamageIsReportedAndSkipped(t *testing.T) {
	want, stream, starts := sampleFrames()
	for at := range stream {
		hit := 0
		for starts[hit+1] <= at {
			hit++
		}
		b := bytes.Clone(stream)
		b[at] ^= 0x41
		got, losses, end := readFrames(b)
		name := fmt.Sprintf("byte %d in frame %d", at, hit+1)
		require.True(t, len(losses) > 0 || errors.Is(end, io.ErrUnexpectedEOF), name)
		for _, f := range got {
			require.Equal(t, want[f.seq-1].typ, f.typ, name)
			require.True(t, bytes.Equal(want[f.seq-1].payload, f.payload), name)
			require.NotEqual(t, uint64(hit+1), f.seq, name)
		}
		if off := at - starts[hit]; off < 4 || off >= 8 { // not in the length
			require.Len(t, got, len(want)-1, name)
		}
	}
}

func TestGapInSequenceIsReported(t *testing.T) {
	var stream []byte
	for _, seq := range []uint64{1, 2, 5, 6, 4} {
		stream = appendFrame(stream, frame{seq: seq, typ: frameLog})
	}
	got, losses, _ := readFrames(stream)
	require.Len(t, got, 5)
	require.Equal(t, []string{"frame 5 came where 3 was due", "frame 4 came where 7 was due"}, losses)
}

func FuzzFrameReader(f *testing.F) {
	_, stream, _ := sampleFrames()
	f.Add(stream)
	f.Add(stream[:50])
	f.Add(bytes.Repeat([]byte{0x5C, 0x41, 0x57, 0xF1}, 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, losses, end := readFrames(b)
		require.Error(t, end)
		// What is read encodes to bytes of the input, in order.
		rest := b
		for _, fr := range got {
			enc := appendFrame(nil, fr)
			i := bytes.Index(rest, enc)
			require.GreaterOrEqual(t, i, 0)
			rest = rest[i+len(enc):]
		}
		if len(got) == 0 && len(losses) == 0 && errors.Is(end, io.EOF) && !errors.Is(end, io.ErrUnexpectedEOF) {
			require.Empty(t, b)
		}
	})
}
