package exchange_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/history/exchange"
)

// refused is what a text becomes that is no history.
const refused result.Verdict = "refused"

// judge opens a text as check does, and judges it.
func judge(t *testing.T, text, model string) (result.Verdict, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "h")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	h, guessed, err := exchange.Open(path, "", exchange.ImportOptions{Model: model})
	if err != nil {
		require.ErrorIs(t, err, history.ErrNotHistory)
		return refused, err.Error()
	}
	if guessed == "" {
		guessed, err = checker.GuessModel(h)
		require.NoError(t, err)
	}
	a, err := checker.CheckModel(h, guessed, checker.ModelOptions{})
	require.NoError(t, err)
	return a.Result.Verdict, fmt.Sprint(guessed, ": ", a.Result.Forbidden, a.Result.Reasons)
}

// did writes an operation of process p that was invoked with in and completed as typ with out.
func did(p, f, in, typ, out string) string {
	return "{:process " + p + " :type :invoke :f :" + f + " :value " + in + "}\n{:process " + p + " :type :" + typ + " :f :" + f + " :value " + out + "}\n"
}

func ok(p, f, in, out string) string { return did(p, f, in, "ok", out) }

const (
	pass      = result.Pass
	violation = result.Violation
)

// TestKinds has the kinds behind the files of cmd/schism/testdata/cases, each with its siblings: other functions, places and types.
func TestKinds(t *testing.T) {
	write1, read1 := ok("0", "write", "1", "1"), ok("1", "read", "nil", "1")
	for _, tt := range []struct {
		name, model string
		text        string
		want        result.Verdict
	}{
		// :index is the order
		{"index in a vector", "register", `[{:process 1 :type :invoke :f :read :index 2} {:process 1 :type :ok :f :read :value 1 :index 3} {:process 0 :type :invoke :f :write :value 1 :index 0} {:process 0 :type :ok :f :write :value 1 :index 1}]`, pass},
		{"index with gaps", "register", `{:process 1 :type :invoke :f :read :index 70} {:process 1 :type :ok :f :read :value 1 :index 90} {:process 0 :type :invoke :f :write :value 1 :index 5} {:process 0 :type :ok :f :write :value 1 :index 8}`, pass},
		{"index shows what lines hide", "register", `{:process 0 :type :invoke :f :write :value 1 :index 4} {:process 0 :type :ok :f :write :value 1 :index 5} {:process 1 :type :invoke :f :read :index 0} {:process 1 :type :ok :f :read :value 1 :index 1}`, violation},
		{"index of some", "register", write1 + `{:process 1 :type :invoke :f :read :index 2} {:process 1 :type :ok :f :read :value 1 :index 3}`, refused},
		{"index twice", "register", `{:process 0 :type :invoke :f :write :value 1 :index 4} {:process 0 :type :ok :f :write :value 1 :index 4}`, refused},
		{"index is no number", "register", `{:process 0 :type :invoke :f :write :value 1 :index "4"} {:process 0 :type :ok :f :write :value 1 :index 5}`, refused},
		{"index splits a pair", "register", `{:process 0 :type :invoke :f :write :value 1 :index 5} {:process 0 :type :ok :f :write :value 1 :index 4}`, refused},

		// a value is its type too
		{"number and string", "register", ok("0", "write", `"1"`, `"1"`) + read1, violation},
		{"true and 1", "register", ok("0", "write", "true", "true") + read1, violation},
		{"false and 0", "register", ok("0", "write", "false", "false") + ok("1", "read", "nil", "0"), violation},
		{"symbol and string", "register", ok("0", "write", "a", "a") + ok("1", "read", "nil", `"a"`), violation},
		{"float and number", "register", ok("0", "write", "1.0", "1.0") + read1, violation},
		{"float in two spellings", "register", ok("0", "write", "1.50", "1.5") + ok("1", "read", "nil", "15e-1"), pass},
		{"nil in quotes", "register", ok("0", "write", `"nil"`, `"nil"`) + ok("1", "read", "nil", "nil"), violation},
		{"a vector and what is printed alike", "register", ok("0", "write", "[1 [2 3]]", "[1 [2 3]]") + ok("1", "read", "nil", `"[1 [2 3]]"`), violation},
		{"elements of two types", "set", ok("0", "add", ":a", ":a") + ok("1", "read", "nil", `#{"a"}`), violation},
		{"elements of one type", "set", ok("0", "add", ":a", ":a") + ok("0", "add", `"a"`, `"a"`) + ok("1", "read", "nil", `#{"a" :a}`), pass},
		{"a list's elements", "list", ok("0", "append", ":a", ":a") + ok("1", "read", "nil", `["a"]`), violation},
		{"a queue's elements", "queue", ok("0", "enqueue", ":a", ":a") + ok("1", "dequeue", "nil", `"a"`), violation},
		{"a transaction's values", "list-append", ok("0", "txn", `[[:append :x "1"]]`, `[[:append :x "1"]]`) + ok("1", "txn", "[[:r :x nil]]", "[[:r :x [1]]]"), violation},
		{"a transaction's keys", "list-append", ok("0", "txn", `[[:append "x" 1]]`, `[[:append "x" 1]]`) + ok("1", "txn", "[[:r :x nil]]", "[[:r :x nil]]"), pass},
		{"independent keys of two types", "register", ok("0", "write", "[1 5]", "[1 5]") + ok("1", "read", `["1" nil]`, `["1" nil]`), pass},
		{"a counter of text", "counter", ok("0", "add", `"1"`, `"1"`) + ok("1", "read", "nil", "1"), refused},
		{"cas of another type", "cas-register", ok("0", "write", ":a", ":a") + ok("0", "cas", `["a" :b]`, `["a" :b]`), violation},

		// one value in many spellings
		{"a set in another order", "register", ok("0", "write", "#{[1 2] [3 4] :x}", "#{:x [3 4] [1 2]}") + ok("1", "read", "nil", "#{[3 4] :x [1 2]}"), pass},
		{"a map in another order", "register", ok("0", "write", "{:a 1 :b #{2 3}}", "{:b #{3 2} :a 1}") + ok("1", "read", "nil", "{:b #{3 2} :a 1}"), pass},
		{"another set", "register", ok("0", "write", "#{1 2}", "#{1 2}") + ok("1", "read", "nil", "#{1 3}"), violation},
		{"a list is a vector", "register", ok("0", "write", "[1 2 3]", "[1 2 3]") + ok("1", "read", "nil", "(1 2 3)"), pass},
		{"2N written", "register", ok("0", "write", "1N", "1") + read1, pass},
		{"a really big number", "register", ok("0", "write", "99999999999999999999N", "99999999999999999999N") + ok("1", "read", "nil", "99999999999999999999"), pass},
		{"another really big number", "register", ok("0", "write", "99999999999999999999N", "99999999999999999999N") + ok("1", "read", "nil", "99999999999999999998N"), violation},
		{"2N in a set, a counter, a bank", "set", ok("0", "add", "2", "2") + ok("1", "read", "nil", "#{2N}"), pass},
		{"a counter's 2N", "counter", ok("0", "add", "2N", "2") + ok("1", "read", "nil", "2N"), pass},
		{"a bank's 2N", "bank", ok("0", "read", "nil", "{0 2N, 1 8}") + ok("1", "read", "nil", "{1 8N, 0 2}"), pass},
		{"the least number is no absence", "register", ok("0", "write", "-9223372036854775808", "-9223372036854775808") + ok("1", "read", "nil", "nil"), violation},

		// what completes is what was invoked
		{"an add's value", "set", ok("0", "add", "1", "2") + ok("1", "read", "nil", "#{2}"), refused},
		{"a cas's value", "cas-register", ok("0", "cas", "[nil 1]", "[nil 2]"), refused},
		{"an enqueue's value", "queue", ok("0", "enqueue", "1", "2"), refused},
		{"a transfer's amount", "bank", ok("0", "transfer", "{:from 0 :to 1 :amount 5}", "{:from 0 :to 1 :amount 6}"), refused},
		{"an increment's", "counter", ok("0", "add", "1", "2"), refused},
		{"a failed write's", "register", did("0", "write", "1", "fail", "2") + read1, refused},
		{"a failed write's reason", "register", did("0", "write", "1", "fail", ":timed-out") + ok("1", "read", "nil", "nil"), pass},
		{"a refused transfer's reason", "bank", did("0", "transfer", "{:from 0 :to 1 :amount 5}", "fail", "[:negative 0 -1]") + ok("1", "read", "nil", "{0 1 1 2}"), pass},
		{"an unknown write's function", "register", write1 + "{:process 2 :type :invoke :f :write :value 3} {:process 2 :type :info :f :read :value 3}", refused},
		{"a read's key", "register", ok("1", "read", "[0 nil]", "[1 nil]"), refused},
		{"a write's key, marked", "register", ok("0", "write", "#jepsen.independent/tuple [0 1]", "#jepsen.independent/tuple [1 1]"), refused},
		{"a transaction's length", "list-append", ok("0", "txn", "[[:append 1 1] [:append 1 2]]", "[[:append 1 1]]"), refused},
		{"a transaction's append", "list-append", ok("0", "txn", "[[:append 1 1]]", "[[:append 1 2]]"), refused},
		{"a transaction's key", "list-append", ok("0", "txn", "[[:r 1 nil]]", "[[:r 2 [1]]]"), refused},
		{"a transaction's function", "rw-register", ok("0", "txn", "[[:r 1 nil]]", "[[:w 1 1]]"), refused},
		{"a read that was filled in afterwards", "register", write1 + ok("1", "read", "1", "1"), pass},
		{"a read that was asked for another value", "register", write1 + ok("1", "read", "2", "1"), refused},

		// fields that are not there
		{"a read without a value", "register", write1 + "{:process 1 :type :invoke :f :read} {:process 1 :type :ok :f :read}", refused},
		{"a read with another field", "register", write1 + "{:process 1 :type :invoke :f :read} {:process 1 :type :ok :f :read :val 1}", refused},
		{"a write without a value", "register", "{:process 1 :type :invoke :f :write :val 1} {:process 1 :type :ok :f :write :val 1}", refused},
		{"a dequeue without a value", "queue", "{:process 1 :type :invoke :f :dequeue} {:process 1 :type :ok :f :dequeue}", refused},
		{"a set's read without a value", "set", "{:process 1 :type :invoke :f :read} {:process 1 :type :ok :f :read}", refused},
		{"a counter's", "counter", ok("0", "add", "1", "1") + "{:process 1 :type :invoke :f :read} {:process 1 :type :ok :f :read}", refused},
		{"an append of nothing", "list", ok("0", "append", "nil", "nil"), refused},
		{"an add of nothing", "set", ok("0", "add", "nil", "nil"), refused},
		{"a transaction without one", "list-append", "{:process 1 :type :invoke :f :txn :value [[:r 1 nil]]} {:process 1 :type :ok :f :txn}", refused},
		{"a transfer from nowhere", "bank", ok("0", "transfer", "{:fron 0 :to 1 :amount 5}", "{:fron 0 :to 1 :amount 5}"), refused},
		{"no process", "register", "{:thread 1 :type :invoke :f :write :value 1} {:thread 1 :type :ok :f :write :value 1}", refused},
		{"no function", "register", "{:process 1 :type :invoke :g :write :value 1} {:process 1 :type :ok :g :write :value 1}", refused},
		{"a field twice", "register", "{:process 1 :type :invoke :f :write :value 1 :value 2} {:process 1 :type :ok :f :write :value 1}", refused},

		// Jepsen's queues
		{"an empty dequeue with a reason", "queue", ok("0", "enqueue", "1", "1") + "{:process 1 :type :invoke :f :dequeue :value nil} {:process 1 :type :fail :f :dequeue :value nil :error :empty}", violation},
		{"a dequeue that failed", "queue", ok("0", "enqueue", "1", "1") + "{:process 1 :type :invoke :f :dequeue :value nil} {:process 1 :type :fail :f :dequeue :value nil :error :connection-refused}", pass},
		{"a dequeue that failed, said in its value", "queue", ok("0", "enqueue", "1", "1") + did("1", "dequeue", "nil", "fail", ":timeout"), pass},
		{"an empty dequeue of a keyed queue", "queue", ok("0", "enqueue", "[3 1]", "[3 1]") + did("1", "dequeue", "[3 nil]", "fail", "[3 nil]"), violation},
		{"an empty dequeue before the element", "queue", did("1", "dequeue", "nil", "fail", "nil") + ok("0", "enqueue", "1", "1"), pass},
		{"a drain", "queue", ok("0", "enqueue", "1", "1") + ok("0", "enqueue", "2", "2") + ok("1", "drain", "nil", "[1 2]"), pass},
		{"a drain that lacks one", "queue", ok("0", "enqueue", "1", "1") + ok("0", "enqueue", "2", "2") + ok("1", "drain", "nil", "[1]"), violation},
		{"a drain of nothing", "queue", ok("0", "enqueue", "1", "1") + ok("1", "drain", "nil", "[]"), violation},
		{"a drain that found the end", "queue", ok("0", "enqueue", "1", "1") + ok("1", "dequeue", "nil", "1") + ok("1", "drain", "nil", ":exhausted"), pass},
		{"a drain that found the end too soon", "queue", ok("0", "enqueue", "1", "1") + ok("1", "drain", "nil", ":exhausted"), violation},
		{"a drain of what nobody put in", "queue", ok("0", "enqueue", "1", "1") + ok("1", "drain", "nil", "[1 7]"), violation},
		{"a drain that crashed", "queue", ok("0", "enqueue", "1", "1") + ok("0", "enqueue", "2", "2") + did("1", "drain", "nil", "info", "[1]") + did("2", "dequeue", "nil", "fail", "nil"), pass},
		{"a drain of a keyed queue", "queue", ok("0", "enqueue", "[:q 1]", "[:q 1]") + ok("1", "drain", "[:q nil]", "[:q [1]]"), pass},
		{"a drain of another kind", "set", ok("1", "drain", "nil", "[1]"), refused},

		// independent keys
		{"a register's, plain", "register", ok("0", "write", "[0 1]", "[0 1]") + ok("1", "read", "[1 nil]", "[1 nil]"), pass},
		{"a register's, stale", "register", ok("0", "write", "[0 1]", "[0 1]") + ok("1", "read", "[0 nil]", "[0 nil]"), violation},
		{"a register's values that are pairs", "register", ok("0", "write", "[0 1]", "[0 1]") + ok("1", "read", "nil", "[0 1]"), pass},
		{"a register's values that are pairs, stale", "register", ok("0", "write", "[0 1]", "[0 1]") + ok("1", "read", "nil", "nil"), violation},
		{"a counter's", "counter", ok("0", "add", "[:a 1]", "[:a 1]") + ok("0", "add", "[:b 2]", "[:b 2]") + ok("1", "read", "[:a nil]", "[:a 1]"), pass},
		{"a list's", "list", ok("0", "append", "[7 1]", "[7 1]") + ok("1", "read", "[7 nil]", "[7 [1]]") + ok("1", "read", "[8 nil]", "[8 []]"), pass},
		{"a list's elements that are pairs", "list", ok("0", "append", "[7 1]", "[7 1]") + ok("0", "append", "[7 2]", "[7 2]") + ok("1", "read", "nil", "[[7 1] [7 2]]"), pass},
		{"a set's elements that are pairs, read as a vector of two", "set", ok("0", "add", "[7 1]", "[7 1]") + ok("0", "add", "[7 2]", "[7 2]") + ok("1", "read", "nil", "[[7 1] [7 2]]"), pass},
		{"a set's elements that are pairs, one lost", "set", ok("0", "add", "[7 1]", "[7 1]") + ok("0", "add", "[7 2]", "[7 2]") + ok("1", "read", "nil", "#{[7 1]}"), violation},
		{"a set's keyed by text", "set", ok("0", "add", `["a" 1]`, `["a" 1]`) + ok("1", "read", `["a" nil]`, `["a" #{1}]`), pass},
		{"a set's, one lost", "set", ok("0", "add", "[0 1]", "[0 1]") + ok("1", "read", "[0 nil]", "[0 #{}]"), violation},
		{"a queue's elements that are pairs", "queue", ok("0", "enqueue", "[1 2]", "[1 2]") + ok("1", "dequeue", "nil", "[1 2]"), pass},
		{"a bank's, marked", "bank", ok("0", "read", "nil", "#jepsen.independent/tuple [1 {0 5, 1 5}]") + ok("0", "read", "nil", "#jepsen.independent/tuple [2 {0 7, 1 7}]"), pass},
		{"a bank's, plain", "bank", ok("0", "transfer", "[1 {:from 0 :to 1 :amount 1}]", "[1 {:from 0 :to 1 :amount 1}]") + ok("0", "read", "[1 nil]", "[1 {0 5, 1 5}]") + ok("0", "read", "[2 nil]", "[2 {0 7, 1 7}]"), pass},
		{"transactions', marked", "list-append", ok("0", "txn", "#jepsen.independent/tuple [1 [[:append 9 1]]]", "#jepsen.independent/tuple [1 [[:append 9 1]]]") + ok("1", "txn", "#jepsen.independent/tuple [2 [[:r 9 nil]]]", "#jepsen.independent/tuple [2 [[:r 9 nil]]]"), pass},
		{"transactions', plain", "list-append", ok("0", "txn", "[1 [[:append 9 1]]]", "[1 [[:append 9 1]]]") + ok("1", "txn", "[1 [[:r 9 nil]]]", "[1 [[:r 9 nil]]]"), violation},
		{"a cas's, marked", "cas-register", ok("0", "write", "#jepsen.independent.Tuple [:k 1]", "#jepsen.independent.Tuple [:k 1]") + ok("0", "cas", "#jepsen.independent/tuple [:k [1 2]]", "#jepsen.independent/tuple [:k [1 2]]") + ok("1", "read", "#jepsen.independent/tuple [:k nil]", "#jepsen.independent/tuple [:k 2]"), pass},
		{"a cas of pairs", "cas-register", ok("0", "write", "[1 1]", "[1 1]") + ok("0", "cas", "[[1 1] [2 2]]", "[[1 1] [2 2]]") + ok("1", "read", "nil", "[2 2]"), pass},
		{"an empty key and none", "register", ok("0", "write", `#jepsen.independent/tuple ["" 1]`, `#jepsen.independent/tuple ["" 1]`) + ok("0", "write", "2", "2") + ok("1", "read", "nil", "2"), pass},
		{"some keyed, some not", "register", ok("0", "write", "5", "5") + ok("1", "read", "[1 nil]", "[1 5]"), refused},
		{"keyed but for one answer", "set", ok("0", "add", "[0 1]", "[0 1]") + ok("1", "read", "[0 nil]", "#{1}"), refused},

		// accounts are what they are called
		{"a bank of many accounts", "bank", ok("0", "read", "nil", "{0 1, 1 1, 2 1, 10 1, 11 1}") + ok("0", "transfer", "{:from 10 :to 2 :amount 1}", "{:from 10 :to 2 :amount 1}") + ok("1", "read", "nil", "{0 1, 1 1, 2 2, 10 0, 11 1}"), pass},
		{"a bank of named accounts", "bank", ok("0", "read", "nil", "{:a 1, :b 9}") + ok("0", "transfer", "{:from :b :to :a :amount 1}", "{:from :b :to :a :amount 1}") + ok("1", "read", "nil", "{:a 2, :b 8}"), pass},
		{"a bank that lost money", "bank", ok("0", "read", "nil", "{:a 1, :b 9}") + ok("1", "read", "nil", "{:a 2, :b 9}"), violation},

		// as Jepsen writes it
		{"records", "register", "#jepsen.history.Op{:index 0, :time 1, :type :invoke, :process 0, :f :write, :value 1}\n#jepsen.history.Op{:index 1, :time 2, :type :ok, :process 0, :f :write, :value 1}", pass},
		{"records in a history", "register", "#jepsen.history.SparseHistory [#jepsen.history.Op{:index 0, :type :invoke, :process 0, :f :write, :value 1}\n#jepsen.history.Op{:index 1, :type :ok, :process 0, :f :write, :value 1}]", pass},
		{"records of knossos in a list", "register", "(#knossos.op.Op{:type :invoke, :process 0, :f :write, :value 1} #knossos.op.Op{:type :ok, :process 0, :f :write, :value 1})", pass},
		{"what the nemesis says", "register", write1 + `{:process :nemesis, :type :info, :f :start, :value #object[clojure.core$fn 0x1b2c "clojure.core$fn@1b2c"]}` + read1, pass},
		{"an exception", "register", write1 + `{:process 3 :type :invoke :f :read :value nil} {:process 3 :type :info :f :read :value nil :exception #error {:cause "x" :via [{:type java.lang.X}] :trace [[a.b$c__12/d 'e "f.clj" 7]]}}`, pass},
		{"comments and what is left out", "register", "; a history\n" + write1 + "#_{:process 9 :type :ok :f :fly}\n" + read1, pass},
		{"commas and no spaces", "register", `[{:process 0,:type :invoke,:f :write,:value 1},{:process 0,:type :ok,:f :write,:value 1}]`, pass},
		{"a history that is torn", "register", "#jepsen.history.DenseHistory [" + write1, refused},
		{"brackets that do not match", "register", "[" + write1 + ")", refused},
		{"a map that lacks a value", "register", "{:process 0 :type}", refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := judge(t, tt.text, tt.model)
			require.Equal(t, tt.want, got, why)
		})
	}
}

