package nemesis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/wire"
)

// link is a directed one: what from sends does not arrive at to.
type link struct{ from, to int }

// matrix is all links that are cut, by the faults that cut them. Faults overlap: a link is whole again when the last of them is healed.
// Packets are dropped where they arrive, and each node gets its whole list in one transaction.
type matrix struct {
	cluster Cluster
	nodes   []history.Node
	clock   func() int64

	mu      sync.Mutex
	cuts    map[int][]link
	applied map[int][]int // node -> whose packets it drops, one rule each, in this order
}

func newMatrix(c Cluster, nodes []history.Node, clock func() int64) *matrix {
	return &matrix{cluster: c, nodes: nodes, clock: clock, cuts: map[int][]link{}, applied: map[int][]int{}}
}

// set makes links the cuts of a fault, none to heal it, and returns the moment at which the last node had its rules; that is now when
// other faults have cut all of them already.
func (m *matrix) set(ctx context.Context, fault int, links []link) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(links) == 0 {
		delete(m.cuts, fault)
	} else {
		m.cuts[fault] = links
	}
	want := map[int][]int{}
	for _, ls := range m.cuts {
		for _, l := range ls {
			if !slices.Contains(want[l.to], l.from) {
				want[l.to] = append(want[l.to], l.from)
			}
		}
	}
	var g guard.Group
	at := make([]int64, len(m.nodes))
	errs := make([]error, len(m.nodes))
	for n := range m.nodes {
		peers := want[n]
		slices.Sort(peers)
		if slices.Equal(peers, m.applied[n]) {
			continue
		}
		g.Go(func() error {
			st, err := m.cluster.Call(ctx, n, wire.OpNet, wire.NetArgs{Rules: m.rules(peers)}, nil)
			at[n], errs[n] = st.T1, err
			return nil
		})
	}
	_ = g.Wait()
	for n := range m.nodes {
		if at[n] != 0 && errs[n] == nil {
			m.applied[n] = want[n]
		}
		if errs[n] != nil {
			errs[n] = fmt.Errorf("%s: %w", m.nodes[n].Name, errs[n])
			m.applied[n] = []int{-1} // unknown: apply it anew the next time
		}
	}
	last := slices.Max(at)
	if last == 0 {
		last = m.clock()
	}
	return last, errors.Join(errs...)
}

func (m *matrix) rules(peers []int) []wire.Rule {
	rules := []wire.Rule{}
	for _, p := range peers {
		rules = append(rules, wire.Rule{Peers: []string{host(m.nodes[p].Addr)}})
	}
	return rules
}

// host is the address without its port, which a worker's has not.
func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}

// dialAddr is an address to connect to. Nothing listens on a worker, whose refusal is an answer too.
func dialAddr(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(addr, "6379")
}

