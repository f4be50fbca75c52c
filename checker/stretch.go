package checker

import (
	"slices"

	"github.com/schismtest/schism/history"
)

// A replica's stretch is a time in which all its samples show one run id, one replication id, one master, the role of a replica, no sync
// and no loading, and no offset below an earlier one. Within it the replica only applies one log, in order: over all connections and
// keys, a read that follows another never lacks a write which was acknowledged before the call of a write that the earlier read showed,
// nor the shown write itself; and whole reads of a list or set form a chain (checkers.md, "A replica's stretch").
//
// What binds is only what the master of that replication id acknowledged, within a time in which its own samples show it so. Left out
// are writes of unknown outcome, elements added more than once, nodes that take writes as replicas, and keys with a time to live;
// absence, too, where the servers evicted anything.

// stretchSpan is one stretch of a node, or one reign of a master under one replication id: from the reply of its first sample to the
// call of its last. log is the number of the replication id.
type stretchSpan struct {
	from, to int64
	log, id  int32
}

// stretches are those of all nodes.
type stretches struct {
	h        *history.History
	replicas [][]stretchSpan // by node, in order of time
	masters  [][]stretchSpan
	count    int32       // stretches of replicas
	whole    stretchSpan // the one reign of a history without samples
	evicting bool
}

func newStretches(h *history.History, s *states, evicting bool) *stretches {
	st := &stretches{h: h, evicting: evicting, replicas: make([][]stretchSpan, len(s.byNode)), masters: make([][]stretchSpan, len(s.byNode))}
	logs := map[string]int32{}
	for _, n := range s.servers {
		st.masters[n] = spansOf(s.byNode[n], history.RoleMaster, logs)
		if !takesWrites(&h.Run.Nodes[n]) {
			st.replicas[n] = spansOf(s.byNode[n], history.RoleReplica, logs)
		}
		for i := range st.replicas[n] {
			st.replicas[n][i].id = st.count
			st.count++
		}
	}
	return st
}

// takesWrites tells a node that is configured to take writes while it is a replica.
func takesWrites(n *history.Node) bool {
	for _, kv := range n.Config {
		if (kv.K == "replica-read-only" || kv.K == "slave-read-only") && kv.V == "no" {
			return true
		}
	}
	return false
}

// spansOf finds the spans of one role among a node's samples. A replica that did not answer may have taken anything over meanwhile; a
// master that comes back under the same ids went on where it was.
func spansOf(ms []*history.Sample, role history.Role, logs map[string]int32) (out []stretchSpan) {
	var last *history.Sample
	for _, m := range ms {
		if !m.Answered && role == history.RoleMaster {
			continue
		}
		if !m.Answered || m.Loading || m.Role != role || m.ReplID == "" || role == history.RoleReplica && m.SyncRunning {
			last = nil
			continue
		}
		if last != nil && last.RunID == m.RunID && last.ReplID == m.ReplID && last.Offset <= m.Offset && (role == history.RoleMaster || last.MasterAddr == m.MasterAddr) {
			out[len(out)-1].to = m.Call
		} else {
			log, ok := logs[m.ReplID]
			if !ok {
				log = int32(len(logs))
				logs[m.ReplID] = log
			}
			out = append(out, stretchSpan{from: m.Return, to: m.Call, log: log})
		}
		last = m
	}
	return out
}

// spanAround is the span of a node that holds a whole interval, nil for none.
func spanAround(spans [][]stretchSpan, node int8, call, ret int64) *stretchSpan {
	if node < 0 || int(node) >= len(spans) {
		return nil
	}
	for i := range spans[node] {
		if s := &spans[node][i]; s.from <= call && ret <= s.to {
			return s
		}
	}
	return nil
}

// binds is the log that an acknowledged write surely went to, -1 for none.
func (st *stretches) binds(op int32) int32 {
	c := &st.h.Ops
	if c.Outcome[op] != history.OK {
		return -1
	}
	if s := spanAround(st.masters, c.Node[op], c.Call[op], c.Return[op]); s != nil {
		return s.log
	}
	return -1
}

// stretchRead is what one read within a replica's stretch says of the log: it held the write called at shown, and lacked one that was
// acknowledged at lacks.
type stretchRead struct {
	stretch, op int32
	shown       int64 // call of the latest binding write that it showed, minTime for none
	lacks       int64 // least return of the binding writes that it surely lacked, Inf for none
	back        int32 // an earlier read of the same key that showed what this one lacks, noOp for none
}