// TestKindsOfJSON has the same for elle-cli's arrays.
func TestKindsOfJSON(t *testing.T) {
	for _, tt := range []struct {
		name, model, text string
		want              result.Verdict
	}{
		{"transactions", "", `[{"index":0,"type":"invoke","process":0,"f":"txn","value":[["append","x",1],["r","y",null]]},{"index":1,"type":"ok","process":0,"f":"txn","value":[["append","x",1],["r","y",[]]]}]`, pass},
		{"transactions without f", "", `[{"index":0,"type":"invoke","process":0,"value":[["append",1,1]]},{"index":1,"type":"ok","process":0,"value":[["append",1,1]]},
			{"index":2,"type":"invoke","process":1,"value":[["r",1,null]]},{"index":3,"type":"ok","process":1,"value":[["r",1,[]]]}]`, violation},
		{"registers of transactions", "", `[{"type":"invoke","f":"txn","value":[["w","x",2]],"process":0},{"type":"ok","f":"txn","value":[["w","x",2]],"process":0}]`, pass},
		{"a bank", "", `[{"type":"invoke","f":"read","process":0},{"type":"ok","f":"read","process":0,"value":{"0":10,"1":5}},
			{"type":"invoke","f":"transfer","process":0,"value":{"from":0,"to":"1","amount":5}},{"type":"ok","f":"transfer","process":0,"value":{"from":0,"to":"1","amount":5}},
			{"type":"invoke","f":"read","process":0},{"type":"ok","f":"read","process":0,"value":{"0":5,"1":10}}]`, pass},
		{"a keyed set", "", `[{"type":"invoke","f":"add","value":[0,1],"process":0},{"type":"ok","f":"add","value":[0,1],"process":0},{"type":"invoke","f":"read","value":[0,null],"process":1},{"type":"ok","f":"read","value":[0,[1]],"process":1}]`, pass},
		{"a register, one a line", "", `{"type":"invoke","f":"write","value":1,"process":0}` + "\n" + `{"type":"ok","f":"write","value":1,"process":0}` + "\n" + `{"type":"invoke","f":"read","process":0}` + "\n" + `{"type":"ok","f":"read","process":0,"value":null}`, violation},
		{"with spaces", "", " [ { \"type\" : \"invoke\",\"f\":\"write\",\"value\":1,\"process\":0},{\"type\":\"ok\",\"f\":\"write\",\"value\":1,\"process\":0}]\n", pass},
		{"text is no number", "register", `[{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write","value":1,"process":0},{"type":"invoke","f":"read","process":0},{"type":"ok","f":"read","process":0,"value":"1"}]`, violation},
		{"the nemesis", "", `[{"type":"info","f":"start","value":null,"process":"nemesis"},{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write","value":1,"process":0}]`, pass},
		{"a mismatch", "", `[{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write","value":2,"process":0}]`, refused},
		{"torn", "", `[{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write"`, refused},
		{"not closed", "", `[{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write","value":1,"process":0}`, refused},
		{"more behind it", "", `[{"type":"invoke","f":"write","value":1,"process":0},{"type":"ok","f":"write","value":1,"process":0}] 7`, refused},
		{"no list of events", "", `[{"type":"invoke","f":"write","value":1,"process":0}, 5]`, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := judge(t, tt.text, tt.model)
			require.Equal(t, tt.want, got, why)
		})
	}
}

