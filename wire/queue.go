package wire

import (
	"context"
	"fmt"
	"sync"
)

// Bounds of what waits for a slow handler. Logs are expendable; records beyond their bound are reported as lost, which makes the
// run an error, but the stream is read on: an attach stream that is not read stops its container for good.
const (
	maxQueuedRecords = 512 << 20
	maxQueuedLogs    = 8 << 20
)

// item is one thing for the handler; exactly one field is set, but seq.
type item struct {
	records []byte
	seq     uint64
	log     []byte
	lost    string
}

// queue holds what was read until the handler has taken it. push never waits.
type queue struct {
	mu      sync.Mutex
	items   []item
	wake    chan struct{} // capacity 1
	closed  bool
	in, out uint64        // items pushed, handled
	moved   chan struct{} // closed and replaced when out moves
	bytes   struct{ records, logs int }
	dropped struct{ records, logs int }
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), moved: make(chan struct{})}
}

func (q *queue) push(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case it.log != nil:
		if q.bytes.logs+len(it.log) > maxQueuedLogs {
			q.dropped.logs += len(it.log)
			return
		}
		q.bytes.logs += len(it.log)
	case it.records != nil:
		if q.bytes.records+len(it.records) > maxQueuedRecords {
			q.dropped.records++
			return
		}
		q.bytes.records += len(it.records)
	}
	if n := q.dropped.records; n > 0 {
		q.dropped.records = 0
		q.add(item{lost: fmt.Sprintf("%d batches dropped: the handler was more than %d MiB behind", n, maxQueuedRecords>>20)})
	}
	if n := q.dropped.logs; n > 0 && it.log != nil {
		q.dropped.logs = 0
		q.add(item{log: fmt.Appendf(nil, "\n[%d bytes of output dropped: the reader was behind]\n", n)})
	}
	q.add(it)
}

func (q *queue) add(it item) {
	q.items = append(q.items, it)
	q.in++
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// end lets pop return false when everything was popped.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := q.dropped.records; n > 0 {
		q.add(item{lost: fmt.Sprintf("%d batches dropped: the handler was more than %d MiB behind", n, maxQueuedRecords>>20)})
	}
	q.closed = true
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for the next item; false when the queue has ended.
func (q *queue) pop() (item, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			it := q.items[0]
			q.items[0] = item{}
			q.items = q.items[1:]
			q.bytes.records -= len(it.records)
			q.bytes.logs = max(0, q.bytes.logs-len(it.log))
			q.mu.Unlock()
			return it, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return item{}, false
		}
		<-q.wake
	}
}

// handled says that the item popped last is done with.
func (q *queue) handled() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out++
	close(q.moved)
	q.moved = make(chan struct{})
}

// pushed is how many items were pushed so far.
func (q *queue) pushed() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.in
}

// reached returns when the first n items were handled.
func (q *queue) reached(ctx context.Context, n uint64) error {
	for {
		q.mu.Lock()
		done, moved := q.out >= n, q.moved
		q.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for the handler of records: %w", ctx.Err())
		}
	}
}
