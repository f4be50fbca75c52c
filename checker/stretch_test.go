package checker

import (
	"cmp"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// oneLog draws a run of a master and a replica that applies a prefix of its log, which only grows: writes to registers, a set and a list
// by several clients, and reads of the replica by others. back lets one read see a shorter prefix than the replica had applied; gone tells
// whether it then had applied less than at an earlier read.
func oneLog(r *rand.Rand, back bool) (h *history.History, gone bool) {
	type entry struct {
		at, call, ret int64
		key           uint32
		v             int64
		f             history.F
		bound         bool
	}
	var log []entry
	var ops []history.Op
	fs := []history.F{history.FWrite, history.FWrite, history.FAdd, history.FAppend} // by key
	at := int64(1000)
	for v := int64(1); v <= int64(3+r.Intn(12)); v++ {
		at += 1 + r.Int63n(40)
		key := uint32(r.Intn(len(fs)))
		call, ret := at-r.Int63n(60), at+r.Int63n(60)
		o := onNode(onKey(op(int32(v), fs[key], v, none, call, ret), key), 0)
		bound := true
		if r.Intn(8) == 0 {
			o.Outcome, o.Return, bound = history.Info, inf, false
		}
		ops = append(ops, o)
		log = append(log, entry{at, call, ret, key, v, fs[key], bound})
	}
	type readOp struct {
		at, call, ret int64
		applied       int
		key           uint32
	}
	var reads []readOp
	applied := 0
	t := int64(1000)
	for range 2 + r.Intn(10) {
		t += 1 + r.Int63n(60)
		have := 0
		for have < len(log) && log[have].at <= t {
			have++
		}
		if applied < have {
			applied += r.Intn(have - applied + 1)
		}
		reads = append(reads, readOp{t, t - r.Int63n(40), t + r.Int63n(40), applied, uint32(r.Intn(len(fs)))})
	}
	if back {
		rd := &reads[1+r.Intn(len(reads)-1)]
		rd.applied = r.Intn(rd.applied + 1)
	}
	content := func(n int, key uint32) []int64 {
		var vs []int64
		for _, e := range log[:n] {
			if e.key == key {
				vs = append(vs, e.v)
			}
		}
		return vs
	}
	for i, rd := range reads {
		o := fromReplica(onNode(onKey(op(int32(100+i), history.FRead, none, null, rd.call, rd.ret), rd.key), 1))
		vs := content(rd.applied, rd.key)
		switch fs[rd.key] {
		case history.FWrite:
			if len(vs) > 0 {
				o.Out = vs[len(vs)-1]
			}
		case history.FAdd:
			o.F, o.Out, o.List = history.FReadSet, none, vs
			if v := int64(1 + r.Intn(len(log))); r.Intn(2) == 0 && log[v-1].key == rd.key {
				o.F, o.In, o.Out, o.List = history.FContains, v, 0, nil
				if slices.Contains(vs, v) {
					o.Out = 1
				}
			}
		default:
			o.F, o.Out, o.List = history.FReadList, none, vs
			if r.Intn(3) == 0 { // its newest two
				from := max(0, len(vs)-2)
				o.F, o.In, o.Out, o.List = history.FReadTail, 2, int64(len(vs)), vs[from:]
				o.Arg = int64(from)
			}
		}
		ops = append(ops, o)
	}
	h = tinyRun(map[string][]int64{"k0": nil}, ops...)
	h.Dumps = nil
	for i := range h.Samples {
		h.Samples[i].Call = min(h.Samples[i].Call, 0)
		if i > 1 {
			h.Samples[i].Call = 100_000 + int64(i)
		}
		h.Samples[i].Return = h.Samples[i].Call + 1
	}
	for j, later := range reads {
		for _, earlier := range reads[:j] {
			gone = gone || later.applied < earlier.applied
		}
	}
	return h, gone
}

// lots is how many seeds a test draws, a tenth of them in a short run.
func lots(n int64) int64 {
	if testing.Short() {
		return n / 10
	}
	return n
}

func backs(t *testing.T, h *history.History) *result.Finding {
	t.Helper()
	a, err := Check(h, Options{})
	require.NoError(t, err)
	for i := range a.Result.Findings {
		if f := &a.Result.Findings[i]; f.Class == "replica_back" {
			return f
		}
	}
	return nil
}

// A replica that applies a prefix of one log never goes back, whatever is read when and by whom.
func TestStretchOfAPrefixIsSound(t *testing.T) {
	for seed := range lots(20000) {
		h, _ := oneLog(rand.New(rand.NewSource(seed)), false)
		require.Nil(t, backs(t, h), "seed %d: %+v", seed, h.Ops)
	}
}

// One that goes back is seen often, and only when it really did: wider intervals and unknown outcomes never make a finding of one
// that is none, and never one that was not there before.
func TestStretchThatGoesBack(t *testing.T) {
	seen := 0
	for seed := range lots(20000) {
		r := rand.New(rand.NewSource(seed))
		h, gone := oneLog(r, true)
		f := backs(t, h)
		require.Equal(t, bruteBack(h), f != nil, "seed %d", seed)
		if f == nil {
			widened(r, h)
			require.Nil(t, backs(t, h), "seed %d", seed)
			continue
		}
		require.True(t, gone, "seed %d: %+v", seed, f)
		require.Equal(t, f.Count, f.Bugs, "always a bug")
		seen++
	}
	require.Greater(t, seen, int(lots(20000)/20))
}

// bruteBack looks at every pair of reads, by the definition.
func bruteBack(h *history.History) bool {
	c := &h.Ops
	k := map[[2]int64]int64{}
	know := func(key uint32, v, t int64) {
		at := [2]int64{int64(key), v}
		if old, ok := k[at]; !ok || t < old {
			k[at] = t
		}
	}
	var reads, writes []int
	unknown := map[int64]bool{}
	for i, f := range c.F {
		switch {
		case !f.IsWrite():
			if reads = append(reads, i); f == history.FRead {
				know(c.Key[i], c.Out[i], c.Return[i])
			}
		case c.Outcome[i] == history.OK:
			writes = append(writes, i)
			know(c.Key[i], c.In[i], c.Return[i])
		default:
			unknown[c.In[i]] = true
		}
	}
	shows := func(r, w int) bool {
		switch {
		case c.Key[r] != c.Key[w]:
			return false
		case c.F[r] == history.FRead:
			return c.Out[r] == c.In[w]
		case c.F[r] == history.FContains:
			return c.In[r] == c.In[w] && c.Out[r] == 1
		}
		return slices.Contains(c.List(r), c.In[w])
	}
	lacks := func(r, w int) bool {
		switch {
		case c.Key[r] != c.Key[w]:
			return false
		case c.F[r] == history.FContains:
			return c.In[r] == c.In[w] && c.Out[r] == 0
		case c.F[r] == history.FReadTail:
			return false // what it does not show may stand before it
		case c.F[r] != history.FRead:
			return !slices.Contains(c.List(r), c.In[w])
		case c.Out[r] == null:
			return true
		}
		return !unknown[c.Out[r]] && k[[2]int64{int64(c.Key[r]), c.Out[r]}] < c.Call[w]
	}
	for _, a := range reads {
		for _, b := range reads {
			only := [2]bool{}
			for _, w := range writes {
				if c.Return[a] < c.Call[b] && shows(a, w) {
					for _, w2 := range writes {
						// That a whole read lacks what a tail or a single answer showed of the same collection is left to later writes.
						itself := w2 == w && (c.F[b] == history.FRead || c.F[b] == history.FContains || c.F[a] == c.F[b])
						if (itself || c.Return[w2] < c.Call[w]) && lacks(b, w2) {
							return true
						}
					}
				}
				if whole := c.F[a] == history.FReadSet || c.F[a] == history.FReadList; a != b && c.Key[a] == c.Key[b] && whole && c.F[a] == c.F[b] {
					only[0] = only[0] || shows(a, w) && !shows(b, w)
					only[1] = only[1] || shows(b, w) && !shows(a, w)
				}
			}
			if only[0] && only[1] {
				return true
			}
		}
	}
	return false
}

// widened makes some intervals longer and some outcomes unknown.
func widened(r *rand.Rand, h *history.History) {
	c := &h.Ops
	for i := range c.Len() {
		switch r.Intn(4) {
		case 0:
			c.Call[i] -= r.Int63n(50)
		case 1:
			if c.Outcome[i] == history.OK {
				c.Return[i] += r.Int63n(50)
			}
		case 2:
			if c.F[i].IsWrite() {
				c.Outcome[i], c.Return[i] = history.Info, history.Inf
			}
		}
	}
}

// Cases by hand: what is a stretch, and what is none.
func TestStretchCases(t *testing.T) {
	w := func(key uint32, v, call, ret int64) history.Op {
		return onNode(onKey(write(v, none, call, ret), key), 0)
	}
	rd := func(key uint32, v, call, ret int64) history.Op {
		return onNode(fromReplica(onKey(seen(v, call, ret), key)), 1)
	}
	other := func() *history.History { // n2 shows k1 = 2, and then not k0 = 1, which was acknowledged before that was called
		return tinyRun(keyed(1), w(0, 1, 10, 20), w(1, 2, 30, 40), rd(1, 2, 50, 60), rd(0, null, 70, 80))
	}
	require.NotNil(t, backs(t, other()))
	split := func(change func(m *history.Sample)) *history.History {
		h := other()
		for _, n := range []int32{0, 1} {
			m := h.Samples[n]
			m.Call, m.Return = 64, 65
			if n == 1 {
				change(&m)
			}
			h.Samples = append(h.Samples, m)
		}
		for i := range h.Samples {
			if m := &h.Samples[i]; m.Node == 1 && m.Call > 65 && (m.RunID != h.Samples[len(h.Samples)-1].RunID || m.ReplID != h.Samples[len(h.Samples)-1].ReplID) {
				m.RunID, m.ReplID = h.Samples[len(h.Samples)-1].RunID, h.Samples[len(h.Samples)-1].ReplID
			}
		}
		slicesSortSamples(h)
		return h
	}
	require.NotNil(t, backs(t, split(func(*history.Sample) {})), "another sample that shows the same")
	for name, change := range map[string]func(m *history.Sample){
		"another run id":         func(m *history.Sample) { m.RunID = "c" },
		"another replication id": func(m *history.Sample) { m.ReplID = "z" },
		"a sync":                 func(m *history.Sample) { m.SyncRunning = true },
		"loading":                func(m *history.Sample) { m.Loading = true },
		"no answer":              func(m *history.Sample) { m.Answered = false },
		"another master":         func(m *history.Sample) { m.MasterAddr = "9:9" },
	} {
		require.Nil(t, backs(t, split(change)), name)
	}
	h := other()
	h.Run.Nodes[1].Config = []history.KV{{K: "replica-read-only", V: "no"}}
	require.Nil(t, backs(t, h), "a replica that takes writes")
	h = other()
	h.Samples[0].Rest, h.Samples[2].Rest = history.Rest{Known: true}, history.Rest{Known: true, Evicted: 1}
	require.Nil(t, backs(t, h), "the key may have been evicted")
	h = other()
	for i := range h.Samples {
		if h.Samples[i].Node == 0 {
			h.Samples[i].ReplID = "y"
		}
	}
	require.Nil(t, backs(t, h), "acknowledged by the master of another log")
	f := backs(t, tinyRun(keyed(2), w(0, 1, 10, 20), w(0, 2, 30, 40), rd(0, 2, 50, 60), rd(0, 1, 70, 80)))
	require.Equal(t, int64(1), f.Count)
	require.Equal(t, []int{2, 3}, f.Ops)
	require.Nil(t, backs(t, tinyRun(keyed(2), w(0, 1, 10, 20), w(0, 2, 30, 40), rd(0, 2, 50, 72), rd(0, 1, 70, 80))), "the two overlap")
	a, err := Check(other(), Options{})
	require.NoError(t, err)
	require.Equal(t, result.Violation, a.Result.Verdict)
	a, err = Check(tinyRun(keyed(1), w(0, 1, 10, 20), w(1, 2, 30, 40), rd(1, 2, 50, 60), rd(0, 1, 70, 80)), Options{})
	require.NoError(t, err)
	require.Contains(t, a.Result.Looked, "replica_back")
	require.NotEqual(t, result.Violation, a.Result.Verdict, fmt.Sprint(a.Result.Reasons))
}

func slicesSortSamples(h *history.History) {
	slices.SortStableFunc(h.Samples, func(a, b history.Sample) int { return cmp.Compare(a.Call, b.Call) })
}
