package nemesis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChange(t *testing.T) {
	s := Schedule{After(time.Second, Kill(Master), Pause("n3").For(time.Second)), After(2*time.Second, Partition(Master, Rest).For(time.Second)),
		AfterHeal(1, 0, DebugSleep("n2", time.Second)), AfterEffect(1, 0, Restart("n1"))}
	require.NoError(t, s.Validate())
	for _, c := range []struct {
		change string
		want   string // part of the error; empty: it is fine
		see    func(Schedule) bool
	}{
		{"1.for=5s", "", func(s Schedule) bool { return s[0].Actions[0].Lasts == 5*time.Second }},
		{"2.target=n2", "", func(s Schedule) bool { return len(s[0].Actions[1].On) == 1 && s[0].Actions[1].On[0] == "n2" }},
		{"2.target=n2,n3", "", func(s Schedule) bool { return len(s[0].Actions[1].On) == 2 }},
		{"3.for=300ms", "", func(s Schedule) bool { return s[1].Actions[0].Lasts == 300*time.Millisecond }},
		{"4.for=700ms", "", func(s Schedule) bool { return s[2].Actions[0].Sleep == 700*time.Millisecond }},
		{"4.for=1ms", "cannot be proved", nil},
		{"3.target=n2", "partition has two sides, no target", nil},
		{"partition", "write a fault's number", nil},
		{"1.for", "write a fault's number", nil},
		{"1.for=", "write a fault's number", nil},
		{"9.for=1s", "there is no fault 9: this scenario has 5", nil},
		{"0.for=1s", "there is no fault 0", nil},
		{"x.for=1s", "there is no fault x", nil},
		{"1.for=-1s", "is no duration above 0", nil},
		{"1.for=soon", "is no duration above 0", nil},
		{"1.when=1s", "when cannot be changed", nil},
		{"5.for=1s", "has no end to choose", nil},
		{"1.target=nobody", "unknown target", nil},
		{"1.target=w1", "clients can only be cut off", nil},
	} {
		t.Run(c.change, func(t *testing.T) {
			got, err := s.Change([]string{c.change})
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.True(t, c.see(got))
			require.False(t, c.see(s), "the scenario's own schedule stays as it is")
		})
	}
	same, err := s.Change(nil)
	require.NoError(t, err)
	require.Equal(t, s, same)
}

// A kill that a step of the schedule ends is ended by that step, at another moment: it still has something to do.
func TestChangeOfWhatAStepEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Schedule
	}{
		{"restart", Schedule{After(time.Second, Kill(Master)), AfterFailover(time.Second, Restart(Killed))}},
		{"resume", Schedule{After(time.Second, Pause(Master)), AfterFailover(time.Second, Resume(Paused))}},
		{"by name", Schedule{After(time.Second, Stop("n1")), AfterFailover(time.Second, Restart("n1"))}},
		{"heal", Schedule{After(time.Second, Isolate(Master)), AfterFailover(time.Second, Heal(1))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.s.Change([]string{"1.for=5s"})
			require.NoError(t, err)
			require.Equal(t, EffectOf(1).Plus(5*time.Second), got[1].When)
			require.Zero(t, got[0].Actions[0].Lasts)
			require.NotEqual(t, got[1].When, c.s[1].When)
		})
	}
}
