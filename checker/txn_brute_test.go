package checker

import (
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// bruteTxn is a transaction as the brute force sees it.
type bruteTxn struct {
	ms        []history.Mop
	op        history.Op
	must, may bool // it happened, or may have
}

// apply runs a transaction against a database, nil where a read of it differs. keys that it writes are noted.
func (b *bruteTxn) apply(s map[int64][]int64, wrote map[int64]bool) map[int64][]int64 {
	s = maps.Clone(s)
	for _, m := range b.ms {
		v := s[m.Key]
		switch m.F {
		case history.FAppend:
			s[m.Key] = append(slices.Clip(v), m.In)
			wrote[m.Key] = true
		case history.FWrite:
			s[m.Key] = []int64{m.In}
			wrote[m.Key] = true
		case history.FReadList:
			if b.must && !slices.Equal(m.List, v) {
				return nil
			}
		case history.FRead:
			if b.must && (len(v) == 0) != (m.In == null) || b.must && len(v) > 0 && v[0] != m.In {
				return nil
			}
		}
	}
	return s
}

func bruteTxns(ops []history.Op) []bruteTxn {
	bs := make([]bruteTxn, len(ops))
	for i, o := range ops {
		ms, _ := history.DecodeMops(o.List)
		bs[i] = bruteTxn{ms: ms, op: o, must: o.Outcome == history.OK, may: o.Outcome != history.Fail}
	}
	return bs
}

// bruteBefore tells whether a level wants one transaction before another.
func bruteBefore(a, b *bruteTxn, level string) bool {
	if !a.must || (a.op.Flags|b.op.Flags)&history.FlagReplicaRead != 0 {
		return false // a replica may be behind
	}
	process := a.op.Process == b.op.Process && a.op.Call < b.op.Call
	switch level {
	case "strict-serializable":
		return process || a.op.Return < b.op.Call
	case "strong-session-serializable":
		return process
	}
	return false
}

// bruteSerial tries every serial order that the level allows.
func bruteSerial(bs []bruteTxn, level string) bool {
	var try func(done int, s map[int64][]int64) bool
	try = func(done int, s map[int64][]int64) bool {
		all := true
		for i := range bs {
			if done&(1<<i) != 0 || !bs[i].may {
				continue
			}
			all = all && !bs[i].must
			held := false
			for j := range bs {
				// An unknown one that is left out for now may never have happened, but it cannot come later than its followers.
				held = held || (done&(1<<j) == 0 && j != i && bruteBefore(&bs[j], &bs[i], level)) || (done&(1<<j) != 0 && bruteBefore(&bs[i], &bs[j], level))
			}
			if held {
				continue
			}
			if next := bs[i].apply(s, map[int64]bool{}); next != nil && try(done|1<<i, next) {
				return true
			}
		}
		return all
	}
	return try(0, map[int64][]int64{})
}

// bruteSnapshot tries every order of starts and commits: each transaction reads what was committed at its start, and its commit
// fails if another one wrote one of its keys since.
func bruteSnapshot(bs []bruteTxn) bool {
	type running struct {
		wrote  map[int64]bool
		result map[int64][]int64
	}
	var try func(started, done int, run [4]running, s map[int64][]int64) bool
	try = func(started, done int, run [4]running, s map[int64][]int64) bool {
		all := true
		for i := range bs {
			if done&(1<<i) != 0 || !bs[i].may {
				continue
			}
			all = all && !bs[i].must
			next := run
			if started&(1<<i) == 0 {
				r := running{wrote: map[int64]bool{}}
				if r.result = bs[i].apply(s, r.wrote); r.result == nil {
					continue
				}
				next[i] = r
				if try(started|1<<i, done, next, s) {
					return true
				}
				continue
			}
			if run[i].result == nil { // a key of it was written meanwhile
				continue
			}
			now := maps.Clone(s)
			for k := range run[i].wrote {
				now[k] = run[i].result[k]
				for j := range bs {
					if j != i && started&(1<<j) != 0 && done&(1<<j) == 0 && next[j].wrote[k] {
						next[j].result = nil
					}
				}
			}
			if try(started, done|1<<i, next, now) {
				return true
			}
		}
		return all
	}
	return try(0, 0, [4]running{}, map[int64][]int64{})
}

// bruteShapes are all transactions of up to two micro-operations on two keys, without values: lists, registers, or one of each.
func bruteShapes(model string) [][]history.Mop {
	var one []history.Mop
	for k := range int64(2) {
		write, read := history.FWrite, history.FRead
		if model == "list-append" || model == "mixed" && k == 1 {
			write, read = history.FAppend, history.FReadList
		}
		one = append(one, history.Mop{F: write, Key: k}, history.Mop{F: read, Key: k})
	}
	var shapes [][]history.Mop
	for _, a := range one {
		shapes = append(shapes, []history.Mop{a})
		for _, b := range one {
			shapes = append(shapes, []history.Mop{a, b})
		}
	}
	return shapes
}

// lists of some elements of a set in any order.
func bruteLists(of []int64) [][]int64 {
	out := [][]int64{{}}
	for i, v := range of {
		for _, l := range bruteLists(append(slices.Clone(of[:i]), of[i+1:]...)) {
			out = append(out, append([]int64{v}, l...))
		}
	}
	return out
}

// bruteHistories calls f with histories of n transactions of these shapes and all values that their reads can have; where these are
// more than limit, with so many of them. Of the shapes one in skip is taken.
func bruteHistories(r *rand.Rand, model string, n, limit, skip int, f func(ts [][]history.Mop)) {
	shapes := bruteShapes(model)
	pick := make([]int, n)
	var each func(i int)
	each = func(i int) {
		if i < n {
			from := 0
			if i > 0 {
				from = pick[i-1] // the order of transactions means nothing
			}
			for s := from; s < len(shapes); s++ {
				pick[i] = s
				each(i + 1)
			}
			return
		}
		if r.Intn(skip) > 0 {
			return
		}
		ts := make([][]history.Mop, n)
		value := int64(0)
		var written [2][]int64
		for t, s := range pick {
			ts[t] = slices.Clone(shapes[s])
			for m := range ts[t] {
				if o := &ts[t][m]; o.F == history.FAppend || o.F == history.FWrite {
					value++
					o.In = value
					written[o.Key] = append(written[o.Key], value)
				}
			}
		}
		bruteValues(r, ts, written, limit, f)
	}
	each(0)
}

func bruteValues(r *rand.Rand, ts [][]history.Mop, written [2][]int64, limit int, f func(ts [][]history.Mop)) {
	var reads []*history.Mop
	var choices [][]history.Mop
	total := 1
	for t := range ts {
		for m := range ts[t] {
			o := &ts[t][m]
			var c []history.Mop
			switch o.F {
			case history.FReadList:
				for _, l := range bruteLists(written[o.Key]) {
					c = append(c, get(o.Key, l...))
				}
			case history.FRead:
				for _, v := range append([]int64{null}, written[o.Key]...) {
					c = append(c, rd(o.Key, v))
				}
			default:
				continue
			}
			reads, choices = append(reads, o), append(choices, c)
			total *= len(c)
		}
	}
	for n := range min(total, limit) {
		if total > limit {
			n = r.Intn(total)
		}
		for i, c := range choices {
			*reads[i] = c[n%len(c)]
			n /= len(c)
		}
		f(ts)
	}
}

// TestTransactionsAgainstBruteForce holds the checker against every order there is, on all histories of up to three transactions and
// many of four: what is called a violation has no order, what passes has one, and what is undecided is counted.
func TestTransactionsAgainstBruteForce(t *testing.T) {
	for _, model := range []string{"list-append", "rw-register", "mixed"} {
		t.Run(model, func(t *testing.T) {
			r := rand.New(rand.NewSource(11))
			bad, unknown := map[string]int{}, map[string]int{}
			n := 0
			check := func(level string, ops []history.Op) {
				n++
				bs := bruteTxns(ops)
				want := result.Violation
				if level == "snapshot-isolation" && bruteSnapshot(bs) || level != "snapshot-isolation" && bruteSerial(bs, level) {
					want = result.Pass
				}
				a, err := CheckModel(hist(ops...), strings.Replace(model, "mixed", "rw-register", 1), ModelOptions{Level: level})
				require.NoError(t, err)
				if want == result.Violation {
					bad[level]++
				}
				if a.Result.Verdict == result.Unknown {
					unknown[level]++
					return
				}
				require.Equal(t, want, a.Result.Verdict, "%s: %v\n%s", level, counts(a), bruteText(ops))
			}
			histories := func(ts [][]history.Mop) {
				var together []history.Op
				for i, ms := range ts {
					together = append(together, txn(int32(i), 0, 100, ms...))
				}
				check("serializable", together)
				check("snapshot-isolation", together)
				spread := bruteSpread(r, ts)
				if !slices.ContainsFunc(spread, func(o history.Op) bool { return o.Outcome == history.OK }) {
					return
				}
				for _, level := range []string{"strict-serializable", "strong-session-serializable", "serializable", "snapshot-isolation"} {
					check(level, spread)
				}
			}
			skip := 5
			if rounds(1) > 1 {
				skip = 1
			}
			for _, c := range []struct{ n, limit, skip int }{{1, 1000, 1}, {2, 1000, 1}, {3, rounds(2), 1}, {4, rounds(1), skip}} {
				bruteHistories(r, model, c.n, c.limit, c.skip, histories)
			}
			// And those that a database ran which then and now was wrong, of longer transactions.
			for range rounds(2000) {
				ops := randomTxns(r, model == "list-append")
				ops = ops[:min(len(ops), 4)]
				if slices.ContainsFunc(ops, func(o history.Op) bool { return o.Outcome == history.OK }) {
					for _, level := range []string{"strict-serializable", "serializable", "snapshot-isolation"} {
						check(level, ops)
					}
				}
			}
			t.Logf("%d judgements; without an order by level: %v; undecided: %v", n, bad, unknown)
			require.Empty(t, unknown, "a small history has few orders: all are tried")
		})
	}
}

// bruteSpread gives transactions short times with many ties, outcomes, and here and there a process of two.
func bruteSpread(r *rand.Rand, ts [][]history.Mop) []history.Op {
	var ops []history.Op
	for i, ms := range ts {
		c, e := interval(r)
		outcome := history.OK
		switch r.Intn(10) {
		case 0:
			outcome, e = history.Info, inf
		case 1:
			outcome = history.Fail
		}
		process := int32(i)
		if i > 0 && r.Intn(3) == 0 && ops[i-1].Return < inf && ops[i-1].Process == int32(i-1) {
			process = int32(i - 1)
			c = ops[i-1].Return + int64(r.Intn(2))
			if e < inf {
				e = c + 1 + int64(r.Intn(3))
			}
			if c == ops[i-1].Call {
				c, e = c+1, max(e, c+2)
			}
		}
		o := txn(process, c, e, slices.Clone(ms)...)
		o.Outcome = outcome
		if r.Intn(4) == 0 && !slices.ContainsFunc(ms, func(m history.Mop) bool { return m.F == history.FAppend || m.F == history.FWrite }) {
			o = fromReplica(o)
		}
		ops = append(ops, o)
	}
	return ops
}

// bruteText shows a history in a failure.
func bruteText(ops []history.Op) string {
	s := opsText(ops)
	for i, o := range ops {
		ms, _ := history.DecodeMops(o.List)
		for _, m := range ms {
			s += map[history.F]string{history.FAppend: " append", history.FReadList: " read", history.FWrite: " write", history.FRead: " read"}[m.F]
			s += " " + string(rune('x'+m.Key)) + " " + valueText(m.In)
			if m.F == history.FReadList {
				s += " " + short(m.List)
			}
			s += ","
		}
		s += " (" + valueText(int64(i)) + ")\n"
	}
	return s
}
