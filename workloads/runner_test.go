package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/history"
)

// world is a fake server for any number of clients: all registers in one map, and a mind of its own about outcomes.
type world struct {
	mu      sync.Mutex
	data    map[string]int64
	clients []*fakeClient
	// outcome decides what becomes of the n-th operation of a client; nil: all is well.
	outcome func(client string, n int) history.ErrCode
	delay   time.Duration
}

type fakeClient struct {
	w      *world
	opt    clients.Options
	n      int
	busy   atomic.Bool
	closed atomic.Bool
}

func (w *world) dial(_ context.Context, opt clients.Options) (clients.Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.data == nil {
		w.data = map[string]int64{}
	}
	c := &fakeClient{w: w, opt: opt}
	w.clients = append(w.clients, c)
	return c, nil
}

func (c *fakeClient) Node() int32 { return 1 }

func (c *fakeClient) Close() error { c.closed.Store(true); return nil }

func (c *fakeClient) Do(_ context.Context, key string, op *history.Op) {
	if !c.busy.CompareAndSwap(false, true) || c.closed.Load() {
		panic("a client was used twice at once or after its end")
	}
	defer c.busy.Store(false)
	op.Node, op.Acked = 1, -1
	if c.w.outcome != nil {
		op.Err = c.w.outcome(c.opt.Consumer, c.n)
	}
	c.n++
	op.Outcome = op.Err.Outcome()
	if c.w.delay > 0 {
		time.Sleep(c.w.delay)
	}
	if op.Outcome != history.OK {
		return
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	old, found := c.w.data[key]
	if !found {
		old = history.Nil
	}
	op.Out = old
	if op.F == history.FWrite {
		c.w.data[key] = op.In
	}
}

// fakeRun runs a job for so long in the time of a bubble, in which only waiting takes time: clients of a closed loop need a delay.
func fakeRun(t *testing.T, w *world, job Job, d time.Duration) *recorder {
	t.Helper()
	rec := &recorder{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, err := NewRunner(job, clock(), rec.emit)
		require.NoError(t, err)
		r.dial = w.dial
		require.NoError(t, r.Prepare(context.Background()))
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		require.NoError(t, r.Run(ctx))
		for _, c := range w.clients {
			require.True(t, c.closed.Load())
		}
	})
	return rec
}

func fakeJob(spec Spec) Job {
	spec = spec.WithDefaults()
	return Job{Spec: spec, WorkerNode: 9, Writers: spec.Writers, Readers: spec.Readers, Seed: 7, Servers: map[string]int32{"m": 0, "r1": 1, "r2": 2},
		Master: "m", Replicas: []string{"r1", "r2"}}
}

