package sentences

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// nodesOf are three servers and three sentinels.
func nodesOf(config ...history.KV) *history.Run {
	run := &history.Run{}
	for _, n := range []string{"n1", "n2", "n3"} {
		run.Nodes = append(run.Nodes, history.Node{Name: n, Kind: history.Server, Config: config})
	}
	for _, n := range []string{"s1", "s2", "s3"} {
		run.Nodes = append(run.Nodes, history.Node{Name: n, Kind: history.Sentinel})
	}
	return run
}

// account is what became of 53,065 acknowledged writes.
func account(lost, most int64) result.Account {
	return result.Account{Known: true, Attempted: 60000, Acked: 53065, Survived: 53065 - most, Lost: lost, LostMost: most}
}

// broken are broken promises by kind.
func broken(kind string) result.PromiseResult {
	always := func(class, measured string) result.PromiseResult {
		return result.PromiseResult{Promise: result.Promise{Measure: class, By: "always"}, Status: result.Broken, Text: result.Promise{Measure: class}.String(), Limit: "0", Measured: measured}
	}
	by := func(p result.Promise, text, limit, measured string) result.PromiseResult {
		return result.PromiseResult{Promise: p, Status: result.Broken, Text: text, Limit: limit, Measured: measured}
	}
	switch kind {
	case "divergent":
		return always("divergent", "32")
	case "phantom":
		return always("phantom", "9")
	case "lost":
		return by(result.NothingLost(), "no acknowledged write is lost", "0", "1,074")
	case "outside":
		return by(result.LastLossBy(result.HealOf(1)), "loss only until the fault's heal", "0", "41 to 44")
	case "split":
		return by(result.Promise{Measure: "split_brain_lost", By: "flag"}, "no write is lost to split brain", "0", "515")
	}
	return by(result.WritableWithin(10e9), "writable again within 10 s", "10 s", "13.4 s")
}

// result is a run's result with these promises broken.
func resultOf(v result.Verdict, lost int64, kinds ...string) *result.Result {
	r := &result.Result{Verdict: v, Writes: account(lost, lost), Counts: result.Counts{Ops: 120000, OK: 110000}}
	r.Convergence = result.Convergence{Barrier: true, Nodes: 3, Keys: 100}
	if lost > 0 {
		r.Loss = &result.Loss{First: 10e9, Last: 12e9}
		r.Shows = []result.PromiseResult{{Promise: result.LostWrites, Status: result.Broken, Text: "lost acknowledged writes", Measured: "1,074"}}
		r.Weakness = true
	}
	for _, k := range kinds {
		switch k {
		case "divergent":
			r.Convergence.Divergent = 32
			for _, key := range []string{"k:0001", "k:0002", "k:0003", "k:0004"} {
				r.Convergence.Sample = append(r.Convergence.Sample, result.DivergentKey{Key: key, Nodes: []int32{0, 1, 2}, Text: []string{"string 7", "string 9", "string 7"}})
			}
			r.Findings = append(r.Findings, result.Finding{Class: "divergent", Count: 32, Bugs: 32, Text: "k:0001 is not the same on n1, n2, n3"})
		case "phantom":
			r.Findings = append(r.Findings, result.Finding{Class: "phantom", Scope: result.MasterReads, Count: 9, Bugs: 9, Text: "k:0005: process 3 read 77, which nobody wrote"})
		}
		r.Promises = append(r.Promises, broken(k))
	}
	return r
}

