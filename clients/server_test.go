package clients

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/redistest"
)

const (
	testTimeout = 500 * time.Millisecond
	// muchLater is when an operation ends that waited or tried more often than it should, and no later than a busy machine is done.
	muchLater = 20 * testTimeout
)

func connect(t *testing.T, opt Options) *session {
	t.Helper()
	if opt.Timeout == 0 {
		opt.Timeout = testTimeout
	}
	opt.DialTimeout = opt.Timeout
	if opt.WaitTimeout == 0 {
		opt.WaitTimeout = testTimeout
	}
	if opt.Nodes == nil {
		opt.Nodes = map[string]int32{opt.Addr: 3}
	}
	c, err := Dial(context.Background(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c.(*session)
}

// unread is how many bytes the kernel holds that the server at the address has not read.
func unread(t *testing.T, addr string) (n int64) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	b, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line) // number, local, remote, state, tx_queue:rx_queue, ...
		if len(f) < 5 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) {
			continue
		}
		_, rx, _ := strings.Cut(f[4], ":")
		queued, err := strconv.ParseInt(rx, 16, 64)
		require.NoError(t, err)
		n += queued
	}
	return n
}

func do(c Client, f history.F, key string, in int64) history.Op {
	op := history.Op{F: f, In: in, Arg: history.None, Out: history.None}
	if f == history.FWrite {
		op.Flags = history.FlagPred
	}
	c.Do(context.Background(), key, &op)
	return op
}

func requireEnds(t *testing.T, op history.Op, o history.Outcome, e history.ErrCode) {
	t.Helper()
	require.Equal(t, e.String(), op.Err.String())
	require.Equal(t, o, op.Outcome)
	require.Equal(t, history.None, op.Out)
}

func TestPredecessors(t *testing.T) {
	s := redistest.Start(t)
	for _, version := range []string{"7.0.15", "6.0.16"} {
		t.Run(version, func(t *testing.T) {
			c := connect(t, Options{Addr: s.Addr, Version: version})
			key := "r:" + version
			op := do(c, history.FRead, key, history.None)
			require.Equal(t, history.Nil, op.Out)
			op = do(c, history.FWrite, key, 1)
			require.Equal(t, history.OK, op.Outcome)
			require.Equal(t, history.Nil, op.Out)
			require.EqualValues(t, 3, op.Node)
			require.EqualValues(t, -1, op.Acked)
			require.EqualValues(t, 1, do(c, history.FWrite, key, 2).Out)
			require.EqualValues(t, 2, do(c, history.FRead, key, history.None).Out)
			require.NoError(t, s.Client.Set(context.Background(), key, "foreign", 0).Err())
			require.Equal(t, Foreign, do(c, history.FRead, key, history.None).Out)
		})
	}
}

func TestRefusedByTheServer(t *testing.T) {
	ctx := context.Background()
	master := redistest.Start(t)
	replica := master.Replica(t)
	tests := []struct {
		name string
		addr string
		conf [2]string
		back string
		want history.ErrCode
	}{
		{"read only replica", replica.Addr, [2]string{}, "", history.ErrReadOnly},
		{"too few replicas", master.Addr, [2]string{"min-replicas-to-write", "2"}, "0", history.ErrNoReplicas},
		{"no memory left", master.Addr, [2]string{"maxmemory", "1kb"}, "0", history.ErrOOM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.conf[0] != "" {
				require.NoError(t, master.Client.ConfigSet(ctx, tt.conf[0], tt.conf[1]).Err())
				defer master.Client.ConfigSet(ctx, tt.conf[0], tt.back)
			}
			c := connect(t, Options{Addr: tt.addr})
			requireEnds(t, do(c, history.FWrite, "r:9", 1), history.Fail, tt.want)
			requireEnds(t, do(c, history.FIncr, "c:9", 1), history.Fail, tt.want)
			scripts := connect(t, Options{Addr: tt.addr, Lua: true, Fencing: true})
			op := history.Op{F: history.FAcquire, In: 1, Arg: int64(time.Second), Out: history.None}
			scripts.Do(ctx, "k:9", &op)
			require.NotEqual(t, history.OK, op.Outcome)
			txn := history.Op{F: history.FTxn, Out: history.None, List: history.EncodeMops([]history.Mop{{F: history.FAppend, Key: 9, In: 1}})}
			c.Do(ctx, "t", &txn)
			requireEnds(t, txn, history.Fail, tt.want)
			require.Equal(t, history.OK, do(c, history.FRead, "r:9", history.None).Outcome, "reads go on")
			for _, key := range []string{"r:9", "c:9", "k:9", "t:9"} {
				n, err := master.Client.Exists(ctx, key).Result()
				require.NoError(t, err)
				require.Zero(t, n, key)
			}
		})
	}
}

