package schism

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// logFiles keeps each node's output in a file of its own.
type logFiles struct {
	mu    sync.Mutex
	dir   string
	files map[int32]*os.File
	name  func(node int32) string
	err   error
}

// openLogs makes the folder; name is a node's, for its file.
func openLogs(dir string, name func(int32) string) (*logFiles, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create log folder: %w", err)
	}
	return &logFiles{dir: dir, files: map[int32]*os.File{}, name: name}, nil
}

// write adds a piece of a node's output.
func (l *logFiles) write(node int32, chunk []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.files[node]
	if f == nil {
		var err error
		if f, err = os.OpenFile(filepath.Join(l.dir, l.name(node)+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err != nil {
			l.err = errors.Join(l.err, err)
			return
		}
		l.files[node] = f
	}
	if _, err := f.Write(chunk); err != nil {
		l.err = errors.Join(l.err, err)
	}
}

// Close closes all files and returns what failed.
func (l *logFiles) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	l.files = map[int32]*os.File{}
	if err != nil {
		return fmt.Errorf("write node logs: %w", err)
	}
	return nil
}
