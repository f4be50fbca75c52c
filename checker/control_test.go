package checker

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// failedOverBySentinels is a run of three servers and three sentinels. n1 dies at 8 s, s1 makes n2 master at 9.5 s, all sentinels name n2
// from 10 s on, and n1 is back as a replica at 36 s. A write of one element is called every 100 ms, and offsets are ms since the
// beginning. n2 had fork of them when it was promoted, n3 had third.
type failedOverBySentinels struct {
	fork, third int64
	// alive lets n1 go on as master until 36 s; it takes the writes of these moments (s).
	alive bool
	old   []int64
	edit  func(h *history.History)
}

func (r failedOverBySentinels) run() *history.History {
	const ms = int64(1e6)
	var ops []history.Op
	var kept []int64
	for at := 1000 * ms; at < 39000*ms; at += 100 * ms {
		v := at / (100 * ms)
		o := op(1, history.FAdd, v, 1, at, at+ms)
		o.Node, o.Worker = 0, 6
		switch {
		case r.alive && at > 9500*ms && slices.Contains(r.old, at/(1000*ms)) && at%(1000*ms) == 0:
		case at >= 8000*ms && at < 9600*ms:
			o.Outcome, o.Err, o.Out = history.Fail, history.ErrDialRefused, none
		case at >= 9600*ms:
			o.Node = 1
			kept = append(kept, v)
		case at < r.fork*ms:
			kept = append(kept, v)
		}
		ops = append(ops, o)
	}
	h := history.FromOps(ops, []string{"k0"})
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1"}, {Name: "n2", Kind: history.Server, Addr: "2:1"}, {Name: "n3", Kind: history.Server, Addr: "3:1"}}
	for s := 1; s <= 3; s++ {
		h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: fmt.Sprintf("s%d", s), Kind: history.Sentinel, Addr: fmt.Sprintf("%d:2", s),
			Config: []history.KV{{K: "sentinel", V: fmt.Sprintf("myid id%d", s)}, {K: "sentinel", V: "down-after-milliseconds m 1000"}}})
	}
	h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "w1", Kind: history.Worker})
	for at := 500 * ms; at <= 42000*ms; at += 100 * ms {
		h.Samples = append(h.Samples, r.servers(at)...)
		h.Samples = append(h.Samples, sentinelsAt(at)...)
	}
	h.Events = sentinelsSay()
	for name, at := range map[string]int64{history.PhaseLoad: 500, history.PhaseLoadEnd: 39500, history.PhaseBarrier: 40000, history.PhaseFinalEnd: 42000} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: at * ms, Kind: history.EvPhase, Name: name})
	}
	slices.SortStableFunc(h.Events, func(a, b history.Event) int { return int(a.T - b.T) })
	for n := range int32(3) {
		h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: "k0", Type: "set", Digest: 1, ExpireAt: -1, Elems: kept, Last: true})
	}
	h.End = 42000 * ms
	if r.edit != nil {
		r.edit(h)
	}
	return h
}

func (r failedOverBySentinels) servers(at int64) []history.Sample {
	const ms = int64(1e6)
	sample := func(n int32, role history.Role, id string, offset int64) history.Sample {
		s := history.Sample{Node: n, Call: at, Return: at + 1000, Answered: true, Up: true, Role: role, RunID: fmt.Sprintf("r%d", n), ReplID: id, Offset: offset, Priority: 100}
		if id == "Y" {
			s.ReplID2, s.SecondOffset = "X", r.fork+1
		}
		if role == history.RoleReplica {
			s.LinkUp, s.MasterAddr = true, "1:1"
		}
		return s
	}
	now := at / ms
	one := sample(0, history.RoleMaster, "X", now)
	two, three := sample(1, history.RoleReplica, "X", min(now, r.fork)), sample(2, history.RoleReplica, "X", min(now, r.third))
	if now >= 8000 && !r.alive {
		one = history.Sample{Node: 0, Call: at, Return: at + 1000, NoAnswerSince: 8000 * ms}
	}
	if now >= 9500 {
		two, three = sample(1, history.RoleMaster, "Y", now), sample(2, history.RoleReplica, "Y", now)
		three.MasterAddr = "2:1"
	}
	if now >= 36000 {
		one = sample(0, history.RoleReplica, "Y", now)
		one.MasterAddr, one.RunID = "2:1", "r0b"
	}
	return []history.Sample{one, two, three}
}

