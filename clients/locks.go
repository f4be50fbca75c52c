package clients

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

const acquireScript = `if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('incr', KEYS[2])`

const releaseScript = `if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])`

const fencedScript = `if tonumber(redis.call('get', KEYS[1]) or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('set', KEYS[1], ARGV[1])
return 1`

// lock takes a lock, gives it back, or writes to the resource behind it.
func (s *session) lock(ctx context.Context, key string, op *history.Op) (err error) {
	n := keyNumber(key)
	switch op.F {
	case history.FRelease:
		op.Out, err = s.number(ctx, "eval", releaseScript, 1, key, op.In)
		return err
	case history.FFenced:
		op.Out, err = s.number(ctx, "eval", fencedScript, 1, "w:"+n, op.In)
		return err
	}
	ms := op.Arg / int64(time.Millisecond)
	if s.opt.Fencing {
		op.Out, err = s.number(ctx, "eval", acquireScript, 2, key, "f:"+n, op.In, ms)
	} else {
		op.Out = history.None
		err = s.status(ctx, "set", key, op.In, "nx", "px", ms)
	}
	if err == redis.Nil { // somebody else holds it
		op.Out, err = history.Nil, nil
	}
	return err
}
