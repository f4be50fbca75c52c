package checker

import (
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// lagMax sums up one replica's lag, or all replicas'.
type lagMax struct {
	bytes, age int64
	sum        float64
	n          int
}

func (l lagMax) mean() float64 {
	if l.n == 0 {
		return 0
	}
	return l.sum / float64(l.n)
}

// measureLag compares each replica's own offset with its master's, sampled together, under one replication id. A deposed master's
// own branch is no lag: it is marked as a branch, with the bytes that nobody else holds.
func measureLag(s *states, a *result.Analysis) map[int32]lagMax {
	out := map[int32]lagMax{}
	for _, n := range s.servers {
		var last *history.Sample // what the node said last
		for _, m := range s.byNode[n] {
			switch {
			case m.Answered && !m.Loading:
				last = m
			case m.Up && !m.Answered && s.h.Run.Attached == nil && last != nil && last.Role == history.RoleReplica:
				// A server that does not answer over loopback takes nothing from its master either: it stands where it stood.
				silent := *last
				silent.Call, silent.Return = m.Call, m.Return
				m = &silent
			default:
				continue
			}
			p, ok := s.lagOf(m)
			if !ok {
				continue
			}
			a.Lag = append(a.Lag, p)
			if p.Branch {
				continue
			}
			for _, k := range []int32{n, history.NoNode} {
				l, ok := out[k]
				if !ok {
					l = lagMax{age: -1}
				}
				l.bytes, l.age = max(l.bytes, p.Bytes), max(l.age, p.Age)
				l.sum += float64(p.Bytes)
				l.n++
				out[k] = l
			}
		}
	}
	return out
}

// lagOf is a sample's lag; ok is false where it has none: a rightful master, or a replica of a master that does not answer.
func (s *states) lagOf(m *history.Sample) (result.LagPoint, bool) {
	p := result.LagPoint{Node: m.Node, T: m.Call, Age: -1}
	if m.Role == history.RoleMaster {
		for _, pr := range s.withAt(m.Node, m.Call).promoted {
			if pr.replID == m.ReplID && pr.node != m.Node && m.Call > pr.t && m.Offset > pr.offset {
				p.Bytes, p.Branch = m.Offset-pr.offset, true
				return p, true
			}
		}
		return p, false
	}
	for _, n := range s.withAt(m.Node, m.Call).servers {
		if n == m.Node {
			continue
		}
		ref := s.at(n, m.Call)
		if ref == nil || ref.Role != history.RoleMaster || ref.ReplID != m.ReplID || m.Call-ref.Return > int64(1e9) {
			continue
		}
		p.Bytes = max(0, ref.Offset-m.Offset)
		p.Age = 0
		if p.Bytes > 0 {
			p.Age = s.age(n, m)
		}
		return p, true
	}
	return p, false
}

// age is how long ago the master's offset reached the replica's present one, ns.
func (s *states) age(master int32, m *history.Sample) int64 {
	ms := s.byNode[master]
	lo, hi := 0, len(ms) // offsets under one replication id only grow
	for lo < hi {
		mid := (lo + hi) / 2
		if r := ms[mid]; r.Call < m.Call && (!r.Answered || r.ReplID != m.ReplID || r.Offset < m.Offset) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(ms) {
		return 0
	}
	return max(0, m.Call-ms[lo].Call)
}
