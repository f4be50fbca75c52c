package schism_test

import (
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/history"
)

// shapes are the shapes of public configurations, each with the server that it was written for, and whether CI runs it: the others take
// images that must be built first.
func shapes() []shape {
	conf := func(name string) string { return filepath.Join("testdata", "config", name) }
	return []shape{
		{"a distribution's", "redis:7.0", []string{"-config-file", conf("debian.conf")}, true},
		{"a tutorial's", "redis:7.0", []string{"-config-file", conf("tutorial.conf")}, true},
		{"an operator's", "redis:7.0", []string{"-config-file", conf("operator.conf"), "-sentinel-config", conf("operator-sentinel.conf")}, true},
		{"a packager's", "redis:7.0", []string{"-config-file", conf("packaged.conf")}, true},
		{"TLS and users in a file", "valkey:8.1", []string{"-config-file", conf("tls-acl.conf")}, true},
		{"the stock 6.0", "redis:6.0", []string{"-config-file", conf("stock-6.0.conf")}, false},
		{"the stock 7.0", "redis:7.0", []string{"-config-file", conf("stock-7.0.conf")}, false},
		{"the stock 8.0", "redis:8.0", []string{"-config-file", conf("stock-8.0.conf")}, false},
	}
}

type shape struct {
	name, server string
	args         []string
	ci           bool
}

// Real configs run as they are, without a fault and through a failover. SCHISM_SET=all runs those on further servers too.
func TestHarnessTakesRealConfigs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	two := make(chan struct{}, 2) // at once: each is judged, and a machine that stood still decides nothing
	for _, s := range shapes() {
		if !s.ci && os.Getenv("SCHISM_SET") != "all" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			two <- struct{}{}
			defer func() { <-two }()
			args := append([]string{"-server", s.server, "-rate", "500"}, s.args...)
			healthy := append([]string{"healthy", "-duration", "2s"}, args...)
			if strings.Contains(strings.Join(args, " "), "-sentinel-config") {
				healthy = append(healthy, "-topology", "sentinel")
			}
			for _, line := range [][]string{healthy, append([]string{"sentinel-kill"}, args...)} {
				c := startChild(t, line...)
				code, dir := c.exit(t)
				require.Equal(t, schism.ExitPass, code, c.out.String())
				require.Contains(t, c.out.String(), "of the config", "what was replaced is said")
				page, err := os.ReadFile(filepath.Join(dir, "report.html"))
				require.NoError(t, err)
				run, err := history.LoadRun(dir)
				require.NoError(t, err)
				require.NotEmpty(t, run.Replaced)
				for _, r := range run.Replaced {
					require.Contains(t, string(page), html.EscapeString(r.Why), "and why, on the page")
				}
			}
		})
	}
}

// drawn is the password that the run made for itself, in a server's config.
var drawn = regexp.MustCompile(`(?m)^(?:masterauth|sentinel auth-pass mymaster|sentinel sentinel-pass) "?(\S+?)"?$`)

// The secrets of a config, and the password that the run draws, are in nothing that a run leaves or shows: no file, no line, no argument
// or environment of a process, no container's description.
func TestHarnessKeepsSecrets(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.conf")
	require.NoError(t, os.WriteFile(secret, []byte(`requirepass "S3cret-default"
user app on >S3cret-app ~* &* +@all
tls-port 6379
port 0
tls-key-file-pass S3cret-key
`), 0o600))
	sentinel := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(sentinel, []byte("requirepass S3cret-peers\n"), 0o600))
	c := startChild(t, "healthy", "-topology", "sentinel", "-config-file", secret, "-sentinel-config", sentinel, "-duration", "6s", "-rate", "300")
	dir := c.untilLoad(t)
	id := runID(t, dir)
	secrets := []string{"S3cret"}
	for _, n := range []string{"n1", "n3", "s1"} {
		file := map[byte]string{'n': "redis", 's': "sentinel"}[n[0]]
		conf, err := exec.Command("docker", "exec", node(t, id, n), "cat", "/schism/"+file+".conf").Output()
		require.NoError(t, err)
		for _, m := range drawn.FindAllStringSubmatch(string(conf), -1) {
			secrets = append(secrets, m[1])
		}
	}
	require.Greater(t, len(secrets), 1, "the run drew a password")
	containers, err := exec.Command("docker", "ps", "-q", "--filter", "label=schism.run="+id).Output()
	require.NoError(t, err)
	inspect, err := exec.Command("docker", append([]string{"inspect"}, strings.Fields(string(containers))...)...).Output()
	require.NoError(t, err)
	holdsNone(t, "the engine's descriptions", string(inspect), secrets)
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, p := range procs {
		for _, name := range []string{"cmdline", "environ"} {
			b, _ := os.ReadFile(filepath.Join(filepath.Dir(p), name)) // it may be gone by now
			if text := string(b); strings.Contains(text, "schism") {
				holdsNone(t, name+" of a process", text, secrets)
			}
		}
	}
	code, _ := c.exit(t)
	require.Equal(t, schism.ExitPass, code, c.out.String())
	nothingLeft(t, dir, c.out.String(), secrets)

	// A start that fails because a server refuses the line that holds the secret, and prints it.
	require.NoError(t, os.WriteFile(secret, []byte("user app on >S3cret-refused ~* +@nonsense\n"), 0o600))
	c = startChild(t, "healthy", "-config-file", secret, "-duration", "1s")
	_ = c.cmd.Wait()
	require.NotEqual(t, schism.ExitPass, c.cmd.ProcessState.ExitCode())
	nothingLeft(t, c.dir, c.out.String(), []string{"S3cret"})
}

// nothingLeft looks through everything in a folder, and at what was printed.
func nothingLeft(t *testing.T, dir, printed string, secrets []string) {
	t.Helper()
	holdsNone(t, "the terminal", printed, secrets)
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			holdsNone(t, path, string(b), secrets)
		}
		return nil
	})
}

func holdsNone(t *testing.T, where, text string, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("%s holds a secret: …%s", where, text[max(0, i-60):min(len(text), i+len(s)+5)])
		}
	}
}
