package clients

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/schismtest/schism/history"
)

// block is how long a consumer waits on an empty queue or stream.
const (
	block        = 50 * time.Millisecond
	blockSeconds = "0.05"
)

// queue puts elements on a list or stream, takes them off into work, and acknowledges them.
func (s *session) queue(ctx context.Context, key string, op *history.Op) error {
	if isStream(key) {
		return s.stream(ctx, key, op)
	}
	work := "qp:" + s.opt.Consumer + ":" + keyNumber(key)
	var cmd *redis.StringCmd
	var err error
	switch {
	case op.F == history.FEnqueue:
		op.Out, err = s.number(ctx, "lpush", key, op.In)
		return err
	case op.F == history.FAck:
		op.Out, err = s.number(ctx, "lrem", work, -1, op.In)
		return err
	case op.Arg == 1: // what is still in work since its delivery was not answered or not acknowledged
		cmd = redis.NewStringCmd(ctx, "lindex", work, -1)
	case s.opt.atLeast(6, 2):
		cmd = redis.NewStringCmd(ctx, "blmove", key, work, "right", "left", blockSeconds)
	default:
		cmd = redis.NewStringCmd(ctx, "brpoplpush", key, work, blockSeconds)
	}
	switch err := s.rdb.Process(ctx, cmd); err {
	case nil:
		op.Out = parseValue(cmd.Val())
	case redis.Nil:
		op.Out = history.Nil
	default:
		return err
	}
	return nil
}

func (s *session) stream(ctx context.Context, key string, op *history.Op) (err error) {
	var got []redis.XMessage
	switch {
	case op.F == history.FEnqueue:
		op.Out = history.None
		return s.rdb.Process(ctx, redis.NewStringCmd(ctx, "xadd", key, "*", "v", op.In))
	case op.F == history.FAck:
		op.Out, err = s.number(ctx, "xack", key, Group, s.entries[op.In])
		if err == nil {
			delete(s.entries, op.In)
		}
		return err
	case op.Arg == 1:
		got, err = s.claim(ctx, key)
	default:
		cmd := redis.NewXStreamSliceCmd(ctx, "xreadgroup", "group", Group, s.opt.Consumer, "count", 1,
			"block", int64(block/time.Millisecond), "streams", key, ">")
		err = s.rdb.Process(ctx, cmd)
		if v := cmd.Val(); err == nil && len(v) > 0 {
			got = v[0].Messages
		}
	}
	if err != nil && err != redis.Nil {
		return err
	}
	op.Out = history.Nil
	for _, m := range got {
		v, _ := m.Values["v"].(string)
		op.Out = parseValue(v)
		if s.entries == nil {
			s.entries = map[int64]string{}
		}
		s.entries[op.Out] = m.ID
	}
	return nil
}

// claim takes over one entry that has been in work for too long.
func (s *session) claim(ctx context.Context, key string) ([]redis.XMessage, error) {
	if s.opt.atLeast(6, 2) {
		got, _, err := s.rdb.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: key, Group: Group, Consumer: s.opt.Consumer,
			MinIdle: s.opt.ClaimAfter, Start: "0-0", Count: 1}).Result()
		return got, err
	}
	waiting, err := s.rdb.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: key, Group: Group, Start: "-", End: "+", Count: 1}).Result()
	s.sent.Store(false) // looking takes nothing
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	if err := s.ask(ctx, s.rdb); err != nil {
		return nil, err
	}
	return s.rdb.XClaim(ctx, &redis.XClaimArgs{Stream: key, Group: Group, Consumer: s.opt.Consumer,
		MinIdle: s.opt.ClaimAfter, Messages: []string{waiting[0].ID}}).Result()
}
