package topology

import (
	"slices"
	"strings"
)

// keeps says what servers keep on disk by the lines that win: the spec's, then the user's for all of them. Where a node has lines of its own
// about that, it says so.
func (s Spec) keeps() string {
	text := keptWords(Keeps(slices.Concat(s.persistence(), s.Config)))
	for _, lines := range s.NodeConfig {
		for _, kv := range effective(lines) {
			if kv.K == "appendonly" || kv.K == "appendfsync" || kv.K == "save" {
				return text + " (not on every node)"
			}
		}
	}
	return text
}

// keptWords are what Keeps names, in words.
func keptWords(kept string) string {
	switch kept {
	case RDB:
		return "RDB snapshots"
	case NoneKept:
		return "nothing kept on disk"
	}
	return "AOF " + strings.TrimPrefix(kept, "aof-")
}
