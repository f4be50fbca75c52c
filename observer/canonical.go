package observer

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/schismtest/schism/history"
)

// canonical is a key's content in a form that does not depend on where and when it was read, and the integers in it. The same
// content gives the same digest on every node.
type canonical struct {
	h     *xxhash.Digest
	elems []int64
	noInt bool // some element is no integer
	empty bool // nothing was found in it
}

func newCanonical(kind string) *canonical {
	c := &canonical{h: xxhash.New(), elems: []int64{}}
	c.put(kind)
	return c
}

// put adds strings, each behind its length, so that no two sequences of strings run into the same bytes.
func (c *canonical) put(ss ...string) {
	var n [8]byte
	for _, s := range ss {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		_, _ = c.h.Write(n[:])
		_, _ = c.h.WriteString(s)
	}
}

// elem notes one of the workload's values.
func (c *canonical) elem(s string) {
	v, ok := ParseValue(s)
	if !ok {
		c.noInt = true
	}
	if !c.noInt {
		c.elems = append(c.elems, v)
	}
}

// finish adds the expiry and makes the record.
func (c *canonical) finish(key, kind string, expireAt int64, exact bool) history.Dump {
	switch {
	case exact:
		c.put(strconv.FormatInt(expireAt, 10))
	case expireAt >= 0:
		c.put("expires") // when exactly is known only to within the time of asking
	}
	if c.noInt {
		c.elems = nil
	}
	return history.Dump{Key: key, Type: kind, Digest: c.h.Sum64(), ExpireAt: expireAt, Elems: c.elems}
}

// ParseValue reads a workload's value: an integer, alone or padded behind a colon ("123:xxxx").
func ParseValue(s string) (int64, bool) {
	num, _, _ := strings.Cut(s, ":")
	if num == "" || num[0] == '+' {
		return 0, false
	}
	v, err := strconv.ParseInt(num, 10, 64)
	return v, err == nil
}

func canonicalString(v string) *canonical {
	c := newCanonical("string")
	c.put(v)
	c.elem(v)
	return c
}

func canonicalList(vs []string) *canonical {
	c := newCanonical("list")
	c.empty = len(vs) == 0
	for _, v := range vs {
		c.put(v)
		c.elem(v)
	}
	return c
}

// canonicalSet takes members in any order; SSCAN may return one twice.
func canonicalSet(vs []string) *canonical {
	c := newCanonical("set")
	c.empty = len(vs) == 0
	slices.Sort(vs)
	for _, v := range slices.Compact(vs) {
		c.put(v)
		c.elem(v)
	}
	slices.Sort(c.elems)
	return c
}

// canonicalHash takes fields, values and expiry times (-1: none). A bank's fields are account numbers: its balances come in that order;
// those of a hash of elements are their own values.
func canonicalHash(values map[string]string, expires map[string]int64) *canonical {
	c := newCanonical("hash")
	c.empty = len(values) == 0
	fields := make([]string, 0, len(values))
	for f := range values {
		fields = append(fields, f)
		if _, err := strconv.ParseInt(f, 10, 64); err != nil {
			c.noInt = true
		}
	}
	slices.Sort(fields)
	for _, f := range fields {
		c.put(f, values[f])
		if at, ok := expires[f]; ok && at >= 0 {
			c.put("expires", strconv.FormatInt(at, 10))
		}
	}
	if c.noInt {
		return c
	}
	slices.SortFunc(fields, func(a, b string) int {
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return cmp.Compare(x, y)
	})
	for _, f := range fields {
		c.elem(values[f])
	}
	return c
}

// canonicalZSet takes members and scores in turn, in the server's order: by score. Its elements are the members.
func canonicalZSet(pairs []string) *canonical {
	c := newCanonical("zset")
	c.empty = len(pairs) == 0
	c.put(pairs...)
	for i := 0; i < len(pairs); i += 2 {
		c.elem(pairs[i])
	}
	return c
}

// stream is what is compared of a stream. Left out is what servers do not replicate exactly: consumers that hold nothing, when they were
// last seen, how long entries have been idle, and the counters that 7.0 estimates (entries-read, lag).
type stream struct {
	lastID  string
	entries []streamEntry
	groups  []streamGroup
}

type streamEntry struct {
	id     string
	fields []string // names and values in turn
}

type streamGroup struct {
	name, lastDelivered string
	pending             []string // id, consumer, deliveries in turn
}

func canonicalStream(s stream) *canonical {
	c := newCanonical("stream")
	c.put(s.lastID)
	for _, e := range s.entries {
		c.put(e.id, strconv.Itoa(len(e.fields)))
		c.put(e.fields...)
		c.elem(field(e.fields, "v"))
	}
	slices.SortFunc(s.groups, func(a, b streamGroup) int { return cmp.Compare(a.name, b.name) })
	for _, g := range s.groups {
		c.put("group", g.name, g.lastDelivered)
		c.put(g.pending...)
	}
	return c
}

// field finds a value in names and values in turn; empty when it is not there.
func field(pairs []string, name string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == name {
			return pairs[i+1]
		}
	}
	return ""
}

// MaxElems is how many elements a record of a key holds at most; more come in parts.
const MaxElems = 10_000

// split cuts a record into parts. All carry the digest of the whole.
func split(d history.Dump) []history.Dump {
	if len(d.Elems) <= MaxElems {
		d.Last = true
		return []history.Dump{d}
	}
	var out []history.Dump
	for part := range slices.Chunk(d.Elems, MaxElems) {
		p := d
		p.Elems, p.Part = part, int32(len(out)+1)
		out = append(out, p)
	}
	out[len(out)-1].Last = true
	return out
}
