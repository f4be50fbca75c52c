package checker

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func app(key, v int64) history.Mop { return history.Mop{F: history.FAppend, Key: key, In: v} }
func get(key int64, vs ...int64) history.Mop {
	return history.Mop{F: history.FReadList, Key: key, List: append([]int64{}, vs...)}
}
func wr(key, v int64) history.Mop { return history.Mop{F: history.FWrite, Key: key, In: v} }
func rd(key, v int64) history.Mop { return history.Mop{F: history.FRead, Key: key, In: v} }

func txn(process int32, call, ret int64, ms ...history.Mop) history.Op {
	o := op(process, history.FTxn, none, none, call, ret)
	if ret == inf {
		for i := range ms {
			if ms[i].F == history.FReadList {
				ms[i].List = nil
			}
		}
	}
	o.List = history.EncodeMops(ms)
	return o
}

// TestElle holds Elle's published examples, rebuilt by hand: the anomalies that each must show, and no other.
func TestElle(t *testing.T) {
	// Transactions that overlap all others, so that only data orders them.
	at := func(p int32, ms ...history.Mop) history.Op { return txn(p, 0, 100, ms...) }
	for _, c := range []struct {
		name string
		ops  []history.Op
		want map[string]int64
	}{
		{"serial", []history.Op{txn(1, 0, 1, app(1, 1)), txn(2, 2, 3, get(1, 1), app(1, 2)), txn(3, 4, 5, get(1, 1, 2))}, map[string]int64{}},
		{"G0", []history.Op{at(1, app(1, 1), app(2, 1)), at(2, app(1, 2), app(2, 2)), at(3, get(1, 1, 2), get(2, 2, 1))}, map[string]int64{"G0": 1}},
		{"G1a", []history.Op{failed(at(1, app(1, 1))), at(2, get(1, 1))}, map[string]int64{"G1a": 1}},
		{"G1b", []history.Op{at(1, app(1, 1), app(1, 2)), at(2, get(1, 1)), at(3, get(1, 1, 2))}, map[string]int64{"G1b": 1, "G-single": 1}},
		{"G1c", []history.Op{at(1, app(1, 1), get(2, 1)), at(2, app(2, 1), get(1, 1))}, map[string]int64{"G1c": 1}},
		{"G-single: read skew", []history.Op{at(1, app(1, 1), app(2, 1)), at(2, get(1, 1), get(2))}, map[string]int64{"G-single": 1, "fractured": 1}},
		{"G2-item: write skew", []history.Op{at(1, get(1), app(2, 1)), at(2, get(2), app(1, 1)), at(3, get(1, 1), get(2, 1))}, map[string]int64{"G2-item": 1}},
		{"G2-item where nobody read the writes", []history.Op{at(1, get(1), app(2, 1)), at(2, get(2), app(1, 1))}, map[string]int64{"G2-item": 1}},
		{"lost update", []history.Op{at(1, get(1), app(1, 1)), at(2, get(1), app(1, 2)), at(3, get(1, 1, 2))}, map[string]int64{"lost-update": 1, "G-single": 1}},
		{"internal: own append missing", []history.Op{at(1, app(1, 1), get(1))}, map[string]int64{"internal": 1}},
		{"internal: read changes", []history.Op{at(1, get(1), get(1, 2)), at(2, app(1, 2))}, map[string]int64{"internal": 1}},
		{"incompatible order", []history.Op{at(1, app(1, 1)), at(2, app(1, 2)), at(3, get(1, 1)), at(4, get(1, 2)), at(5, get(1, 1, 2))}, map[string]int64{"incompatible-order": 1}},
		{"duplicate elements", []history.Op{at(1, app(1, 1)), at(2, get(1, 1, 1))}, map[string]int64{"duplicate-elements": 1}},
		{"duplicate elements on another branch", []history.Op{at(1, app(1, 1)), at(2, app(1, 2)), at(3, app(1, 3)), at(4, get(1, 1, 2, 3)), at(5, get(1, 2, 2))},
			map[string]int64{"duplicate-elements": 1, "incompatible-order": 1}},
		{"phantom", []history.Op{at(2, get(1, 7))}, map[string]int64{"phantom": 1}},
		{"an unknown transaction that was seen happened", []history.Op{txn(1, 0, inf, app(1, 1), app(2, 1)), at(2, get(1, 1), get(2))}, map[string]int64{"G-single": 1, "fractured": 1}},
		{"an unknown transaction that nobody saw", []history.Op{txn(1, 0, inf, app(1, 1)), txn(2, 200, 300, get(1))}, map[string]int64{}},
		{"stale read", []history.Op{txn(1, 0, 1, app(1, 1)), txn(2, 2, 3, get(1)), txn(3, 4, 5, get(1, 1))}, map[string]int64{"G-single-realtime": 1}},
		{"lost append", []history.Op{txn(1, 0, 1, app(1, 1)), txn(2, 2, 3, get(1))}, map[string]int64{"G-single-realtime": 1}},
		{"stale read in a session", []history.Op{{Process: 1, F: history.FTxn, Call: 0, Return: 5, Acked: -1, Arg: none, List: history.EncodeMops([]history.Mop{app(1, 1)})},
			txn(1, 5, 6, get(1))}, map[string]int64{"G-single-process": 1}},
		{"writes against real time", []history.Op{txn(1, 0, 1, app(1, 1)), txn(2, 2, 3, app(1, 2)), txn(3, 4, 5, get(1, 2, 1))}, map[string]int64{"G0-realtime": 1}},
		{"read from the future", []history.Op{txn(1, 0, 1, get(1, 1)), txn(2, 2, 3, app(1, 1))}, map[string]int64{"G1c-realtime": 1}},

		{"registers: serial", []history.Op{txn(1, 0, 1, rd(1, null), wr(1, 1)), txn(2, 2, 3, rd(1, 1), wr(1, 2), rd(1, 2)), txn(3, 4, 5, rd(1, 2))}, map[string]int64{}},
		{"registers: G1a", []history.Op{failed(at(1, wr(1, 1))), at(2, rd(1, 1))}, map[string]int64{"G1a": 1}},
		{"registers: G1b", []history.Op{at(1, wr(1, 1), wr(1, 2)), at(2, rd(1, 1))}, map[string]int64{"G1b": 1}},
		{"registers: G1c", []history.Op{at(1, wr(1, 1), rd(2, 1)), at(2, wr(2, 1), rd(1, 1))}, map[string]int64{"G1c": 1}},
		{"registers: G-single", []history.Op{at(1, wr(1, 1), wr(2, 1)), at(2, rd(1, 1), rd(2, null))}, map[string]int64{"G-single": 1, "fractured": 1}},
		{"registers: write skew", []history.Op{at(1, rd(1, null), wr(2, 1)), at(2, rd(2, null), wr(1, 1))}, map[string]int64{"G2-item": 1}},
		{"registers: lost update", []history.Op{at(0, wr(1, 9)), at(1, rd(1, 9), wr(1, 1)), at(2, rd(1, 9), wr(1, 2))}, map[string]int64{"lost-update": 1, "G2-item": 1}},
		{"registers: internal", []history.Op{at(1, wr(1, 1), rd(1, 2)), at(2, wr(1, 2))}, map[string]int64{"internal": 1}},
		{"registers: stale", []history.Op{txn(1, 0, 1, wr(1, 1)), txn(2, 2, 3, rd(1, null))}, map[string]int64{"G-single-realtime": 1}},
		{"registers: phantom", []history.Op{at(1, rd(1, 3))}, map[string]int64{"phantom": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, counts(checkExtra(hist(c.ops...))))
		})
	}
}

