package topology

import (
	"encoding/hex"
	"fmt"
	"math/rand"
	"slices"
	"strings"

	"github.com/schismtest/schism/history"
)

// Where things are in a container.
const (
	confDir  = "/schism" // a tmpfs: Sentinel syncs its config to disk on every change of its mind
	dataDir  = "/data"   // a tmpfs, unless Spec.Disk
	diskDir  = "/schism-data"
	confFile = confDir + "/redis.conf"
	sentFile = confDir + "/sentinel.conf"
)

// reserved are directives that the user cannot set, with the reason: the harness would lose the server, or the topology would not be
// the one that the report shows.
var reserved = map[string]string{
	"port":            "every server listens on its own address at a fixed port",
	"bind":            "the servers must reach each other",
	"unixsocket":      "the server is spoken to over TCP",
	"daemonize":       "the server is the agent's child",
	"supervised":      "the server is the agent's child",
	"logfile":         "the log is collected from the server's output",
	"syslog-enabled":  "the log is collected from the server's output",
	"dir":             "data is kept in " + dataDir,
	"include":         "the file is not in the container; give its lines",
	"replicaof":       "the topology says who replicates whom",
	"slaveof":         "the topology says who replicates whom",
	"cluster-enabled": "the topology says what is deployed",
	"requirepass":     "clients with a password are not supported yet",
	"aclfile":         "clients with a password are not supported yet",
	"tls-port":        "clients with TLS are not supported yet",
}

// checkLines refuses config lines that cannot work, before anything is started.
func checkLines(lines []string) error {
	for _, l := range lines {
		name := directive(l)
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' && r != '\t' }) {
			return &ConfigError{Line: l, Complaint: "a config line holds one directive, without line breaks"}
		}
		if why, ok := reserved[name]; ok {
			return &ConfigError{Line: l, Complaint: name + " cannot be set: " + why}
		}
		if name != "" && len(strings.Fields(l)) < 2 {
			return &ConfigError{Line: l, Complaint: name + " has no value"}
		}
	}
	return nil
}

// directive is the name of what a line sets; empty for blank lines and comments.
func directive(line string) string {
	f := strings.Fields(line)
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return ""
	}
	return strings.ToLower(f[0])
}

// dir is where the servers keep their data.
func (s Spec) dir() string {
	if s.Disk {
		return diskDir
	}
	return dataDir
}

// serverConfig are the lines of a server's redis.conf: what differs from its defaults, as far as that is the same in all versions.
// masterIP is empty for a master.
func (s Spec) serverConfig(n history.Node, v Version, masterIP string) []string {
	lines := []string{
		"bind 0.0.0.0",
		"protected-mode no",
		"dir " + s.dir(),
		// Five seconds of waiting for further replicas would only make every run longer.
		"repl-diskless-sync yes",
		"repl-diskless-sync-delay 0",
	}
	if v.AtLeast(7, 0) {
		lines = append(lines, "enable-debug-command local")
	}
	lines = append(lines, s.persistence()...)
	if masterIP != "" {
		lines = append(lines, fmt.Sprintf("replicaof %s %d", masterIP, ServerPort))
	}
	return append(lines, s.userLines(n)...)
}

// userLines are the user's own, for this node; they come last, so they win.
func (s Spec) userLines(n history.Node) []string {
	if n.Kind == history.Sentinel {
		return s.NodeConfig[n.Name]
	}
	return slices.Concat(s.Config, s.NodeConfig[n.Name])
}

func (s Spec) persistence() []string {
	switch s.Persistence {
	case RDB:
		return []string{"save 3600 1", "save 300 100", "save 60 10000"}
	case NoneKept:
		return []string{`save ""`}
	}
	return []string{"appendonly yes", "appendfsync " + strings.TrimPrefix(s.Persistence, "aof-"), `save ""`}
}

// sentinelConfig are the lines of a sentinel's config. all are the deployment's nodes with their addresses, ids the sentinels' ids
// by name. Unless they are to find them (Cold), the sentinels know the replicas from the start. Of each other they are told by
// introduce: a sentinel that knows another before that one listens tries again only a second later.
func (s Spec) sentinelConfig(n history.Node, all []history.Node, ids map[string]string) []string {
	set := func(name string, v any) string { return fmt.Sprintf("sentinel %s %s %v", name, MasterName, v) }
	lines := []string{
		"bind 0.0.0.0",
		"protected-mode no",
		"dir " + s.dir(),
		"sentinel myid " + ids[n.Name],
		set("monitor", fmt.Sprintf("%s %d", strings.ReplaceAll(all[0].Addr, ":", " "), s.Quorum)),
		set("down-after-milliseconds", s.DownAfter.Milliseconds()),
		set("failover-timeout", s.FailoverTimeout.Milliseconds()),
		set("parallel-syncs", 1),
	}
	for _, o := range all {
		if o.Role == history.RoleReplica && !s.Cold {
			lines = append(lines, set("known-replica", strings.ReplaceAll(o.Addr, ":", " ")))
		}
	}
	return append(lines, s.userLines(n)...)
}

// sentinelIDs draws the ids of the sentinels.
func sentinelIDs(rng *rand.Rand, all []history.Node) map[string]string {
	ids := map[string]string{}
	for _, n := range all {
		if n.Kind != history.Sentinel {
			continue
		}
		b := make([]byte, 20)
		for i := range b {
			b[i] = byte(rng.Intn(256))
		}
		ids[n.Name] = hex.EncodeToString(b)
	}
	return ids
}

// effective are the settings that the lines come to: of directives that replace each other the last, in the order of first mention.
func effective(lines []string) []history.KV {
	var out []history.KV
	at := map[string]int{}
	for _, l := range lines {
		name := directive(l)
		if name == "" {
			continue
		}
		value := strings.TrimSpace(strings.TrimSpace(l)[len(name):])
		i, seen := at[name]
		switch {
		case !seen || name == "sentinel":
			at[name] = len(out)
			out = append(out, history.KV{K: name, V: value})
		case accumulates(name, value):
			out[i].V += " " + value
		default:
			out[i].V = value
		}
	}
	return out
}

// accumulates tells whether a further line of this directive adds to the earlier ones.
func accumulates(name, value string) bool {
	switch name {
	case "save":
		return value != `""`
	case "client-output-buffer-limit", "rename-command", "loadmodule", "user":
		return true
	}
	return false
}

// file is lines as a file's content.
func file(lines []string) string { return strings.Join(lines, "\n") + "\n" }
