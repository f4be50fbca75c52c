package workloads

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

// recorder keeps all batches, and checks of each what every reader of a history relies on. Writes to replicas stand apart.
type recorder struct {
	t        testing.TB
	mu       sync.Mutex
	ops      []named
	replicas []named
	marks    []history.Watermark
}

type named struct {
	history.Op
	key string
}

func (r *recorder) emit(b *history.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got, err := history.DecodeBatch(history.EncodeBatch(nil, b))
	require.NoError(r.t, err)
	for _, op := range got.Ops {
		to := &r.ops
		if op.Flags&history.FlagReplicaWrite != 0 {
			to = &r.replicas
		}
		*to = append(*to, named{op, got.Keys[op.Key]})
	}
	r.marks = append(r.marks, *b.Watermark)
}

// count is the number of operations that cond holds for.
func (r *recorder) count(cond func(named) bool) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range r.ops {
		if cond(op) {
			n++
		}
	}
	return n
}

func ok(op named) bool { return op.Outcome == history.OK }

func clock() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start)) + 1 }
}

// load runs a job against servers for so long and returns what was recorded.
func load(t testing.TB, job Job, d time.Duration) *recorder {
	t.Helper()
	rec := &recorder{t: t}
	r, err := NewRunner(job, clock(), rec.emit)
	require.NoError(t, err)
	require.NoError(t, r.Prepare(context.Background()))
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	require.NoError(t, r.Run(ctx))
	require.NotEmpty(t, rec.marks)
	last := rec.marks[len(rec.marks)-1]
	require.True(t, last.Final)
	require.Empty(t, last.InFlight)
	return rec
}

func jobFor(spec Spec, master *redistest.Server, replicas ...*redistest.Server) Job {
	spec = spec.WithDefaults()
	j := Job{Spec: spec, Worker: "w1", WorkerNode: 9, Writers: spec.Writers, Readers: spec.Readers, Seed: 1,
		Servers: map[string]int32{master.Addr: 0}, Master: master.Addr, Version: "7.0.15"}
	for i, r := range replicas {
		j.Servers[r.Addr] = int32(i + 1)
		j.Replicas = append(j.Replicas, r.Addr)
	}
	return j
}

func TestRegisterOnServers(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	for _, spec := range []Spec{
		{Kind: Register, Rate: 1000},
		{Kind: Register, Rate: 1000, Shared: true, ValueSize: 64, Zipf: 1.5},
		{Kind: Register, Rate: 400, Wait: 1},
	} {
		t.Run(fmt.Sprintf("shared=%v/size=%d/wait=%d", spec.Shared, spec.ValueSize, spec.Wait), func(t *testing.T) {
			require.NoError(t, master.Client.FlushAll(context.Background()).Err())
			rec := load(t, jobFor(spec, master, replica), time.Second)
			last := map[string]map[int64]bool{} // values that nothing replaced, by key
			var reads, replicaReads, probes int
			for _, op := range rec.ops {
				require.Equal(t, history.OK, op.Outcome, "%+v", op)
				require.EqualValues(t, 9, op.Worker)
				require.LessOrEqual(t, op.Intended, op.Call)
				require.Less(t, op.Call, op.Return)
				if op.Flags&history.FlagProbe != 0 {
					probes++
				}
				if op.F == history.FRead {
					require.Equal(t, op.Flags&history.FlagReplicaRead != 0, op.Node == 1)
					if reads++; op.Node == 1 {
						replicaReads++
					}
					continue
				}
				require.EqualValues(t, 0, op.Node)
				require.NotZero(t, op.Flags&history.FlagPred)
				if last[op.key] == nil {
					last[op.key] = map[int64]bool{}
				}
				for v, d := range map[int64]bool{op.In: true, op.Out: false} {
					if v != history.Nil && !d {
						last[op.key][v] = false
					} else if _, replaced := last[op.key][v]; d && !replaced {
						last[op.key][v] = true
					}
				}
				if spec.Wait > 0 {
					require.EqualValues(t, 1, op.Acked)
				} else {
					require.EqualValues(t, -1, op.Acked)
				}
			}
			for key, values := range last {
				v, err := master.Client.Get(context.Background(), key).Result()
				require.NoError(t, err)
				if spec.ValueSize > 0 {
					require.Len(t, v, spec.ValueSize)
					v = v[:len(v)-len(trimNumber(v))]
				}
				n, err := strconv.ParseInt(v, 10, 64)
				require.NoError(t, err)
				for value, final := range values {
					require.Equal(t, value == n, final, "%s: the server ends with %d", key, n)
				}
			}
			require.Greater(t, reads, replicaReads)
			require.Greater(t, replicaReads, 50)
			require.Greater(t, probes, 15)
			requirePace(t, rec, time.Duration(12e9/spec.Rate))
		})
	}
}

// requirePace: each client of the load wants one operation in each period, however late it gets to it.
func requirePace(t *testing.T, rec *recorder, period time.Duration) {
	t.Helper()
	first, last, n := map[int32]int64{}, map[int32]int64{}, map[int32]int{}
	for _, op := range rec.ops {
		if op.Flags&history.FlagProbe != 0 {
			continue
		}
		if n[op.Client]++; n[op.Client] == 1 {
			first[op.Client] = op.Intended
		}
		last[op.Client] = op.Intended
	}
	require.Len(t, n, 12)
	for c := range n {
		require.InDelta(t, int64(n[c]-1)*period.Nanoseconds(), last[c]-first[c], float64(period.Nanoseconds()+1000), "client %d", c)
	}
}

