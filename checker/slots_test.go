package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// The nodes of clusterRun, and its worker.
const (
	cn1 int32 = iota // master of shard 1, which has the lower half of the slots
	cn2              // master of shard 2
	cn3              // replica of n1
	cn4              // replica of n2
	cw1
)

// lowKey and highKey are the first keys of hist that fall into either half: k0 has slot 8579, k2 449.
const (
	lowKey  = 2
	highKey = 0
)

var lower, upper = []history.SlotRange{{From: 0, To: 8191}}, []history.SlotRange{{From: 8192, To: 16383}}

// clusterView is a node's view at t: who owns the lower slots and who the upper ones, replicas following them.
func clusterView(node int32, t int64, ok bool, low, high int32) history.View {
	v := history.View{Node: node, Call: t, Return: t + 1000, OK: ok, Epoch: 5}
	for n := cn1; n <= cn4; n++ {
		p := history.Peer{Node: n, Role: history.RoleReplica, Master: map[int32]int32{cn1: low, cn3: low, cn2: high, cn4: high}[n], LinkUp: true, Myself: n == node}
		if n == low || n == high {
			p.Role, p.Master = history.RoleMaster, history.NoNode
		}
		if n == low {
			p.Slots = append(p.Slots, lower...)
		}
		if n == high {
			p.Slots = append(p.Slots, upper...)
		}
		v.Peers = append(v.Peers, p)
	}
	return v
}

// clusterRun is a run of 10 s on two shards to which nothing happens: operations with times in ms, and what the masters held at the end, by
// key; each replica holds the same.
func clusterRun(final map[string][]int64, ops ...history.Op) *history.History {
	for i := range ops {
		o := &ops[i]
		o.Worker = cw1
		if o.Node == history.NoNode {
			o.Node = cn1
			if history.SlotOf(fmt.Sprintf("k%d", o.Key)) > 8191 {
				o.Node = cn2
			}
		}
		o.Call, o.Intended = o.Call*1e6, o.Intended*1e6
		if o.Return != history.Inf {
			o.Return *= 1e6
		}
	}
	h := hist(ops...)
	for i, n := range []string{"n1", "n2", "n3", "n4"} {
		h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: n, Kind: history.Server, Addr: fmt.Sprintf("%d:1", i+1), Shard: i%2 + 1, Role: []history.Role{history.RoleMaster, history.RoleReplica}[i/2]})
	}
	h.Run.Nodes = append(h.Run.Nodes, history.Node{Name: "w1", Kind: history.Worker})
	h.Run.Slots = []history.ShardSlots{{Shard: 1, Ranges: lower}, {Shard: 2, Ranges: upper}}
	for name, t := range map[string]int64{history.PhaseLoad: 0, history.PhaseLoadEnd: 10, history.PhaseBarrier: 11, history.PhaseFinalEnd: 12} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: t * vSecond, Kind: history.EvPhase, Name: name})
	}
	for t := -vSecond / 2; t <= 13*vSecond; t += vSecond / 2 {
		for n := cn1; n <= cn4; n++ {
			h.Samples = append(h.Samples, clusterSample(n, t, n%2, n < cn3))
		}
	}
	for n := cn1; n <= cn4; n++ {
		h.Views = append(h.Views, clusterView(n, -vSecond/2, true, cn1, cn2))
	}
	for k, elems := range final {
		keeps(h, k, elems, int32(history.SlotOf(k)/8192))
	}
	h.End = 13 * vSecond
	return h
}

// clusterSample is a look at a node that is the master, or a replica, of one shard's first node.
func clusterSample(n int32, t int64, first int32, master bool) history.Sample {
	s := history.Sample{Node: n, Call: t, Return: t + 1000, Answered: true, Up: true, Role: history.RoleReplica, RunID: fmt.Sprint("r", n), ReplID: fmt.Sprint("x", first), Offset: 100 + t/1e6, LinkUp: true, MasterAddr: fmt.Sprintf("%d:1", first+1)}
	if master {
		s.Role, s.MasterAddr = history.RoleMaster, ""
	}
	return s
}

// keeps lets both nodes of a shard, by the number of its first, hold a key at the end.
func keeps(h *history.History, key string, elems []int64, first int32) *history.History {
	for _, n := range []int32{first, first + 2} {
		h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: key, Type: "set", Digest: uint64(1 + len(elems)), ExpireAt: -1, Elems: elems})
	}
	slices.SortStableFunc(h.Dumps, func(a, b history.Dump) int {
		if a.Key != b.Key {
			return map[bool]int{true: -1, false: 1}[a.Key < b.Key]
		}
		return int(a.Node - b.Node)
	})
	return h
}

