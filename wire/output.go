package wire

import (
	"io"
	"sync"
	"time"
)

// What an agent keeps in memory while its harness does not read.
const (
	maxPending    = 16 << 20
	maxPendingLog = 1 << 20
)

// output numbers frames and writes them in that order. One goroutine writes; put waits only when maxPending bytes wait already.
type output struct {
	w io.Writer

	mu      sync.Mutex
	cond    *sync.Cond
	seq     uint64
	pending []frame
	bytes   int
	writing bool
	broken  bool // the other end is gone, or nobody will read any more: everything is dropped
}

func newOutput(w io.Writer) *output {
	o := &output{w: w}
	o.cond = sync.NewCond(&o.mu)
	return o
}

// put queues a frame and starts the writer when it sleeps. It returns how long it had to wait for room.
func (o *output) put(f frame, wait bool) (held time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if wait && o.bytes > maxPending && !o.broken {
		t := time.Now()
		for o.bytes > maxPending && !o.broken {
			o.cond.Wait()
		}
		held = time.Since(t)
	}
	if o.broken {
		return held
	}
	o.seq++
	f.seq = o.seq
	o.pending = append(o.pending, f)
	o.bytes += len(f.payload) + headerSize
	if !o.writing {
		o.writing = true
		go o.write() // ends as soon as nothing is pending
	}
	return held
}

func (o *output) roomForLog() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes < maxPendingLog && !o.broken
}

func (o *output) write() {
	var buf []byte
	for {
		o.mu.Lock()
		if len(o.pending) == 0 || o.broken {
			o.writing = false
			o.cond.Broadcast()
			o.mu.Unlock()
			return
		}
		fs := o.pending
		o.pending = nil
		o.mu.Unlock()
		for len(fs) > 0 {
			buf = buf[:0]
			n := 0
			for len(fs) > 0 && len(buf) < 256<<10 {
				buf = appendFrame(buf, fs[0])
				n += len(fs[0].payload) + headerSize
				fs[0] = frame{}
				fs = fs[1:]
			}
			_, err := o.w.Write(buf)
			o.mu.Lock()
			o.bytes -= n
			o.broken = o.broken || err != nil
			o.cond.Broadcast()
			o.mu.Unlock()
			if err != nil {
				break
			}
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}

// flush waits until nothing is pending, but not longer than within.
func (o *output) flush(within time.Duration) {
	t := time.AfterFunc(within, o.abandon)
	defer t.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.writing || len(o.pending) > 0) && !o.broken {
		o.cond.Wait()
	}
}

// abandon lets everybody go on who waits for room.
func (o *output) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = true
	o.cond.Broadcast()
}
