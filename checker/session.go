package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

const (
	scopeMaster = result.MasterReads
	scopeAll    = result.AllReads
)

// sessionTally counts one guarantee over one scope.
type sessionTally struct {
	checked, breaks, worst int64
	ops                    [2]int32
}

func (t *sessionTally) broke(by int64, first, second int32) {
	t.breaks++
	if by > t.worst || t.breaks == 1 {
		t.worst, t.ops = by, [2]int32{first, second}
	}
}

func (t *sessionTally) add(o sessionTally) {
	if o.breaks > 0 && (t.breaks == 0 || o.worst > t.worst) {
		t.worst, t.ops = o.worst, o.ops
	}
	t.checked += o.checked
	t.breaks += o.breaks
}

// sessionTallies are those of one key: by guarantee, then 0 for reads from masters, 1 for all reads.
type sessionTallies [4][2]sessionTally

// sessions checks the four guarantees. A value v is older than v' when K(v) < call(write v'): v was known to exist before v' was
// asked for. Registers show the first two, sets and lists the others.
func (x *extra) sessions() {
	var total sessionTallies
	var whole [][]stretchRead
	if x.all&bit(history.FRead) != 0 {
		p := x.registerPass()
		for i := range p.found {
			f := &p.found[i]
			total.add(&f.sessions)
			if f.swept[0].repeated {
				x.repeated[uint32(p.keys.of[i])] = true
			}
		}
	}
	if x.all&(setOps|listOps) != 0 {
		g := x.group(setOps | listOps)
		keys := append(x.keysOf(setOps), x.keysOf(listOps)...)
		for _, f := range perKey(keys, func(k uint32) collectionFound {
			ops := g.of(k)
			s := collect(&x.h.Ops, ops)
			return collectionFound{collectionSessions(s), x.collectionStretch(s, ops)}
		}) {
			total.add(&f.sessions)
			whole = append(whole, f.stretch)
		}
	}
	x.replicasBack(whole)
	names := [4]string{result.ReadYourWrites, result.MonotonicReads, result.MonotonicWrites, result.WritesFollowReads}
	for i, name := range names {
		for s, scope := range []string{scopeMaster, scopeAll} {
			t := total[i][s]
			if t.checked == 0 {
				continue
			}
			check := result.SessionCheck{Name: name, Scope: scope, Checked: t.checked, Breaks: t.breaks, Worst: t.worst}
			if t.breaks > 0 {
				check.WorstOps = []int{int(t.ops[0]), int(t.ops[1])}
			}
			x.a.Result.Sessions = append(x.a.Result.Sessions, check)
		}
	}
}

func (t *sessionTallies) add(o *sessionTallies) {
	for g := range t {
		for s := range t[g] {
			t[g][s].add(o[g][s])
		}
	}
}

// collectionFound is what one set or list came to.
type collectionFound struct {
	sessions sessionTallies
	stretch  []stretchRead
}

// mark is one operation that a later read of its session must not fall behind.
type mark struct {
	write int64 // call of the write of the value written or read
	ret   int64 // when the session knew
	op    int32
}

// sessionScratch is the memory of registerSessions.
type sessionScratch struct {
	keys []sessionKey // the ok operations by session and call
	next []int32      // by process: where its next operation goes
	own  []mark
	seen [2][]mark
}

// sessionKey is what operations are sorted by: their session, then their call.
type sessionKey struct {
	process int32
	at      int32 // position in the table
	call    int64
}

// sort puts the ok operations in order. A session's stand in order in the file, so parting the sessions mostly does it.
func (sc *sessionScratch) sort(t *regTable, process []int32) {
	sc.keys = sc.keys[:0]
	least, most := int32(math.MaxInt32), int32(math.MinInt32)
	for j := range t.ops {
		if o := &t.ops[j]; o.is&regOK != 0 {
			least, most = min(least, process[o.op]), max(most, process[o.op])
		}
	}
	if least > most {
		return
	}
	span := int64(most) - int64(least) + 1
	if span > int64(4*len(t.ops)+1024) {
		for j := range t.ops {
			if o := &t.ops[j]; o.is&regOK != 0 {
				sc.keys = append(sc.keys, sessionKey{process[o.op], int32(j), o.call})
			}
		}
		slices.SortFunc(sc.keys, compareSessions)
		return
	}
	sc.next = resize(sc.next, int(span)+1)
	clear(sc.next)
	for j := range t.ops {
		if o := &t.ops[j]; o.is&regOK != 0 {
			sc.next[process[o.op]-least+1]++
		}
	}
	for p := range span {
		sc.next[p+1] += sc.next[p]
	}
	sc.keys = resize(sc.keys, int(sc.next[span]))
	for j := range t.ops {
		if o := &t.ops[j]; o.is&regOK != 0 {
			p := process[o.op] - least
			sc.keys[sc.next[p]] = sessionKey{process[o.op], int32(j), o.call}
			sc.next[p]++
		}
	}
	if !slices.IsSortedFunc(sc.keys, compareSessions) {
		slices.SortFunc(sc.keys, compareSessions)
	}
}

func compareSessions(a, b sessionKey) int {
	switch {
	case a.process != b.process:
		return cmp.Compare(a.process, b.process)
	case a.call != b.call:
		return cmp.Compare(a.call, b.call)
	}
	return cmp.Compare(a.at, b.at)
}

// registerSessions checks one register. Its operations are sorted by process and call, so a session is a run of them.
func (w *registerWorker) registerSessions() (tally sessionTallies) {
	t, sc := &w.table, &w.sessions
	sc.sort(t, w.x.h.Ops.Process)
	for n := range sc.keys {
		if n == 0 || sc.keys[n].process != sc.keys[n-1].process {
			sc.own, sc.seen[0], sc.seen[1] = sc.own[:0], sc.seen[0][:0], sc.seen[1][:0]
		}
		o := &t.ops[sc.keys[n].at]
		if o.is&regWrite != 0 {
			sc.own = append(sc.own, mark{o.call, o.ret, o.op})
			continue
		}
		if o.ref == noOp || w.mayBeEvicted(o) {
			continue // a phantom is counted elsewhere
		}
		known, write := t.k[o.ref], t.call[o.ref]
		for s := range 2 {
			if s == 0 && o.is&regReplica != 0 {
				continue
			}
			checkMarks(&tally[0][s], sc.own, known, o)
			checkMarks(&tally[1][s], sc.seen[s], known, o)
			if l := len(sc.seen[s]); l == 0 || write > sc.seen[s][l-1].write {
				sc.seen[s] = append(sc.seen[s], mark{write, o.ret, o.op})
			}
		}
	}
	return tally
}

// checkMarks finds the earliest mark whose write was called after the read's value was known.
func checkMarks(t *sessionTally, marks []mark, known int64, read *regOp) {
	if len(marks) == 0 {
		return
	}
	t.checked++
	if marks[len(marks)-1].write <= known {
		return // writes ascend
	}
	j, _ := slices.BinarySearchFunc(marks, known, func(m mark, k int64) int {
		if m.write > k {
			return 1
		}
		return -1
	})
	t.broke(read.call-marks[j].ret, marks[j].op, read.op)
}

// bySession sorts operations by process, then call.
func bySession(c *history.Columns, ops []int32) []int32 {
	sorted := slices.Clone(ops)
	slices.SortFunc(sorted, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.Process[a], c.Process[b]), cmp.Compare(c.Call[a], c.Call[b]), cmp.Compare(a, b))
	})
	return sorted
}
