package checker

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// classCase is the smallest history that has a class, and the nearest that has not, each as a run of its own.
type classCase struct{ has, hasNot *history.History }

// tinyRun is a run of one master n1, one replica n2 and no fault, in which these operations were run, and after the barrier both
// nodes held final. Operations without a node ran at the master, reads of replicas at the replica.
func tinyRun(final map[string][]int64, ops ...history.Op) *history.History {
	for i := range ops {
		ops[i].Worker = 2
		if ops[i].Node == history.NoNode {
			ops[i].Node = int32(ops[i].Flags & history.FlagReplicaRead / history.FlagReplicaRead)
		}
	}
	h := hist(ops...)
	h.Run.Nodes = []history.Node{{Name: "n1", Kind: history.Server, Addr: "1:1", Role: history.RoleMaster}, {Name: "n2", Kind: history.Server, Addr: "2:1", Role: history.RoleReplica}, {Name: "w1", Kind: history.Worker}}
	end := h.End
	for n, name := range []string{history.PhaseLoad, history.PhaseLoadEnd, history.PhaseBarrier, history.PhaseFinalEnd} {
		h.Events = append(h.Events, history.Event{Node: history.NoNode, T: int64(min(n, 1))*end + int64(n), Kind: history.EvPhase, Name: name})
	}
	for _, t := range []int64{-10, end + 1, end + 20} {
		h.Samples = append(h.Samples,
			history.Sample{Node: 0, Call: t, Return: t + 1, Answered: true, Up: true, Role: history.RoleMaster, RunID: "a", ReplID: "x", Offset: t + 100},
			history.Sample{Node: 1, Call: t, Return: t + 1, Answered: true, Up: true, Role: history.RoleReplica, RunID: "b", ReplID: "x", Offset: t + 100, LinkUp: true, MasterAddr: "1:1"})
	}
	keys := make([]string, 0, len(final))
	for k := range final {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		for n := range int32(2) {
			h.Dumps = append(h.Dumps, history.Dump{Node: n, Key: k, Type: finalType(h, k), Digest: 1, ExpireAt: -1, Elems: final[k]})
		}
	}
	h.End = end + 30
	return h
}

// finalType is the server's type of a key by what was done to it.
func finalType(h *history.History, key string) string {
	for i, f := range h.Ops.F {
		if h.Keys[h.Ops.Key[i]] != key {
			continue
		}
		switch f {
		case history.FAppend, history.FReadList, history.FEnqueue, history.FDequeue:
			return "list"
		case history.FAdd, history.FReadSet:
			return "set"
		case history.FTransfer, history.FReadBank:
			return "hash"
		case history.FTxn:
			return "none"
		}
	}
	if strings.HasPrefix(key, "t:") {
		return "list"
	}
	return "string"
}

// failedOver lets n2 take over from n1 at t, with everything n1 had.
func failedOver(h *history.History, t int64) *history.History {
	h.Samples = slices.DeleteFunc(h.Samples, func(s history.Sample) bool { return s.Call > 0 })
	for _, at := range []int64{t, h.End - 5} {
		h.Samples = append(h.Samples,
			history.Sample{Node: 0, Call: at, Return: at + 1, Answered: true, Up: true, Role: history.RoleReplica, RunID: "a", ReplID: "y", ReplID2: "x", SecondOffset: 1, LinkUp: true, MasterAddr: "2:1"},
			history.Sample{Node: 1, Call: at, Return: at + 1, Answered: true, Up: true, Role: history.RoleMaster, RunID: "b", ReplID: "y", ReplID2: "x", SecondOffset: 1})
	}
	return h
}

func write(v, pred, call, ret int64) history.Op {
	o := op(1, history.FWrite, v, pred, call, ret)
	if pred != none {
		o.Flags |= history.FlagPred
	}
	return o
}

func seen(v, call, ret int64) history.Op { return op(2, history.FRead, none, v, call, ret) }

