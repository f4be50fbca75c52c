package checker

import (
	"math"

	"github.com/schismtest/schism/history"
)

// counter reads one of a server's own counters from a sample; -1 where it is not told. Each begins at 0 with the process.
type counter func(m *history.Sample) int64

// The counters that measures and evictions are read from.
func fullSyncs(m *history.Sample) int64    { return m.SyncFull }
func partialSyncs(m *history.Sample) int64 { return m.SyncPartialOK }
func turnedDown(m *history.Sample) int64   { return m.SyncPartErr }
func outputKills(m *history.Sample) int64  { return m.OutputKills }
func refusedOOM(m *history.Sample) int64   { return m.RefusedOOM }

func evictedKeys(m *history.Sample) int64 {
	if !m.Rest.Known {
		return -1
	}
	return m.Rest.Evicted
}

func expiredKeys(m *history.Sample) int64 {
	if !m.Rest.Known {
		return -1
	}
	return m.Rest.Expired
}

// growth is by how much a counter grew: at least lo, at most hi.
type growth struct {
	lo, hi float64
	known  bool // some sample told it
}

// grew is by how much a node's counter grew between two moments, over all of its processes. unseen is what a process may have counted
// between its last answer and its end.
func (s *states) grew(n int32, of counter, from, to int64, unseen float64) growth {
	var g growth
	run, last := "", int64(-1) // last is the counter at the sample before, -1 before the first
	first, alive := true, true
	for _, m := range s.byNode[n] {
		if m.Call > to {
			break
		}
		if !m.Answered {
			alive = alive && m.Up
			continue
		}
		v := of(m)
		if v < 0 {
			continue
		}
		g.known = true
		switch {
		case m.Return <= from:
			last = v // what was before
		case first && last < 0: // it may have begun long before
			last = v
			g.hi += float64(v)
		case m.RunID != run || v < last: // another process, or its counters were set back
			g.lo += float64(v)
			g.hi += float64(v) + unseen
			last = v
		default:
			g.lo += float64(v - last)
			g.hi += float64(v - last)
			last = v
		}
		run, first, alive = m.RunID, false, true
	}
	if g.known && !alive {
		g.hi += unseen
	}
	return g
}

// sumOf adds the growth of a counter on all servers, strangers too; it is known where any server tells it.
func (s *states) sumOf(of counter, from, to int64, unseen float64) growth {
	var sum growth
	for n := range s.byNode {
		if len(s.byNode[n]) == 0 {
			continue
		}
		g := s.grew(int32(n), of, from, to, unseen)
		if !g.known {
			sum.hi = math.Inf(1)
			continue
		}
		sum.lo, sum.hi, sum.known = sum.lo+g.lo, sum.hi+g.hi, true
	}
	return sum
}
