package checker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// waitRun is one write at 10 to 20 that is followed by WAIT or WAITAOF, on n1, which n2 follows; samples at 0, 30 and 60.
func waitRun(o history.Op, edit func(h *history.History)) *history.History {
	o.Call, o.Return, o.Intended = 10, 20, 10
	h := tinyRun(map[string][]int64{"k0": {1}}, o)
	for i := range h.Samples {
		s := &h.Samples[i]
		s.Call = int64(i/2) * 30
		s.Return = s.Call + 1
	}
	h.Events[1].T, h.Events[2].T, h.Events[3].T, h.End = 70, 71, 72, 80
	if edit != nil {
		edit(h)
	}
	return h
}

func resultOf(t *testing.T, h *history.History) result.Result {
	t.Helper()
	a, err := Check(h, Options{})
	require.NoError(t, err)
	return a.Result
}

// WAITAOF came early only where it surely did: whoever may have fsynced in any way is not accused.
func TestWaitAOFEarly(t *testing.T) {
	add := func(replicas int32, local bool) history.Op {
		o := write(1, history.None, 1, 2)
		o.Acked, o.Flags = replicas, history.FlagAOF
		if local {
			o.Flags |= history.FlagLocal
		}
		return o
	}
	all := func(h *history.History, f func(n *history.Node)) {
		f(&h.Run.Nodes[0])
		f(&h.Run.Nodes[1])
	}
	for name, c := range map[string]struct {
		op     history.Op
		fsyncs []int64 // by sample, of both servers
		edit   func(h *history.History)
		early  int64
		looked bool
	}{
		"it had fsynced":                       {add(0, true), []int64{100, 110, 120}, nil, 0, true},
		"it had not":                           {add(0, true), []int64{100, 100, 120}, nil, 1, true},
		"nor had the replica":                  {add(1, false), []int64{100, 100, 120}, nil, 1, true},
		"neither: one reply, one case":         {add(1, true), []int64{100, 100, 120}, nil, 1, true},
		"it counted nobody":                    {add(0, false), []int64{100, 100, 120}, nil, 0, false},
		"it never ran again":                   {add(0, true), []int64{100, 100, 100}, nil, 0, false},
		"its threads are not known":            {add(0, true), []int64{-1, -1, -1}, nil, 0, false},
		"a record from elsewhere":              {add(0, true), []int64{0, 0, 0}, nil, 0, false},
		"known only later":                     {add(0, true), []int64{0, 0, 120}, nil, 0, false},
		"not known before":                     {add(0, true), []int64{-1, 100, 120}, nil, 0, false},
		"a rewrite went on after it":           {add(0, true), []int64{100, -1, 100}, nil, 0, false},
		"it was another process":               {add(0, true), []int64{100, 100, 120}, func(h *history.History) { h.Samples[0].RunID = "z" }, 0, false},
		"it ran again as another process":      {add(0, true), []int64{100, 100, 120}, func(h *history.History) { h.Samples[4].RunID = "z" }, 0, false},
		"it fsyncs as it serves":               {add(0, true), []int64{100, 100, 120}, func(h *history.History) { all(h, func(n *history.Node) { n.Settings[1].V = "always" }) }, 0, false},
		"how it fsyncs is not told":            {add(0, true), []int64{100, 100, 120}, func(h *history.History) { all(h, func(n *history.Node) { n.Settings = nil }) }, 0, false},
		"a replica without a file":             {add(1, false), []int64{100, 110, 120}, func(h *history.History) { h.Run.Nodes[1].Settings[0].V = "no" }, 1, true},
		"more replicas than there are":         {add(2, false), []int64{100, 110, 120}, nil, 1, true},
		"a replica that lacks the write":       {add(1, false), []int64{100, 110, 120}, func(h *history.History) { h.Samples[3].Offset = h.Samples[0].Offset }, 1, true},
		"WAIT is another matter":               {func() history.Op { o := add(1, false); o.Flags = 0; return o }(), []int64{100, 100, 120}, nil, 0, false},
		"a write that failed, its WAITAOF too": {failed(add(0, true)), []int64{100, 100, 120}, nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := waitRun(c.op, func(h *history.History) {
				fsynced(h, c.fsyncs...)
				if c.edit != nil {
					c.edit(h)
				}
			})
			r := resultOf(t, h)
			require.Equal(t, c.early, countOf(r, "waitaof_early"))
			require.Equal(t, c.looked, slices.Contains(r.Looked, "waitaof_early"))
		})
	}
}

// A looked-at sample must lie around the write: one that was called before the reply may be older than the fsync.
func TestWaitAOFLooksAroundTheWrite(t *testing.T) {
	o := write(1, history.None, 1, 2)
	o.Acked, o.Flags = 0, history.FlagAOF|history.FlagLocal
	h := fsynced(waitRun(o, nil), 100, 100, 120)
	for i := range h.Samples[2:4] {
		h.Samples[2+i].Call = 19 // before the reply: it is not the look after it
	}
	require.Zero(t, countOf(resultOf(t, h), "waitaof_early"))
}

