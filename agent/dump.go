//go:build linux

package agent

import (
	"context"

	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
)

// dump sends the canonical content of the data set, read twice where that is asked for, and says how many keys it has.
func (a *Agent) dump(ctx context.Context, d wire.DumpArgs) (any, error) {
	addr, login, err := a.server()
	if err != nil {
		return nil, err
	}
	return observer.Read(ctx, observer.DumpConfig{Addr: addr, Access: login, Match: d.Match, Clock: a.emit.now, Emit: a.emit.batch}, d.Twice)
}
