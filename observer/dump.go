package observer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// DumpConfig says what to read.
type DumpConfig struct {
	Addr   string
	Access access.Access // how to get in
	Match  string        // SCAN's pattern; empty: every key of every database
	// Keys are read by name, in database 0, and nothing is scanned for; nil: what Match says.
	Keys  []string
	Clock func() int64
	Emit  func(*history.Batch)
}

// How much is asked for at once: enough to be fast, little enough not to block the server.
const (
	scanCount = 1000
	pageSize  = 2000
	// batchElems is how many elements, and batchKeys how many keys, share a batch of records.
	batchElems = 20_000
	batchKeys  = 1000
)

// NoteInexactExpiry is the name of the EvNote that a server older than 7.0 gets: it does not tell the moment at which a key expires.
const NoteInexactExpiry = "inexact-expiry"

// Dump reads the data set out in canonical form, whole, and says how many keys it has. Keys of database 0 go by their names, others
// are "[db 1] name". It is meant for a server at rest: what changes meanwhile may be seen or not.
func Dump(ctx context.Context, cfg DumpConfig) (int, error) {
	c, err := Dial(ctx, cfg.Addr, cfg.Access)
	if err != nil {
		return 0, fmt.Errorf("dump: %w", err)
	}
	defer c.Close()
	d := &dumper{cfg: cfg, c: c}
	if err := d.run(ctx); err != nil {
		return d.keys, fmt.Errorf("dump: %w", err)
	}
	return d.keys, nil
}

type dumper struct {
	cfg        DumpConfig
	c          *Client
	expireTime bool // PEXPIRETIME, 7.0
	fieldTime  bool // HPEXPIRETIME, Redis 7.4, Valkey 9.0
	inexact    int
	keys       int

	pending []history.Dump
	elems   int
}

func (d *dumper) run(ctx context.Context) error {
	if err := d.learn(ctx); err != nil {
		return err
	}
	if err := d.all(ctx); err != nil {
		return err
	}
	d.flush()
	if d.inexact > 0 {
		text := fmt.Sprintf("%d keys expire; this server does not say when exactly, so only that they do is compared", d.inexact)
		d.cfg.Emit(&history.Batch{Events: []history.Event{{T: d.cfg.Clock(), Kind: history.EvNote, Name: NoteInexactExpiry, Text: text}}})
	}
	return nil
}

