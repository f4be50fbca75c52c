package exchange_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/history/exchange"
	"github.com/schismtest/schism/sim"
)

// copies are the history as it comes back from each format that carries all of it.
func copies(t *testing.T, h *history.History) map[string]*history.History {
	t.Helper()
	var jsonl, edn bytes.Buffer
	require.NoError(t, exchange.WriteJSONL(&jsonl, h))
	require.NoError(t, exchange.WriteEDN(&edn, h))
	a, err := exchange.ReadJSONL(&jsonl)
	require.NoError(t, err)
	b, model, err := exchange.ImportEDN(&edn, exchange.ImportOptions{})
	require.NoError(t, err)
	require.Empty(t, model)
	return map[string]*history.History{"jsonl": a, "edn": b}
}

// sameResult demands that every copy is judged as the history: the whole result, to the last number.
func sameResult(t *testing.T, h *history.History) result.Result {
	t.Helper()
	want, err := checker.Check(h, checker.Options{})
	require.NoError(t, err)
	for name, c := range copies(t, h) {
		got, err := checker.Check(c, checker.Options{})
		require.NoError(t, err)
		require.Equal(t, asJSON(t, want.Result), asJSON(t, got.Result), name)
		require.Equal(t, want.Fate, got.Fate, name)
		require.Equal(t, want.Ages, got.Ages, name)
	}
	return want.Result
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	p, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	return string(p)
}

// TestExportsAreJudgedAsTheRun goes over simulated runs: failovers, split brains, replica reads, lost and masked writes.
func TestExportsAreJudgedAsTheRun(t *testing.T) {
	verdicts := map[result.Verdict]int{}
	for seed, object := range sim.Objects() {
		seed := int64(seed)
		faults := [][]sim.Failure{{sim.Kill}, {sim.Split}, {sim.Wipe}, {}}[seed%4]
		h, _ := sim.Run(sim.Config{Seed: seed, Object: object, Faults: faults, Load: 4e8})
		h.Run.Scenario, h.Run.Seed = "simulated <&>", seed
		if seed%3 == 1 {
			h.Run.Promises = json.RawMessage(`[{"measure": "lost", "limit": 0}]`)
		}
		verdicts[sameResult(t, h).Verdict]++
	}
	require.Greater(t, len(verdicts), 1, "%v", verdicts)
}

const ms = int64(1e6)

var handNodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "10.0.0.1:6379", Role: history.RoleMaster},
	{Name: "n2", Kind: history.Server, Addr: "10.0.0.2:6379", Role: history.RoleReplica}, {Name: "w1", Kind: history.Worker}}

// hand builds a run with a barrier from batches of one worker and the harness's own.
func hand(ops []history.Op, keys []string, more ...*history.Batch) *history.History {
	load := &history.Batch{Source: history.NoNode, Seq: 1}
	for i, p := range []string{history.PhaseLoad, history.PhaseLoadEnd, history.PhaseBarrier, history.PhaseFinalEnd} {
		load.Events = append(load.Events, history.Event{Node: history.NoNode, T: []int64{0, 900 * ms, 910 * ms, 950 * ms}[i], Kind: history.EvPhase, Name: p})
	}
	for _, at := range []int64{0, 300 * ms, 905 * ms, 945 * ms} {
		load.Samples = append(load.Samples,
			history.Sample{Node: 0, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "x", Offset: 10, Replicas: 1},
			history.Sample{Node: 1, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "x", Offset: 10, LinkUp: true})
	}
	end := &history.Batch{Source: history.NoNode, Seq: 2, Events: []history.Event{{Node: history.NoNode, T: 960 * ms, Kind: history.EvNote, Name: history.NoteClosed}}}
	batches := append([]*history.Batch{load, {Source: 2, Seq: 1, Keys: keys, Ops: ops, Watermark: &history.Watermark{T: 890 * ms, Final: true}}, end}, more...)
	return history.FromBatches(&history.Run{Schema: history.RunSchema, Scenario: "by hand", Nodes: handNodes}, batches)
}

func op(p int32, f history.F, in, out, call, ret int64) history.Op {
	return history.Op{Process: p, Client: p, Worker: 2, F: f, In: in, Arg: history.None, Out: out, Acked: -1, Call: call, Intended: call, Return: ret}
}

func change(o history.Op, f func(*history.Op)) history.Op {
	f(&o)
	return o
}

const none, null = history.None, history.Nil

