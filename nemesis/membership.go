package nemesis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
)

// move makes a replica of a Cluster follow the master of another shard (CLUSTER REPLICATE). Healing takes it back to the shard that it came from.
type move struct {
	r            *runner
	node, master int
	shard        int // that it came from
	known        bool
}

func (m *move) inject(ctx context.Context) (int64, error) {
	ro, err := m.r.role(ctx, m.node)
	if err != nil {
		return 0, err
	}
	if ro.kind != "slave" {
		return 0, fmt.Errorf("%s is no replica: it says %s", m.r.nodes[m.node].Name, ro.kind)
	}
	m.known = true
	return m.r.replicate(ctx, m.node, m.master)
}

func (m *move) prove(ctx context.Context) (string, error) {
	return m.r.follows(ctx, m.node, m.r.nodes[m.master].Addr, answerTimeout, true)
}

func (m *move) heal(ctx context.Context) (int64, error) {
	if !m.known {
		return m.r.Clock(), nil // it never began
	}
	back, err := m.r.resolve(nil, Nodes{Shard(m.shard).Master()}, nil)
	if err != nil {
		return 0, err
	}
	if back[0] == m.node {
		return m.r.Clock(), nil // it has become its master meanwhile
	}
	m.master = back[0]
	return m.r.replicate(ctx, m.node, m.master)
}

func (m *move) proveHealed(ctx context.Context) (int64, string, error) {
	if !m.known {
		return 0, "it never began", nil
	}
	text, err := m.r.follows(ctx, m.node, m.r.nodes[m.master].Addr, answerTimeout, true)
	return 0, text, err
}

// replicate has a node follow a master, and returns the moment at which it agreed to.
func (r *runner) replicate(ctx context.Context, node, master int) (int64, error) {
	self, err := r.myself(ctx, master)
	if err != nil {
		return 0, err
	}
	_, st, err := r.command(ctx, node, "CLUSTER", "REPLICATE", self.ID)
	return st.T1, err
}

// oblivion makes all others forget a replica (CLUSTER FORGET), for good: servers from 7.2 on tell each other for a minute whom they forgot, and
// forget one that is introduced anew meanwhile.
type oblivion struct {
	r    *runner
	node int

	mu     sync.Mutex
	id     string
	others []int // who were told
}

func (m *oblivion) inject(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	self, err := m.r.myself(ctx, m.node)
	if err != nil {
		return 0, err
	}
	if !self.Is("slave") {
		return 0, fmt.Errorf("%s is no replica: a master with slots is not forgotten", m.r.nodes[m.node].Name)
	}
	m.id = self.ID
	for _, n := range m.r.clustered() {
		if n != m.node {
			m.others = append(m.others, n)
		}
	}
	return m.r.each(ctx, m.others, func(ctx context.Context, n int) (int64, error) { return m.r.forget(ctx, n, m.id) })
}

// forget has a node forget another. One that does not know it has nothing to forget.
func (r *runner) forget(ctx context.Context, node int, id string) (int64, error) {
	_, st, err := r.command(ctx, node, "CLUSTER", "FORGET", id)
	if err != nil && strings.Contains(err.Error(), "Unknown node") {
		return st.T1, nil
	}
	return st.T1, err
}

func (m *oblivion) prove(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := m.r.nodes[m.node].Name
	err := m.r.allSay(ctx, m.others, m.id, func(l *clusterview.Line) error {
		if l != nil {
			return errors.New("it still knows " + name)
		}
		return nil
	})
	return fmt.Sprintf("%s do not name %s any more", m.r.names(m.others), name), err
}

func (m *oblivion) heal(context.Context) (int64, error)                { return m.r.Clock(), nil }
func (m *oblivion) proveHealed(context.Context) (int64, string, error) { return 0, "", nil }

// meet tells a node where another is.
func (r *runner) meet(ctx context.Context, node, other int) (int64, error) {
	host, port, err := net.SplitHostPort(r.nodes[other].Addr)
	if err != nil {
		return 0, fmt.Errorf("meet %s: %w", r.nodes[other].Name, err)
	}
	_, st, err := r.command(ctx, node, "CLUSTER", "MEET", host, port)
	return st.T1, err
}

// allSay waits until all nodes say what they are to say about the one with this id, of whom they have a line or none.
func (r *runner) allSay(ctx context.Context, nodes []int, id string, wrong func(*clusterview.Line) error) error {
	_, err := r.each(ctx, nodes, func(ctx context.Context, n int) (int64, error) {
		return 0, poll(ctx, pollEvery, answerTimeout, "it did not come to know", func(ctx context.Context) (bool, error) {
			lines, err := r.clusterNodes(ctx, n)
			if err != nil {
				return false, err
			}
			var line *clusterview.Line
			if i := slices.IndexFunc(lines, func(l clusterview.Line) bool { return l.ID == id }); i >= 0 {
				line = &lines[i]
			}
			err = wrong(line)
			return err == nil, err
		})
	})
	return err
}

// clustered are the servers of the Cluster that run.
func (r *runner) clustered() []int {
	dead := r.dead.nodes()
	return r.where(func(i int, n history.Node) bool {
		return n.Kind == history.Server && !n.Stranger && !slices.Contains(dead, i)
	})
}

// arrival has a server that belongs to no setup join the Cluster, as a replica of a master. Healing has all forget it, and it all of them.
type arrival struct {
	r            *runner
	node, master int

	mu    sync.Mutex
	id    string
	known []int // who know it
}

func (m *arrival) inject(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	self, err := m.r.myself(ctx, m.node)
	if err != nil {
		return 0, err
	}
	m.id, m.known = self.ID, m.r.clustered()
	if _, err := m.r.each(ctx, m.known, func(ctx context.Context, n int) (int64, error) { return m.r.meet(ctx, n, m.node) }); err != nil {
		return 0, err
	}
	var at int64
	err = poll(ctx, pollEvery, answerTimeout, m.r.nodes[m.node].Name+" did not take "+m.r.nodes[m.master].Name+" for its master", func(ctx context.Context) (bool, error) {
		at, err = m.r.replicate(ctx, m.node, m.master) // refused until it has heard of that one
		return err == nil, err
	})
	return at, err
}

func (m *arrival) prove(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := m.r.follows(ctx, m.node, m.r.nodes[m.master].Addr, answerTimeout, true)
	if err == nil {
		err = m.r.allSay(ctx, m.known, m.id, func(l *clusterview.Line) error {
			if l == nil || !l.Is("slave") {
				return errors.New("it does not name " + m.r.nodes[m.node].Name + " as a replica")
			}
			return nil
		})
	}
	return text + "; " + m.r.names(m.known) + " name it as one", err
}

func (m *arrival) heal(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id == "" {
		return m.r.Clock(), nil // it never began
	}
	// It first: while it knows the others it would be told of by those that have not forgotten it yet.
	if _, _, err := m.r.command(ctx, m.node, "CLUSTER", "RESET", "SOFT"); err != nil {
		return 0, err
	}
	return m.r.each(ctx, m.r.clustered(), func(ctx context.Context, n int) (int64, error) { return m.r.forget(ctx, n, m.id) })
}

func (m *arrival) proveHealed(ctx context.Context) (int64, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id == "" {
		return 0, "it never began", nil
	}
	nodes := m.r.clustered()
	err := m.r.allSay(ctx, nodes, m.id, func(l *clusterview.Line) error {
		if l != nil {
			return errors.New("it still knows " + m.r.nodes[m.node].Name)
		}
		return nil
	})
	return 0, fmt.Sprintf("%s do not name %s any more", m.r.names(nodes), m.r.nodes[m.node].Name), err
}