// migrated lets the lower slots go over to shard 2 between 4 and 5 s; the last server has followed by 5.4 s.
func migrated(h *history.History) *history.History {
	begun := clusterView(cn1, 4*vSecond, true, cn1, cn2)
	begun.Peers[cn1].Migrating = 3
	h.Views = append(h.Views, begun)
	for n := cn1; n <= cn4; n++ {
		h.Views = append(h.Views, clusterView(n, 5*vSecond+int64(n)*vSecond/8, true, cn2, cn2))
	}
	return h
}

// tookOver lets n3 take over from n1, which is dead since 4 s, at 6 s, with everything that n1 had. lost: what n1 acknowledged in its last
// half second is not in it.
func tookOver(h *history.History, dead bool) *history.History {
	h.Faults = append(h.Faults, history.Fault{ID: 1, Kind: "kill", Text: "kill n1", Targets: []int32{cn1}, Injected: 4 * vSecond, Effect: 4*vSecond + 1e6, Healed: 8 * vSecond, HealCalled: 8*vSecond - 1e6})
	for i := range h.Samples {
		s := &h.Samples[i]
		switch {
		case s.Node == cn1 && s.Call > 4*vSecond && s.Call < 8*vSecond && dead:
			*s = history.Sample{Node: cn1, Call: s.Call, Return: s.Return, NoAnswerSince: 4 * vSecond}
		case s.Node == cn1 && s.Call >= 8*vSecond:
			*s = clusterSample(cn1, s.Call, cn3, false)
			s.RunID = "again"
		case s.Node == cn3 && s.Call >= 6*vSecond:
			*s = clusterSample(cn3, s.Call, cn3, true)
			s.ReplID2, s.SecondOffset = "x0", 100+3500+1
		}
		if s.Node == cn1 && s.Call >= 8*vSecond {
			s.ReplID2, s.SecondOffset = "x0", 100+3500+1
		}
	}
	down := clusterView(cn2, 5*vSecond, true, cn1, cn2)
	down.Peers[cn1].PFail = true
	agreed := clusterView(cn2, 5*vSecond+vSecond/2, true, cn1, cn2)
	agreed.Peers[cn1].Fail, agreed.Epoch = true, 6
	h.Views = append(h.Views, down, agreed)
	for _, n := range []int32{cn3, cn2, cn4} {
		h.Views = append(h.Views, clusterView(n, 6*vSecond+int64(n)*vSecond/100, true, cn3, cn2))
	}
	h.Views = append(h.Views, clusterView(cn1, 8*vSecond, true, cn3, cn2))
	slices.SortStableFunc(h.Views, func(a, b history.View) int { return int((a.Call - b.Call) / 1000) })
	return h
}

func adding(key uint32, v, call, ret int64) history.Op {
	return onKey(op(1, history.FAdd, v, 1, call, ret), key)
}

// steadyLoad is a write to either shard every 100 ms, and the keys' contents.
func steadyLoad(not func(key uint32, ms int64) bool) (ops []history.Op, final map[string][]int64) {
	final = map[string][]int64{}
	for _, key := range []uint32{lowKey, highKey} {
		for ms := int64(50); ms < 10000; ms += 100 {
			if not != nil && not(key, ms) {
				continue
			}
			ops = append(ops, adding(key, ms*10+int64(key), ms, ms+2))
			name := fmt.Sprintf("k%d", key)
			final[name] = append(final[name], ms*10+int64(key))
		}
	}
	return ops, final
}

// slotClasses are the smallest histories of the classes about slots.
func slotClasses() map[string]classCase {
	high := adding(highKey, 7, 200, 201)
	stays := map[string][]int64{"k0": {7}}
	low := func() []history.Op { return []history.Op{high, adding(lowKey, 1, 100, 101)} }
	gone := keeps(migrated(clusterRun(stays, low()...)), "k9", []int64{1}, cn2)
	kept := keeps(migrated(clusterRun(stays, low()...)), "k2", []int64{1}, cn2)
	stranded := keeps(keeps(migrated(clusterRun(stays, low()...)), "k2", []int64{1}, cn2), "k2", []int64{1}, cn1)
	both := clusterRun(map[string][]int64{"k0": {7}, "k2": {1}}, low()...)
	for n, t := range map[int32]int64{cn2: 3, cn4: 3, cn1: 6, cn3: 6} { // n2 takes the lower slots, and n1 goes on
		h := clusterView(n, t*vSecond, true, cn2, cn2)
		both.Views = append(both.Views, h)
	}
	for n := cn1; n <= cn4; n++ { // and gets them back
		both.Views = append(both.Views, clusterView(n, 8*vSecond, true, cn1, cn2))
	}
	slices.SortStableFunc(both.Views, func(a, b history.View) int { return int((a.Call - b.Call) / 1000) })
	return map[string]classCase{
		"foreign_key":       {stranded, kept},
		"lost_in_migration": {gone, keeps(migrated(clusterRun(stays, low()...)), "k2", []int64{1}, cn2)},
		"slot_two_masters":  {both, keeps(migrated(clusterRun(stays, low()...)), "k2", []int64{1}, cn2)},
	}
}

