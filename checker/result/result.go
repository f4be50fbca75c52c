package result

import "github.com/schismtest/schism/history"

// ResultSchema is the version of result.json.
const ResultSchema = 2

// Verdict is the answer of a run. Unknown is never a pass.
type Verdict string

// The verdicts, and the exit code of each.
const (
	Pass      Verdict = "pass"      // 0
	Violation Verdict = "violation" // 1
	Unknown   Verdict = "unknown"   // 2
	Error     Verdict = "error"     // 3: the harness or its surroundings failed
	Watched   Verdict = "watched"   // 0: somebody else's setup was looked at, and nothing was promised of it
)

// NoFault stands for a fault where an outage is explained by a promotion that was none of ours: in somebody else's setup.
const NoFault = -1

// Known tells whether it is one of these.
func (v Verdict) Known() bool {
	return v == Pass || v == Violation || v == Unknown || v == Error || v == Watched
}

// Result is what result.json holds, but for the sentences that reports make of it. All times are ns on the run's clock, all durations ns; -1 is "not measured".
type Result struct {
	Schema  int     `json:"schema"`
	Verdict Verdict `json:"verdict"`
	// Reasons say why the verdict is unknown or error; each one line.
	Reasons []string `json:"reasons,omitempty"`
	// Do says what to do about an unknown or an error; empty when there is nothing to say.
	Do string `json:"do,omitempty"`
	// Weakness: at least one of Shows was shown; a pass is then marked "weakness shown".
	Weakness bool `json:"weakness"`
	// Model is what a history from elsewhere was judged as, ModelOps how many operations it is about, and Forbidden the classes found
	// that it forbids; empty for our own runs.
	Model     string   `json:"model,omitempty"`
	ModelOps  int64    `json:"model_ops,omitempty"`
	Forbidden []string `json:"forbidden,omitempty"`

	Counts       Counts         `json:"counts"`
	Writes       Account        `json:"writes"`
	Loss         *Loss          `json:"loss,omitempty"`
	Causes       Causes         `json:"causes"`
	Availability Availability   `json:"availability"`
	Masters      Masters        `json:"masters"`
	Failovers    []Failover     `json:"failovers,omitempty"`
	Shards       []Shard        `json:"shards,omitempty"`    // of a Cluster
	Slots        *SlotsReport   `json:"slots,omitempty"`     // of a Cluster
	Registers    []Linear       `json:"registers,omitempty"` // by scope: "master reads", "all reads"
	Staleness    []Staleness    `json:"staleness,omitempty"`
	Visibility   []Visibility   `json:"visibility,omitempty"`
	Sessions     []SessionCheck `json:"sessions,omitempty"`
	Convergence  Convergence    `json:"convergence"`
	Findings     []Finding      `json:"findings,omitempty"` // by class and scope: phantom, duplicated, G1c...
	Looked       []string       `json:"looked,omitempty"`   // the classes that were looked for
	Unclaimed    []Unclaimed    `json:"unclaimed,omitempty"`
	Disturbance  Disturbance    `json:"disturbance"`
	ExpiredWorst int64          `json:"expired_worst,omitempty"` // ns past the end of its life at which a key was still read
	Collections  []Collection   `json:"collections,omitempty"`
	Measures     []MeasureValue `json:"measures,omitempty"` // every promisable measure by name, also the kept ones

	Promises  []PromiseResult `json:"promises"` // broken first, undecided second, kept last
	Shows     []PromiseResult `json:"shows,omitempty"`
	Fair      []Fair          `json:"fair"`
	Witnesses []Witness       `json:"witnesses,omitempty"`
	Faults    []history.Fault `json:"faults,omitempty"` // the schedule as it ran
}

// Counts are plain tallies of operations.
type Counts struct {
	Ops    int64            `json:"ops"`
	Reads  int64            `json:"reads"`
	Writes int64            `json:"writes"` // attempted
	OK     int64            `json:"ok"`
	Fail   int64            `json:"fail"`
	Info   int64            `json:"info"`
	Errors map[string]int64 `json:"errors,omitempty"` // by history.ErrCode.String()
	Keys   int64            `json:"keys"`
}

