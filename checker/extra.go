package checker

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/schismtest/schism/history"
)

// extraMeasures checks everything that is no plain register: sets, lists, counters, locks, banks, queues, expiry, transactions and
// general objects, besides the session guarantees and the servers' logs.
func extraMeasures(h *history.History, a *Analysis) {
	x := newExtra(h, a, ModelOptions{})
	x.logs()
	x.sessions()
	x.sets()
	x.lists()
	x.counters()
	x.locks()
	x.banks()
	x.queues()
	x.expiry()
	x.transactions()
	x.objects(autoObjects)
	x.finish()
}

// extra is one pass of the checkers of this file over one history.
type extra struct {
	h     *history.History
	a     *Analysis
	opts  ModelOptions
	mask  []fset // by key: the functions used on it
	all   fset
	class map[string]int // index into found, by class
	found []Anomaly
	// master and every count what contradicts linearizability of master reads and of all reads, over all collections.
	master, every int64
	judged        bool // there was something that master and every speak of
	undecided     []string
	repeated      map[uint32]bool // registers and lists with repeated values, which sessions and lists find
}

func newExtra(h *history.History, a *Analysis, opts ModelOptions) *extra {
	x := &extra{h: h, a: a, opts: opts, mask: make([]fset, len(h.Keys)), class: map[string]int{}, repeated: map[uint32]bool{}}
	c := &h.Ops
	for i, f := range c.F {
		k := int(c.Key[i])
		for k >= len(x.mask) { // a history may name its keys by number alone
			x.mask = append(x.mask, 0)
		}
		x.mask[k] |= bit(f)
		x.all |= bit(f)
	}
	return x
}

// finish puts what was found into the result.
func (x *extra) finish() {
	x.a.Result.Anomalies = append(x.a.Result.Anomalies, x.found...)
	x.witnesses()
	if !x.judged {
		return // registers alone speak for themselves
	}
	for _, l := range x.a.Result.Registers {
		x.conflict(l.Scope == scopeMaster, l.Conflicts+l.Forks+l.Cycles+l.Future)
	}
	x.conflictMeasure("master_conflicts", x.master)
	x.conflictMeasure("all_conflicts", x.every)
}

// conflictMeasure sets one of the two; what was not decided leaves a count of 0 unknown.
func (x *extra) conflictMeasure(name string, n int64) {
	m := MeasureValue{Name: name, Value: float64(n), Known: true}
	if n == 0 && len(x.undecided) > 0 {
		m.Known, m.Why = false, x.undecided[0]
	}
	x.a.Result.Measures = append(x.a.Result.Measures, m)
}

// measure adds to a measure of that name or appends it.
func (x *extra) measure(name string, v float64) {
	ms := x.a.Result.Measures
	for i := range ms {
		if ms[i].Name == name {
			if ms[i].Known {
				ms[i].Value += v
			} else {
				ms[i] = MeasureValue{Name: name, Value: v, Known: true}
			}
			return
		}
	}
	x.a.Result.Measures = append(ms, MeasureValue{Name: name, Value: v, Known: true})
}

// conflict counts n contradictions of linearizability in a scope.
func (x *extra) conflict(master bool, n int64) {
	if master {
		x.master += n
	} else {
		x.every += n
	}
}

// anomaly counts n cases of a class; the first one's words and operations stay. A class that nothing was found of is not listed.
func (x *extra) anomaly(class string, n int64, bug bool, text string, ops ...int) {
	if n == 0 {
		return
	}
	i, ok := x.class[class]
	if !ok {
		i = len(x.found)
		x.class[class] = i
		x.found = append(x.found, Anomaly{Class: class, Text: text, Ops: ops})
	}
	x.found[i].Count += n
	x.found[i].AlwaysBug = x.found[i].AlwaysBug || bug
}

// unsure notes that a class could not be decided.
func (x *extra) unsure(class, why string) {
	if len(x.undecided) < 10 { // a page of reasons says no more than a few
		x.undecided = append(x.undecided, class+": "+why)
	}
	i, ok := x.class[class]
	if !ok {
		i = len(x.found)
		x.class[class] = i
		x.found = append(x.found, Anomaly{Class: class})
	}
	if x.found[i].Undecided == "" {
		x.found[i].Undecided = why
	}
}

// note is something found on one key, kept until all keys are done so that the order does not depend on scheduling.
type note struct {
	class string
	n     int64
	bug   bool
	text  string
	ops   []int
}

func (x *extra) notes(ns []note) {
	for _, n := range ns {
		x.anomaly(n.class, n.n, n.bug, n.text, n.ops...)
	}
}

// fset is a set of functions.
type fset uint32

func bit(f history.F) fset {
	if f >= 32 {
		return 0
	}
	return 1 << f
}

func bits(fs ...history.F) fset {
	var s fset
	for _, f := range fs {
		s |= bit(f)
	}
	return s
}

