package conf

import (
	"slices"
	"strings"
)

// whySentinel: a sentinel can be told of another name of a command, but not of none.
const whySentinel = "sentinels fail over with it, and can be told of another name but not of none"

// replication says why each of the commands that a replica sends to its master, under their own names whatever the master calls them,
// cannot do without its name. All of it was seen on 6.0, 7.0 and Valkey 8.1.
func replication(command string) string {
	switch command {
	case "PING":
		return "replicas say it to their master by this name, and give up when it is not known"
	case "PSYNC":
		return "replicas ask their master with it by this name; without it they fall back to SYNC, and the master never hears how far they are"
	case "REPLCONF":
		return "replicas tell their master with it, by this name, on which port they answer and how far they are; without it the master does not know them"
	}
	return ""
}

// sentinelCommands are what a sentinel says to servers.
func sentinelCommands() []string {
	return []string{"PING", "INFO", "SLAVEOF", "CONFIG", "CLIENT", "MULTI", "EXEC", "PUBLISH", "SUBSCRIBE", "AUTH"}
}

func (s *sorter) rename(l Line) {
	if len(l.Args) != 2 {
		s.mistake(l, `it has two values: a command and its new name, or "" for none`)
		return
	}
	from, to := strings.ToUpper(l.Args[0]), l.Args[1]
	for _, r := range []struct {
		applies bool
		why     string
	}{
		{s.c.Replicas && replication(from) != "", replication(from)},
		{s.c.Sentinels && to == "" && slices.Contains(sentinelCommands(), from), whySentinel},
		{to == "" && slices.Contains(s.c.Commands, from), "the agent asks the server with it"},
		{slices.Contains(s.c.Clients, from), "the clients of this workload issue it by this name"},
	} {
		if r.applies {
			s.mistake(l, "%s: %s", from, r.why)
			return
		}
	}
	s.keep(l)
}

// Renames are the commands with another name, by the old one in capitals; "" for those that are disabled.
func Renames(lines []string) map[string]string {
	out := map[string]string{}
	for _, text := range lines {
		if l, why := ParseLine(text); why == "" && l.Name == "rename-command" && len(l.Args) == 2 {
			out[strings.ToUpper(l.Args[0])] = l.Args[1]
		}
	}
	return out
}
