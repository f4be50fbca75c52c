package result

// Disturbance is what a run says of its own machine.
type Disturbance struct {
	Stalls       int     `json:"stalls"`         // ticks of agents, workers or harness that came late
	StallsTotal  int64   `json:"stalls_total"`   // ns: their union
	StallsMax    int64   `json:"stalls_max"`     // ns: the longest
	RunDelay     float64 `json:"run_delay"`      // the largest share of a server's time in which it waited for a processor; -1 not measured
	RunDelayNode int32   `json:"run_delay_node"` // whose
	Tilts        int     `json:"tilts"`          // sentinels that went into TILT with a stall near
}
