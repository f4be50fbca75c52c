package workloads

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// servers is a master with one replica for all tests of a test function, empty for each of them.
type servers struct{ master, replica *redistest.Server }

func start(t *testing.T) servers {
	t.Helper()
	master := redistest.Start(t)
	return servers{master, master.Replica(t)}
}

func (s servers) load(t *testing.T, spec Spec, d time.Duration) *recorder {
	t.Helper()
	require.NoError(t, s.master.Client.FlushAll(context.Background()).Err())
	return load(t, jobFor(spec, s.master, s.replica), d)
}

// requireAllOK allows transactions that lost against others.
func requireAllOK(t *testing.T, rec *recorder) {
	t.Helper()
	for _, op := range rec.ops {
		if op.Err != history.ErrWatched {
			require.Equal(t, history.OK, op.Outcome, "%+v", op)
		}
	}
}

func TestCounterOnServers(t *testing.T) {
	s := start(t)
	rec := s.load(t, Spec{Kind: Counter}, time.Second)
	requireAllOK(t, rec)
	seen := map[string]map[int64]bool{}
	for _, op := range rec.ops {
		if op.F == history.FIncr {
			if seen[op.key] == nil {
				seen[op.key] = map[int64]bool{}
			}
			require.False(t, seen[op.key][op.Out], "two increments answered %d", op.Out)
			seen[op.key][op.Out] = true
		}
	}
	require.Len(t, seen, DefaultKeys(Counter))
	for key, values := range seen {
		n, err := s.master.Client.Get(context.Background(), key).Int()
		require.NoError(t, err)
		require.Len(t, values, n)
	}
	requireShares(t, rec)
}

func TestCASOnServers(t *testing.T) {
	s := start(t)
	for _, lua := range []bool{false, true} {
		t.Run(fmt.Sprintf("lua=%v", lua), func(t *testing.T) {
			rec := s.load(t, Spec{Kind: CAS, Lua: lua}, time.Second)
			requireAllOK(t, rec)
			requireShares(t, rec)
			set := rec.count(func(op named) bool { return op.F == history.FCAS && ok(op) && op.Out == 1 })
			missed := rec.count(func(op named) bool { return op.F == history.FCAS && ok(op) && op.Out == 0 })
			require.Greater(t, set, 50)
			require.Greater(t, missed, 5)
			require.Greater(t, rec.count(func(op named) bool { return op.F == history.FDel && op.Out == 1 }), 5)
			// A value is replaced by at most one successful compare-and-set, and what the server holds was written and not replaced.
			replaced, written := map[string]int{}, map[string]bool{}
			for _, op := range rec.ops {
				switch {
				case op.F == history.FCAS && ok(op) && op.Out == 1:
					written[fmt.Sprint(op.key, "=", op.Arg)] = true
					if op.In != history.Nil {
						v := fmt.Sprint(op.key, "=", op.In)
						replaced[v]++
						require.Equal(t, 1, replaced[v], v)
					}
				case op.F == history.FWrite:
					written[fmt.Sprint(op.key, "=", op.In)] = true
				}
			}
			for i := range DefaultKeys(CAS) {
				key := fmt.Sprintf("a:%d", i)
				v, err := s.master.Client.Get(context.Background(), key).Result()
				if err == redis.Nil {
					continue
				}
				require.NoError(t, err)
				require.True(t, written[key+"="+v])
				require.Zero(t, replaced[key+"="+v])
			}
		})
	}
}

