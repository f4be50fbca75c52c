package history

// Role is what a server says it is, or what was seen instead.
type Role string

// The roles; RoleUnknown where nothing was answered.
const (
	RoleMaster   Role = "master"
	RoleReplica  Role = "replica"
	RoleSentinel Role = "sentinel"
	RoleClient   Role = "client"
	RoleUnknown  Role = ""
)

// Sample is one look at one server by its own agent over loopback. Times in ns on the run's clock.
type Sample struct {
	Node         int32
	Call, Return int64 // around INFO
	// Answered is false when the server did not answer by Return: dead (Up false) or frozen. NoAnswerSince is then the call of
	// the first look that went unanswered.
	Answered      bool
	NoAnswerSince int64
	Up            bool // its process exists
	Frozen        bool // its process is stopped (state T)
	Loading       bool // it answers, but still loads its data set
	Role          Role
	RunID         string
	ReplID        string
	ReplID2       string
	Offset        int64 // a master's master_repl_offset, a replica's own slave_repl_offset
	SecondOffset  int64 // second_repl_offset
	MasterAddr    string
	LinkUp        bool  // master_link_status
	LastIO        int64 // master_last_io_seconds_ago, in s; -1 unknown
	SyncRunning   bool  // master_sync_in_progress
	Replicas      int32 // connected replicas in state online
	// Since the server began, of its replicas' requests to go on: the full resyncs that it began, the partial ones, and the requests for a
	// partial one that it had to turn down. A full resync counts whether a partial one had been asked for or not.
	SyncFull      int64
	SyncPartialOK int64
	SyncPartErr   int64
	Memory        int64 // used_memory, bytes
	// RunDelay is how long the server's threads have waited for a processor while they could have run, CPUTime how long they have
	// run: sums over its threads since each began, ns, so only differences within one RunID tell, and one that falls tells that a
	// thread ended. Steal is what the machine's hypervisor has taken from all its processors since boot, ns, in steps of 10 ms. Each
	// is taken when the sample is, answered or not; -1 where it could not be read. A judge compares two samples: the share of a
	// span in which the server waited is (RunDelay' - RunDelay) / (Call' - Call).
	RunDelay, CPUTime, Steal int64
	// Priority is a replica's slave_priority: 0 is never promoted, and of others the lowest is preferred; -1 not told (a master).
	Priority int64
	// Connected counts a master's replicas in whatever state (connected_slaves), MinGood those that min-replicas-to-write counts
	// (min_slaves_good_slaves); -1 not told, which MinGood is wherever that setting is off.
	Connected, MinGood int64
	Rest               Rest
	Watch              Watch
	// OutputKills counts the connections, replicas' ones too, that the server closed since it began because they were too slow for their
	// output buffer (client_output_buffer_limit_disconnections), RefusedOOM the commands that it refused with OOM (errorstat_OOM), and
	// MaxMemory is the setting, bytes, 0 for none. -1 not told: of the first by servers before 7.2, of the second before 6.2.
	OutputKills, RefusedOOM, MaxMemory int64
	// Fsyncs grows with whatever may have fsynced the server's append-only file: with each wake-up and the running time of any of its
	// threads but the one that serves commands, and with each child. Two equal ones of one RunID show that nothing of it did between the
	// calls and returns of their samples; with appendfsync always it is the serving thread that does. -1 (0 in a record from
	// elsewhere) not told, or not looked at.
	Fsyncs int64
}

// Rest is what tells whether a server's data set was touched between two samples (checkers.md, "At rest"). With both Known, nothing
// moved between them when RunID, Role, ReplID, ReplID2 and LastSave are the same, Saving is false, a master's Changes are the same, and
// a replica's grew by no more than its master's Expired and Evicted did together. Changes are never compared between nodes. Without
// Known (files of version 1, servers that do not tell) only the offsets can be compared.
type Rest struct {
	Known    bool
	Changes  int64 // rdb_changes_since_last_save; a save sets it back
	LastSave int64 // rdb_last_save_time, Unix s
	Saving   bool  // rdb_bgsave_in_progress
	Expired  int64 // expired_keys since the server began
	Evicted  int64 // evicted_keys since the server began
}