// TestWatermarks checks what the cut of a history relies on, over many batches made while clients run without pause: what returned
// before T is in that batch or an earlier one, and a write that was called before T and is not is in flight.
func TestWatermarks(t *testing.T) {
	w := &world{delay: 20 * time.Microsecond, outcome: func(_ string, n int) history.ErrCode {
		if n%500 == 499 {
			return history.ErrTimeout
		}
		return history.ErrNone
	}}
	var batches []*history.Batch
	job := fakeJob(Spec{Kind: Register, Closed: true, Probes: -1, ReplicaWrites: -1})
	// Time passes between reading the clock and what is done with it, so that the order of the two shows.
	read, reads := clock(), atomic.Int64{}
	r, err := NewRunner(job, func() int64 {
		now := read()
		if reads.Add(1)%4 == 0 {
			time.Sleep(20 * time.Microsecond)
		}
		return now
	}, nil)
	require.NoError(t, err)
	r.dial = w.dial
	require.NoError(t, r.Prepare(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	var g sync.WaitGroup
	for _, s := range r.slots {
		s.process = r.newProcess()
		g.Go(func() { s.run(ctx, r.clock()) })
	}
	rng := rand.New(rand.NewPCG(1, 1))
	// As many as it takes to have seen enough: how much happens between two batches is the machine's affair.
	for total, flying := 0, 0; len(batches) < 400 || total <= 1000 || flying <= 100; {
		time.Sleep(time.Duration(rng.IntN(500)) * time.Microsecond)
		b := r.batch(false)
		batches = append(batches, b)
		total, flying = total+len(b.Ops), flying+len(b.Watermark.InFlight)
	}
	cancel()
	g.Wait()
	batches = append(batches, r.batch(true))

	type id struct {
		process int32
		call    int64
	}
	batchOf := map[id]int{}
	total := 0
	for i, b := range batches {
		for _, op := range b.Ops {
			require.Less(t, int(op.Key), len(b.Keys))
			batchOf[id{op.Process, op.Call}] = i
			total++
		}
	}
	require.Greater(t, total, 1000)
	flying := 0
	for i, b := range batches {
		require.Zero(t, b.Watermark.T%1000, "a call is rounded down, and must not fall before T by that")
		inFlight := map[id]bool{}
		for _, f := range b.Watermark.InFlight {
			require.True(t, f.F.IsWrite())
			require.Less(t, int(f.Key), len(b.Keys))
			inFlight[id{f.Process, f.Call}] = true
			flying++
			later, ok := batchOf[id{f.Process, f.Call}]
			require.True(t, ok, "what was in flight ends in a later batch")
			require.Greater(t, later, i)
		}
		for j := i + 1; j < len(batches); j++ {
			for _, op := range batches[j].Ops {
				if op.Return != history.Inf {
					require.GreaterOrEqual(t, op.Return, b.Watermark.T, "returned before T, but comes later")
				}
				if op.F.IsWrite() && op.Call < b.Watermark.T {
					require.True(t, inFlight[id{op.Process, op.Call}], "a write called before T that is nowhere")
				}
			}
			if j > i+20 { // what a client does later is later
				break
			}
		}
	}
	require.Greater(t, flying, 100)
	require.True(t, batches[len(batches)-1].Watermark.Final)
	require.Empty(t, batches[len(batches)-1].Watermark.InFlight)
}

func TestBatchesComeInTime(t *testing.T) {
	w := &world{delay: 30 * time.Millisecond}
	rec := fakeRun(t, w, fakeJob(Spec{Kind: Register}), 700*time.Millisecond)
	require.Greater(t, len(rec.marks), 6)
	for i, m := range rec.marks {
		require.Equal(t, i == len(rec.marks)-1, m.Final)
		if i > 0 {
			require.GreaterOrEqual(t, m.T, rec.marks[i-1].T)
		}
	}
	require.Empty(t, rec.marks[len(rec.marks)-1].InFlight)
}

func TestProcessesRetireAfterUnknownOutcomes(t *testing.T) {
	w := &world{delay: time.Millisecond, outcome: func(_ string, n int) history.ErrCode {
		return []history.ErrCode{history.ErrNone, history.ErrTimeout, history.ErrDialRefused}[n%3]
	}}
	rec := fakeRun(t, w, fakeJob(Spec{Kind: Register, Closed: true}), 500*time.Millisecond)
	clientOf, last := map[int32]int32{}, map[int32]named{}
	for _, op := range rec.ops {
		require.EqualValues(t, 9, op.Process>>processBits, "process numbers are unique over all workers")
		if c, ok := clientOf[op.Process]; ok {
			require.Equal(t, c, op.Client)
		}
		clientOf[op.Process] = op.Client
		if before, ok := last[op.Client]; ok {
			require.Equal(t, before.Outcome == history.Info, before.Process != op.Process)
			require.GreaterOrEqual(t, op.Call, before.Call)
			if before.Outcome != history.OK && before.Outcome != history.Info {
				require.GreaterOrEqual(t, op.Call-before.Call, retryAfter-1000)
			}
		}
		last[op.Client] = op
		require.Equal(t, op.Outcome == history.Info, op.Return == history.Inf)
		require.Equal(t, op.Outcome == history.OK, op.Out != history.None)
	}
	require.Greater(t, len(clientOf), 3*len(last))
}

func TestVersionsAreNeverWrittenTwice(t *testing.T) {
	w := &world{delay: time.Millisecond, outcome: func(_ string, n int) history.ErrCode {
		return []history.ErrCode{history.ErrNone, history.ErrTimeout, history.ErrReadOnly, history.ErrNone}[n%4]
	}}
	for _, shared := range []bool{false, true} {
		rec := fakeRun(t, w, fakeJob(Spec{Kind: Register, Closed: true, Keys: 3, Shared: shared}), 300*time.Millisecond)
		seen := map[string]bool{}
		owner := map[string]int32{}
		last := map[string]int64{}
		for _, op := range rec.ops {
			if !op.F.IsWrite() || op.Flags&history.FlagProbe != 0 {
				continue
			}
			v := fmt.Sprint(op.key, "=", op.In)
			require.False(t, seen[v], v)
			seen[v] = true
			if shared {
				require.Zero(t, op.Flags&history.FlagVersion)
				continue
			}
			require.NotZero(t, op.Flags&history.FlagVersion)
			require.Equal(t, last[op.key]+1, op.In)
			last[op.key] = op.In
			if c, ok := owner[op.key]; ok {
				require.Equal(t, c, op.Client)
			}
			owner[op.key] = op.Client
		}
		if !shared {
			require.Len(t, owner, 8, "as many keys as writers, although 3 were asked for")
		}
	}
}

func TestOpenLoopKeepsTheMomentsThatWereWanted(t *testing.T) {
	// One client's server stands still for 100 ms, once.
	stalled := &world{outcome: func(client string, n int) history.ErrCode {
		if client == "0" && n == 20 {
			time.Sleep(100 * time.Millisecond)
		}
		return history.ErrNone
	}}
	job := fakeJob(Spec{Kind: Register, Rate: 1200, Probes: -1, ReplicaWrites: -1})
	rec := fakeRun(t, stalled, job, time.Second)
	late := rec.count(func(op named) bool { return op.Client == 0 && op.Call-op.Intended > int64(5*time.Millisecond) })
	require.Greater(t, late, 3, "operations that were wanted during the stall waited for its end")
	require.InDelta(t, 1200, len(rec.ops), 60)
	perClient := map[int32]int{}
	for _, op := range rec.ops {
		require.LessOrEqual(t, op.Intended, op.Call)
		perClient[op.Client]++
	}
	for c, n := range perClient {
		require.InDelta(t, 100, n, 5, "client %d", c)
	}

	// The same seed wants the same operations at the same moments, whatever the server does.
	again := fakeRun(t, &world{}, job, time.Second)
	type want struct {
		client int32
		n      int
	}
	first, base := map[want]named{}, map[int32]int64{}
	for run, rec := range []*recorder{rec, again} {
		n := map[int32]int{}
		clear(base)
		for _, op := range rec.ops {
			w := want{op.Client, n[op.Client]}
			n[op.Client]++
			if w.n == 0 {
				base[op.Client] = op.Intended
			}
			if run == 0 {
				op.Intended -= base[op.Client]
				first[w] = op
				continue
			}
			if f, ok := first[w]; ok {
				require.InDelta(t, f.Intended, op.Intended-base[op.Client], 1000)
				require.Equal(t, f.key, op.key)
				require.Equal(t, f.F, op.F)
				require.Equal(t, f.In, op.In)
			}
		}
	}
	job.Seed = 8
	other := fakeRun(t, &world{}, job, 200*time.Millisecond)
	same := 0
	n := map[int32]int{}
	for _, op := range other.ops {
		if f := first[want{op.Client, n[op.Client]}]; f.key == op.key {
			same++
		}
		n[op.Client]++
	}
	require.Less(t, same, len(other.ops)/2, "another seed wants other operations")
}

func TestWorkersShareOneWorkload(t *testing.T) {
	spec := Spec{Kind: Set, Writers: 6, Readers: 3, Rate: 3000}
	shares := spec.Shares(2)
	w := &world{}
	owner := map[string]int32{}
	processes := map[int32]int32{}
	seen := map[int32]bool{}
	var writers, readers int
	for i, sh := range shares {
		job := fakeJob(spec)
		job.WorkerNode, job.WorkerIndex = int32(4+i), i
		job.FirstWriter, job.FirstReader, job.Writers, job.Readers = writers, readers, sh.Writers, sh.Readers
		writers, readers = writers+sh.Writers, readers+sh.Readers
		rec := fakeRun(t, w, job, 600*time.Millisecond)
		for _, op := range rec.ops {
			seen[op.Client] = true
			require.EqualValues(t, 4+i, op.Worker)
			if at, ok := processes[op.Process]; ok {
				require.Equal(t, at, op.Worker)
			}
			processes[op.Process] = op.Worker
			if op.F.IsWrite() {
				if c, ok := owner[op.key]; ok {
					require.Equal(t, c, op.Client)
				}
				owner[op.key] = op.Client
			}
		}
	}
	require.Len(t, seen, 9)
}

func TestProbes(t *testing.T) {
	rec := fakeRun(t, &world{}, fakeJob(Spec{Kind: Register, Rate: 100, Probes: 200}), 1500*time.Millisecond)
	acked := map[string]int64{}
	var short, long int
	for _, op := range rec.ops {
		if op.Flags&history.FlagProbe != 0 && op.F == history.FWrite {
			acked[fmt.Sprint(op.key, op.In)] = op.Return
		}
	}
	for _, op := range rec.ops {
		if op.Flags&history.FlagProbe == 0 || op.F != history.FRead {
			require.Equal(t, op.Flags&history.FlagProbe != 0, op.key[0] == 'p')
			continue
		}
		require.NotZero(t, op.Flags&history.FlagReplicaRead)
		require.Equal(t, byte('p'), op.key[0])
		require.LessOrEqual(t, op.Intended, op.Call)
		if ret, ok := acked[fmt.Sprint(op.key, op.Out)]; ok {
			switch d := op.Intended - ret; {
			case d < int64(10*time.Millisecond):
				short++
			case d > int64(100*time.Millisecond):
				long++
			}
			require.LessOrEqual(t, op.Intended-ret, int64(time.Second))
		}
	}
	require.Greater(t, short, 50)
	require.Greater(t, long, 10)
}