func TestCyclesAreToldInWords(t *testing.T) {
	a := checkExtra(hist(txn(1, 0, 1, app(7, 1)), txn(2, 2, 3, get(7))))
	require.Len(t, a.Result.Findings, 1)
	require.Equal(t, "operation 0 returned before operation 1 was called; operation 1 read key 7 without what operation 0 wrote: "+
		"each must come before the next, and the last before the first", rotate(a.Result.Findings[0].Text))
	require.ElementsMatch(t, []int{0, 1}, a.Result.Findings[0].Ops)
}

// rotate begins the cycle of two with its real-time step.
func rotate(s string) string {
	var a, b, rest string
	n, _ := fmt.Sscanf(s, "operation 1 read key 7 without what operation 0 wrote%s", &rest)
	if n == 0 {
		return s
	}
	a, b = "operation 1 read key 7 without what operation 0 wrote", "operation 0 returned before operation 1 was called"
	return b + "; " + a + ": each must come before the next, and the last before the first"
}

func TestLevelsForbid(t *testing.T) {
	skew := hist(txn(1, 0, 100, get(1), app(2, 1)), txn(2, 0, 100, get(2), app(1, 1)))
	stale := hist(txn(1, 0, 1, app(1, 1)), txn(2, 2, 3, get(1)))
	for _, c := range []struct {
		name  string
		h     *history.History
		level string
		want  result.Verdict
	}{
		{"write skew under snapshot isolation", skew, "snapshot-isolation", result.Pass},
		{"write skew under serializability", skew, "serializable", result.Violation},
		{"stale read under serializability", stale, "serializable", result.Pass},
		{"stale read by default", stale, "", result.Violation},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := CheckModel(c.h, "list-append", ModelOptions{Level: c.level})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict)
		})
	}
	_, err := CheckModel(skew, "list-append", ModelOptions{Level: "acid"})
	require.ErrorIs(t, err, ErrModel)
}