func TestMisconf(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr})
	require.Equal(t, history.OK, do(c, history.FWrite, "r:0", 1).Outcome)
	// Snapshots are wanted, and fail since their file's name is that of a directory.
	require.NoError(t, s.Client.ConfigSet(ctx, "save", "3600 1").Err())
	require.NoError(t, os.MkdirAll(filepath.Join(s.Dir, "dump.rdb", "full"), 0o755))
	require.NoError(t, s.Client.BgSave(ctx).Err())
	redistest.Poll(t, time.Minute, "the snapshot to fail", func() bool {
		info, err := s.Client.Info(ctx, "persistence").Result()
		return err == nil && strings.Contains(info, "rdb_last_bgsave_status:err")
	})
	requireEnds(t, do(c, history.FWrite, "r:0", 2), history.Fail, history.ErrMisconf)
	require.EqualValues(t, 1, do(c, history.FRead, "r:0", history.None).Out)
}

func TestRefusedDialsAreTriedEachTime(t *testing.T) {
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr})
	s.Kill()
	// The connection is seen to be closed before anything is sent, so the client dials. More often than go-redis' pool puts up with.
	for range 2 * poolSize {
		op := do(c, history.FWrite, "r:0", 1)
		requireEnds(t, op, history.Fail, history.ErrDialRefused)
		require.EqualValues(t, history.NoNode, op.Node)
	}
	s.Restart(t)
	require.Equal(t, history.OK, do(c, history.FWrite, "r:0", 2).Outcome, "the very next attempt finds the server")
}

// TestUnknownOutcomes: a server that is frozen, then killed, has got the command.
func TestUnknownOutcomes(t *testing.T) {
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr})
	require.Equal(t, history.OK, do(c, history.FWrite, "r:0", 1).Outcome)
	s.Signal(t, syscall.SIGSTOP)
	began := time.Now()
	requireEnds(t, do(c, history.FWrite, "r:0", 2), history.Info, history.ErrTimeout)
	require.Less(t, time.Since(began), muchLater)
	// The next one dials, is accepted by the kernel, and gets no answer to its handshake: nothing of the operation was sent.
	requireEnds(t, do(c, history.FWrite, "r:0", 3), history.Fail, history.ErrNotSent)
	s.Signal(t, syscall.SIGCONT)
	redistest.Poll(t, time.Minute, "the write of unknown outcome to land", func() bool {
		v, err := s.Client.Get(context.Background(), "r:0").Result()
		return err == nil && v == "2"
	})
	require.EqualValues(t, 2, do(c, history.FRead, "r:0", history.None).Out)

	for name, kill := range map[string]func(){"freeze and kill": s.Kill} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, Options{Addr: s.Addr, Timeout: time.Minute}) // the end comes by the kill, however busy the machine is
			require.Equal(t, history.OK, do(c, history.FRead, "r:0", history.None).Outcome)
			s.Signal(t, syscall.SIGSTOP)
			before := unread(t, s.Addr)
			var g sync.WaitGroup
			g.Go(func() {
				redistest.Poll(t, time.Minute, "the command to reach the frozen server", func() bool { return unread(t, s.Addr) > before })
				kill()
			})
			op := do(c, history.FWrite, "r:0", 4)
			g.Wait()
			require.Equal(t, history.Info, op.Outcome)
			require.Contains(t, []history.ErrCode{history.ErrEOF, history.ErrReset}, op.Err)
			require.EqualValues(t, 3, op.Node)
		})
	}
}

func TestKilledConnectionIsReplacedBeforeSending(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr})
	require.Equal(t, history.OK, do(c, history.FWrite, "r:0", 1).Outcome)
	require.NoError(t, s.Client.Do(ctx, "client", "kill", "type", "normal", "skipme", "yes").Err())
	redistest.Poll(t, time.Minute, "the kill to arrive", func() bool {
		n, err := s.Client.Do(ctx, "client", "list").Text()
		return err == nil && strings.Count(n, "\n") == 1
	})
	require.Equal(t, history.OK, do(c, history.FWrite, "r:0", 2).Outcome)
}

