package attach

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/observer"
)

// leastPatience is how long a look may go unanswered at least before a sample says so; farPatience how many of a node's first answers'
// times it may take.
const (
	leastPatience = 500 * time.Millisecond
	farPatience   = 5
)

// Recorder numbers what is seen of each node and passes it on. Its methods may be called by several goroutines at once.
type Recorder struct {
	// Sink takes a batch that has its source and number.
	Sink func(*history.Batch)

	mu  sync.Mutex
	seq map[int32]uint64
}

// Record passes on a batch of a node's.
func (r *Recorder) Record(node int32, b *history.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seq == nil {
		r.seq = map[int32]uint64{}
	}
	r.seq[node]++
	b.Own(node, r.seq[node])
	r.Sink(b)
}

// WatchConfig says how a node is watched.
type WatchConfig struct {
	Target     *Target
	MasterName string           // what sentinels call the master
	IDs        map[string]int32 // of a Cluster's servers: their numbers in the history by id
	Interval   time.Duration
	Clock      func() int64 // ns
	// Canonical is the address that the history knows a node by, of any other by which the setup names it.
	Canonical func(addr string) string
	Record    func(node int32, b *history.Batch)
}

// Watch samples a node until ctx ends, and takes a sentinel's events about the master. Whether a process exists is not known from afar: a
// node that does not answer is taken for one that does.
func Watch(ctx context.Context, node int32, n Node, cfg WatchConfig) {
	o := observer.Config{Addr: n.Dial, Access: cfg.Target.Access, Interval: cfg.Interval, Clock: cfg.Clock, Timeout: patience(n.RTT), Dial: patience(n.RTT),
		Proc: func() (bool, bool) { return true, false }}
	if len(cfg.IDs) > 0 {
		o.Cluster = cfg.IDs
	}
	if n.Kind == history.Sentinel {
		o.Sentinel, o.Access, o.Master = true, cfg.Target.SentinelAccess, cfg.MasterName
	}
	o.Emit = func(b *history.Batch) {
		for i := range b.Samples {
			m := &b.Samples[i]
			m.MasterAddr = cfg.Canonical(m.MasterAddr)
			m.Watch.Announced = cfg.Canonical(m.Watch.Announced)
		}
		b.Events = slices.DeleteFunc(b.Events, func(e history.Event) bool {
			return e.Kind == history.EvSentinel && !observer.OfMaster(e.Name, e.Text, cfg.MasterName)
		})
		if len(b.Samples)+len(b.Events)+len(b.Views) > 0 {
			cfg.Record(node, b)
		}
	}
	observer.Run(ctx, o)
}

func patience(rtt time.Duration) time.Duration { return max(leastPatience, farPatience*rtt) }

// NewReplicas looks whether a master has got replicas that are not known yet, and adds them. It returns their numbers.
func NewReplicas(ctx context.Context, t *Target, s *Setup, master int) []int {
	f := &finder{t: t, s: s, byRun: map[string]int{}, tried: map[string]int{}}
	for i, n := range s.Nodes {
		f.byRun[n.RunID] = i
		for _, a := range n.Addrs {
			f.tried[a] = i
		}
	}
	before := len(s.Nodes)
	in, _, err := t.probe(ctx, s.Nodes[master].Addrs[0], t.Access, false)
	if err != nil || isReplica(in) {
		return nil
	}
	said, left := len(s.Notes), len(s.Uncovered)
	f.replicasOf(ctx, master, in, 0)
	s.Notes, s.Uncovered = s.Notes[:said], s.Uncovered[:left] // said once, at the start
	var added []int
	for i := before; i < len(s.Nodes); i++ {
		added = append(added, i)
	}
	return added
}
