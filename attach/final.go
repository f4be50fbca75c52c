package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/observer"
)

// ErrRefused is wrapped by errors that a server's refusal makes: it did not let us.
var ErrRefused = errors.New("refused")

// ErrWrite is wrapped where nothing can be written at all.
var ErrWrite = errors.New("nothing can be written")

// ReadKeys reads keys by name on a node, twice, and emits what it holds of them. Nothing else is read.
func ReadKeys(ctx context.Context, n *Node, login access.Access, keys []string, clock func() int64, emit func(*history.Batch)) error {
	_, err := observer.Read(ctx, observer.DumpConfig{Addr: n.Dial, Access: login, Keys: slices.Sorted(slices.Values(keys)), Clock: clock, Emit: emit}, true)
	return refusal(err)
}

// refusal marks an error reply as one. Dumps put it into words, so its own is looked for too.
func refusal(err error) error {
	var reply observer.ReplyError
	if errors.As(err, &reply) || err != nil && strings.Contains(err.Error(), "NOPERM") {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// TryWrite writes a key as the load will, reads it and removes it. Its error says which of it is refused.
func TryWrite(ctx context.Context, n *Node, login access.Access, key string, ttl time.Duration) error {
	c, err := observer.Dial(ctx, n.Dial, login)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	defer c.Close()
	if _, err := c.Do(ctx, "SET", key, "0", "PX", fmt.Sprint(ttl.Milliseconds())); err != nil {
		return fmt.Errorf("%w: SET: %w", ErrWrite, err)
	}
	var errs []error
	for _, cmd := range [][]string{{"GET", key}, {"DEL", key}} {
		if _, err := c.Do(ctx, cmd...); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", cmd[0], err))
		}
	}
	return errors.Join(errs...)
}

// Remove removes keys on a master and says how many are gone.
func Remove(ctx context.Context, n *Node, login access.Access, keys []string) (gone int, err error) {
	c, err := observer.Dial(ctx, n.Dial, login)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for page := range slices.Chunk(keys, 100) {
		cmds := make([][]string, len(page))
		for i, k := range page {
			cmds[i] = []string{"DEL", k} // one a command: in a Cluster they lie in different slots
		}
		vs, err := c.Pipeline(ctx, cmds...)
		if err != nil {
			return gone, err
		}
		for _, v := range vs {
			if e, ok := v.(observer.ReplyError); ok {
				return gone, refusal(e)
			}
			gone++
		}
	}
	return gone, nil
}

// Settings are what a server says of some of its settings; refused is its word where it does not.
func Settings(ctx context.Context, n *Node, login access.Access, names []string) (kv []history.KV, refused error) {
	c, err := observer.Dial(ctx, n.Dial, login)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, name := range names {
		v, err := c.Do(ctx, "CONFIG", "GET", name)
		if err != nil {
			return nil, err
		}
		if l, ok := v.([]any); ok && len(l) == 2 {
			kv = append(kv, history.KV{K: fmt.Sprint(l[0]), V: fmt.Sprint(l[1])})
		}
	}
	return kv, nil
}

// Subscribes tells whether a sentinel lets us hear its events.
func Subscribes(ctx context.Context, n *Node, login access.Access) error {
	c, err := observer.Dial(ctx, n.Dial, login)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do(ctx, "PSUBSCRIBE", "*")
	return err
}