func TestTheFirstSentenceNamesWhatMattersMost(t *testing.T) {
	const (
		nothing = "Nothing lost: all 53,065 acknowledged writes are there, on every node."
		lost    = "1,074 of 53,065 acknowledged writes were lost."
	)
	for _, c := range []struct {
		name        string
		verdict     result.Verdict
		lost        int64
		kinds       []string
		first       string
		then, never []string
	}{
		{"pass", result.Pass, 0, nil, nothing, nil, []string{"broken"}},
		{"pass, weakness shown", result.Pass, 1074, nil, lost, []string{"acknowledged within 2 s"}, []string{"broken", "Besides"}},
		{"the weakness is not what differs", result.Violation, 1074, []string{"divergent"}, "32 of 100 keys differ between nodes: k:0001, k:0002, k:0003 (n2 from n1 and n3) and 29 more.",
			[]string{"Besides, 1,074 of 53,065 acknowledged writes were lost, which no promise of this run forbids."}, []string{"on every node"}},
		{"nodes differ, nothing lost", result.Violation, 0, []string{"divergent"}, "32 of 100 keys differ", []string{"there on the master."}, []string{"on every node"}},
		{"damage before sightings", result.Violation, 0, []string{"phantom", "divergent"}, "32 of 100 keys differ", []string{"Also broken: nothing is there that was never written."}, nil},
		{"sightings are counted as such", result.Violation, 0, []string{"phantom"}, "Values that nobody wrote: 9.", []string{"The first: k:0005: process 3 read 77, which nobody wrote.", nothing}, []string{"9 writes", "9 of"}},
		{"a bug before loss", result.Violation, 1074, []string{"lost", "phantom"}, "Values that nobody wrote: 9.", []string{"Also broken: no acknowledged write is lost.", "Besides, 1,074 of 53,065 acknowledged writes were lost."}, []string{"forbids"}},
		{"loss", result.Violation, 1074, []string{"lost"}, lost, []string{"acknowledged within 2 s"}, []string{"Also", "Besides"}},
		{"loss before times", result.Violation, 1074, []string{"rta", "lost"}, lost, []string{"Also broken: writable again within 10 s."}, nil},
		{"loss outside its time", result.Violation, 1074, []string{"outside"}, "Between 41 and 44 acknowledged writes were lost outside the time that was promised: loss only until the fault's heal.",
			[]string{"In all, 1,074 of 53,065 acknowledged writes were lost."}, nil},
		{"loss to split brain", result.Violation, 1074, []string{"split"}, "515 acknowledged writes were lost to split brain.", []string{"In all, 1,074 of 53,065"}, nil},
		{"a time", result.Violation, 0, []string{"rta"}, "A promise is broken: writable again within 10 s. Measured: 13.4 s.", []string{nothing}, nil},
		{"a time, weakness shown", result.Violation, 1074, []string{"rta"}, "A promise is broken: writable again within 10 s.", []string{"Besides, 1,074 of 53,065"}, nil},
		{"unknown is no account of loss", result.Unknown, 1074, nil, "Not decided: fault 1 never took effect.", []string{"1 more reason"}, []string{"lost"}},
		{"an error judges nothing", result.Error, 1074, []string{"lost"}, "Not judged: records are missing (fault 1 never took effect; no barrier).", []string{"no promise is judged"}, []string{"lost", "broken"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resultOf(c.verdict, c.lost, c.kinds...)
			if c.verdict == result.Unknown || c.verdict == result.Error {
				r.Reasons = []string{"fault 1 never took effect", "no barrier"}
			}
			s := Of(nodesOf(), r)
			require.True(t, strings.HasPrefix(s.Headline, c.first), s.Headline)
			for _, text := range c.then {
				require.Contains(t, s.Headline+" "+s.Sub, text)
			}
			for _, text := range c.never {
				require.NotContains(t, s.Headline+" "+s.Sub, text)
			}
		})
	}
}

// Why a run did not go to its end comes before what is missing because of that.
func TestARunThatBrokeOffSaysWhy(t *testing.T) {
	r := resultOf(result.Error, 0)
	r.Reasons = []string{"w1: ended without its last batch"}
	run := nodesOf()
	run.Incomplete = "prepare load: connect to n1: i/o timeout\ndial n2: i/o timeout"
	s := Of(run, r)
	r = resultOf(result.Error, 0)
	r.Reasons = []string{"the run is incomplete: Docker stopped answering"}
	lost := nodesOf()
	lost.Incomplete, lost.Lost = "Docker stopped answering", true
	require.Equal(t, "Not judged: the run did not go to its end (Docker stopped answering).", Of(lost, r).Headline)
	require.NotContains(t, Of(lost, r).Sub, "Records")
	require.Equal(t, "Not judged: the run did not go to its end (prepare load: connect to n1: i/o timeout dial n2: i/o timeout).", s.Headline)
	require.Contains(t, s.Sub, "Records are missing (w1: ended without its last batch).")
}