func trimNumber(s string) string {
	for i, c := range s {
		if c < '0' || c > '9' {
			return s[i:]
		}
	}
	return ""
}

func TestCollectionsOnServers(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	for _, kind := range []Kind{Set, Hash, SortedSet, List} {
		t.Run(string(kind), func(t *testing.T) {
			ctx := context.Background()
			require.NoError(t, master.Client.FlushAll(ctx).Err())
			rec := load(t, jobFor(Spec{Kind: kind, Writers: 2, Rate: 4000}, master, replica), 4*time.Second)
			requireShares(t, rec)
			added, removed := map[string]map[int64]bool{}, map[int64]bool{}
			acked := map[int64]int64{}
			for _, op := range rec.ops {
				require.Equal(t, history.OK, op.Outcome, "%+v", op)
				switch op.F {
				case history.FAdd, history.FAppend:
					if added[op.key] == nil {
						added[op.key] = map[int64]bool{}
					}
					added[op.key][op.In] = true
					acked[op.In] = op.Return
					if kind == List {
						require.EqualValues(t, len(added[op.key]), op.Out)
					} else {
						require.EqualValues(t, 1, op.Out)
					}
				case history.FRemove:
					require.EqualValues(t, 1, op.Out)
					require.True(t, added[op.key][op.In], "what was added before")
					require.False(t, removed[op.In], "removed twice")
					require.GreaterOrEqual(t, op.Call-acked[op.In], removeAfter-2000, "stamps are rounded outwards")
					removed[op.In] = true
				case history.FContains:
					require.Contains(t, []int64{0, 1}, op.Out)
				case history.FReadTail:
					require.Equal(t, op.Out-op.Arg, int64(len(op.List)))
					require.Len(t, op.List, int(min(op.Out, tailLen)))
				}
			}
			collections, latest := 0, map[int64]int64{} // by writer: how many it began follows from how often it tried
			for _, elements := range added {
				for e := range elements {
					latest[e>>32] = max(latest[e>>32], e&0xffffffff)
				}
			}
			for _, seq := range latest {
				collections += int(collectionOf(seq)) + 1
			}
			require.Len(t, added, collections)
			require.Greater(t, len(added), 2, "a full one is not gone on with")
			if kind != List {
				require.Greater(t, len(removed), 50)
				require.Less(t, len(removed), len(acked)/10)
				require.Greater(t, rec.count(func(op named) bool { return op.F == history.FContains && op.Out == 1 }), 500)
				require.Greater(t, rec.count(func(op named) bool { return op.F == history.FContains && op.Out == 0 }), 50)
			}
			keys, err := master.Client.Keys(ctx, "*").Result()
			require.NoError(t, err)
			require.Len(t, keys, len(added))
			for key, elements := range added {
				require.LessOrEqual(t, len(elements), maxElements)
				for v := range elements {
					if removed[v] {
						delete(elements, v)
					}
				}
				require.Equal(t, len(elements), size(t, master, key), key)
			}
		})
	}
}

// size is how many elements a key holds.
func size(t *testing.T, s *redistest.Server, key string) int {
	t.Helper()
	cmd := map[byte]string{'s': "scard", 'h': "hlen", 'z': "zcard", 'l': "llen", 'q': "llen", 'x': "xlen"}[key[0]]
	n, err := s.Client.Do(context.Background(), cmd, key).Int()
	require.NoError(t, err)
	return n
}

// requireShares: at least a fifth of the load are reads, at the master and at the replica, what is read whole is within its limit, and
// replicas are written to, in vain.
func requireShares(t *testing.T, rec *recorder) {
	t.Helper()
	var reads, atReplica, whole int
	from, to := rec.ops[0].Call, rec.ops[0].Return
	for _, op := range rec.ops {
		from, to = min(from, op.Call), max(to, op.Call)
		readOnly := !op.F.IsWrite()
		if op.F == history.FTxn {
			readOnly = true
			mops, _ := history.DecodeMops(op.List)
			for _, m := range mops {
				readOnly = readOnly && m.F == history.FReadList
			}
		}
		if !readOnly {
			continue
		}
		reads++
		if op.Flags&history.FlagReplicaRead != 0 {
			require.EqualValues(t, 1, op.Node)
			atReplica++
		}
		switch op.F {
		case history.FReadSet, history.FReadList, history.FReadQueue:
			whole += len(op.List)
		}
	}
	require.GreaterOrEqual(t, reads, len(rec.ops)/5, "%d operations", len(rec.ops))
	require.Greater(t, atReplica, reads/4)
	require.Greater(t, reads-atReplica, reads/4)
	require.Less(t, float64(whole)/(float64(to-from)/1e9), 100_000.0)
	require.NotEmpty(t, rec.replicas)
	for _, op := range rec.replicas {
		require.Equal(t, history.ReplicaKey(1), op.key)
		require.EqualValues(t, 1, op.Node)
		require.Equal(t, history.ErrReadOnly, op.Err)
	}
}
