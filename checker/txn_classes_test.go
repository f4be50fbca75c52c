package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// txnClass is a class of findings about transactions: when it is a bug whatever was promised, the smallest history that has it, and
// the nearest that has it not.
type txnClass struct {
	class, sentence, unit string
	bug                   string // "always", "within one reign", "never"
	has, hasNot           []history.Op
}

// txnClasses are those that transactions are judged by besides a cycle's -process and -realtime variants.
func txnClasses() []txnClass {
	// Transactions that overlap all others, so that only data orders them.
	at := func(p int32, ms ...history.Mop) history.Op { return txn(p, 0, 100, ms...) }
	type ops = []history.Op
	return []txnClass{
		{"internal", "a transaction's own operations contradict each other", "reads", "always",
			ops{at(1, app(1, 1), app(1, 2)), at(2, get(1, 2, 1))}, ops{at(1, app(1, 1), app(1, 2)), at(2, get(1, 1, 2))}},
		{"internal", "a transaction's own operations contradict each other", "reads", "always",
			ops{at(1, app(1, 1), app(1, 2)), at(2, get(1, 2))}, ops{at(1, app(1, 1)), at(3, app(1, 2)), at(2, get(1, 2))}},
		{"internal", "a transaction's own operations contradict each other", "reads", "always",
			ops{at(1, get(1, 1), app(1, 1))}, ops{at(1, app(1, 1), get(1, 1))}},
		{"internal", "a transaction's own operations contradict each other", "reads", "always",
			ops{at(1, rd(1, 1), wr(1, 1))}, ops{at(1, wr(1, 1), rd(1, 1))}},
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(1, app(1, 1), app(2, 1)), at(2, get(1, 1), get(2))}, ops{at(1, app(1, 1)), at(3, app(2, 1)), at(2, get(1, 1), get(2))}},
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(1, wr(1, 1), wr(2, 1)), at(2, wr(1, 2), wr(2, 2)), at(3, rd(1, 1), rd(2, 2))},
			ops{at(1, wr(1, 1), wr(2, 1)), at(2, wr(2, 2)), at(3, rd(1, 1), rd(2, 2))}},
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(4, wr(2, 9)), at(1, wr(1, 1), rd(2, 9), wr(2, 1)), at(2, rd(1, 1), rd(2, 9))},
			ops{at(4, wr(2, 9)), at(1, wr(1, 1), rd(2, null), wr(2, 1)), at(2, rd(1, 1), rd(2, 9))}},
		// On a list that another branch lengthened, a place in the version order says nothing.
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(1, app(1, 1), app(2, 1)), at(2, app(1, 8)), at(3, app(1, 9)), at(4, get(1, 8, 9)), at(5, get(1, 1), get(2))},
			ops{at(1, app(1, 1), app(2, 1)), at(2, app(1, 8)), at(3, app(1, 9)), at(4, get(1, 8, 9)), at(5, get(1, 1), get(2, 1))}},
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(1, app(1, 1), app(2, 1)), at(2, app(2, 7)), at(3, app(2, 5)), at(6, app(2, 6)), at(4, get(2, 5, 6)), at(5, get(1, 1), get(2, 7))},
			ops{at(1, app(1, 1), app(2, 1)), at(2, app(2, 7)), at(3, app(2, 5)), at(6, app(2, 6)), at(4, get(2, 5, 6)), at(5, get(1, 1), get(2, 1))}},
		// So is one on a replica.
		{"fractured", "a read shows a part of a transaction and lacks another", "reads", "always",
			ops{at(1, app(1, 1), app(2, 1)), fromReplica(at(2, get(1, 1), get(2)))}, ops{txn(1, 0, 1, app(1, 1), app(2, 1)), fromReplica(txn(2, 2, 3, get(1), get(2)))}},
		{"G-nonadjacent", "two reads see two transactions in opposite orders (long fork)", "knots", "never",
			ops{at(1, app(1, 1)), at(2, app(2, 1)), at(3, get(1, 1), get(2)), at(4, get(1), get(2, 1))},
			ops{at(1, app(1, 1)), at(2, app(2, 1)), at(3, get(1, 1), get(2)), at(4, get(1), get(2))}},
		{"G-nonadjacent", "two reads see two transactions in opposite orders (long fork)", "knots", "never",
			ops{at(1, wr(1, 1)), at(2, wr(2, 1)), at(3, rd(1, 1), rd(2, null)), at(4, rd(1, null), rd(2, 1))},
			ops{at(1, wr(1, 1)), at(2, wr(2, 1)), at(3, rd(1, 1), rd(2, null)), at(4, rd(1, null), rd(2, null))}},
		// Three writes, of which each read sees another one first.
		{"G-nonadjacent", "reads see transactions in opposite orders (long fork)", "knots", "never",
			ops{at(1, app(1, 1)), at(2, app(2, 1)), at(3, app(3, 1)), at(4, get(1, 1), get(2)), at(5, get(2, 1), get(3)), at(6, get(3, 1), get(1))},
			ops{at(1, app(1, 1)), at(2, app(2, 1)), at(3, app(3, 1)), at(4, get(1, 1), get(2)), at(5, get(2, 1), get(3)), at(6, get(3, 1), get(1, 1))}},
		// Two versions of each of two registers that nobody reads where they are overwritten: each order that one pair of reads needs
		// is contradicted by the other, and no single read tells.
		{"no-order", "no order of these transactions explains what they read", "groups of transactions", "never",
			ops{at(1, wr(1, 1), wr(2, 1)), at(2, wr(1, 2), wr(3, 1)), at(3, rd(1, 1), rd(3, 1)), at(4, rd(1, 2), rd(2, 1))},
			ops{at(1, wr(1, 1), wr(2, 1)), at(2, wr(1, 2), wr(3, 1)), at(3, rd(1, 1), rd(3, null)), at(4, rd(1, 2), rd(2, 1))}},
	}
}

