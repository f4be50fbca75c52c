package nights

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/schismtest/schism/internal/flock"
)

// FileName is the file of lines, in a folder of runs.
const FileName = "history.jsonl"

// History are the lines of one or several files.
type History struct {
	// Lines are those that this program reads, one a run, by start.
	Lines []Line
	// Newer and Damaged are lines that it does not read, as they stand in the file. They are kept and never dropped.
	Newer, Damaged []string
	// Cut: there are older lines, which were not read.
	Cut bool
}

// longest is how long a line may be, in bytes; a longer one is damaged.
const longest = 4 << 20

// Read reads a file of lines. One that is not there has none.
func Read(name string) (*History, error) { return readEnd(name, 0) }

// readEnd reads the last so many bytes of a file of lines, from the next line on; all of it where most is 0.
func readEnd(name string, most int64) (*History, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return &History{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read history of nights: %w", err)
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	cut := err == nil && most > 0 && end > most
	from := int64(0)
	if cut {
		from = end - most
	}
	if err == nil {
		_, err = f.Seek(from, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("read history of nights: %w", err)
	}
	r := bufio.NewReaderSize(f, 1<<16)
	if cut { // the first is not whole
		if _, err := r.ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read history of nights: %w", err)
		}
	}
	h, err := parse(r)
	if h != nil {
		h.Cut = cut
	}
	return h, err
}

// parse reads lines. No line is an error: what cannot be read is kept as it is.
func parse(rd io.Reader) (*History, error) {
	h := &History{}
	r := bufio.NewReaderSize(rd, 1<<16)
	for {
		text, err := r.ReadString('\n')
		if s := strings.TrimRight(text, "\r\n"); strings.TrimSpace(s) != "" {
			h.add(s)
		}
		if errors.Is(err, io.EOF) {
			h.settle()
			return h, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read history of nights: %w", err)
		}
	}
}

func (h *History) add(text string) {
	var l Line
	if len(text) <= longest && json.Unmarshal([]byte(text), &l) == nil && l.Version == LineVersion && l.valid() {
		h.Lines = append(h.Lines, l)
		return
	}
	var v struct {
		Version int `json:"v"`
	}
	if json.Unmarshal([]byte(text), &v) == nil && v.Version > LineVersion {
		h.Newer = append(h.Newer, text)
		return
	}
	h.Damaged = append(h.Damaged, text)
}

// valid tells whether a line says what it must, so that a file of something else is not taken for runs.
func (l *Line) valid() bool {
	return l.Run != "" && l.Scenario != "" && l.Server != "" && l.Verdict.Known()
}

// Merge joins histories: one line a run, by start; of two lines of a run the one that was judged last holds, and one with a result before one
// without.
func Merge(hs ...*History) *History {
	out := &History{}
	for _, h := range hs {
		out.Lines = append(out.Lines, h.Lines...)
		out.Newer = append(out.Newer, h.Newer...)
		out.Damaged = append(out.Damaged, h.Damaged...)
		out.Cut = out.Cut || h.Cut
	}
	out.settle()
	return out
}

func (h *History) settle() {
	by := map[string]int{}
	var lines []Line
	for _, l := range h.Lines {
		i, ok := by[l.Run]
		switch {
		case !ok:
			by[l.Run] = len(lines)
			lines = append(lines, l)
		case later(&l, &lines[i]):
			lines[i] = l
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Run, b.Run))
	})
	h.Lines, h.Newer, h.Damaged = lines, unique(h.Newer), unique(h.Damaged)
}

// later tells whether a line holds and not one that came before it, of the same run.
func later(l, old *Line) bool {
	if l.Unfinished != old.Unfinished {
		return old.Unfinished
	}
	if l.Judged != old.Judged {
		return l.Judged > old.Judged
	}
	return l.Dir != "" || old.Dir == "" // one that knows of a folder says more
}

// unique drops texts that came before, in their order.
func unique(texts []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(texts, func(s string) bool {
		was := seen[s]
		seen[s] = true
		return was
	})
}

// Append adds a run's line to the file of a folder.
func Append(ctx context.Context, folder string, l Line) error {
	b, err := l.encode()
	if err != nil {
		return err
	}
	return locked(ctx, folder, func() (err error) {
		f, err := os.OpenFile(filepath.Join(folder, FileName), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("open history of nights: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if end, err := f.Seek(0, io.SeekEnd); err == nil && end > 0 { // a writer that died may have left half a line
			last := []byte{0}
			if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
				b = append([]byte{'\n'}, b...)
			}
		}
		if _, err := f.Write(b); err != nil {
			return fmt.Errorf("write history of nights: %w", err)
		}
		return nil
	})
}

// Update replaces the file of a folder by what change makes of it. Nobody else writes to it meanwhile.
func Update(ctx context.Context, folder string, change func(*History) (*History, error)) error {
	return locked(ctx, folder, func() error {
		name := filepath.Join(folder, FileName)
		old, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read history of nights: %w", err)
		}
		h, err := parse(bytes.NewReader(old))
		if err != nil {
			return err
		}
		if h, err = change(h); err != nil {
			return err
		}
		b, err := h.bytes()
		if err != nil || bytes.Equal(b, old) {
			return err
		}
		if err := renameio.WriteFile(name, b, 0o644, renameio.WithTempDir(filepath.Dir(name))); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Base(name), err)
		}
		return nil
	})
}

func (h *History) bytes() ([]byte, error) {
	var b bytes.Buffer
	for i := range h.Lines {
		line, err := h.Lines[i].encode()
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	for _, s := range slices.Concat(h.Newer, h.Damaged) {
		b.WriteString(s + "\n")
	}
	return b.Bytes(), nil
}

// lockWait bounds the wait for another writer, who holds the lock for as long as it takes to write the file.
const lockWait = 30 * time.Second

// locked calls f while nobody else writes to the folder's history.
func locked(ctx context.Context, folder string, f func() error) (err error) {
	lock, err := os.OpenFile(filepath.Join(folder, ".history.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("lock history of nights: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, fmt.Errorf("another process holds %s for longer than %s", lock.Name(), lockWait))
	defer cancel()
	if err := flock.Wait(ctx, lock); err != nil {
		return fmt.Errorf("lock history of nights: %w", err)
	}
	return f()
}
