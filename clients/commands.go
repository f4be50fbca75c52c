package clients

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

// issue sends the commands of an operation and fills in what they answered.
func (s *session) issue(ctx context.Context, key string, op *history.Op) (err error) {
	switch op.F {
	case history.FWrite:
		return s.write(ctx, key, op)
	case history.FRead, history.FReadExpiring:
		op.Out, err = s.get(ctx, key, history.Nil)
	case history.FReadCounter:
		op.Out, err = s.get(ctx, key, 0)
	case history.FDel:
		op.Out, err = s.number(ctx, "del", key)
	case history.FAdd, history.FRemove, history.FContains, history.FReadSet:
		return s.collection(ctx, key, op)
	case history.FAppend:
		op.Out, err = s.number(ctx, "rpush", key, op.In)
	case history.FReadList:
		op.List, err = s.list(ctx, "lrange", key, 0, -1)
	case history.FIncr:
		op.Out, err = s.number(ctx, "incrby", key, op.In)
	case history.FReadTail:
		return s.readTail(ctx, key, op)
	case history.FExpiring:
		return s.expiring(ctx, key, op)
	case history.FReadLock:
		op.Out, err = s.get(ctx, key, history.Nil)
	case history.FReadQueue:
		return s.readQueue(ctx, key, op)
	case history.FCAS:
		return s.cas(ctx, key, op)
	case history.FTransfer:
		return s.transfer(ctx, key, op)
	case history.FReadBank:
		return s.balances(ctx, key, op)
	case history.FTxn:
		return s.txn(ctx, op)
	case history.FAcquire, history.FRelease, history.FFenced:
		return s.lock(ctx, key, op)
	case history.FEnqueue, history.FDequeue, history.FAck:
		return s.queue(ctx, key, op)
	default:
		return errUnsupported(op.F)
	}
	return err
}

func (s *session) write(ctx context.Context, key string, op *history.Op) error {
	if op.Flags&history.FlagPred == 0 {
		if s.opt.TTL > 0 {
			return s.status(ctx, "set", key, s.value(op.In), "px", s.opt.TTL.Milliseconds())
		}
		return s.status(ctx, "set", key, s.value(op.In))
	}
	if s.opt.TTL > 0 {
		return s.writeExpiring(ctx, key, op)
	}
	var cmd *redis.StringCmd
	if s.setGet {
		cmd = redis.NewStringCmd(ctx, "set", key, s.value(op.In), "get")
	} else {
		cmd = redis.NewStringCmd(ctx, "getset", key, s.value(op.In))
	}
	return s.replaced(op, cmd, s.rdb.Process(ctx, cmd))
}

// writeExpiring writes a register that has a time to live.
func (s *session) writeExpiring(ctx context.Context, key string, op *history.Op) error {
	ms := s.opt.TTL.Milliseconds()
	if s.setGet {
		cmd := redis.NewStringCmd(ctx, "set", key, s.value(op.In), "get", "px", ms)
		return s.replaced(op, cmd, s.rdb.Process(ctx, cmd))
	}
	// Both or none: a key without an end would outlive whoever made it.
	cmd := redis.NewStringCmd(ctx, "getset", key, s.value(op.In))
	_, err := s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		_ = p.Process(ctx, cmd)
		return p.Process(ctx, redis.NewIntCmd(ctx, "pexpire", key, ms))
	})
	return s.replaced(op, cmd, err)
}

// replaced fills in the value that a write has replaced.
func (s *session) replaced(op *history.Op, cmd *redis.StringCmd, err error) error {
	switch err {
	case nil:
		op.Out = parseValue(cmd.Val())
	case redis.Nil:
		op.Out = history.Nil
	default:
		return err
	}
	return nil
}

// value is how a register's value is stored: the number, padded to ValueSize bytes with a colon and xs.
func (s *session) value(v int64) any {
	if s.opt.ValueSize == 0 {
		return v
	}
	s.buf = append(strconv.AppendInt(s.buf[:0], v, 10), ':')
	for len(s.buf) < s.opt.ValueSize {
		s.buf = append(s.buf, 'x')
	}
	return s.buf
}

func (s *session) get(ctx context.Context, key string, absent int64) (int64, error) {
	cmd := redis.NewStringCmd(ctx, "get", key)
	switch err := s.rdb.Process(ctx, cmd); err {
	case nil:
		return parseValue(cmd.Val()), nil
	case redis.Nil:
		return absent, nil
	default:
		return history.None, err
	}
}

func (s *session) status(ctx context.Context, args ...any) error {
	return s.rdb.Process(ctx, redis.NewStatusCmd(ctx, args...))
}

func (s *session) number(ctx context.Context, args ...any) (int64, error) {
	cmd := redis.NewIntCmd(ctx, args...)
	if err := s.rdb.Process(ctx, cmd); err != nil {
		return history.None, err
	}
	return cmd.Val(), nil
}

func (s *session) list(ctx context.Context, args ...any) ([]int64, error) {
	cmd := redis.NewStringSliceCmd(ctx, args...)
	if err := s.rdb.Process(ctx, cmd); err != nil {
		return nil, err
	}
	return parseValues(cmd.Val()), nil
}