// Masters of different shards are two by right, and a healthy Cluster has no finding.
func TestHealthyCluster(t *testing.T) {
	require.Equal(t, [2]int{8579, 449}, [2]int{history.SlotOf("k0"), history.SlotOf("k2")})
	ops, final := steadyLoad(nil)
	r := judged(t, clusterRun(final, ops...))
	require.Equal(t, result.Pass, r.Verdict, "%v %+v", r.Reasons, r.Findings)
	require.Empty(t, r.Findings)
	require.Zero(t, r.Masters.TwoWritable)
	require.Empty(t, r.Slots.Unserved)
	require.Empty(t, r.Slots.Moves)
	require.Len(t, r.Shards, 2)
	for i, s := range r.Shards {
		require.Equal(t, i+1, s.Shard)
		require.Equal(t, []int{8192, 8192, 100, 0, 0}, []int{s.Slots, s.SlotsEnd, int(s.Acked), int(s.Lost), int(s.LostMost)})
		require.Equal(t, result.Exactly(0), s.TwoMasters)
		require.Equal(t, result.Exactly(0), s.Unserved)
		require.LessOrEqual(t, s.WriteGap.Hi, 0.2)
	}
}

// A failover of one shard is that shard's: its loss, its RTA, its slots; the other one goes on, and its loss is outside of every window.
func TestFailoverOfOneShard(t *testing.T) {
	away := func(key uint32, ms int64) bool { return key == lowKey && ms > 4000 && ms < 6500 }
	run := func(edit func(final map[string][]int64)) *history.History {
		ops, final := steadyLoad(away)
		for i := range ops {
			if ops[i].Key == lowKey && ops[i].Call > 6000 {
				ops[i].Node = cn3
			}
		}
		for ms := int64(4050); ms < 6500; ms += 100 {
			ops = append(ops, failed(onNode(adding(lowKey, ms*10+5, ms, ms+2), cn1)))
		}
		if edit != nil {
			edit(final)
		}
		h := tookOver(clusterRun(final, ops...), true)
		var err error
		h.Run.Promises, err = json.Marshal([]result.Promise{result.LossOnlyBetween(result.EffectOf(1).Plus(-time.Second), result.PromotionAfter(1)), result.LossOnlyInShardsHit(), result.LossOnlyInShard(2)})
		require.NoError(t, err)
		return h
	}
	dropped := func(key string, v int64) func(final map[string][]int64) {
		return func(final map[string][]int64) {
			final[key] = slices.DeleteFunc(final[key], func(x int64) bool { return x == v })
		}
	}
	statusOf := func(r result.Result) (out []result.Status) {
		for _, text := range []string{"loss only between", "only a shard that", "only shard 2"} {
			for _, p := range r.Promises {
				if len(p.Text) >= len(text) && p.Text[:len(text)] == text {
					out = append(out, p.Status)
				}
			}
		}
		return out
	}
	r := judged(t, run(nil))
	require.Equal(t, []result.Status{result.Kept, result.Kept, result.Kept}, statusOf(r), "%+v", r.Promises)
	require.Len(t, r.Failovers, 1)
	require.Equal(t, 1, r.Failovers[0].Shard)
	var steps []string
	for _, s := range r.Failovers[0].Steps {
		steps = append(steps, s.Text)
	}
	require.Subset(t, steps, []string{"n2 holds n1 for down", "the masters agree that n1 is down", "an election begins", "n3 owns the slots"})
	require.InDelta(t, 2.5, r.Shards[0].RTA.Hi, 0.3)
	require.Less(t, r.Shards[1].RTA.Hi, 0.3)
	require.Equal(t, 1, r.Availability.RTAShard)
	require.InDelta(t, 2, r.Shards[0].Unserved.Lo, 1)
	require.Zero(t, r.Shards[1].Unserved.Hi)
	require.Zero(t, r.Masters.TwoWritable)

	r = judged(t, run(dropped("k2", 39502))) // acknowledged at 3.95 s by n1
	require.EqualValues(t, 1, r.Writes.Lost)
	require.EqualValues(t, []int64{1, 0}, []int64{r.Shards[0].Lost, r.Shards[1].Lost})
	require.Equal(t, []result.Status{result.Kept, result.Kept, result.Broken}, statusOf(r), "%+v", r.Promises)
	require.Equal(t, 1, r.Loss.Causes[0].Shard)

	r = judged(t, run(dropped("k0", 39500))) // by n2, at the same time
	require.EqualValues(t, []int64{0, 1}, []int64{r.Shards[0].Lost, r.Shards[1].Lost})
	require.Equal(t, []result.Status{result.Broken, result.Broken, result.Kept}, statusOf(r), "%+v", r.Promises)
}

