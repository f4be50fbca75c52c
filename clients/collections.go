package clients

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

// collection adds, removes, asks for and reads the elements of what holds a set of them: a set, a hash ("h:"), a sorted set ("z:").
// A hash holds an element as a field with itself as value, a sorted set as a member with itself as score: elements are below 2^53, which a
// score tells exactly.
func (s *session) collection(ctx context.Context, key string, op *history.Op) (err error) {
	kind := "s"
	if strings.HasPrefix(key, "h:") || strings.HasPrefix(key, "z:") {
		kind = key[:1]
	}
	switch op.F {
	case history.FAdd:
		args := map[string][]any{"s": {"sadd", key, op.In}, "h": {"hset", key, op.In, op.In}, "z": {"zadd", key, op.In, op.In}}[kind]
		op.Out, err = s.number(ctx, args...)
	case history.FRemove:
		op.Out, err = s.number(ctx, map[string]any{"s": "srem", "h": "hdel", "z": "zrem"}[kind], key, op.In)
	case history.FContains:
		if kind == "s" {
			op.Out, err = s.number(ctx, "sismember", key, op.In)
			return err
		}
		op.Out, err = s.beside(ctx, map[string]any{"h": "hget", "z": "zscore"}[kind], key, op.In)
	default:
		if kind == "s" {
			op.List, err = s.list(ctx, "smembers", key)
		} else {
			args := map[string][]any{"h": {"hgetall", key}, "z": {"zrange", key, 0, -1, "withscores"}}[kind]
			op.List, err = s.list(ctx, args...)
			op.List = paired(op.List)
		}
		slices.Sort(op.List)
	}
	return err
}

// beside reads what stands beside an element: 1 when it is the element itself, 0 when there is nothing, Foreign otherwise.
func (s *session) beside(ctx context.Context, command any, key string, element int64) (int64, error) {
	cmd := redis.NewStringCmd(ctx, command, key, element)
	switch err := s.rdb.Process(ctx, cmd); err {
	case nil:
	case redis.Nil:
		return 0, nil
	default:
		return history.None, err
	}
	if parseValue(cmd.Val()) != element {
		return Foreign, nil
	}
	return 1, nil
}

// paired are the elements of a reply that names each with what stands beside it; Foreign where that is not the element itself.
func paired(pairs []int64) []int64 {
	out := pairs[:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i]
		if pairs[i+1] != v {
			v = Foreign
		}
		out = append(out, v)
	}
	return out
}

// readQueue reads a queue or stream whole, oldest first.
func (s *session) readQueue(ctx context.Context, key string, op *history.Op) (err error) {
	if isStream(key) {
		cmd := redis.NewXMessageSliceCmd(ctx, "xrange", key, "-", "+")
		err = s.rdb.Process(ctx, cmd)
		op.List = messageValues(cmd.Val())
		return err
	}
	op.List, err = s.list(ctx, "lrange", key, 0, -1)
	slices.Reverse(op.List) // what is taken next is at the end
	return err
}

// readTail reads the length of a list, queue or stream and its newest elements, at one moment.
func (s *session) readTail(ctx context.Context, key string, op *history.Op) error {
	p := s.rdb.TxPipeline()
	var length *redis.IntCmd
	var newest func() []int64
	switch {
	case isStream(key):
		length = p.XLen(ctx, key)
		cmd := p.XRevRangeN(ctx, key, "+", "-", op.In)
		newest = func() []int64 { return reversed(messageValues(cmd.Val())) }
	case isQueue(key): // elements are put in on the left
		length = p.LLen(ctx, key)
		cmd := p.LRange(ctx, key, 0, op.In-1)
		newest = func() []int64 { return reversed(parseValues(cmd.Val())) }
	default:
		length = p.LLen(ctx, key)
		cmd := p.LRange(ctx, key, -op.In, -1)
		newest = func() []int64 { return parseValues(cmd.Val()) }
	}
	cmds, err := p.Exec(ctx)
	if err := s.execError(cmds, err); err != nil {
		return err
	}
	for _, c := range cmds { // what failed alone has read nothing
		if c.Err() != nil {
			return c.Err()
		}
	}
	op.Out, op.List = length.Val(), newest()
	op.Arg = op.Out - int64(len(op.List))
	return nil
}

func reversed(vs []int64) []int64 {
	slices.Reverse(vs)
	return vs
}

func isStream(key string) bool { return strings.HasPrefix(key, "x:") }

func isQueue(key string) bool { return strings.HasPrefix(key, "q:") }

// messageValues are the values of a stream's entries.
func messageValues(ms []redis.XMessage) []int64 {
	out := make([]int64, len(ms))
	for i, m := range ms {
		v, _ := m.Values["v"].(string)
		out[i] = parseValue(v)
	}
	return out
}
