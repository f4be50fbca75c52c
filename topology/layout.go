package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
)

// MasterName is what the sentinels call the replication setup.
const MasterName = conf.MasterName

// Ports of the servers and the sentinels, the same in every container.
const (
	ServerPort   = 6379
	SentinelPort = 26379
)

// The ways to keep data over a restart.
const (
	AOFEverySec = "aof-everysec"
	AOFAlways   = "aof-always"
	AOFNo       = "aof-no"
	RDB         = "rdb"
	NoneKept    = "none"
)

const (
	defaultDownAfter       = 2 * time.Second
	defaultFailoverTimeout = 10 * time.Second
	defaultReplicas        = 2
	defaultSentinels       = 3
	// maxNodes bounds a typing error's damage: a container costs some 30 MB and a third of a second.
	maxNodes = 50
)

// WithDefaults fills in what a zero field stands for.
func (s Spec) WithDefaults() Spec {
	if s.Kind == "" {
		s.Kind = KindStandalone
	}
	if s.Kind == KindCluster {
		s.Shards = cmp.Or(s.Shards, defaultShards)
		s.Replicas = cmp.Or(s.Replicas, defaultShardReplicas)
		s.NodeTimeout = cmp.Or(s.NodeTimeout, defaultNodeTimeout)
	}
	if s.Kind != KindStandalone && s.Replicas == 0 {
		s.Replicas = defaultReplicas
	}
	if s.Kind == KindSentinel {
		if s.Sentinels == 0 {
			s.Sentinels = defaultSentinels
		}
		if s.Quorum == 0 {
			s.Quorum = s.Sentinels/2 + 1
		}
		if s.DownAfter == 0 {
			s.DownAfter = defaultDownAfter
		}
		if s.FailoverTimeout == 0 {
			s.FailoverTimeout = defaultFailoverTimeout
		}
	}
	if s.Persistence == "" {
		s.Persistence = AOFEverySec
	}
	if s.Workers == 0 {
		s.Workers = 1
	}
	return s.withFollows()
}

