package checker

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/guard"
	"github.com/schismtest/schism/internal/words"
)

// extra is one pass of the judges over one history.
type extra struct {
	h    *history.History
	a    *result.Analysis
	opts ModelOptions
	s    *states
	fin  *contents
	mask []fset // by key: the functions used on it
	all  fset
	// found are the findings by class and scope, in the order in which they were first met.
	found     []result.Finding
	at        map[classScope]int
	looked    map[string]bool // classes that some judge looked for
	undecided []string
	queued    *grouped
	txnTwice  int64                                // circles of transactions that another class tells as well
	removals  map[uint32]map[int64]history.Outcome // by key and element
	repeated  map[uint32]bool                      // registers and lists with repeated values, which sessions and lists find
	// registered is what was read off the registers' tables, once; registerPass makes it.
	registered *registerPass
	// stretched are the replicas' stretches; replicaStretches finds them.
	stretched   *stretches
	stretchOnce sync.Once
	evicted     evictions
	// excusable are the notes of classes that evictions may explain, kept until all are there; none where nothing was evicted.
	excusable []note
}

// classScope is what findings are counted by.
type classScope struct{ class, scope string }

func newExtra(h *history.History, a *result.Analysis, opts ModelOptions) *extra {
	s := newStates(h)
	x := &extra{h: h, a: a, opts: opts, s: s, fin: newContents(h, s), mask: make([]fset, len(h.Keys)), at: map[classScope]int{}, looked: map[string]bool{}, repeated: map[uint32]bool{}, evicted: newEvictions(s)}
	c := &h.Ops
	for i, f := range c.F {
		if c.Flags[i]&history.FlagReplicaWrite != 0 {
			continue // a try at a replica belongs to no object
		}
		k := int(c.Key[i])
		for k >= len(x.mask) { // a history may name its keys by number alone
			x.mask = append(x.mask, 0)
		}
		x.mask[k] |= bit(f)
		x.all |= bit(f)
	}
	if x.all&bits(history.FRemove) != 0 {
		x.removals = removalsOf(c)
	}
	return x
}

// finish puts what was found into the result.
func (x *extra) finish() {
	r := &x.a.Result
	ns := x.excuse(x.excusable)
	x.excusable, x.evicted.settled = nil, true
	x.notes(ns)
	for c := range x.looked {
		r.Looked = append(r.Looked, c)
	}
	slices.Sort(r.Looked)
	for _, l := range r.Registers {
		if l.Undecided != "" {
			x.unsureIn("conflict", l.Scope, l.Undecided)
		}
	}
	r.Findings = append(r.Findings, x.found...)
	x.witnesses()
}

// looks notes that a judge looked for these classes: only such a class can be said not to have been seen.
func (x *extra) looks(classes ...string) {
	for _, c := range classes {
		x.looked[c] = true
	}
}

// finding is where a class is counted in one scope, made when first met. A class that nothing was found of is not listed.
func (x *extra) finding(class, scope string) *result.Finding {
	k := classScope{class, scope}
	i, ok := x.at[k]
	if !ok {
		i = len(x.found)
		x.at[k] = i
		x.found = append(x.found, result.Finding{Class: class, Scope: scope})
	}
	return &x.found[i]
}

// anomaly counts n cases of a class, all of them bugs or none; the first one's words and operations stay.
func (x *extra) anomaly(class string, n int64, bug bool, text string, ops ...int) {
	no := note{class: class, n: n, text: text, ops: ops}
	if bug {
		no.bugs = n
	}
	x.notes([]note{no})
}

// unsure notes that a class could not be decided.
func (x *extra) unsure(class, why string) { x.unsureIn(class, "", why) }

// unsureIn notes that a class could not be decided in a scope.
func (x *extra) unsureIn(class, scope, why string) {
	if scope != result.AllReads && len(x.undecided) < 10 { // a page of reasons says no more than a few
		x.undecided = append(x.undecided, class+": "+why)
	}
	if f := x.finding(class, scope); f.Undecided == "" {
		f.Undecided = why
	}
}

// note is something found on one key, kept until all keys are done so that the order does not depend on scheduling.
type note struct {
	class, scope string
	n            int64
	bugs         int64 // of n, those that nothing excuses; of a class that is always a bug all of them
	text         string
	ops          []int
	more         int64  // so many more there may be
	unsure       string // why there may be more than were counted, for a note that leaves some out
}

