package result

// Shard is what one shard of a Cluster came to. Times in ns on the run's clock; -1 is "not measured".
type Shard struct {
	Shard      int     `json:"shard"`       // history.Node.Shard
	Nodes      []int32 `json:"nodes"`       // that belonged to it at any time
	Slots      int     `json:"slots"`       // that it owned at the start
	SlotsEnd   int     `json:"slots_end"`   // and at the end, as far as the views agree
	Keys       int64   `json:"keys"`        // that the load used, by their slots at the end
	Acked      int64   `json:"acked"`       // writes that leave something, acknowledged by its nodes
	Lost       int64   `json:"lost"`        // of these, at least
	LostMost   int64   `json:"lost_most"`   // at most; -1 where the final data is not known
	Promotions int     `json:"promotions"`  // in it
	TwoMasters Value   `json:"two_masters"` // seconds in which two masters served one of its slots at once
	RTA        Value   `json:"rta"`         // seconds; unmeasured without a fault
	RTAFault   int     `json:"rta_fault,omitempty"`
	WriteGap   Value   `json:"write_gap"` // seconds, between ok writes to its keys that survived
	ReadGap    Value   `json:"read_gap"`  // seconds
	Outage     Gap     `json:"outage"`    // the longest gap in writes as clients saw it
	Converge   Value   `json:"converge"`  // seconds from the last heal until its nodes were level
	Divergent  int64   `json:"divergent"` // keys that its nodes hold differently
	Foreign    int64   `json:"foreign"`   // keys of its slots that lie on a node of another shard
	StaleReads int64   `json:"stale_reads"`
	Stalest    Value   `json:"stalest"`  // seconds, of the reads from its replicas
	Unserved   Value   `json:"unserved"` // seconds in which some slot that it owned at the start was served by nobody
}

// SlotsReport is what the views of a Cluster's servers tell of its slots.
type SlotsReport struct {
	Views    int        `json:"views"` // that were recorded
	Moves    []SlotMove `json:"moves,omitempty"`
	Unserved []Unserved `json:"unserved,omitempty"` // in order of time, of the load; where nothing stands every slot was served
	// Unjudged says what is not judged since slots were on their way, or since no step spans shards.
	Unjudged []string `json:"unjudged,omitempty"`
}

// SlotMove is the way of slots from one shard to another, somewhere between From and To.
type SlotMove struct {
	From      int64 `json:"from"`
	To        int64 `json:"to"` // history.Inf where the servers did not all follow before the end
	Slots     int   `json:"slots"`
	OldShard  int   `json:"old_shard"`
	NewShard  int   `json:"new_shard"`
	LostKeys  int64 `json:"lost_keys,omitempty"`  // that lost acknowledged writes on the way
	LostMost  int64 `json:"lost_most,omitempty"`  // with those that a failover may have lost
	Stranded  int64 `json:"stranded,omitempty"`   // keys that stayed behind
	FirstSlot int   `json:"first_slot,omitempty"` // the lowest of them
}

// Unserved is a time in which so many slots were surely served by nobody, and so many at most.
type Unserved struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Lo   int   `json:"lo"`
	Hi   int   `json:"hi"`
}
