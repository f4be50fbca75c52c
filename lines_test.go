package schism

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/reports/nights"
)

// lines are the lines of a folder of runs.
func lines(t *testing.T, root string) []nights.Line {
	t.Helper()
	h, err := nights.Read(filepath.Join(root, nights.FileName))
	require.NoError(t, err)
	require.Empty(t, h.Damaged)
	return h.Lines
}

func TestARunHasOneLineHoweverOftenItIsJudged(t *testing.T) {
	r := recording(t, nil)
	r.meta.Night, r.meta.ImageID = "n1", "sha256:01"
	out, err := r.conclude(stoppedAlready())
	require.NoError(t, err)
	require.NoError(t, r.evidence(out, err))
	root := r.opts.Artifacts
	got := lines(t, root)
	require.Len(t, got, 1)
	require.Equal(t, r.meta.ID, got[0].Run)
	require.Equal(t, out.Result.Verdict, got[0].Verdict)
	require.Equal(t, ExitCode(out.Result.Verdict, nil), got[0].Exit)
	require.Equal(t, "n1", got[0].Night)
	require.Equal(t, "sha256:01", got[0].Digest)
	require.Equal(t, int64(1), got[0].Seed)
	require.FileExists(t, filepath.Join(root, got[0].Dir, reportFile))
	require.FileExists(t, filepath.Join(root, "index.html"))

	for range 2 {
		_, err := Report(t.Context(), filepath.Join(filepath.Dir(out.Dir), "latest"))
		require.NoError(t, err)
	}
	again := lines(t, root)
	require.Len(t, again, 1)
	require.Equal(t, got[0].Dir, again[0].Dir, "by the link latest it is the same run")
}

func TestTheLineHasTheExitCodeOfARunThatFailedBesides(t *testing.T) {
	r := recording(t, nil)
	out, err := r.conclude(stoppedAlready())
	require.NoError(t, err)
	require.Error(t, r.evidence(out, errors.New("the engine refused to remove n1")))
	got := lines(t, r.opts.Artifacts)
	require.Len(t, got, 1)
	require.Equal(t, ExitError, got[0].Exit)
	require.Equal(t, out.Result.Verdict, got[0].Verdict)
}
