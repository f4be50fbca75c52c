package observer

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
)

// sentinelQuestions are what a sentinel is asked beside INFO. What it calls its master is in the first one's reply: until then it can be
// asked for nothing else.
func sentinelQuestions(name string, peers bool) [][]string {
	cmds := [][]string{{"SENTINEL", "MASTERS"}}
	if name == "" {
		return cmds
	}
	cmds = append(cmds, []string{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name})
	if peers {
		cmds = append(cmds, []string{"SENTINEL", "SENTINELS", name}, []string{"SENTINEL", "REPLICAS", name})
	}
	return cmds
}

// unwatched is a view of which nothing was told, watched whether all of it was.
func unwatched() history.Watch { return history.Watch{Epoch: -1, PeersUp: -1, ReplicasUp: -1} }

func watched(w history.Watch) bool {
	return w.Epoch >= 0 && w.Announced != "" && w.PeersUp >= 0 && w.ReplicasUp >= 0
}

// fillWatch takes one reply in and returns what the sentinel calls its master. What a reply does not tell becomes unknown.
func fillWatch(w *history.Watch, name, cmd string, v any) string {
	list, _ := v.([]any)
	switch cmd {
	case "MASTERS":
		w.Epoch = -1
		if len(list) == 0 {
			return ""
		}
		m := list[0] // the same one as INFO's master0: it watches no other
		flags := strings.Split(text(m, "flags"), ",")
		w.Quorum, w.Peers = number(m, "quorum", 0), number(m, "num-other-sentinels", 0)
		w.SDown, w.ODown, w.Failover = slices.Contains(flags, "s_down"), slices.Contains(flags, "o_down"), slices.Contains(flags, "failover_in_progress")
		w.Epoch = int64(number(m, "config-epoch", -1))
		return text(m, "name")
	case "GET-MASTER-ADDR-BY-NAME":
		w.Announced = ""
		if addr, err := texts(v); err == nil && len(addr) == 2 {
			w.Announced = net.JoinHostPort(addr[0], addr[1])
		}
	case "SENTINELS":
		w.PeersUp = reached(list)
	case "REPLICAS":
		w.ReplicasUp = reached(list)
	}
	return name
}

// reached counts the instances that a sentinel is connected to and holds for alive.
func reached(instances []any) int32 {
	n := int32(0)
	for _, in := range instances {
		flags := strings.Split(text(in, "flags"), ",")
		if !slices.ContainsFunc(flags, func(f string) bool { return f == "s_down" || f == "o_down" || f == "disconnected" }) {
			n++
		}
	}
	return n
}

func text(pairs any, name string) string {
	s, _ := lookup(pairs, name).(string)
	return s
}

func number(pairs any, name string, def int32) int32 {
	n, err := strconv.ParseInt(text(pairs, name), 10, 32)
	if err != nil {
		return def
	}
	return int32(n)
}
