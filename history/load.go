package history

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// LoadRun reads run.json.
func LoadRun(dir string) (*Run, error) {
	b, err := os.ReadFile(filepath.Join(dir, RunFile))
	if err != nil {
		return nil, fmt.Errorf("read run.json: %w", err)
	}
	var r Run
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read run.json: %w", err)
	}
	if r.Schema > RunSchema {
		return nil, fmt.Errorf("read run.json: schema %d is newer than this program's %d", r.Schema, RunSchema)
	}
	return &r, nil
}

// Load reads a run's folder, cuts the history where its workers' watermarks say, and puts every record in order. What is not as the run
// left it, by its manifest, counts as missing; a run without one was cut off before its end.
func Load(dir string) (*History, error) {
	h, err := LoadUnsealed(dir)
	if err != nil {
		return nil, err
	}
	wrong, found := unseal(dir, h.Run.ID)
	h.Missing = append(h.Missing, wrong...)
	if !found && h.Run.Schema >= sealedSchema && h.Torn == "" {
		h.Torn = "it has no " + ManifestFile + ", so the harness ended before the run did"
	}
	return h, nil
}

// LoadUnsealed is Load of a run that has not written its manifest yet.
func LoadUnsealed(dir string) (*History, error) {
	run, err := LoadRun(dir)
	if err != nil {
		return nil, err
	}
	return LoadFile(run, filepath.Join(dir, HistoryFile))
}

// LoadFile reads the history of a run from a file.
func LoadFile(run *Run, path string) (*History, error) {
	size := int64(0)
	if st, err := os.Stat(path); err == nil {
		size = st.Size()
	}
	l := newLoader(run)
	torn, err := scanBlocks(path, func(p []byte, end int64) error {
		b, err := DecodeBatch(p)
		if err != nil {
			return err
		}
		l.room(len(b.Ops), float64(size)/float64(end))
		return l.add(b)
	})
	if err != nil {
		return nil, err
	}
	return l.finish(torn), nil
}

// room makes room for n operations more and, since copying grown columns costs more than decoding, for as many as the file will hold if
// its rest is like what was read: so many times that, and a little more. The first batches tell too little for that.
func (l *loader) room(n int, times float64) {
	ops := &l.h.Ops
	have := ops.Len()
	if cap(ops.Process)-have >= n {
		return
	}
	want := have + n
	ops.Grow(max(n, min(int(float64(want)*times*1.03), 8*want+1024)-have))
}

// FromBatches makes the history that a file of these batches holds.
func FromBatches(run *Run, batches []*Batch) *History {
	l := newLoader(run)
	for _, b := range batches {
		_ = l.add(b) // add has no error of its own
	}
	return l.finish("")
}

// loader joins batches.
type loader struct {
	h      *History
	keys   map[string]uint32
	faults map[int]Fault
	seq    map[int32]uint64
	marks  map[int32]*Watermark // a worker's last, keys already ours
	closed bool
}

func newLoader(run *Run) *loader {
	return &loader{h: &History{Run: *run}, keys: map[string]uint32{}, faults: map[int]Fault{}, seq: map[int32]uint64{}, marks: map[int32]*Watermark{}}
}

// Grow makes room for n operations at once.
func (c *Columns) Grow(n int) {
	c.Process = slices.Grow(c.Process, n)
	c.Client = slices.Grow(c.Client, n)
	c.Worker = slices.Grow(c.Worker, n)
	c.F = slices.Grow(c.F, n)
	c.Outcome = slices.Grow(c.Outcome, n)
	c.Err = slices.Grow(c.Err, n)
	c.Flags = slices.Grow(c.Flags, n)
	c.Node = slices.Grow(c.Node, n)
	c.Key = slices.Grow(c.Key, n)
	c.In = slices.Grow(c.In, n)
	c.Out = slices.Grow(c.Out, n)
	c.Call = slices.Grow(c.Call, n)
	c.Return = slices.Grow(c.Return, n)
}

