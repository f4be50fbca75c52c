package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// rootName is the server that everything is replicated from, directly or not.
const rootName = "n1"

// defaultLength is how many servers a chain has.
const defaultLength = 3

// Chain is a master, a replica of it, a replica of that one and so on: n1 <- n2 <- n3. Nothing fails over.
type Chain struct {
	// Length counts all servers, the master too; default 3.
	Length      int
	Persistence string
	Config      []string
	NodeConfig  map[string][]string
	Workers     int
	_           struct{}
}

// Tree is a master with replicas that follow it or each other. Nothing fails over.
type Tree struct {
	// Follows says of each replica whom it follows, by name: {"n2": "n1", "n3": "n2"}. n1 is the root, and follows nobody.
	Follows     map[string]string
	Persistence string
	Config      []string
	NodeConfig  map[string][]string
	Workers     int
	_           struct{}
}

// Spec implements Topology.
func (s Chain) Spec() Spec {
	if s.Length == 0 {
		s.Length = defaultLength
	}
	if s.Length == 1 {
		return Standalone{Persistence: s.Persistence, Config: s.Config}.Spec()
	}
	return Spec{Kind: KindChain, Replicas: s.Length - 1, Persistence: s.Persistence, Config: s.Config, NodeConfig: s.NodeConfig, Workers: s.Workers}
}

// Spec implements Topology.
func (s Tree) Spec() Spec {
	return Spec{Kind: KindReplicas, Replicas: len(s.Follows), Follows: s.Follows, Persistence: s.Persistence, Config: s.Config, NodeConfig: s.NodeConfig, Workers: s.Workers}
}

// withFollows says of every replica of a tree whom it follows; of a setup in which all follow the master it says nothing.
func (s Spec) withFollows() Spec {
	if s.Kind != KindChain && len(s.Follows) == 0 {
		return s
	}
	all := maps.Clone(s.Follows)
	if all == nil {
		all = map[string]string{}
	}
	for i := range min(s.Replicas, maxNodes) {
		name, up := fmt.Sprintf("n%d", i+2), rootName
		if s.Kind == KindChain {
			up = fmt.Sprintf("n%d", i+1)
		}
		if all[name] == "" {
			all[name] = up
		}
	}
	s.Follows = all
	return s
}

// checkFollows refuses what is no tree with n1 at its root.
func (s Spec) checkFollows() error {
	if len(s.Follows) == 0 {
		return nil
	}
	if s.Kind != KindChain && s.Kind != KindReplicas {
		return fmt.Errorf("follows is set: in kind %s all replicas follow the master; use kind chain or replicas", s.Kind)
	}
	names := map[string]bool{}
	for i := range 1 + s.Replicas {
		names[fmt.Sprintf("n%d", i+1)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.Follows)) {
		up := s.Follows[name]
		switch {
		case name == rootName:
			return fmt.Errorf("follows says that %s follows %s: %s is the root, which follows nobody", name, up, rootName)
		case !names[name]:
			return fmt.Errorf("follows names %s: there are only n1 to n%d", name, 1+s.Replicas)
		case !names[up]:
			return fmt.Errorf("follows says that %s follows %q: there are only n1 to n%d", name, up, 1+s.Replicas)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Follows)) {
		way := []string{name}
		for at := s.Follows[name]; at != rootName; at = s.Follows[at] {
			if way = append(way, at); at == name || len(way) > len(s.Follows) {
				return fmt.Errorf("follows goes round in a circle: %s", strings.Join(way, " follows "))
			}
		}
	}
	return nil
}

// upstream is the name of the server that a replica follows.
func (s Spec) upstream(name string) string {
	if up := s.Follows[name]; up != "" {
		return up
	}
	if s.Kind == KindCluster {
		for _, n := range s.clusterLayout() {
			if n.Name == name {
				return s.clusterLayout()[n.Shard-1].Name
			}
		}
	}
	return rootName
}

// depth is how many servers a replica's data comes through, from 1 for the master's own.
func (s Spec) depth(name string) int {
	n := 1
	for at := s.upstream(name); at != rootName; at = s.upstream(at) {
		n++
	}
	return n
}

// levels are the replicas by depth: each follows one of the level before.
func (s Spec) levels(replicas []*Node) [][]*Node {
	var out [][]*Node
	for _, n := range replicas {
		d := s.depth(n.Name)
		for len(out) < d {
			out = append(out, nil)
		}
		out[d-1] = append(out[d-1], n)
	}
	return out
}

// treeText says who follows whom where that is not all the master: "n2 follows n1, n3 follows n2"; a chain as "n1 <- n2 <- n3".
func (s Spec) treeText() string {
	chain, names := rootName, slices.Sorted(maps.Keys(s.Follows))
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) }) // n2 before n10
	var parts []string
	for i, name := range names {
		parts = append(parts, name+" follows "+s.Follows[name])
		if chain != "" && s.Follows[name] == fmt.Sprintf("n%d", i+1) {
			chain += " <- " + name
		} else {
			chain = ""
		}
	}
	if chain != "" {
		return chain
	}
	return strings.Join(parts, ", ")
}

// named is the deployment's node of this name.
func (d *Deployment) named(name string) *Node {
	for _, n := range d.Nodes {
		if n.Name == name {
			return n
		}
	}
	return d.Nodes[0]
}

// masterOf is the address without port that a server is to follow, empty for a master.
func (d *Deployment) masterOf(n history.Node) string {
	if n.Role != history.RoleReplica || d.spec.Kind == KindCluster {
		return ""
	}
	return d.named(d.spec.upstream(n.Name)).ip()
}
