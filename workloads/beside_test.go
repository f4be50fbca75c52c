package workloads

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

// The read-mostly part reads few keys often, each client at one place, and most reads find what the one before found.
func TestReadMostly(t *testing.T) {
	rec := fakeRun(t, &world{}, fakeJob(Spec{Kind: Register, Rate: 100, Probes: -1, ReadMostly: 5}), 1500*time.Millisecond)
	type at struct {
		client int32
		key    string
	}
	places, last, replica := map[int32]bool{}, map[at]int64{}, map[int32]bool{}
	var same, reads, writes int
	for _, op := range rec.ops {
		if op.key[0] != 'm' {
			continue
		}
		require.NotZero(t, op.Flags&history.FlagVersion)
		if op.F == history.FWrite {
			require.NotZero(t, op.Flags&history.FlagPred)
			writes++
			continue
		}
		reads++
		places[op.Client] = true
		replica[op.Client] = op.Flags&history.FlagReplicaRead != 0
		k := at{op.Client, op.key}
		if v, ok := last[k]; ok && v == op.Out {
			same++
		}
		last[k] = op.Out
	}
	require.Len(t, places, 3, "the master's and both replicas'")
	require.Len(t, last, 15)
	pinned := 0
	for _, r := range replica {
		if r {
			pinned++
		}
	}
	require.Equal(t, 2, pinned)
	require.Greater(t, writes, 2)
	require.Greater(t, reads, 20*writes)
	require.Greater(t, same, reads*3/4)
}

func TestReplicasAreWrittenTo(t *testing.T) {
	w := &world{outcome: func(string, int) history.ErrCode { return history.ErrReadOnly }}
	rec := fakeRun(t, w, fakeJob(Spec{Kind: Counter, Rate: 20, ReplicaWrites: 20}), 500*time.Millisecond)
	seen := map[string]int64{}
	for _, op := range rec.replicas {
		require.Equal(t, history.FWrite, op.F)
		require.Equal(t, seen[op.key]+1, op.In, "no version twice, whatever came of it")
		seen[op.key] = op.In
	}
	require.Len(t, seen, 2)
	for _, n := range []int32{1, 2} {
		require.InDelta(t, 10, seen[history.ReplicaKey(n)], 5)
	}
	for _, op := range rec.ops {
		require.False(t, history.IsReplicaKey(op.key))
	}
	require.Empty(t, fakeRun(t, &world{}, fakeJob(Spec{Kind: Counter, Rate: 20, ReplicaWrites: -1}), 200*time.Millisecond).replicas)
	second := fakeJob(Spec{Kind: Counter, Rate: 20, ReplicaWrites: 20})
	second.WorkerIndex = 1
	require.Empty(t, fakeRun(t, &world{}, second, 200*time.Millisecond).replicas, "one worker does it")
}

// Only those who take elements off stop first, and the run ends all the same.
func TestConsumersStopFirst(t *testing.T) {
	rec := fakeRun(t, &world{delay: time.Millisecond}, fakeJob(Spec{Kind: Queue, Rate: 200}), 300*time.Millisecond)
	last := map[history.F]int64{}
	for _, op := range rec.ops {
		last[op.F] = max(last[op.F], op.Call)
	}
	require.Greater(t, last[history.FEnqueue]-last[history.FDequeue], leaveFor.Nanoseconds()/2, "producers go on when consumers have stopped")
	r, err := NewRunner(fakeJob(Spec{Kind: Queue, Rate: 200}), clock(), nil)
	require.NoError(t, err)
	first := map[int32]bool{}
	for _, s := range r.slots {
		first[s.client] = s.consumes
	}
	done := map[history.F]int{}
	for _, op := range append(rec.ops, rec.replicas...) {
		done[op.F]++
		require.Equal(t, op.F == history.FDequeue || op.F == history.FAck, first[op.Client], op.F)
	}
	for _, f := range []history.F{history.FEnqueue, history.FDequeue, history.FReadQueue, history.FReadTail} {
		require.Positive(t, done[f], f)
	}
	r, err = NewRunner(fakeJob(Spec{Kind: List}), clock(), nil)
	require.NoError(t, err)
	for _, s := range r.slots {
		require.False(t, s.consumes)
	}
}

func TestOutlasting(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	longer, stop := outlasting(ctx, time.Hour)
	cancel()
	require.NoError(t, longer.Err())
	stop()
	<-longer.Done()
	longer, stop = outlasting(ctx, time.Millisecond)
	<-longer.Done()
	stop()
}

func TestWholeReads(t *testing.T) {
	w := newWholeReads(4)
	var now, elements, reads int64
	for ; now < 10e9; now += 1e6 { // one of four readers that wants to read 1,000 times a second
		if w.due(now) {
			w.done(now, 800)
			elements += 800
			reads++
		}
	}
	require.InDelta(t, 10*wholeElements/4, elements, 800)
	w = newWholeReads(4)
	for now = 0; now < 10e9; now += 1e6 {
		if w.due(now) {
			w.done(now, 0)
			reads++
		}
	}
	require.Less(t, reads, int64(10*wholeElements/4/leastElements+400), "reads of nothing leave room for others")
}
