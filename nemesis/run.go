package nemesis

import (
	"context"
	"errors"
	"math/rand"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// Cluster is the deployment that faults are injected into: its nodes by number, and a way to ask each one's agent.
type Cluster interface {
	Nodes() []history.Node
	Call(ctx context.Context, node int, op wire.Op, args, out any) (wire.Stamps, error)
}

// Config is what Run needs.
type Config struct {
	Schedule Schedule
	Cluster  Cluster
	Live     *history.Live
	// Rand draws what the schedule leaves open; a schedule without random steps needs none.
	Rand *rand.Rand
	// Clock is the present moment on the run's clock, ns; LoadStart is the beginning of the load on it.
	Clock     func() int64
	LoadStart int64
	// HoldUntil is the moment before which faults without an end are not healed, ns; 0: when all else is done.
	HoldUntil int64
	// Record takes each fault's record at each of its stages.
	Record func(history.Fault)
	// Progress takes one line for people at each stage; nil: nobody listens.
	Progress func(text string)
}

// Run carries the schedule out.
func Run(ctx context.Context, c Config) error {
	return errors.New("not there yet")
}
