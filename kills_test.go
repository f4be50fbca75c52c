package schism_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history"
)

// A harness that is killed at any moment leaves a history that is no finding, and no pass before the final reads were complete.
// SCHISM_KILLS says how often it is tried (make kills: 25 times).
func TestHarnessKilledAtRandomMoments(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("SCHISM_KILLS"))
	if n == 0 {
		t.Skip("SCHISM_KILLS says how often")
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	verdicts := map[result.Verdict]int{}
	for i := range n {
		c := startChild(t, "sentinel-kill", "-seed", fmt.Sprint(100+i))
		dir := c.untilFault(t)
		wait := time.Duration(r.Int63n(int64(15 * time.Second)))
		time.AfterFunc(wait, func() { _ = c.cmd.Process.Signal(syscall.SIGKILL) })
		_ = c.cmd.Wait()
		v := neverAccused(t, dir, fmt.Sprintf("killed %s after the fault", wait))
		verdicts[v]++
		t.Logf("killed %s after the fault: %s", wait, v)
		for range 40 { // what a kill at another moment would have left
			cut := cutCopy(t, dir, r)
			neverAccused(t, cut, "cut")
			require.NoError(t, os.RemoveAll(cut))
		}
	}
	t.Logf("%v", verdicts)
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
