// Package guard carries a panic from the goroutine in which it happens to the one that waits for it. A panic that nobody takes ends
// the process with exit code 2, which is "unknown" here; one that is taken becomes exit code 3 and a file with its trace.
//
// What it cannot take are the runtime's fatal errors (a concurrent map write, no memory) and goroutines of libraries: the command ends by
// SIGABRT then.
package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// TraceFile is the name of the file that holds a panic's trace, in a run's folder.
const TraceFile = "panic.txt"

// Panic is a panic that was taken, as an error.
type Panic struct {
	Value any
	Stack []byte // of the goroutine in which it happened
}

// Error implements error, in one line.
func (p *Panic) Error() string {
	return "panic: " + strings.Join(strings.Fields(fmt.Sprint(p.Value)), " ")
}

// Unwrap gives the value, if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Do calls f; a panic in it is returned as a *Panic.
func Do(f func() error) error {
	p, err := call(f)
	if p != nil {
		return p
	}
	return err
}

func call(f func() error) (p *Panic, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *Panic: // of a goroutine that f waited for
			p = v
		default:
			p = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return nil, f()
}

// Save writes the trace into the folder, or beside the system's other temporary files when the folder is "" or cannot be written. It
// returns the file's path.
func (p *Panic) Save(dir string) (string, error) {
	text := append([]byte(p.Error()+"\n\n"), p.Stack...)
	if dir != "" {
		path := filepath.Join(dir, TraceFile)
		if os.WriteFile(path, text, 0o644) == nil {
			return path, nil
		}
	}
	f, err := os.CreateTemp("", "schism-panic-*.txt")
	if err != nil {
		return "", fmt.Errorf("write trace: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write trace: %w", err)
	}
	return f.Name(), nil
}

// Group is an errgroup.Group whose Wait panics with the *Panic of a goroutine that panicked: no owner can take it for an error of its
// own and go on.
type Group struct {
	once  sync.Once
	g     *errgroup.Group
	taken taken
}

// WithContext returns a group and a context that ends with the group's first error or panic.
func WithContext(ctx context.Context) (*Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	return &Group{g: g}, ctx
}

// group makes the zero value useful.
func (g *Group) group() *errgroup.Group {
	g.once.Do(func() {
		if g.g == nil {
			g.g = new(errgroup.Group)
		}
	})
	return g.g
}

// Go calls f in a goroutine of its own.
func (g *Group) Go(f func() error) { g.group().Go(func() error { return g.taken.call(f) }) }

// Wait waits for all goroutines and returns the first error.
func (g *Group) Wait() error {
	err := g.group().Wait()
	g.taken.raise()
	return err
}

// WaitGroup is a sync.WaitGroup whose Wait panics with the *Panic of a goroutine that panicked.
type WaitGroup struct {
	wg    sync.WaitGroup
	taken taken
}

// Go calls f in a goroutine of its own.
func (w *WaitGroup) Go(f func()) {
	w.wg.Go(func() {
		_ = w.taken.call(func() error { f(); return nil })
	})
}

// Wait waits for all goroutines.
func (w *WaitGroup) Wait() {
	w.wg.Wait()
	w.taken.raise()
}

// taken is the first panic of a group's goroutines.
type taken struct {
	mu sync.Mutex
	p  *Panic
}

func (t *taken) call(f func() error) error {
	p, err := call(f)
	if p == nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.p == nil {
		t.p = p
	}
	return p
}

func (t *taken) raise() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.p != nil {
		panic(t.p)
	}
}