// TestTxnClasses: each class is found in its history, and it and all that is always a bug is not in the nearest.
func TestTxnClasses(t *testing.T) {
	for _, c := range txnClasses() {
		t.Run(c.class, func(t *testing.T) {
			a := checkExtra(hist(c.has...))
			require.Positive(t, counts(a)[c.class], "%v", counts(a))
			for _, an := range a.Result.Findings {
				if an.Class == c.class {
					require.Equal(t, c.bug == "always", an.Bugs > 0)
				}
			}
			a = checkExtra(hist(c.hasNot...))
			require.Zero(t, counts(a)[c.class])
			for _, an := range a.Result.Findings {
				require.False(t, an.Bugs > 0, an.Text)
			}
		})
	}
}

// TestTornTransactionsCountOnce: a cycle that a class of its own tells already is not counted again.
func TestTornTransactionsCountOnce(t *testing.T) {
	a := checkExtra(hist(txn(1, 0, 100, app(1, 1), app(2, 1)), txn(2, 0, 100, get(1, 1), get(2))))
	require.Equal(t, map[string]int64{"fractured": 1, "G-single": 1}, counts(a))
	require.Equal(t, 1.0, measured(t, a, "txn_anomalies"))
}

// TestWhatIsWrittenTwiceIsUnknown: a value that two transactions wrote says nothing, neither good nor bad.
func TestWhatIsWrittenTwiceIsUnknown(t *testing.T) {
	for _, c := range []struct {
		model string
		ops   []history.Op
	}{
		{"list-append", []history.Op{txn(1, 0, 1, app(1, 5)), txn(2, 2, 3, app(1, 5)), txn(3, 4, 5, get(1, 5, 5))}},
		{"rw-register", []history.Op{txn(1, 0, 1, wr(1, 5)), txn(2, 2, 3, wr(1, 6)), txn(3, 4, 5, wr(1, 5)), txn(4, 6, 7, rd(1, 5))}},
	} {
		a, err := CheckModel(hist(c.ops...), c.model, ModelOptions{})
		require.NoError(t, err)
		require.Empty(t, counts(a))
		require.Equal(t, result.Unknown, a.Result.Verdict)
		a = checkExtra(hist(c.ops...))
		for _, m := range a.Result.Measures {
			if m.Name == "txn_anomalies" {
				require.False(t, m.Value.Point())
				require.Contains(t, m.Value.Why, "more than once")
			}
		}
	}
}

// TestLostBranchesAreNotTorn: after a failover both branches lend their versions to the order; no transaction of either is torn.
func TestLostBranchesAreNotTorn(t *testing.T) {
	a := checkExtra(hist(
		txn(1, 0, 10, app(1, 1), app(2, 1)), txn(2, 11, 12, get(1, 1), get(2, 1)), // lost
		txn(3, 20, 30, app(1, 2)), txn(4, 31, 32, get(1, 2), get(2)),
		txn(5, 33, 40, app(1, 3), app(2, 3)), txn(6, 41, 42, get(1, 2, 3), get(2, 3)),
	))
	require.Zero(t, counts(a)["fractured"])
	require.Zero(t, counts(a)["internal"])
	require.Positive(t, counts(a)["incompatible-order"])
}