func (l *loader) add(b *Batch) error {
	if last := l.seq[b.Source]; b.Seq != last+1 {
		l.h.Missing = append(l.h.Missing, fmt.Sprintf("%s: batch %d follows batch %d", l.name(b.Source), b.Seq, last))
	}
	l.seq[b.Source] = b.Seq
	ids := make([]uint32, len(b.Keys))
	for i, k := range b.Keys {
		id, ok := l.keys[k]
		if !ok {
			id = uint32(len(l.h.Keys))
			l.keys[k] = id
			l.h.Keys = append(l.h.Keys, k)
		}
		ids[i] = id
	}
	for i := range b.Ops {
		o := b.Ops[i]
		o.Key = ids[o.Key]
		l.h.Ops.Append(o)
	}
	l.h.Samples = append(l.h.Samples, b.Samples...)
	for _, e := range b.Events {
		if e.Kind == EvNote && e.Name == NoteClosed {
			l.closed = true
			continue
		}
		if e.Kind == EvNote && e.Name == NoteLost {
			l.h.Missing = append(l.h.Missing, l.name(b.Source)+": "+e.Text)
		}
		if e.Kind == EvPhase && e.Name == PhaseBarrier {
			l.h.Dumps, l.h.SecondDumps, l.h.Readings = nil, nil, nil // the nodes are read anew: what an earlier try read is not final
		}
		l.h.Events = append(l.h.Events, e)
	}
	for _, f := range b.Faults {
		l.faults[f.ID] = f
	}
	for _, d := range b.Dumps {
		if d.Read == 2 {
			l.h.SecondDumps = append(l.h.SecondDumps, d)
		} else {
			l.h.Dumps = append(l.h.Dumps, d)
		}
	}
	l.h.Readings = append(l.h.Readings, b.Readings...)
	l.h.Views = append(l.h.Views, b.Views...)
	if w := b.Watermark; w != nil {
		for i := range w.InFlight {
			w.InFlight[i].Key = ids[w.InFlight[i].Key]
		}
		l.marks[b.Source] = w
	}
	return nil
}

// NoteLost is the name of the EvNote with which the harness records that records were lost on the way.
const NoteLost = "lost-records"

func (l *loader) name(source int32) string {
	if source >= 0 && int(source) < len(l.h.Run.Nodes) {
		return l.h.Run.Nodes[source].Name
	}
	if source == NoNode {
		return "harness"
	}
	return fmt.Sprintf("node %d", source)
}

func (l *loader) finish(torn string) *History {
	h := l.h
	h.Torn = torn
	if h.Torn == "" && !l.closed {
		h.Torn = "the harness ended before the run did"
	}
	l.cut()
	for _, f := range l.faults {
		h.Faults = append(h.Faults, f)
	}
	slices.SortFunc(h.Faults, func(a, b Fault) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(h.Samples, func(a, b Sample) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(h.Views, func(a, b View) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(h.Events, func(a, b Event) int { return cmp.Compare(a.T, b.T) })
	h.Dumps, h.SecondDumps = joinDumps(h.Dumps), joinDumps(h.SecondDumps)
	slices.SortStableFunc(h.Readings, func(a, b Reading) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Read, b.Read)) })
	h.End = h.LastMoment()
	return h
}

// cut ends the history at the lowest last watermark of its workers (checkers.md): what returned later may have depended on
// records that never arrived.
func (l *loader) cut() {
	h := l.h
	cut := int64(math.MaxInt64)
	for i, n := range h.Run.Nodes {
		if n.Kind != Worker {
			continue
		}
		w := l.marks[int32(i)]
		switch {
		case w == nil && l.seq[int32(i)] == 0 && h.Torn == "":
			continue // it never ran: no load was asked of it
		case w == nil:
			cut = 0
		case !w.Final:
			cut = min(cut, w.T)
		default:
			continue
		}
		if h.Torn == "" {
			h.Missing = append(h.Missing, n.Name+": ended without its last batch")
		}
	}
	if cut == math.MaxInt64 {
		return
	}
	h.Cut = cut
	ops := &h.Ops
	kept := 0
	for i := range ops.Len() {
		if ops.Return[i] > cut && !ops.F[i].IsWrite() {
			continue
		}
		if ops.Return[i] > cut && ops.Outcome[i] != Fail {
			ops.Outcome[i], ops.Return[i], ops.Err[i] = Info, Inf, ErrTimeout
			ops.Out[i] = None
		}
		ops.move(i, kept)
		kept++
	}
	ops.truncate(kept)
	for source, w := range l.marks {
		for _, f := range w.InFlight {
			ops.Append(Op{Process: f.Process, Client: f.Client, Worker: source, F: f.F, Outcome: Info, Err: ErrTimeout, Flags: f.Flags,
				Node: f.Node, Key: f.Key, In: f.In, Arg: f.Arg, Out: None, Acked: -1, Intended: f.Intended, Call: f.Call, Return: Inf, List: f.List})
		}
	}
}