// Watch is what a sentinel thinks of the master that it watches, beside Sample's MasterAddr, Replicas and LinkUp. All of it but Peers,
// PeersUp and ReplicasUp is of the sample's own moment; those three may be older, by a tenth of a second. A sentinel's current epoch
// is in no reply: it is the greatest that its events "+new-epoch" and "+vote-for-leader" name. Those name sentinels by the id that
// stands as "myid" among Node.Config's "sentinel" lines.
type Watch struct {
	Known bool
	// Announced is the address that clients are told (SENTINEL GET-MASTER-ADDR-BY-NAME) and that the sentinel publishes to its peers:
	// in a failover the promoted replica's from the moment of its promotion, while Sample.MasterAddr changes at the end only.
	Announced string
	Epoch     int64 // config-epoch of the master's address: greater ones win
	Quorum    int32
	Peers     int32 // the other sentinels that it knows (num-other-sentinels); a majority counts itself too
	PeersUp   int32 // those of them that it reaches: connected, neither s_down nor o_down
	// ReplicasUp are the replicas that it knows of and reaches.
	ReplicasUp int32
	SDown      bool // it holds the master for down
	ODown      bool // and the quorum agrees
	Failover   bool // it leads a failover now
	Tilt       bool // its clock jumped or it was held up: it acts on nothing
}

// Event is something that happened to a node (or, with NoNode, to the run), ns on the run's clock.
type Event struct {
	Node int32
	T    int64
	// Dur is how long it lasted from T on, ns; 0 for a moment.
	Dur  int64
	Kind EventKind
	// Name is Sentinel's event ("+switch-master"), the phase's name, the log's class...
	Name string
	Text string
}

// EventKind groups events by who saw them.
type EventKind string

const (
	EvPhase    EventKind = "phase"    // of the run; names in Phase*
	EvSentinel EventKind = "sentinel" // Name is the channel, Text the message; Node the sentinel that said it
	EvProcess  EventKind = "process"  // a supervised server or sentinel; names in Process*
	EvLog      EventKind = "log"      // a line of a server's output that matters: "crash", "assertion", "sanitizer", "warning"
	EvCluster  EventKind = "cluster"  // a server of a Cluster wrote of a step of a failover; names in Cluster*, Text is its line
	EvStall    EventKind = "stall"    // one of ours stood still from T to T+Dur; names in Stall*. Version 1 has only Text, and no Dur
	EvNote     EventKind = "note"     // Name "incomplete", "lost-records", "dropped-log"...; Text says what and why
)

// Phases of a run, in order; Event.Name of an EvPhase.
const (
	PhaseLoad     = "load"     // the first operation may start
	PhaseLoadEnd  = "load-end" // writers stopped
	PhaseDropped  = "dropped"  // every client connection was closed: what was still queued in a server's sockets is gone or done
	PhaseLeftOut  = "left-out" // Node was ended by a fault for good, and the barrier left it out; Text names the fault
	PhaseBarrier  = "barrier"  // the barrier held: what is read after it is final
	PhaseNoBarr   = "no-barrier"
	PhaseFinalEnd = "final-end" // every node was read, and nothing had moved meanwhile
)

// Names of an EvProcess. The first line of an exit's Text is how the process ended ("exit status 1", "killed by SIGSEGV"), the
// further ones are the last lines that it wrote, at most ExitLines of them and ExitBytes in all. An exit counts as asked for when the
// agent had sent that process a signal that ends it or a command that does (SHUTDOWN): so do kill and stop faults, restarts and the
// end of the run. All others, a SIGKILL from elsewhere among them, are ByItself; the children that write RDB and AOF files are none. A
// judge looks at those since PhaseLoad: before it, a server is started only to be asked for its version.
const (
	ProcessStarted  = "started"
	ProcessSignal   = "signal"           // sent by the agent; Text says which
	ProcessExited   = "exited"           // as asked for
	ProcessByItself = "exited-by-itself" // nothing of the harness's had asked for it
)

// LogBuffer is the Name of an EvLog of a connection that was closed since it was too slow for its output buffer.
const LogBuffer = "buffer"

// MostLogEvents bounds the events of one process's output, those of LogBuffer apart: a crash report has hundreds of lines, and the log is
// kept anyway.
const MostLogEvents = 200

// Names of an EvCluster, in the order of a failover. Servers are named by their ids in the lines (Node.ClusterID).
const (
	ClusterFailing = "failing"          // Node marked another as failing: the majority of masters agreed
	ClusterDelayed = "election-delayed" // Node, a replica, will ask for votes after a delay
	ClusterAsked   = "election-started" // Node asked for votes
	ClusterVoted   = "vote-granted"     // Node gave its vote
	ClusterWon     = "election-won"     // Node is the new master
	ClusterManual  = "manual"           // Node was told to take over, or as a master asked to let it
	ClusterFollows = "follows"          // Node learned that another owns its slots, and follows that one
	ClusterState   = "state"            // cluster_state changed on Node; Text ends with ok or fail
)

// What is kept of the last output of a process that ended.
const (
	ExitLines = 20
	ExitBytes = 2 << 10
)

// Names of an EvStall. Who stood still is Event.Node, NoNode for the harness.
const (
	StallTick = "tick" // a tick that was due at T came at T+Dur: the process did not get to run
	StallHeld = "held" // an agent waited that long for a harness that did not read
	// The machine was suspended for Dur before T. The run's clock stood still meanwhile, so no span of it holds this time.
	StallSuspended = "suspended"
)