// Account says what became of every write (checkers.md, "Data loss"). Known is false without a barrier: then only the
// acknowledgements count.
type Account struct {
	Known            bool  `json:"known"`
	Attempted        int64 `json:"attempted"`
	Acked            int64 `json:"acked"`
	Survived         int64 `json:"survived"`
	Overwritten      int64 `json:"overwritten"`        // part of Survived: a register's write on the path to its final value
	Lost             int64 `json:"lost"`               // at least
	LostMost         int64 `json:"lost_most"`          // at most: with those whose fate cannot be told
	LostAfterVisible int64 `json:"lost_after_visible"` // part of Lost
	Recovered        int64 `json:"recovered"`          // info, found
	HappenedThenLost int64 `json:"happened_then_lost"` // info, seen earlier, not found
	Indeterminate    int64 `json:"indeterminate"`      // info, never seen, or seen and perhaps overwritten
	Failed           int64 `json:"failed"`             // not executed, and not seen
	AbortedRead      int64 `json:"aborted_read"`       // not executed, yet seen
	Masked           int64 `json:"masked"`             // acked writes whose fate cannot be told one by one
	// MaskedWhy says why, the most frequent reason.
	MaskedWhy string `json:"masked_why,omitempty"`
}

// Loss tells when and why acknowledged writes were lost.
type Loss struct {
	First, Last     int64 // returns of the first and last lost ack
	ReplicationLag  int64 // acked before the promotion
	AtPromotion     int64 // part of ReplicationLag: acked while the promotion took place, so perhaps after it
	SplitBrain      int64 // acked by the deposed master after it
	Other           int64 // by neither: a wipe, a restart, a foreign data set
	RPA             int64 // ns, -1 when there is no dead branch with acks
	BytesThrownAway int64 // -1 when not measured
	Causes          []Cause
	Unattributed    int64
	Ambiguous       int64 // more than one branch end may have killed them
}

// Cause is one branch end and what it killed.
type Cause struct {
	Kind        string // "promotion", "restart", "resync", "flush", "migration"
	Node        int32  // whose branch ended
	Winner      int32  // who holds the surviving branch, or NoNode
	T           int64  // when the branch ended
	Text        string // for people: "n2 was promoted while n1 went on"
	Trigger     int    // ID of the fault, 0 for none
	Enablers    []int  // IDs of faults that held replication back
	Lost        int64
	First, Last int64 // returns of the first and last ack lost by it
	RPA         int64 // ns
	Shard       int   `json:",omitempty"` // of a Cluster, whose node acknowledged them
}

// Availability is what clients could do.
type Availability struct {
	// RTA is the time in ns in which writes were not possible because of fault RTAFault, as clients saw it: from its effect, or the last
	// ok reply after it, to that of the first lasting write; -1 when there was no fault or no recovery. RTAValue is its interval in
	// seconds, Outage the time from one reply to the other.
	RTA           int64 `json:"rta"`
	RTAFault      int   `json:"rta_fault,omitempty"`
	RTAShard      int   `json:"rta_shard,omitempty"` // of a Cluster, the shard whose clients waited that long
	RTAValue      Value `json:"rta_value"`
	Outage        Gap   `json:"outage"`
	RTAOpen       int64 `json:"rta_open,omitempty"`          // ns: how long writes had not lasted again when the load ended, where RTA is -1
	LongestWrite  Gap   `json:"longest_write_gap"`           // between ok writes, any ack
	LongestWriteS Gap   `json:"longest_write_gap_surviving"` // between ok writes that survived
	LongestRead   Gap   `json:"longest_read_gap"`
	// Write, WriteS and Read are the lengths of the longest gaps as intervals, in seconds.
	Write  Value `json:"write_gap"`
	WriteS Value `json:"write_gap_surviving"`
	Read   Value `json:"read_gap"`
	// ByWorker are the same per worker, since a cut-off side sees another world.
	ByWorker []WorkerAvailability `json:"by_worker,omitempty"`
}

// WorkerAvailability is one worker's view.
type WorkerAvailability struct {
	Worker            int32 `json:"worker"`
	LongestWrite      Gap   `json:"longest_write_gap"`
	LongestRead       Gap   `json:"longest_read_gap"`
	OKWrites, OKReads int64
	// RTA, RTAFault and RTAValue are the worker's own. CutOff: a fault held its links back to the promoted node or to every sentinel.
	RTA      int64 `json:"rta"`
	RTAFault int   `json:"rta_fault,omitempty"`
	RTAValue Value `json:"rta_value"`
	CutOff   bool  `json:"cut_off,omitempty"`
}

// Gap is a time without the wanted reply.
type Gap struct{ From, To int64 }

// Len is its length in ns.
func (g Gap) Len() int64 { return g.To - g.From }

// Masters tells whether two nodes acted as master at once.
type Masters struct {
	// TwoWritable is the length in ns of the time in which two nodes that both acked or would ack writes said they were master.
	TwoWritable int64   `json:"two_writable"`
	Two         Value   `json:"two"` // the same as an interval, in seconds
	Windows     []Gap   `json:"windows,omitempty"`
	Pairs       []Pair  `json:"pairs,omitempty"`
	DualAcks    int64   `json:"dual_acks"` // acks by a deposed master of writes called after its successor's first ack
	Spans       []Reign `json:"spans,omitempty"`
}

