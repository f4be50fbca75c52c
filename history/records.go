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
	SyncFull      int64
	SyncPartialOK int64
	SyncPartErr   int64
	Memory        int64 // used_memory, bytes
}

// Event is something that happened to a node (or, with NoNode, to the run), ns on the run's clock.
type Event struct {
	Node int32
	T    int64
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
	EvProcess  EventKind = "process"  // a supervised process: "started", "exited" (Text: status), "signal"
	EvLog      EventKind = "log"      // a line of a server's output that matters: "crash", "assertion", "sanitizer", "warning"
	EvStall    EventKind = "stall"    // the harness held a worker up; Text is how long
	EvNote     EventKind = "note"     // Name "incomplete", "lost-records", "dropped-log"...; Text says what and why
)

// Phases of a run, in order; Event.Name of an EvPhase.
const (
	PhaseLoad     = "load"     // the first operation may start
	PhaseLoadEnd  = "load-end" // writers stopped
	PhaseBarrier  = "barrier"  // the barrier held: what is read after it is final
	PhaseNoBarr   = "no-barrier"
	PhaseFinalEnd = "final-end" // every node was read
)

// Fault is one fault as it ran. It is recorded anew at each step; the last record of an ID counts. Times in ns on the run's
// clock, 0 when the step was not reached.
type Fault struct {
	ID      int
	Kind    string // "kill", "partition"...
	Text    string // for people: "cut {n1, s1, w2} from {n2, n3, s2, s3, w1}"
	When    string // for people, as scheduled: "5 s after the load began"
	Targets []int32
	// Links are the cut or held-back directed links, from node to node.
	Links [][2]int32
	// Healed by itself: there is no heal step (a kill without restart).
	Permanent   bool
	Scheduled   int64
	Injected    int64 // the agent was told
	Effect      int64 // proved to have taken effect
	Proof       string
	HealCalled  int64
	Healed      int64
	HealProof   string
	Err         string // why it did not take effect or did not heal
	Unavailable string // why it could not be injected here at all
}

// Dump is the canonical content of one key on one node, read after the barrier.
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
	Watermark *Watermark
}
