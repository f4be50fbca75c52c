package attach

import (
	"sort"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
)

// Meter says how far replicas are behind while the watch goes on. The checker computes what is judged; this is for the eye.
type Meter struct {
	mu      sync.Mutex
	last    map[int32]history.Sample // the latest of each node
	said    map[int32]history.Sample // the latest that was answered
	masters map[string][]point       // by replication id: what its master's offset was
	ops, ok int64
}

// point is a master's offset at a moment, ns.
type point struct{ t, offset int64 }

// kept is how many points of a master are kept: at ten a second, the last quarter of an hour.
const kept = 9000

// NewMeter makes one.
func NewMeter() *Meter {
	return &Meter{last: map[int32]history.Sample{}, said: map[int32]history.Sample{}, masters: map[string][]point{}}
}

// Observe takes a batch in.
func (m *Meter) Observe(b *history.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Ops {
		m.ops++
		if b.Ops[i].Outcome == history.OK {
			m.ok++
		}
	}
	for _, s := range b.Samples {
		m.last[s.Node] = s
		if !s.Answered {
			continue
		}
		m.said[s.Node] = s
		if s.Role == history.RoleMaster && s.ReplID != "" {
			ps := append(m.masters[s.ReplID], point{s.Call, s.Offset})
			if len(ps) > kept {
				ps = append(ps[:0], ps[len(ps)-kept:]...)
			}
			m.masters[s.ReplID] = ps
		}
	}
}

// State is what a node is now, as far as it was seen.
type State struct {
	Role history.Role
	// Answers: its last look was answered. Silent is since when it was not, by its last answer.
	Answers bool
	Silent  time.Duration
	// Link: of a replica, whether its link to its master is up; of a sentinel, whether it holds the master for up.
	Link bool
	// LagBytes and Lag are a replica's, -1 where its master is not known.
	LagBytes int64
	Lag      time.Duration
}

// Look is the state of a node at a moment, ns.
func (m *Meter) Look(node int32, now int64) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, said := m.last[node], m.said[node]
	st := State{Role: said.Role, Answers: last.Answered, Link: said.LinkUp, LagBytes: -1, Lag: -1}
	if !last.Answered && said.Return > 0 {
		st.Silent = time.Duration(now - said.Return)
	}
	if said.Role != history.RoleReplica || !last.Answered {
		return st
	}
	ps := m.masters[said.ReplID]
	if len(ps) == 0 {
		return st
	}
	st.LagBytes, st.Lag = max(0, ps[len(ps)-1].offset-said.Offset), 0
	if st.LagBytes > 0 { // since its master went beyond what it has
		i := sort.Search(len(ps), func(i int) bool { return ps[i].offset > said.Offset })
		st.Lag = time.Duration(max(0, now-ps[i].t))
	}
	return st
}

// Ops are how many operations have returned, and how many of them with ok.
func (m *Meter) Ops() (all, ok int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops, m.ok
}
