package checker

import (
	"cmp"
	"slices"

	"github.com/schismtest/schism/history"
)

// lagMost bounds every replica's lag within the load, in bytes and ns: from one look to the next it had at least what the first one
// found, and its master at most what the master's first look after the second found. ok is false where a look before or after is
// missing, or the replica was another process or on another branch by then: nothing bounds it there.
func (s *states) lagMost() (bytes, age int64, ok bool) {
	from, to := load(s.h)
	for _, n := range s.servers {
		var prev *history.Sample
		for _, m := range s.byNode[n] {
			if !m.Answered || m.Return < from || m.Call > to {
				continue
			}
			if prev != nil && prev.Role == history.RoleReplica && m.Role == history.RoleReplica {
				b, a, told := s.lagBetween(prev, m)
				if !told {
					return 0, 0, false
				}
				bytes, age = max(bytes, b), max(age, a)
			} else if prev != nil && (prev.Role == history.RoleReplica || m.Role == history.RoleReplica) {
				return 0, 0, false // it changed its role in between
			}
			prev = m
		}
	}
	return bytes, age, true
}

// lagBetween bounds one replica's lag from one look to the next.
func (s *states) lagBetween(a, b *history.Sample) (bytes, age int64, ok bool) {
	if a.RunID != b.RunID || a.ReplID != b.ReplID {
		return 0, 0, false
	}
	for _, n := range s.withAt(a.Node, a.Call).servers {
		ms := s.byNode[n]
		at, _ := slices.BinarySearchFunc(ms, b.Return, func(m *history.Sample, t int64) int { return cmp.Compare(m.Call, t) })
		for ; at < len(ms) && !ms[at].Answered; at++ {
		}
		if at == len(ms) || ms[at].Role != history.RoleMaster || ms[at].ReplID != b.ReplID {
			continue
		}
		bytes = max(0, ms[at].Offset-a.Offset)
		if bytes == 0 {
			return 0, 0, true
		}
		// The master left the replica's first offset no earlier than at its last look that did not go beyond it.
		for at--; at >= 0; at-- {
			if m := ms[at]; m.Answered && m.ReplID == a.ReplID && m.Offset <= a.Offset {
				return bytes, b.Return - m.Call, true
			}
		}
		return 0, 0, false
	}
	return 0, 0, false
}
