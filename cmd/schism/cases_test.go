package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
)

// cases are small histories that were judged wrong once, each for a kind: the file in testdata/cases, the model with its flags (none:
// a whole run), the exit code of check, and why.
var cases = []struct {
	file, model string
	exit        int
	why         string
}{
	{"run-register-clean.jsonl", "", 0, "a clean run made by hand: the control of the run-* files"},
	{"run-register-phantom.jsonl", "", 1, "a master read returns a value that nobody wrote"},
	{"run-register-phantom-promised-linearizable.jsonl", "", 1, "the same, with promises master_conflicts=0 and lost=0 in the run record"},
	{"run-bank-fractured.jsonl", "", 1, "a bank total that no order of whole transfers explains"},
	{"run-cas-aborted-read.jsonl", "", 1, "a refused compare-and-set is read"},
	{"run-queue-future.jsonl", "", 1, "an element is taken before it was put"},
	{"run-register-future-read.jsonl", "", 1, "a read returns before the write it read was called"},
	{"run-txn-fractured-one-master.jsonl", "", 1, "one master, no fault: a read sees x but not y of one transaction"},
	{"run-waitaof-early.jsonl", "", 1, "WAITAOF counted the server itself, whose fsync thread had not run since before the write"},
	{"run-waitaof-fsynced.jsonl", "", 0, "the same, and it had run"},
	{"run-wait-counts-the-third-of-a-chain.jsonl", "", 1, "n1 <- n2 <- n3: WAIT counted two replicas, and the master has one"},
	{"run-wait-in-a-chain.jsonl", "", 0, "the same, and it counted one"},
	{"run-wait-cut-short.jsonl", "", 1, "WAIT 2 50 answered 1 after 1 ms"},
	{"run-wait-timed-out.jsonl", "", 0, "the same, after 59 ms"},
	{"01-append-own-elements-swapped.edn", "list-append", 1, "a transaction's own appends in another order than it made them"},
	{"01-append-reads-own-later-append.edn", "list-append", 1, "a transaction reads what it appends only afterwards"},
	{"02-long-fork-level-SI.edn", "list-append -level snapshot-isolation", 1, "long fork"},
	{"03-rw-stale-after-blind-writes.edn", "rw-register", 1, "w1, w2, r1 one after the other"},
	{"03-rw-torn-blind-writes.edn", "rw-register", 1, "half of one transaction, half of another"},
	{"edn-index-shuffled-good.edn", "register", 0, ":index is the order, not the line"},
	{"edn-kw-vs-string.edn", "register", 1, ":a is not \"a\""},
	{"edn-mismatch-f.edn", "register", 64, "the completion is of another function than its invocation"},
	{"edn-mismatch-value.edn", "register", 64, "the completion of a write has another value"},
	{"edn-queue-lost-fail.edn", "queue", 1, "an empty dequeue is :fail in Jepsen; the element is lost"},
	{"edn-set-indep.edn", "set", 0, "independent keys, tagged"},
	{"edn-set-independent-int-keys.edn", "set", 0, "independent keys as plain vectors, integer keys"},
	{"edn-set-pairs-str.edn", "set", 0, "elements that are pairs, not keyed values"},
	{"edn-set-value-good.edn", "register", 0, "a set as a register's value"},
	{"edn-smallN-good.edn", "register", 0, "2N is 2"},
	{"edn-tagged-history.edn", "register", 1, "a tagged vector around the history (stale read inside)"},
	{"exp-older-value.jsonl", "expiry", 1, "an older value after an acknowledged newer one"},
	{"incrby-reply-off.jsonl", "counter", 1, "INCRBY 5 answered 99"},
	{"misnamed.jsonl", "register", 64, "fields with wrong names: not a register history"},
	{"noout.jsonl", "register", 64, "an ok read without a value"},
	{"q-future.edn", "queue", 1, "taken before it was put"},
	{"register-repeat-pred-want-violation-got-unknown.jsonl", "register", 1, "repeated value, predecessor replies contradict"},
	{"register-repeat-want-pass-got-unknown.jsonl", "register", 0, "repeated value, no read: trivially right"},
	{"cas-want-pass-got-unknown.jsonl", "cas-register", 0, "repeated value, no read"},
	{"set-add-replied-0.jsonl", "set", 1, "SADD answered 0 for an element nobody had added"},
	{"set-reply-want-violation-got-pass.jsonl", "set", 1, "replies of SADD contradict"},
	{"tq-lost-only.edn", "queue", 1, "an element that was never taken, queue drained"},
	{"txn-list-bad2.jsonl", "list-append", 64, "a damaged transaction"},
	{"bank-below-zero.edn", "bank", 1, "a balance below 0 (allowed only where asked for)"},
	{"bank-below-zero.edn", "bank -allow-negative", 0, "the same, asked for"},
	{"cluster-moved-clean.jsonl", "", 0, "a Cluster of two shards, half of the slots go from one to the other and all keys with them"},
	{"cluster-foreign-key.jsonl", "", 1, "the same, but a key stays behind on a node that does not own its slot any more"},
	{"cluster-lost-in-migration.jsonl", "", 1, "the same, but a key is on no node afterwards"},
	{"cluster-moved-promised.jsonl", "", 0, "the first again, with the promise slot_two_masters=0 in the run record"},
	{"cluster-two-masters-promised.jsonl", "", 1, "two masters serve the same slots for seconds, under that promise"},
}

func TestCases(t *testing.T) {
	var files []string
	for _, c := range cases {
		files = append(files, c.file)
		t.Run(strings.TrimSpace(c.file+" "+c.model), func(t *testing.T) {
			path := filepath.Join("testdata", "cases", c.file)
			code, text := checked(t, path, c.model)
			if code != schism.ExitUsage {
				// What is exported is judged as what it was exported from.
				for _, to := range []string{"jsonl", "edn"} {
					copied := filepath.Join(t.TempDir(), "copy."+to)
					export(t, path, to, copied, c.model)
					again, text := checked(t, copied, c.model)
					require.Equal(t, code, again, "exported as %s: %s\n%s", to, c.why, text)
				}
			}
			require.Equal(t, c.exit, code, "%s\n%s", c.why, text)
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "cases"))
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, files, e.Name(), "a case that no row speaks of")
	}
}

// export writes a history in another format, read as the model (with its flags) that it is judged by.
func export(t *testing.T, path, to, file, model string) {
	t.Helper()
	args := []string{"export", path, "-to", to, "-o", file}
	if name, _, _ := strings.Cut(model, " "); name != "" {
		args = append(args, "-model", name)
	}
	var out, errw bytes.Buffer
	require.Zero(t, dispatch(t.Context(), append([]string{"schism"}, args...), &out, &errw, nil), errw.String())
}

// checked runs schism check and returns its exit code and all that it printed.
func checked(t *testing.T, path, model string) (int, string) {
	t.Helper()
	var out, errw bytes.Buffer
	args := []string{"check", path}
	if model != "" {
		args = append(args, "-model")
		args = append(args, strings.Fields(model)...)
	}
	code := dispatch(t.Context(), append([]string{"schism"}, args...), &out, &errw, nil)
	return code, out.String() + errw.String()
}
