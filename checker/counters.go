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

// uncounted is what a process may have counted between its last answer and its end, at most.
type uncounted func(last *history.Sample) float64

func nothing(*history.Sample) float64  { return 0 }
func anything(*history.Sample) float64 { return math.Inf(1) }

// oneEach: a server may have begun one resync more with each other server, which asks once a second at most; one without replicas has
// none that would ask.
func (s *states) oneEach(last *history.Sample) float64 {
	if last.Role == history.RoleReplica && last.Connected == 0 {
		return 0
	}
	return float64(max(0, len(s.servers)-1))
}

// grew is by how much a node's counter grew between two moments, over all of its processes.
func (s *states) grew(n int32, of counter, from, to int64, more uncounted) growth {
	var g growth
	var before *history.Sample // the sample before that told it
	run, last := "", int64(-1) // the counter at that sample, -1 before the first
	first, alive := true, true
	for _, m := range s.byNode[n] {
		if m.Call > to {
			break
		}
		if !m.Answered {
			alive = alive && m.Up && s.h.Run.Attached == nil
			continue
		}
		v := of(m)
		if v < 0 {
			if m.Return <= from { // what a process tells only later, as it does the first error of a kind, it had not counted before
				run, last, first, before = m.RunID, 0, false, m
			}
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
			g.hi += float64(v) + more(before)
			last = v
		default:
			g.lo += float64(v - last)
			g.hi += float64(v - last)
			last = v
		}
		run, first, alive, before = m.RunID, false, true, m
	}
	if g.known && !alive {
		g.hi += more(before)
	}
	return g
}

// sumOf adds the growth of a counter on all servers, strangers too; it is known where any server tells it.
func (s *states) sumOf(of counter, from, to int64, more uncounted) growth {
	var sum growth
	for n := range s.byNode {
		if len(s.byNode[n]) == 0 {
			continue
		}
		g := s.grew(int32(n), of, from, to, more)
		if !g.known {
			sum.hi = math.Inf(1)
			continue
		}
		sum.lo, sum.hi, sum.known = sum.lo+g.lo, sum.hi+g.hi, true
	}
	return sum
}
