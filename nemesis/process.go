package nemesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// The signals, by their numbers on Linux: that is where the servers run, wherever the harness does.
const (
	sigKill = 9
	sigTerm = 15
	sigCont = 18
	sigStop = 19
)

const (
	pollEvery    = 10 * time.Millisecond
	proofTimeout = 3 * time.Second
	// answerTimeout bounds the wait for a started server: it may have to load its data.
	answerTimeout = 45 * time.Second
	pingTimeout   = 200 * time.Millisecond
)

// marks remembers which node's process a fault took away. It has a lock of its own, under which nothing else is called, since targets
// are resolved while the live history is locked.
type marks struct {
	mu sync.Mutex
	by map[int]int // node -> fault
}

func newMarks() *marks { return &marks{by: map[int]int{}} }

func (m *marks) set(node, fault int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by[node] = fault
}

func (m *marks) clear(node int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, node)
}

// of is which fault marked the node, 0 for none.
func (m *marks) of(node int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[node]
}

// nodes are all marked ones.
func (m *marks) nodes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.by))
}

// marked are the nodes that the fault marked.
func (m *marks) marked(fault int) []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []int
	for n, f := range m.by {
		if f == fault {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// each does something to all nodes at once and returns the latest of the moments.
func (r *runner) each(ctx context.Context, nodes []int, f func(ctx context.Context, node int) (int64, error)) (int64, error) {
	var g guard.Group
	at := make([]int64, len(nodes))
	for i, n := range nodes {
		g.Go(func() (err error) {
			if at[i], err = f(ctx, n); err != nil {
				err = fmt.Errorf("%s: %w", r.nodes[n].Name, err)
			}
			return err
		})
	}
	err := g.Wait()
	var last int64
	for _, t := range at {
		last = max(last, t)
	}
	return last, err
}

func (r *runner) signal(ctx context.Context, node, sig int, children bool) (int64, error) {
	st, err := r.Cluster.Call(ctx, node, wire.OpSignal, wire.SignalArgs{Signal: sig, Children: children}, nil)
	return st.T1, err
}

func (r *runner) proc(ctx context.Context, node int) (wire.Proc, error) {
	var p wire.Proc
	_, err := r.Cluster.Call(ctx, node, wire.OpProc, nil, &p)
	return p, err
}

// start starts the node's server unless it runs.
func (r *runner) start(ctx context.Context, node int) (int64, error) {
	p, err := r.proc(ctx, node)
	if err != nil {
		return 0, err
	}
	if p.Pid != 0 {
		return r.Clock(), nil
	}
	st, err := r.Cluster.Call(ctx, node, wire.OpStart, nil, nil)
	return st.T1, err
}

// resume lets the node's process go on; one that is gone needs nothing.
func (r *runner) resume(ctx context.Context, node int) (int64, error) {
	at, err := r.signal(ctx, node, sigCont, false)
	if code(err) == wire.CodeNotRunning {
		return r.Clock(), nil
	}
	return at, err
}

// answers waits until the node's server answers PING and has loaded its data, and returns the moment.
func (r *runner) answers(ctx context.Context, node int, within time.Duration) (int64, error) {
	var at int64
	err := poll(ctx, pollEvery, within, "it did not answer PING", func(ctx context.Context) (bool, error) {
		reply, st, err := r.redis(ctx, node, pingTimeout, "PING")
		at = st.T1
		switch {
		case err != nil:
			return false, err
		case strings.HasPrefix(reply.Err, "LOADING"), strings.HasPrefix(reply.Err, "BUSY"):
			return false, errors.New(reply.Err)
		}
		return true, nil // any other refusal (MASTERDOWN) is an answer
	})
	return at, err
}

func (r *runner) allAnswer(ctx context.Context, nodes []int) (int64, string, error) {
	at, err := r.each(ctx, nodes, func(ctx context.Context, n int) (int64, error) { return r.answers(ctx, n, answerTimeout) })
	text := r.names(nodes) + " answers PING and has loaded its data"
	if len(nodes) > 1 {
		text = r.names(nodes) + " answer PING and have loaded their data"
	}
	return at, text, err
}

// code is the code of an agent's refusal, "" for any other error.
func code(err error) string {
	var re *wire.RemoteError
	if errors.As(err, &re) {
		return re.Code
	}
	return ""
}

// death kills or stops.
type death struct {
	r        *runner
	id       int
	nodes    []int
	sig      int
	children bool
}

func (m *death) inject(ctx context.Context) (int64, error) {
	return m.r.each(ctx, m.nodes, func(ctx context.Context, n int) (int64, error) {
		at, err := m.r.signal(ctx, n, m.sig, m.children)
		if err == nil {
			m.r.dead.set(n, m.id)
		}
		return at, err
	})
}

func (m *death) prove(ctx context.Context) (string, error) {
	var exits []string
	for _, n := range m.nodes {
		p, err := m.r.proc(ctx, n)
		switch {
		case err != nil:
			return "", err
		case p.Pid != 0 && m.r.dead.of(n) == m.id:
			return "", fmt.Errorf("%s still runs, pid %d", m.r.nodes[n].Name, p.Pid)
		}
		exits = append(exits, fmt.Sprintf("the process of %s is gone (%s)", m.r.nodes[n].Name, p.Exit))
	}
	return strings.Join(exits, "; "), nil
}

func (m *death) heal(ctx context.Context) (int64, error) {
	return m.r.each(ctx, m.r.dead.marked(m.id), func(ctx context.Context, n int) (int64, error) {
		at, err := m.r.start(ctx, n)
		if err == nil {
			m.r.dead.clear(n)
		}
		return at, err
	})
}

func (m *death) proveHealed(ctx context.Context) (int64, string, error) {
	return m.r.allAnswer(ctx, m.nodes)
}

// freeze pauses.
type freeze struct {
	r     *runner
	id    int
	nodes []int
}

func (m *freeze) inject(ctx context.Context) (int64, error) {
	return m.r.each(ctx, m.nodes, func(ctx context.Context, n int) (int64, error) {
		at, err := m.r.signal(ctx, n, sigStop, false)
		if err == nil {
			m.r.frozen.set(n, m.id)
		}
		return at, err
	})
}

func (m *freeze) prove(ctx context.Context) (string, error) {
	for _, n := range m.nodes {
		p, err := m.r.proc(ctx, n)
		switch {
		case err != nil:
			return "", err
		case p.State != "T" && m.r.frozen.of(n) == m.id:
			return "", fmt.Errorf("%s is in state %q", m.r.nodes[n].Name, p.State)
		}
	}
	return "state T on " + m.r.names(m.nodes), nil
}

func (m *freeze) heal(ctx context.Context) (int64, error) {
	return m.r.each(ctx, m.r.frozen.marked(m.id), func(ctx context.Context, n int) (int64, error) {
		at, err := m.r.resume(ctx, n)
		if err == nil {
			m.r.frozen.clear(n)
		}
		return at, err
	})
}

func (m *freeze) proveHealed(ctx context.Context) (int64, string, error) {
	for _, n := range m.nodes {
		p, err := m.r.proc(ctx, n)
		switch {
		case err != nil:
			return 0, "", err
		case p.Pid == 0: // killed meanwhile, which is another fault's business
			continue
		case p.State == "T":
			return 0, "", fmt.Errorf("%s is still in state T", m.r.nodes[n].Name)
		}
		if _, err := m.r.answers(ctx, n, answerTimeout); err != nil {
			return 0, "", fmt.Errorf("%s: %w", m.r.nodes[n].Name, err)
		}
	}
	return 0, m.r.names(m.nodes) + " runs and answers PING", nil
}

// revival restarts what was killed, or resumes what was frozen. The faults that did it are healed by it.
type revival struct {
	r     *runner
	id    int
	nodes []int
	of    *marks
	again func(ctx context.Context, node int) (int64, error)
}

func (m *revival) inject(ctx context.Context) (int64, error) {
	whole := map[int]bool{} // faults all of whose nodes come back
	for _, n := range m.nodes {
		if f := m.of.of(n); f > 0 {
			whole[f] = true
		}
	}
	for f := range whole {
		for _, n := range m.of.marked(f) {
			whole[f] = whole[f] && slices.Contains(m.nodes, n)
		}
	}
	var last int64
	var mu sync.Mutex
	var g guard.Group
	for _, n := range m.nodes {
		if whole[m.of.of(n)] {
			continue
		}
		g.Go(func() error {
			at, err := m.again(ctx, n)
			if err != nil {
				return fmt.Errorf("%s: %w", m.r.nodes[n].Name, err)
			}
			m.of.clear(n)
			mu.Lock()
			defer mu.Unlock()
			last = max(last, at)
			return nil
		})
	}
	for id, all := range whole {
		if !all {
			continue
		}
		g.Go(func() error {
			f := m.r.faults[id-1]
			f.heal()
			at, err := f.afterHeal(ctx)
			mu.Lock()
			defer mu.Unlock()
			last = max(last, at)
			return err
		})
	}
	err := g.Wait()
	return last, err
}

func (m *revival) prove(ctx context.Context) (string, error) {
	_, text, err := m.r.allAnswer(ctx, m.nodes)
	return text, err
}

func (m *revival) heal(context.Context) (int64, error)                { return m.r.Clock(), nil }
func (m *revival) proveHealed(context.Context) (int64, string, error) { return 0, "", nil }

// reboot kills and starts again at once.
type reboot struct {
	r        *runner
	nodes    []int
	children bool

	mu   sync.Mutex
	pids []string
}

func (m *reboot) inject(ctx context.Context) (int64, error) {
	return m.r.each(ctx, m.nodes, func(ctx context.Context, n int) (int64, error) {
		before, err := m.r.proc(ctx, n)
		if err != nil {
			return 0, err
		}
		at, err := m.r.signal(ctx, n, sigKill, m.children)
		if err != nil {
			return 0, err
		}
		var p wire.Proc
		if _, err := m.r.Cluster.Call(ctx, n, wire.OpStart, nil, &p); err != nil {
			return at, err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.pids = append(m.pids, fmt.Sprintf("%s: pid %d is gone, pid %d runs", m.r.nodes[n].Name, before.Pid, p.Pid))
		return at, nil
	})
}

func (m *reboot) prove(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.pids)
	return strings.Join(m.pids, "; "), nil
}

// heal starts what the injection may have left dead.
func (m *reboot) heal(ctx context.Context) (int64, error) { return m.r.each(ctx, m.nodes, m.r.start) }

func (m *reboot) proveHealed(ctx context.Context) (int64, string, error) {
	return m.r.allAnswer(ctx, m.nodes)
}