func sentinelsAt(at int64) (out []history.Sample) {
	for n := int32(3); n <= 5; n++ {
		s := history.Sample{Node: n, Call: at, Return: at + 1000, Answered: true, Up: true, Role: history.RoleSentinel, RunID: fmt.Sprintf("r%d", n),
			Watch: history.Watch{Known: true, Announced: "1:1", Quorum: 2, Peers: 2, PeersUp: 2, ReplicasUp: 2}}
		switch {
		case at >= 10e9:
			s.Watch.Announced, s.Watch.Epoch = "2:1", 1
		case at >= 9e9:
			s.Watch.SDown = true
		}
		out = append(out, s)
	}
	return out
}

func sentinelsSay() (out []history.Event) {
	say := func(n int32, ms int64, name, text string) {
		out = append(out, history.Event{Node: n, T: ms * 1e6, Kind: history.EvSentinel, Name: name, Text: text})
	}
	for n := int32(3); n <= 5; n++ {
		say(n, 9000, "+sdown", "master m 1 1")
		say(n, 9100, "+new-epoch", "1")
		say(n, 9110, "+vote-for-leader", "id1 1")
	}
	say(3, 9100, "+odown", "master m 1 1 #quorum 3/2")
	say(3, 9105, "+try-failover", "master m 1 1")
	say(3, 9200, "+elected-leader", "master m 1 1")
	say(3, 9300, "+selected-slave", "slave 2:1 2 1 @ m 1 1")
	return out
}

// views changes what a sentinel's samples of a span (s) hold.
func views(n int32, from, to float64, change func(s *history.Sample)) func(h *history.History) {
	return func(h *history.History) {
		for i := range h.Samples {
			if s := &h.Samples[i]; s.Node == n && s.Call >= int64(from*1e9) && s.Call < int64(to*1e9) {
				change(s)
			}
		}
	}
}

// silent takes away what a sentinel said.
func silent(n int32, name string) func(h *history.History) {
	return func(h *history.History) {
		h.Events = slices.DeleteFunc(h.Events, func(e history.Event) bool { return e.Node == n && e.Name == name })
	}
}

// cut is a fault that drops what two nodes send each other, from one moment to another (s).
func cut(a, b int32, from, to int64) func(h *history.History) {
	return func(h *history.History) {
		h.Faults = append(h.Faults, history.Fault{ID: len(h.Faults) + 1, Kind: "partition", Text: "cut", Targets: []int32{a}, Links: [][2]int32{{a, b}, {b, a}}, Scheduled: from * 1e9, Injected: from * 1e9, Effect: from * 1e9,
			HealCalled: to * 1e9, Healed: to * 1e9})
	}
}

func edits(es ...func(h *history.History)) func(h *history.History) {
	return func(h *history.History) {
		for _, e := range es {
			e(h)
		}
	}
}

// unaware lets a sentinel hold the master for up all the time.
func unaware(n int32) func(h *history.History) {
	return edits(silent(n, "+sdown"), views(n, 0, 42, func(s *history.Sample) { s.Watch.SDown = false }))
}

// saying adds an event of a sentinel's (s).
func saying(n int32, t float64, name, text string) func(h *history.History) {
	return noting(history.Event{Node: n, T: int64(t * 1e9), Kind: history.EvSentinel, Name: name, Text: text})
}

func noting(e history.Event) func(h *history.History) {
	return func(h *history.History) { h.Events = append(h.Events, e) }
}

func names(addr string, epoch int64) func(s *history.Sample) {
	return func(s *history.Sample) { s.Watch.Announced, s.Watch.Epoch = addr, epoch }
}

