package nemesis

import (
	"encoding/json"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const s = time.Second

// everything uses every action and every event once.
func everything() Schedule {
	return Schedule{
		After(5*s, Kill(Master), Stop("n3").WithoutChildren()),
		AfterFailover(3*s, Restart(Killed)),
		After(12*s, Partition(Side(Master, "s1", "w2"), Rest).For(20*s)),
		On(LinkDown("n2").Plus(100*time.Millisecond), Pause(OneReplica).Until(FailoverDone().Plus(2*s))),
		On(LinkUp("").AfterFault(3), Resume(Paused)),
		AfterAcked(1000, OneWay(Master, AllReplicas).For(s)),
		AfterEffect(3, s, CutLinks(Master, AllReplicas).Until(HealOf(3))),
		AfterHeal(3, s, Isolate("n2")),
		On(AllOf(HealOf(3), Acked(5000)), DebugSleep("n2", 3*s)),
		Every(40*s, 5*s, 2, KillAndRestart("n2")),
		After(60*s, ReplicaOf("n3", NoOne).Forever(), SentinelFailover(), Heal(10)),
		Random(3, 61*s, 70*s, Pause("n1").For(s), Kill("n2").For(2*s)),
	}
}

func TestScheduleRoundTrip(t *testing.T) {
	sch := everything()
	require.NoError(t, sch.Validate())
	data, err := json.Marshal(sch)
	require.NoError(t, err)
	var back Schedule
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, sch, back)
}

func TestScheduleDraw(t *testing.T) {
	sch := everything()
	a := sch.Draw(rand.New(rand.NewSource(7)))
	require.Equal(t, a, sch.Draw(rand.New(rand.NewSource(7))), "the same seed must draw the same")
	require.NotEqual(t, a, sch.Draw(rand.New(rand.NewSource(8))))
	require.Equal(t, sch.Count(), a.Count(), "faults must keep their numbers")
	require.True(t, a.drawn())
	require.False(t, sch.drawn())
	require.Equal(t, a, a.Draw(nil), "drawing again changes nothing")
	require.NoError(t, a.Validate())
	for _, st := range a[len(a)-3:] {
		require.GreaterOrEqual(t, st.When.Offset, 61*s)
		require.Less(t, st.When.Offset, 70*s)
		require.Len(t, st.Actions, 1)
	}
	require.Equal(t, 45*s, a[10].When.Offset, "the second time of a repeated step")
}

func TestScheduleDescribe(t *testing.T) {
	require.Equal(t, []string{
		"1. 5 s after the load began: kill the master, until the schedule ends",
		"2. 5 s after the load began: stop n3, until the schedule ends",
		"3. 3 s after the failover is done: restart what was killed",
		"4. 12 s after the load began: cut {the master, s1, w2} from the rest, for 20 s",
	}, everything().Describe()[:4])
	require.Equal(t, []string{
		"11. 40 s after the load began: kill n2 and start it again at once, 2 times, every 5 s",
		"13. 1 min after the load began: make n3 follow no one, for good",
	}, []string{everything().Describe()[10], everything().Describe()[11]})
}

func TestScheduleNeeds(t *testing.T) {
	require.Equal(t, []string{"NET_ADMIN"}, Required(everything()))
	require.Empty(t, Required(Schedule{After(s, Kill(Master))}))
	require.Equal(t, 2, everything().Workers())
	require.Equal(t, 1, Schedule{After(s, Kill(Master))}.Workers())
}

func TestMinDuration(t *testing.T) {
	for name, c := range map[string]struct {
		sch  Schedule
		want time.Duration
	}{
		"nothing":           {nil, 0},
		"a time":            {Schedule{After(5*s, Kill(Master))}, 5 * s},
		"a duration":        {Schedule{After(5*s, Kill(Master).For(2*s))}, 7 * s},
		"after a failover":  {Schedule{After(5*s, Kill(Master)), AfterFailover(3*s, Restart(Killed))}, 8 * s},
		"two after one":     {Schedule{After(5*s, Kill(Master)), AfterFailover(3*s, Restart(Killed)), AfterFailover(9*s, Kill(Master))}, 14 * s},
		"until another":     {Schedule{After(2*s, Pause("n2").Until(HealOf(2).Plus(s))), After(3*s, Pause("n3").For(4*s))}, 8 * s},
		"repeated":          {Schedule{Every(2*s, 3*s, 3, Pause("n2").For(s))}, 9 * s},
		"random":            {Schedule{Random(2, s, 9*s, Pause("n2").For(s))}, 10 * s},
		"it ends by itself": {Schedule{After(s, DebugSleep("n2", 3*s))}, 4 * s},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.sch.MinDuration()) })
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		sch  Schedule
		want string
	}{
		"no action":              {Schedule{After(s)}, "step 1: it has no action"},
		"negative offset":        {Schedule{After(-s, Kill(Master))}, "offsets must not be negative"},
		"unknown target":         {Schedule{After(s, Kill("x9"))}, `unknown target "x9"`},
		"a client":               {Schedule{After(s, Kill("w1"))}, "clients can only be cut off"},
		"no target":              {Schedule{After(s, Kill())}, "it hits nothing"},
		"one side":               {Schedule{After(s, Partition(Master, Side()))}, "two sides"},
		"rest and rest":          {Schedule{After(s, Partition(Rest, Rest))}, "only one side"},
		"rest of nothing":        {Schedule{After(s, Isolate(Rest))}, "the rest of what"},
		"two ends":               {Schedule{After(s, Kill(Master).For(s).Until(FailoverDone()))}, "more than one way"},
		"end of a restart":       {Schedule{After(s, Restart(Killed).For(s))}, "no end to choose"},
		"cut for good":           {Schedule{After(s, Isolate("n1").Forever())}, "must heal"},
		"frozen for good":        {Schedule{After(s, Pause("n1").Forever())}, "must be resumed"},
		"short sleep":            {Schedule{After(s, DebugSleep("n1", 100*time.Millisecond))}, "cannot be proved"},
		"no such fault":          {Schedule{AfterEffect(3, s, Kill(Master))}, "refers to fault 3, but there are 1"},
		"fault 0":                {Schedule{AfterEffect(0, s, Kill(Master))}, "faults count from 1"},
		"waits for itself":       {Schedule{AfterEffect(1, s, Kill(Master))}, "waits for itself"},
		"waits in a circle":      {Schedule{After(s, Kill(Master).Until(HealOf(2))), After(s, Pause("n2").Until(HealOf(1)))}, "waits for itself"},
		"empty all":              {Schedule{On(AllOf(), Kill(Master))}, "all of no moments"},
		"draws nothing":          {Schedule{Random(0, s, 2*s, Kill(Master))}, "draws 0 faults"},
		"repeats nothing":        {Schedule{Every(s, 0, 2, Kill(Master))}, "both must be above 0"},
		"unknown kind":           {Schedule{After(s, Action{Kind: "melt", On: Side("n1")})}, `unknown fault "melt"`},
		"heal of one that stays": {Schedule{After(s, Kill(Master).Forever()), AfterHeal(1, s, Kill("n2"))}, "never heals"},
		"follows nobody":         {Schedule{After(s, ReplicaOf("n1", "x"))}, "to follow"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, c.sch.Validate(), c.want) })
	}
}