func TestLockOnServers(t *testing.T) {
	s := start(t)
	for _, fencing := range []bool{false, true} {
		t.Run(fmt.Sprintf("fencing=%v", fencing), func(t *testing.T) {
			rec := s.load(t, Spec{Kind: Lock, Fencing: fencing, Rate: 4000}, 1500*time.Millisecond)
			requireAllOK(t, rec)
			requireShares(t, rec)
			kept, refused := map[string]int64{}, 0
			for _, op := range rec.ops {
				if op.F == history.FAcquire && op.Arg == int64(keepLease) {
					require.NotEqual(t, history.Nil, op.Out)
					kept[op.key] = op.In
				} else if op.F == history.FAcquire && op.Out == history.Nil && kept[op.key] != 0 {
					refused++
				}
			}
			require.Greater(t, len(kept), 4)
			require.Greater(t, refused, 4)
			for key, holder := range kept {
				now, err := s.master.Client.Get(context.Background(), key).Int64()
				require.NoError(t, err)
				require.Equal(t, holder, now, "it is still held")
			}
			taken := rec.count(func(op named) bool { return op.F == history.FAcquire && op.Out != history.Nil })
			held := rec.count(func(op named) bool { return op.F == history.FAcquire && op.Out == history.Nil })
			given := rec.count(func(op named) bool { return op.F == history.FRelease && op.Out == 1 })
			fenced := rec.count(func(op named) bool { return op.F == history.FFenced && op.Out == 1 })
			require.Greater(t, taken, 100)
			require.Greater(t, held, 20)
			require.InDelta(t, taken-len(kept), given, 8, "at most one lock a client is still held")
			if !fencing {
				require.Zero(t, fenced)
				return
			}
			require.InDelta(t, taken-len(kept), fenced, 8)
			var tokens, largest int64
			for i := range DefaultKeys(Lock) {
				n, err := s.master.Client.Get(context.Background(), fmt.Sprintf("f:%d", i)).Int64()
				require.NoError(t, err)
				tokens += n
				n, err = s.master.Client.Get(context.Background(), fmt.Sprintf("w:%d", i)).Int64()
				require.NoError(t, err)
				largest += n
			}
			require.EqualValues(t, taken-len(kept), tokens)
			require.InDelta(t, tokens, largest, 4)
		})
	}
}

func TestBankOnServers(t *testing.T) {
	s := start(t)
	for _, lua := range []bool{false, true} {
		t.Run(fmt.Sprintf("lua=%v", lua), func(t *testing.T) {
			rec := s.load(t, Spec{Kind: Bank, Lua: lua, Keys: 5, Rate: 800}, time.Second)
			requireAllOK(t, rec)
			want := make([]int64, 5)
			for i := range want {
				want[i] = OpeningBalance
			}
			requireShares(t, rec)
			ledger := s.ledgers(t)
			done := 0
			for _, op := range rec.ops {
				if op.F == history.FTransfer {
					did := ok(op) && op.Out == 1
					require.Equal(t, did, slices.Contains(ledger[history.LedgerKey("b:0", op.In)], op.In), "the ledger has what was done")
					if did {
						done++
					}
				}
				if op.F == history.FTransfer && ok(op) && op.Out == 1 {
					want[op.List[0]] -= op.Arg
					want[op.List[1]] += op.Arg
				}
				if op.F == history.FReadBank {
					var sum int64
					for _, b := range op.List {
						sum += b
					}
					require.EqualValues(t, 5*OpeningBalance, sum)
				}
			}
			for _, ids := range ledger {
				done -= len(ids)
			}
			require.Zero(t, done)
			for i, b := range want {
				got, err := s.master.Client.HGet(context.Background(), "b:0", strconv.Itoa(i)).Int64()
				require.NoError(t, err)
				require.Equal(t, b, got)
			}
			require.Greater(t, rec.count(func(op named) bool { return op.F == history.FTransfer && op.Out == 1 }), 50)
			require.Greater(t, rec.count(func(op named) bool { return op.F == history.FReadBank && op.Node == 1 }), 50)
		})
	}
}

func TestQueuesOnServers(t *testing.T) {
	s := start(t)
	for _, kind := range []Kind{Queue, Stream} {
		for _, version := range []string{"7.0.15", "6.0.16"} { // the commands of both work on either
			t.Run(fmt.Sprintf("%s/%s", kind, version), func(t *testing.T) {
				require.NoError(t, s.master.Client.FlushAll(context.Background()).Err())
				job := jobFor(Spec{Kind: kind, Rate: 500}, s.master, s.replica)
				job.Version = version
				rec := load(t, job, 2*time.Second)
				requireAllOK(t, rec)
				requireShares(t, rec)
				put, took, acked := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
				for _, op := range rec.ops {
					switch {
					case op.F == history.FEnqueue:
						put[op.In] = true
					case op.F == history.FDequeue && op.Out != history.Nil:
						if op.Arg != 1 {
							require.False(t, took[op.Out], "delivered twice")
						}
						took[op.Out] = true
					case op.F == history.FAck:
						require.EqualValues(t, 1, op.Out)
						acked[op.In] = true
					}
				}
				require.Greater(t, len(put), 500)
				require.Greater(t, len(put)-len(took), 20, "consumers stop first")
				require.Less(t, len(put)-len(took), len(put)/2)
				require.Greater(t, len(took), len(acked), "some are left in work")
				require.Less(t, len(took)-len(acked), len(took)/10)
				for v := range took {
					require.True(t, put[v])
				}
				var left int64
				var err error
				if kind == Queue {
					left, err = s.master.Client.LLen(context.Background(), "q:0").Result()
					require.EqualValues(t, len(put)-len(took), left)
				} else {
					left, err = s.master.Client.XLen(context.Background(), "x:0").Result()
					require.EqualValues(t, len(put), left)
				}
				require.NoError(t, err)
			})
		}
	}
}

