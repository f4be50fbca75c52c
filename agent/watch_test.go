//go:build linux

package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
	"github.com/stretchr/testify/require"
)

func TestObserverSeesTheServersStates(t *testing.T) {
	n := newRig(t).start()
	n.call(wire.OpSetup, wire.SetupArgs{Argv: []string{serverBinary(), "--save", "", "--dir", "/tmp"}}, nil)
	n.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 25}, nil)
	down := func(s history.Sample) bool { return !s.Answered && !s.Up }
	up := func(s history.Sample) bool { return s.Answered && s.Up && s.Role == history.RoleMaster }
	n.until("down", func() bool { return lastIs(n, down) })
	n.call(wire.OpStart, nil, nil)
	n.until("up", func() bool { return lastIs(n, up) })
	ss := n.samples()
	first := ss[len(ss)-1]
	require.Len(t, first.RunID, 40)
	require.Len(t, first.ReplID, 40)
	require.Empty(t, first.ReplID2)
	require.Positive(t, first.Memory)
	require.True(t, first.Rest.Known)
	require.Equal(t, [3]int64{-1, 0, -1}, [3]int64{first.Priority, first.Connected, first.MinGood})
	require.GreaterOrEqual(t, first.RunDelay, int64(0))
	require.Positive(t, first.CPUTime)
	n.redis("EVAL", "for i = 1, 3000000 do local x = i * i end", "0")
	n.until("work to show", func() bool { return lastSample(n).CPUTime > first.CPUTime+1e6 })
	n.redis("SET", "k", "1", "PX", "1")
	n.until("a change, and an expiry", func() bool {
		s := lastSample(n)
		return s.Rest.Changes > first.Rest.Changes && s.Rest.Expired == first.Rest.Expired+1 && s.Rest.LastSave == first.Rest.LastSave
	})

	var p wire.Proc
	st := n.call(wire.OpSignal, wire.SignalArgs{Signal: sigSTOP, Children: true}, &p)
	n.until("frozen", func() bool { return lastIs(n, func(s history.Sample) bool { return s.Frozen && s.Up && !s.Answered }) })
	frozen := lastSample(n)
	require.False(t, frozen.Rest.Known)
	require.Positive(t, frozen.CPUTime, "what the kernel tells does not need the server")
	silentSince(n, st)
	n.signal(sigCONT, true)
	n.until("up again", func() bool { return lastIs(n, up) })
	require.Equal(t, first.RunID, lastSample(n).RunID)

	for _, skip := range []string{"yes", "no"} { // takes the observer's connection, and is no silence
		before := len(n.samples())
		n.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", skip)
		n.until("more samples", func() bool { return len(n.samples()) > before+4 })
		for _, s := range n.samples()[before:] {
			require.True(t, s.Answered)
		}
	}

	st = n.call(wire.OpSignal, wire.SignalArgs{Signal: sigKILL, Children: true}, nil)
	n.until("down again", func() bool { return lastIs(n, down) })
	silentSince(n, st)
	n.until("its times to be unknown", func() bool { return lastSample(n).CPUTime == -1 }) // a zombie still has some
	n.call(wire.OpStart, nil, nil)
	n.until("up once more", func() bool { return lastIs(n, up) })
	require.NotEqual(t, first.RunID, lastSample(n).RunID)

	n.call(wire.OpWatch, wire.WatchArgs{}, nil)
	count := len(n.samples())
	n.redis("WAIT", "1", "100") // takes 100 ms, in which four samples would have come
	require.Equal(t, count, len(n.samples()), "interval 0 stops it")
	all := n.samples()
	require.True(t, slices.IsSortedFunc(all, func(a, b history.Sample) int { return int(a.Call - b.Call) }))
	for i, s := range all {
		require.Equal(t, int32(0), s.Node)
		require.GreaterOrEqual(t, s.Return, s.Call)
		require.Equal(t, s.Answered, s.NoAnswerSince == 0, "sample %d: %+v", i, s)
	}
}

// silentSince requires that the silence which lasts now began with the first look that the signal left unanswered.
func silentSince(n *node, st wire.Stamps) {
	n.t.Helper()
	ss := n.samples()
	since := ss[len(ss)-1].NoAnswerSince
	require.Positive(n.t, since)
	i := len(ss) - 1
	for ; !ss[i].Answered; i-- {
		require.Equal(n.t, since, ss[i].NoAnswerSince)
	}
	require.Less(n.t, ss[i].Return, since)
	require.Less(n.t, ss[i].Call, st.T1, "who answered had not got the signal yet")
}

