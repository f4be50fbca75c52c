package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/internal/words"
)

// Output rules of progress: on a terminal one line that is rewritten, cut to its width; elsewhere a plain line a step, and a
// heartbeat every 10 s in which nothing was said, so that CI sees life.

// heartbeat is the longest silence where there is no terminal.
const heartbeat = 10 * time.Second

type progress struct {
	mu    sync.Mutex
	w     io.Writer
	tty   bool
	width int
	start time.Time
	last  schism.Progress
	said  time.Time
	stop  chan struct{}
	ticks guard.WaitGroup
}

// newProgress starts to print to w until end is called.
func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now(), width: 80, stop: make(chan struct{})}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.tty = true
		if cols, _, err := term.GetSize(int(f.Fd())); err == nil && cols > 20 {
			p.width = cols
		}
	}
	p.ticks.Go(p.tick)
	return p
}

func (p *progress) tick() {
	every := heartbeat
	if p.tty {
		every = time.Second
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.beat()
		case <-p.stop:
			return
		}
	}
}

func (p *progress) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tty || time.Since(p.said) >= heartbeat {
		p.print()
	}
}

// show takes a step in.
func (p *progress) show(s schism.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = s
	p.print()
}

func (p *progress) print() {
	if p.last.Phase == "" {
		return
	}
	p.said = time.Now()
	line := fmt.Sprintf("%4.0fs  %-8s %s", time.Since(p.start).Seconds(), p.last.Phase, words.Line(p.last.Text))
	if !p.tty {
		fmt.Fprintln(p.w, line)
		return
	}
	if r := []rune(line); len(r) >= p.width {
		line = string(r[:p.width-1])
	}
	fmt.Fprintf(p.w, "\r\x1b[2K%s", line)
}

// end stops printing and clears the line.
func (p *progress) end() {
	close(p.stop)
	p.ticks.Wait()
	if p.tty {
		fmt.Fprint(p.w, "\r\x1b[2K")
	}
}

// isTerminal reports whether colour makes sense on w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}
