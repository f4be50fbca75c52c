package reports

import (
	"fmt"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/history"
)

// judge fills in a result that fits the invented history.
func (w *world) judge() {
	r := &w.a.Result
	c := &w.h.Ops
	r.Counts.Keys, r.Counts.Errors = 100, map[string]int64{}
	type tally struct{ reads, stale, max int64 }
	by := map[int32]*tally{-1: {}, 0: {}, 1: {}, 2: {}}
	var lag, split int64
	for i := range c.Len() {
		r.Counts.Ops++
		if c.Outcome[i] != history.OK {
			r.Counts.Errors[c.Err[i].String()]++
		}
		switch c.Outcome[i] {
		case history.OK:
			r.Counts.OK++
		case history.Fail:
			r.Counts.Fail++
		case history.Info:
			r.Counts.Info++
		}
		if !c.F[i].IsWrite() {
			r.Counts.Reads++
			for _, n := range []int32{-1, int32(c.Node[i])} {
				by[n].reads++
				if s, _ := w.a.Ages.Of(i); s.Lo > 0 {
					by[n].stale++
					by[n].max = max(by[n].max, s.Lo)
				}
			}
			continue
		}
		r.Counts.Writes++
		if w.a.Fate[i] == checker.FateLost {
			if c.Return[i] < tPromoted {
				lag++
			} else {
				split++
			}
		}
	}
	acked := r.Counts.OK - r.Counts.Reads
	r.Schema, r.Verdict = checker.ResultSchema, checker.Violation
	r.Headline = fmt.Sprintf("%s of %s acknowledged writes were lost.", num(w.lost), num(acked))
	r.Sub = "The old master went on acknowledging for 27.9 s after the failover, 10.3 s of it after the network had healed."
	r.Why = "n1 was cut off together with one client. Sentinel promoted n2 on the other side, but n1 could not hear of it and kept answering OK. When it rejoined as a replica of n2, it threw those writes away."
	r.Bounds = "`min-replicas-to-write` is 0, the default. With 1 and `min-replicas-max-lag 3` a cut-off master stops acknowledging after about 4 s: scenario `split-brain-min-replicas`."
	r.Writes = checker.Account{Known: true, Attempted: r.Counts.Writes, Acked: acked, Survived: acked - w.lost, Overwritten: acked - w.lost - 100, Lost: w.lost, LostAfterVisible: w.lost / 3,
		Recovered: 0, Indeterminate: r.Counts.Info, Failed: r.Counts.Fail}
	r.Loss = &checker.Loss{First: 10008 * ms, Last: 40309 * ms, ReplicationLag: lag, SplitBrain: split, RPA: 4 * ms, BytesThrownAway: 1256026,
		Causes: []checker.Cause{{Kind: "promotion", Node: 0, Winner: 1, T: tPromoted, Text: "n2 was promoted while n1 went on", Trigger: 1, Enablers: []int{1}, Lost: w.lost, First: 10008 * ms, Last: 40309 * ms, RPA: 4 * ms}}}
	gap := checker.Gap{From: tCut, To: tFirstAck}
	r.Availability = checker.Availability{RTA: tFirstAck - tCut, RTAFault: 1, LongestWrite: checker.Gap{From: 20e9, To: 20e9 + 60*ms}, LongestWriteS: gap, LongestRead: checker.Gap{From: 3e9, To: 3e9 + 9*ms},
		ByWorker: []checker.WorkerAvailability{{Worker: w1, LongestWrite: gap, LongestRead: checker.Gap{From: 3e9, To: 3e9 + 9*ms}, OKWrites: acked - w.lost, OKReads: 20000},
			{Worker: w2, LongestWrite: checker.Gap{From: tDemoted, To: tDemoted + 620*ms}, LongestRead: checker.Gap{From: tDemoted, To: tLinkUp}, OKWrites: w.lost, OKReads: 3000}}}
	r.Masters = checker.Masters{TwoWritable: tDemoted - tPromoted, Windows: []checker.Gap{{From: tPromoted, To: tDemoted}}, Pairs: []checker.Pair{{A: 0, B: 1}}, DualAcks: split,
		Spans: []checker.Reign{{Node: 0, From: 0, To: tPromoted, Rightful: true}, {Node: 0, From: tPromoted, To: tDemoted}, {Node: 1, From: tPromoted, To: tEnd, Rightful: true}}}
	r.Failovers = []checker.Failover{{Old: 0, New: 1, Fault: 1, T: tPromoted, Steps: fixtureSteps()}}
	r.Registers = []checker.Linear{{Scope: "master reads", Keys: 100, Values: acked, Conflicts: 941, BadKeys: 100, Overlap: 27e9, Forks: 61, Gamma: -1, K: 2, Porcupine: "agrees on 3 of 3 failing keys"},
		{Scope: "all reads", Keys: 100, Values: acked, Conflicts: 4417, BadKeys: 100, Overlap: 29e9, Forks: 61, Gamma: 13e9, K: 44}}
	for n := int32(-1); n < 3; n++ {
		t := by[n]
		ages := checker.Ages{Stale: t.stale, StaleMost: t.stale, P99: t.max / 3, P99Most: t.max / 3, Max: t.max, MaxMost: t.max + ms}
		s := checker.Staleness{Node: n, Reads: t.reads, Ages: ages, Kept: &ages, Versions: t.stale / 9, Exact: true, LagBytes: 259300, LagTime: 700 * ms, MeanLagB: 912, WorstOp: -1}
		r.Staleness = append(r.Staleness, s)
	}
	r.Visibility = []checker.Visibility{curve("steady", 0.9996, 1.0), curve(w.h.Faults[0].Text, 0.89, 3)}
	r.Sessions = []checker.SessionCheck{{Name: "read_your_writes", Scope: "all reads", Checked: 23111, Breaks: 1200, Worst: 26e9}, {Name: "monotonic_reads", Scope: "all reads", Checked: 23111}}
	r.Convergence = checker.Convergence{Barrier: true, Took: 10900 * ms, Nodes: 3, Keys: 100}
	w.promises(acked)
}

