package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/history"
)

// runFolder writes a run of one worker's batches.
func runFolder(t *testing.T, closed bool, batches ...*history.Batch) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := history.Create(dir, &history.Run{Schema: history.RunSchema, ID: "id", Scenario: "by hand",
		Nodes: []history.Node{{Name: "n1", Kind: history.Server, Role: history.RoleMaster}, {Name: "w1", Kind: history.Worker}}})
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Append(history.EncodeBatch(nil, b)))
	}
	if closed {
		require.NoError(t, w.Close())
		require.NoError(t, history.Seal(dir, "id"))
	}
	return dir
}

func batch(seq uint64, final bool, f history.F, in, out, call int64) *history.Batch {
	return &history.Batch{Source: 1, Seq: seq, Keys: []string{"r:1"}, Watermark: &history.Watermark{T: call + 20, Final: final},
		Ops: []history.Op{{Process: int32(seq), Worker: 1, F: f, In: in, Arg: history.None, Out: out, Acked: -1, Call: call, Intended: call, Return: call + 10}}}
}

// A run that is not whole passes no model, neither itself nor exported, nor its file alone.
func TestAModelRemembersWhatIsMissing(t *testing.T) {
	write, read := batch(1, false, history.FWrite, 1, history.None, 1000), batch(2, true, history.FRead, history.None, 1, 2000)
	stale := batch(2, true, history.FRead, history.None, history.Nil, 2000)
	late := batch(3, true, history.FRead, history.None, 1, 3000)
	unfinished := batch(2, false, history.FRead, history.None, 1, 2000)
	for _, tt := range []struct {
		name string
		dir  string
		exit int
	}{
		{"whole", runFolder(t, true, write, read), schism.ExitPass},
		{"whole and wrong", runFolder(t, true, write, stale), schism.ExitViolation},
		{"a batch is lost", runFolder(t, true, write, late), schism.ExitError},
		{"the worker died", runFolder(t, true, write, unfinished), schism.ExitError},
		{"the harness died", runFolder(t, false, write, read), schism.ExitUnknown},
		{"the harness died, and what is there is wrong", runFolder(t, false, write, stale), schism.ExitViolation},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, text := checked(t, tt.dir, "register")
			require.Equal(t, tt.exit, code, text)
			whole, _ := checked(t, tt.dir, "")
			for _, to := range []string{"jsonl", "edn"} {
				copied := filepath.Join(t.TempDir(), "copy")
				export(t, tt.dir, to, copied, "")
				code, text := checked(t, copied, "register")
				require.Equal(t, tt.exit, code, "%s\n%s", to, text)
				code, text = checked(t, copied, "")
				require.Equal(t, whole, code, "%s\n%s", to, text)
			}
			// The file without its run.json: nobody knows its workers.
			p, err := os.ReadFile(filepath.Join(tt.dir, history.HistoryFile))
			require.NoError(t, err)
			alone := filepath.Join(t.TempDir(), history.HistoryFile)
			require.NoError(t, os.WriteFile(alone, p, 0o600))
			code, text = checked(t, alone, "")
			require.NotEqual(t, schism.ExitPass, code, text)
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(alone), history.RunFile), []byte("{"), 0o600))
			code, text = checked(t, alone, "")
			require.Equal(t, schism.ExitUsage, code, text)
		})
	}
}

// Whatever byte of a run's evidence changes, whatever file of it goes: it is said, and never a pass.
func TestDamagedEvidenceNeverPasses(t *testing.T) {
	write, read := batch(1, false, history.FWrite, 1, history.None, 1000), batch(2, true, history.FRead, history.None, 1, 2000)
	dir := runFolder(t, true, write, read)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "logs"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logs", "n1.log"), []byte("Ready to accept connections\n"), 0o644))
	require.NoError(t, history.Seal(dir, "id"))
	code, text := checked(t, dir, "register")
	require.Equal(t, schism.ExitPass, code, text)
	r := rand.New(rand.NewSource(1))
	for _, name := range []string{history.RunFile, history.HistoryFile, "logs/n1.log", history.ManifestFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		never := func(what string) {
			t.Helper()
			for _, model := range []string{"register", ""} {
				code, text := checked(t, dir, model)
				require.NotContains(t, []int{schism.ExitPass, schism.ExitViolation}, code, "%s: %s: %s", name, what, text)
			}
		}
		for range 100 {
			at, bit := r.Intn(len(whole)), r.Intn(8)
			hurt := bytes.Clone(whole)
			hurt[at] ^= 1 << bit
			require.NoError(t, os.WriteFile(path, hurt, 0o644))
			if name == history.ManifestFile && json.Valid(hurt) && strings.EqualFold(string(hurt), string(whole)) {
				continue // the case of a field's name is nothing
			}
			never(fmt.Sprintf("bit %d of byte %d", bit, at))
		}
		for range 10 {
			require.NoError(t, os.WriteFile(path, whole[:r.Intn(len(whole))], 0o644))
			never("cut off")
		}
		require.NoError(t, os.Remove(path))
		never("removed")
		require.NoError(t, os.WriteFile(path, whole, 0o644))
	}
	code, text = checked(t, dir, "register")
	require.Equal(t, schism.ExitPass, code, text)
}