// state is a database of lists or registers, for the brute-force check.
func stepTestTxn(state any, o *history.Op) (any, bool) {
	s := maps.Clone(state.(map[int64][]int64))
	ms, _ := history.DecodeMops(o.List)
	for _, m := range ms {
		switch m.F {
		case history.FAppend:
			s[m.Key] = append(slices.Clone(s[m.Key]), m.In)
		case history.FWrite:
			s[m.Key] = []int64{m.In}
		case history.FReadList:
			if o.Outcome == history.OK && !slices.Equal(m.List, s[m.Key]) {
				return nil, false
			}
		case history.FRead:
			want := null
			if len(s[m.Key]) > 0 {
				want = s[m.Key][0]
			}
			if o.Outcome == history.OK && m.In != want {
				return nil, false
			}
		}
	}
	return s, true
}

// randomTxns runs transactions in some order against a database, then spoils a read now and then.
func randomTxns(r *rand.Rand, lists bool) []history.Op {
	var ops []history.Op
	state := map[int64][]int64{}
	value := int64(0)
	for i := range int32(1 + r.Intn(5)) {
		c, e := interval(r)
		outcome := history.OK
		switch r.Intn(8) {
		case 0:
			outcome, e = history.Info, inf
		case 1:
			outcome = history.Fail
		}
		before := maps.Clone(state)
		var ms []history.Mop
		for range 1 + r.Intn(3) {
			k := int64(r.Intn(2))
			value++
			switch {
			case lists && r.Intn(2) == 0:
				ms = append(ms, app(k, value))
				state[k] = append(slices.Clone(state[k]), value)
			case lists:
				l := state[k]
				if r.Intn(6) == 0 {
					l = l[:r.Intn(len(l)+1)]
				}
				ms = append(ms, get(k, l...))
			case r.Intn(2) == 0:
				ms = append(ms, wr(k, value))
				state[k] = []int64{value}
			default:
				v := null
				if len(state[k]) > 0 {
					v = state[k][0]
				}
				if r.Intn(6) == 0 && value > 1 {
					v = int64(1 + r.Intn(int(value)-1))
				}
				ms = append(ms, rd(k, v))
			}
		}
		if outcome == history.Fail || (outcome == history.Info && r.Intn(2) == 0) || r.Intn(12) == 0 {
			state = before // it did not happen, or was lost
		}
		o := txn(i, c, e, ms...)
		o.Outcome = outcome
		ops = append(ops, o)
	}
	return ops
}

// TestListAppendAgreesWithBruteForce: whole reads carry the order of versions, so what is found is all that there is.
func TestListAppendAgreesWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	good := 0
	for range rounds(30000) {
		ops := randomTxns(r, true)
		want := linearizable(ops, map[int64][]int64{}, stepTestTxn)
		a, err := CheckModel(hist(ops...), "list-append", ModelOptions{})
		require.NoError(t, err)
		if want {
			good++
		}
		require.Equal(t, want, len(counts(a)) == 0, "%v\n%s", counts(a), opsText(ops))
	}
	require.Greater(t, good, rounds(30000)/20)
	require.Less(t, good, rounds(30000)*19/20)
}

// TestRegisterTransactionsAgreeWithBruteForce: the order of register versions is known in part only, so an order is searched for.
func TestRegisterTransactionsAgreeWithBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(8))
	bad, cycles := 0, 0
	for range rounds(30000) {
		ops := randomTxns(r, false)
		want := result.Violation
		if linearizable(ops, map[int64][]int64{}, stepTestTxn) {
			want = result.Pass
		}
		if !slices.ContainsFunc(ops, func(o history.Op) bool { return o.Outcome == history.OK }) {
			continue // nothing to judge
		}
		a, err := CheckModel(hist(ops...), "rw-register", ModelOptions{})
		require.NoError(t, err)
		require.Equal(t, want, a.Result.Verdict, "%v\n%s", counts(a), opsText(ops))
		if want == result.Violation {
			bad++
			if n := counts(a); n["no-order"]+n["no-order-realtime"] == 0 {
				cycles++
			}
		}
	}
	t.Logf("%d of %d violations are told by a class of their own, the others by trying all orders", cycles, bad)
	require.Greater(t, cycles, bad*9/10)
}