func curve(window string, top, slow float64) checker.Visibility {
	v := checker.Visibility{Node: history.NoNode, Window: window, At: [4]int64{ms / 2, ms, 9 * ms, 90 * ms}}
	for i := range 14 {
		from := ms / 10 << i
		t := float64(from) / float64(ms) / slow
		p := top * t / (t + 0.25)
		v.Bins = append(v.Bins, checker.VisBin{From: from, To: from * 2, N: 1000, Fresh: int64(1000 * p), P: p, Lo: max(0, p-(1-p)*0.3-0.0002), Hi: min(1, p+(1-p)*0.3)})
	}
	return v
}

func fixtureSteps() []checker.Step {
	return []checker.Step{
		{T: tCut, Text: "network cut takes effect", Detail: "clients of w1 can no longer write; w2 still writes to n1", Key: true},
		{T: 12124 * ms, Text: "+sdown: s2 stops hearing n1", Detail: "down-after-milliseconds 2000; s3 follows 7 ms later"},
		{T: 12243 * ms, Text: "+odown: two sentinels agree", Detail: "quorum 2 of 3"},
		{T: 12308 * ms, Text: "s2 elected leader, epoch 1"},
		{T: tPromoted, Text: "n2 promoted: two masters from here on", Detail: "17 writes acked earlier are not in it", Masters: 2, Key: true},
		{T: 13297 * ms, Text: "+switch-master announced", Detail: "s1 is on the other side and does not hear it", Masters: 2},
		{T: tFirstAck, Text: "first write acknowledged by n2", Masters: 2, Key: true},
		{T: tHeal, Text: "network heals", Detail: "n1 is still master", Masters: 2, Key: true},
		{T: 40309 * ms, Text: "last acknowledgement that will be lost", Masters: 2, Key: true},
		{T: tDemoted, Text: "+convert-to-slave: n1 demoted", Masters: 1, Key: true},
		{T: tLinkUp, Text: "n1's link is up", Masters: 1},
	}
}

