package nemesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
)

// manualTimeout is how long a CLUSTER FAILOVER is waited for: servers give a plain one up after 5 s.
const manualTimeout = 8 * time.Second

// manual is a CLUSTER FAILOVER.
type manual struct {
	r    *runner
	node int // the replica that is told
	how  string
}

func (m *manual) inject(ctx context.Context) (int64, error) {
	ro, err := m.r.role(ctx, m.node)
	if err != nil {
		return 0, err
	}
	if ro.kind != "slave" {
		return 0, fmt.Errorf("%s is no replica: it says %s", m.r.nodes[m.node].Name, ro.kind)
	}
	args := []string{"CLUSTER", "FAILOVER"}
	if m.how != FailoverPlain {
		args = append(args, strings.ToUpper(m.how))
	}
	_, st, err := m.r.command(ctx, m.node, args...)
	return st.T1, err
}

func (m *manual) prove(ctx context.Context) (string, error) {
	name := m.r.nodes[m.node].Name
	var text string
	err := poll(ctx, pollEvery, manualTimeout, name+" did not become the master of its shard", func(ctx context.Context) (bool, error) {
		lines, err := m.r.clusterNodes(ctx, m.node)
		if err != nil {
			return false, err
		}
		for _, l := range lines {
			if l.Is("myself") {
				text = fmt.Sprintf("%s says it is a master with %d slots, in epoch %d", name, common(l.Slots, []history.SlotRange{{From: 0, To: history.Slots - 1}}), l.Epoch)
				return l.Is("master") && len(l.Slots) > 0, fmt.Errorf("it says %s", strings.Join(l.Flags, ","))
			}
		}
		return false, errors.New("it does not name itself")
	})
	return text, err
}

func (m *manual) heal(context.Context) (int64, error)                { return m.r.Clock(), nil }
func (m *manual) proveHealed(context.Context) (int64, string, error) { return 0, "", nil }

// clusterNodes is what the node says of its cluster.
func (r *runner) clusterNodes(ctx context.Context, node int) ([]clusterview.Line, error) {
	v, _, err := r.command(ctx, node, "CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return nil, fmt.Errorf("read CLUSTER NODES of %s: %w", r.nodes[node].Name, err)
	}
	return clusterview.Read(text)
}

// myself is the node's own line.
func (r *runner) myself(ctx context.Context, node int) (clusterview.Line, error) {
	lines, err := r.clusterNodes(ctx, node)
	if err != nil {
		return clusterview.Line{}, err
	}
	i := slices.IndexFunc(lines, func(l clusterview.Line) bool { return l.Is("myself") })
	if i < 0 {
		return clusterview.Line{}, fmt.Errorf("%s does not name itself in CLUSTER NODES", r.nodes[node].Name)
	}
	return lines[i], nil
}

// clusterMechanism settles what a fault of a Cluster hits, and returns what makes it.
func (r *runner) clusterMechanism(f *fault) (mechanism, error) {
	a := f.action
	if a.Kind == KindMigrateSlots {
		from, to, err := r.sides(a)
		if err != nil {
			return nil, err
		}
		if len(from) != 1 || len(to) != 1 {
			return nil, fmt.Errorf("slots move from one master to another, not from %s to %s", r.names(from), r.names(to))
		}
		r.resolved(f, a.sentence("", r.names(from), r.names(to), ""), []int{from[0], to[0]}, nil)
		return &migration{r: r, from: from[0], to: to[0], fromTarget: a.From, toTarget: a.To, want: a.Slots, open: -1}, nil
	}
	on, err := r.resolve(nil, a.On, nil)
	if err != nil {
		return nil, err
	}
	on = on[:1]
	hit, shard := on, 0
	r.Live.Look(func(v *history.LiveView) { shard = r.seen.shardOf(v, on[0]) })
	if a.Kind == KindClusterFailover {
		if ms, err := r.resolve(nil, Nodes{Shard(shard).Master()}, nil); err == nil {
			hit = ms // what is told is the replica; what is hit is its master
		}
		r.resolved(f, a.sentence(r.names(on), "", "", ""), hit, nil)
		return &manual{r: r, node: on[0], how: a.How}, nil
	}
	if a.Kind == KindForget {
		r.resolved(f, a.sentence(r.names(on), "", "", ""), hit, nil)
		return &oblivion{r: r, node: on[0]}, nil
	}
	master, err := r.resolve(nil, Nodes{a.Master}, nil)
	if err != nil {
		return nil, err
	}
	if len(master) != 1 || master[0] == on[0] {
		return nil, fmt.Errorf("%s cannot follow %s", r.names(on), r.names(master))
	}
	r.resolved(f, a.sentence(r.names(on), "", "", r.names(master)), hit, nil)
	if a.Kind == KindAddReplica {
		return &arrival{r: r, node: on[0], master: master[0]}, nil
	}
	if shard == 0 {
		return nil, fmt.Errorf("%s is a replica of no shard", r.names(on))
	}
	return &move{r: r, node: on[0], master: master[0], shard: shard}, nil
}

// slotText writes a slot's number.
func slotText(s int) string { return strconv.Itoa(s) }