// dropped counts what each of the links has lost since its node's rules were last applied.
func (m *matrix) dropped(ctx context.Context, links []link) (map[link]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[link]uint64{}
	var mu sync.Mutex
	var g guard.Group
	byNode := map[int][]link{}
	for _, l := range links {
		byNode[l.to] = append(byNode[l.to], l)
	}
	for n, ls := range byNode {
		g.Go(func() error {
			var cs []wire.Counter
			if _, err := m.cluster.Call(ctx, n, wire.OpNetCnt, nil, &cs); err != nil {
				return fmt.Errorf("%s: %w", m.nodes[n].Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range ls {
				if i := slices.Index(m.applied[n], l.from); i >= 0 && i < len(cs) {
					out[l] = cs[i].Packets
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return out, err
}

// whole are those of the links that no fault cuts.
func (m *matrix) whole(links []link) []link {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []link
	for _, l := range links {
		cut := false
		for _, ls := range m.cuts {
			cut = cut || slices.Contains(ls, l)
		}
		if !cut {
			out = append(out, l)
		}
	}
	return out
}

// dropTimeout bounds the wait for a dropped packet. What is quiet (a client that listens to its sentinel) speaks every 3 s.
const dropTimeout = 6 * time.Second

// cut is a network fault: groups of links, one for each direction that the fault is about.
type cut struct {
	r      *runner
	id     int
	groups []group
}

// group is the links from some nodes to others.
type group struct {
	from, to []int
	links    []link
}

func newGroup(from, to []int) group {
	g := group{from: from, to: to}
	for _, a := range from {
		for _, b := range to {
			g.links = append(g.links, link{a, b})
		}
	}
	return g
}

func (m *cut) links() []link {
	var out []link
	for _, g := range m.groups {
		for _, l := range g.links {
			if !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

func (m *cut) inject(ctx context.Context) (int64, error) { return m.r.links.set(ctx, m.id, m.links()) }

// prove waits until every group has dropped a packet. Replicas and sentinels ping their peers once a second, but not every pair of
// nodes talks, and a dead node sends nothing: when the time is over, one group that dropped is proof, and the others are named.
func (m *cut) prove(ctx context.Context) (string, error) {
	moved := map[link]bool{}
	packets := map[link]uint64{}
	err := poll(ctx, 20*time.Millisecond, dropTimeout, "no packet was dropped", func(ctx context.Context) (bool, error) {
		got, err := m.r.links.dropped(ctx, m.links())
		if err != nil {
			return false, err
		}
		for l, n := range got {
			packets[l] = max(packets[l], n)
			moved[l] = moved[l] || n > 0
		}
		return len(m.silent(moved)) == 0, nil
	})
	silent := m.silent(moved)
	if len(silent) == len(m.groups) {
		return "", err
	}
	var total uint64
	for _, n := range packets {
		total += n
	}
	text := fmt.Sprintf("%d packets dropped on %d of %d links", total, countTrue(moved), len(m.links()))
	for _, g := range silent {
		text += fmt.Sprintf("; none came from %s to %s", m.r.names(g.from), m.r.names(g.to))
	}
	return text, nil
}

// silent are the groups none of whose links has dropped anything.
func (m *cut) silent(moved map[link]bool) []group {
	var out []group
	for _, g := range m.groups {
		if !slices.ContainsFunc(g.links, func(l link) bool { return moved[l] }) {
			out = append(out, g)
		}
	}
	return out
}

func countTrue(m map[link]bool) int {
	n := 0
	for _, v := range m {
		if v {
			n++
		}
	}
	return n
}

func (m *cut) heal(ctx context.Context) (int64, error) { return m.r.links.set(ctx, m.id, nil) }

// proveHealed has every pair connect that can: a connection needs both directions, so a pair of which another fault still cuts one is
// left out.
func (m *cut) proveHealed(ctx context.Context) (int64, string, error) {
	peers := map[int][]int{} // who connects to whom
	seen := map[link]bool{}
	pairs, held := 0, 0
	for _, l := range m.links() {
		a, b := min(l.from, l.to), max(l.from, l.to)
		if seen[link{a, b}] {
			continue
		}
		seen[link{a, b}] = true
		if len(m.r.links.whole([]link{{a, b}, {b, a}})) < 2 {
			held++
			continue
		}
		peers[a] = append(peers[a], b)
		pairs++
	}
	var nodes []int
	for n := range peers {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, cmp.Compare)
	_, err := m.r.each(ctx, nodes, func(ctx context.Context, n int) (int64, error) { return 0, m.r.reaches(ctx, n, peers[n]) })
	text := fmt.Sprintf("connections between %d of %d pairs", pairs, pairs+held)
	if held > 0 {
		text += ", the others are cut by another fault"
	}
	return 0, text, err
}

// reaches waits until a node can connect to all peers.
func (r *runner) reaches(ctx context.Context, node int, peers []int) error {
	args := wire.ReachArgs{TimeoutMS: 500}
	for _, p := range peers {
		args.Addrs = append(args.Addrs, dialAddr(r.nodes[p].Addr))
	}
	return poll(ctx, 50*time.Millisecond, proofTimeout, "it did not reach "+r.names(peers), func(ctx context.Context) (bool, error) {
		var out []string
		if _, err := r.Cluster.Call(ctx, node, wire.OpReach, args, &out); err != nil {
			return false, err
		}
		var bad []string
		for _, why := range out {
			if why != "" {
				bad = append(bad, why)
			}
		}
		return len(bad) == 0, errors.New(strings.Join(bad, "; "))
	})
}