func keyed(elems ...int64) map[string][]int64 { return map[string][]int64{"k0": elems} }

// noted is a run with a line of a server's output or the like.
func noted(h *history.History, es ...history.Event) *history.History {
	h.Events = append(h.Events, es...)
	return h
}

func grant(holder, token, call, ret int64) history.Op {
	return withArg(op(int32(holder), history.FAcquire, holder, token, call, ret), 1e9)
}

func giveBack(holder, was, call, ret int64) history.Op {
	return op(int32(holder), history.FRelease, holder, was, call, ret)
}

func classCases() map[string]classCase {
	one := write(1, none, 1, 2)
	beside := onKey(write(9, none, 1, 2), 1) // so that the nodes have something to compare
	bank := func(l ...int64) history.Op { return read(3, history.FReadBank, 5, 6, l...) }
	moved := history.Op{Process: 1, F: history.FTransfer, In: none, Arg: 5, Out: 1, Acked: -1, Node: history.NoNode, List: []int64{0, 1}, Call: 1, Intended: 1, Return: 2}
	divergent := tinyRun(keyed(1), one)
	divergent.Dumps[1].Digest, divergent.Dumps[1].Elems = 2, []int64{9}
	diverging := tinyRun(keyed(1), one)
	incr := func(by, out, call, ret int64) history.Op { return op(1, history.FIncr, by, out, call, ret) }
	count := func(v, call, ret int64) history.Op { return op(2, history.FReadCounter, none, v, call, ret) }
	fence := func(p int32, token, call, ret int64) history.Op { return op(p, history.FFenced, token, 1, call, ret) }
	px := func(v, call, ret int64) history.Op { return withArg(op(1, history.FExpiring, v, none, call, ret), 1e9) }
	pget := func(v, call, ret int64) history.Op { return op(2, history.FReadExpiring, none, v, call, ret) }
	tried := onKey(write(5, none, 3, 4), 1)
	tried.Flags |= history.FlagReplicaWrite
	tried = onNode(tried, 1)
	refused := tried
	refused.Outcome, refused.Err = history.Fail, history.ErrReadOnly
	counted := func(n int32) history.Op { o := one; o.Acked = n; return o }
	synced := func(f history.Flag) history.Op { o := one; o.Acked, o.Flags = 0, o.Flags|history.FlagAOF|f; return o }
	gone := op(1, history.FAdd, 2, 1, 3, 4)
	gone.Acked = 1
	slow := func(p int32, ms ...history.Mop) history.Op { return txn(p, 1, 100, ms...) }
	cases := map[string]classCase{
		"phantom":      {tinyRun(keyed(1), one, seen(7, 3, 4)), tinyRun(keyed(1), one, seen(1, 3, 4))},
		"aborted_read": {tinyRun(keyed(1), one, failed(write(2, none, 3, 4)), seen(2, 5, 6)), tinyRun(keyed(1), one, failed(write(2, none, 3, 4)), seen(1, 5, 6))},
		"future_read":  {tinyRun(keyed(1), write(1, none, 5, 6), seen(1, 3, 4)), tinyRun(keyed(1), write(1, none, 4, 6), seen(1, 3, 4))},
		"cycle":        {tinyRun(keyed(3), write(1, 2, 1, 9), write(2, 1, 1, 9), write(3, null, 10, 11)), tinyRun(keyed(2), write(1, null, 1, 9), write(2, 1, 1, 9))},
		"duplicated": {tinyRun(keyed(1, 1), op(1, history.FAppend, 1, 1, 1, 2), read(2, history.FReadList, 3, 4, 1)),
			tinyRun(keyed(1), op(1, history.FAppend, 1, 1, 1, 2), read(2, history.FReadList, 3, 4, 1))},
		"executed_twice": {tinyRun(keyed(1, 1), op(1, history.FAppend, 1, none, 1, 2), op(2, history.FAppend, 1, none, 1, 2)),
			tinyRun(keyed(1, 2), op(1, history.FAppend, 1, none, 1, 2), op(2, history.FAppend, 2, none, 1, 2))},
		"reordered": {tinyRun(keyed(2, 1), op(1, history.FAppend, 1, none, 1, 2), op(2, history.FAppend, 2, none, 3, 4)),
			tinyRun(keyed(2, 1), op(1, history.FAppend, 1, none, 1, 3), op(2, history.FAppend, 2, none, 3, 4))},
		"counter_above":    {tinyRun(keyed(2), incr(1, 1, 1, 2)), tinyRun(keyed(1), incr(1, 1, 1, 2))},
		"fractured":        {tinyRun(keyed(5, 15), bank(10, 10), moved, read(3, history.FReadBank, 7, 8, 5, 10)), tinyRun(keyed(5, 15), bank(5, 15), moved)},
		"negative_balance": {tinyRun(keyed(-5, 15), bank(-5, 15)), tinyRun(keyed(0, 10), bank(0, 10), moved)},
		"divergent":        {divergent, diverging},
		"bad_reply":        {twiceRead(tinyRun(keyed(1), one), 7), twiceRead(tinyRun(keyed(1), one), 0)},
		"crash": {noted(tinyRun(keyed(1), one), exitOf(1, 3, history.ProcessByItself, "killed by SIGSEGV")),
			noted(tinyRun(keyed(1), one), exitOf(1, 3, history.ProcessExited, "killed by SIGKILL"), line(1, 3, "warning", "overcommit"))},
		"replica_back": {tinyRun(keyed(2), write(1, null, 1, 2), write(2, 1, 3, 4), fromReplica(seen(2, 5, 6)), fromReplica(seen(1, 7, 8))),
			tinyRun(keyed(2), write(1, null, 1, 2), write(2, 1, 3, 4), fromReplica(seen(2, 5, 7)), fromReplica(seen(1, 7, 8)))},

		"fork": {tinyRun(keyed(3), write(1, null, 1, 2), write(2, 1, 3, 4), write(3, 1, 5, 6)),
			failedOver(tinyRun(keyed(3), write(1, null, 1, 2), write(2, 1, 3, 4), onNode(write(3, 1, 15, 16), 1)), 10)},
		"hole": {tinyRun(keyed(1, 3), op(1, history.FAppend, 1, none, 1, 2), op(1, history.FAppend, 2, none, 3, 4), op(1, history.FAppend, 3, none, 5, 6)),
			failedOver(tinyRun(keyed(1, 3), op(1, history.FAppend, 1, none, 1, 2), op(1, history.FAppend, 2, none, 3, 4), onNode(op(1, history.FAppend, 3, none, 15, 16), 1)), 10)},
		"queue_duplicated": {tinyRun(keyed(), put(1, 1, 2), take(1, 3, 4), take(1, 5, 6)), failedOver(tinyRun(keyed(), put(1, 1, 2), take(1, 3, 4), onNode(take(1, 15, 16), 1)), 10)},
		"queue_redelivered_after_ack": {tinyRun(keyed(), put(1, 1, 2), take(1, 3, 4), ackOf(1, 5, 6), withArg(take(1, 7, 8), 1)),
			failedOver(tinyRun(keyed(), put(1, 1, 2), take(1, 3, 4), ackOf(1, 5, 6), onNode(withArg(take(1, 15, 16), 1), 1)), 10)},
		"stale_token": {tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, 1, 1, 2), giveBack(1, 1, 3, 4), fence(1, 2, 5, 6), fence(2, 1, 7, 8)),
			failedOver(tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, 1, 1, 2), giveBack(1, 1, 3, 4), fence(1, 2, 5, 6), onNode(fence(2, 1, 17, 18), 1)), 10)},
		"token_not_growing": {tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, 1, 1, 2), giveBack(1, 1, 3, 4), grant(2, 1, 5, 6), giveBack(2, 1, 7, 8)),
			tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, 1, 1, 2), giveBack(1, 1, 3, 4), grant(2, 2, 5, 6), giveBack(2, 1, 7, 8))},
		"lock_overlap": {tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, none, 1, 2), grant(2, none, 3, 4), giveBack(2, 1, 5, 6), giveBack(1, 0, 9, 10)),
			tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, none, 1, 4), grant(2, none, 3, 4), giveBack(2, 1, 3, 6), giveBack(1, 1, 3, 10))},
		"lock_lost": {tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, none, 1, 2), giveBack(1, 0, 3, 4)), tinyRun(map[string][]int64{"k1": {9}}, beside, grant(1, none, 1, 2), giveBack(1, 1, 3, 4))},
		"counter_fork": {tinyRun(keyed(2), incr(1, 1, 1, 2), incr(1, 1, 1, 2)),
			failedOver(tinyRun(keyed(2), incr(1, 1, 1, 2), onNode(incr(1, 1, 15, 16), 1)), 10)},

		"conflict": {tinyRun(keyed(2), write(1, none, 1, 2), write(2, none, 3, 4), seen(1, 5, 6)), tinyRun(keyed(2), write(1, none, 1, 2), write(2, none, 3, 6), seen(1, 5, 6))},
		"set_conflict": {tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 2), read(2, history.FReadSet, 3, 4)),
			tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 3), read(2, history.FReadSet, 3, 4))},
		"list_conflict": {tinyRun(keyed(1), op(1, history.FAppend, 1, 1, 1, 2), read(2, history.FReadList, 3, 4)),
			tinyRun(keyed(1), op(1, history.FAppend, 1, 1, 1, 3), read(2, history.FReadList, 3, 4))},
		"counter_below": {tinyRun(keyed(1), incr(1, 1, 1, 2), op(2, history.FReadCounter, none, 0, 3, 4)),
			tinyRun(keyed(1), incr(1, 1, 1, 3), op(2, history.FReadCounter, none, 0, 3, 4))},
		"counter_conflict": {tinyRun(keyed(3), incr(1, none, 1, inf), incr(1, none, 1, inf), count(1, 2, 3), incr(1, none, 4, 5), incr(1, none, 4, 5), count(2, 6, 7)),
			tinyRun(keyed(3), incr(1, none, 1, inf), incr(1, none, 1, inf), count(1, 2, 3), incr(1, none, 4, 5), incr(1, none, 4, 5), count(3, 6, 7))},
		"object_conflict": {tinyRun(keyed(1), one, withArg(op(2, history.FCAS, 9, 1, 3, 4), 1)),
			tinyRun(keyed(1), one, withArg(op(2, history.FCAS, 9, 0, 3, 4), 1))},
		"expiry_conflict":   {tinyRun(keyed(2), px(1, 1, 2), px(2, 3, 4), pget(1, 5, 6)), tinyRun(keyed(2), px(1, 1, 2), px(2, 3, 5), pget(1, 5, 6))},
		"queue_conflict":    {tinyRun(keyed(1), put(1, 1, 2), take(null, 3, 4)), tinyRun(keyed(1), put(1, 1, 3), take(null, 3, 4))},
		"queue_reordered":   {tinyRun(keyed(), put(1, 1, 2), put(2, 3, 4), take(2, 5, 6), take(1, 7, 8)), tinyRun(keyed(), put(1, 1, 2), put(2, 3, 4), take(2, 5, 7), take(1, 7, 8))},
		"queue_redelivered": {tinyRun(keyed(), put(1, 1, 2), take(1, 3, 4), withArg(take(1, 5, 6), 1)), tinyRun(keyed(), put(1, 1, 2), withArg(take(1, 5, 6), 1))},
		"counter_regressed": {tinyRun(keyed(1), incr(1, none, 1, 2), fromReplica(op(2, history.FReadCounter, none, 1, 3, 4)), fromReplica(op(2, history.FReadCounter, none, 0, 5, 6))),
			tinyRun(keyed(1), incr(1, none, 1, 2), fromReplica(op(2, history.FReadCounter, none, 1, 3, 5)), fromReplica(op(2, history.FReadCounter, none, 0, 5, 6)))},
		"expired_read": {tinyRun(keyed(1), px(1, 1, 2), pget(1, 2e9, 2e9+1)), tinyRun(keyed(1), px(1, 1, 2), pget(1, 1e9, 2e9+1))},
		"early_nil":    {tinyRun(keyed(1), px(1, 1, 2), pget(null, 3, 4)), tinyRun(keyed(1), px(1, 1, 3), pget(null, 3, 4))},
		"early_nil_replica": {tinyRun(keyed(1), px(1, 1, 2), fromReplica(pget(null, 3, 4))),
			tinyRun(keyed(1), px(1, 1, 3), fromReplica(pget(null, 3, 4)))},
		"replica_write":   {tinyRun(keyed(1), one, tried), tinyRun(keyed(1), one, refused)},
		"wait_impossible": {tinyRun(keyed(1), counted(2)), tinyRun(keyed(1), counted(1))},
		"waitaof_early":   {fsynced(tinyRun(keyed(1), synced(history.FlagLocal)), 100, 100, 200), fsynced(tinyRun(keyed(1), synced(history.FlagLocal)), 100, 150, 200)},
		"wait_cut_short":  {waiting(tinyRun(keyed(1), counted(1)), `{"wait":2,"wait_timeout":100}`), waiting(tinyRun(keyed(1), counted(1)), `{"wait":1,"wait_timeout":100}`)},
		"resurrected": {tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 2), op(1, history.FRemove, 1, 1, 3, 4)),
			failedOver(tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 2), op(1, history.FRemove, 1, 1, 3, 4)), 10)},
		"wait_lost": {tinyRun(keyed(1), op(1, history.FAdd, 1, 1, 1, 2), gone), tinyRun(keyed(1, 2), op(1, history.FAdd, 1, 1, 1, 2), gone)},

		"G1a":                {txnRun(nil, failed(txn(1, 1, 2, app(1, 1))), slow(2, get(1, 1)), slow(3, app(2, 2))), txnRun(nil, failed(txn(1, 1, 2, app(1, 1))), slow(2, get(1)), slow(3, app(2, 2)))},
		"G1b":                {txnRun(keyed(1, 2), slow(1, app(1, 1), app(1, 2)), slow(2, get(1, 1))), txnRun(keyed(1, 2), slow(1, app(1, 1), app(1, 2)), slow(2, get(1, 1, 2)))},
		"duplicate-elements": {txnRun(keyed(1, 1), slow(1, app(1, 1)), slow(2, get(1, 1, 1))), txnRun(keyed(1), slow(1, app(1, 1)), slow(2, get(1, 1)))},
		"incompatible-order": {txnRun(keyed(1, 2), slow(1, app(1, 1)), slow(2, app(1, 2)), slow(3, get(1, 1, 2)), slow(4, get(1, 2))),
			txnRun(keyed(1, 2), slow(1, app(1, 1)), slow(2, app(1, 2)), slow(3, get(1, 1, 2)), slow(4, get(1, 1)))},
		"lost-update": {txnRun(keyed(1, 2), slow(1, get(1), app(1, 1)), slow(2, get(1), app(1, 2)), slow(3, get(1, 1, 2))),
			txnRun(keyed(1, 2), slow(1, get(1), app(1, 1)), slow(2, get(1, 1), app(1, 2)), slow(3, get(1, 1, 2)))},
		"G0": {txnRun(nil, slow(1, app(1, 1), app(2, 1)), slow(2, app(1, 2), app(2, 2)), slow(3, get(1, 1, 2)), slow(4, get(2, 2, 1))),
			txnRun(nil, slow(1, app(1, 1), app(2, 1)), slow(2, app(1, 2), app(2, 2)), slow(3, get(1, 1, 2)), slow(4, get(2, 1, 2)))},
		"G1c":      {txnRun(nil, slow(1, app(1, 1), get(2, 1)), slow(2, app(2, 1), get(1, 1))), txnRun(nil, slow(1, app(1, 1), get(2, 1)), slow(2, app(2, 1), get(1)))},
		"G-single": {txnRun(nil, slow(1, app(1, 1), app(2, 1)), slow(2, get(1), get(2, 1))), txnRun(nil, slow(1, app(1, 1), app(2, 1)), slow(2, get(1, 1), get(2, 1)))},
		"G2-item":  {txnRun(nil, slow(1, get(1), app(2, 1)), slow(2, get(2), app(1, 1))), txnRun(nil, slow(1, get(1), app(2, 1)), slow(2, get(2, 1), app(1, 1)))},
	}
	maps.Copy(cases, controlCases())
	maps.Copy(cases, slotClasses())
	for _, c := range txnClasses() {
		if _, ok := cases[c.class]; !ok {
			cases[c.class] = classCase{txnRun(nil, slices.Clone(c.has)...), txnRun(nil, slices.Clone(c.hasNot)...)}
		}
	}
	return cases
}