// Pair is two nodes.
type Pair struct{ A, B int32 }

// Reign is a time in which a node said it was master; Rightful until another was promoted.
type Reign struct {
	Node     int32
	From, To int64
	Rightful bool
}

// Failover is one promotion, step by step.
type Failover struct {
	Old, New int32
	Fault    int   // ID of the fault before it, 0 for none
	T        int64 // the promoted node's first sample as master
	Shard    int   `json:",omitempty"` // of a Cluster, whose it was
	Steps    []Step
}

// Step is one line of a failover. Masters is how many nodes were writable from then on (0, 1, 2).
type Step struct {
	T       int64
	Text    string
	Detail  string
	Masters int
	Key     bool // one of those that matter most
}

// Linear is register linearizability over one scope of reads.
type Linear struct {
	Scope     string `json:"scope"`
	Keys      int    `json:"keys"`
	Values    int64  `json:"values"`
	Conflicts int64  `json:"conflicts"` // values with a conflict
	BadKeys   int    `json:"bad_keys"`
	Overlap   int64  `json:"overlap"` // ns: union of the overlaps
	Forks     int64  `json:"forks"`
	Cycles    int64  `json:"cycles"`
	Phantoms  int64  `json:"phantoms"`
	Future    int64  `json:"future_reads"`
	Aborted   int64  `json:"aborted_reads"`
	Gamma     int64  `json:"gamma"` // ns, -1 not measured
	K         int64  `json:"k"`     // at least; -1 not measured
	Undecided string `json:"undecided,omitempty"`
	Porcupine string `json:"porcupine,omitempty"` // the second opinion: "agrees on 3 of 3 failing keys"
	// Worst are up to 20 conflicts by length of overlap; operation numbers into History.Ops, -1 for the initial value.
	Worst []Conflict `json:"worst,omitempty"`
}

// Conflict is two values that each must come before the other, and the operations that say so.
type Conflict struct {
	Key     uint32 `json:"key"`
	U, V    int64  // values
	Ops     []int  // up to four operation numbers
	Overlap int64  // ns
	Kind    string // "conflict", "fork", "cycle", "phantom", "future_read", "aborted_read"
}

// Staleness is the age of what reads returned, probes left out. Node NoNode is all replicas together; Window "" is the whole run, else
// "steady" or a fault's Text.
type Staleness struct {
	Node   int32  `json:"node"`
	Window string `json:"window"`
	Reads  int64  `json:"reads"`
	Ages          // every acknowledged write counts, lost or not
	// Kept are the same ages without the lost writes; nil where those cannot be told, and KeptWhy says why.
	Kept    *Ages  `json:"kept,omitempty"`
	KeptWhy string `json:"kept_why,omitempty"`
	// Versions is the largest version lag of a read, at least; VersionsMost at most.
	Versions     int64
	VersionsMost int64   `json:"versions_most"`
	LagBytes     int64   // max, -1 not measured
	LagTime      int64   // ns, max, -1 not measured
	MeanLagB     float64 // bytes
	WorstOp      int     // operation number of the worst read, -1
}

// Ages sum up the intervals of reads' ages, ns: each figure from their lower ends, and Most from their upper ends. The keys P50, P99 and
// Max are those of results of schema 1.
type Ages struct {
	Stale     int64 `json:"stale"` // reads older than 0
	StaleMost int64 `json:"stale_most"`
	P50       int64
	P50Most   int64
	P99       int64
	P99Most   int64
	Max       int64
	MaxMost   int64 `json:"MaxUpper"`
}

// Visibility is t-visibility in one window, on one node (NoNode: all replicas). Lost writes are left out: no replica ever shows them.
type Visibility struct {
	Node   int32
	Window string
	Bins   []VisBin
	// At is the least t with P at least 0.5, 0.9, 0.99, 0.999; -1 when never reached.
	At [4]int64
	// Latency is how long acknowledged writes took to be seen on a replica, nil where none was looked for.
	Latency *VisLatency `json:",omitempty"`
}

// VisLatency sums up, over writes and replicas, intervals in ns from the last read that missed the write to the first that showed it or
// a newer one: each figure from the lower ends (since the acknowledgement), and Most from the upper ones (since the call), -1 where no
// read showed it.
type VisLatency struct {
	Writes           int64 // a write counts once a replica that was read after it
	P50, P99, Max    int64
	P50Most, P99Most int64
	MaxMost          int64
}

// VisBin is one bin of t since the acknowledgement, in ns, with Wilson's 95 % interval. Unsure of the reads that were not fresh missed a
// write that may be lost: the interval holds both cases.
type VisBin struct {
	From, To  int64
	N, Fresh  int64
	Unsure    int64 `json:",omitempty"`
	P, Lo, Hi float64
}