func TestEveryKindOfRecordIsJudgedAsTheRun(t *testing.T) {
	replica := func(o *history.Op) { o.Flags, o.Node = history.FlagReplicaRead, 1 }
	list := func(l ...int64) func(*history.Op) { return func(o *history.Op) { o.List = append([]int64{}, l...) } }
	lease := func(ns int64) func(*history.Op) { return func(o *history.Op) { o.Arg = ns } }
	write := func(v, call int64) history.Op { return op(1, history.FWrite, v, none, call, call+ms) }
	txn := func(p int32, call int64, mops ...history.Mop) history.Op {
		return change(op(p, history.FTxn, none, none, call, call+ms), func(o *history.Op) { o.List = history.EncodeMops(mops) })
	}
	dumps := func(key, typ string, elems ...[]int64) *history.Batch {
		b := &history.Batch{Source: history.NoNode, Seq: 3}
		for n, e := range elems {
			b.Dumps = append(b.Dumps, history.Dump{Node: int32(n), Key: key, Type: typ, Elems: e, Digest: 1<<63 + uint64(len(e)), ExpireAt: -1})
		}
		return b
	}
	fault := &history.Batch{Source: history.NoNode, Seq: 3, Faults: []history.Fault{{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{0}, Links: [][2]int32{{0, 1}},
		Scheduled: 100 * ms, Injected: 100 * ms, Effect: 101 * ms, Proof: "gone", HealCalled: 200 * ms, Healed: 210 * ms}}}
	lost := &history.Batch{Source: 2, Seq: 3, Keys: []string{"r:1"}, Ops: []history.Op{write(9, 500*ms)}, Watermark: &history.Watermark{T: 890 * ms, Final: true}}
	second := &history.Batch{Source: history.NoNode, Seq: 4, Dumps: []history.Dump{{Node: 0, Key: "r:1", Type: "string", Elems: []int64{2}, ExpireAt: -1, Read: 2}}}
	for n := range int32(2) {
		for read := range int32(2) {
			from := 911*ms + int64(read)*10*ms
			second.Readings = append(second.Readings, history.Reading{Node: n, Read: read + 1, Call: from, Return: from + ms, WallCall: from, WallReturn: from + ms, Keys: 1})
		}
	}
	stalled := &history.Batch{Source: history.NoNode, Seq: 3, Events: []history.Event{{Node: history.NoNode, T: 100 * ms, Dur: 200 * ms, Kind: history.EvStall, Name: history.StallTick}}}
	cut := &history.Batch{Source: 2, Seq: 2, Watermark: &history.Watermark{T: 300 * ms}}

	for _, tt := range []struct {
		name string
		h    *history.History
	}{
		{"replica reads", hand([]history.Op{write(1, 10*ms), write(2, 20*ms), change(op(2, history.FRead, none, 1, 50*ms, 51*ms), replica), change(op(2, history.FRead, none, null, 60*ms, 61*ms), replica)},
			[]string{"r:1"}, dumps("r:1", "string", []int64{2}, []int64{2}))},
		{"loss", hand([]history.Op{write(1, 10*ms), write(2, 20*ms)}, []string{"r:1"}, dumps("r:1", "string", []int64{1}, []int64{1}))},
		{"divergence", hand([]history.Op{write(1, 10*ms), write(2, 20*ms)}, []string{"r:1"}, dumps("r:1", "string", []int64{2}, []int64{1, 1}))},
		{"a fault", hand([]history.Op{write(1, 10*ms), change(write(2, 150*ms), func(o *history.Op) { o.Outcome, o.Err = history.Info, history.ErrTimeout })}, []string{"r:1"}, fault)},
		{"a lost batch", hand([]history.Op{write(1, 10*ms)}, []string{"r:1"}, lost)},
		{"a cut", hand([]history.Op{write(1, 10*ms), write(2, 400*ms), op(2, history.FRead, none, 2, 500*ms, 501*ms)}, []string{"r:1"}, cut)},
		{"unknown and refused", hand([]history.Op{write(1, 10*ms), change(op(2, history.FWrite, 3, none, 20*ms, 21*ms), func(o *history.Op) { o.Outcome, o.Err = history.Fail, history.ErrReadOnly }),
			change(op(3, history.FWrite, 4, none, 30*ms, 0), func(o *history.Op) { o.Outcome, o.Err, o.Return = history.Info, history.ErrReset, history.Inf })}, []string{"r:1", "never used"}, dumps("r:1", "string", []int64{4}, []int64{4}))},
		{"chains, versions, WAIT, late calls", hand([]history.Op{change(write(1, 10*ms), func(o *history.Op) { o.Flags, o.Out, o.Acked = history.FlagPred|history.FlagVersion, null, 1 }),
			change(write(2, 20*ms), func(o *history.Op) {
				o.Flags, o.Out, o.Intended = history.FlagPred|history.FlagVersion|history.FlagProbe, 1, 15*ms
			})}, []string{"r:1"})},
		{"locks with leases", hand([]history.Op{change(op(1, history.FAcquire, 1, 7, 10*ms, 11*ms), lease(50*ms)), change(op(2, history.FAcquire, 2, null, 12*ms, 13*ms), lease(50*ms)),
			change(op(3, history.FAcquire, 3, 8, 90*ms, 91*ms), lease(50*ms)), op(3, history.FFenced, 8, 1, 92*ms, 93*ms), op(1, history.FRelease, 1, 0, 95*ms, 96*ms)}, []string{"l:1"})},
		{"locks that overlap", hand([]history.Op{change(op(1, history.FAcquire, 1, none, 10*ms, 11*ms), lease(500*ms)), change(op(2, history.FAcquire, 2, none, 50*ms, 51*ms), lease(500*ms))}, []string{"l:1"})},
		{"a queue", hand([]history.Op{op(1, history.FEnqueue, 1, 1, 10*ms, 11*ms), op(1, history.FEnqueue, 2, 2, 20*ms, 21*ms), op(2, history.FDequeue, none, 1, 30*ms, 31*ms),
			change(op(2, history.FDequeue, none, 1, 40*ms, 41*ms), lease(1)), op(2, history.FAck, 1, 1, 50*ms, 51*ms), op(2, history.FDequeue, none, null, 60*ms, 61*ms)}, []string{"q:1"}, dumps("q:1", "none", nil, nil))},
		{"a bank", hand([]history.Op{change(op(1, history.FTransfer, none, 1, 10*ms, 11*ms), func(o *history.Op) { o.Arg, o.List = 2, []int64{0, 1} }),
			change(op(2, history.FReadBank, none, none, 20*ms, 21*ms), list(3, 7)), change(op(2, history.FReadBank, none, none, 30*ms, 31*ms), list(3, 6)),
			change(op(1, history.FTransfer, none, 0, 40*ms, 41*ms), func(o *history.Op) { o.Arg, o.List = 200, []int64{0, 1} })}, []string{"b:1"})},
		{"lists, sets, counters, keys that expire", hand([]history.Op{op(1, history.FAppend, 1, 1, 10*ms, 11*ms), change(op(2, history.FReadList, none, none, 20*ms, 21*ms), list()),
			change(op(3, history.FAdd, 1, 0, 10*ms, 11*ms), func(o *history.Op) { o.Key = 1 }), change(op(3, history.FReadSet, none, none, 20*ms, 21*ms), func(o *history.Op) { o.Key = 1 }),
			change(op(4, history.FIncr, 5, 99, 10*ms, 11*ms), func(o *history.Op) { o.Key = 2 }), change(op(4, history.FReadCounter, none, 5, 20*ms, 21*ms), func(o *history.Op) { o.Key = 2 }),
			change(op(5, history.FExpiring, 5, none, 10*ms, 11*ms), func(o *history.Op) { o.Key, o.Arg = 3, 100*ms }), change(op(5, history.FReadExpiring, none, 5, 300*ms, 301*ms), func(o *history.Op) { o.Key = 3 })},
			[]string{"a:1", "s:1", "c:1", "e:1"})},
		{"removals, single elements, tails, views, holders", hand([]history.Op{op(1, history.FAdd, 1, 1, 10*ms, 11*ms), op(1, history.FContains, 1, 1, 12*ms, 13*ms),
			op(1, history.FRemove, 1, 1, 20*ms, 21*ms), op(1, history.FContains, 1, -1, 30*ms, 31*ms),
			change(op(2, history.FAppend, 7, 1, 10*ms, 11*ms), func(o *history.Op) { o.Key = 1 }),
			change(op(2, history.FReadTail, 5, 1, 20*ms, 21*ms), func(o *history.Op) { o.Key, o.Arg, o.List = 1, 0, []int64{8} }),
			change(op(3, history.FEnqueue, 3, 1, 10*ms, 11*ms), func(o *history.Op) { o.Key = 2 }),
			change(op(3, history.FReadQueue, none, none, 20*ms, 21*ms), func(o *history.Op) { o.Key, o.List = 2, []int64{3, 4} }),
			change(op(4, history.FAcquire, 9, none, 10*ms, 11*ms), func(o *history.Op) { o.Key, o.Arg = 3, 500*ms }),
			change(op(4, history.FReadLock, none, 8, 20*ms, 21*ms), func(o *history.Op) { o.Key = 3 })}, []string{"s:1", "a:1", "q:1", "l:1"})},
		{"writes to a replica, ledgers", hand([]history.Op{change(write(1, 10*ms), func(o *history.Op) { o.Flags, o.Node = history.FlagReplicaWrite, 1 }),
			change(op(2, history.FExpiring, 5, none, 10*ms, 11*ms), func(o *history.Op) { o.Key, o.Arg, o.Flags = 1, 100*ms, history.FlagLedger })}, []string{"rw:1", "e:1"})},
		{"second readings", hand([]history.Op{write(1, 10*ms), write(2, 20*ms)}, []string{"r:1"}, dumps("r:1", "string", []int64{1}, []int64{2}), second)},
		{"a harness that stood still", hand([]history.Op{write(1, 10*ms)}, []string{"r:1"}, stalled)},
		{"a cas, a delete", hand([]history.Op{write(1, 10*ms), change(op(1, history.FCAS, 1, 1, 20*ms, 21*ms), lease(2)), change(op(1, history.FCAS, 1, 0, 30*ms, 31*ms), lease(3)),
			op(1, history.FDel, none, 1, 40*ms, 41*ms), op(1, history.FRead, none, 2, 50*ms, 51*ms)}, []string{"o:1"})},
		{"transactions", hand([]history.Op{txn(1, 10*ms, history.Mop{F: history.FAppend, Key: 1, In: 1}, history.Mop{F: history.FAppend, Key: 2, In: 1}),
			txn(2, 20*ms, history.Mop{F: history.FReadList, Key: 1, In: none, List: []int64{1}}, history.Mop{F: history.FReadList, Key: 2, In: none, List: []int64{}}),
			txn(3, 30*ms, history.Mop{F: history.FWrite, Key: 3, In: 1}, history.Mop{F: history.FRead, Key: 3, In: null})}, []string{"t"})},
	} {
		t.Run(tt.name, func(t *testing.T) { sameResult(t, tt.h) })
	}
}

