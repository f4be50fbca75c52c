package sim

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
)

// Each defect of a server shows in at least nine of ten runs with nothing promised but what is promised by default; the same runs of a
// sound server, fault and all, accuse nobody (TestTruth has thousands more of them).
func TestTruthOfDefects(t *testing.T) {
	runs := 50
	if testing.Short() {
		runs = 10
	}
	var names []Defect
	for d := range Defects() {
		names = append(names, d)
	}
	slices.Sort(names)
	for _, d := range names {
		for _, o := range Defects()[d] {
			t.Run(string(d)+"/"+string(o), func(t *testing.T) {
				t.Parallel()
				caught := 0
				classes := map[string]int{}
				for seed := range int64(runs) {
					c := planted(seed, o, d)
					r := judge(c)
					require.Empty(t, r.ps)
					if r.a.Result.Verdict == result.Violation {
						caught++
					}
					for _, p := range r.a.Result.Promises {
						if p.Status == result.Broken {
							classes[p.Promise.Measure]++
						}
					}
					c.Defect = ""
					r = judge(c)
					r.verdict()
					require.Empty(t, r.ps)
				}
				t.Logf("%d of %d runs caught: %v", caught, runs, classes)
				require.GreaterOrEqual(t, caught*10, runs*9)
			})
		}
	}
}

// planted is a run in which a defect can show: nothing else happens to the servers, but where WAIT is to be caught, a replica is cut off.
// As in the catalogue, reads are a good part of the load, at master and replicas.
func planted(seed int64, o Object, d Defect) Config {
	c := Sound(seed, o)
	c.Defect, c.Load, c.Reads, c.Replica = d, 8*sec, 40, 50
	if d == WaitHigh {
		c.Faults, c.Wait, c.Sampling = []Failure{CutReplica}, 30, 25*ms
	}
	return c
}