// controlCases are the histories of the classes that judge failovers.
func controlCases() map[string]classCase {
	all := failedOverBySentinels{fork: 8000, third: 8000}
	with := func(r failedOverBySentinels, es ...func(h *history.History)) *history.History {
		r.edit = edits(es...)
		return r.run()
	}
	behind := failedOverBySentinels{fork: 6000, third: 7000}
	stays := failedOverBySentinels{fork: 8000, third: 8000, alive: true, old: []int64{34}}
	leaves := stays
	leaves.old = []int64{20}
	seenAsMaster := saying(4, 10.5, "-role-change", "slave 1:1 1 1 @ m 2 1 new reported role is master")
	return map[string]classCase{
		"minority_failover": {with(all, unaware(4), unaware(5)), with(all, unaware(5))},
		"epoch_back": {with(all, views(4, 20, 42, names("2:1", 0))),
			with(all, views(4, 20, 42, func(s *history.Sample) { s.Watch.Epoch, s.RunID = 0, "anew" }))},
		"announce_late": {with(all, views(5, 10, 14, names("1:1", 0))), with(all, views(5, 10, 12.5, names("1:1", 0)))},
		"avoidable_lost": {with(behind), with(behind, func(h *history.History) {
			for i := range h.Samples {
				if h.Samples[i].Node == 2 {
					h.Samples[i].Priority = 0
				}
			}
		})},
		"demotion_late": {with(stays, seenAsMaster), with(leaves, seenAsMaster)},
	}
}

