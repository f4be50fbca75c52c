package result

// Causes are what refusals, the servers' own counters and the harness's record say of why a run went as it did. Times in ns on the run's
// clock.
type Causes struct {
	Tried int64 `json:"tried"` // writes of the load, but for those after a Takeover
	// Refused are those of Tried that a server answered with an error that says that it does not do it, by reason, most frequent first.
	Refused  []Refusal   `json:"refused,omitempty"`
	Servers  []Counters  `json:"servers,omitempty"` // those of which anything was counted
	Loop     *SyncLoop   `json:"loop,omitempty"`
	Takeover *Takeover   `json:"takeover,omitempty"`
	Waits    []WaitCount `json:"waits,omitempty"` // by Acked, ascending, then Local
	Waited   *Waited     `json:"waited,omitempty"`
}

// Refusal is how many writes were refused for one reason.
type Refusal struct {
	Reason      string `json:"reason"` // history.ErrCode.String(): "OOM", "NOREPLICAS"
	Writes      int64  `json:"writes"`
	First, Last int64  // calls of the first and last of them
}

// Counters are what one server's own counters grew by during the load, at least; what a process did after its last answer is not in them.
type Counters struct {
	Node        int32  `json:"node"`
	Evicted     int64  `json:"evicted,omitempty"` // keys
	Expired     int64  `json:"expired,omitempty"` // keys
	OOM         int64  `json:"oom,omitempty"`     // commands refused with OOM; -1 not told
	Full        int64  `json:"full,omitempty"`    // full resyncs of its replicas that it began
	Partial     int64  `json:"partial,omitempty"` // partial ones
	TurnedDown  int64  `json:"turned_down,omitempty"`
	Disconnects int64  `json:"disconnects,omitempty"` // connections closed over their output buffer; -1 not told
	Memory      int64  `json:"memory,omitempty"`      // used_memory at most, bytes
	MaxMemory   int64  `json:"max_memory,omitempty"`  // bytes; 0 none, -1 not told
	Policy      string `json:"policy,omitempty"`      // maxmemory-policy where it was told
}

// SyncLoop is a server whose replicas asked for one full resync after the other.
type SyncLoop struct {
	Node        int32 `json:"node"`
	Full        int64 `json:"full"`
	From, To    int64 // the first and last of them, as samples tell
	Disconnects int64 `json:"disconnects"` // connections closed over their output buffer meanwhile, at least
}

// Takeover is the moment at which the harness took over, since something that its schedule waited for had not happened: what comes after it
// is the harness's doing.
type Takeover struct {
	T      int64  `json:"t"`
	Fault  int    `json:"fault"`  // ID of the fault whose beginning or end was to follow
	Missed string `json:"missed"` // what did not happen: "the failover is done"
	Waited int64  `json:"waited"` // ns; 0 not told
	// Said is Sentinel's last event about a failover before that, without its sign: "failover-abort-no-good-slave"; empty for none.
	Said string `json:"said,omitempty"`
	Did  []Deed `json:"did,omitempty"`
}

// Deed is one thing that the harness did of its own after a Takeover.
type Deed struct {
	Fault int    `json:"fault"` // whose heal it was
	Kind  string `json:"kind"`  // of that fault
	Nodes []int32
	T     int64
}

// Waited is by what every write was followed, and how often it counted fewer than asked for.
type Waited struct {
	Command string `json:"command"` // "WAIT 2", "WAITAOF 1 1"
	Waits   int64  `json:"waits"`
	Short   int64  `json:"short"`
}

// WaitCount is what became of the acknowledged writes that WAIT counted on so many replicas.
type WaitCount struct {
	Acked  int32 `json:"acked"`
	Local  bool  `json:"local,omitempty"` // WAITAOF counted the server itself too
	Writes int64 `json:"writes"`
	Lost   int64 `json:"lost"`
	Untold int64 `json:"untold,omitempty"` // so many more may be lost
}