// What moved is judged where it is; what a failover may have lost meanwhile is no bug of the migration.
func TestMigration(t *testing.T) {
	ops := func() []history.Op {
		return []history.Op{adding(highKey, 7, 200, 201), adding(lowKey, 1, 100, 101), fromReplica(onNode(onKey(read(2, history.FReadSet, 300, 301, 1), lowKey), cn3)),
			fromReplica(onNode(onKey(read(2, history.FReadSet, 4900, 4901), lowKey), cn3)), onNode(adding(lowKey, 2, 6000, 6001), cn2)}
	}
	h := keeps(migrated(clusterRun(map[string][]int64{"k0": {7}}, ops()...)), "k2", []int64{1, 2}, cn2)
	r := judged(t, h)
	require.Equal(t, result.Pass, r.Verdict, "%v %+v", r.Reasons, r.Findings)
	require.Len(t, r.Slots.Moves, 1)
	mv := r.Slots.Moves[0]
	require.Equal(t, []int{8192, 1, 2}, []int{mv.Slots, mv.OldShard, mv.NewShard})
	require.LessOrEqual(t, mv.From, 4*vSecond)
	require.InDelta(t, float64(5*vSecond+3*vSecond/8), float64(mv.To), float64(vSecond/2))
	require.Len(t, r.Slots.Unjudged, 1)
	require.Equal(t, []int{16384, 0}, []int{r.Shards[1].SlotsEnd, r.Shards[0].SlotsEnd})

	lost := migrated(clusterRun(map[string][]int64{"k0": {7}}, ops()...))
	r = judged(t, lost)
	require.Equal(t, result.Violation, r.Verdict)
	require.Equal(t, "migration", r.Loss.Causes[0].Kind)
	require.EqualValues(t, 1, r.Slots.Moves[0].LostKeys)

	// A failover of either shard meanwhile may have been it.
	failed := keeps(tookOver(migrated(clusterRun(map[string][]int64{"k0": {7}}, ops()...)), true), "k9", nil, cn2)
	failed.Views = slices.DeleteFunc(failed.Views, func(v history.View) bool { return v.Call > 5*vSecond+vSecond/2 })
	r = judged(t, failed)
	require.NotEqual(t, result.Violation, r.Verdict, "%+v", r.Promises)
	require.Zero(t, countOf(r, "hole"))
}

// Where the servers do not agree on who owns a slot at the end, or where nobody's view was recorded, what its keys hold is not known.
func TestUnknownOwners(t *testing.T) {
	ops, final := steadyLoad(nil)
	delete(final, "k2")
	h := clusterRun(final, ops...)
	for n := cn1; n <= cn2; n++ {
		h.Views = append(h.Views, clusterView(n, 9*vSecond, true, cn2, cn2))
	}
	r := judged(t, h)
	require.Equal(t, result.Unknown, r.Verdict, "%+v", r.Promises)
	require.Zero(t, r.Writes.Lost)
	require.EqualValues(t, 100, r.Writes.LostMost)

	h.Views = nil
	r = judged(t, h)
	require.Equal(t, result.Unknown, r.Verdict)
	require.False(t, r.Writes.Known)
}

// A replica that went over to another shard's master belongs to that one at the end.
func TestReplicaThatMoved(t *testing.T) {
	ops, final := steadyLoad(nil)
	h := clusterRun(final, ops...)
	for i := range h.Samples {
		if s := &h.Samples[i]; s.Node == cn3 && s.Call > 4*vSecond {
			*s = clusterSample(cn3, s.Call, cn2, false)
			s.RunID = "r2"
		}
	}
	for i := range h.Dumps {
		if d := &h.Dumps[i]; d.Node == cn3 {
			d.Key, d.Elems, d.Digest = "k0", final["k0"], uint64(1+len(final["k0"]))
		}
	}
	slices.SortStableFunc(h.Dumps, func(a, b history.Dump) int { return int(a.Node - b.Node) })
	slices.SortStableFunc(h.Dumps, func(a, b history.Dump) int { return int(a.Key[1]) - int(b.Key[1]) })
	r := judged(t, h)
	require.Equal(t, result.Pass, r.Verdict, "%v %+v", r.Reasons, r.Findings)
	require.Equal(t, []int32{cn2, cn3, cn4}, r.Shards[1].Nodes)
}

