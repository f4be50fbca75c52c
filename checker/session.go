package checker

import (
	"cmp"
	"math"
	"slices"

	"github.com/schismtest/schism/history"
)

// The session guarantees, in the order they are shown.
const (
	readYourWrites    = "read_your_writes"
	monotonicReads    = "monotonic_reads"
	monotonicWrites   = "monotonic_writes"
	writesFollowReads = "writes_follow_reads"
)

const (
	scopeMaster = MasterReads
	scopeAll    = AllReads
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
	if x.all&bit(history.FRead) != 0 {
		g := x.group(registerOps)
		keys := x.keysOf(registerOps)
		repeats := make([]bool, len(x.mask)) // each worker writes its own keys' entries
		x.sumSessions(&total, perKey(keys, func(k uint32) (t sessionTallies) {
			t, repeats[k] = registerSessions(&x.h.Ops, g.of(k))
			return t
		}))
		for _, k := range keys {
			if repeats[k] {
				x.repeated[k] = true
			}
		}
	}
	if x.all&(setOps|listOps) != 0 {
		g := x.group(setOps | listOps)
		keys := append(x.keysOf(setOps), x.keysOf(listOps)...)
		x.sumSessions(&total, perKey(keys, func(k uint32) sessionTallies { return collectionSessions(&x.h.Ops, g.of(k)) }))
	}
	names := [4]string{readYourWrites, monotonicReads, monotonicWrites, writesFollowReads}
	for i, name := range names {
		for s, scope := range []string{scopeMaster, scopeAll} {
			t := total[i][s]
			if t.checked == 0 {
				continue
			}
			check := SessionCheck{Name: name, Scope: scope, Checked: t.checked, Breaks: t.breaks, Worst: t.worst}
			if t.breaks > 0 {
				check.WorstOps = []int{int(t.ops[0]), int(t.ops[1])}
			}
			x.a.Result.Sessions = append(x.a.Result.Sessions, check)
		}
	}
}

func (x *extra) sumSessions(total *sessionTallies, parts []sessionTallies) {
	for _, p := range parts {
		for g := range p {
			for s := range p[g] {
				total[g][s].add(p[g][s])
			}
		}
	}
}

// version is what is known of one value of a register.
type version struct {
	value int64
	call  int64 // of its write; the lowest number for the initial value
	known int64 // K: the least return over the write and all reads
}

// versionsOf lists the values written to a register with unique values, ascending; ok is false when a value repeats.
func versionsOf(c *history.Columns, ops []int32) (vs []version, ok bool) {
	for _, i := range ops {
		if c.F[i] == history.FWrite {
			v := version{value: c.In[i], call: c.Call[i], known: history.Inf}
			if c.Outcome[i] == history.OK {
				v.known = c.Return[i]
			}
			vs = append(vs, v)
		}
	}
	slices.SortFunc(vs, func(a, b version) int { return cmp.Compare(a.value, b.value) })
	for i := 1; i < len(vs); i++ {
		if vs[i].value == vs[i-1].value {
			return nil, false
		}
	}
	for _, i := range ops {
		if c.F[i] == history.FRead && c.Outcome[i] == history.OK {
			if v := findVersion(vs, c.Out[i]); v != nil {
				v.known = min(v.known, c.Return[i])
			}
		}
	}
	return vs, true
}

func findVersion(vs []version, value int64) *version {
	// Versions mostly count up without a gap.
	if n := len(vs); n > 0 && value >= vs[0].value && value <= vs[n-1].value && vs[n-1].value-vs[0].value == int64(n-1) {
		return &vs[value-vs[0].value]
	}
	i, ok := slices.BinarySearchFunc(vs, value, func(v version, x int64) int { return cmp.Compare(v.value, x) })
	if !ok {
		return nil
	}
	return &vs[i]
}

// mark is one operation that a later read of its session must not fall behind.
type mark struct {
	write int64 // call of the write of the value written or read
	ret   int64 // when the session knew
	op    int32
}

// registerSessions checks one register. Its operations are sorted by process and call, so a session is a run of them. Nothing can
// be told where values repeat.
func registerSessions(c *history.Columns, ops []int32) (t sessionTallies, repeats bool) {
	vs, ok := versionsOf(c, ops)
	if !ok {
		return t, true
	}
	sorted := bySession(c, ops)
	var own []mark
	var seen [2][]mark // by scope, write ascending
	for n, i := range sorted {
		if n > 0 && c.Process[i] != c.Process[sorted[n-1]] {
			own, seen[0], seen[1] = own[:0], seen[0][:0], seen[1][:0]
		}
		if c.Outcome[i] != history.OK {
			continue
		}
		if c.F[i] == history.FWrite {
			own = append(own, mark{c.Call[i], c.Return[i], i})
			continue
		}
		known, write, ok := readVersion(vs, c.Out[i])
		if !ok {
			continue // a phantom: counted elsewhere
		}
		for s := range 2 {
			if s == 0 && !masterRead(c, i) {
				continue
			}
			checkMarks(&t[0][s], c, own, known, i)
			checkMarks(&t[1][s], c, seen[s], known, i)
			if l := len(seen[s]); l == 0 || write > seen[s][l-1].write {
				seen[s] = append(seen[s], mark{write, c.Return[i], i})
			}
		}
	}
	return t, false
}

func readVersion(vs []version, value int64) (known, write int64, ok bool) {
	if value == history.Nil {
		return math.MinInt64, math.MinInt64, true
	}
	v := findVersion(vs, value)
	if v == nil {
		return 0, 0, false
	}
	return v.known, v.call, true
}

// checkMarks finds the earliest mark whose write was called after the read's value was known.
func checkMarks(t *sessionTally, c *history.Columns, marks []mark, known int64, read int32) {
	if len(marks) == 0 {
		return
	}
	t.checked++
	j, _ := slices.BinarySearchFunc(marks, known, func(m mark, k int64) int {
		if m.write > k {
			return 1
		}
		return -1
	})
	if j < len(marks) {
		t.broke(c.Call[read]-marks[j].ret, marks[j].op, read)
	}
}

// bySession sorts operations by process, then call.
func bySession(c *history.Columns, ops []int32) []int32 {
	sorted := slices.Clone(ops)
	slices.SortFunc(sorted, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.Process[a], c.Process[b]), cmp.Compare(c.Call[a], c.Call[b]), cmp.Compare(a, b))
	})
	return sorted
}
