package exchange

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func imported(t *testing.T, text, model string) *history.History {
	t.Helper()
	h, _, err := ImportEDN(strings.NewReader(text), ImportOptions{Model: model})
	require.NoError(t, err)
	return h
}

func TestImportRegister(t *testing.T) {
	h := imported(t, `{:process 0, :type :invoke, :f :write, :value 3, :index 0}
{:process 1, :type :invoke, :f :read, :value nil, :index 1}
{:process :nemesis, :type :info, :f :start, :value nil, :index 2}
{:process 1, :type :ok, :f :read, :value 3, :index 3}
{:process 0, :type :info, :f :write, :value 3, :error :timeout, :index 4}
{:process 1, :type :invoke, :f :cas, :value [3 4], :index 5}
{:process 1, :type :fail, :f :cas, :value [3 4], :index 6}
{:process 1, :type :invoke, :f :read, :value nil, :index 7}
`, "")
	require.Equal(t, "edn", h.Run.Imported)
	require.Equal(t, 3, h.Ops.Len(), "the read that never returned says nothing")
	r, w, c := h.Ops.At(0), h.Ops.At(1), h.Ops.At(2)
	require.Equal(t, history.Op{Worker: history.NoNode, F: history.FRead, Node: history.NoNode, In: history.None, Arg: history.None, Out: 3, Acked: -1, Call: 1, Intended: 1, Return: 3}, r)
	require.Equal(t, history.Info, w.Outcome)
	require.Equal(t, history.Inf, w.Return)
	require.Equal(t, []int64{3, 4}, []int64{c.In, c.Arg})
	require.Equal(t, history.Fail, c.Outcome)
}

func TestImportKeyedRegister(t *testing.T) {
	for _, text := range []string{
		`[{:process 0 :type :invoke :f :read :value [7 nil]} {:process 0 :type :ok :f :read :value [7 5]} {:process 0 :type :invoke :f :cas :value [7 [1 2]]} {:process 0 :type :ok :f :cas :value [7 [1 2]]}]`,
		`{:process 0 :type :invoke :f :read :value #jepsen.independent/Tuple [7 nil]} {:process 0 :type :ok :f :read :value #jepsen.independent/Tuple [7 5]} {:process 0 :type :invoke :f :cas :value #jepsen.independent/Tuple [7 [1 2]]} {:process 0 :type :ok :f :cas :value #jepsen.independent/Tuple [7 [1 2]]}`,
	} {
		h := imported(t, text, "cas-register")
		require.Equal(t, "7", h.Keys[h.Ops.Key[0]])
		require.Equal(t, "7", h.Keys[h.Ops.Key[1]])
		require.Equal(t, int64(5), h.Ops.Out[0])
		require.Equal(t, int64(1), h.Ops.Out[1])
	}
}

func TestImportTransactionsBankAndSets(t *testing.T) {
	h := imported(t, `#jepsen.history.Op{:process 0 :type :invoke :f :txn :value [[:append 1 5] [:r 2 nil]]} #jepsen.history.Op{:process 0 :type :ok :f :txn :value [[:append 1 5] [:r 2 [3 4]]]}`, "")
	ms, ok := history.DecodeMops(h.Ops.List(0))
	require.True(t, ok)
	require.Equal(t, []history.Mop{{F: history.FAppend, Key: 1, In: 5}, {F: history.FReadList, Key: 2, In: history.None, List: []int64{3, 4}}}, ms)

	h = imported(t, `{:process 0 :type :invoke :f :transfer :value {:from 0 :to 1 :amount 5}} {:process 0 :type :ok :f :transfer :value {:from 0 :to 1 :amount 5}}
{:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value {0 5, 1 15}}`, "")
	require.Equal(t, []int64{0, 1}, h.Ops.List(0))
	require.Equal(t, []int64{5, 15}, h.Ops.List(1))

	h = imported(t, `{:process 0 :type :invoke :f :add :value 3} {:process 0 :type :ok :f :add :value 3} {:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value #{3 1}}`, "")
	require.Equal(t, []int64{1, 3}, h.Ops.List(1))
}

func TestImportErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]string{
		`{:process 0 :type :ok :f :read :value 1}`:                                "never invoked",
		`{:process 0 :type :invoke :f :read} {:process 0 :type :invoke :f :read}`: "is open",
		`{:process 0 :f :read`: "event 1",
		`hello`:                "is no map",
		``:                     "functions",
		`{:process 0 :type :invoke :f :write :value 1} {:process 0 :type :bang :f :write}`:                      "bang",
		`{:process 0 :type :invoke :f :dance} {:process 0 :type :ok :f :dance}`:                                 "-model",
		`{:process 0 :type :invoke :f :cas :value 3} {:process 0 :type :ok :f :cas :value 3}`:                   "[old new]",
		`{:process 0 :type :invoke :f :txn :value [[:zap 1]]} {:process 0 :type :ok :f :txn :value [[:zap 1]]}`: "zap",
	} {
		_, _, err := ImportEDN(strings.NewReader(text), ImportOptions{})
		require.ErrorIs(t, err, history.ErrNotHistory, text)
		require.ErrorContains(t, err, want)
	}
}

