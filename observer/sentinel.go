package observer

import (
	"context"
	"fmt"
	"time"

	"github.com/schismtest/schism/history"
)

// subscribe records Sentinel's events until ctx ends, connecting again whenever the connection breaks.
func subscribe(ctx context.Context, cfg Config) {
	retry := time.NewTicker(cfg.Interval)
	defer retry.Stop()
	for {
		if up, _ := cfg.Proc(); up {
			_ = listen(ctx, cfg) // it breaks when the sentinel dies: the samples tell
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return
		}
	}
}

func listen(ctx context.Context, cfg Config) error {
	c, err := dialWithin(ctx, cfg, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	defer c.bind(ctx)()
	if err := c.Send([]string{"PSUBSCRIBE", "*"}); err != nil {
		return err
	}
	for {
		v, err := c.Receive()
		if err != nil {
			return err
		}
		now := cfg.Clock()
		e, ok := sentinelEvent(v)
		if !ok {
			continue
		}
		e.T = now
		cfg.Emit(&history.Batch{Events: []history.Event{e}})
	}
}

func dialWithin(ctx context.Context, cfg Config, d time.Duration) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	c, err := Dial(ctx, cfg.Addr, cfg.Access)
	if err != nil {
		return nil, fmt.Errorf("connect to sentinel: %w", err)
	}
	return c, nil
}

// sentinelEvent reads a pmessage: [pmessage, pattern, channel, text].
func sentinelEvent(v any) (history.Event, bool) {
	m, ok := v.([]any)
	if !ok || len(m) != 4 || m[0] != "pmessage" {
		return history.Event{}, false
	}
	name, ok1 := m[2].(string)
	text, ok2 := m[3].(string)
	if !ok1 || !ok2 {
		return history.Event{}, false
	}
	return history.Event{Kind: history.EvSentinel, Name: name, Text: text}, true
}