// A replica of a replica cannot be counted by the master's WAIT; one that may have followed the master can.
func TestWaitCountsTheMastersOwnReplicas(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(s *history.Sample)
		want int64
	}{
		"it follows the other replica": {func(s *history.Sample) { s.MasterAddr = "2:1" }, 1},
		"it follows the master":        {func(s *history.Sample) { s.MasterAddr = "1:1" }, 0},
		"it changed over": {func(s *history.Sample) {
			s.MasterAddr = "2:1"
			if s.Call > 0 {
				s.MasterAddr = "1:1"
			}
		}, 0},
		"it changed over just now": {func(s *history.Sample) {
			s.MasterAddr = "1:1"
			if s.Call > 0 {
				s.MasterAddr = "2:1"
			}
		}, 0},
		"it had no link":            {func(s *history.Sample) { s.MasterAddr, s.LinkUp = "2:1", false }, 0},
		"nobody knows whom that is": {func(s *history.Sample) { s.MasterAddr = "9:1" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := write(1, history.None, 1, 2)
			o.Acked = 2
			h := waitRun(o, func(h *history.History) {
				h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "n3", Kind: history.Server, Addr: "3:1", Role: history.RoleReplica})
				for i := 1; i < 6; i += 2 {
					s := h.Samples[i]
					s.Node = 3
					c.edit(&s)
					h.Samples = append(h.Samples, s)
				}
				h.Dumps = append(h.Dumps, history.Dump{Node: 3, Key: "k0", Type: h.Dumps[0].Type, Digest: 1, ExpireAt: -1, Elems: []int64{1}})
			})
			r := resultOf(t, h)
			require.Equal(t, c.want, countOf(r, "wait_impossible"))
			require.Contains(t, r.Looked, "wait_impossible")
		})
	}
}

// WAIT may answer early only with what it was asked for.
func TestWaitCutShort(t *testing.T) {
	counted := func(n int32, flags history.Flag) history.Op {
		o := write(1, history.None, 1, 2)
		o.Acked, o.Flags = n, flags
		return o
	}
	for name, c := range map[string]struct {
		op   history.Op
		work string
		edit func(h *history.History)
		want int64
	}{
		"early and short":         {counted(1, 0), `{"wait":2,"wait_timeout":1000}`, nil, 1},
		"early with all":          {counted(1, 0), `{"wait":1,"wait_timeout":1000}`, nil, 0},
		"short when time was up":  {counted(1, 0), `{"wait":2,"wait_timeout":19}`, nil, 0},
		"no reply, or an error":   {counted(0, 0), `{"wait":2,"wait_timeout":1000}`, nil, 0},
		"nothing is known of it":  {counted(1, 0), ``, nil, 0},
		"its time is not known":   {counted(1, 0), `{"wait":2}`, nil, 0},
		"WAITAOF without its own": {counted(1, history.FlagAOF), `{"wait_aof":{"local":1,"replicas":1},"wait_timeout":1000}`, nil, 1},
		"WAITAOF with its own":    {counted(0, history.FlagAOF|history.FlagLocal), `{"wait_aof":{"local":1},"wait_timeout":1000}`, nil, 0},
		"the machine slept": {counted(1, 0), `{"wait":2,"wait_timeout":1000}`, func(h *history.History) {
			h.Events = append(h.Events, history.Event{Node: history.NoNode, T: 15, Dur: 9, Kind: history.EvStall, Name: history.StallSuspended})
		}, 0},
		"it was made a replica": {counted(1, 0), `{"wait":2,"wait_timeout":1000}`, func(h *history.History) { h.Samples[2].Role = history.RoleReplica }, 0},
		"it was restarted":      {counted(1, 0), `{"wait":2,"wait_timeout":1000}`, func(h *history.History) { h.Samples[2].RunID = "z" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := waitRun(c.op, func(h *history.History) {
				waiting(h, c.work)
				if c.edit != nil {
					c.edit(h)
				}
			})
			require.Equal(t, c.want, countOf(resultOf(t, h), "wait_cut_short"))
		})
	}
}

// Short WAITs are a share of all that were sent, and what they counted stands in the result.
func TestShortWaits(t *testing.T) {
	short := write(1, history.None, 1, 2)
	short.Acked = 1
	full := write(2, history.None, 3, 4)
	full.Acked = 2
	h := waiting(tinyRun(map[string][]int64{"k0": {2}}, short, full), `{"wait":2,"wait_timeout":2}`)
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.InDelta(t, 0.5, measured(t, a, "wait_short"), 0)
	require.Equal(t, &result.Waited{Command: "WAIT 2", Waits: 2, Short: 1}, a.Result.Causes.Waited)
	require.Nil(t, resultOf(t, tinyRun(map[string][]int64{"k0": {1}}, write(1, history.None, 1, 2))).Causes.Waited)
}