// bigRegisters is a valid history of n transactions of registers by so many clients, of which few read what they write.
func bigRegisters(n, clients, writesPerKey int) *history.History {
	r := rand.New(rand.NewSource(10))
	h := &history.History{Keys: []string{"db"}}
	keys := make([]int64, 10)
	values := make([]int64, len(keys))
	for k := range keys {
		keys[k], values[k] = int64(k), null
	}
	next, value := int64(len(keys)), int64(0)
	end := make([]int64, clients)
	for i := range n {
		p := i % clients
		now := int64(10 * i)
		call := max(end[p]+1, now-int64(r.Intn(5*clients)))
		var ms []history.Mop
		for range 1 + r.Intn(4) {
			k := r.Intn(len(keys))
			if r.Intn(2) == 0 {
				ms = append(ms, rd(keys[k], values[k]))
				continue
			}
			if r.Intn(writesPerKey) == 0 && !slices.ContainsFunc(ms, func(m history.Mop) bool { return m.Key == keys[k] }) {
				keys[k], values[k] = next, null
				next++
			}
			value++
			values[k] = value
			ms = append(ms, wr(keys[k], value))
		}
		end[p] = now + int64(1+r.Intn(5*clients))
		h.Ops.Append(txn(int32(p), call, end[p], ms...))
	}
	return h
}

// TestOrdinaryRegisterTransactionsAreDecided: an order is found for what a database that is right does, at any level, and also
// where reads of now and then an old snapshot contradict real time.
func TestOrdinaryRegisterTransactionsAreDecided(t *testing.T) {
	for _, c := range []struct{ n, clients, writes int }{{2000, 5, 50}, {2000, 30, 1000}, {20000, 10, 1000}} {
		h := bigRegisters(c.n, c.clients, c.writes)
		for _, level := range levels {
			a, err := CheckModel(h, "rw-register", ModelOptions{Level: level})
			require.NoError(t, err)
			require.Equal(t, result.Pass, a.Result.Verdict, "%v %s %v %v", c, level, a.Result.Reasons, counts(a))
		}
		for i := range h.Ops.Len() {
			ms, _ := history.DecodeMops(h.Ops.List(i))
			if i%5 == 0 && !slices.ContainsFunc(ms, func(m history.Mop) bool { return m.F == history.FWrite }) {
				h.Ops.Call[i], h.Ops.Return[i] = h.Ops.Call[i]+3000, h.Ops.Return[i]+3000 // an old snapshot
			}
		}
		for level, want := range map[string]result.Verdict{"serializable": result.Pass, "snapshot-isolation": result.Pass, "read-committed": result.Pass, "strict-serializable": result.Violation} {
			a, err := CheckModel(h, "rw-register", ModelOptions{Level: level})
			require.NoError(t, err)
			require.Equal(t, want, a.Result.Verdict, "shifted %v %s %v %v", c, level, a.Result.Reasons, counts(a))
		}
	}
}

// BenchmarkRegisterTransactions checks 100,000 transactions of registers, of which most versions are not read by who replaced them.
func BenchmarkRegisterTransactions(b *testing.B) {
	h := bigRegisters(100_000, 20, 1000)
	for b.Loop() {
		a, err := CheckModel(h, "rw-register", ModelOptions{})
		require.NoError(b, err)
		require.Equal(b, result.Pass, a.Result.Verdict, a.Result.Findings)
	}
}

func TestDamagedTransactions(t *testing.T) {
	o := txn(1, 0, 1, app(1, 1))
	o.List = []int64{int64(history.FReadList), 1, 0, 99, 1}
	require.Empty(t, counts(checkExtra(hist(o))))
}

// bigTxns is a valid history of n transactions by so many clients, over keys that are retired after 100 appends.
func bigTxns(n, clients int) *history.History {
	r := rand.New(rand.NewSource(9))
	h := &history.History{Keys: []string{"db"}}
	keys := make([]int64, 10)
	lists := make([][]int64, len(keys))
	for k := range keys {
		keys[k] = int64(k)
	}
	next := int64(len(keys))
	end := make([]int64, clients)
	for i := range n {
		p := i % clients
		now := int64(10 * i)
		call := max(end[p]+1, now-int64(r.Intn(5*clients)))
		var ms []history.Mop
		for range 1 + r.Intn(4) {
			k := r.Intn(len(keys))
			if r.Intn(2) == 0 {
				ms = append(ms, get(keys[k], lists[k]...))
				continue
			}
			if len(lists[k]) >= 100 && !slices.ContainsFunc(ms, func(m history.Mop) bool { return m.Key == keys[k] }) {
				keys[k], lists[k] = next, nil
				next++
			}
			v := int64(len(lists[k]) + 1)
			lists[k] = append(lists[k], v)
			ms = append(ms, app(keys[k], v))
		}
		end[p] = now + int64(1+r.Intn(5*clients))
		h.Ops.Append(txn(int32(p), call, end[p], ms...))
	}
	return h
}

// BenchmarkTransactions checks 1M transactions and prints the time.
func BenchmarkTransactions(b *testing.B) {
	h := bigTxns(1_000_000, 20)
	for b.Loop() {
		a, err := CheckModel(h, "list-append", ModelOptions{})
		require.NoError(b, err)
		require.Equal(b, result.Pass, a.Result.Verdict, a.Result.Findings)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/1000, "s/1M-txns")
	b.ReportMetric(0, "ns/op")
}
