//go:build linux

package agent

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/schismtest/schism/wire"
)

// reach connects to all addresses at once. A refusal is an answer too: packets go there and come back, which is what a healed
// partition must show, whether or not a server runs there.
func reach(ctx context.Context, a wire.ReachArgs) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.TimeoutMS)*time.Millisecond)
	defer cancel()
	out := make([]string, len(a.Addrs))
	var wg sync.WaitGroup
	for i, addr := range a.Addrs {
		wg.Go(func() {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			switch {
			case err == nil:
				_ = c.Close()
			case !errors.Is(err, syscall.ECONNREFUSED):
				out[i] = err.Error()
			}
		})
	}
	wg.Wait()
	return out
}
