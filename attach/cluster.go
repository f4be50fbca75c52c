package attach

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
)

// cluster finds the servers of a Redis Cluster by what one of them says of it. Shards are numbered by the least slot of their masters; the
// masters come first, then the replicas of shard 1, and so on.
func (f *finder) cluster(ctx context.Context, addr string) error {
	in, _, err := f.t.probe(ctx, addr, f.t.Access, false)
	if err != nil {
		return err
	}
	if err := f.right(addr, in); err != nil {
		return err
	}
	lines, err := f.lines(ctx, addr)
	if err != nil {
		return err
	}
	var masters, replicas []clusterview.Line
	for _, l := range lines {
		if l.Is("myself") {
			if host, _, err := net.SplitHostPort(l.Addr); err != nil || host == "" { // it does not know its own address yet
				l.Addr = addr
			}
		}
		switch {
		case l.Is("noaddr") || l.Is("handshake"):
			f.uncovered("the node %s of the cluster: %s knows no address of it", l.ID, addr)
		case l.Is("master"):
			masters = append(masters, l)
		default:
			replicas = append(replicas, l)
		}
	}
	slices.SortStableFunc(masters, func(a, b clusterview.Line) int { return leastSlot(a) - leastSlot(b) })
	f.s.IDs = map[string]int32{}
	shards := map[string]int{}  // by the master's id
	for _, m := range masters { // those without slots too: they are masters by right
		shards[m.ID] = len(shards) + 1
		if len(m.Slots) > 0 {
			f.s.Slots = append(f.s.Slots, history.ShardSlots{Shard: shards[m.ID], Ranges: m.Slots})
		}
		f.member(ctx, addr, m, history.RoleMaster, shards[m.ID])
	}
	slices.SortStableFunc(replicas, func(a, b clusterview.Line) int { return shards[a.MasterID] - shards[b.MasterID] })
	for _, r := range replicas {
		f.member(ctx, addr, r, history.RoleReplica, shards[r.MasterID])
	}
	if len(f.s.Nodes) == 0 && ctx.Err() == nil {
		return &Error{Text: fmt.Sprintf("no node of the cluster can be reached at the address that %s gives for it: %s", addr, strings.Join(f.s.Uncovered, "; ")),
			Do: "say where they are reached with -map OLD=NEW"}
	}
	return ctx.Err()
}

// lines asks a server for the nodes of its cluster.
func (f *finder) lines(ctx context.Context, addr string) ([]clusterview.Line, error) {
	c, err := f.t.dial(ctx, addr, f.t.Access, false)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	within, cancel := context.WithTimeout(ctx, f.t.timeout())
	defer cancel()
	v, err := c.Do(within, "CLUSTER", "NODES")
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Error{Text: fmt.Sprintf("%s does not say who is in its cluster: %s", addr, words(err)), Do: "a user needs +cluster|nodes and +cluster|info", Err: err}
	}
	text, _ := v.(string)
	lines, err := clusterview.Read(text)
	if err != nil {
		return nil, &Error{Text: fmt.Sprintf("%s: %s", addr, words(err)), Err: err}
	}
	return lines, nil
}

// leastSlot orders masters; those without slots come last.
func leastSlot(l clusterview.Line) int {
	if len(l.Slots) == 0 {
		return history.Slots
	}
	return int(l.Slots[0].From)
}

// member adds a node of the cluster. One that cannot be reached is named and left out.
func (f *finder) member(ctx context.Context, by string, l clusterview.Line, role history.Role, shard int) {
	if ctx.Err() != nil {
		return
	}
	in, rtt, err := f.t.probe(ctx, l.Addr, f.t.Access, false)
	if err != nil {
		f.uncovered("a %s of the cluster that %s knows as %s: %s; -map %s=HOST:PORT says where it is reached", role, by, l.Addr, firstLine(err), l.Addr)
		return
	}
	i := f.add(l.Addr, in, rtt, role)
	f.s.Nodes[i].Shard = shard
	f.s.IDs[l.ID] = int32(i)
}