func TestJepsenLogTakesFailedCasAsAnswered(t *testing.T) {
	h, model, err := ImportJepsenLog(strings.NewReader("INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\nINFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 0\t:fail\t:cas\t[1 2]\nINFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:fail\t:read\t:timed-out\n"), ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, "cas-register", model)
	require.Equal(t, history.OK, h.Ops.Outcome[0])
	require.Equal(t, int64(0), h.Ops.Out[0])
	require.Equal(t, history.Fail, h.Ops.Outcome[1])
}

func TestJSONLinesRestoreTheHistory(t *testing.T) {
	r := rand.New(rand.NewSource(8))
	b := randomBatch(r, 200)
	for i := range b.Ops {
		b.Ops[i].Return = max(b.Ops[i].Return, b.Ops[i].Call)
	}
	h := history.FromBatches(&history.Run{Scenario: "x<y>", Nodes: nodes}, []*history.Batch{b})
	h.Missing, h.Torn, h.Cut = nil, "", 0
	var buf bytes.Buffer
	require.NoError(t, WriteJSONL(&buf, h))
	got, err := ReadJSONL(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	require.Equal(t, h.Ops.Len(), got.Ops.Len())
	for i := range h.Ops.Len() {
		want, have := h.Ops.At(i), got.Ops.At(i)
		require.Equal(t, h.Keys[want.Key], got.Keys[have.Key])
		want.Key, have.Key = 0, 0
		require.Equal(t, want, have)
	}
	require.Equal(t, h.Samples, got.Samples)
	require.Equal(t, h.Faults, got.Faults)
	require.Equal(t, h.Run.Scenario, got.Run.Scenario)
}

func TestJSONLinesErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"{\"f\":\"write\",\"in\":1,\"call\":1,\"return\":2}\n{": "line 2",
		`{"f":"dance","call":1,"return":2}`:                     "dance",
		`{"f":"write","in":1,"call":3,"return":2}`:              "before it is called",
		`{"f":"write","in":1,"call":3}`:                         "needs a return",
		``:                                                      "no operation",
	} {
		_, err := ReadJSONL(strings.NewReader(text))
		require.ErrorIs(t, err, history.ErrNotHistory)
		require.ErrorContains(t, err, want)
	}
}

// FuzzImport: whatever a file holds, it is read or refused.
func FuzzImport(f *testing.F) {
	f.Add(`{:process 0, :type :invoke, :f :write, :value 3}`)
	f.Add(`[{:process 0 :type :invoke :f :txn :value [[:append 1 5]]}]`)
	f.Add(`#a [#b {:process 0 :type :invoke :f :add :value #{1.5M 2N 1/2 \a "\u0041" ##NaN ^:x y}} {:process 0 :type :fail :f :add :value #_ 1 :no}]`)
	f.Add(`{:process 0 :type :invoke :f :drain :value [1 nil]} {:process 0 :type :ok :f :drain :value [1 [1 2]]}`)
	f.Add(`[{"type":"ok","f":"read","process":0,"value":{"0":10}}]`)
	f.Add(`{"record":"history","history":{"keys":["a"],"ops":1}}` + "\n" + `{"f":"txn","list":[8,1,0,1,1],"call":1,"return":2}`)
	var b bytes.Buffer
	if err := WriteEDN(&b, history.FromOps([]history.Op{{F: history.FRead, Out: 5, Call: 1, Return: 2}}, []string{"k"})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range []string{"", "register", "bank", "list-append", "set", "kv", "queue", "counter", "lock", "rw-register"} {
			h, _, err := ImportEDN(strings.NewReader(text), ImportOptions{Model: m})
			if err == nil {
				again(t, h)
			}
			_, _, _ = ImportJSON(strings.NewReader(text), ImportOptions{Model: m})
		}
		if h, err := ReadJSONL(strings.NewReader(text)); err == nil {
			again(t, h)
		}
	})
}

// again demands that what was read can be written and read back.
func again(t *testing.T, h *history.History) {
	t.Helper()
	var b bytes.Buffer
	if WriteEDN(&b, h) != nil {
		return // a key that is no text
	}
	got, _, err := ImportEDN(bytes.NewReader(b.Bytes()), ImportOptions{})
	require.NoError(t, err, b.String())
	require.Equal(t, h.Ops.Len(), got.Ops.Len())
	require.Equal(t, h.Ops.Call, got.Ops.Call)
	require.Equal(t, h.Ops.Out, got.Ops.Out)
	require.Equal(t, h.Ops.ListData, got.Ops.ListData)
	require.Equal(t, h.Keys, got.Keys)
}
