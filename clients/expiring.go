package clients

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

// expiring sets a key with a time to live, together with its entry in the ledger where FlagLedger asks for one. A server that cannot tell
// what was replaced (before 6.2) takes FlagPred off the operation.
func (s *session) expiring(ctx context.Context, key string, op *history.Op) error {
	args := []any{"set", key, op.In, "px", op.Arg / int64(time.Millisecond)}
	if !s.setGet {
		op.Flags &^= history.FlagPred
	}
	if op.Flags&history.FlagPred != 0 {
		args = append(args, "get")
	}
	if op.Flags&history.FlagLedger == 0 {
		if op.Flags&history.FlagPred == 0 {
			return s.status(ctx, args...)
		}
		cmd := redis.NewStringCmd(ctx, args...)
		return s.replaced(op, cmd, s.rdb.Process(ctx, cmd))
	}
	p := s.rdb.TxPipeline()
	set := redis.NewStringCmd(ctx, args...)
	_ = p.Process(ctx, set) // queued; Exec tells
	p.RPush(ctx, history.LedgerKey(key, op.In), op.In)
	cmds, err := p.Exec(ctx)
	if err == redis.Nil { // SET..GET replaced nothing; EXEC was answered
		err = nil
	}
	if err := s.execError(cmds, err); err != nil {
		return err
	}
	for _, c := range cmds {
		if err := c.Err(); err != nil && err != redis.Nil {
			return err
		}
	}
	if op.Flags&history.FlagPred == 0 {
		return nil
	}
	return s.replaced(op, set, set.Err())
}