func (w *world) promises(acked int64) {
	r := &w.a.Result
	r.Promises = []checker.PromiseResult{
		{Promise: checker.Promise{Measure: "lost", By: "flag"}, Status: checker.Broken, Text: "no acknowledged write is lost", Limit: "0", Measured: num(w.lost), Why: share(w.lost, acked) + " of " + num(acked), Witness: "w1"},
		{Promise: checker.Promise{Measure: "two_masters", By: "scenario"}, Status: checker.Broken, Text: "one writable master at a time", Limit: "0 s", Measured: "27.9 s", Witness: "w2"},
		{Promise: checker.Promise{Measure: "visible_100ms", Limit: 0.999, By: "scenario"}, Status: checker.Undecided, Text: "visible on a replica in 100 ms", Limit: ">= 99.9 %", Measured: "99.83 to 99.98 %", Why: "5,213 probes do not decide it"},
		{Promise: checker.Promise{Measure: "rta", By: "scenario"}, Status: checker.Kept, Text: "writable again within 15 s of a fault", Limit: "15 s", Measured: "3.41 s"},
		{Promise: checker.Promise{Measure: "converge", By: "scenario"}, Status: checker.Kept, Text: "replicas converge within 15 s of the heal", Limit: "15 s", Measured: "10.9 s"},
		{Promise: checker.Promise{Measure: "phantom", By: "always"}, Status: checker.Kept, Text: "no read returns what nobody wrote", Limit: "0", Measured: "0"},
	}
	r.Shows = []checker.PromiseResult{{Promise: checker.SplitBrain, Status: checker.Broken, Text: "split-brain loss", Measured: num(r.Loss.SplitBrain) + " writes"}}
	r.Weakness = true
	r.Fair = []checker.Fair{{OK: true, Text: "the cut took effect 12 ms after its time (27 packets dropped)"}, {OK: true, Text: "operations were attempted during it"}, {OK: true, Text: "the barrier held at 52.1 s"}}
	r.Faults = w.h.Faults
	// A fork: the first lost write whose predecessor a surviving write replaced too.
	c := &w.h.Ops
	for i := range c.Len() {
		if w.a.Fate[i] != checker.FateLost {
			continue
		}
		for j := range c.Len() {
			if w.a.Fate[j] == checker.FateSurvived && c.Key[j] == c.Key[i] && c.Out[j] == c.Out[i] {
				r.Witnesses = append(r.Witnesses, w.fork(i, j), w.twoAcks())
				return
			}
		}
	}
}

func (w *world) fork(lost, kept int) checker.Witness {
	c := &w.h.Ops
	wit := checker.Witness{ID: "w1", Title: "an acknowledged write is lost", Key: c.Key[lost], Chain: []int64{c.Out[lost], c.In[kept], c.In[lost]}}
	reads := 0
	for i := range c.Len() {
		if c.Key[i] != c.Key[lost] || c.Outcome[i] != history.OK {
			continue
		}
		marked := i == lost || i == kept || (c.F[i] == history.FWrite && c.In[i] == c.Out[lost])
		if c.F[i] == history.FRead && c.Call[i] > c.Call[lost] && reads < 2 {
			marked, reads = true, reads+1
		}
		if marked {
			wit.Marked = append(wit.Marked, i)
		}
		if marked || (c.Call[i] > c.Call[lost]-2e9 && c.Call[i] < c.Call[kept]+2e9) {
			wit.Ops = append(wit.Ops, i)
		}
	}
	wit.Text = fmt.Sprintf("2 and 3 both replaced value %d: two acknowledged writes with one predecessor, a fork. The final value descends from the other.", c.Out[lost])
	return wit
}

func (w *world) twoAcks() checker.Witness {
	c := &w.h.Ops
	wit := checker.Witness{ID: "w2", Title: "two masters acknowledge at once", Text: "n1 and n2 each acknowledge a write within one millisecond."}
	for i := range c.Len() {
		if c.Call[i] > 20e9 && c.F[i] == history.FWrite && len(wit.Ops) < 2 && (len(wit.Ops) == 0) == (c.Node[i] == n1) {
			wit.Ops = append(wit.Ops, i)
		}
	}
	wit.Marked = wit.Ops
	return wit
}
