package schism_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// gh stands for GitHub's command: of the runs 9 (this one), 8 (which left nothing) and 7 it gives what 7 left, in two attempts.
const gh = `#!/bin/sh
case "$1 $2 $3" in
"run list "*) printf '9\n8\n7\n6\n' ;;
"run download 7") mkdir -p "$7/history-1" "$7/history-2"; echo '{"old":1}' >"$7/history-1/history.jsonl"; echo '{"new":1}' >"$7/history-2/history.jsonl" ;;
"run download 6") exit 9 ;;
*) exit 1 ;;
esac
`

// night runs scripts/night.sh with commands of our own before those of the system.
func night(t *testing.T, what string, commands map[string]string, env ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range commands {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755))
	}
	cmd := exec.CommandContext(t.Context(), "scripts/night.sh", what)
	cmd.Env = append(os.Environ(), append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "GITHUB_ACTIONS=", "GITHUB_STEP_SUMMARY="}, env...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestNightRestoresTheHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nights")
	file := filepath.Join(dir, "history.jsonl")
	out, err := night(t, "restore", map[string]string{"gh": "#!/bin/sh\nexit 1\n"}, "NIGHT_HISTORY="+dir)
	require.NoError(t, err, out)
	require.Contains(t, out, "cannot be listed")
	out, err = night(t, "restore", map[string]string{"gh": "#!/bin/sh\n[ $2 = list ] && echo 6\n"}, "NIGHT_HISTORY="+dir)
	require.NoError(t, err, out)
	require.Contains(t, out, "this one is the first")
	require.NoFileExists(t, file)

	out, err = night(t, "restore", map[string]string{"gh": gh}, "NIGHT_HISTORY="+dir, "GITHUB_RUN_ID=9")
	require.NoError(t, err, out)
	require.Contains(t, out, "the history comes from run 7: 1 runs")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "{\"new\":1}\n", string(b))

	out, err = night(t, "restore", map[string]string{"gh": "#!/bin/sh\nexit 1\n"}, "NIGHT_HISTORY="+dir) // the cache had it
	require.NoError(t, err, out)
	require.Contains(t, out, "the history is there: 1 runs")
}

func TestNightRunsWithFixedSeedsAndADrawnOne(t *testing.T) {
	fake := map[string]string{"go": "#!/bin/sh\necho \"seeds $SCHISM_SEED set $SCHISM_SET night ${SCHISM_NIGHT:+named} $*\"\nexit ${FAKE_EXIT:-0}\n"}
	out, err := night(t, "run", fake)
	require.NoError(t, err, out)
	require.Contains(t, out, "seeds 7431,7432,0 set all night named test -count=1 -timeout 5h -run TestScenario -v .")
	require.Contains(t, out, "-run TestExportsOfRuns ./cmd/schism")
	require.NotContains(t, out, "::")

	out, err = night(t, "run", fake, "FAKE_EXIT=1", "GITHUB_ACTIONS=true", "SCHISM_SEED=5")
	require.Error(t, err)
	require.Contains(t, out, "seeds 5 ")
	require.Contains(t, out, "TestExportsOfRuns", "a run that failed keeps nothing from being exported")
	require.Regexp(t, `(?s)^::stop-commands::([0-9a-f]{32})\n.*\n::[0-9a-f]{32}::\n$`, out, "what servers print is no command")
}

func TestNightMergesWhateverTheJobsLeft(t *testing.T) {
	root := t.TempDir()
	site, kept := filepath.Join(root, "site"), filepath.Join(root, "nights")
	for _, job := range []string{"runs-a", "runs-b"} {
		require.NoError(t, os.MkdirAll(filepath.Join(site, job), 0o755))
	}
	// The go command builds a schism that says what it was given and finds a new violation.
	fake := map[string]string{"go": "#!/bin/sh\ncat >\"$3\" <<'E'\n#!/bin/sh\necho \"$*\"\necho line >\"$NIGHT_SITE/history.jsonl\"\nexit 1\nE\nchmod +x \"$3\"\n"}
	out, err := night(t, "merge", fake, "NIGHT_SITE="+site, "NIGHT_RUNS="+site+"/runs-*", "NIGHT_HISTORY="+kept, "GITHUB_STEP_SUMMARY=s.md", "GITHUB_ACTIONS=true", "SCHISM_NIGHT=77")
	require.ErrorContains(t, err, "exit status 1")
	require.Equal(t, "index -into "+site+" -junit "+site+"/junit.xml -summary s.md -keep-nights 0 -annotations - -night 77 "+site+"/runs-a "+site+"/runs-b "+kept+"\n", out)
	b, err := os.ReadFile(filepath.Join(kept, "history.jsonl"))
	require.NoError(t, err, "the next night has this one's lines, although it fails")
	require.Equal(t, "line\n", string(b))

	out, err = night(t, "merge", fake, "NIGHT_SITE="+filepath.Join(root, "none"), "NIGHT_RUNS="+root+"/none/runs-*")
	require.Error(t, err)
	require.Equal(t, "index -into "+root+"/none -junit "+root+"/none/junit.xml -summary - -keep-nights 0 "+root+"/none\n", out)
}
