package history

// History is a run in memory, cut at the lowest last watermark of its workers. Operations stand in file order, which is
// about that of their returns; nothing may rely on it.
type History struct {
	Run     Run
	Keys    []string
	Ops     Columns
	Samples []Sample // by Call
	Events  []Event  // by T
	Faults  []Fault  // by ID, each in its last state
	Dumps   []Dump   // the first reading, parts joined: one a node and key, by key, then node
	// SecondDumps are the keys of which a node's second reading said something else than its first, in the same order. A node that Readings
	// shows to have been read twice said the same twice of every other key.
	SecondDumps []Dump
	Readings    []Reading // by node, then reading; none in version 1
	Views       []View    // by Call; none without a Cluster
	// Cut is the time in ns at which the history ends although the run went on, 0 when it is whole. Writes in flight there are
	// Info; reads that returned later were dropped.
	Cut int64
	// Torn says what is wrong with the file's tail; empty when nothing is.
	Torn string
	// Missing lists what was lost on the way (a missing sequence number, a worker that died): such a run is an error.
	Missing []string
	// End is the last moment that the history tells of, ns.
	End int64
}

// Columns holds operations by column, so that ten million of them fit into memory. All columns have one length, but those
// that may be nil when no operation uses them.
type Columns struct {
	Process []int32
	Client  []int32
	Worker  []int8
	F       []F
	Outcome []Outcome
	Err     []ErrCode
	Flags   []Flag
	Node    []int8
	Key     []uint32
	In, Out []int64
	Arg     []int64 // nil: all None
	Acked   []int8  // nil: all -1
	// Redirects are Op.Redirects; nil: all 0.
	Redirects []uint8
	Intended  []int64 // nil: equal to Call
	Call      []int64
	Return    []int64 // Inf for Info
	// Lists holds Op.List of the operations that have one: List i is ListData[ListOff[i]:ListOff[i+1]]; ListOff is nil when none has.
	ListOff  []int
	ListData []int64
}

// Len is the number of operations.
func (c *Columns) Len() int { return len(c.Process) }

// List is the list of operation i, nil if it has none.
func (c *Columns) List(i int) []int64 {
	if c.ListOff == nil || c.ListOff[i] == c.ListOff[i+1] {
		return nil
	}
	return c.ListData[c.ListOff[i]:c.ListOff[i+1]:c.ListOff[i+1]]
}

// At is operation i as a row.
func (c *Columns) At(i int) Op {
	o := Op{Process: c.Process[i], Client: c.Client[i], Worker: int32(c.Worker[i]), F: c.F[i], Outcome: c.Outcome[i], Err: c.Err[i],
		Flags: c.Flags[i], Node: int32(c.Node[i]), Key: c.Key[i], In: c.In[i], Out: c.Out[i], Arg: None, Acked: -1,
		Call: c.Call[i], Return: c.Return[i], Intended: c.Call[i], List: c.List(i)}
	if c.Arg != nil {
		o.Arg = c.Arg[i]
	}
	if c.Acked != nil {
		o.Acked = int32(c.Acked[i])
	}
	if c.Redirects != nil {
		o.Redirects = c.Redirects[i]
	}
	if c.Intended != nil {
		o.Intended = c.Intended[i]
	}
	return o
}

// Append adds a row. The return of an Info operation becomes Inf.
func (c *Columns) Append(o Op) {
	n := len(c.Process)
	if o.Outcome == Info {
		o.Return = Inf
	}
	c.Process = append(c.Process, o.Process)
	c.Client = append(c.Client, o.Client)
	c.Worker = append(c.Worker, int8(o.Worker))
	c.F = append(c.F, o.F)
	c.Outcome = append(c.Outcome, o.Outcome)
	c.Err = append(c.Err, o.Err)
	c.Flags = append(c.Flags, o.Flags)
	c.Node = append(c.Node, int8(o.Node))
	c.Key = append(c.Key, o.Key)
	c.In = append(c.In, o.In)
	c.Out = append(c.Out, o.Out)
	c.Call = append(c.Call, o.Call)
	c.Return = append(c.Return, o.Return)
	c.Arg = lazy(c.Arg, n, cap(c.Process), o.Arg, None)
	c.Acked = lazy(c.Acked, n, cap(c.Process), int8(o.Acked), -1)
	c.Redirects = lazy(c.Redirects, n, cap(c.Process), o.Redirects, 0)
	if c.Intended != nil || o.Intended != o.Call {
		if c.Intended == nil {
			c.Intended = append(make([]int64, 0, max(n+1, cap(c.Process))), c.Call[:n]...)
		}
		c.Intended = append(c.Intended, o.Intended)
	}
	if c.ListOff != nil || len(o.List) > 0 {
		if c.ListOff == nil {
			c.ListOff = make([]int, n+1)
		}
		c.ListData = append(c.ListData, o.List...)
		c.ListOff = append(c.ListOff, len(c.ListData))
	}
}

// lazy appends v to a column that stays nil while every value is the default; room is how many it makes room for then.
func lazy[T comparable](col []T, n, room int, v, def T) []T {
	if col == nil {
		if v == def {
			return nil
		}
		col = make([]T, n, max(n+1, room))
		for i := range col {
			col[i] = def
		}
	}
	return append(col, v)
}

// FromOps builds a history of these operations in the given order, with keys named by number; for tests and imports.
func FromOps(ops []Op, keys []string) *History {
	h := &History{Keys: keys}
	for _, o := range ops {
		h.Ops.Append(o)
		h.End = max(h.End, o.Call)
		if o.Return != Inf {
			h.End = max(h.End, o.Return)
		}
	}
	return h
}
