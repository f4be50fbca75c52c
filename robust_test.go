package schism_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/nemesis"
	"github.com/schismtest/schism/scenarios"
	"github.com/schismtest/schism/topology"
	"github.com/schismtest/schism/workloads"
)

// A full disk leaves what fitted on it, which is judged later, and never passes.
func TestFullDiskKeepsTheEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk).CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { command(t, "umount", disk) })
	c := startChildIn(t, disk, "healthy", "-seed", "8")
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitError, code, c.out.String())
	require.Contains(t, c.out.String(), "no space left on device")
	require.Contains(t, c.out.String(), "what was recorded is in "+dir+": schism check "+dir)
	require.Empty(t, left(t, "containers", runID(t, dir)))
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err)
	require.Contains(t, []result.Verdict{result.Unknown, result.Error}, out.Result.Verdict)
	require.Positive(t, out.Result.Writes.Acked)
}

// A start that failed leaves what the servers said of it.
func TestFailedStartKeepsTheEvidence(t *testing.T) {
	c := startChild(t, "healthy", "-seed", "9", "-config", "maxmemory-policy=nonsense")
	code, dir := c.exit(t)
	require.Equal(t, schism.ExitUsage, code, c.out.String())
	require.Contains(t, c.out.String(), "what was recorded is in "+dir+": schism check "+dir)
	require.Empty(t, left(t, "containers", runID(t, dir)))
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, result.Unknown, out.Result.Verdict)
	_, err = schism.Report(t.Context(), dir)
	require.NoError(t, err)
}

func TestHarnessInterruptedHealsAndReports(t *testing.T) {
	c := startChild(t, "split-brain", "-seed", "5")
	dir := c.untilFault(t)
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.True(t, errors.As(c.cmd.Wait(), &exit), c.out.String())
	require.Equal(t, schism.ExitError, exit.ExitCode(), c.out.String())
	require.FileExists(t, filepath.Join(dir, "report.html"))
	b, err := os.ReadFile(filepath.Join(dir, "result.json"))
	require.NoError(t, err)
	var r result.Result
	require.NoError(t, json.Unmarshal(b, &r))
	require.Equal(t, result.Unknown, r.Verdict)
	require.Contains(t, r.Reasons[0], "incomplete: interrupted")
	require.Positive(t, r.Faults[0].Healed, "the cut is healed")
	require.Empty(t, left(t, "containers", runID(t, dir)))
	require.Empty(t, left(t, "networks", runID(t, dir)))
}

func TestHarnessKilledLeavesNothing(t *testing.T) {
	c := startChild(t, "split-brain", "-seed", "6")
	dir := c.untilFault(t)
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGKILL))
	_ = c.cmd.Wait()
	id := runID(t, dir)
	require.Eventually(t, func() bool { return left(t, "containers", id) == "" }, time.Minute, 100*time.Millisecond, "the containers go by themselves")

	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err, "what was recorded can still be judged")
	require.Equal(t, result.Unknown, out.Result.Verdict)
	require.Positive(t, out.Result.Writes.Acked)
	for _, p := range out.Result.Promises {
		require.NotEqual(t, result.Broken, p.Status, "lost records are no finding: %s", p.Text)
	}
	require.NoError(t, topology.Sweep(t.Context()), "the next start sweeps")
	require.Empty(t, left(t, "networks", id))
}

// lagging loses writes for certain, and is short.
func lagging() scenarios.Scenario {
	return scenarios.Scenario{
		Name:     "recount",
		Why:      "The test counts what was lost by itself.",
		Topology: topology.Sentinel{Replicas: 2, Sentinels: 3},
		Workload: workloads.Spec{Kind: workloads.Set, Writers: 8, Readers: 1, ReadFrom: workloads.Replicas},
		Faults: nemesis.Schedule{
			nemesis.After(2*time.Second, nemesis.CutLinks(nemesis.Master, nemesis.AllReplicas).Until(nemesis.FailoverDone())),
			nemesis.AfterEffect(1, 500*time.Millisecond, nemesis.Kill(nemesis.Master)),
			nemesis.AfterFailover(time.Second, nemesis.Restart(nemesis.Killed)),
		},
		Promises: []result.Promise{result.ConvergesWithin(20 * time.Second)},
		Shows:    []result.Promise{result.LostWrites},
	}
}

// The number of lost writes is counted again by other means: acknowledged additions less what any node's final sets hold.
func TestHarnessCountsWhatARecountFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	out, err := schism.Run(t.Context(), lagging(), schism.Options{Seed: 7, Artifacts: t.TempDir(), Promises: []string{"lost=0"}})
	require.NoError(t, err)
	type element struct {
		key string
		v   int64
	}
	acked, removed := map[element]bool{}, map[element]history.Outcome{}
	h := out.History
	for i := range h.Ops.Len() {
		o := h.Ops.At(i)
		switch e := (element{h.Keys[o.Key], o.In}); {
		case o.F == history.FAdd && o.Outcome == history.OK:
			acked[e] = true
		case o.F == history.FRemove && o.Outcome != history.Fail:
			removed[e] = o.Outcome
		}
	}
	held := map[int32]map[element]bool{}
	for _, d := range h.Dumps {
		if held[d.Node] == nil {
			held[d.Node] = map[element]bool{}
		}
		for _, e := range d.Elems {
			held[d.Node][element{d.Key, e}] = true
		}
	}
	require.Len(t, held, 3, "every server was read")
	for node, there := range held {
		var lost, untold int64
		for e := range acked {
			switch outcome, tried := removed[e]; {
			case !tried && !there[e], tried && outcome == history.OK && there[e]: // an addition, or a removal, that is not so any more
				lost++
			case tried && outcome == history.Info && !there[e]:
				untold++
			}
		}
		require.Equal(t, [2]int64{lost, lost + untold}, [2]int64{out.Result.Writes.Lost, out.Result.Writes.LostMost}, "recount on node %d", node)
	}
	require.Positive(t, out.Result.Writes.Lost)
	require.Equal(t, result.Violation, out.Result.Verdict, "the user's promise is broken")
	require.Equal(t, schism.ExitViolation, schism.ExitCode(out.Result.Verdict, nil))
}

