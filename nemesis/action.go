package nemesis

import (
	"fmt"
	"strings"
	"time"
)

// Kind names a fault.
type Kind string

// The faults.
const (
	KindKill             Kind = "kill"         // SIGKILL
	KindStop             Kind = "stop"         // SIGTERM
	KindRestart          Kind = "restart"      // starts what was killed or stopped
	KindKillAndRestart   Kind = "kill-restart" // SIGKILL, and started again at once
	KindPause            Kind = "pause"        // SIGSTOP
	KindResume           Kind = "resume"       // SIGCONT for what was paused
	KindIsolate          Kind = "isolate"      // each target is cut from everyone
	KindPartition        Kind = "partition"    // two sides, each whole in itself
	KindOneWay           Kind = "one-way"      // what From sends does not arrive at To
	KindCutLinks         Kind = "cut-links"    // From and To do not reach each other; all else does
	KindDebugSleep       Kind = "debug-sleep"  // DEBUG SLEEP
	KindReplicaOf        Kind = "replicaof"    // REPLICAOF
	KindSentinelFailover Kind = "sentinel-failover"
	KindClusterFailover  Kind = "cluster-failover" // CLUSTER FAILOVER
	KindMigrateSlots     Kind = "migrate-slots"    // slots and their keys go from one master of a Cluster to another
	KindMoveReplica      Kind = "move-replica"     // CLUSTER REPLICATE
	KindForget           Kind = "forget"           // CLUSTER FORGET, by all others
	KindAddReplica       Kind = "add-replica"      // CLUSTER MEET and REPLICATE of a server that was in no setup
	KindHeal             Kind = "heal"             // heals another fault
)

// Action is a fault as data. The constructors below are the way to write one.
type Action struct {
	Kind Kind `json:"kind"`
	// On is what it hits; a network fault has two sides instead.
	On   Nodes `json:"on,omitempty"`
	From Nodes `json:"from,omitempty"`
	To   Nodes `json:"to,omitempty"`
	// Master is whom a replicaof, a move-replica or an add-replica makes the node follow.
	Master Target `json:"master,omitempty"`
	// Sleep is how long DEBUG SLEEP takes.
	Sleep time.Duration `json:"sleep_ns,omitempty"`
	// How is of a cluster-failover: FailoverForce or FailoverTakeover; empty: plain.
	How string `json:"how,omitempty"`
	// Slots is how many a migrate-slots moves.
	Slots int `json:"slots,omitempty"`
	// SpareChildren lets RDB and AOF children live when their server is killed.
	SpareChildren bool `json:"spare_children,omitempty"`
	// Fault is what a heal heals.
	Fault int `json:"fault,omitempty"`
	// Lasts is how long it holds after its effect, Ends the moment at which it is healed; with neither it is healed at the end of the
	// schedule. Stays: it never is.
	Lasts time.Duration `json:"lasts_ns,omitempty"`
	Ends  *When         `json:"ends,omitempty"`
	Stays bool          `json:"stays,omitempty"`
}

// Kill ends the server processes of the targets with SIGKILL, their RDB and AOF children too. Healing starts them again.
func Kill(t ...Target) Action { return Action{Kind: KindKill, On: t} }

// Stop ends them with SIGTERM. Healing starts them again.
func Stop(t ...Target) Action { return Action{Kind: KindStop, On: t} }

// Restart starts servers that were killed or stopped, which heals the fault that did it.
func Restart(t ...Target) Action { return Action{Kind: KindRestart, On: t} }

// KillAndRestart kills with SIGKILL and starts again at once, faster than anyone fails over.
func KillAndRestart(t ...Target) Action { return Action{Kind: KindKillAndRestart, On: t} }

// Pause freezes the server processes with SIGSTOP. Healing resumes them.
func Pause(t ...Target) Action { return Action{Kind: KindPause, On: t} }

// Resume lets frozen processes go on, which heals the fault that froze them.
func Resume(t ...Target) Action { return Action{Kind: KindResume, On: t} }

// Isolate cuts each of the targets from every other node and every client.
func Isolate(t ...Target) Action { return Action{Kind: KindIsolate, On: t} }

// Partition cuts the network in two sides. Name clients ("w2") to have them stand on a side.
func Partition(a, b Set) Action {
	return Action{Kind: KindPartition, From: a.targets(), To: b.targets()}
}

// OneWay loses what from sends to to; the other direction arrives. (TCP acknowledgements are lost too, so in the end both stall.)
func OneWay(from, to Set) Action {
	return Action{Kind: KindOneWay, From: from.targets(), To: to.targets()}
}

// CutLinks cuts the links between every node of a and every node of b, both ways, and nothing else.
func CutLinks(a, b Set) Action {
	return Action{Kind: KindCutLinks, From: a.targets(), To: b.targets()}
}

// DebugSleep blocks a server for d with DEBUG SLEEP. It heals by itself.
func DebugSleep(t Target, d time.Duration) Action {
	return Action{Kind: KindDebugSleep, On: Nodes{t}, Sleep: d}
}

// ReplicaOf makes a server follow another, or NoOne. Healing makes it follow whom it followed before.
func ReplicaOf(t, master Target) Action {
	return Action{Kind: KindReplicaOf, On: Nodes{t}, Master: master}
}

// SentinelFailover asks a sentinel for a failover (SENTINEL FAILOVER).
func SentinelFailover() Action { return Action{Kind: KindSentinelFailover, On: Nodes{Sentinels}} }

