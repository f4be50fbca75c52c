package nemesis

import (
	"context"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
)

func TestKillAndRestartAfterFailover(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(5500*time.Millisecond, func() { require.Empty(t, f.state("n1")) })
		f.at(8*s, func() { f.switchMaster("s2", "n1", "n2") })
		f.at(8100*time.Millisecond, func() { f.switchMaster("s3", "n1", "n2") })
		f.run(Schedule{After(5*s, Kill(Master)), AfterFailover(3*s, Restart(Killed))})
		kill, restart := f.last(1), f.last(2)
		complete(t, kill)
		require.Equal(t, "kill n1", kill.Text)
		require.Equal(t, []int32{0}, kill.Targets)
		near(t, 5*s, kill.Effect)
		near(t, 11*s, kill.HealCalled)
		require.Equal(t, "restart n1", restart.Text)
		require.True(t, restart.Permanent)
		require.Equal(t, restart.Effect, restart.Healed, "a restart holds for no time")
		require.Empty(t, restart.Err)
		require.Equal(t, int64(11*s), restart.Scheduled)
		require.Equal(t, "S", f.state("n1"))
		require.GreaterOrEqual(t, kill.Healed-kill.HealCalled, int64(50*time.Millisecond), "it was healed while it still loaded")
	})
}

func TestStopHealsAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		c := f.config(Schedule{After(2*s, Stop("n3"))})
		c.HoldUntil = int64(9 * s)
		require.NoError(t, Run(t.Context(), c))
		complete(t, f.last(1))
		near(t, 9*s, f.last(1).HealCalled)
		require.Equal(t, "S", f.state("n3"))
	})
}

func TestForever(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Kill("n3").Forever())})
		require.Empty(t, f.state("n3"))
		require.True(t, f.last(1).Permanent)
		require.NotEmpty(t, f.last(1).Proof)
		require.Zero(t, f.last(1).Healed)
	})
}

func TestKillAndRestart(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, KillAndRestart(Master))})
		complete(t, f.last(1))
		require.Equal(t, "n1: pid 1 is gone, pid 2 runs", f.last(1).Proof)
		near(t, s, f.last(1).Effect)
	})
}

func TestPauseUntil(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(3*s, func() { require.Equal(t, "T", f.state("n1")) })
		f.at(7*s, func() { f.switchMaster("s1", "n1", "n3") })
		f.run(Schedule{After(2*s, Pause(Master).Until(FailoverDone().Plus(s)))})
		complete(t, f.last(1))
		near(t, 8*s, f.last(1).Healed)
		require.Equal(t, "S", f.state("n1"))
	})
}

func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Pause("n2", "n3")), After(4*s, Resume("n3")), After(6*s, Resume(Paused))})
		complete(t, f.last(1))
		near(t, 6*s, f.last(1).HealCalled)
		require.Equal(t, []int32{1}, f.last(3).Targets, "n3 was resumed before")
	})
}

func TestPartition(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(6*s, func() {
			drops := f.drops()
			require.Len(t, drops, 2*3*5, "three nodes stand apart from five")
			require.Contains(t, drops, "n1>n2")
			require.Contains(t, drops, "w1>n1")
			require.Contains(t, drops, "n2>w2")
			require.NotContains(t, drops, "n1>s1")
			require.NotContains(t, drops, "w2>n1")
		})
		f.run(Schedule{After(5*s, Partition(Side(Master, "s1", "w2"), Rest).For(20*s))})
		r := f.last(1)
		complete(t, r)
		require.Equal(t, "cut {n1, s1, w2} from {n2, n3, s2, s3, w1}", r.Text)
		require.Equal(t, []int32{0, 3, 7}, r.Targets)
		require.Len(t, r.Links, 30)
		near(t, 5*s, r.Effect)
		near(t, 25*s, r.HealCalled)
		require.Empty(t, f.drops())
		require.Equal(t, "connections between 15 of 15 pairs", r.HealProof)
	})
}

func TestOneWay(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(2*s, func() { require.Equal(t, []string{"n1>n2", "n1>n3"}, f.drops()) })
		f.run(Schedule{After(s, OneWay(Master, AllReplicas).For(3*s))})
		complete(t, f.last(1))
		require.Equal(t, "lose what n1 sends to {n2, n3}", f.last(1).Text)
		require.Empty(t, f.drops())
	})
}

