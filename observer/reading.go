package observer

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/schismtest/schism/history"
)

// Read dumps a server once, or with twice two times, and says how many keys it had the first time. Of the second reading only what differs
// is emitted: at rest, that is a reply that was not true.
func Read(ctx context.Context, cfg DumpConfig, twice bool) (int, error) {
	r := reading{number: 1, clock: cfg.Clock, wall: func() int64 { return time.Now().UnixNano() }, emit: cfg.Emit}
	if twice {
		r.seen = map[string]uint64{}
	}
	cfg.Emit = r.take
	read := func() (int, error) {
		r.begin()
		keys, err := Dump(ctx, cfg)
		if err == nil {
			r.end(keys)
		}
		return keys, err
	}
	keys, err := read()
	if err != nil || !twice {
		return keys, err
	}
	r.number = 2
	if _, err := read(); err != nil {
		return 0, err
	}
	return keys, nil
}

// reading stamps what one reading of a node says. The first one's digests are kept where there is to be a second, of which only what
// differs is passed on. It is used by one goroutine.
type reading struct {
	number int32
	clock  func() int64 // the run's, ns
	wall   func() int64 // Unix ns
	emit   func(*history.Batch)

	seen           map[string]uint64 // digests by key: what the first reading saw and the second has not yet; nil: there is no second
	again          map[string]bool   // keys whose parts are coming in the second
	call, wallCall int64
}

func (r *reading) begin() { r.call, r.wallCall = r.clock(), r.wall() }

// take passes a batch on. Its keys were read since the reading began, and before now.
func (r *reading) take(b *history.Batch) {
	if r.number == 2 {
		b.Events = nil // what is to be said of the server was said by the first
		b.Dumps = slices.DeleteFunc(b.Dumps, r.same)
		if len(b.Dumps) == 0 {
			return
		}
	}
	now := r.clock()
	for i := range b.Dumps {
		d := &b.Dumps[i]
		d.Read, d.ReadCall, d.ReadReturn = r.number, r.call, now
		if r.number == 1 && r.seen != nil {
			r.seen[d.Key] = d.Digest
		}
	}
	r.emit(b)
}

// same tells whether the second reading says of a key what the first said. All parts of a big key carry the digest of the whole.
func (r *reading) same(d history.Dump) bool {
	if d.Part > 1 {
		return !r.again[d.Key]
	}
	first, ok := r.seen[d.Key]
	delete(r.seen, d.Key)
	if ok && first == d.Digest {
		return true
	}
	if r.again == nil {
		r.again = map[string]bool{}
	}
	r.again[d.Key] = true
	return false
}

// end closes a reading. What the second did not find any more is said to be absent.
func (r *reading) end(keys int) {
	now, wall := r.clock(), r.wall()
	b := &history.Batch{Readings: []history.Reading{{Read: r.number, Call: r.call, Return: now, WallCall: r.wallCall, WallReturn: wall, Keys: int64(keys)}}}
	if r.number == 2 {
		for _, k := range slices.Sorted(maps.Keys(r.seen)) {
			b.Dumps = append(b.Dumps, history.Dump{Key: k, Type: "none", ExpireAt: -1, Last: true, Read: 2, ReadCall: r.call, ReadReturn: now})
		}
	}
	r.emit(b)
}