// all reads the keys that are named, else every database.
func (d *dumper) all(ctx context.Context) error {
	if d.cfg.Keys != nil {
		return d.read(ctx, 0, d.cfg.Keys)
	}
	dbs, err := d.databases(ctx)
	if err != nil {
		return err
	}
	for _, db := range dbs {
		if err := d.database(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// learn asks which commands there are. Who may not ask is taken to have none of them where keys are read by name.
func (d *dumper) learn(ctx context.Context) error {
	v, err := d.c.Do(ctx, "COMMAND", "INFO", "PEXPIRETIME", "HPEXPIRETIME")
	if refused := ReplyError(""); errors.As(err, &refused) && d.cfg.Keys != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask for commands: %w", err)
	}
	known, _ := v.([]any)
	d.expireTime = len(known) == 2 && known[0] != nil
	d.fieldTime = len(known) == 2 && known[1] != nil
	// A replica of a Cluster answers for its master's slots then; elsewhere it is refused, which changes nothing.
	var refused ReplyError
	if _, err := d.c.Do(ctx, "READONLY"); err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("ask a replica to answer: %w", err)
	}
	return nil
}

// databases are those that hold keys: INFO's lines "db0:keys=...".
func (d *dumper) databases(ctx context.Context) ([]int, error) {
	v, err := d.c.Do(ctx, "INFO", "keyspace")
	if err != nil {
		return nil, fmt.Errorf("ask for databases: %w", err)
	}
	text, _ := v.(string)
	var out []int
	for k := range ParseInfo(text) {
		if num, ok := strings.CutPrefix(k, "db"); ok && isDigits(num) {
			n, _ := strconv.Atoi(num)
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (d *dumper) database(ctx context.Context, db int) error {
	if db != 0 {
		if _, err := d.c.Do(ctx, "SELECT", strconv.Itoa(db)); err != nil {
			return fmt.Errorf("select database %d: %w", db, err)
		}
	}
	args := []string{"COUNT", strconv.Itoa(scanCount)}
	if d.cfg.Match != "" {
		args = append(args, "MATCH", d.cfg.Match)
	}
	keys, err := d.scan(ctx, []string{"SCAN"}, args)
	if err != nil {
		return fmt.Errorf("scan database %d: %w", db, err)
	}
	slices.Sort(keys)
	return d.read(ctx, db, slices.Compact(keys))
}

// read reads keys of a database, page by page.
func (d *dumper) read(ctx context.Context, db int, keys []string) error {
	for page := range slices.Chunk(keys, 500) {
		if err := d.page(ctx, db, page); err != nil {
			return err
		}
	}
	return nil
}

// scan follows a cursor to its end: the command, the cursor, the rest.
func (d *dumper) scan(ctx context.Context, cmd, rest []string) ([]string, error) {
	var out []string
	for cursor := "0"; ; {
		v, err := d.c.Do(ctx, slices.Concat(cmd, []string{cursor}, rest)...)
		if err != nil {
			return nil, err
		}
		a, ok := v.([]any)
		if !ok || len(a) != 2 {
			return nil, ErrProtocol
		}
		if cursor, ok = a[0].(string); !ok {
			return nil, ErrProtocol
		}
		items, err := texts(a[1])
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
		if cursor == "0" {
			return out, nil
		}
	}
}

// texts turns an array reply into strings; integers are written out.
func texts(v any) ([]string, error) {
	a, ok := v.([]any)
	if !ok {
		if e, ok := v.(ReplyError); ok {
			return nil, e
		}
		return nil, ErrProtocol
	}
	out := make([]string, len(a))
	for i, x := range a {
		switch x := x.(type) {
		case string:
			out[i] = x
		case int64:
			out[i] = strconv.FormatInt(x, 10)
		default:
			return nil, ErrProtocol
		}
	}
	return out, nil
}

// TypeElsewhere is the Type of a key that a server of a Cluster holds and does not show: its slot is another's, and it says so. Its value is
// not known.
const TypeElsewhere = "elsewhere"

// elsewhere tells whether a server sent who asked for a key to another one.
func elsewhere(reply any) bool {
	err, ok := reply.(error)
	return ok && (strings.HasPrefix(err.Error(), "MOVED ") || strings.HasPrefix(err.Error(), "ASK "))
}

// page reads types and expiries of some keys at once, then each key's value.
func (d *dumper) page(ctx context.Context, db int, keys []string) error {
	ttl := "PTTL"
	if d.expireTime {
		ttl = "PEXPIRETIME"
	}
	cmds := make([][]string, 0, 2*len(keys))
	for _, k := range keys {
		cmds = append(cmds, []string{"TYPE", k}, []string{ttl, k})
	}
	head, err := d.c.Pipeline(ctx, cmds...)
	if err != nil {
		return fmt.Errorf("read types: %w", err)
	}
	now := time.Now().UnixMilli()
	read, err := d.short(ctx, keys, head)
	if err != nil {
		return err
	}
	for i, k := range keys {
		kind, ok1 := head[2*i].(string)
		at, ok2 := head[2*i+1].(int64)
		if elsewhere(head[2*i]) {
			d.keys++
			c := newCanonical(TypeElsewhere)
			c.noInt = true
			d.put(c.finish(k, TypeElsewhere, -1, true))
			continue
		}
		if !ok1 || !ok2 {
			return fmt.Errorf("read type of %q: %v, %v", k, head[2*i], head[2*i+1])
		}
		if kind == "none" {
			continue // expired meanwhile
		}
		c := read[i]
		if c == nil {
			if c, err = d.value(ctx, kind, k); err != nil {
				return fmt.Errorf("read %s %q: %w", kind, k, err)
			}
		}
		if c.empty && kind != "stream" {
			continue // it expired between the two looks: no server keeps an empty one
		}
		if !d.expireTime && at >= 0 {
			at += now
			d.inexact++
		}
		name := k
		if db != 0 {
			name = fmt.Sprintf("[db %d] %s", db, k)
		}
		d.keys++
		d.put(c.finish(name, kind, at, d.expireTime))
	}
	return nil
}

// short reads those of the keys in one go that are strings or short lists: most keys of most data sets are.
func (d *dumper) short(ctx context.Context, keys []string, head []any) ([]*canonical, error) {
	out := make([]*canonical, len(keys))
	var cmds [][]string
	var at []int
	for i, k := range keys {
		switch head[2*i] {
		case "string":
			cmds, at = append(cmds, []string{"GET", k}), append(at, i)
		case "list":
			cmds, at = append(cmds, []string{"LRANGE", k, "0", strconv.Itoa(pageSize - 1)}), append(at, i)
		}
	}
	vs, err := d.c.Pipeline(ctx, cmds...)
	if err != nil {
		return nil, fmt.Errorf("read strings and lists: %w", err)
	}
	for j, v := range vs {
		i := at[j]
		switch v := v.(type) {
		case string:
			out[i] = canonicalString(v)
		case nil:
			head[2*i] = "none"
		case []any:
			list, err := texts(v)
			if err != nil {
				return nil, fmt.Errorf("read list %q: %w", keys[i], err)
			}
			if len(list) < pageSize { // a longer one is read page by page
				out[i] = canonicalList(list)
			}
		default:
			return nil, fmt.Errorf("read %s %q: %v", head[2*i], keys[i], v)
		}
	}
	return out, nil
}

func (d *dumper) put(whole history.Dump) {
	for _, p := range split(whole) {
		d.pending = append(d.pending, p)
		d.elems += len(p.Elems)
		if d.elems >= batchElems || len(d.pending) >= batchKeys {
			d.flush()
		}
	}
}

func (d *dumper) flush() {
	if len(d.pending) > 0 {
		d.cfg.Emit(&history.Batch{Dumps: d.pending})
		d.pending, d.elems = nil, 0
	}
}