func lastSample(n *node) history.Sample {
	ss := n.samples()
	return ss[len(ss)-1]
}

// A busy script answers INFO with an error: the server is up, and tells nothing.
func TestObserverOfABusyServer(t *testing.T) {
	n := newRig(t).start()
	n.serve("lua-time-limit 20")
	n.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 25}, nil)
	n.until("a sample", func() bool { return lastIs(n, func(s history.Sample) bool { return s.Answered }) })
	n.call(wire.OpRedis, wire.RedisArgs{Args: []string{"EVAL", "while true do end", "0"}, NoWait: true}, nil)
	n.until("silence", func() bool { return lastIs(n, func(s history.Sample) bool { return !s.Answered && s.Up && !s.Frozen }) })
	n.redis("SCRIPT", "KILL")
	n.until("an answer", func() bool { return lastIs(n, func(s history.Sample) bool { return s.Answered }) })
}

func TestObserverOfAPair(t *testing.T) {
	master, replica := pairOf(t)
	for _, n := range []*node{master, replica} {
		n.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 25}, nil)
	}
	master.redis("SET", "k", strings.Repeat("x", 1000))
	master.until("one online replica", func() bool {
		return lastIs(master, func(s history.Sample) bool { return s.Role == history.RoleMaster && s.Replicas == 1 && s.SyncFull == 1 })
	})
	replica.until("the same offset", func() bool {
		ss := master.samples()
		m := ss[len(ss)-1]
		return lastIs(replica, func(s history.Sample) bool {
			return s.Role == history.RoleReplica && s.LinkUp && s.Offset == m.Offset && s.Offset > 1000 && s.ReplID == m.ReplID &&
				s.MasterAddr == master.addr+":6379" && s.LastIO >= 0
		})
	})
}

// watchOver makes the node a sentinel of the master.
func (n *node) watchOver(master *node) {
	n.t.Helper()
	conf := fmt.Sprintf("port 26379\ndir /data\nsentinel monitor m %s 6379 1\nsentinel down-after-milliseconds m 200\n", master.addr)
	n.call(wire.OpSetup, wire.SetupArgs{Files: map[string]string{"/data/s.conf": conf}, Argv: []string{serverBinary(), "/data/s.conf", "--sentinel"}, Port: 26379}, nil)
	n.call(wire.OpStart, nil, nil)
	n.pong()
}

func TestObserverOfASentinel(t *testing.T) {
	r := newRig(t)
	master, sentinel := r.start(), r.start()
	master.serve("")
	sentinel.watchOver(master)
	sentinel.call(wire.OpWatch, wire.WatchArgs{IntervalMS: 25, Sentinel: true}, nil)
	sentinel.until("a sample", func() bool {
		return lastIs(sentinel, func(s history.Sample) bool {
			w := s.Watch
			return s.Role == history.RoleSentinel && s.Answered && s.MasterAddr == master.addr+":6379" && s.LinkUp && len(s.RunID) == 40 &&
				w.Known && w.Announced == s.MasterAddr && w.Quorum == 1 && w.Peers == 0 && w.PeersUp == 0 && !w.SDown && !w.ODown && !w.Tilt
		})
	})
	st := master.call(wire.OpSignal, wire.SignalArgs{Signal: sigKILL}, nil)
	sentinel.until("+sdown and +odown", func() bool {
		evs := sentinel.events(history.EvSentinel)
		return len(evs) >= 2 && evs[0].Name == "+sdown" && evs[1].Name == "+odown"
	})
	sentinel.until("its own view of it", func() bool {
		return lastIs(sentinel, func(s history.Sample) bool { return s.Watch.SDown && s.Watch.ODown })
	})
	e := sentinel.events(history.EvSentinel)[0]
	require.Equal(t, "master m "+master.addr+" 6379", e.Text)
	require.Equal(t, int32(1), e.Node)
	require.Greater(t, e.T, st.T1, "all agents use one clock")
	require.Less(t, e.T-st.T1, int64(5*time.Second))
}
