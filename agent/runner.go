//go:build linux

package agent

import (
	"encoding/json"

	"github.com/schismtest/schism/wire"
	"github.com/schismtest/schism/workloads"
)

// newRunner makes the workload that a job describes.
func newRunner(job json.RawMessage, e *emitter) (runner, error) {
	var j workloads.Job
	if err := json.Unmarshal(job, &j); err != nil {
		return nil, wire.Coded(wire.CodeUsage, "read job: %w", err)
	}
	r, err := workloads.NewRunner(j, e.now, e.batch)
	if err != nil {
		return nil, wire.Coded(wire.CodeUsage, "%w", err)
	}
	return r, nil
}
