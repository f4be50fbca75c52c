package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"
)

// The names of a run's files, in its folder.
const (
	RunFile     = "run.json"
	HistoryFile = "history.schism"
)

// fileMagic opens a history file; what follows are blocks of [length u32][crc32c u32][compressed batch].
const fileMagic = "schism history 1\n"

// IsFile reports whether a file that begins so is a history of ours.
func IsFile(head []byte) bool { return bytes.HasPrefix(head, []byte(fileMagic)) }

// maxBlock bounds a block's length, so that a damaged one cannot ask for all memory.
const maxBlock = 1 << 28

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrNotHistory is returned for a file that does not begin like a history.
var ErrNotHistory = errors.New("this is no schism history")

// Writer appends record batches to a run's file. It may be used by several goroutines at once.
type Writer struct {
	mu  sync.Mutex
	dir string
	f   *os.File
	enc *zstd.Encoder
	buf []byte
	own uint64 // sequence number of the harness's own batches
}

// Create writes run.json, then an empty history beside it.
func Create(dir string, run *Run) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	w := &Writer{dir: dir}
	if err := w.SaveRun(run); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, HistoryFile), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create history: %w", err)
	}
	if _, err := f.WriteString(fileMagic); err != nil {
		return nil, errors.Join(fmt.Errorf("create history: %w", err), f.Close())
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create history: %w", err), f.Close())
	}
	w.f, w.enc = f, enc
	return w, nil
}

// SaveRun replaces run.json in one step.
func (w *Writer) SaveRun(run *Run) error {
	if err := replaceJSON(filepath.Join(w.dir, RunFile), run); err != nil {
		return fmt.Errorf("write run.json: %w", err)
	}
	return nil
}

// replaceJSON writes a file in one step.
func replaceJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, append(b, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(path)))
}

// Append adds a batch as EncodeBatch made it.
func (w *Writer) Append(payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.append(payload)
}

func (w *Writer) append(payload []byte) error {
	w.buf = append(w.buf[:0], 0, 0, 0, 0, 0, 0, 0, 0)
	w.buf = w.enc.EncodeAll(payload, w.buf)
	body := w.buf[8:]
	binary.LittleEndian.PutUint32(w.buf, uint32(len(body)))
	binary.LittleEndian.PutUint32(w.buf[4:], crc32.Checksum(body, castagnoli))
	if _, err := w.f.Write(w.buf); err != nil { // one write: a killed harness leaves at most one torn block
		return fmt.Errorf("append to history: %w", err)
	}
	return nil
}

// AppendBatch adds a batch of the harness's own; its source and sequence number are set here.
func (w *Writer) AppendBatch(b *Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own++
	b.Source, b.Seq = NoNode, w.own
	return w.append(EncodeBatch(nil, b))
}

// Close marks the history as whole and closes it.
func (w *Writer) Close() error {
	err := w.AppendBatch(&Batch{Events: []Event{{Node: NoNode, Kind: EvNote, Name: NoteClosed}}})
	w.enc.Close()
	return errors.Join(err, w.f.Close())
}

// NoteClosed is the name of the EvNote that ends a history whose harness lived.
const NoteClosed = "closed"

// Scan calls f with each batch of the file in order. torn says what is wrong with its tail, if anything; everything before it was
// delivered.
func Scan(path string, f func(*Batch) error) (torn string, err error) {
	return scanBlocks(path, func(p []byte, _ int64) error {
		b, err := DecodeBatch(p)
		if err != nil {
			return err
		}
		return f(b)
	})
}

// scanBlocks calls f with the content of each block and the byte at which it ends.
func scanBlocks(path string, f func(payload []byte, end int64) error) (torn string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open history: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	magic := make([]byte, len(fileMagic))
	if n, err := io.ReadFull(r, magic); err != nil || string(magic) != fileMagic {
		if n < len(fileMagic) && string(magic[:n]) == fileMagic[:n] {
			return "the file ends within its first line", nil
		}
		return "", fmt.Errorf("%s: %w", path, ErrNotHistory)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return "", fmt.Errorf("read history: %w", err)
	}
	defer dec.Close()
	var head [8]byte
	var body, plain []byte
	for pos := int64(len(fileMagic)); ; {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return "", nil
		} else if err != nil {
			return fmt.Sprintf("the block at byte %d is cut off", pos), nil
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxBlock {
			return fmt.Sprintf("the block at byte %d is damaged", pos), nil
		}
		if cap(body) < int(n) {
			body = make([]byte, n)
		}
		body = body[:n]
		if _, err := io.ReadFull(r, body); err != nil {
			return fmt.Sprintf("the block at byte %d is cut off", pos), nil
		}
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return fmt.Sprintf("the block at byte %d is damaged", pos), nil
		}
		plain, err = dec.DecodeAll(body, plain[:0])
		if err != nil {
			return fmt.Sprintf("the block at byte %d is damaged", pos), nil
		}
		end := pos + 8 + int64(n)
		if err := f(plain, end); err != nil {
			return "", fmt.Errorf("read block at byte %d: %w", pos, err)
		}
		pos = end
	}
}