// count adds one case; the first one's words stay, a bug's before all others.
func (n *note) count(text string, ops ...int) {
	if n.n == 0 {
		n.text, n.ops = text, ops
	}
	n.n++
}

// blame adds a case that two operations show; it is a bug when both fell into one reign of one master.
func (x *extra) blame(n *note, text string, a, b int32) {
	if x.oneReign(a, b) {
		n.bug(text, int(a), int(b))
		return
	}
	n.count(text, int(a), int(b))
}

// bug adds one case that nothing excuses.
func (n *note) bug(text string, ops ...int) {
	if n.bugs == 0 {
		n.text, n.ops = text, ops
	}
	n.n++
	n.bugs++
}

func (x *extra) notes(ns []note) {
	if x.evicted.any() && !x.evicted.settled {
		x.excusable = append(x.excusable, ns...)
		return
	}
	for _, n := range ns {
		if n.n == 0 && n.more == 0 {
			continue
		}
		if n.unsure != "" {
			x.unsureIn(n.class, n.scope, n.unsure)
		}
		f := x.finding(n.class, n.scope)
		f.More += n.more
		if f.Count == 0 || f.Bugs == 0 && n.bugs > 0 {
			f.Text, f.Ops = n.text, n.ops
		}
		f.Count += n.n
		f.Bugs += n.bugs
		if c, _ := result.ClassOf(n.class); c.Blame == result.Always {
			f.Bugs = f.Count
		}
	}
}

// fset is a set of functions.
type fset uint64

func bit(f history.F) fset {
	if f >= 64 {
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
	var wg guard.WaitGroup
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
	if x.imported() || c.Client == nil {
		fmt.Fprintf(&b, "process %d", c.Process[i])
	} else {
		fmt.Fprintf(&b, "c%d", c.Client[i]) // as everywhere on the page; a process is a client between two reconnects
	}
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
	return words.Span(ns)
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

// node is a node's name.
func (x *extra) node(n int32) string {
	if n < 0 || int(n) >= len(x.h.Run.Nodes) {
		return "no node"
	}
	return x.h.Run.Nodes[n].Name
}

// oneReign tells whether two operations fell into one reign of one master, as far as samples show: only then does nothing that
// happened to the setup excuse that they contradict each other.
func (x *extra) oneReign(a, b int32) bool {
	c := &x.h.Ops
	if a < 0 || b < 0 || c.Node[a] != c.Node[b] {
		return false
	}
	to := int64(minTime)
	for _, i := range [2]int32{a, b} {
		t := c.Return[i]
		if t == history.Inf {
			t = c.Call[i]
		}
		to = max(to, t)
	}
	from := min(c.Call[a], c.Call[b])
	for _, i := range [2]int32{a, b} {
		if x.s.slots.movedIn(x.keyName(c.Key[i]), from, to) {
			return false // it was with another shard in between
		}
	}
	return x.reigned(int32(c.Node[a]), from, to)
}

// sameReign tells whether one node was the same master, without a break, from one moment to another, and no slot came to its shard or
// left it.
func (x *extra) sameReign(node int32, from, to int64) bool {
	if x.s.slots != nil && node >= 0 && int(node) < len(x.h.Run.Nodes) && x.s.slots.shardMoved(x.s.shardAt(node, from), from, to) {
		return false
	}
	return x.reigned(node, from, to)
}

// reigned tells whether one node was the same master, without a break, from one moment to another, as far as samples show: the
// last answer that was there before the first moment, the first that was asked for after the second, and all between them agree. What
// an answer says was so at some moment between its call and its return, so one under way at either moment proves nothing of it. In a
// history without samples every node counts as one that never changed.
func (x *extra) reigned(node int32, from, to int64) bool {
	if node < 0 || int(node) >= len(x.s.byNode) || len(x.s.byNode[node]) == 0 {
		return len(x.h.Samples) == 0
	}
	ms := x.s.byNode[node]
	next, _ := slices.BinarySearchFunc(ms, from, func(m *history.Sample, t int64) int { return cmp.Compare(m.Return, t) })
	first := x.s.at(node, from)
	for _, m := range ms[next:] {
		switch {
		case !m.Answered:
			continue
		case first == nil:
			first = m
		case m.RunID != first.RunID || m.ReplID != first.ReplID || m.Role != first.Role:
			return false
		}
		if m.Call >= to {
			return first.Role == history.RoleMaster
		}
	}
	if x.h.Cut > 0 {
		return false // what comes after the last answer may have shown a break
	}
	return first == nil || first.Role == history.RoleMaster
}