// Validate names the first field that cannot be, and what to do.
func (s Spec) Validate() error {
	s = s.WithDefaults()
	switch s.Kind {
	case KindStandalone, KindReplicas, KindSentinel, KindChain, KindCluster:
	default:
		return fmt.Errorf("topology kind %q: use standalone, replicas, chain, sentinel or cluster", s.Kind)
	}
	for _, f := range []struct {
		name string
		n    int
	}{{"replicas", s.Replicas}, {"sentinels", s.Sentinels}, {"workers", s.Workers}, {"strangers", s.Strangers}, {"quorum", s.Quorum}, {"shards", s.Shards}} {
		if f.n < 0 {
			return fmt.Errorf("%s is %d: it cannot be negative", f.name, f.n)
		}
	}
	if s.Kind == KindStandalone && s.Replicas > 0 {
		return fmt.Errorf("replicas is %d: a standalone server has none; use kind replicas or sentinel", s.Replicas)
	}
	if s.Kind != KindSentinel && s.Sentinels > 0 {
		return fmt.Errorf("sentinels is %d: kind %s has none; use kind sentinel", s.Sentinels, s.Kind)
	}
	if err := s.validateCluster(); err != nil {
		return err
	}
	if s.Kind == KindSentinel && s.Quorum > s.Sentinels {
		return fmt.Errorf("quorum is %d: there are only %d sentinels", s.Quorum, s.Sentinels)
	}
	if s.DownAfter < 0 || s.FailoverTimeout < 0 {
		return fmt.Errorf("down_after and failover_timeout cannot be negative")
	}
	switch s.Persistence {
	case AOFEverySec, AOFAlways, AOFNo, RDB, NoneKept:
	default:
		return fmt.Errorf("persistence %q: use %s, %s, %s, %s or %s", s.Persistence, AOFEverySec, AOFAlways, AOFNo, RDB, NoneKept)
	}
	total := 1 // by numbers, before any are laid out
	for _, n := range []int{s.Replicas, s.Sentinels, s.Workers, s.Strangers} {
		total += min(n, 1<<30)
	}
	if s.Kind == KindCluster {
		total += min(s.Shards, 1<<30) * min(1+s.Replicas, 1<<30)
	}
	if total > maxNodes {
		return fmt.Errorf("%d nodes are too many: at most %d fit on one machine", total, maxNodes)
	}
	if err := s.checkFollows(); err != nil {
		return err
	}
	nodes := s.layout()
	if s.ParallelSyncs < 0 {
		return fmt.Errorf("parallel_syncs is %d: it cannot be negative", s.ParallelSyncs)
	}
	if len(s.SentinelConfig) > 0 && s.Kind != KindSentinel {
		return fmt.Errorf("there is a config for sentinels, and kind %s has none; use kind sentinel", s.Kind)
	}
	if err := s.checkLines(slices.Concat(s.Config, s.SentinelConfig)); err != nil {
		return err
	}
	for name, lines := range s.NodeConfig {
		if err := s.checkNodeConfig(nodes, name, lines); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) checkNodeConfig(nodes []history.Node, name string, lines []string) error {
	for _, n := range nodes {
		if n.Name != name || n.Kind == history.Worker {
			continue
		}
		for _, l := range lines {
			if d := directive(l); everywhere(d) {
				return &ConfigError{Line: conf.MaskLine(l), Complaint: d + " holds for all nodes or for none, so it cannot be set for " + name + " alone"}
			}
		}
		return s.checkLines(lines)
	}
	return fmt.Errorf("config for node %q: there is no such server or sentinel", name)
}

// layout names the nodes in the order of their numbers: servers, strangers, sentinels, workers.
func (s Spec) layout() []history.Node {
	var out []history.Node
	if s.Kind == KindCluster {
		out = s.clusterLayout()
	}
	for i := range 1 + s.Replicas {
		if s.Kind == KindCluster {
			break
		}
		role := history.RoleReplica
		if i == 0 {
			role = history.RoleMaster
		}
		out = append(out, history.Node{Name: fmt.Sprintf("n%d", i+1), Kind: history.Server, Role: role})
	}
	servers := len(out)
	for i := range s.Strangers {
		out = append(out, history.Node{Name: fmt.Sprintf("n%d", servers+i+1), Kind: history.Server, Role: history.RoleMaster, Stranger: true})
	}
	for i := range s.Sentinels {
		out = append(out, history.Node{Name: fmt.Sprintf("s%d", i+1), Kind: history.Sentinel, Role: history.RoleSentinel})
	}
	for i := range s.Workers {
		out = append(out, history.Node{Name: fmt.Sprintf("w%d", i+1), Kind: history.Worker, Role: history.RoleClient})
	}
	return out
}

// String says it for people: "1 master, 2 replicas, 3 sentinels (quorum 2, down-after 2s), AOF everysec".
func (s Spec) String() string {
	s = s.WithDefaults()
	var parts []string
	switch s.Kind {
	case KindStandalone:
		parts = append(parts, "1 standalone server")
	case KindCluster:
		parts = append(parts, s.clusterText())
	default:
		parts = append(parts, "1 master", count(s.Replicas, "replica"))
	}
	if len(s.Follows) > 0 {
		parts[len(parts)-1] += " (" + s.treeText() + ")"
	}
	if s.Kind == KindSentinel {
		parts = append(parts, fmt.Sprintf("%s (quorum %d, down-after %s)", count(s.Sentinels, "sentinel"), s.Quorum, s.DownAfter))
	}
	if s.Strangers > 0 {
		parts = append(parts, count(s.Strangers, "server")+" with a data set of its own")
	}
	parts = append(parts, s.keeps())
	if s.Workers > 1 {
		parts = append(parts, count(s.Workers, "client container"))
	}
	return strings.Join(parts, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