// SessionCheck is one session guarantee.
type SessionCheck struct {
	Name     string // read_your_writes, monotonic_reads, monotonic_writes, writes_follow_reads
	Scope    string // "master reads", "all reads"
	Checked  int64
	Breaks   int64
	Worst    int64 // ns
	WorstOps []int
}

// Convergence compares all nodes after the barrier.
type Convergence struct {
	Barrier   bool  `json:"barrier"` // it held
	Took      int64 `json:"took"`    // ns from the last heal to offsets equal; -1 when it never was
	Value     Value `json:"value"`   // the same as an interval, in seconds
	Nodes     int   `json:"nodes"`
	Keys      int64 `json:"keys"`
	Divergent int64 `json:"divergent"`
	Sample    []DivergentKey
}

// DivergentKey is one key that nodes hold differently.
type DivergentKey struct {
	Key   string
	Nodes []int32
	Text  []string // what each holds
}

// Finding is what was counted of one class in one scope, by the one judge whose class it is.
type Finding struct {
	Class string `json:"class"`           // a name of Classes
	Scope string `json:"scope,omitempty"` // MasterReads, AllReads, ReplicaReads or FinalData; empty where the class has but one
	Count int64  `json:"count"`
	Bugs  int64  `json:"bugs,omitempty"` // of Count, those that are bugs whatever was promised
	Text  string `json:"text,omitempty"` // the first, in words
	Ops   []int  `json:"ops,omitempty"`
	// More is how many more there may be, of writes whose fate cannot be told.
	More int64 `json:"more,omitempty"`
	// Undecided says why there may be more than were counted.
	Undecided string `json:"undecided,omitempty"`
}

// Unclaimed are operations that no judge knows how to judge: nothing can be said to be absent then.
type Unclaimed struct {
	F     string `json:"f"` // the function
	Count int64  `json:"count"`
	Why   string `json:"why"`
}

// Collection says what whole reads tell of the elements of one kind of object (Jepsen's set-full). Times in ns.
type Collection struct {
	Kind       string `json:"kind"` // "set" or "list"
	Elements   int64  `json:"elements"`
	Stable     int64  `json:"stable"`
	Stale      int64  `json:"stale"` // part of Stable: missed by a read that began after it was known
	Lost       int64  `json:"lost"`  // missing from the last reads
	NeverRead  int64  `json:"never_read"`
	Duplicated int64  `json:"duplicated"`
	StableP50  int64  `json:"stable_p50"`
	StableP99  int64  `json:"stable_p99"`
	StableMax  int64  `json:"stable_max"`
	LostMax    int64  `json:"lost_max"`
}

// Status of a promise.
type Status string

// The states of a promise.
const (
	Kept      Status = "kept"
	Broken    Status = "broken"
	Undecided Status = "undecided"
)

// PromiseResult is one promise and what was measured against it. For Shows, Broken means shown and Kept not shown.
type PromiseResult struct {
	Promise  Promise `json:"promise"`
	Status   Status  `json:"status"`
	Text     string  `json:"text"`     // "no acknowledged write is lost"
	Limit    string  `json:"limit"`    // "0"
	Measured string  `json:"measured"` // "13,652", "at least 350", "5,072 to 5,078"
	Value    Value   `json:"value"`
	Why      string  `json:"why,omitempty"`
	Witness  string  `json:"witness,omitempty"` // ID of a Witness
}

// Fair is one condition of a fair test.
type Fair struct {
	OK   bool
	Text string
}

// Witness is evidence that a person can follow.
type Witness struct {
	ID    string // "w1"
	Of    string // the measure that it shows
	Title string
	Text  string
	// Ops are the operations of it, at most 500, in order of call; Marked those that the text names.
	Ops    []int
	Marked []int
	Key    uint32
	From   int64
	To     int64
	// Chain, for a fork: the common predecessor, the surviving successor, the lost one (values).
	Chain []int64
}

// Fate is what became of a write.
type Fate uint8

// The fates (checkers.md, "Data loss").
const (
	FateNone Fate = iota // a read, or not known
	FateSurvived
	FateLost
	FateRecovered
	FateIndeterminate
	FateHappenedThenLost
	FateFailed
	FateAborted
	FateMasked
)

// Analysis is a result with what the page needs besides, one entry an operation of the history.
type Analysis struct {
	Result Result
	Fate   []Fate
	// Ages are those of the reads of registers: how stale each was.
	Ages ReadAges
	// Lag is each replica's lag at each of its samples.
	Lag []LagPoint
}

// LagPoint is one replica's lag at one moment. Branch: it is no lag but an own branch of so many bytes that nobody else holds.
type LagPoint struct {
	Node   int32
	T      int64
	Bytes  int64
	Age    int64 // ns, -1 unknown
	Branch bool
}