// move copies operation from to a place at or before it; lists stay where they are, only their bounds move.
func (c *Columns) move(from, to int) {
	if from == to {
		return
	}
	c.Process[to], c.Client[to], c.Worker[to], c.F[to] = c.Process[from], c.Client[from], c.Worker[from], c.F[from]
	c.Outcome[to], c.Err[to], c.Flags[to], c.Node[to] = c.Outcome[from], c.Err[from], c.Flags[from], c.Node[from]
	c.Key[to], c.In[to], c.Out[to], c.Call[to], c.Return[to] = c.Key[from], c.In[from], c.Out[from], c.Call[from], c.Return[from]
	if c.Arg != nil {
		c.Arg[to] = c.Arg[from]
	}
	if c.Acked != nil {
		c.Acked[to] = c.Acked[from]
	}
	if c.Redirects != nil {
		c.Redirects[to] = c.Redirects[from]
	}
	if c.Intended != nil {
		c.Intended[to] = c.Intended[from]
	}
	if c.ListOff != nil {
		at := c.ListOff[to]
		n := copy(c.ListData[at:], c.ListData[c.ListOff[from]:c.ListOff[from+1]])
		c.ListOff[to+1] = at + n
	}
}

func (c *Columns) truncate(n int) {
	c.Process, c.Client, c.Worker, c.F = c.Process[:n], c.Client[:n], c.Worker[:n], c.F[:n]
	c.Outcome, c.Err, c.Flags, c.Node = c.Outcome[:n], c.Err[:n], c.Flags[:n], c.Node[:n]
	c.Key, c.In, c.Out, c.Call, c.Return = c.Key[:n], c.In[:n], c.Out[:n], c.Call[:n], c.Return[:n]
	if c.Arg != nil {
		c.Arg = c.Arg[:n]
	}
	if c.Acked != nil {
		c.Acked = c.Acked[:n]
	}
	if c.Redirects != nil {
		c.Redirects = c.Redirects[:n]
	}
	if c.Intended != nil {
		c.Intended = c.Intended[:n]
	}
	if c.ListOff != nil {
		c.ListOff = c.ListOff[:n+1]
		c.ListData = c.ListData[:c.ListOff[n]]
	}
}

// joinDumps puts the parts of big keys together. A key of which a part is missing keeps what is there and digest 0, which equals
// nobody's.
func joinDumps(ds []Dump) []Dump {
	slices.SortStableFunc(ds, func(a, b Dump) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Part, b.Part))
	})
	var out []Dump
	for _, d := range ds {
		if d.Part > 1 && len(out) > 0 {
			if o := &out[len(out)-1]; o.Key == d.Key && o.Node == d.Node {
				o.Elems = append(o.Elems, d.Elems...)
				o.Last, o.Digest = d.Last, d.Digest
				continue
			}
		}
		out = append(out, d)
	}
	for i := range out {
		if out[i].Part > 0 && !out[i].Last {
			out[i].Digest = 0
		}
	}
	return out
}

// LastMoment is the latest time, in ns, that an operation, a sample, a view or an event tells of.
func (h *History) LastMoment() int64 {
	var end int64
	for i := range h.Ops.Len() {
		end = max(end, h.Ops.Call[i])
		if r := h.Ops.Return[i]; r != Inf {
			end = max(end, r)
		}
	}
	for i := range h.Samples {
		end = max(end, h.Samples[i].Return)
	}
	for i := range h.Views {
		end = max(end, h.Views[i].Return)
	}
	for i := range h.Events {
		end = max(end, h.Events[i].T+h.Events[i].Dur)
	}
	return end
}
