package topology

import (
	"encoding/hex"
	"fmt"
	"math/rand"
	"slices"
	"strings"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
)

// ConfigDir is where a node's config is, and what it names, in its container.
const ConfigDir = confDir

// Where things are in a container.
const (
	confDir  = "/schism" // a tmpfs: Sentinel syncs its config to disk on every change of its mind
	dataDir  = "/data"   // a tmpfs, unless Spec.Disk
	diskDir  = "/schism-data"
	confFile = confDir + "/redis.conf"
	sentFile = confDir + "/sentinel.conf"
)

// reserved are directives that a spec cannot set, with the reason: the harness would lose the server, or the topology would not be the one
// that the report shows. A user's file may hold them: conf.Sort leaves them out and says so.
func reserved(name string) string {
	switch name {
	case "port":
		return "every server listens on its own address at a fixed port"
	case "bind":
		return "the servers must reach each other"
	case "daemonize", "supervised":
		return "the server is the agent's child"
	case "logfile", "syslog-enabled":
		return "the log is collected from the server's output"
	case "dir":
		return "data is kept in " + dataDir
	case "include":
		return "the file is not in the container; give its lines"
	case "replicaof", "slaveof":
		return "the topology says who replicates whom"
	case "cluster-enabled":
		return "the topology says what is deployed"
	case "cluster-config-file", "cluster-port":
		return "the servers of a Cluster are started with what they are to know of each other"
	}
	return ""
}

// everywhere are directives that hold for all servers or for none: agents and replicas get in the same way everywhere.
func everywhere(name string) bool {
	switch name {
	case "requirepass", "user", "aclfile", "tls-port", "rename-command":
		return true
	}
	return false
}

// checkLines refuses config lines that cannot work, before anything is started.
func (s Spec) checkLines(lines []string) error {
	for _, text := range lines {
		l, why := conf.ParseLine(text)
		switch {
		case why != "" && l.Name != "":
			return &ConfigError{Line: conf.MaskLine(text), Complaint: strings.Replace(l.Name+": "+why, ": it ", " ", 1)}
		case why != "":
			return &ConfigError{Line: conf.MaskLine(text), Complaint: why}
		case l.Name == "":
			continue
		}
		why = reserved(l.Name)
		ours := map[bool]string{true: "yes", false: "no"}[s.Kind == KindCluster]
		if l.Name == "cluster-enabled" && len(l.Args) > 0 && strings.EqualFold(l.Args[0], ours) {
			why = ""
		}
		if why != "" {
			return &ConfigError{Line: conf.MaskLine(text), Complaint: l.Name + " cannot be set: " + why}
		}
		if l.Name == "aclfile" && l.Args[0] != "" && s.Files[l.Args[0]] == "" && s.SentinelFiles[l.Args[0]] == "" {
			return &ConfigError{Line: text, Complaint: "the file is not in the container; name it in a config file, or set Files"}
		}
	}
	return nil
}

// directive is the name of what a line sets; empty for blank lines and comments.
func directive(line string) string {
	l, _ := conf.ParseLine(line)
	return l.Name
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
	if s.Kind == KindCluster {
		lines = append(lines, s.clusterLines()...)
	}
	if masterIP != "" {
		lines = append(lines, fmt.Sprintf("replicaof %s %d", masterIP, ServerPort))
	}
	return append(lines, s.userLines(n)...)
}

// userLines are the user's own, for this node; they come last, so they win.
func (s Spec) userLines(n history.Node) []string {
	if n.Kind == history.Sentinel {
		return slices.Concat(s.SentinelConfig, s.NodeConfig[n.Name])
	}
	return slices.Concat(s.Config, s.NodeConfig[n.Name])
}

func (s Spec) persistence() []string {
	if s.AsGiven {
		return nil
	}
	switch s.Persistence {
	case RDB:
		return []string{"save 3600 1", "save 300 100", "save 60 10000"}
	case NoneKept:
		return []string{`save ""`}
	}
	return []string{"appendonly yes", "appendfsync " + strings.TrimPrefix(s.Persistence, "aof-"), `save ""`}
}

// Keeps names what lines come to keep over a restart, where the server's defaults hold for what they do not set.
func Keeps(lines []string) string {
	kept := map[string]string{}
	for _, kv := range effective(lines) {
		kept[kv.K] = strings.ToLower(strings.Trim(kv.V, `"'`))
	}
	save, saves := kept["save"]
	switch {
	case kept["appendonly"] == "yes" && kept["appendfsync"] == "":
		return AOFEverySec
	case kept["appendonly"] == "yes":
		return "aof-" + kept["appendfsync"]
	case saves && save == "":
		return NoneKept
	}
	return RDB
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
		set("parallel-syncs", max(1, s.ParallelSyncs)),
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
		_, value, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(l, "\t", " "), " "), " ")
		value = strings.TrimSpace(value)
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

// KeepsAOF tells whether the servers have an append-only file, by the lines that all of them get.
func (s Spec) KeepsAOF() bool {
	s = s.WithDefaults()
	return strings.HasPrefix(Keeps(slices.Concat(s.persistence(), s.Config)), "aof-")
}
