package main

import (
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/checker/result"
	"github.com/schismtest/schism/history/exchange"
)

func TestParquetSaysWhatBecameOfEachOperation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.parquet")
	export(t, filepath.Join("testdata", "cases", "run-register-clean.jsonl"), "parquet", file, "")
	rows, err := parquet.ReadFile[exchange.ParquetOp](file)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, "write", rows[0].F)
	require.Equal(t, "survived", *rows[0].Fate)
	require.Nil(t, rows[1].Fate, "a read has none")
}

func TestEveryFateHasAWord(t *testing.T) {
	seen := map[string]bool{}
	for f := result.FateSurvived; f <= result.FateMasked; f++ {
		w := fateWord(f)
		require.NotEmpty(t, w)
		require.False(t, seen[w], w)
		seen[w] = true
	}
	require.Empty(t, fateWord(result.FateNone))
}