// The functions of each kind of object. A key that mixes kinds is a general object.
var (
	setOps      = bits(history.FAdd, history.FReadSet, history.FRemove, history.FContains)
	listOps     = bits(history.FAppend, history.FReadList, history.FReadTail)
	counterOps  = bits(history.FIncr, history.FReadCounter)
	lockOps     = bits(history.FAcquire, history.FRelease, history.FFenced, history.FReadLock)
	bankOps     = bits(history.FTransfer, history.FReadBank)
	queueOps    = bits(history.FEnqueue, history.FDequeue, history.FAck, history.FReadQueue, history.FReadTail)
	expiryOps   = bits(history.FExpiring, history.FReadExpiring)
	registerOps = bits(history.FWrite, history.FRead)
	txnOps      = bits(history.FTxn)
)

// keysOf lists the keys on which all functions are among these.
func (x *extra) keysOf(of fset) []uint32 {
	var ks []uint32
	for k, m := range x.mask {
		if m != 0 && m&^of == 0 {
			ks = append(ks, uint32(k))
		}
	}
	return ks
}

// grouped holds operation numbers by key, in history order.
type grouped struct {
	off []int32
	idx []int32
}

func (g *grouped) of(k uint32) []int32 { return g.idx[g.off[k]:g.off[k+1]] }

// group sorts the operations of the wanted functions by key, in O(n).
func (x *extra) group(want fset) grouped {
	c := &x.h.Ops
	g := grouped{off: make([]int32, len(x.mask)+1)}
	for i, f := range c.F {
		if want&bit(f) != 0 {
			g.off[c.Key[i]+1]++
		}
	}
	for k := 1; k < len(g.off); k++ {
		g.off[k] += g.off[k-1]
	}
	g.idx = make([]int32, g.off[len(g.off)-1])
	at := append([]int32(nil), g.off...)
	for i, f := range c.F {
		if want&bit(f) != 0 {
			k := c.Key[i]
			g.idx[at[k]] = int32(i)
			at[k]++
		}
	}
	return g
}

// perKey runs f for each of the keys, in parallel, and returns the results in the keys' order.
func perKey[T any](keys []uint32, f func(k uint32) T) []T {
	out := make([]T, len(keys))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(keys)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(keys) {
					return
				}
				out[i] = f(keys[i])
			}
		})
	}
	wg.Wait()
	return out
}

// masterRead tells the scope of a read.
func masterRead(c *history.Columns, i int32) bool { return c.Flags[i]&history.FlagReplicaRead == 0 }

// arg is Op.Arg of an operation.
func arg(c *history.Columns, i int32) int64 {
	if c.Arg == nil {
		return history.None
	}
	return c.Arg[i]
}

// keyName is a key as people know it.
func (x *extra) keyName(k uint32) string {
	if int(k) < len(x.h.Keys) {
		return x.h.Keys[k]
	}
	return fmt.Sprintf("key %d", k)
}

// who names an operation: whose it is, where and when.
func (x *extra) who(i int) string {
	c := &x.h.Ops
	var b strings.Builder
	fmt.Fprintf(&b, "process %d", c.Process[i])
	if n := int(c.Node[i]); n >= 0 && n < len(x.h.Run.Nodes) {
		fmt.Fprintf(&b, " on %s", x.h.Run.Nodes[n].Name)
	}
	if x.imported() {
		fmt.Fprintf(&b, " at event %d", c.Call[i])
	} else {
		fmt.Fprintf(&b, " at %s", seconds(c.Call[i]))
	}
	return b.String()
}

// imported tells a history from elsewhere, whose clock counts events.
func (x *extra) imported() bool { return x.h.Run.Imported != "" }

// span writes a duration for people.
func (x *extra) span(ns int64) string {
	if x.imported() {
		return fmt.Sprintf("%d events", ns)
	}
	return Words(ns)
}

// seconds writes a time for people.
func seconds(ns int64) string { return fmt.Sprintf("%.4f s", float64(ns)/1e9) }

// valueText writes a value for people, its absence too.
func valueText(v int64) string {
	if v == history.Nil || v == history.None {
		return "nothing"
	}
	return fmt.Sprint(v)
}

// sameReign tells whether one node was the same master, without a break, from one moment to another, as far as samples show. In
// a history without samples every node counts as one that never changed.
func (x *extra) sameReign(node int32, from, to int64) bool {
	var first *history.Sample
	for i := range x.h.Samples {
		s := &x.h.Samples[i]
		if s.Node != node || !s.Answered {
			continue
		}
		if s.Return <= from {
			first = s
			continue
		}
		if first != nil && (s.RunID != first.RunID || s.ReplID != first.ReplID || s.Role != first.Role) {
			return false
		}
		if first == nil {
			first = s
		}
		if s.Call >= to {
			break
		}
	}
	return first == nil || first.Role == history.RoleMaster
}
