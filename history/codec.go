package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// codecVersion is the first byte of every encoded batch. Older versions are still read. Version 2 added how long an event lasted, to
// samples what tells of delays, rest and sentinels' views, and the readings of a node. Version 3 added the counters behind Sample.OutputKills
// and what a fault's step was waited for in vain. Version 4 added the views of a Cluster's servers and
// Sample.Fsyncs.
const codecVersion = 4

// ErrCorrupt is what decoding a damaged batch returns.
var ErrCorrupt = errors.New("damaged record batch")

// RoundOut widens an operation's interval to whole microseconds, which is sound (a wider interval never makes a finding) and
// halves what its times take in the file.
func RoundOut(o *Op) {
	const us = 1000
	o.Call -= mod(o.Call, us)
	o.Intended -= mod(o.Intended, us)
	if o.Return != Inf {
		if r := mod(o.Return, us); r != 0 {
			o.Return += us - r
		}
	}
}

func mod(a, m int64) int64 {
	r := a % m
	if r < 0 {
		r += m
	}
	return r
}

// EncodeBatch appends the batch in its compact form to dst.
func EncodeBatch(dst []byte, b *Batch) []byte {
	e := &encoder{buf: append(dst, codecVersion)}
	e.int(int64(b.Source))
	e.uint(b.Seq)
	e.uint(uint64(len(b.Ops)))
	e.keys(b.Keys)
	e.ops(b.Ops)
	e.samples(b.Samples)
	e.events(b.Events)
	e.faults(b.Faults)
	e.dumps(b.Dumps)
	e.readings(b.Readings)
	e.views(b.Views)
	e.watermark(b.Watermark)
	return e.buf
}

// DecodeBatch reads what EncodeBatch wrote. Its error wraps ErrCorrupt.
func DecodeBatch(p []byte) (b *Batch, err error) {
	d := &decoder{buf: p}
	if d.version = d.byte(); (d.version < 1 || d.version > codecVersion) && d.err == nil {
		return nil, fmt.Errorf("%w: version %d, this program reads up to %d", ErrCorrupt, d.version, codecVersion)
	}
	b = &Batch{Source: int32(d.int()), Seq: d.uint()}
	n := d.count(1)
	b.Keys = d.keys()
	b.Ops = d.ops(n, uint32(len(b.Keys)))
	b.Samples = d.samples()
	b.Events = d.events()
	b.Faults = d.faults()
	b.Dumps = d.dumps()
	b.Readings = d.readings()
	b.Views = d.views()
	b.Watermark = d.watermark(uint32(len(b.Keys)))
	if d.err == nil && len(d.buf) != 0 {
		d.fail("trailing bytes")
	}
	if d.err != nil {
		return nil, d.err
	}
	return b, nil
}

type encoder struct {
	buf []byte
	str map[string]uint64 // strings of this batch, by number from 1
}

func (e *encoder) byte(b byte)   { e.buf = append(e.buf, b) }
func (e *encoder) uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)   { e.buf = binary.AppendVarint(e.buf, v) }

func (e *encoder) bool(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

// string writes a string the first time and its number after that.
func (e *encoder) string(s string) {
	if n, ok := e.str[s]; ok {
		e.uint(n)
		return
	}
	if e.str == nil {
		e.str = map[string]uint64{}
	}
	e.str[s] = uint64(len(e.str) + 1)
	e.uint(0)
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// value writes a value in which None and Nil are common: 0 and 1, others shifted out of their way.
func (e *encoder) value(v, base int64) {
	switch v {
	case None:
		e.uint(0)
	case Nil:
		e.uint(1)
	default:
		d := v - base // wraps around, and back when read
		u := uint64(d<<1) ^ uint64(d>>63)
		if u >= math.MaxUint64-2 {
			e.uint(math.MaxUint64)
			e.uint(uint64(v))
			return
		}
		e.uint(u + 2)
	}
}

func (e *encoder) list(l []int64) {
	e.uint(uint64(len(l)))
	prev := int64(0)
	for _, v := range l {
		e.value(v, prev)
		if v != None && v != Nil {
			prev = v
		}
	}
}

type decoder struct {
	buf     []byte
	version byte
	str     []string
	err     error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	d.buf = nil
}

func (d *decoder) byte() byte {
	if len(d.buf) == 0 {
		d.fail("ends early")
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.fail("ends early")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.fail("ends early")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) bool() bool { return d.byte() != 0 }

// count reads a number of items that take at least min bytes each, so that a damaged one cannot ask for all memory.
func (d *decoder) count(min int) int {
	n := d.uint()
	if n > uint64(len(d.buf)/min) {
		d.fail("a count is larger than what follows")
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	n := d.uint()
	if n > 0 {
		if n > uint64(len(d.str)) {
			d.fail("unknown string")
			return ""
		}
		return d.str[n-1]
	}
	l := d.count(1)
	s := string(d.buf[:l])
	d.buf = d.buf[l:]
	d.str = append(d.str, s)
	return s
}

func (d *decoder) value(base int64) int64 {
	switch u := d.uint(); u {
	case 0:
		return None
	case 1:
		return Nil
	case math.MaxUint64:
		return int64(d.uint())
	default:
		u -= 2
		return base + (int64(u>>1) ^ -int64(u&1))
	}
}

func (d *decoder) list() []int64 {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	l := make([]int64, n)
	prev := int64(0)
	for i := range l {
		l[i] = d.value(prev)
		if l[i] != None && l[i] != Nil {
			prev = l[i]
		}
	}
	return l
}

// keys are mostly "prefix:number": the prefix once, and the difference of the numbers.
func (e *encoder) keys(keys []string) {
	e.uint(uint64(len(keys)))
	prev := int64(0)
	for _, k := range keys {
		prefix, n, ok := splitKey(k)
		if !ok {
			e.string(k)
			e.byte(0)
			continue
		}
		e.string(prefix)
		e.byte(1)
		e.int(n - prev)
		prev = n
	}
}

func (d *decoder) keys() []string {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	keys := make([]string, 0, n)
	var name []byte
	prev := int64(0)
	for range n {
		s := d.string()
		if d.byte() == 1 {
			prev += d.int()
			name = strconv.AppendInt(append(name[:0], s...), prev, 10)
			s = string(name)
		}
		keys = append(keys, s)
	}
	return keys
}

// splitKey takes a key apart at its last colon when a canonical number below 10^15 follows it.
func splitKey(k string) (prefix string, n int64, ok bool) {
	i := len(k)
	for i > 0 && k[i-1] >= '0' && k[i-1] <= '9' {
		i--
	}
	digits := k[i:]
	if len(digits) == 0 || len(digits) > 15 || i == 0 || k[i-1] != ':' || (len(digits) > 1 && digits[0] == '0') {
		return "", 0, false
	}
	for _, c := range []byte(digits) {
		n = n*10 + int64(c-'0')
	}
	return k[:i], n, true
}