func TestExpiryOnServers(t *testing.T) {
	s := start(t)
	rec := s.load(t, Spec{Kind: Expiry, Keys: 1000, Lease: 100 * time.Millisecond}, 1500*time.Millisecond)
	requireAllOK(t, rec)
	var present, gone int
	deadline := map[string]int64{} // when a key was surely gone at the latest, by its last write so far
	for _, op := range rec.ops {
		if op.F == history.FExpiring {
			require.Positive(t, op.Arg)
			if op.Arg < int64(longLife) {
				require.LessOrEqual(t, op.Arg, int64(150*time.Millisecond))
			}
			deadline[op.key] = max(deadline[op.key], op.Return+op.Arg)
		}
	}
	for _, op := range rec.ops {
		if op.F == history.FReadExpiring {
			if op.Out == history.Nil {
				gone++
				continue
			}
			present++
			require.LessOrEqual(t, op.Call, deadline[op.key]+int64(20*time.Millisecond))
		}
	}
	require.Greater(t, present, 20)
	require.Greater(t, gone, 20)

	// Half of the writes are in the ledger. Some keys outlive the run, and hold what was written last.
	requireShares(t, rec)
	ledger := s.ledgers(t)
	inLedger, alive := 0, 0
	last := map[string]int64{}
	for _, op := range rec.ops {
		if op.F != history.FExpiring {
			continue
		}
		require.NotEqual(t, history.None, op.Out)
		noted := op.Flags&history.FlagLedger != 0
		require.Equal(t, noted, slices.Contains(ledger[history.LedgerKey(op.key, op.In)], op.In))
		if noted {
			inLedger++
		}
		if op.Arg >= int64(longLife) {
			last[op.key] = max(last[op.key], op.In)
		}
	}
	require.InDelta(t, 0.5, float64(inLedger)/float64(rec.count(func(op named) bool { return op.F == history.FExpiring })), 0.1)
	for key, v := range last {
		got, err := s.master.Client.Get(context.Background(), key).Int64()
		require.NoError(t, err)
		require.Equal(t, v, got)
		left, err := s.master.Client.PTTL(context.Background(), key).Result()
		require.NoError(t, err)
		require.Greater(t, left, longLife/2)
		alive++
	}
	require.Greater(t, alive, 100)
}

func TestTransactionsOnServers(t *testing.T) {
	s := start(t)
	rec := s.load(t, Spec{Kind: Txn, Rate: 800}, 1500*time.Millisecond)
	requireAllOK(t, rec)
	appended := map[int64][]int64{}
	var reads, longest int
	for _, op := range rec.ops {
		mops, ok := history.DecodeMops(op.List)
		require.True(t, ok)
		require.NotEmpty(t, mops)
		for _, m := range mops {
			if m.F == history.FAppend {
				require.Nil(t, m.List)
				appended[m.Key] = append(appended[m.Key], m.In)
				continue
			}
			require.NotNil(t, m.List)
			reads++
			longest = max(longest, len(m.List))
		}
	}
	require.Greater(t, reads, 500)
	require.Greater(t, longest, 50)
	require.Less(t, longest, 4*txnListLen)
	for k, values := range appended {
		got, err := s.master.Client.LRange(context.Background(), fmt.Sprintf("t:%d", k), 0, -1).Result()
		require.NoError(t, err)
		require.Len(t, got, len(values))
		for _, v := range values {
			require.Contains(t, got, strconv.FormatInt(v, 10))
		}
	}
	requireShares(t, rec)
}

// ledgers are the master's ledgers, by name.
func (s servers) ledgers(t *testing.T) map[string][]int64 {
	t.Helper()
	ctx := context.Background()
	names, err := s.master.Client.Keys(ctx, "*ledger*").Result()
	require.NoError(t, err)
	out := map[string][]int64{}
	for _, name := range names {
		_, ok := history.LedgerOf(name)
		require.True(t, ok, name)
		texts, err := s.master.Client.LRange(ctx, name, 0, -1).Result()
		require.NoError(t, err)
		for _, text := range texts {
			v, err := strconv.ParseInt(text, 10, 64)
			require.NoError(t, err)
			out[name] = append(out[name], v)
		}
	}
	return out
}