// go test's own traps: a mistyped name is no pass, and a result never comes from the cache.
func TestGoTestDoesNotPassWithoutRunning(t *testing.T) {
	if testing.Short() {
		t.Skip("runs go test")
	}
	for _, pattern := range []string{"TestScenario/healhty$", "Scenario/healhty$", "Scenraio"} {
		out, err := exec.Command("go", "test", "-run", pattern, ".").CombinedOutput()
		require.Error(t, err, "%s: %s", pattern, out)
		require.Contains(t, string(out), "matches no scenario", pattern)
	}
	for range 2 {
		out, err := exec.Command("go", "test", "-short", "-run", "TestScenario", ".").CombinedOutput()
		require.NoError(t, err, string(out))
		require.NotContains(t, string(out), "(cached)")
	}
}

// As the README shows it, without -v, a test says what was seen and where the page is; and the page's own line repeats it.
func TestGoTestSaysWhatItSawAndHowToRepeatIt(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	runs := t.TempDir()
	sh := func(line string) string {
		c := exec.Command("sh", "-c", line)
		c.Env = append(os.Environ(), "SCHISM_RUNS="+runs, "SCHISM_RATE=500")
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	out := sh("go test -run 'TestScenario/healthy$' -duration=2s -seed=77")
	require.Contains(t, out, "PASS  healthy  redis 7.0")
	page := regexp.MustCompile(`report +(.*)`).FindStringSubmatch(out)
	require.NotNil(t, page, out)
	require.FileExists(t, page[1])
	h, err := history.Load(filepath.Dir(page[1]))
	require.NoError(t, err)
	require.Equal(t, "go test -run '^TestScenario$/^healthy$' -server=redis:7.0 -seed=77 -duration=2s -rate=500", h.Run.Test)
	require.Contains(t, sh(h.Run.Test), "seed 77")
	dirs, err := filepath.Glob(filepath.Join(runs, "healthy", "redis-7.0", "2*-77"))
	require.NoError(t, err)
	require.Len(t, dirs, 2)
}

// A server that a fault ends for good is left out of the barrier, by name, and the run is read to its end. Everything that the judges
// need of a run is there.
func TestHarnessRecordsWhatIsJudged(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	s := scenarios.Scenario{
		Name:     "record",
		Why:      "The test looks at what was recorded.",
		Topology: topology.Sentinel{Replicas: 2, Sentinels: 3},
		Workload: workloads.Spec{Kind: workloads.Register, Writers: 4, Readers: 1, ReadFrom: workloads.Both},
		Faults:   nemesis.Schedule{nemesis.After(2*time.Second, nemesis.Kill("n2").Forever())},
	}
	out, err := schism.Run(t.Context(), s, schism.Options{Seed: 7, Duration: 5 * time.Second, Artifacts: t.TempDir()})
	require.NoError(t, err)
	h := out.History
	phases := map[string]int64{}
	for _, e := range h.Events {
		switch e.Kind {
		case history.EvPhase:
			phases[e.Name] = e.T
			require.NotEqual(t, history.PhaseNoBarr, e.Name, e.Text)
			if e.Name == history.PhaseLeftOut {
				require.Equal(t, "fault 1 (kill n2) holds it down for good", e.Text)
			}
		case history.EvProcess:
			if e.T > phases[history.PhaseLoad] && phases[history.PhaseLoad] > 0 {
				require.NotEqual(t, history.ProcessByItself, e.Name, e.Text)
			}
		case history.EvStall:
			require.Positive(t, e.Dur)
		}
	}
	require.Equal(t, map[int32]bool{1: true}, h.LeftOut())
	require.Less(t, phases[history.PhaseLoadEnd], phases[history.PhaseDropped])
	require.Less(t, phases[history.PhaseDropped], phases[history.PhaseBarrier])
	require.Less(t, phases[history.PhaseBarrier], phases[history.PhaseFinalEnd])

	require.Empty(t, h.SecondDumps, "a server at rest says the same twice")
	require.Len(t, h.Readings, 4, "two of each that is up")
	require.NotEmpty(t, h.Dumps)
	for _, d := range h.Dumps {
		require.NotEqual(t, int32(1), d.Node)
		require.Greater(t, d.ReadCall, phases[history.PhaseDropped])
		require.Less(t, d.ReadReturn, phases[history.PhaseFinalEnd])
	}
	f := h.Faults[0]
	require.True(t, f.Permanent)
	require.Less(t, f.Injected, f.Effect)
	views := map[int32]history.Watch{}
	for _, sm := range h.Samples {
		if !sm.Answered || sm.Call < phases[history.PhaseLoad] {
			continue
		}
		require.GreaterOrEqual(t, sm.RunDelay, int64(-1))
		if sm.Role == history.RoleSentinel {
			views[sm.Node] = sm.Watch
		} else {
			require.True(t, sm.Rest.Known)
			require.GreaterOrEqual(t, sm.Connected, int64(0))
		}
	}
	require.Len(t, views, 3)
	for _, w := range views {
		require.Equal(t, history.Watch{Known: true, Announced: h.Run.Nodes[0].Addr, Epoch: w.Epoch, Quorum: 2, Peers: 2, PeersUp: 2, ReplicasUp: w.ReplicasUp}, w)
	}
}