// stretchScratch is the memory of one worker.
type stretchScratch struct {
	log    []int32 // by value: what its write went to
	least  []int64 // by position: least return of the writes of one log from there on
	byRet  []sortKey
	byCall []sortKey
}

// registerStretch says what the reads of the register within stretches tell. The table knows the order and what is surely newer.
func (w *registerWorker) registerStretch() (out []stretchRead) {
	t, st := &w.table, w.x.replicaStretches()
	sc := &w.back
	if w.x.s.slots.movesOf(w.x.keyName(uint32(t.key))) != nil {
		return nil // that the key went over to another shard is no way back
	}
	logs := [][2]int32{} // log, and the first of its reads in out
	for j := range t.ops {
		o := &t.ops[j]
		if o.is&(regWrite|regOK) != regOK || o.ref == noOp || o.ref > 0 && t.outcome[o.ref] != history.OK {
			continue
		}
		s := spanAround(st.replicas, o.node, o.call, o.ret)
		if s == nil {
			continue
		}
		out = append(out, stretchRead{stretch: s.id, op: int32(j), shown: minTime, lacks: history.Inf, back: noOp})
		if !slices.ContainsFunc(logs, func(l [2]int32) bool { return l[0] == s.log }) {
			logs = append(logs, [2]int32{s.log})
		}
	}
	if len(out) == 0 {
		return nil
	}
	sc.log = resize(sc.log, len(t.value))
	sc.log[0] = -1
	for v := 1; v < len(t.value); v++ {
		sc.log[v] = st.binds(t.write[v])
	}
	for _, l := range logs {
		w.lacking(out, l[0])
	}
	w.backOnKey(out)
	for i := range out {
		out[i].op = t.ops[out[i].op].op
		if out[i].back != noOp {
			out[i].back = t.ops[out[i].back].op
		}
	}
	return out
}

// lacking fills in what the reads in stretches of one log show and lack.
func (w *registerWorker) lacking(reads []stretchRead, log int32) {
	t, sc, st := &w.table, &w.back, w.x.replicaStretches()
	m := len(t.order)
	sc.least = resize(sc.least, m+1)
	sc.least[m] = history.Inf
	for p := m - 1; p >= 0; p-- {
		if sc.least[p] = sc.least[p+1]; sc.log[t.order[p]] == log {
			sc.least[p] = min(sc.least[p], t.ret[t.order[p]])
		}
	}
	for i := range reads {
		o := &t.ops[reads[i].op]
		if spanAround(st.replicas, o.node, o.call, o.ret).log != log {
			continue
		}
		if sc.log[o.ref] == log {
			reads[i].shown = t.call[o.ref]
		}
		if o.ref > 0 || !st.evicting {
			reads[i].lacks = sc.least[w.ages.newer[o.ref]]
		}
	}
}

// backOnKey finds the reads whose value is surely older than one that an earlier read of the same stretch showed.
func (w *registerWorker) backOnKey(reads []stretchRead) {
	t, sc := &w.table, &w.back
	sc.byRet, sc.byCall = sc.byRet[:0], sc.byCall[:0]
	for i := range reads {
		o := &t.ops[reads[i].op]
		sc.byRet = append(sc.byRet, sortKey{o.ret, int32(i)})
		sc.byCall = append(sc.byCall, sortKey{o.call, int32(i)})
	}
	sortKeys(sc.byRet)
	sortKeys(sc.byCall)
	type shown struct {
		stretch, op int32
		call        int64
	}
	var newest []shown // of each stretch, what the reads that have ended showed; a key is read in few
	next := 0
	for _, k := range sc.byCall {
		for ; next < len(sc.byRet) && sc.byRet[next].t < k.t; next++ {
			r := &reads[sc.byRet[next].i]
			n := slices.IndexFunc(newest, func(s shown) bool { return s.stretch == r.stretch })
			if n < 0 {
				n = len(newest)
				newest = append(newest, shown{r.stretch, noOp, minTime})
			}
			if r.shown > newest[n].call {
				newest[n] = shown{r.stretch, r.op, r.shown}
			}
		}
		r := &reads[k.i]
		o := &t.ops[r.op]
		if o.ref == 0 && w.x.replicaStretches().evicting {
			continue
		}
		for _, s := range newest {
			if s.stretch == r.stretch && s.op != noOp && t.k[o.ref] < s.call {
				r.back = s.op
			}
		}
	}
}
