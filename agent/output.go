//go:build linux

package agent

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// tailSize is how much of its output is remembered of a server, to say why it ended.
const tailSize = 4 << 10

// output takes what the server writes, as fast as it comes: a server is never held up by who reads its log.
type output struct {
	emit *emitter
	srv  *wire.Server
	// mask cleans what the server writes of secrets before anything else sees it: servers print the line of their config that they do
	// not take.
	mask *conf.Stream

	mu      sync.Mutex
	last    []byte
	line    []byte // the beginning of a line whose end has not come
	dropped int
	events  int // recorded of this process, but for those of LogBuffer
	buffers int // those
}

func newOutput(e *emitter, srv *wire.Server, m conf.Masker) *output {
	return &output{emit: e, srv: srv, mask: m.Stream()}
}

// read reads until all holders of the pipe's other end are gone.
func (o *output) read(r *os.File) {
	defer r.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			o.take(o.mask.Take(buf[:n]))
		}
		if err != nil {
			o.take(o.mask.Rest())
			return
		}
	}
}

func (o *output) take(b []byte) {
	if len(b) == 0 {
		return
	}
	for _, ev := range o.scan(b) {
		o.emit.batch(&history.Batch{Events: []history.Event{ev}})
	}
	o.mu.Lock()
	dropped := o.dropped
	o.mu.Unlock()
	if o.srv.Log(append([]byte(nil), b...)) {
		if dropped > 0 {
			o.emit.event(history.EvNote, "dropped-log", fmt.Sprintf("%d bytes of output were dropped: the harness did not read", dropped))
			dropped = 0
		}
	} else {
		dropped += len(b)
	}
	o.mu.Lock()
	o.dropped = dropped
	o.mu.Unlock()
}

// scan keeps the tail and finds the lines that matter.
func (o *output) scan(b []byte) []history.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(o.last, b...)
	if len(o.last) > 2*tailSize {
		o.last = append(o.last[:0], o.last[len(o.last)-tailSize:]...)
	}
	var evs []history.Event
	text := string(o.line) + string(b)
	for {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			break
		}
		text = rest
		kind, name := history.EvLog, classifyLine(line)
		if name == "" {
			kind, name = history.EvCluster, clusterStep(line)
		}
		count := &o.events
		if name == history.LogBuffer { // thousands of them must not crowd out a crash
			count = &o.buffers
		}
		if name == "" || *count >= history.MostLogEvents {
			continue
		}
		*count++
		evs = append(evs, history.Event{T: o.emit.now(), Kind: kind, Name: name, Text: clip(line, 500)})
	}
	o.line = append(o.line[:0], clip(text, 8<<10)...)
	return evs
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.last[max(0, len(o.last)-tailSize):])
}

// lastLines are the last lines of a text, whole ones where they fit, without empty ones at the end.
func lastLines(s string, lines, size int) string {
	s = strings.TrimRight(s, "\r\n \t")
	at := len(s)
	for ; lines > 0 && at > 0; lines-- {
		at = strings.LastIndexByte(s[:at], '\n')
		if at < 0 {
			at = 0
		}
	}
	s = strings.TrimLeft(s[at:], "\n")
	if len(s) > size {
		s = s[len(s)-size:]
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	return strings.ToValidUTF8(s, "?")
}

// classifyLine names the class of a line of a server's output that matters; empty for all others.
func classifyLine(line string) string {
	for _, p := range [...]struct{ class, text string }{
		{"sanitizer", "AddressSanitizer"},
		{"sanitizer", "UndefinedBehaviorSanitizer"},
		{"sanitizer", "ThreadSanitizer"},
		{"sanitizer", "LeakSanitizer"},
		{"sanitizer", "runtime error:"},
		{"assertion", "ASSERTION FAILED"},
		{"assertion", "Guru Meditation"},
		{"crash", "BUG REPORT START"},
		{"crash", "crashed by signal"},
		{"oom", "Out Of Memory"},
		{"oom", "Cannot allocate memory"},
		{"config", "FATAL CONFIG FILE ERROR"},
		{"config", "Fatal error, can't open config file"},
		{"corruption", "Bad file format reading the append only file"},
		{"corruption", "Unexpected end of file reading the append only file"},
		{"corruption", "Wrong RDB checksum"},
		{"corruption", "Short read or OOM loading DB"},
		{"disk", "No space left on device"},
		{"disk", "MISCONF"},
		{history.LogBuffer, "overcoming of output buffer limits"},
	} {
		if strings.Contains(line, p.text) {
			return p.class
		}
	}
	return ""
}
