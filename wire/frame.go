package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// frameType says how a frame's payload is read.
type frameType uint8

const (
	frameResponse frameType = iota + 1 // a Response as JSON
	frameRecords                       // a batch as history.EncodeBatch wrote it
	frameLog                           // server output as it came
)

// A frame is: magic u32, length of the payload u32, CRC-32C of all that follows u32, sequence number u64, type u8, payload; all
// big endian. The magic lets the reader find the next frame after a damaged one.
const (
	frameMagic  = 0x5C4157F1
	headerSize  = 21
	maxPayload  = 64 << 20
	readBufSize = 64 << 10
)

// frame is one unit of an agent's output.
type frame struct {
	seq     uint64
	typ     frameType
	payload []byte
}

func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendFrame appends the encoded frame to dst.
func appendFrame(dst []byte, f frame) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, frameMagic)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.payload)))
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, f.seq)
	dst = append(dst, byte(f.typ))
	dst = append(dst, f.payload...)
	binary.BigEndian.PutUint32(dst[at+8:], crc32.Checksum(dst[at+12:], crcTable()))
	return dst
}

// frameReader reads frames and reports whatever is missing between them.
type frameReader struct {
	r    *bufio.Reader
	next uint64            // the sequence number expected
	lost func(text string) // called for every loss that was noticed
}

func newFrameReader(r io.Reader, lost func(string)) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, readBufSize), next: 1, lost: lost}
}

var errBadFrame = errors.New("bad frame")

// read returns the next whole frame. Damaged bytes are skipped up to the next frame and reported, so that one damaged frame does
// not cost the connection. The error is that of the underlying reader; a stream that ends inside a frame ends in
// io.ErrUnexpectedEOF.
func (fr *frameReader) read() (frame, error) {
	skipped := 0
	why := ""
	report := func() {
		if skipped > 0 {
			fr.lost(fmt.Sprintf("%d bytes skipped before frame %d: %s", skipped, fr.next, why))
		}
	}
	for {
		f, err := fr.try()
		switch {
		case err == nil:
			report()
			fr.checkSeq(f.seq)
			return f, nil
		case errors.Is(err, errBadFrame):
			if skipped == 0 {
				why = err.Error()
			}
			n, err := fr.resync()
			skipped += n
			if err != nil {
				report()
				return frame{}, err
			}
		default:
			report()
			return frame{}, err
		}
	}
}

// try reads one frame. After errBadFrame the reader stands behind the frame's first byte or, when the header was sound and the
// payload was not, behind its header.
func (fr *frameReader) try() (frame, error) {
	h, err := fr.r.Peek(headerSize)
	if err != nil {
		if len(h) > 0 && errors.Is(err, io.EOF) {
			return frame{}, io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	if binary.BigEndian.Uint32(h) != frameMagic {
		return frame{}, fmt.Errorf("%w: no magic", errBadFrame)
	}
	n := binary.BigEndian.Uint32(h[4:])
	if n > maxPayload {
		return frame{}, fmt.Errorf("%w: length %d", errBadFrame, n)
	}
	want := binary.BigEndian.Uint32(h[8:])
	f := frame{seq: binary.BigEndian.Uint64(h[12:]), typ: frameType(h[20])}
	crc := crc32.Checksum(h[12:headerSize], crcTable())
	if n <= readBufSize-headerSize { // small: look before it is consumed, so that a damaged length costs no later frame
		all, err := fr.r.Peek(headerSize + int(n))
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return frame{}, err
		}
		if crc32.Update(crc, crcTable(), all[headerSize:]) != want {
			return frame{}, fmt.Errorf("%w: checksum", errBadFrame)
		}
		f.payload = append([]byte(nil), all[headerSize:]...)
		_, _ = fr.r.Discard(len(all))
		return f, nil
	}
	_, _ = fr.r.Discard(headerSize)
	f.payload, err = readAll(fr.r, int(n))
	if err != nil {
		return frame{}, err
	}
	if crc32.Update(crc, crcTable(), f.payload) != want {
		return frame{}, fmt.Errorf("%w: checksum of %d bytes", errBadFrame, n)
	}
	return f, nil
}

// readAll reads n bytes, growing as they come: a damaged length does not allocate what never arrives.
func readAll(r io.Reader, n int) ([]byte, error) {
	var b []byte
	for len(b) < n {
		at, k := len(b), min(n-len(b), 1<<20)
		b = append(b, make([]byte, k)...)
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return b, nil
}

// resync drops at least one byte and then everything before the next magic.
func (fr *frameReader) resync() (dropped int, err error) {
	if _, err := fr.r.Discard(1); err != nil {
		return 0, err
	}
	dropped = 1
	for {
		b, err := fr.r.Peek(4)
		if err != nil {
			return dropped, err
		}
		if binary.BigEndian.Uint32(b) == frameMagic {
			return dropped, nil
		}
		_, _ = fr.r.Discard(1)
		dropped++
	}
}

// checkSeq reports a gap. A number that is lower than expected is a gap too: something was written out of order.
func (fr *frameReader) checkSeq(seq uint64) {
	if seq != fr.next {
		fr.lost(fmt.Sprintf("frame %d came where %d was due", seq, fr.next))
	}
	fr.next = seq + 1
}