func TestWait(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	c := connect(t, Options{Addr: master.Addr, Wait: 1})
	patient := connect(t, Options{Addr: master.Addr, Wait: 1, WaitTimeout: 10 * time.Second})
	require.EqualValues(t, 1, do(patient, history.FWrite, "r:0", 1).Acked)
	require.EqualValues(t, -1, do(c, history.FRead, "r:0", history.None).Acked)
	replica.Signal(t, syscall.SIGSTOP)
	op := do(c, history.FWrite, "r:0", 2)
	require.Equal(t, history.OK, op.Outcome, "a short WAIT is an acknowledged write")
	require.EqualValues(t, 0, op.Acked)
	master.Signal(t, syscall.SIGSTOP)
	began := time.Now()
	require.Equal(t, history.Info, do(c, history.FWrite, "r:0", 3).Outcome)
	require.Less(t, time.Since(began), muchLater)
	master.Signal(t, syscall.SIGCONT)
	replica.Signal(t, syscall.SIGCONT)
}

func TestWaitAOF(t *testing.T) {
	master := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	if master.Client.Do(t.Context(), "COMMAND", "INFO", "WAITAOF").Val().([]any)[0] == nil {
		t.Skip("this server does not know WAITAOF")
	}
	c := connect(t, Options{Addr: master.Addr, WaitAOF: WaitAOF{Local: 1}, WaitTimeout: 10 * time.Second})
	op := do(c, history.FWrite, "r:0", 1)
	require.EqualValues(t, 0, op.Acked)
	require.Equal(t, history.FlagAOF|history.FlagLocal, op.Flags&(history.FlagAOF|history.FlagLocal))
	require.Zero(t, do(c, history.FRead, "r:0", history.None).Flags&history.FlagAOF)
	short := connect(t, Options{Addr: master.Addr, WaitAOF: WaitAOF{Local: 1, Replicas: 1}, WaitTimeout: 20 * time.Millisecond})
	op = do(short, history.FWrite, "r:0", 2)
	require.Equal(t, history.OK, op.Outcome, "a short WAITAOF is an acknowledged write")
	require.EqualValues(t, 0, op.Acked)
}

func TestElementErrorsInExecApplyTheRest(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	require.NoError(t, s.Client.Set(ctx, "t:1", "no list", 0).Err())
	c := connect(t, Options{Addr: s.Addr})
	for _, mops := range [][]history.Mop{
		{{F: history.FAppend, Key: 1, In: 5}, {F: history.FAppend, Key: 2, In: 6}, {F: history.FReadList, Key: 2}},
		{{F: history.FAppend, Key: 2, In: 7}, {F: history.FAppend, Key: 1, In: 8}},
	} {
		op := history.Op{F: history.FTxn, List: history.EncodeMops(mops), Out: history.None}
		c.Do(ctx, "t", &op)
		require.Equal(t, history.OK, op.Outcome, op.Err.String())
		done, ok := history.DecodeMops(op.List)
		require.True(t, ok)
		for _, m := range done {
			require.EqualValues(t, 2, m.Key, "what failed alone is no part of it")
		}
	}
	got, err := s.Client.LRange(ctx, "t:2", 0, -1).Result()
	require.NoError(t, err)
	require.Equal(t, []string{"6", "7"}, got)
}

func TestWatchedKeyChanged(t *testing.T) {
	ctx := context.Background()
	s := redistest.Start(t)
	c := connect(t, Options{Addr: s.Addr})
	// Another client writes between WATCH and EXEC.
	op := history.Op{F: history.FCAS, In: history.Nil, Arg: 1, Out: history.None}
	err := c.watch(ctx, "a:0", &op, func(*redis.Tx) (bool, error) {
		return true, s.Client.Set(ctx, "a:0", 7, 0).Err()
	}, func(p redis.Pipeliner) { p.Set(ctx, "a:0", 1, 0) })
	require.Equal(t, history.ErrWatched, Classify(err, true))
	op = history.Op{F: history.FCAS, In: 7, Arg: 8, Out: history.None}
	c.Do(ctx, "a:0", &op)
	require.EqualValues(t, 1, op.Out)
	op = history.Op{F: history.FCAS, In: 7, Arg: 9, Out: history.None}
	c.Do(ctx, "a:0", &op)
	require.EqualValues(t, 0, op.Out)
	require.EqualValues(t, 8, do(c, history.FRead, "a:0", history.None).Out)
}

