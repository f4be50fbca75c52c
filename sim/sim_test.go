package sim

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

func seeds() int64 {
	if os.Getenv("SCHISM_PROVE") != "" {
		return 10_000
	}
	return 200
}

// problem is something that a checker said and that is not so. What names the measure, the class or the kind of answer.
type problem struct {
	seed       int64
	what, text string
}

// run judges one simulated run and holds everything that was said against the truth.
type run struct {
	c  Config
	h  *history.History
	tr Truth
	a  *result.Analysis
	ps []problem
}

func (r *run) wrong(what, format string, args ...any) {
	r.ps = append(r.ps, problem{r.c.Seed, what, fmt.Sprintf(format, args...)})
}

func judge(c Config) *run {
	r := &run{c: c}
	r.h, r.tr = Run(c)
	var err error
	if r.a, err = checker.Check(r.h, checker.Options{}); err != nil {
		r.wrong("check", "%v", err)
	}
	return r
}

// compare is all that is held against the truth of a sound run.
func (r *run) compare() {
	r.verdict()
	if r.tr.Config.Records != Whole {
		return
	}
	r.fates()
	r.causes()
	for _, m := range r.a.Result.Measures {
		t, ok := r.tr.Measures[m.Name]
		if ok && (m.Value.Lo > t.Hi+1e-9 || m.Value.Hi < t.Lo-1e-9) {
			r.wrong(m.Name, "%+v, in truth %+v", m.Value, t)
		}
	}
}

// verdict: a sound server is accused of nothing, and lost records decide nothing.
func (r *run) verdict() {
	res := &r.a.Result
	for _, f := range res.Findings {
		if f.Bugs > 0 && r.tr.Config.Records != Gone { // nothing is concluded where records are missing
			r.wrong("accused", "%s: %d: %s", f.Class, f.Bugs, f.Text)
		}
	}
	if r.tr.Config.Records == Cut && (res.Writes.Known || res.Loss != nil) {
		r.wrong("verdict", "loss is told without a barrier: %+v", res.Writes)
	}
	switch want := r.tr.Config.Records; {
	case res.Verdict == result.Violation:
		r.wrong("verdict", "violation: %+v", res.Promises[0])
	case want == Gone && res.Verdict != result.Error, want == Cut && res.Verdict != result.Unknown:
		r.wrong("verdict", "%s with records %s", res.Verdict, want)
	}
}

func (r *run) fates() {
	var lost int64
	for i, t := range r.tr.Kept() {
		o := r.h.Ops.At(i)
		if !o.F.IsWrite() || o.Flags&history.FlagReplicaWrite != 0 {
			continue
		}
		if t.Lost {
			lost++
		}
		ok := true
		switch r.a.Fate[i] {
		case result.FateLost:
			ok = t.Lost
		case result.FateSurvived:
			ok = o.Outcome == history.OK && !t.Lost
		case result.FateRecovered:
			ok = o.Outcome == history.Info && t.Executed
		case result.FateHappenedThenLost:
			ok = o.Outcome == history.Info && t.Executed && !t.Final
		case result.FateFailed:
			ok = !t.Executed
		case result.FateAborted:
			ok = false
		}
		if !ok {
			r.wrong("fate", "operation %d: fate %d, in truth %+v: %+v", i, r.a.Fate[i], t, o)
		}
	}
	if w := r.a.Result.Writes; w.Known && (w.Lost > lost || w.LostMost < lost) {
		r.wrong("account", "%d to %d lost, in truth %d", w.Lost, w.LostMost, lost)
	}
}

// causes: as many writes at most are put down to each end of a branch as it killed, and to none only what is said to be ambiguous.
func (r *run) causes() {
	l := r.a.Result.Loss
	if l == nil {
		return
	}
	type cause struct {
		kind   string
		winner int32
	}
	killed := map[cause]int64{}
	for _, t := range r.tr.Kept() {
		if t.Lost {
			killed[cause{t.Cause, t.Winner}]++
		}
	}
	said := map[cause]int64{}
	for _, c := range l.Causes {
		said[cause{c.Kind, c.Winner}] += c.Lost
	}
	for c, n := range said {
		if n > killed[c] {
			r.wrong("cause", "%d put down to %+v, in truth %+v", n, c, killed)
		}
	}
	if l.Unattributed > 0 {
		r.wrong("unattributed", "%d of %+v", l.Unattributed, killed)
	}
}

// all judges that many seeds at once, and returns the runs' problems by what they are about.
func all(n int64, config func(seed int64) Config, look func(r *run)) map[string][]problem {
	found := map[string][]problem{}
	var mu sync.Mutex
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < n; seed = next.Add(1) - 1 {
				r := judge(config(seed))
				look(r)
				mu.Lock()
				for _, p := range r.ps {
					found[p.what] = append(found[p.what], p)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, ps := range found {
		slices.SortStableFunc(ps, func(a, b problem) int { return cmp.Compare(a.seed, b.seed) })
	}
	return found
}

// What a checker says of a run holds the truth, whatever happened to the servers and to the records.
func TestTruth(t *testing.T) {
	found := all(seeds(), func(seed int64) Config { return Config{Seed: seed} }, (*run).compare)
	for what, ps := range found {
		for _, p := range ps[:min(len(ps), 5)] {
			t.Errorf("%s: seed %d: %s (%d such in all)", what, p.seed, p.text, len(ps))
		}
	}
}

// Runs beyond the first seeds that were judged wrongly once.
func TestTruthOfRunsOnceWrong(t *testing.T) {
	for _, seed := range []int64{207, 410, 1347, 1866, 4636, 5417, 8208} {
		r := judge(Config{Seed: seed})
		r.compare()
		require.Empty(t, r.ps)
	}
}

// Most fates are told, and what never happens is not said: an account that masks everything would hold every truth.
func TestTruthIsTold(t *testing.T) {
	for _, o := range Objects() {
		t.Run(string(o), func(t *testing.T) {
			var acked, masked, lost int64
			for seed := range int64(20) {
				c := Config{Seed: seed, Object: o, Faults: []Failure{Split}, Records: Whole, Ledger: 1, Sampling: 25 * ms, Late: -1, Unheard: 200}
				r := judge(c)
				require.True(t, r.a.Result.Writes.Known)
				acked += r.a.Result.Writes.Acked
				masked += r.a.Result.Writes.Masked
				lost += r.a.Result.Writes.Lost
			}
			if o == Lock {
				return // leaves nothing behind
			}
			limit := map[Object]float64{Shared: 0.5, Blind: 1, Counter: 1, Queue: 0.5, Expiring: 0.6}[o]
			require.LessOrEqual(t, float64(masked), (limit+0.1)*float64(acked))
			if o != Blind {
				require.Positive(t, lost)
			}
		})
	}
}
