package schism

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/words"
)

// pingSize is what a PING takes in the replication stream, "*1\r\n$4\r\nPING\r\n". It is the only thing that a master at rest adds by
// itself, every 10 s unless configured otherwise, and no command that writes is as short.
const pingSize = 14

// restWatch waits for two samples in a row of every server that show them at rest.
type restWatch struct {
	nodes   []history.Node
	servers []int32
	// since is the moment, ns, after which a sample must have been called to count.
	since         int64
	first, second map[int32]history.Sample
	why           string // what keeps them from rest
}

// look takes the latest sample of each node and tells whether it is done; second are then those that showed it.
func (w *restWatch) look(samples map[int32]history.Sample) bool {
	for _, i := range w.servers {
		if s, ok := samples[i]; ok && s.Call <= w.since {
			w.why = w.nodes[i].Name + " was not sampled since"
			return false
		}
	}
	if w.why = restless(w.nodes, w.servers, samples); w.why != "" {
		w.first = nil
		return false
	}
	if w.first == nil {
		w.first = w.of(samples)
		return false
	}
	for _, i := range w.servers {
		if samples[i].Call <= w.first[i].Call {
			return false // the second sample of this node is still to come
		}
	}
	w.second = w.of(samples)
	return true
}

func (w *restWatch) of(samples map[int32]history.Sample) map[int32]history.Sample {
	out := map[int32]history.Sample{}
	for _, i := range w.servers {
		out[i] = samples[i]
	}
	return out
}

// restless says what keeps the deployment from being at rest; empty when nothing does. In a Cluster every shard comes to rest by itself.
func restless(nodes []history.Node, servers []int32, samples map[int32]history.Sample) string {
	shards := map[int]bool{}
	var masters []int32
	for _, i := range servers {
		shards[nodes[i].Shard] = true
		s, ok := samples[i]
		switch {
		case !ok:
			return nodes[i].Name + " was never sampled"
		case !s.Answered:
			return nodes[i].Name + " does not answer"
		case s.Loading:
			return nodes[i].Name + " still loads its data"
		case s.Rest.Saving:
			return nodes[i].Name + " is saving its data"
		case s.Role == history.RoleMaster:
			masters = append(masters, i)
		}
	}
	switch {
	case len(masters) == 0:
		return "no node says it is master"
	case len(masters) > len(shards) && len(shards) == 1:
		return nodes[masters[0]].Name + " and " + nodes[masters[1]].Name + " both say they are master"
	case len(masters) != len(shards):
		return fmt.Sprintf("%d nodes say they are master, of %d shards: %s", len(masters), len(shards), oddShards(nodes, shards, masters))
	}
	for _, i := range servers {
		s := samples[i]
		if s.Role == history.RoleMaster {
			continue
		}
		if !s.LinkUp || s.SyncRunning {
			return nodes[i].Name + " has no link to its master"
		}
		master := masterOf(nodes, masters, s)
		if master == history.NoNode {
			return nodes[i].Name + " follows " + s.MasterAddr + ", which does not say it is master"
		}
		switch m := samples[master]; {
		case s.ReplID != m.ReplID:
			return nodes[i].Name + " has another replication id than " + nodes[master].Name
		case s.Offset != m.Offset:
			return fmt.Sprintf("%s is at offset %d, %s at %d", nodes[i].Name, s.Offset, nodes[master].Name, m.Offset)
		}
	}
	return ""
}

// oddShards says of which shards, as they were at the start, no node or several say that they are master.
func oddShards(nodes []history.Node, shards map[int]bool, masters []int32) string {
	var out []string
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		var names []string
		for _, m := range masters {
			if nodes[m].Shard == shard {
				names = append(names, nodes[m].Name)
			}
		}
		switch len(names) {
		case 0:
			out = append(out, fmt.Sprintf("none of shard %d", shard))
		case 1:
		default:
			out = append(out, fmt.Sprintf("%s of shard %d", words.List(names), shard))
		}
	}
	return strings.Join(out, "; ")
}

// masterOf is which of the masters a replica follows. Where there is one, that is it, whatever address it goes by.
func masterOf(nodes []history.Node, masters []int32, replica history.Sample) int32 {
	if len(masters) == 1 {
		return masters[0]
	}
	for _, m := range masters {
		if nodes[m].Addr == replica.MasterAddr {
			return m
		}
	}
	return history.NoNode
}

// moved says what was touched between two looks at rest, by the rule of checkers.md, "At rest"; nil when nothing was.
func moved(nodes []history.Node, servers []int32, before, after map[int32]history.Sample) error {
	// What a master removed by itself reaches its replicas as changes.
	removed := map[int32]int64{}
	var masters []int32
	for _, i := range servers {
		if a, b := after[i], before[i]; a.Role == history.RoleMaster {
			masters = append(masters, i)
			removed[i] = a.Rest.Expired - b.Rest.Expired + a.Rest.Evicted - b.Rest.Evicted
		}
	}
	var out []string
	for _, i := range servers {
		if why := movedNode(before[i], after[i], removed[masterOf(nodes, masters, after[i])]); why != "" {
			out = append(out, nodes[i].Name+" "+why)
		}
	}
	if len(out) > 0 {
		return fmt.Errorf("data moved while the nodes were read: %s", strings.Join(out, ", "))
	}
	return nil
}

func movedNode(b, a history.Sample, removed int64) string {
	switch {
	case a.RunID != b.RunID:
		return "was restarted"
	case a.Role != b.Role:
		return fmt.Sprintf("was a %s and is a %s", b.Role, a.Role)
	case a.ReplID != b.ReplID || a.ReplID2 != b.ReplID2:
		return "changed its replication id"
	}
	if !a.Rest.Known || !b.Rest.Known {
		return movedOffset(b, a)
	}
	changes := a.Rest.Changes - b.Rest.Changes
	switch {
	case a.Rest.LastSave != b.Rest.LastSave || a.Rest.Saving || b.Rest.Saving:
		return "saved its data, which sets its count of changes back"
	case a.Role == history.RoleMaster && changes != 0:
		return fmt.Sprintf("took %+d changes", changes)
	case changes < 0 || changes > removed:
		return fmt.Sprintf("took %+d changes, of which its master's expiry and eviction explain %d", changes, removed)
	}
	return ""
}

// movedOffset compares offsets, for servers that do not count changes: one PING may have been added. Whatever else was cannot be told
// from a write (what sentinels publish through a master is of no fixed size), so the nodes are read again.
func movedOffset(b, a history.Sample) string {
	if d := a.Offset - b.Offset; d != 0 && d != pingSize {
		return fmt.Sprintf("moved by %+d bytes, which is no PING", d)
	}
	return ""
}