// TestKindsOfJSONLines has histories of operations that do not say what they did.
func TestKindsOfJSONLines(t *testing.T) {
	good := func(f string) string { return `{"f":"` + f + `",` }
	end := `"call":5,"return":6}`
	for _, tt := range []struct {
		name, model, text string
		want              result.Verdict
	}{
		{"a write and a read", "", good("write") + `"in":1,` + end + "\n" + `{"f":"read","out":1,"call":7,"return":8}`, pass},
		{"absent is null", "", good("write") + `"in":1,` + end + "\n" + `{"f":"read","out":null,"call":7,"return":8}`, violation},
		{"a write of another field", "", good("write") + `"value":1,` + end, refused},
		{"a write of nothing", "", good("write") + end, refused},
		{"a write of text", "", good("write") + `"in":"1",` + end, refused},
		{"a write of a fraction", "", good("write") + `"in":1.5,` + end, refused},
		{"a replaced value that is not said", "", good("write") + `"in":1,"flags":1,` + end, refused},
		{"a misspelled flag", "", good("read") + `"out":null,"flag":2,` + end, refused},
		{"an unknown flag", "", good("read") + `"out":null,"flags":256,` + end, refused},
		{"WAITAOF counted the server, and was not asked", "", good("read") + `"out":null,"flags":128,` + end, refused},
		{"a cas without its new value", "", good("cas") + `"in":1,"out":1,` + end, refused},
		{"a cas without its answer", "", good("cas") + `"in":1,"arg":2,` + end, refused},
		{"a refused cas needs no answer", "cas-register", good("cas") + `"in":1,"arg":2,"outcome":"fail",` + end + "\n" + good("write") + `"in":1,` + end, pass},
		{"an add of nothing", "", good("add") + end, refused},
		{"a set that was read and is not there", "", good("read-set") + end, refused},
		{"a set that was read and is empty", "", good("read-set") + `"list":[],` + end, pass},
		{"a list that was read and is not there", "", good("read-list") + `"out":1,` + end, refused},
		{"a bank that was read and is not there", "", good("read-bank") + end, refused},
		{"a counter that was read and is not there", "", good("read-counter") + end, refused},
		{"an increment of nothing", "", good("increment") + `"out":1,` + end, refused},
		{"a dequeue that says nothing", "", good("dequeue") + end, refused},
		{"a dequeue of an empty queue", "", good("dequeue") + `"out":null,` + end, pass},
		{"an enqueue of nothing", "", good("enqueue") + `"out":1,` + end, refused},
		{"a release without an answer", "", good("release") + `"in":1,` + end, refused},
		{"an acquisition of nobody", "", good("acquire") + `"arg":1000,` + end, refused},
		{"a lease that is not said", "", good("expiring") + `"in":1,` + end, refused},
		{"a transfer of three", "", good("transfer") + `"arg":1,"out":1,"list":[1,2,3],` + end, refused},
		{"a transfer of no amount", "", good("transfer") + `"out":1,"list":[1,2],` + end, refused},
		{"a removal of nothing", "", good("remove") + `"out":1,` + end, refused},
		{"a removal without an answer", "", good("remove") + `"in":1,` + end, refused},
		{"a removal of what is there", "", good("add") + `"in":1,"out":1,` + end + "\n" + `{"f":"remove","in":1,"out":1,"call":7,"return":8}`, pass},
		{"a question without an answer", "", good("contains") + `"in":1,` + end, refused},
		{"a question about nothing", "", good("contains") + `"out":1,` + end, refused},
		{"a question that is answered", "", good("contains") + `"in":1,"out":0,` + end, pass},
		{"a tail without its place", "", good("read-tail") + `"in":5,"out":0,"list":[],` + end, refused},
		{"a tail without its length", "", good("read-tail") + `"in":5,"arg":0,"list":[],` + end, refused},
		{"a tail without elements", "", good("read-tail") + `"in":5,"arg":0,"out":0,` + end, refused},
		{"a queue that was read and is not there", "", good("read-queue") + `"out":1,` + end, refused},
		{"a queue that was read and is empty", "", good("read-queue") + `"list":[],` + end, pass},
		{"a holder who is not said", "", good("read-lock") + end, refused},
		{"a replaced value of a key that expires", "", good("expiring") + `"in":1,"arg":5,"flags":1,` + end, refused},
		{"a transaction of nothing", "", good("txn") + end, refused},
		{"a transaction that is cut off", "", good("txn") + `"list":[7,1,1],` + end, refused},
		{"a transaction of unknown functions", "", good("txn") + `"list":[3,1,1,-1],` + end, refused},
		{"a transaction with a length below none", "", good("txn") + `"list":[7,1,1,-2],` + end, refused},
		{"a transaction whose read lacks its list", "", good("txn") + `"list":[8,1,0,-1],` + end, refused},
		{"a transaction whose write holds a list", "", good("txn") + `"list":[7,1,1,1,5],` + end, refused},
		{"a transaction", "", good("txn") + `"list":[7,1,1,-1,8,1,0,1,1],` + end, pass},
		{"no call", "", `{"f":"read","out":null,"return":8}`, refused},
		{"no return", "", `{"f":"read","out":null,"call":8}`, refused},
		{"a node that cannot be", "", good("read") + `"out":null,"node":200,` + end, refused},
		{"a node that the run has not", "", `{"record":"run","run":{"schema":1,"nodes":[{"name":"n1","kind":"server"}]}}` + "\n" + good("read") + `"out":null,"node":1,` + end, refused},
		{"a run of tomorrow", "", `{"record":"run","run":{"schema":99}}` + "\n" + good("read") + `"out":null,` + end, refused},
		{"two runs", "", `{"record":"run","run":{"schema":1}}` + "\n" + `{"record":"run","run":{"schema":1}}` + "\n" + good("read") + `"out":null,` + end, refused},
		{"a record without what it records", "", `{"record":"sample"}` + "\n" + good("read") + `"out":null,` + end, refused},
		{"a record of another kind", "", `{"record":"sample","event":{"Node":0}}` + "\n" + good("read") + `"out":null,` + end, refused},
		{"a sample with a misnamed field", "", `{"record":"sample","sample":{"Node":0,"Rolle":"master"}}` + "\n" + good("read") + `"out":null,` + end, refused},
		{"two objects in a line", "", good("write") + `"in":1,` + end + good("write") + `"in":2,` + end, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := judge(t, strings.TrimSpace(tt.text), tt.model)
			require.Equal(t, tt.want, got, why)
		})
	}
}