func TestNodesThatDifferAreNamed(t *testing.T) {
	r := resultOf(result.Violation, 0, "divergent")
	r.Convergence.Divergent = 4 // all of them are known
	require.Equal(t, "4 of 100 keys differ, n2 from n1 and n3: k:0001, k:0002, k:0003 and 1 more.", Of(nodesOf(), r).Headline)
	r.Convergence.Sample[3].Text = []string{"string 7", "string 9", "none"} // not the same nodes everywhere
	require.Equal(t, "4 of 100 keys differ between nodes: k:0001, k:0002, k:0003 and 1 more.", Of(nodesOf(), r).Headline)
	r.Convergence.Divergent, r.Convergence.Sample = 1, r.Convergence.Sample[:1]
	require.Equal(t, "1 of 100 keys differs, n2 from n1 and n3: k:0001.", Of(nodesOf(), r).Headline)
	r.Convergence.Sample[0] = result.DivergentKey{Key: "l:1", Nodes: []int32{0, 1}, Text: []string{"list of 4", "list of 4"}} // other elements
	require.Equal(t, "1 of 100 keys differs between nodes: l:1.", Of(nodesOf(), r).Headline)
}

func TestLossIsSaidAsAnInterval(t *testing.T) {
	for _, c := range []struct {
		lost, most int64
		want       string
	}{
		{1, 1, "1 of 53,065 acknowledged writes was lost."},
		{5072, 5078, "Between 5,072 and 5,078 of 53,065 acknowledged writes were lost."},
		{350, 53065, "At least 350 of 53,065 acknowledged writes were lost."},
		{0, 68, "No loss was seen, but up to 68 of 53,065 acknowledged writes may be lost: 52,997 are there, on every node."},
	} {
		r := resultOf(result.Pass, c.lost)
		r.Writes = account(c.lost, c.most)
		require.Equal(t, c.want, Of(nodesOf(), r).Headline)
	}
	require.Equal(t, "at least 350", amount(&result.PromiseResult{Measured: "at least 350", Value: result.AtLeast(350, "x")}))
	require.True(t, math.IsInf(result.AtLeast(350, "x").Hi, 1))
}

func TestAModelSaysWhatItForbids(t *testing.T) {
	r := &result.Result{Verdict: result.Violation, Model: "register", ModelOps: 1234, Forbidden: []string{"phantom"}, Findings: []result.Finding{{Class: "phantom", Count: 2}}, Counts: result.Counts{Ops: 1300, OK: 1000}}
	require.Equal(t, "Not a correct register: values that nobody wrote: 2.", Of(nodesOf(), r).Headline)
	r.Verdict = result.Pass
	require.Equal(t, "1,234 operations are a correct register.", Of(nodesOf(), r).Headline)
	r.Verdict, r.Reasons = result.Unknown, []string{"the history is incomplete: half a batch"}
	require.Equal(t, "Undecided as register: the history is incomplete: half a batch.", Of(nodesOf(), r).Headline)
}

// Two masters are told before anything is said to be in order.
func TestTwoMastersComeFirst(t *testing.T) {
	run := nodesOf()
	run.Attached = &history.Attached{Load: true}
	r := resultOf(result.Pass, 0)
	r.Writes.Known = false
	r.Counts.Ops = 477
	require.Contains(t, Of(run, r).Headline, "Nothing wrong was seen in 477 operations.")
	r.Masters.TwoWritable = 63e9
	r.Failovers = []result.Failover{{New: 1}}
	s := Of(run, r)
	require.True(t, strings.HasPrefix(s.Headline, "n2 was promoted, and two nodes said they were master for "), s.Headline)
	require.Contains(t, s.Sub, "What became of the writes is not known.")
}