func TestDamagedTransactionsAreUnknown(t *testing.T) {
	o := txn(1, 0, 1, app(1, 1))
	o.List = o.List[:3]
	a, err := CheckModel(hist(o, txn(2, 2, 3, app(1, 2))), "list-append", ModelOptions{})
	require.NoError(t, err)
	require.Equal(t, result.Unknown, a.Result.Verdict)
	require.Len(t, a.Result.Reasons, 1)
	require.Contains(t, a.Result.Reasons[0], "operation 0 is damaged")
}

// TestCyclesOfWritesAreABugWithinOneReign: after another node was written to, both branches may lend their versions to a cycle.
func TestCyclesOfWritesAreABugWithinOneReign(t *testing.T) {
	for _, c := range []struct {
		class string
		ops   []history.Op
	}{
		{"G0", []history.Op{txn(1, 0, 100, app(1, 1), app(2, 1)), txn(2, 0, 100, app(1, 2), app(2, 2)), txn(3, 0, 100, get(1, 1, 2)), txn(4, 0, 100, get(2, 2, 1))}},
		{"G1c", []history.Op{txn(1, 0, 100, app(1, 1), get(2, 1)), txn(2, 0, 100, app(2, 1), get(1, 1))}},
	} {
		for node, want := range []bool{true, false} {
			for i := range c.ops {
				c.ops[i].Node = 0
			}
			c.ops[0].Node = int32(node)
			a := checkExtra(hist(c.ops...))
			require.Equal(t, map[string]int64{c.class: 1}, counts(a))
			require.Equal(t, want, a.Result.Findings[0].Bugs > 0)
		}
	}
}

// TestATornTransactionBreaksARun: it needs no promise.
func TestATornTransactionBreaksARun(t *testing.T) {
	h := hist(txn(1, 0, 10, app(1, 1), app(2, 1)), txn(2, 20, 30, get(1, 1), get(2)))
	a, err := Check(h, Options{})
	require.NoError(t, err)
	require.Equal(t, result.Violation, a.Result.Verdict)
	require.Equal(t, "fractured", a.Result.Promises[0].Promise.Measure)
	require.Equal(t, result.Broken, a.Result.Promises[0].Status)
}

// TestLevelsOfForks: snapshot isolation forbids the long fork and what else it forbids, and allows write skew.
func TestLevelsOfForks(t *testing.T) {
	fork := []history.Op{txn(1, 0, 100, app(1, 1)), txn(2, 0, 100, app(2, 1)), txn(3, 0, 100, get(1, 1), get(2)), txn(4, 0, 100, get(1), get(2, 1))}
	skew := []history.Op{txn(1, 0, 100, rd(1, null), wr(2, 1)), txn(2, 0, 100, rd(2, null), wr(1, 1))}
	both := []history.Op{txn(1, 0, 100, rd(1, null), wr(2, 1), wr(3, 1)), txn(2, 0, 100, rd(2, null), wr(1, 1), wr(3, 2))}
	unread := []history.Op{txn(1, 0, 100, get(1), app(2, 1), app(3, 1)), txn(2, 0, 100, get(2), app(1, 1), app(3, 2))}
	torn := []history.Op{txn(1, 0, 100, app(1, 1), app(2, 1)), txn(2, 0, 100, get(1, 1), get(2))}
	for _, c := range []struct {
		name, model, level string
		ops                []history.Op
		want               result.Verdict
	}{
		{"long fork", "list-append", "snapshot-isolation", fork, result.Violation},
		{"long fork", "list-append", "serializable", fork, result.Violation},
		{"long fork", "list-append", "read-committed", fork, result.Pass},
		{"write skew", "rw-register", "snapshot-isolation", skew, result.Pass},
		{"write skew", "rw-register", "serializable", skew, result.Violation},
		{"write skew of two that write one key too", "rw-register", "snapshot-isolation", both, result.Violation},
		{"the same with appends that nobody read", "list-append", "snapshot-isolation", unread, result.Violation},
		{"torn", "list-append", "read-committed", torn, result.Pass},
		{"torn", "list-append", "snapshot-isolation", torn, result.Violation},
	} {
		t.Run(c.name+" under "+c.level, func(t *testing.T) {
			a, err := CheckModel(hist(c.ops...), c.model, ModelOptions{Level: c.level})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict, "%v", counts(a))
		})
	}
}
