package checker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func TestGuessModel(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []history.Op
		want string // empty: none
	}{
		{"nothing", nil, ""},
		{"register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FRead, none, 1, 2, 3)}, "register"},
		{"cas", []history.Op{op(1, history.FCAS, 1, 0, 0, 1), op(1, history.FRead, none, 1, 2, 3)}, "cas-register"},
		{"set", []history.Op{op(1, history.FAdd, 1, none, 0, 1)}, "set"},
		{"list", []history.Op{op(1, history.FAppend, 1, none, 0, 1)}, "list"},
		{"list with puts", []history.Op{op(1, history.FAppend, 1, none, 0, 1), op(1, history.FWrite, 2, none, 2, 3)}, "list"},
		{"counter", []history.Op{op(1, history.FIncr, 1, none, 0, 1)}, "counter"},
		{"bank", []history.Op{read(1, history.FReadBank, 0, 1, 5)}, "bank"},
		{"lock", []history.Op{op(1, history.FAcquire, 1, none, 0, 1)}, "lock"},
		{"queue", []history.Op{put(1, 0, 1), take(1, 2, 3)}, "queue"},
		{"expiry", []history.Op{op(1, history.FReadExpiring, none, 1, 0, 1)}, "expiry"},
		{"list-append", []history.Op{txn(1, 0, 1, app(1, 1), get(1, 1))}, "list-append"},
		{"rw-register", []history.Op{txn(1, 0, 1, wr(1, 1), rd(1, 1))}, "rw-register"},
		{"both kinds of transactions", []history.Op{txn(1, 0, 1, wr(1, 1), get(2))}, ""},
		{"a mix", []history.Op{put(1, 0, 1), op(1, history.FAdd, 1, none, 0, 1)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := GuessModel(hist(c.ops...))
			if c.want == "" {
				require.ErrorIs(t, err, ErrModel)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestCheckModelRefuses(t *testing.T) {
	h := hist(put(1, 0, 1))
	_, err := CheckModel(h, "quue", ModelOptions{})
	require.ErrorIs(t, err, ErrModel)
	require.ErrorContains(t, err, "cas-register")
	_, err = CheckModel(h, "set", ModelOptions{})
	require.ErrorIs(t, err, ErrModel)
}

// What a model does not look at it does not pass.
func TestModelsPassNothingThatTheyDoNotJudge(t *testing.T) {
	at := func(key uint32, o history.Op) history.Op { o.Key = key; return o }
	mixed := []history.Op{op(1, history.FWrite, 1, none, 0, 1), at(1, op(1, history.FAdd, 1, none, 2, 3)), at(1, read(2, history.FReadSet, 4, 5))}
	h := hist(mixed...)
	a, err := CheckModel(h, "register", ModelOptions{})
	require.NoError(t, err)
	require.Equal(t, result.Pass, a.Result.Verdict)
	require.EqualValues(t, 1, a.Result.ModelOps, "the set is another matter")
	h.Run.Imported = "jsonl"
	_, err = CheckModel(h, "register", ModelOptions{})
	require.ErrorIs(t, err, ErrModel)
	require.ErrorContains(t, err, "none of it")

	mixed[1].Key, mixed[2].Key = 0, 0 // all on one key
	a, err = CheckModel(hist(mixed...), "register", ModelOptions{})
	require.NoError(t, err)
	require.Equal(t, result.Unknown, a.Result.Verdict)
	for _, m := range []string{"set", "counter", "list"} {
		h := hist(op(1, history.FWrite, 1, none, 0, 1), op(1, history.FAdd, 1, none, 2, 3), op(1, history.FIncr, 1, none, 4, 5), op(1, history.FAppend, 1, none, 6, 7))
		a, err := CheckModel(h, m, ModelOptions{})
		require.NoError(t, err)
		require.Equal(t, result.Unknown, a.Result.Verdict, m)
	}
}

func TestModelVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, model string
		ops         []history.Op
		want        result.Verdict
	}{
		{"register", "register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FRead, none, 1, 2, 3)}, result.Pass},
		{"register, stale", "register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FRead, none, null, 2, 3)}, result.Violation},
		{"register, repeated values", "register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FWrite, 2, none, 2, 3),
			op(1, history.FWrite, 1, none, 4, 5), op(1, history.FRead, none, 1, 6, 7)}, result.Pass},
		{"register, repeated values, stale", "register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FWrite, 2, none, 2, 3),
			op(1, history.FWrite, 1, none, 4, 5), op(1, history.FRead, none, 2, 6, 7)}, result.Violation},
		{"register, phantom", "register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), op(1, history.FRead, none, 5, 2, 3)}, result.Violation},
		{"cas-register", "cas-register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), withArg(op(1, history.FCAS, 1, 1, 2, 3), 2),
			op(1, history.FRead, none, 2, 4, 5)}, result.Pass},
		{"cas-register, wrong", "cas-register", []history.Op{op(1, history.FWrite, 1, none, 0, 1), withArg(op(1, history.FCAS, 1, 0, 2, 3), 2)}, result.Violation},
		{"set", "set", []history.Op{op(1, history.FAdd, 1, none, 0, 1), read(2, history.FReadSet, 2, 3, 1)}, result.Pass},
		{"set, lost", "set", []history.Op{op(1, history.FAdd, 1, none, 0, 1), read(2, history.FReadSet, 2, 3)}, result.Violation},
		{"set-full, stale", "set-full", []history.Op{op(1, history.FAdd, 1, none, 0, 1), read(2, history.FReadSet, 2, 3), read(2, history.FReadSet, 4, 5, 1)}, result.Violation},
		{"list with puts", "list", []history.Op{op(1, history.FAppend, 1, none, 0, 1), op(1, history.FWrite, 2, none, 2, 3), read(2, history.FReadList, 4, 5, 2)}, result.Pass},
		{"kv", "kv", []history.Op{op(1, history.FAppend, 1, none, 0, 1), {Process: 1, F: history.FWrite, In: none, Out: none, Arg: none, Acked: -1, Call: 2, Return: 3, List: []int64{2, 3}},
			op(1, history.FAppend, 4, none, 4, 5), read(2, history.FReadList, 6, 7, 2, 3, 4)}, result.Pass},
		{"kv, wrong", "kv", []history.Op{op(1, history.FAppend, 1, none, 0, 1), {Process: 1, F: history.FWrite, In: none, Out: none, Arg: none, Acked: -1, Call: 2, Return: 3},
			op(1, history.FAppend, 4, none, 4, 5), read(2, history.FReadList, 6, 7, 1, 4)}, result.Violation},
		{"list with puts, wrong", "list", []history.Op{op(1, history.FAppend, 1, none, 0, 1), op(1, history.FWrite, 2, none, 2, 3), read(2, history.FReadList, 4, 5, 1)}, result.Violation},
		{"counter", "counter", []history.Op{op(1, history.FIncr, 2, none, 0, 1), op(2, history.FReadCounter, none, 2, 2, 3)}, result.Pass},
		{"counter, wrong", "counter", []history.Op{op(1, history.FIncr, 2, none, 0, 1), op(2, history.FReadCounter, none, 1, 2, 3)}, result.Violation},
		{"lock", "lock", []history.Op{op(1, history.FAcquire, 1, none, 0, 1), op(2, history.FAcquire, 2, null, 2, 3)}, result.Pass},
		{"lock, refused while free", "lock", []history.Op{op(2, history.FAcquire, 2, null, 2, 3)}, result.Violation},
		{"lock, twice", "lock", []history.Op{op(1, history.FAcquire, 1, none, 0, 1), op(2, history.FAcquire, 2, none, 2, 3)}, result.Violation},
		{"queue", "queue", []history.Op{put(1, 0, 1), take(1, 2, 3)}, result.Pass},
		{"queue, lost", "queue", []history.Op{put(1, 0, 1), take(null, 2, 3)}, result.Violation},
		{"stream", "stream", []history.Op{put(1, 0, 1), take(1, 2, 3), withArg(take(1, 4, 5), 1)}, result.Pass},
		{"expiry, early is no violation", "expiry", []history.Op{withArg(op(1, history.FExpiring, 1, none, 0, 1), 1e9), op(2, history.FReadExpiring, none, null, 2, 3)}, result.Pass},
		{"nothing worked", "queue", []history.Op{failed(put(1, 0, 1))}, result.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := CheckModel(hist(c.ops...), c.model, ModelOptions{})
			require.NoError(t, err)
			require.Equal(t, c.want, a.Result.Verdict, a.Result.Findings)
		})
	}
}

func TestImportedTimesAreEvents(t *testing.T) {
	h := hist(op(1, history.FAdd, 1, none, 0, 1), read(2, history.FReadSet, 5, 6), read(2, history.FReadSet, 7, 8, 9))
	h.Run.Imported = "edn"
	a, err := CheckModel(h, "set", ModelOptions{})
	require.NoError(t, err)
	require.Contains(t, a.Result.Findings[0].Text, "at event 7")
	require.Contains(t, a.Result.Findings[1].Text, "acknowledged at least 4 events before")
}

// FuzzExtra: whatever a damaged or hostile history holds, the checkers return.
func FuzzExtra(f *testing.F) {
	for _, seed := range [][]byte{{1, 2, 3}, {7, 0, 1, 2, 8, 0, 0, 3}, {21, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ops []history.Op
		values := []int64{0, 1, 2, 3, -1, null, none, inf, 1 << 40}
		for len(data) >= 8 && len(ops) < 40 {
			b := data[:8]
			o := op(int32(b[1]%4), history.F(b[0]%24), values[int(b[2])%len(values)], values[int(b[3])%len(values)], int64(b[4]), int64(b[4])+int64(b[5]%16))
			o.Outcome, o.Key = history.Outcome(b[6]%3), uint32(b[6]>>4%3)
			o.Arg = values[int(b[7])%len(values)]
			if b[7]&1 != 0 {
				o.Flags = history.FlagReplicaRead
			}
			data = data[8:]
			for n := int(b[7] % 6); n > 0 && len(data) > 0; n-- {
				o.List = append(o.List, values[int(data[0])%len(values)])
				data = data[1:]
			}
			ops = append(ops, o)
		}
		h := hist(ops...)
		a := &result.Analysis{}
		x := newExtra(h, a, ModelOptions{MemoryLimit: 1 << 20})
		x.runModel("register")
		checked(h)
		for _, m := range Models() {
			_, _ = CheckModel(h, m, ModelOptions{MemoryLimit: 1 << 20})
		}
	})
}