func TestControlPlane(t *testing.T) {
	all := failedOverBySentinels{fork: 8000, third: 8000}
	behind := failedOverBySentinels{fork: 6000, third: 7000}
	stays := failedOverBySentinels{fork: 8000, third: 8000, alive: true, old: []int64{34}}
	justLate := failedOverBySentinels{fork: 8000, third: 8000, alive: true, old: []int64{30}}
	seenLater := saying(4, 10.8, "-role-change", "slave 1:1 1 1 @ m 2 1 new reported role is master")
	master := saying(4, 10.5, "-role-change", "slave 1:1 1 1 @ m 2 1 new reported role is master")
	wrong := views(5, 10, 20, names("1:1", 0))
	forced := func(h *history.History) {
		h.Faults = append(h.Faults, history.Fault{ID: 1, Kind: "sentinel-failover", Targets: []int32{3}, Injected: 8e9, Effect: 8e9, Permanent: true})
	}
	for _, c := range []struct {
		name  string
		class string
		run   failedOverBySentinels
		edits []func(h *history.History)
		want  int64
	}{
		{"a sound failover", "minority_failover", all, nil, 0},
		{"two of three could not vote", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), cut(3, 5, 2, 20)}, 1},
		{"one of three could not vote", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20)}, 0},
		{"the second was cut off only after it voted", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), cut(3, 5, 10, 20)}, 0},
		{"the second cut ended before", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), cut(3, 5, 2, 9)}, 0},
		{"one voted for another, one was cut off", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), silent(5, "+vote-for-leader"), saying(5, 9.11, "+vote-for-leader", "id3 1")}, 1},
		{"it voted for another in the next epoch", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), saying(3, 9.25, "+new-epoch", "2"), saying(5, 9.26, "+vote-for-leader", "id3 2")}, 0},
		{"the epoch of the attempt was not heard", "minority_failover", all, []func(h *history.History){cut(3, 4, 2, 20), silent(3, "+new-epoch"), silent(3, "+vote-for-leader"), saying(3, 5, "+new-epoch", "0"), saying(5, 5, "+vote-for-leader", "id3 0")}, 0},
		{"the election took too long to be one", "minority_failover", all, []func(h *history.History){unaware(4), unaware(5), silent(3, "+try-failover"), saying(3, -3, "+try-failover", "master m 1 1")}, 0},
		{"two were dead", "minority_failover", all, []func(h *history.History){views(4, 2, 20, away), views(5, 2, 20, away)}, 1},
		{"two were dead, one came back in time", "minority_failover", all, []func(h *history.History){views(4, 2, 20, away), views(5, 2, 9, away)}, 0},
		{"forced by a command", "minority_failover", all, []func(h *history.History){unaware(4), unaware(5), forced}, 0},
		{"the leader knew of fewer", "minority_failover", all, []func(h *history.History){unaware(4), unaware(5), views(3, 0, 42, func(s *history.Sample) { s.Watch.Peers = 1 })}, 0},
		{"one said that it was down", "minority_failover", all, []func(h *history.History){unaware(4), unaware(5), saying(4, 5, "+sdown", "master m 1 1")}, 0},
		{"no view of one near the election", "minority_failover", all, []func(h *history.History){unaware(4), unaware(5), views(5, 8, 9, func(s *history.Sample) { s.Watch.Known = false })}, 0},

		{"a current epoch", "epoch_back", all, []func(h *history.History){saying(5, 20, "+new-epoch", "0")}, 1},
		{"a vote in an old epoch", "epoch_back", all, []func(h *history.History){saying(5, 20, "+vote-for-leader", "id1 0")}, 1},
		{"a new process", "epoch_back", all, []func(h *history.History){saying(5, 20, "+new-epoch", "0"), noting(exitOf(5, 15e9, history.ProcessStarted, "pid 9"))}, 0},
		{"the same epoch again", "epoch_back", all, []func(h *history.History){saying(5, 20, "+new-epoch", "1")}, 0},

		{"ten seconds too long", "announce_late", all, []func(h *history.History){wrong}, 1},
		{"it was cut off", "announce_late", all, []func(h *history.History){wrong, cut(3, 5, 2, 18), cut(4, 5, 2, 18)}, 0},
		{"it reached one only", "announce_late", all, []func(h *history.History){wrong, views(5, 10, 20, func(s *history.Sample) { s.Watch.PeersUp = 1 })}, 0},
		{"it was in TILT", "announce_late", all, []func(h *history.History){wrong, views(5, 10, 20, func(s *history.Sample) { s.Watch.Tilt = true })}, 0},
		{"the machine stood still", "announce_late", all, []func(h *history.History){wrong, noting(history.Event{Node: 5, T: 10e9, Dur: 9e9, Kind: history.EvStall, Name: history.StallTick})}, 0},
		{"a fifth of a second too long", "announce_late", all, []func(h *history.History){views(5, 10, 13.4, names("1:1", 0))}, 1},
		{"the machine stood still for as long", "announce_late", all, []func(h *history.History){views(5, 10, 13.4, names("1:1", 0)), noting(history.Event{Node: 5, T: 11e9, Dur: 3e8, Kind: history.EvStall, Name: history.StallTick})}, 0},
		{"its epoch is as high", "announce_late", all, []func(h *history.History){views(5, 10, 20, names("1:1", 1))}, 0},

		{"the other held a second more", "avoidable_lost", behind, nil, 10},
		{"it did not answer for a moment", "avoidable_lost", behind, []func(h *history.History){views(2, 8, 8.3, func(s *history.Sample) { s.Answered = false })}, 10},
		{"it did not answer for seconds", "avoidable_lost", behind, []func(h *history.History){views(2, 6, 8.3, func(s *history.Sample) { s.Answered = false })}, 0},
		{"both held as much", "avoidable_lost", failedOverBySentinels{fork: 6000, third: 6000}, nil, 0},
		{"the other was cut off from the leader", "avoidable_lost", behind, []func(h *history.History){cut(3, 2, 5, 15)}, 0},
		{"its link was down too long", "avoidable_lost", failedOverBySentinels{fork: 800, third: 1500}, []func(h *history.History){views(2, 0, 9.5, func(s *history.Sample) { s.LinkUp = false })}, 0},
		{"the leader did not reach it", "avoidable_lost", behind, []func(h *history.History){views(3, 8, 10, func(s *history.Sample) { s.Watch.ReplicasUp = 1 })}, 0},
		{"it held another branch", "avoidable_lost", behind, []func(h *history.History){views(2, 0, 9.5, func(s *history.Sample) { s.ReplID = "Z" })}, 0},
		{"it was restarted", "avoidable_lost", behind, []func(h *history.History){views(2, 9.5, 42, func(s *history.Sample) { s.RunID = "anew" })}, 0},

		{"nobody demotes it", "demotion_late", stays, []func(h *history.History){master}, 1},
		{"nobody was seen to see it", "demotion_late", stays, nil, 0},
		{"it was cut off", "demotion_late", stays, []func(h *history.History){master, cut(0, 3, 2, 30), cut(0, 4, 2, 30), cut(0, 5, 2, 30)}, 0},
		{"the sentinel stood still for as long", "demotion_late", justLate, []func(h *history.History){seenLater, noting(history.Event{Node: 4, T: 15e9, Dur: 400e6, Kind: history.EvStall, Name: history.StallTick})}, 0},
		{"a fifth of a second too long", "demotion_late", justLate, []func(h *history.History){seenLater}, 1},
		{"it was held for down", "demotion_late", stays, []func(h *history.History){master, saying(4, 20, "-sdown", "slave 1:1 1 1 @ m 2 1")}, 0},
		{"it did not answer for a while", "demotion_late", stays, []func(h *history.History){master, views(0, 20, 21, func(s *history.Sample) { s.Answered = false })}, 0},
	} {
		t.Run(c.class+"/"+c.name, func(t *testing.T) {
			c.run.edit = edits(c.edits...)
			r := judged(t, c.run.run())
			require.Equal(t, c.want, countOf(r, c.class), "%+v", r.Findings)
		})
	}
}

