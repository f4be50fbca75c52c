package checker

import (
	"fmt"
	"slices"

	"github.com/schismtest/schism/history"
)

// replicaWrites counts writes that a replica took although it is read-only: its samples before the call and after the reply show role
// replica under the same ids. Otherwise it may have been a master for a moment, and the write an ordinary one.
func (x *extra) replicaWrites() {
	c := &x.h.Ops
	n := note{class: "replica_write"}
	for i, f := range c.Flags {
		if f&history.FlagReplicaWrite == 0 {
			continue
		}
		node := int32(c.Node[i])
		if node < 0 || x.configured(node, "replica-read-only", "no") {
			continue
		}
		before, after := x.s.at(node, c.Call[i]), x.s.after(node, c.Return[i])
		if before == nil || after == nil || !steadyReplica(before, after) {
			continue
		}
		x.looks("replica_write")
		if c.Outcome[i] == history.OK {
			n.count(fmt.Sprintf("%s answered OK to a write at %s although it was a replica", x.node(node), seconds(c.Call[i])), i)
		}
	}
	x.notes([]note{n})
}

// steadyReplica tells whether a node was a replica of one branch at both samples.
func steadyReplica(a, b *history.Sample) bool {
	return a.Role == history.RoleReplica && b.Role == history.RoleReplica && !a.Loading && !b.Loading && a.RunID == b.RunID && a.ReplID == b.ReplID
}

// configured reports whether a node ran with this setting.
func (x *extra) configured(node int32, name, value string) bool {
	return int(node) < len(x.h.Run.Nodes) && slices.Contains(x.h.Run.Nodes[node].Config, history.KV{K: name, V: value})
}
