package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/history"
)

// TestExportsOfRuns goes over the runs in the folder that SCHISM_RUNS names (artifacts of schism run), and of these over those of the night
// that SCHISM_NIGHT names: each is exported, and the copy judged as the run, to the last number.
func TestExportsOfRuns(t *testing.T) {
	root := os.Getenv("SCHISM_RUNS")
	if root == "" {
		t.Skip("SCHISM_RUNS names no folder of runs")
	}
	runs, err := filepath.Glob(filepath.Join(root, "*", "*", "*-*", "run.json"))
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	for _, r := range runs {
		dir := filepath.Dir(r)
		if night := os.Getenv("SCHISM_NIGHT"); night != "" {
			run, err := history.LoadRun(dir)
			require.NoError(t, err)
			if run.Night != night {
				continue
			}
		}
		name, err := filepath.Rel(root, dir)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			want, err := schism.CheckFile(t.Context(), dir, schism.CheckOptions{})
			require.NoError(t, err)
			for _, to := range []string{"jsonl", "edn"} {
				copied := filepath.Join(t.TempDir(), "copy")
				export(t, dir, to, copied, "")
				got, err := schism.CheckFile(t.Context(), copied, schism.CheckOptions{})
				require.NoError(t, err)
				a, err := json.MarshalIndent(want.Result, "", " ")
				require.NoError(t, err)
				b, err := json.MarshalIndent(got.Result, "", " ")
				require.NoError(t, err)
				require.Equal(t, string(a), string(b), to)
				require.Equal(t, want.Analysis.Fate, got.Analysis.Fate, to)
				require.Equal(t, want.Analysis.Ages, got.Analysis.Ages, to)
			}
		})
	}
}