func away(s *history.Sample) {
	*s = history.Sample{Node: s.Node, Call: s.Call, Return: s.Return, NoAnswerSince: s.Call}
}

// What a run is too short, or knows too little, to tell is not said to be kept.
func TestControlPlaneUndecided(t *testing.T) {
	all := failedOverBySentinels{fork: 8000, third: 8000}
	run := func(r failedOverBySentinels, es ...func(h *history.History)) result.Result {
		r.edit = edits(es...)
		return judged(t, r.run())
	}
	undecided := func(r result.Result, class string) bool {
		return slices.ContainsFunc(r.Findings, func(f result.Finding) bool { return f.Class == class && f.Undecided != "" })
	}
	until := func(ms int64) func(h *history.History) {
		return func(h *history.History) {
			for i := range h.Events {
				if h.Events[i].Name == history.PhaseLoadEnd {
					h.Events[i].T = ms * 1e6
				}
			}
		}
	}
	for _, class := range []string{"announce_late", "demotion_late", "avoidable_lost"} {
		require.False(t, undecided(run(all), class), class)
	}
	require.True(t, undecided(run(all, views(5, 10, 42, names("1:1", 0)), until(12000)), "announce_late"))
	require.True(t, undecided(run(failedOverBySentinels{fork: 8000, third: 8000, alive: true}, until(25000)), "demotion_late"))
	dark := views(3, 8, 10, func(s *history.Sample) { s.Watch.ReplicasUp = 1 })
	require.True(t, undecided(run(failedOverBySentinels{fork: 6000, third: 7000}, dark), "avoidable_lost"))

	require.Contains(t, run(all).Looked, "minority_failover")
	require.NotContains(t, run(all, silent(4, "+vote-for-leader"), silent(5, "+vote-for-leader")).Looked, "minority_failover")
}

// A history of the first version holds no views: what cannot be judged is not said to be kept.
func TestControlPlaneWithoutViews(t *testing.T) {
	r := failedOverBySentinels{fork: 6000, third: 7000}
	r.edit = func(h *history.History) {
		for i := range h.Samples {
			h.Samples[i].Watch, h.Samples[i].Priority = history.Watch{}, -1
		}
		h.Events = slices.DeleteFunc(h.Events, func(e history.Event) bool { return e.Kind == history.EvSentinel })
	}
	looked := judged(t, r.run()).Looked
	for _, class := range []string{"minority_failover", "epoch_back", "avoidable_lost", "announce_late", "demotion_late"} {
		require.NotContains(t, looked, class)
	}
}
