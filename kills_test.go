package schism_test

import (
	"cmp"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/topology"
)

// killed are the scenarios whose harness is killed: a failover, a partition, a restart, a slow replica, another kind of object.
var killed = []string{"sentinel-kill", "split-brain", "empty-restart-wipe", "slow-replica", "healthy-list"}

// A harness that is killed at any moment leaves a history that is no finding, and no pass before the final reads were complete; and the
// next start removes whatever the engine still has of it. SCHISM_KILLS says how often it is tried.
func TestHarnessKilledAtRandomMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SCHISM_KILLS"), "5"))
	require.NoError(t, err)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	var mu sync.Mutex
	verdicts, ids := map[result.Verdict]int{}, []string{}
	t.Run("kills", func(t *testing.T) {
		for i := range n {
			scenario, wait, own := killed[i%len(killed)], time.Duration(r.Int63n(int64(25*time.Second))), rand.New(rand.NewSource(r.Int63()))
			t.Run(fmt.Sprintf("%d-%s", i, scenario), func(t *testing.T) {
				t.Parallel()
				id, v := kill(t, scenario, wait, own)
				mu.Lock()
				defer mu.Unlock()
				verdicts[v]++
				if id != "" {
					ids = append(ids, id)
				}
			})
		}
	})
	t.Logf("%v", verdicts)
	require.Empty(t, verdicts[result.Violation])
	require.NoError(t, topology.Sweep(t.Context()), "the next start")
	for _, id := range ids {
		require.Empty(t, left(t, "containers", id))
		require.Empty(t, left(t, "networks", id))
	}
}

// kill runs a scenario, kills its harness so long after the start, and judges what it left.
func kill(t *testing.T, scenario string, wait time.Duration, r *rand.Rand) (id string, v result.Verdict) {
	t.Helper()
	c := startChild(t, scenario, "-rate", "500")
	alarm := time.AfterFunc(wait, func() { _ = c.cmd.Process.Signal(syscall.SIGKILL) })
	_ = c.cmd.Wait()
	alarm.Stop()
	dirs, err := filepath.Glob(filepath.Join(c.dir, "*", "*", "2*"))
	require.NoError(t, err)
	if len(dirs) == 0 || !recordedAnything(dirs[0]) {
		t.Logf("killed after %s: nothing was begun", wait)
		return "", ""
	}
	id = runID(t, dirs[0])
	v = neverAccused(t, dirs[0], fmt.Sprintf("killed after %s", wait))
	killed := !c.cmd.ProcessState.Exited()
	t.Logf("after %s, killed %t: %s", wait, killed, v)
	if _, err := os.Stat(filepath.Join(dirs[0], history.ManifestFile)); killed && err != nil {
		require.NotEqual(t, result.Pass, v, "a run that was cut off passes")
	}
	for range 40 { // what a kill at another moment would have left
		cut := cutCopy(t, dirs[0], r)
		neverAccused(t, cut, "cut")
		require.NoError(t, os.RemoveAll(cut))
	}
	require.Eventually(t, func() bool { return left(t, "containers", id) == "" }, time.Minute, 200*time.Millisecond, "the containers go by themselves")
	return id, v
}

// recordedAnything tells whether the harness got as far as its history.
func recordedAnything(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, history.HistoryFile))
	return err == nil && st.Size() > 100
}

// neverAccused judges what a killed harness left.
func neverAccused(t *testing.T, dir, what string) result.Verdict {
	t.Helper()
	out, err := schism.Check(t.Context(), dir)
	require.NoError(t, err, what)
	v := out.Result.Verdict
	require.NotEqual(t, result.Violation, v, "%s: %s", what, fmt.Sprint(out.Result.Promises))
	complete := false
	for _, e := range out.History.Events {
		complete = complete || e.Kind == history.EvPhase && e.Name == history.PhaseFinalEnd
	}
	if !complete {
		require.NotEqual(t, result.Pass, v, what)
	}
	return v
}

// cutCopy is the run's folder with its history cut at a random byte.
func cutCopy(t *testing.T, dir string, r *rand.Rand) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "cut")
	require.NoError(t, os.MkdirAll(to, 0o755))
	run, err := os.ReadFile(filepath.Join(dir, history.RunFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, history.RunFile), run, 0o644))
	all, err := os.ReadFile(filepath.Join(dir, history.HistoryFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, history.HistoryFile), all[:len(all)/8+r.Intn(len(all)*7/8)], 0o644))
	return to
}