// fsynced is a run whose servers fsync once a second, with what Fsyncs said in their samples.
func fsynced(h *history.History, counts ...int64) *history.History {
	for n := range 2 {
		h.Run.Nodes[n].Settings = []history.KV{{K: "appendonly", V: "yes"}, {K: "appendfsync", V: "everysec"}}
	}
	for i := range h.Samples {
		h.Samples[i].Fsyncs = counts[i/2]
	}
	return h
}

// waiting is a run whose record says what was waited for.
func waiting(h *history.History, work string) *history.History {
	h.Run.Workload = []byte(work)
	return h
}

// twiceRead is a run in which the first node's second reading of the key said v, or nothing else than the first where v is 0.
func twiceRead(h *history.History, v int64) *history.History {
	if d := h.Dumps[0]; v != 0 {
		d.Elems, d.Digest, d.Read = []int64{v}, 9, 2
		h.SecondDumps = append(h.SecondDumps, d)
	}
	return h
}

// txnRun is a run of transactions; final is what the list of key 1 ended with.
func txnRun(final map[string][]int64, ops ...history.Op) *history.History {
	ends := map[string][]int64{"k1": {9}}
	for _, e := range final {
		ends[TxnKey(1)] = e
	}
	return tinyRun(ends, append(ops, onKey(write(9, none, 1, 2), 1))...)
}

// Each class, by itself, reaches the verdict of a run: what is always a bug with the promises that every run has, any other under a
// promise of the user's; and the nearest history that has it not passes.
func TestEveryClassReachesTheVerdict(t *testing.T) {
	cases := classCases()
	for _, c := range result.Classes() {
		t.Run(c.Name, func(t *testing.T) {
			k, ok := cases[c.Name]
			require.True(t, ok, "the class has no smallest history: add one to classCases")
			for _, side := range []struct {
				h    *history.History
				want result.Verdict
			}{{k.has, result.Violation}, {k.hasNot, result.Pass}} {
				if c.Blame == result.Measured {
					p, err := result.ParsePromise(c.Name + "=0")
					require.NoError(t, err)
					side.h.Run.Promises, err = json.Marshal([]result.Promise{p})
					require.NoError(t, err)
				}
				r := judged(t, side.h)
				require.Equal(t, side.want, r.Verdict, "%v\n%+v", r.Reasons, r.Findings)
				require.Equal(t, side.want == result.Violation || c.Blame == result.Unexcused && countOf(r, c.Name) > 0, countOf(r, c.Name) > 0, "%+v", r.Findings)
			}
		})
	}
}