func TestIsolate(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(2*s, func() { require.Len(t, f.drops(), 2*8) })
		f.run(Schedule{After(s, Isolate("s2").For(3*s))})
		complete(t, f.last(1))
		require.Empty(t, f.drops())
	})
}

// A link that two faults cut is whole again when both are healed.
func TestOverlappingCuts(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(4*s, func() { require.Equal(t, []string{"n1>n2", "n1>n3", "n2>n1", "n3>n1"}, f.drops()) })
		f.at(6*s, func() { require.Equal(t, []string{"n1>n2", "n2>n1"}, f.drops()) })
		f.run(Schedule{
			After(s, CutLinks(Master, AllReplicas).For(4*s)),
			After(3*s, CutLinks(Side("n1"), Side("n2")).For(5*s)),
		})
		complete(t, f.last(1))
		complete(t, f.last(2))
		require.Equal(t, "connections between 1 of 2 pairs, the others are cut by another fault", f.last(1).HealProof)
		require.Empty(t, f.drops())
	})
}

// sentinel-kill-lagging: the cut outlives the master that it cut off.
func TestLagging(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(9*s, func() { f.switchMaster("s2", "n1", "n2") })
		f.run(Schedule{
			After(5*s, CutLinks(Master, AllReplicas).Until(FailoverDone())),
			AfterEffect(1, 500*time.Millisecond, Kill(Master)),
			AfterFailover(3*s, Restart(Killed)),
		})
		for id := range 2 {
			complete(t, f.last(id+1))
		}
		near(t, time.Duration(f.last(1).Effect)+500*time.Millisecond, f.last(2).Effect)
		near(t, 9*s, f.last(1).HealCalled)
		near(t, 12*s, f.last(2).HealCalled)
	})
}

// stale-failback: a second failover is told from the first, and from a sentinel that learns of the first one late.
func TestTwoFailovers(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(6*s, func() { f.switchMaster("s1", "n1", "n2") })
		f.at(12*s, func() { f.switchMaster("s2", "n1", "n2") })
		f.at(15*s, func() { f.switchMaster("s3", "n2", "n1") })
		f.run(Schedule{
			After(4*s, Kill(Master).Until(EffectOf(2).Plus(s))),
			AfterFailover(4*s, Kill(Master).Until(FailoverDone().Plus(3*s))),
			AfterFailover(6*s, Pause(OldMaster).For(s)),
		})
		require.Equal(t, "kill n2", f.last(2).Text)
		near(t, 10*s, f.last(2).Effect)
		near(t, 11*s, f.last(1).HealCalled)
		near(t, 18*s, f.last(2).HealCalled)
		near(t, 12*s, f.last(3).Effect) // the third step waits for the same failover as the second
		require.Equal(t, "freeze n1", f.last(3).Text)
	})
}

func TestLinkEventsAndAcks(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(3*s, func() { f.sample("n2", history.RoleReplica, true); f.sample("n3", history.RoleReplica, false) })
		f.at(6*s, func() { f.sample("n3", history.RoleReplica, true) })
		f.at(7*s, func() {
			f.live.Observe(&history.Batch{Ops: []history.Op{{F: history.FAdd, Return: f.now()}, {F: history.FAdd, Return: f.now()}}})
		})
		f.run(Schedule{
			On(LinkDown(""), Pause("s1").For(s)),
			On(LinkUp("n3").Plus(s), Pause("s2").For(s)),
			AfterAcked(2, Pause("s3").For(s)),
			On(AllOf(Acked(2), HealOf(1).Plus(8*s)), Pause("n2").For(s)),
		})
		near(t, 3*s, f.last(1).Effect)
		near(t, 7*s, f.last(2).Effect)
		near(t, 7*s, f.last(3).Effect)
		near(t, time.Duration(f.last(1).Healed)+8*s, f.last(4).Effect)
	})
}

func TestDebugSleep(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(2*s, DebugSleep(OneReplica, 3*s))})
		complete(t, f.last(1))
		require.Equal(t, "DEBUG SLEEP on n2 for 3 s", f.last(1).Text)
		near(t, 5*s, f.last(1).Healed)
	})
}

func TestReplicaOf(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.at(2*s, func() {
			require.Equal(t, "10.0.0.9:6379", f.follows("n1"))
			require.Empty(t, f.follows("n3"))
		})
		f.run(Schedule{After(s, ReplicaOf(Master, Stranger).For(2*s), ReplicaOf("n3", NoOne).For(3*s))})
		complete(t, f.last(1))
		complete(t, f.last(2))
		require.Equal(t, "make n1 follow n4", f.last(1).Text)
		require.Empty(t, f.follows("n1"), "a master follows no one again")
		require.Equal(t, "10.0.0.1:6379", f.follows("n3"))
	})
}