// A model judges a copy as it judges the history, and neither passes what is not whole.
func TestIncompleteHistoriesNeverPassAModel(t *testing.T) {
	good := []history.Op{op(1, history.FWrite, 1, none, 10*ms, 11*ms), op(2, history.FRead, none, 1, 20*ms, 21*ms)}
	bad := append(good[:1:1], op(2, history.FRead, none, null, 20*ms, 21*ms))
	for _, tt := range []struct {
		name         string
		lose         func(*history.History)
		fine, broken result.Verdict // what a good history becomes, and a bad one
	}{
		{"whole", func(*history.History) {}, result.Pass, result.Violation},
		{"torn", func(h *history.History) { h.Torn = "the block at byte 7 is cut off" }, result.Unknown, result.Violation},
		{"cut", func(h *history.History) { h.Cut = 500 * ms }, result.Unknown, result.Violation},
		{"interrupted", func(h *history.History) { h.Run.Incomplete = "interrupted" }, result.Unknown, result.Violation},
		{"records are missing", func(h *history.History) { h.Missing = []string{"w1: batch 3 follows batch 1"} }, result.Error, result.Error},
		{"missing and torn", func(h *history.History) { h.Missing, h.Torn = []string{"w1: ended"}, "torn" }, result.Error, result.Error},
	} {
		for i, ops := range [][]history.Op{good, bad} {
			h := hand(ops, []string{"r:1"})
			tt.lose(h)
			all := copies(t, h)
			all["itself"] = h
			for name, c := range all {
				a, err := checker.CheckModel(c, "register", checker.ModelOptions{})
				require.NoError(t, err)
				require.Equal(t, []result.Verdict{tt.fine, tt.broken}[i], a.Result.Verdict, "%s, %s", tt.name, name)
				if a.Result.Verdict == result.Unknown || a.Result.Verdict == result.Error {
					require.NotEmpty(t, a.Result.Reasons, "%s, %s", tt.name, name)
				}
			}
		}
	}
}

// A file that lost lines is refused: what is gone may be what was wrong.
func TestAnExportThatLostItsEndIsRefused(t *testing.T) {
	h, _ := sim.Run(sim.Config{Seed: 1, Object: sim.Set, Faults: []sim.Failure{}, Load: 1e8})
	for name, write := range map[string]func(*bytes.Buffer) error{
		"jsonl": func(b *bytes.Buffer) error { return exchange.WriteJSONL(b, h) },
		"edn":   func(b *bytes.Buffer) error { return exchange.WriteEDN(b, h) },
	} {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		lines := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
		for n := 2; n < len(lines); n += 1 + len(lines)/40 {
			text := strings.Join(lines[:n], "")
			var err error
			if name == "jsonl" {
				_, err = exchange.ReadJSONL(strings.NewReader(text))
			} else {
				_, _, err = exchange.ImportEDN(strings.NewReader(text), exchange.ImportOptions{})
			}
			require.ErrorIs(t, err, history.ErrNotHistory, fmt.Sprintf("%s cut at line %d", name, n))
		}
	}
}
