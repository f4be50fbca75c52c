package clients

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

const casScript = `local v = redis.call('get', KEYS[1])
if (v or '') ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2])
return 1`

const transferScript = `local v = tonumber(redis.call('hget', KEYS[1], ARGV[1]) or '0')
if v < tonumber(ARGV[3]) then return 0 end
redis.call('hincrby', KEYS[1], ARGV[1], -ARGV[3])
redis.call('hincrby', KEYS[1], ARGV[2], ARGV[3])
if ARGV[4] ~= '' then redis.call('rpush', KEYS[2], ARGV[4]) end
return 1`

// cas sets a register from In to Arg; Nil is its absence.
func (s *session) cas(ctx context.Context, key string, op *history.Op) (err error) {
	if s.opt.Lua {
		old := ""
		if op.In != history.Nil {
			old = strconv.FormatInt(op.In, 10)
		}
		op.Out, err = s.number(ctx, "eval", casScript, 1, key, old, op.Arg)
		return err
	}
	return s.watch(ctx, key, op, func(tx *redis.Tx) (bool, error) {
		now := history.Nil
		v, err := tx.Get(ctx, key).Result()
		if err == nil {
			now = parseValue(v)
		} else if err != redis.Nil {
			return false, err
		}
		return now == op.In, nil
	}, func(p redis.Pipeliner) {
		p.Set(ctx, key, op.Arg, 0)
	})
}

// transfer moves Arg from account List[0] to List[1] unless that would leave the first below zero, and puts its id on the ledger.
func (s *session) transfer(ctx context.Context, key string, op *history.Op) (err error) {
	from, to := strconv.FormatInt(op.List[0], 10), strconv.FormatInt(op.List[1], 10)
	ledger, id := key, ""
	if op.In != history.None {
		ledger, id = history.LedgerKey(key, op.In), strconv.FormatInt(op.In, 10)
	}
	if s.opt.Lua {
		op.Out, err = s.number(ctx, "eval", transferScript, 2, key, ledger, from, to, op.Arg, id)
		return err
	}
	return s.watch(ctx, key, op, func(tx *redis.Tx) (bool, error) {
		v, err := tx.HGet(ctx, key, from).Int64()
		if err != nil && err != redis.Nil {
			return false, err
		}
		return v >= op.Arg, nil
	}, func(p redis.Pipeliner) {
		p.HIncrBy(ctx, key, from, -op.Arg)
		p.HIncrBy(ctx, key, to, op.Arg)
		if id != "" {
			p.RPush(ctx, ledger, id)
		}
	})
}

// watch runs WATCH, the check, and MULTI/EXEC when it agrees. Out is 1 or 0. Only EXEC writes: what fails before it was not executed.
func (s *session) watch(ctx context.Context, key string, op *history.Op, check func(*redis.Tx) (bool, error), write func(redis.Pipeliner)) error {
	var decided bool
	var failed error
	err := s.rdb.Watch(ctx, func(tx *redis.Tx) error {
		if err := s.ask(ctx, tx); err != nil {
			return err
		}
		agreed, err := check(tx)
		if err != nil {
			return err
		}
		if err := s.ask(ctx, tx); err != nil {
			return err
		}
		decided = true
		if !agreed {
			op.Out = 0
			return nil
		}
		s.sent.Store(false)
		cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			write(p)
			return nil
		})
		op.Out, failed = 1, s.execError(cmds, err)
		return nil
	}, key)
	if !decided {
		s.sent.Store(false)
		return err
	}
	return failed
}

// execError tells an EXEC that failed as a whole from one that was executed: then commands of it may have failed alone, and the
// rest applies. It was executed when a command of it succeeded: go-redis gives those without an error of their own that of EXEC.
// The connection is not used again after an error, since go-redis stops reading replies there.
func (s *session) execError(cmds []redis.Cmder, err error) error {
	if err == nil || err == redis.TxFailedErr {
		return err
	}
	s.drop()
	if reply := redis.Error(nil); errors.As(err, &reply) {
		for _, c := range cmds {
			if c.Err() == nil || c.Err() == redis.Nil {
				return nil
			}
		}
	}
	for _, c := range cmds {
		switch e := c.Err(); {
		case redis.IsExecAbortError(e):
			err = e
		case Classify(e, true).Outcome() == history.Fail:
			return e // why it was refused when it was queued says more than that EXEC was aborted
		}
	}
	return err
}

// balances reads account i into List[i]; an account that is missing is Nil.
func (s *session) balances(ctx context.Context, key string, op *history.Op) error {
	cmd := redis.NewStringSliceCmd(ctx, "hgetall", key)
	if err := s.rdb.Process(ctx, cmd); err != nil {
		return err
	}
	fields := cmd.Val()
	op.List = nil
	for i := 0; i+1 < len(fields); i += 2 {
		n, err := strconv.Atoi(fields[i])
		if err != nil || n < 0 || n > len(fields) {
			return fmt.Errorf("read bank %s: %q is no account", key, fields[i])
		}
		for len(op.List) <= n {
			op.List = append(op.List, history.Nil)
		}
		op.List[n] = parseValue(fields[i+1])
	}
	return nil
}

// txn runs the micro-operations of List in MULTI/EXEC and puts what they read into it.
func (s *session) txn(ctx context.Context, op *history.Op) error {
	mops, ok := history.DecodeMops(op.List)
	if !ok {
		return errors.New("issue transaction: List holds no micro-operations")
	}
	p := s.rdb.TxPipeline()
	for _, m := range mops {
		key := history.TxnKey(m.Key)
		switch m.F {
		case history.FAppend:
			p.RPush(ctx, key, m.In)
		case history.FReadList:
			p.LRange(ctx, key, 0, -1)
		case history.FWrite:
			p.Set(ctx, key, m.In, 0)
		case history.FRead:
			p.Get(ctx, key)
		default:
			return errUnsupported(m.F)
		}
	}
	cmds, err := p.Exec(ctx)
	if err == redis.Nil { // a GET of an absent key, not EXEC
		err = nil
	}
	if err := s.execError(cmds, err); err != nil {
		return err
	}
	done := mops[:0]
	for i, m := range mops {
		if err := cmds[i].Err(); err != nil && err != redis.Nil {
			continue // this one failed alone: it did nothing
		}
		switch c := cmds[i].(type) {
		case *redis.StringSliceCmd:
			m.List = parseValues(c.Val())
		case *redis.StringCmd:
			m.In = history.Nil
			if c.Err() == nil {
				m.In = parseValue(c.Val())
			}
		}
		done = append(done, m)
	}
	op.List = history.EncodeMops(done)
	return nil
}