func TestSentinelFailover(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, SentinelFailover())})
		require.Equal(t, "s1 names n2 instead of n1", f.last(1).Proof)
		require.Equal(t, "ask s1 for a failover", f.last(1).Text)
		require.Equal(t, []int32{0}, f.last(1).Targets, "the master is what is hit")
	})
}

func TestHealStep(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Isolate("n2")), After(4*s, Heal(1))})
		complete(t, f.last(1))
		near(t, 4*s, f.last(1).HealCalled)
		require.Equal(t, "fault 1 healed", f.last(2).Proof)
	})
}

// Whatever ends the run, everything is healed.
func TestInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		ctx, cancel := context.WithCancel(t.Context())
		f.at(3*s, cancel)
		err := Run(ctx, f.config(Schedule{
			After(s, Isolate("n2").For(20*s), Kill("n3"), Pause("s1").Until(FailoverDone()), ReplicaOf("n1", "n4").For(9*s)),
			After(10*s, Kill("n1")),
		}))
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(f.base), 5*s)
		for id := range 4 {
			complete(t, f.last(id+1))
		}
		require.Empty(t, f.drops())
		for _, n := range []string{"n1", "n2", "n3", "s1"} {
			require.Equal(t, "S", f.state(n))
		}
		require.Empty(t, f.follows("n1"))
		require.Zero(t, f.last(5).Injected)
		require.Contains(t, f.last(5).Err, "not injected")
	})
}

func TestNoProof(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.quiet = true
		f.run(Schedule{After(s, Isolate("n2").For(10*s))})
		require.Contains(t, f.last(1).Err, "no packet was dropped within 6 s")
		require.Zero(t, f.last(1).Effect)
		require.NotEmpty(t, f.last(1).HealProof, "it is healed all the same")
	})
}

func TestFaultsThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*fake)
		action Action
		want   string
	}{
		"refused by the agent":     {func(f *fake) { f.broken["net"] = 1 }, Isolate("n2").For(s), "refused by the test"},
		"no role change":           {func(f *fake) { f.servers[1].ignoresCommand = true }, ReplicaOf("n2", NoOne).For(s), "not injected: read ROLE of n2"},
		"already dead":             {func(f *fake) { f.servers[1].state = "" }, Kill("n2").For(s), "not injected: n2"},
		"nothing to restart":       {func(*fake) {}, Restart(Killed), "nothing is killed"},
		"nobody was deposed":       {func(*fake) {}, Pause(OldMaster).For(s), "no master was deposed"},
		"a node on both sides":     {func(*fake) {}, Partition(Side("n1", "n2"), AllReplicas).For(s), "n2 stands on both sides"},
		"follows itself":           {func(*fake) {}, ReplicaOf("n1", Master).For(s), "cannot follow"},
		"a sleep that is answered": {func(f *fake) { f.servers[1].ignoresCommand = true }, DebugSleep("n2", s), "answers PING"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *fake) {
				c.break_(f)
				err := Run(t.Context(), f.config(Schedule{After(s, c.action), AfterEffect(1, s, Pause("s1").For(s))}))
				_ = err // what cannot be healed either is told here; the record is what is looked at
				require.Contains(t, f.last(1).Err, c.want)
				require.NotContains(t, f.last(1).Err, "\n")
			})
		})
	}
}

func TestEffectThatNeverCame(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Restart(Killed)), AfterEffect(1, s, Pause("s1").For(s))})
		require.Contains(t, f.last(2).Err, "fault 1 did not take effect")
		require.Zero(t, f.last(2).Injected)
	})
}

// A failover that never comes neither hangs the run nor leaves its fault unhealed.
func TestEventThatNeverCame(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Pause(Master).Until(FailoverDone())), AfterFailover(s, Kill(Master))})
		require.Contains(t, f.last(1).Err, "its end did not come: when the failover is done: it did not happen within 30 s")
		require.Equal(t, "the failover is done", f.last(1).Awaited)
		require.Equal(t, 30*time.Second.Nanoseconds(), f.last(1).Waited)
		require.NotEmpty(t, f.last(1).HealProof)
		require.Contains(t, f.last(2).Err, "not injected")
		require.Less(t, time.Since(f.base), 40*s)
	})
}

func TestUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Kill("n7").For(s)), After(2*s, Kill("n2").For(s))})
		require.Equal(t, "there is no node n7", f.last(1).Unavailable)
		complete(t, f.last(2))
	})
}

func TestAvailable(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		ps, err := Available(t.Context(), f, Schedule{After(s, Isolate("n2").For(s), Kill("s9"))})
		require.NoError(t, err)
		require.Equal(t, []Problem{{Fault: 2, Text: "kill s9", Why: "there is no node s9"}}, ps)
		f.broken["probe"] = 2
		_, err = Available(t.Context(), f, Schedule{After(s, Isolate("n2").For(s))})
		require.ErrorContains(t, err, "probe n3")
		_, err = Available(t.Context(), f, Schedule{After(s, Kill("n2"))})
		require.NoError(t, err, "only a network fault needs the probe")
	})
}

func TestRandomIsRecorded(t *testing.T) {
	times := func() (out []int64) {
		bubble(t, func(t *testing.T, f *fake) {
			c := f.config(Schedule{Random(3, s, 20*s, Pause("n2").For(100*time.Millisecond), Pause("n3").For(100*time.Millisecond))})
			require.ErrorContains(t, Run(t.Context(), c), "write them out with Draw")
			c.Schedule = c.Schedule.Draw(rand.New(rand.NewSource(3)))
			require.NoError(t, Run(t.Context(), c))
			for id := range 3 {
				complete(t, f.last(id+1))
				out = append(out, f.last(id+1).Scheduled)
			}
		})
		return out
	}
	require.Equal(t, times(), times())
}

func TestWithoutSentinelRolesCount(t *testing.T) {
	nodes := newFake(t).nodes[:3]
	tr := newTracker(nodes)
	sample := func(roles ...history.Role) *history.LiveView {
		v := &history.LiveView{Samples: map[int32]history.Sample{}}
		for i, r := range roles {
			v.Samples[int32(i)] = history.Sample{Call: int64(i + 1), Answered: r != "", Role: r}
		}
		return v
	}
	master := func(v *history.LiveView) int { n, _ := tr.masters(v); return n }
	require.Equal(t, 0, master(sample("master", "replica", "replica")))
	require.Equal(t, 0, master(sample("master", "replica", "master")), "a second one does not depose the first")
	require.Equal(t, 0, master(sample("", "replica", "replica")))
	require.Equal(t, 2, master(sample("", "replica", "master")))
	f, ok := tr.failoverAfter(sample("master", "replica", "master"), 0)
	require.True(t, ok)
	require.Equal(t, failover{at: 3, old: 0, new: 2}, f)
}

func TestProgress(t *testing.T) {
	bubble(t, func(t *testing.T, f *fake) {
		f.run(Schedule{After(s, Kill("n2").For(s))})
		require.Equal(t, []string{"fault 1: kill n2", "fault 1 is healed: n2 answers PING and has loaded its data"}, f.lines)
	})
}

// The window of a fault begins before the first thing that was done for it, wherever its effect lies, and ends after the last that undid
// it, however many steps there are.
func TestWindowsHoldEveryStep(t *testing.T) {
	for name, a := range map[string]Action{
		"kill":      Kill(Master, "n2"),
		"stop":      Stop("n3"),
		"reboot":    KillAndRestart(Master),
		"pause":     Pause(Master, "n2", "n3"),
		"isolate":   Isolate(Master).For(2 * s),
		"partition": Partition(Nodes{"n1", "s1", "w1"}, Rest).For(2 * s),
		"one way":   OneWay(Nodes{"n1"}, Nodes{"n2"}).For(2 * s),
		"links":     CutLinks(Master, AllReplicas).For(2 * s),
		"sleep":     DebugSleep(Master, s),
		"replicaof": ReplicaOf("n3", "n2").For(2 * s),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *fake) {
				f.run(Schedule{After(s, a)})
				rec := f.last(1)
				require.Empty(t, rec.Err)
				require.NotEmpty(t, f.touched)
				var first, last int64 = f.touched[0].T0, 0
				for _, st := range f.touched {
					first, last = min(first, st.T0), max(last, st.T1)
				}
				require.Positive(t, rec.Injected)
				require.LessOrEqual(t, rec.Injected, first)
				require.LessOrEqual(t, last, rec.Healed)
			})
		})
	}
}