func TestSentinelFailover(t *testing.T) {
	ctx := context.Background()
	master := redistest.Start(t)
	replica := master.Replica(t)
	sentinel := master.Sentinel(t)
	redistest.Poll(t, time.Minute, "the Sentinel to find the replica", func() bool {
		m, err := sentinel.Client.Do(ctx, "sentinel", "replicas", "m").Slice()
		return err == nil && len(m) == 1
	})
	opt := Options{Sentinels: []string{sentinel.Addr}, MasterName: "m", Nodes: map[string]int32{master.Addr: 0, replica.Addr: 1}}
	c := connect(t, opt)
	op := do(c, history.FWrite, "r:0", 1)
	require.Equal(t, history.OK, op.Outcome)
	require.EqualValues(t, 0, op.Node)
	// WAIT would speak of what its own connection wrote.
	redistest.Poll(t, 10*time.Second, "the replica to have the write", func() bool { return replica.Client.Get(ctx, "r:0").Val() == "1" })
	master.Kill()
	version := int64(1)
	redistest.Poll(t, time.Minute, "a write to be acknowledged again", func() bool {
		version++
		op = do(c, history.FWrite, "r:0", version)
		if op.Outcome != history.OK {
			require.Equal(t, history.Fail, op.Outcome, "nobody could have executed it: %s", op.Err)
			require.Contains(t, []history.ErrCode{history.ErrDialRefused, history.ErrReadOnly}, op.Err)
		}
		return op.Outcome == history.OK
	})
	require.EqualValues(t, 1, op.Node)
	require.EqualValues(t, 1, op.Out)

	sentinel.Kill()
	other := newSession(Options{Sentinels: []string{sentinel.Addr}, MasterName: "m", Timeout: testTimeout, DialTimeout: testTimeout})
	t.Cleanup(func() { other.Close() })
	requireEnds(t, do(other, history.FWrite, "r:0", 9), history.Fail, history.ErrNoMaster)
}

func TestSentinelThatDoesNotAnswerIsLeft(t *testing.T) {
	master := redistest.Start(t)
	sentinels := []*redistest.Server{master.Sentinel(t), master.Sentinel(t)}
	c := connect(t, Options{Sentinels: []string{sentinels[0].Addr, sentinels[1].Addr}, MasterName: "m", Nodes: map[string]int32{master.Addr: 0}})
	for _, frozen := range sentinels {
		frozen.Signal(t, syscall.SIGSTOP)
		c.drop()   // the client must ask for the master again
		tries := 0 // each ends by its own timeouts
		redistest.Poll(t, time.Minute, "the client to ask the other Sentinel", func() bool {
			tries++
			return do(c, history.FWrite, "r:0", 1).Outcome == history.OK
		})
		require.LessOrEqual(t, tries, 3)
		frozen.Signal(t, syscall.SIGCONT)
	}
}

// Every write of a register with a time to live sets it anew, in one step, with commands of before 6.2 too.
func TestWritesSetTheTimeToLive(t *testing.T) {
	s := redistest.Start(t)
	for _, version := range []string{"6.0.16", "7.0.15"} {
		c := connect(t, Options{Addr: s.Addr, Version: version, TTL: time.Hour})
		for i, replaced := range []int64{history.Nil, 1, 2} {
			op := history.Op{F: history.FWrite, In: int64(i + 1), Flags: history.FlagPred}
			c.Do(t.Context(), "ttl:"+version, &op)
			require.Equal(t, history.OK, op.Outcome, op.Err)
			require.Equal(t, replaced, op.Out)
			require.Greater(t, s.Client.PTTL(t.Context(), "ttl:"+version).Val(), 59*time.Minute)
			require.NoError(t, s.Client.Persist(t.Context(), "ttl:"+version).Err())
		}
	}
	require.NoError(t, s.Client.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err())
	for _, version := range []string{"6.0.16", "7.0.15"} {
		op := history.Op{F: history.FWrite, In: 9, Flags: history.FlagPred}
		connect(t, Options{Addr: s.Addr, Version: version, TTL: time.Hour}).Do(t.Context(), "ttl:"+version, &op)
		require.Contains(t, []history.ErrCode{history.ErrReadOnly, history.ErrExecAbort}, op.Err, version) // of MULTI only the end tells
		require.Equal(t, history.Fail, op.Outcome)
	}
}

// Another address is dialled, and the node is the one that was named.
func TestDialsElsewhere(t *testing.T) {
	s := redistest.Start(t)
	c := connect(t, Options{Addr: "10.99.99.9:6379", Dials: map[string]string{"10.99.99.9:6379": s.Addr}, Nodes: map[string]int32{"10.99.99.9:6379": 5}})
	op := history.Op{F: history.FWrite, In: 1}
	c.Do(t.Context(), "k", &op)
	require.Equal(t, history.OK, op.Outcome)
	require.Equal(t, int32(5), op.Node)
}
