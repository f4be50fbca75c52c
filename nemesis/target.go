package nemesis

import (
	"fmt"
	"strings"
)

// Target names one or several nodes: one of the names below, or a node's own ("n2", "s1", "w1"). What it stands for is settled when
// the fault is injected, from what the nodes say at that moment, and recorded.
type Target string

// The targets that depend on the moment.
const (
	// Master is the rightful master: the one that Sentinel named last, else the only one that says it is master.
	Master Target = "master"
	// OldMaster is the one that the latest failover deposed.
	OldMaster Target = "old-master"
	// OneReplica is the first replica that runs, by number; AllReplicas are all servers but the rightful master, or those of all shards.
	OneReplica  Target = "one-replica"
	AllReplicas Target = "all-replicas"
	// MajorityWithoutMaster is all replicas with the last-numbered majority of the sentinels.
	MajorityWithoutMaster Target = "majority-without-master"
	// Sentinels and Workers are all of their kind.
	Sentinels Target = "sentinels"
	Workers   Target = "workers"
	// Killed are the nodes that a fault killed or stopped and nothing has started since; Paused are those that are frozen.
	Killed Target = "killed"
	Paused Target = "paused"
	// Rest is every node that the other side does not name.
	Rest Target = "rest"
	// Stranger is the first server that belongs to no setup (topology.Spec.Strangers).
	Stranger Target = "stranger"
	// NoOne makes a replica a master (REPLICAOF NO ONE).
	NoOne Target = "no one"
)

// symbols are the targets that are no node's name, with how they read in a sentence.
var symbols = map[Target]string{
	Master: "the master", OldMaster: "the old master", OneReplica: "one replica", AllReplicas: "all replicas",
	MajorityWithoutMaster: "the majority without the master", Sentinels: "the sentinels", Workers: "the clients",
	Killed: "what was killed", Paused: "what was paused", Rest: "the rest", NoOne: "no one",
	Stranger: "a master of another data set",
}

// String says it for people.
func (t Target) String() string {
	if s, ok := symbols[t]; ok {
		return s
	}
	if n, part := t.shard(); n > 0 {
		return shardParts[part] + fmt.Sprintf(" of shard %d", n)
	}
	return string(t)
}

// name splits a node's own name into its letter and number: "n2" is n, 2. Other targets give 0, 0.
func (t Target) name() (letter byte, number int) {
	if len(t) < 2 || len(t) > 4 || !strings.ContainsRune("nsw", rune(t[0])) || t[1] == '0' {
		return 0, 0
	}
	for _, c := range []byte(t[1:]) {
		if c < '0' || c > '9' {
			return 0, 0
		}
		number = 10*number + int(c-'0')
	}
	return t[0], number
}

func (t Target) valid() bool {
	_, n := t.name()
	shard, _ := t.shard()
	return symbols[t] != "" || n > 0 || shard > 0
}

// Nodes is a set of targets: one side of a partition.
type Nodes []Target

// Set is what stands on a side: a Target or a Side of several.
type Set interface{ targets() Nodes }

func (t Target) targets() Nodes { return Nodes{t} }
func (n Nodes) targets() Nodes  { return n }

// Side is a side of several nodes.
func Side(t ...Target) Nodes { return t }

// String says it for people: "{the master, s1, w2}".
func (n Nodes) String() string {
	if len(n) == 1 {
		return n[0].String()
	}
	var parts []string
	for _, t := range n {
		parts = append(parts, t.String())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
