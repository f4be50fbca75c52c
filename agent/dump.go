//go:build linux

package agent

import (
	"context"

	"github.com/schismtest/schism/observer"
	"github.com/schismtest/schism/wire"
)

// dump sends the canonical content of the data set and says how many keys it has.
func (a *Agent) dump(ctx context.Context, d wire.DumpArgs) (any, error) {
	addr, pass, err := a.server()
	if err != nil {
		return nil, err
	}
	return observer.Dump(ctx, observer.DumpConfig{Addr: addr, Password: pass, Match: d.Match, Clock: a.emit.now, Emit: a.emit.batch})
}
