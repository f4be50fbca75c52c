package exchange

import (
	"bytes"
	"math/rand"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

var (
	notes  = regexp.MustCompile(`(?m)^.*:f :schism,.*\n`)
	extras = regexp.MustCompile(`(?m), :schism .*\}\}$`)
)

// bare is what other tools see of an EDN export.
func bare(text string) string {
	return extras.ReplaceAllString(notes.ReplaceAllString(text, ""), "}")
}

func TestEDNExportIsReadByOthers(t *testing.T) {
	ops := []history.Op{
		{Process: 1, F: history.FWrite, In: 5, Arg: history.None, Out: history.None, Acked: -1, Call: 10, Intended: 10, Return: 20},
		{Process: 2, F: history.FRead, In: history.None, Arg: history.None, Out: 5, Acked: -1, Call: 20, Intended: 20, Return: 30},
		{Process: 3, F: history.FWrite, In: 6, Arg: history.None, Out: history.None, Acked: -1, Call: 25, Intended: 25, Outcome: history.Info, Err: history.ErrTimeout, Return: history.Inf},
		{Process: 4, F: history.FCAS, In: 5, Arg: 7, Out: 1, Acked: -1, Call: 40, Intended: 40, Return: 50},
	}
	var buf bytes.Buffer
	require.NoError(t, WriteEDN(&buf, history.FromOps(ops, []string{"r:1"})))
	h, model, err := ImportEDN(strings.NewReader(bare(buf.String())), ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, "cas-register", model)
	require.Equal(t, []string{"r:1"}, h.Keys)
	require.Equal(t, 4, h.Ops.Len())
	// The first write ends when the read begins: they stay concurrent.
	byCall := map[int64]history.Op{}
	for i := range h.Ops.Len() {
		byCall[h.Ops.At(i).Call] = h.Ops.At(i)
	}
	require.Equal(t, int64(5), byCall[2].In, "two notes come before it")
	require.Greater(t, byCall[2].Return, int64(3), "the read was invoked at 3")
	require.Equal(t, int64(7), byCall[7].Arg)
}

func TestEDNExportOfCollectionsIsReadBack(t *testing.T) {
	op := func(p int32, f history.F, in, out, call, ret int64, list ...int64) history.Op {
		return history.Op{Process: p, F: f, In: in, Arg: history.None, Out: out, Acked: -1, Call: call, Intended: call, Return: ret, List: list}
	}
	for _, tt := range []struct {
		model string
		ops   []history.Op
	}{
		{"counter", []history.Op{op(1, history.FIncr, 1, 1, 0, 10), op(1, history.FIncr, 1, 2, 10, 20), op(2, history.FReadCounter, history.None, 2, 20, 30)}},
		{"list", []history.Op{op(1, history.FAppend, 7, 1, 0, 11), op(1, history.FAppend, 8, 2, 10, 20), op(2, history.FReadList, history.None, history.None, 30, 40, 7, 8)}},
		{"set", []history.Op{op(1, history.FAdd, 7, 1, 0, 10), op(1, history.FReadSet, history.None, history.None, 10, 20, 7)}},
	} {
		var buf bytes.Buffer
		require.NoError(t, WriteEDN(&buf, history.FromOps(tt.ops, []string{"k:1"})))
		text := buf.String()
		h, _, err := ImportEDN(strings.NewReader(bare(text)), ImportOptions{Model: tt.model})
		require.NoError(t, err, text)
		require.Equal(t, len(tt.ops), h.Ops.Len())
		for i := range tt.ops {
			require.Equal(t, tt.ops[i].F, h.Ops.F[i])
			require.Equal(t, "k:1", h.Keys[h.Ops.Key[i]], text)
			require.Equal(t, tt.ops[i].In, h.Ops.In[i])
			require.Equal(t, tt.ops[i].List, h.Ops.List(i))
		}
	}
}

// What happens at one moment is concurrent where it can be, and in its process's order where it cannot.
func TestEDNExportOrdersOneMoment(t *testing.T) {
	op := func(p int32, call, ret int64) history.Op {
		return history.Op{Process: p, F: history.FWrite, In: call, Arg: history.None, Out: history.None, Acked: -1, Call: call, Intended: call, Return: ret}
	}
	h := history.FromOps([]history.Op{op(1, 0, 10), op(1, 10, 10), op(1, 10, 20), op(2, 5, 10), op(3, 10, 10), op(4, 10, 12), op(5, 3, 4)}, []string{"k"})
	h.Ops.Outcome[6], h.Ops.Return[6] = history.Info, history.Inf
	h.Ops.Append(op(5, 9, 11)) // a process that went on after an unknown outcome
	at := func(op int, done bool) int {
		for i, m := range moments(h) {
			if m.op == op && m.done == done {
				return i
			}
		}
		return -1
	}
	for _, o := range []int{0, 1} {
		require.Less(t, at(o, true), at(o+1, false), "process 1's next begins when one ended")
	}
	for _, touching := range [][2]int{{3, 4}, {3, 5}, {3, 2}, {4, 5}, {0, 4}, {0, 5}} {
		require.Less(t, at(touching[1], false), at(touching[0], true), "%v touch", touching)
	}
	require.Less(t, at(6, true), at(7, false))
	var buf bytes.Buffer
	require.NoError(t, WriteEDN(&buf, h))
	got, _, err := ImportEDN(&buf, ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, h.Ops, got.Ops)
}

// A change of an exported file is either seen or changes the verdict: the two sayings of an operation must agree.
func TestEDNExportSeesItsOwnChanges(t *testing.T) {
	op := func(p int32, f history.F, in, out, call, ret int64) history.Op {
		return history.Op{Process: p, F: f, In: in, Arg: history.None, Out: out, Acked: -1, Call: call, Intended: call, Return: ret}
	}
	var buf bytes.Buffer
	require.NoError(t, WriteEDN(&buf, history.FromOps([]history.Op{op(1, history.FWrite, 5, history.None, 0, 10), op(2, history.FRead, history.None, 5, 20, 30)}, []string{"k"})))
	text := buf.String()
	_, _, err := ImportEDN(strings.NewReader(text), ImportOptions{})
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"a value":               {`:value ["k" 5], :schism {:n 1`, `:value ["k" 4], :schism {:n 1`},
		"a value beside it":     {`:out 5`, `:out 4`},
		"a type":                {`:type :ok, :f :write`, `:type :fail, :f :write`},
		"an outcome":            {`:f :read, :outcome :ok`, `:f :read, :outcome :info`},
		"a function":            {`:n 0, :f :write`, `:n 0, :f :expiring`},
		"a number":              {`:n 1`, `:n 0`},
		"a key":                 {`:key "k", :client 0, :worker 0, :node 0, :call 0`, `:key "l", :client 0, :worker 0, :node 0, :call 0`},
		"an unknown field":      {`:call 0`, `:calls 0`},
		"no call":               {`:call 0, `, ``},
		"a return before":       {`:return 30`, `:return 3`},
		"the count":             {`:ops 2`, `:ops 3`},
		"a completion's extras": {`, :schism {:n 1`, `, :other {:n 1`},
		"flags":                 {`:call 20`, `:call 20 :flags 128`},
		"text for a number":     {`:call 20`, `:call "20"`},
		"a big node":            {`:node 0, :call 20`, `:node 300, :call 20`},
		"a record":              {`:record "history"`, `:record "histories"`},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		require.NotEqual(t, text, changed, name)
		_, _, err := ImportEDN(strings.NewReader(changed), ImportOptions{})
		require.ErrorIs(t, err, history.ErrNotHistory, name)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		if i == 0 {
			continue // without a run the history is one of operations
		}
		_, _, err := ImportEDN(strings.NewReader(strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "")), ImportOptions{})
		if i == 1 {
			require.NoError(t, err, "without its header it is a part of a history, as a person cuts one out")
			continue
		}
		require.ErrorIs(t, err, history.ErrNotHistory, "line %d is missing", i)
	}
}

