package release

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/version"
)

const root = "../.."

// sources are the files that belong to schism as they stand, by their paths: what git tracks, and with untracked what it could.
func sources(t *testing.T, untracked bool) map[string][]byte {
	t.Helper()
	args := []string{"ls-files", "-z", "--cached"}
	if untracked {
		args = append(args, "--others", "--exclude-standard")
	}
	files := map[string][]byte{}
	for _, name := range strings.Split(strings.TrimSuffix(string(output(t, root, nil, "git", args...)), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(root, name))
		if !os.IsNotExist(err) { // removed, but not yet from git
			require.NoError(t, err)
			files[name] = b
		}
	}
	return files
}

// copyTree puts schism's sources into a folder.
func copyTree(t *testing.T, dir string) {
	t.Helper()
	for name, b := range sources(t, true) {
		to := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		mode := os.FileMode(0o644)
		if bytes.HasPrefix(b, []byte("#!")) {
			mode = 0o755
		}
		require.NoError(t, os.WriteFile(to, b, mode))
	}
}

// proxy makes a module proxy of files that has what git tracks as the one version of schism, and gives its URL.
func proxy(t *testing.T, v string) string {
	t.Helper()
	files := sources(t, false)
	var nested []string // modules of their own
	for name := range files {
		if dir, base := path.Split(name); base == "go.mod" && dir != "" {
			nested = append(nested, dir)
		}
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		if slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			continue
		}
		w, err := z.Create(version.Module + "@" + v + "/" + name)
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	dir := t.TempDir()
	at := filepath.Join(dir, filepath.FromSlash(version.Module), "@v")
	require.NoError(t, os.MkdirAll(at, 0o755))
	info, err := json.Marshal(map[string]string{"Version": v, "Time": "2026-01-01T00:00:00Z"})
	require.NoError(t, err)
	for name, content := range map[string][]byte{"list": []byte(v + "\n"), v + ".info": info, v + ".mod": files["go.mod"], v + ".zip": b.Bytes()} {
		require.NoError(t, os.WriteFile(filepath.Join(at, name), content, 0o644))
	}
	return "file://" + filepath.ToSlash(dir)
}

// output runs a command and gives its standard output.
func output(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, io.MultiWriter(&errs, t.Output())
	if env != nil {
		cmd.Env = env
	}
	require.NoError(t, cmd.Run(), "%s %s: %s", name, strings.Join(args, " "), errs.String())
	return out.Bytes()
}

// bare is the environment of a machine without Go, or anything else.
func bare(t *testing.T) []string {
	t.Helper()
	env := []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir()}
	for _, k := range []string{"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// healthy runs the scenario from an empty folder and gives what its run.json says of schism.
func healthy(t *testing.T, env []string, binary string) history.Build {
	t.Helper()
	dir := t.TempDir()
	out := output(t, dir, env, binary, "run", "healthy", "-duration", "3s")
	require.Contains(t, string(out), "PASS  healthy")
	return recorded(t, filepath.Join(dir, "artifacts"))
}

// recorded is what the one run in the folder says of schism.
func recorded(t *testing.T, artifacts string) history.Build {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(artifacts, "healthy", "*", "latest", "run.json"))
	require.NoError(t, err)
	require.Len(t, runs, 1)
	b, err := os.ReadFile(runs[0])
	require.NoError(t, err)
	var run history.Run
	require.NoError(t, json.Unmarshal(b, &run))
	require.NotNil(t, run.Schism)
	require.Len(t, run.Schism.Agent, 64)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(runs[0]), "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), run.Schism.Agent[:12]+", "+run.Schism.AgentHow)
	require.NotContains(t, string(page), "(devel)")
	return *run.Schism
}