// Where slots are still on their way at the end, keys lie at either end of it by right, and what is at the new end is not lost.
func TestMigrationThatIsNotOver(t *testing.T) {
	h := keeps(clusterRun(map[string][]int64{"k0": {7}}, adding(highKey, 7, 200, 201), adding(lowKey, 1, 100, 101)), "k2", []int64{1}, cn2)
	from, to := clusterView(cn1, 4*vSecond, true, cn1, cn2), clusterView(cn2, 4*vSecond, true, cn1, cn2)
	from.Peers[cn1].Migrating, to.Peers[cn2].Importing = 1, 1
	h.Views = append(h.Views, from, to)
	r := judged(t, h)
	require.Equal(t, result.Unknown, r.Verdict, "%+v", r.Findings)
	require.Zero(t, r.Writes.LostMost)
	require.Zero(t, countOf(r, "foreign_key"))
	require.NotEmpty(t, r.Slots.Unjudged)
}

// A master that holds itself for cut off refuses what it is asked: it is no second master.
func TestCutOffMasterServesNothing(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		ops, final := steadyLoad(func(key uint32, ms int64) bool { return key == lowKey && ms > 4000 })
		h := tookOver(clusterRun(final, ops...), false)
		for i := range h.Views {
			if v := &h.Views[i]; v.Node == cn1 && v.Call < 5*vSecond && refuses {
				late := clusterView(cn1, 5*vSecond, false, cn1, cn2)
				h.Views = append(h.Views, late)
				break
			}
		}
		slices.SortStableFunc(h.Views, func(a, b history.View) int { return int((a.Call - b.Call) / 1000) })
		r := judged(t, h)
		require.Equal(t, refuses, r.Masters.TwoWritable == 0, "%+v", r.Masters)
		require.Equal(t, refuses, r.Masters.Two.Lo == 0, "%+v", r.Masters.Two)
		require.Equal(t, refuses, countOf(r, "slot_two_masters") == 0)
	}
}

// What went over to another shard is there whatever became of the log of the one that it left: no hole, no fork and no lost branch.
func TestMovedKeysMakeNoHole(t *testing.T) {
	require.Equal(t, 4576, history.SlotOf("k3")) // of the lower half, but not of the slot that moves
	ops := []history.Op{adding(3, 3, 3900, 3901), adding(lowKey, 1, 3950, 3951), adding(highKey, 7, 200, 201)}
	h := tookOver(clusterRun(map[string][]int64{"k0": {7}}, ops...), true)
	keeps(h, "k2", []int64{1}, cn2)
	moved := func(v *history.View) { // slot 449 alone goes to shard 2, before n1 dies
		for i := range v.Peers {
			p := &v.Peers[i]
			var out []history.SlotRange
			for _, r := range p.Slots {
				if r.Has(449) {
					out = append(out, history.SlotRange{From: 0, To: 448}, history.SlotRange{From: 450, To: r.To})
				} else {
					out = append(out, r)
				}
			}
			if p.Node == cn2 {
				out = append(out, history.SlotRange{From: 449, To: 449})
			}
			p.Slots = out
		}
	}
	for n := cn1; n <= cn4; n++ {
		h.Views = append(h.Views, clusterView(n, 3*vSecond+97*vSecond/100, true, cn1, cn2))
	}
	slices.SortStableFunc(h.Views, func(a, b history.View) int { return int((a.Call - b.Call) / 1000) })
	for i := range h.Views {
		if h.Views[i].Call > 3*vSecond {
			moved(&h.Views[i])
		}
	}
	for i := range h.Samples {
		if s := &h.Samples[i]; s.ReplID2 == "x0" {
			s.SecondOffset = 100 + 3800 + 1 // n3 had not got the last that n1 had written
		}
	}
	r := judged(t, h)
	require.EqualValues(t, 1, r.Writes.Lost, "%+v", r.Writes)
	require.Zero(t, countOf(r, "hole"), "%+v", r.Findings)
	require.Equal(t, "promotion", r.Loss.Causes[0].Kind)
	require.Zero(t, countOf(r, "lost_in_migration"))
}
