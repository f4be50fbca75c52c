//go:build linux

package agent

import (
	"encoding/json"

	"github.com/schismtest/schism/wire"
)

// newRunner makes the workload that a job describes.
func newRunner(_ json.RawMessage, _ *emitter) (runner, error) {
	return nil, wire.Coded(wire.CodeUnavailable, "this agent has no workloads")
}
