package exchange

import (
	"math"
	"math/rand"

	"github.com/schismtest/schism/history"
)

// nodes are a server, a replica and two workers.
var nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "10.0.0.1:6379", Role: history.RoleMaster},
	{Name: "n2", Kind: history.Server, Addr: "10.0.0.2:6379", Role: history.RoleReplica}, {Name: "w1", Kind: history.Worker}, {Name: "w2", Kind: history.Worker}}

// randomBatch draws a worker's batch that uses every kind of record and every odd value.
func randomBatch(r *rand.Rand, n int) *history.Batch {
	val := func() int64 {
		return []int64{history.None, history.Nil, 0, -1, math.MaxInt64, math.MinInt64 + 2, r.Int63(), r.Int63n(100), -r.Int63n(1 << 40)}[r.Intn(9)]
	}
	b := &history.Batch{Source: 2, Seq: 1, Keys: []string{"r:7", "odd", ":", "", "s:99999999999999999999", "a \"b\"\n"}}
	t := int64(0)
	for range n {
		t += r.Int63n(1e6)
		o := history.Op{Process: r.Int31(), Client: r.Int31n(20), Worker: 2 + r.Int31n(2), F: history.F(1 + r.Intn(int(history.FReadLock))), Outcome: history.Outcome(r.Intn(3)),
			Flags: history.Flag(r.Intn(64)), Node: r.Int31n(3) - 1, Key: uint32(r.Intn(len(b.Keys))), In: val(), Arg: history.None, Out: val(),
			Acked: r.Int31n(3) - 1, Call: t, Intended: t, Return: t + r.Int63n(1e6)}
		if o.Outcome != history.OK {
			o.Err = history.ErrTimeout
		}
		if r.Intn(3) == 0 {
			o.Intended = t - r.Int63n(1e6)
		}
		if o.Outcome == history.Info {
			o.Return = history.Inf
		}
		if r.Intn(4) == 0 {
			o.Arg = val()
			o.List = []int64{val(), val(), val()}
		}
		b.Ops = append(b.Ops, o)
	}
	b.Samples = []history.Sample{{Node: 1, Call: 5, Return: 9, Answered: true, Up: true, LinkUp: true, Role: history.RoleReplica, RunID: "a", ReplID: "b", ReplID2: "a", Offset: r.Int63(), SecondOffset: -1, MasterAddr: "10.0.0.1:6379", LastIO: -1, Replicas: 2, Memory: 1, RunDelay: r.Int63(), CPUTime: 3, Steal: -1, Priority: 100, Connected: 2, MinGood: -1,
		Rest:  history.Rest{Known: true, Changes: 7, LastSave: 1, Saving: true, Expired: 2, Evicted: 3},
		Watch: history.Watch{Known: true, Announced: "10.0.0.1:6379", Epoch: 1, Quorum: 2, Peers: 2, PeersUp: 1, ReplicasUp: 2, SDown: true, ODown: true, Failover: true, Tilt: true}},
		{Node: 0, Call: 13, Frozen: true, Loading: true, SyncRunning: true, NoAnswerSince: 3}}
	b.Events = []history.Event{{Node: history.NoNode, T: r.Int63(), Dur: r.Int63n(1e9), Kind: history.EvPhase, Name: history.PhaseLoad, Text: "x"}}
	b.Faults = []history.Fault{{ID: 1, Kind: "kill", Text: "t", When: "w", Targets: []int32{0, 3}, Links: [][2]int32{{0, 1}}, Permanent: true, Scheduled: 1, Injected: 2, Effect: 3, Proof: "p", HealCalled: 4, Healed: 5, HealProof: "h", Err: "e", Unavailable: "u"}}
	b.Dumps = []history.Dump{{Node: 1, Key: "e", Type: "set", Elems: []int64{}}, {Node: 1, Key: "n", Type: "none"},
		{Node: 1, Key: "s:1", Type: "set", Digest: math.MaxUint64, ExpireAt: -1, Elems: []int64{1, 5, 9}, Part: 1, Last: true, Read: 1, ReadCall: 5, ReadReturn: 8},
		{Node: 1, Key: "s:1", Type: "none", Read: 2, ReadCall: 15, ReadReturn: 18}}
	b.Views = []history.View{{Node: 1, Call: 5, Return: 9, OK: true, Epoch: r.Int63(), Peers: []history.Peer{{Node: 1, Role: history.RoleReplica, Master: 0, Epoch: 3, LinkUp: true, Myself: true,
		Importing: 2}, {Node: 0, Role: history.RoleMaster, Master: history.NoNode, PFail: true, Slots: []history.SlotRange{{From: 1, To: uint16(1 + r.Intn(history.Slots-1))}}}}}}
	b.Readings = []history.Reading{{Node: 1, Read: 1, Call: 4, Return: 9, WallCall: r.Int63(), WallReturn: r.Int63(), Keys: 2}, {Node: 1, Read: 2, Call: 14, Return: 19, Keys: 1}}
	return b
}
