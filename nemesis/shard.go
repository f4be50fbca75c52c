package nemesis

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/topology"
)

// Shard is one of a Cluster's, from 1: what owns the slots that this shard had at the start, but for those that have moved to another.
type Shard int

// Master is the one that the majority of the masters named last as the owner of the shard's slots.
func (s Shard) Master() Target { return s.target("master") }

// Replicas are those that follow it, by the same views, whether they run or not.
func (s Shard) Replicas() Target { return s.target("replicas") }

// Replica is the first of them, by number, that answers.
func (s Shard) Replica() Target { return s.target("replica") }

// Others are all servers but the shard's master.
func (s Shard) Others() Target { return s.target("others") }

func (s Shard) target(part string) Target { return Target(fmt.Sprintf("shard-%d-%s", s, part)) }

// shardParts are what of a shard may be a target, with how they read in a sentence.
var shardParts = map[string]string{"master": "the master", "replicas": "the replicas", "replica": "one replica", "others": "all servers but the master"}

// shard takes the target of a shard apart: "shard-1-master" is 1, "master". Others give 0.
func (t Target) shard() (n int, part string) {
	text, ok := strings.CutPrefix(string(t), "shard-")
	if !ok {
		return 0, ""
	}
	number, part, _ := strings.Cut(text, "-")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || shardParts[part] == "" || strconv.Itoa(n) != number {
		return 0, ""
	}
	return n, part
}

// shards follows who the masters of a Cluster's shards are, by what the servers said of the cluster, one view after the other.
type shards struct {
	home   []history.ShardSlots // at the start
	taken  int                  // views taken in
	latest map[int32]history.View
	owner  map[int]int // shard -> its master, NoNode before any is known
}

// newShards is nil where the nodes are no Cluster's.
func newShards(nodes []history.Node) *shards {
	count := 0
	s := &shards{latest: map[int32]history.View{}, owner: map[int]int{}}
	for i, n := range nodes {
		count = max(count, n.Shard)
		if n.Kind == history.Server && n.Shard > 0 && n.Role == history.RoleMaster {
			s.owner[n.Shard] = i
		}
	}
	if count == 0 {
		return nil
	}
	s.home = topology.Spec{Kind: topology.KindCluster, Shards: count}.Slots()
	return s
}

// take takes views in and returns the failovers that they tell of.
func (s *shards) take(views []history.View) []failover {
	var out []failover
	for _, v := range views[s.taken:] {
		s.latest[v.Node] = v
		for _, home := range s.home {
			now, ok := s.named(home)
			if old := s.owner[home.Shard]; ok && now != old {
				s.owner[home.Shard] = now
				out = append(out, failover{at: v.Return, old: old, new: now})
			}
		}
	}
	s.taken = len(views)
	return out
}

// named is whom the majority of the masters names as the owner of what the shard had at the start. What went to another shard's master has
// moved there. A master that was deposed and does not know it has a vote too, so two may have a majority: then the one with the greater config
// epoch is the owner, as among servers.
func (s *shards) named(home history.ShardSlots) (node int, ok bool) {
	votes, epochs := map[int]int{}, map[int]int64{}
	for _, v := range s.latest {
		if self := v.Self(); self == nil || self.Role != history.RoleMaster || len(self.Slots) == 0 {
			continue
		}
		if p := s.ownerIn(&v, home); p != nil {
			n := int(p.Node)
			votes[n]++
			epochs[n] = max(epochs[n], p.Epoch)
		}
	}
	node = history.NoNode
	for n, count := range votes {
		if count >= majority(len(s.home)) && (node == history.NoNode || epochs[n] > epochs[node]) {
			node = n
		}
	}
	return node, node != history.NoNode
}

// ownerIn is the node that owns most of the shard's slots by one view, nil for none.
func (s *shards) ownerIn(v *history.View, home history.ShardSlots) *history.Peer {
	var best *history.Peer
	most := 0
	for i := range v.Peers {
		p := &v.Peers[i]
		if p.Node == history.NoNode || s.elsewhere(int(p.Node), home.Shard) {
			continue
		}
		if n := common(p.Slots, home.Ranges); n > most {
			best, most = p, n
		}
	}
	return best
}

// elsewhere tells whether the node is the master of another shard.
func (s *shards) elsewhere(node, shard int) bool {
	for other, n := range s.owner {
		if n == node && other != shard {
			return true
		}
	}
	return false
}

// common counts the slots that are in both.
func common(a, b []history.SlotRange) int {
	n := 0
	for _, x := range a {
		for _, y := range b {
			n += max(0, int(min(x.To, y.To))-int(max(x.From, y.From))+1)
		}
	}
	return n
}

// replicas are those that follow the shard's master, by the majority of the views of masters; before there are any, those of the start.
func (s *shards) replicas(shard int, nodes []history.Node) []int {
	master := s.owner[shard]
	votes := map[int]int{}
	voters := 0
	for _, v := range s.latest {
		if self := v.Self(); self == nil || self.Role != history.RoleMaster || len(self.Slots) == 0 {
			continue
		}
		voters++
		for _, p := range v.Peers {
			if p.Role == history.RoleReplica && int(p.Master) == master && p.Node != history.NoNode {
				votes[int(p.Node)]++
			}
		}
	}
	var out []int
	for i, n := range nodes {
		if voters == 0 && n.Kind == history.Server && n.Shard == shard && i != master || votes[i] >= majority(len(s.home)) {
			out = append(out, i)
		}
	}
	return out
}

// resolveShard settles what a shard's target stands for now.
func (r *runner) resolveShard(v *history.LiveView, shard int, part string) ([]int, error) {
	master, replicas, why := r.seen.shard(v, shard)
	if why != "" {
		return nil, errors.New(why)
	}
	switch part {
	case "master":
		return []int{master}, nil
	case "others":
		return r.where(func(i int, n history.Node) bool { return n.Kind == history.Server && !n.Stranger && i != master }), nil
	case "replicas":
		if len(replicas) == 0 {
			return nil, fmt.Errorf("nobody follows the master of shard %d", shard)
		}
		return replicas, nil
	}
	for _, i := range replicas {
		if s, ok := v.Samples[int32(i)]; !ok || s.Answered && s.Role == history.RoleReplica {
			return []int{i}, nil
		}
	}
	return nil, fmt.Errorf("no replica of shard %d answers", shard)
}

// shard is a shard's master and who follows it; why says that there is no such shard.
func (t *tracker) shard(v *history.LiveView, shard int) (master int, replicas []int, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(v)
	if t.shards == nil {
		return 0, nil, "the topology is no Cluster"
	}
	master, ok := t.shards.owner[shard]
	if !ok {
		return 0, nil, fmt.Sprintf("there is no shard %d", shard)
	}
	return master, t.shards.replicas(shard, t.nodes), ""
}

// shardMasters are the masters of all shards.
func (t *tracker) shardMasters(v *history.LiveView) []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(v)
	if t.shards == nil {
		return nil
	}
	return slices.Sorted(maps.Values(t.shards.owner))
}

// shardOf is the shard that the replica belongs to, 0 for none.
func (t *tracker) shardOf(v *history.LiveView, replica int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(v)
	if t.shards != nil {
		for shard := range t.shards.owner {
			if slices.Contains(t.shards.replicas(shard, t.nodes), replica) {
				return shard
			}
		}
	}
	return 0
}
