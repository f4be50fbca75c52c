package observer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// value reads a key that is no string, in pages, so that no reply is large.
func (d *dumper) value(ctx context.Context, kind, key string) (*canonical, error) {
	switch kind {
	case "list":
		vs, err := d.ranged(ctx, pageSize, 1, func(from, to string) []string { return []string{"LRANGE", key, from, to} })
		return canonicalList(vs), err
	case "set":
		vs, err := d.scan(ctx, []string{"SSCAN", key}, []string{"COUNT", strconv.Itoa(scanCount)})
		return canonicalSet(vs), err
	case "hash":
		return d.hash(ctx, key)
	case "zset":
		vs, err := d.ranged(ctx, pageSize, 2, func(from, to string) []string { return []string{"ZRANGE", key, from, to, "WITHSCORES"} })
		return canonicalZSet(vs), err
	case "stream":
		s, err := d.stream(ctx, key)
		return canonicalStream(s), err
	}
	return d.serialized(ctx, kind, key)
}

// serialized stands in for types that are not known here: the server's own serialization, which is the same on the same version.
func (d *dumper) serialized(ctx context.Context, kind, key string) (*canonical, error) {
	v, err := d.c.Do(ctx, "DUMP", key)
	if err != nil {
		return nil, err
	}
	s, _ := v.(string)
	c := newCanonical(kind)
	c.put(s)
	c.noInt = true
	return c, nil
}

// ranged reads a sequence by index, page by page; each element is per strings.
func (d *dumper) ranged(ctx context.Context, page, per int, cmd func(from, to string) []string) ([]string, error) {
	var out []string
	for from := 0; ; from += page {
		v, err := d.c.Do(ctx, cmd(strconv.Itoa(from), strconv.Itoa(from+page-1))...)
		if err != nil {
			return nil, err
		}
		vs, err := texts(v)
		if err != nil {
			return nil, err
		}
		out = append(out, vs...)
		if len(vs) < page*per {
			return out, nil
		}
	}
}

func (d *dumper) hash(ctx context.Context, key string) (*canonical, error) {
	pairs, err := d.scan(ctx, []string{"HSCAN", key}, []string{"COUNT", strconv.Itoa(scanCount)})
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(pairs)/2)
	fields := make([]string, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, ok := values[pairs[i]]; !ok {
			fields = append(fields, pairs[i])
		}
		values[pairs[i]] = pairs[i+1]
	}
	expires := map[string]int64{}
	if d.fieldTime {
		for page := range slices.Chunk(fields, pageSize) {
			v, err := d.c.Do(ctx, slices.Concat([]string{"HPEXPIRETIME", key, "FIELDS", strconv.Itoa(len(page))}, page)...)
			if err != nil {
				return nil, err
			}
			times, ok := v.([]any)
			if !ok || len(times) != len(page) {
				return nil, ErrProtocol
			}
			for i, f := range page {
				if at, ok := times[i].(int64); ok && at >= 0 {
					expires[f] = at
				}
			}
		}
	}
	return canonicalHash(values, expires), nil
}

func (d *dumper) stream(ctx context.Context, key string) (stream, error) {
	var s stream
	info, err := d.c.Do(ctx, "XINFO", "STREAM", key)
	if err != nil {
		return s, err
	}
	s.lastID, _ = lookup(info, "last-generated-id").(string)
	for from := "-"; ; {
		v, err := d.c.Do(ctx, "XRANGE", key, from, "+", "COUNT", strconv.Itoa(pageSize))
		if err != nil {
			return s, err
		}
		entries, ok := v.([]any)
		if !ok {
			return s, ErrProtocol
		}
		for _, e := range entries {
			entry, err := streamEntryOf(e)
			if err != nil {
				return s, err
			}
			s.entries = append(s.entries, entry)
		}
		if len(entries) < pageSize {
			break
		}
		if from, err = nextID(s.entries[len(s.entries)-1].id); err != nil {
			return s, err
		}
	}
	s.groups, err = d.groups(ctx, key)
	return s, err
}

func streamEntryOf(v any) (streamEntry, error) {
	a, ok := v.([]any)
	if !ok || len(a) != 2 {
		return streamEntry{}, ErrProtocol
	}
	id, ok := a[0].(string)
	if !ok {
		return streamEntry{}, ErrProtocol
	}
	fields, err := texts(a[1])
	return streamEntry{id: id, fields: fields}, err
}

func (d *dumper) groups(ctx context.Context, key string) ([]streamGroup, error) {
	v, err := d.c.Do(ctx, "XINFO", "GROUPS", key)
	if err != nil {
		return nil, err
	}
	infos, ok := v.([]any)
	if !ok {
		return nil, ErrProtocol
	}
	var out []streamGroup
	for _, info := range infos {
		var g streamGroup
		g.name, _ = lookup(info, "name").(string)
		g.lastDelivered, _ = lookup(info, "last-delivered-id").(string)
		if g.pending, err = d.pendingEntries(ctx, key, g.name); err != nil {
			return nil, fmt.Errorf("group %q: %w", g.name, err)
		}
		out = append(out, g)
	}
	return out, nil
}

// pendingEntries are id, consumer and number of deliveries of a group's entries that were not acknowledged.
func (d *dumper) pendingEntries(ctx context.Context, key, group string) ([]string, error) {
	var out []string
	for from := "-"; ; {
		v, err := d.c.Do(ctx, "XPENDING", key, group, from, "+", strconv.Itoa(pageSize))
		if err != nil {
			return nil, err
		}
		entries, ok := v.([]any)
		if !ok {
			return nil, ErrProtocol
		}
		for _, e := range entries {
			f, err := texts(e) // id, consumer, idle ms, deliveries
			if err != nil || len(f) != 4 {
				return nil, ErrProtocol
			}
			out = append(out, f[0], f[1], f[3])
		}
		if len(entries) < pageSize {
			return out, nil
		}
		if from, err = nextID(out[len(out)-3]); err != nil {
			return nil, err
		}
	}
}

// lookup finds a value in an array of names and values in turn.
func lookup(v any, name string) any {
	a, _ := v.([]any)
	for i := 0; i+1 < len(a); i += 2 {
		if a[i] == name {
			return a[i+1]
		}
	}
	return nil
}

var errStreamID = errors.New("entry id is no id")

// nextID is the least stream id after id: exclusive ranges came with 6.2 only.
func nextID(id string) (string, error) {
	ms, seq, ok := strings.Cut(id, "-")
	m, err1 := strconv.ParseUint(ms, 10, 64)
	n, err2 := strconv.ParseUint(seq, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return "", fmt.Errorf("%w: %q", errStreamID, id)
	}
	if n == math.MaxUint64 {
		return fmt.Sprintf("%d-0", m+1), nil
	}
	return fmt.Sprintf("%d-%d", m, n+1), nil
}