// LeftOut are the nodes that the barrier left out, since a fault ended them for good: they were not read, so they agree with nobody
// and lack nothing. Convergence and loss are judged without them.
func (h *History) LeftOut() map[int32]bool {
	out := map[int32]bool{}
	for i := range h.Events {
		if e := &h.Events[i]; e.Kind == EvPhase && e.Name == PhaseLeftOut {
			out[e.Node] = true
		}
	}
	return out
}

// StepTimedOut stands in the Err of a fault whose beginning or end was to follow on something that did not happen in time. What the
// harness does afterwards (it heals, it restarts) is not the setup's doing.
const StepTimedOut = "it did not happen within"

// Fault is one fault as it ran. It is recorded anew at each step; the last record of an ID counts. Times in ns on the run's
// clock, 0 when the step was not reached. What the fault may have done lies between Injected and Healed, Effect or not: Injected is taken
// before the first of its commands is sent, Healed after the last of its rules was removed. With HealCalled and no Healed the heal
// failed, and the window has no end.
type Fault struct {
	ID      int
	Kind    string // "kill", "partition"...
	Text    string // for people: "cut {n1, s1, w2} from {n2, n3, s2, s3, w1}"
	When    string // for people, as scheduled: "5 s after the load began"
	Targets []int32
	// Links are the cut or held-back directed links, from node to node.
	Links [][2]int32
	// Healed by itself: there is no heal step (a kill without restart).
	Permanent  bool
	Scheduled  int64
	Injected   int64 // right before the first agent was told
	Effect     int64 // proved to have taken effect: all of it was broken from here on
	Proof      string
	HealCalled int64 // right before the first agent was told to undo it
	Healed     int64 // all of it was undone; of a process that was away, it answers again
	HealProof  string
	Err        string // why it did not take effect or did not heal
	// Awaited is what its beginning or end was to follow on, where that did not happen within Waited ns: "the failover is done". What the
	// harness does afterwards is its own doing (StepTimedOut).
	Awaited     string
	Waited      int64
	Unavailable string // why it could not be injected here at all
}

// Dump is the canonical content of one key on one node, read after the barrier. Every node is read twice; of the second reading only
// what differs from the first is recorded, a key that was not there any more as Type "none".
type Dump struct {
	Node     int32
	Key      string
	Type     string // "none" when the key is absent; "string", "list", "set", "hash", "zset", "stream"
	Digest   uint64 // of type, canonical value and expiry: equal digests are equal keys
	ExpireAt int64  // Unix ms; -1 for none
	// Elems are the values of a workload's key: the register's value, the set's elements ascending, the list's in order, a
	// counter's value, balances, stream elements in order. nil when they are no integers.
	Elems []int64
	// Part is 0 for a key in one piece; a big key comes in parts 1, 2, 3..., Last on the last of them.
	Part int32
	Last bool
	// Read is 2 for the second reading of the node, else the first; 0 in version 1.
	Read int32
	// The key was read between ReadCall and ReadReturn, ns on the run's clock; 0 in version 1.
	ReadCall, ReadReturn int64
}

// Reading is one whole reading of a node, the first or the second. A key of which the node has no Dump was absent when it was looked
// for, at some moment between Call and Return. Expiry is by the servers' wall clocks: such a key is missed, and did not just expire, only
// if its Dump on another node has no expiry or an ExpireAt above WallReturn/1e6 + 10 (ms).
type Reading struct {
	Node         int32
	Read         int32 // 1 or 2
	Call, Return int64 // ns on the run's clock
	// WallCall and WallReturn are the node's wall clock at Call and Return, Unix ns. Their difference is not Return - Call where that
	// clock was set meanwhile.
	WallCall, WallReturn int64
	Keys                 int64 // how many there were
}

// InFlight is a write that had been called but not answered at a watermark.
type InFlight struct {
	Process, Client int32
	F               F
	Key             uint32 // into the batch's Keys
	In, Arg         int64
	Intended, Call  int64
	List            []int64
	Flags           Flag
	Node            int32
}

// Watermark closes a worker's batch: all its operations that returned before T are in this and earlier batches.
type Watermark struct {
	T        int64
	InFlight []InFlight
	// Final is set on a worker's last batch: nothing is in flight and nothing follows.
	Final bool
}

// Batch is a block of records from one source. It is decoded without any other block: its keys are its own.
type Batch struct {
	Source    int32 // index into Run.Nodes, or NoNode for the harness
	Seq       uint64
	Keys      []string
	Ops       []Op
	Samples   []Sample
	Events    []Event
	Faults    []Fault
	Dumps     []Dump
	Readings  []Reading
	Views     []View
	Watermark *Watermark
}
