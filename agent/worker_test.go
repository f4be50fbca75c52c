//go:build linux

package agent_test

import (
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/schismtest/schism/workloads"
	"github.com/stretchr/testify/require"
)

// A worker's agent runs the load against a server in another container, and its records form a whole history.
func TestWorkerRunsALoad(t *testing.T) {
	r := newRig(t)
	server, worker := r.start(), r.start()
	server.serve("save \"\"")
	addr := server.addr + ":6379"
	job := workloads.Job{Spec: workloads.Spec{Kind: workloads.Register, Writers: 2, Readers: 1, ReadFrom: workloads.Master, Rate: 500},
		Worker: "w1", Writers: 2, Readers: 1, Seed: 1, Servers: map[string]int32{addr: 0}, Master: addr, Version: server.version()}
	worker.refused(wire.OpRun, nil, wire.CodeUsage)
	worker.refused(wire.OpLoad, workloads.Job{}, wire.CodeUsage)
	worker.call(wire.OpLoad, job, nil)
	worker.call(wire.OpRun, nil, nil)
	worker.refused(wire.OpRun, nil, wire.CodeUsage)
	worker.until("operations", func() bool {
		return worker.seen(func(bs []*history.Batch) bool {
			n := 0
			for _, b := range bs {
				n += len(b.Ops)
			}
			return n > 300
		})
	})
	worker.call(wire.OpHalt, nil, nil)
	worker.seen(func(bs []*history.Batch) bool {
		require.True(t, bs[len(bs)-1].Watermark.Final, "the last batch came before the answer to the halt")
		run := &history.Run{Nodes: []history.Node{{Name: "n1", Kind: history.Server, Addr: addr}, {Name: "w1", Kind: history.Worker}}}
		h := history.FromBatches(run, bs)
		require.Empty(t, h.Missing)
		require.Zero(t, h.Cut)
		for i := range h.Ops.Len() {
			o := h.Ops.At(i)
			require.Equal(t, history.OK, o.Outcome, o.Err)
			require.Equal(t, int32(1), o.Worker)
			require.Equal(t, int32(0), o.Node)
			require.Less(t, o.Return, int64(time.Hour))
		}
		return true
	})
	worker.call(wire.OpHalt, nil, nil) // again: nothing to do
}