func TestRandomHistoriesSurvive(t *testing.T) {
	for seed := range int64(10) {
		r := rand.New(rand.NewSource(seed))
		b := randomBatch(r, 100)
		for i := range b.Ops { // values that a file may hold
			b.Ops[i].Process = int32(i % 7)
		}
		h := history.FromBatches(&history.Run{Schema: 1, Scenario: "x<y>", Nodes: nodes, Costs: map[string]int64{"start": 5}}, []*history.Batch{b})
		h.Missing, h.Torn, h.Cut = []string{"w2: batch 3 follows batch 1"}, "torn \"here\"", 77
		var buf bytes.Buffer
		require.NoError(t, WriteEDN(&buf, h))
		text := buf.String()
		got, _, err := ImportEDN(&buf, ImportOptions{})
		require.NoError(t, err, text)
		sameHistory(t, h, got)
		buf.Reset()
		require.NoError(t, WriteJSONL(&buf, h))
		got, err = ReadJSONL(&buf)
		require.NoError(t, err)
		sameHistory(t, h, got)
	}
}

// Whoever adds a field to an operation, or to a history, meets this test: what is not carried is forgotten by an export.
func TestNoFieldIsForgotten(t *testing.T) {
	o := history.Op{}
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Int32, reflect.Int64:
			f.SetInt(int64(i + 1))
		case reflect.Uint8, reflect.Uint32:
			f.SetUint(1)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]int64{5, 6}))
		default:
			t.Fatalf("Op.%s is a %s: carry it, and say so here", v.Type().Field(i).Name, f.Kind())
		}
	}
	o.Worker, o.Node, o.Call, o.Return, o.Outcome = 1, 2, 50, 60, history.Fail
	h := history.FromOps([]history.Op{o}, []string{"a", "b"})
	h.Run.Nodes = nodes
	var jsonl, edn bytes.Buffer
	require.NoError(t, WriteJSONL(&jsonl, h))
	require.NoError(t, WriteEDN(&edn, h))
	a, err := ReadJSONL(&jsonl)
	require.NoError(t, err)
	b, _, err := ImportEDN(&edn, ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, o, a.Ops.At(0))
	require.Equal(t, o, b.Ops.At(0))

	var fields []string
	for i := range reflect.TypeFor[history.History]().NumField() {
		fields = append(fields, reflect.TypeFor[history.History]().Field(i).Name)
	}
	require.Equal(t, []string{"Run", "Keys", "Ops", "Samples", "Events", "Faults", "Dumps", "SecondDumps", "Readings", "Views", "Cut", "Torn", "Missing", "End"}, fields, "eachRecord and sameHistory carry these")
}

// sameHistory compares all but the spelling of raw JSON, and lists that are empty or nil.
func sameHistory(t *testing.T, want, got *history.History) {
	t.Helper()
	require.Equal(t, want.Keys, got.Keys)
	require.Equal(t, want.Ops.Len(), got.Ops.Len())
	for i := range want.Ops.Len() {
		require.Equal(t, want.Ops.At(i), got.Ops.At(i), "operation %d", i)
	}
	require.Equal(t, want.Samples, got.Samples)
	require.Equal(t, want.Events, got.Events)
	require.Equal(t, want.Faults, got.Faults)
	require.Equal(t, want.Dumps, got.Dumps)
	require.Equal(t, want.SecondDumps, got.SecondDumps)
	require.Equal(t, want.Readings, got.Readings)
	require.Equal(t, want.Views, got.Views)
	require.Equal(t, []any{want.Cut, want.Torn, want.Missing, want.End}, []any{got.Cut, got.Torn, got.Missing, got.End})
	require.Equal(t, want.Run.Nodes, got.Run.Nodes)
	require.Equal(t, want.Run.Costs, got.Run.Costs)
	require.Equal(t, want.Run.Scenario, got.Run.Scenario)
}