// The ways of a CLUSTER FAILOVER. A plain one has the master stop and the replica catch up first; FORCE does not ask the master, but the other
// masters still vote; TAKEOVER asks nobody.
const (
	FailoverPlain    = ""
	FailoverForce    = "force"
	FailoverTakeover = "takeover"
)

// ClusterFailover tells a replica of a Cluster to become the master of its shard (CLUSTER FAILOVER).
func ClusterFailover(replica Target, how string) Action {
	return Action{Kind: KindClusterFailover, On: Nodes{replica}, How: how}
}

// MigrateSlots moves slots with their keys, those that have keys first, from one master of a Cluster to another, one slot after the other.
// It takes effect with the first of them, and heals by itself when the last one has moved; a slot that is on its way when the run is
// interrupted is brought to its end.
func MigrateSlots(from, to Target, slots int) Action {
	return Action{Kind: KindMigrateSlots, From: Nodes{from}, To: Nodes{to}, Slots: slots}
}

// MoveReplica has a replica of a Cluster follow the master of another shard. Healing takes it back.
func MoveReplica(replica, master Target) Action {
	return Action{Kind: KindMoveReplica, On: Nodes{replica}, Master: master}
}

// Forget has all other servers of a Cluster forget a replica, for good. It goes on to follow its master, and to know them.
func Forget(replica Target) Action { return Action{Kind: KindForget, On: Nodes{replica}} }

// AddReplica has a server that is in no setup (Stranger) join a Cluster, as a replica of the master. Healing takes it out.
func AddReplica(stranger, master Target) Action {
	return Action{Kind: KindAddReplica, On: Nodes{stranger}, Master: master}
}

// Heal heals the fault of this number.
func Heal(fault int) Action { return Action{Kind: KindHeal, Fault: fault} }

// For heals the fault d after its effect.
func (a Action) For(d time.Duration) Action { a.Lasts = d; return a }

// Until heals the fault at the moment. A failover is then the first one after the fault's own effect.
func (a Action) Until(w When) Action { a.Ends = &w; return a }

// Forever leaves the fault unhealed when the schedule ends.
func (a Action) Forever() Action { a.Stays = true; return a }

// WithoutChildren spares the RDB and AOF children of a killed server.
func (a Action) WithoutChildren() Action { a.SpareChildren = true; return a }

// heals tells whether there is something to heal.
func (a Action) heals() bool {
	switch a.Kind {
	case KindRestart, KindResume, KindSentinelFailover, KindClusterFailover, KindForget, KindHeal:
		return false
	}
	return !a.Stays
}

// itself tells whether the fault ends by itself.
func (a Action) itself() bool {
	return a.Kind == KindDebugSleep || a.Kind == KindKillAndRestart || a.Kind == KindMigrateSlots
}

// ofCluster tells whether the fault is one of a Cluster's servers among themselves.
func (a Action) ofCluster() bool {
	switch a.Kind {
	case KindClusterFailover, KindMigrateSlots, KindMoveReplica, KindForget, KindAddReplica:
		return true
	}
	return false
}

// network tells whether the fault is one of links.
func (a Action) network() bool {
	switch a.Kind {
	case KindIsolate, KindPartition, KindOneWay, KindCutLinks:
		return true
	}
	return false
}

// String says it for people, with the targets as they are written.
func (a Action) String() string {
	return a.sentence(a.On.String(), a.From.String(), a.To.String(), a.Master.String())
}

// sentence puts names, written or resolved, into the fault's words.
func (a Action) sentence(on, from, to, master string) string {
	switch a.Kind {
	case KindKill:
		return "kill " + on
	case KindStop:
		return "stop " + on
	case KindRestart:
		return "restart " + on
	case KindKillAndRestart:
		return "kill " + on + " and start it again at once"
	case KindPause:
		return "freeze " + on
	case KindResume:
		return "resume " + on
	case KindIsolate:
		return "cut " + on + " from everyone"
	case KindPartition:
		return "cut " + from + " from " + to
	case KindOneWay:
		return "lose what " + from + " sends to " + to
	case KindCutLinks:
		return "cut the links between " + from + " and " + to
	case KindDebugSleep:
		return "DEBUG SLEEP on " + on + " for " + span(a.Sleep)
	case KindReplicaOf:
		return "make " + on + " follow " + master
	case KindSentinelFailover:
		return "ask " + on + " for a failover"
	case KindClusterFailover:
		return strings.TrimSpace("CLUSTER FAILOVER "+strings.ToUpper(a.How)) + " on " + on
	case KindMigrateSlots:
		if a.Slots == 1 {
			return "move 1 slot from " + from + " to " + to
		}
		return fmt.Sprintf("move %d slots from %s to %s", a.Slots, from, to)
	case KindMoveReplica:
		return "move " + on + " to " + master
	case KindForget:
		return "have all others forget " + on
	case KindAddReplica:
		return "add " + on + " as a replica of " + master
	case KindHeal:
		return fmt.Sprintf("heal fault %d", a.Fault)
	}
	return "unknown fault " + string(a.Kind)
}

// ending says how the fault ends, for people; empty when there is nothing to say.
func (a Action) ending() string {
	switch {
	case a.Stays:
		return "for good"
	case !a.heals() || a.itself():
		return ""
	case a.Ends != nil:
		return "until " + a.Ends.moment()
	case a.Lasts > 0:
		return "for " + span(a.Lasts)
	}
	return "until the schedule ends"
}

// moment is the moment as it stands after "until".
func (w When) moment() string {
	if w.Offset == 0 {
		return w.event()
	}
	return w.String()
}
