package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/schismtest/schism/history"
)

// Formats of histories that Open reads.
const (
	FormatSchism    = "schism"
	FormatJSONL     = "jsonl"
	FormatEDN       = "edn"
	FormatJSON      = "json"
	FormatJepsenLog = "jepsen-log"
)

// Formats are all of them.
func Formats() []string {
	return []string{FormatSchism, FormatJSONL, FormatEDN, FormatJSON, FormatJepsenLog}
}

// Open reads a history: the folder of a run, its history file, or a file from elsewhere. The kind is told by its content unless
// format names it. model is what an imported one was read as; for ours it stays as in o.
func Open(path, format string, o ImportOptions) (h *history.History, model string, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, errors.Unwrap(err))
	}
	if st.IsDir() {
		h, err = history.Load(path)
		return h, o.Model, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("open history: %w", err)
	}
	defer f.Close()
	if format == "" {
		head := make([]byte, 4096)
		n, err := io.ReadFull(f, head)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
		if format, err = detect(head[:n]); err != nil {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
	}
	switch format {
	case FormatSchism:
		h, err = openFile(path)
		model = o.Model
	case FormatJSONL:
		h, err = ReadJSONL(f)
		model = o.Model
	case FormatEDN:
		h, model, err = ImportEDN(f, o)
	case FormatJSON:
		h, model, err = ImportJSON(f, o)
	case FormatJepsenLog:
		h, model, err = ImportJepsenLog(f, o)
	default:
		return nil, "", fmt.Errorf("no format is called %q; there are %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return h, model, nil
}

// openFile reads a history file of ours. Without run.json beside it nobody knows its workers, and so not whether all they did is there.
func openFile(path string) (*history.History, error) {
	run, err := history.LoadRun(filepath.Dir(path))
	alone := errors.Is(err, fs.ErrNotExist)
	switch {
	case alone:
		run = &history.Run{Schema: history.RunSchema}
	case err != nil:
		return nil, err
	}
	h, err := history.LoadFile(run, path)
	if err == nil && alone && h.Torn == "" {
		h.Torn = history.RunFile + " is not beside it, so that nobody knows whether it is whole"
	}
	return h, err
}

// detect tells a format by how the file begins.
func detect(head []byte) (string, error) {
	if history.IsFile(head) {
		return FormatSchism, nil
	}
	if bytes.HasPrefix(head, []byte("PAR1")) {
		return "", fmt.Errorf("files of Parquet are written and not read: they lack what a verdict needs; export JSON Lines or EDN: %w", history.ErrNotHistory)
	}
	text := bytes.TrimLeft(head, " \t\r\n,")
	for bytes.HasPrefix(text, []byte(";")) { // an EDN comment
		_, rest, _ := bytes.Cut(text, []byte("\n"))
		text = bytes.TrimLeft(rest, " \t\r\n,")
	}
	if len(text) == 0 {
		return "", fmt.Errorf("the file is empty: %w", history.ErrNotHistory)
	}
	inner := bytes.TrimLeft(text[1:], " \t\r\n")
	line, _, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case bytes.HasPrefix(text, []byte("INFO")) && bytes.Contains(text, []byte("jepsen.util")):
		return FormatJepsenLog, nil
	case text[0] == '[' && bytes.HasPrefix(inner, []byte("{")) && bytes.HasPrefix(bytes.TrimLeft(inner[1:], " \t\r\n"), []byte(`"`)):
		return FormatJSON, nil
	case text[0] == '{' && bytes.HasPrefix(inner, []byte(`"`)):
		if bytes.Contains(line, []byte(`"type"`)) && !bytes.Contains(line, []byte(`"call"`)) && !bytes.Contains(line, []byte(`"record"`)) {
			return FormatJSON, nil
		}
		return FormatJSONL, nil
	case text[0] == '{', text[0] == '[', text[0] == '#', text[0] == '(', text[0] == '^':
		return FormatEDN, nil
	}
	return "", history.ErrNotHistory
}
