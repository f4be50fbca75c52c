package topology

import (
	"strings"

	"github.com/schismtest/schism/history"
)

// keeps says what servers keep on disk by the lines that win: the spec's, then the user's for all of them. Where a node has lines of its own
// about that, it says so.
func (s Spec) keeps() string {
	settings := effective(append(s.persistence(), s.Config...))
	text := persistenceWords(settings)
	for _, lines := range s.NodeConfig {
		for _, kv := range effective(lines) {
			if kv.K == "appendonly" || kv.K == "appendfsync" || kv.K == "save" {
				return text + " (not on every node)"
			}
		}
	}
	return text
}

// persistenceWords are settings of persistence in words; a server without a line about it takes snapshots.
func persistenceWords(settings []history.KV) string {
	n := history.Node{Config: settings}
	fsync := n.Setting("appendfsync")
	if fsync == "" {
		fsync = "everysec"
	}
	switch {
	case strings.EqualFold(n.Setting("appendonly"), "yes"):
		return "AOF " + fsync
	case n.Has("save") && n.Setting("save") == "":
		return "nothing kept on disk"
	}
	return "RDB snapshots"
}
