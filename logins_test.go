package schism_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/internal/access"
)

// The user's own certificates, a user of theirs for the clients, a unix socket and eviction, on real servers: all of it works as given, and
// neither the password nor the key is left anywhere.
func TestHarnessTakesCertificatesAndAUser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	dir := t.TempDir()
	authority, err := access.NewAuthority()
	require.NoError(t, err)
	cert, key, err := authority.Issue("redis.example.org")
	require.NoError(t, err)
	for name, text := range map[string]string{"ca.crt": authority.PEM, "redis.crt": cert, "redis.key": key, "redis.conf": `port 0
tls-port 7443
tls-cert-file redis.crt
tls-key-file redis.key
tls-ca-cert-file ca.crt
tls-protocols "TLSv1.2 TLSv1.3"
user default off
user app on >S3cret-of-the-app ~* &* +@all -@dangerous +info +wait
unixsocket /run/redis-of-ours/redis.sock
io-threads 2
maxmemory 64mb
maxmemory-policy allkeys-lru
save ""
`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	t.Setenv("SCHISM_TEST_APP", "S3cret-of-the-app")
	c := startChild(t, "sentinel-kill", "-config-file", filepath.Join(dir, "redis.conf"), "-user", "app", "-password-env", "SCHISM_TEST_APP", "-rate", "300", "-fault", "1.for=4s")
	code, run := c.exit(t)
	require.Equal(t, schism.ExitPass, code, c.out.String())
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	require.NoError(t, err)
	for _, want := range []string{"Clients log in as", "schism-agent", "with certificates of the config", "nothing kept on disk"} {
		require.Contains(t, string(page), want)
	}
	nothingLeft(t, run, c.out.String(), append(access.KeyLines(key), "S3cret"))
}

// Logins and lines that servers refuse end at once, in exit code 64, with the server's own words.
func TestHarnessSaysWhatServersRefuse(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real servers")
	}
	for i, c := range []struct{ lines, sentinel, want string }{
		{"user a on >S3cret-of-a +@all\nrequirepass S3cret-of-all\nmasteruser a\nmasterauth S3cret-of-nobody\n", "", "with them it is not let in"},
		{"user a on >S3cret-of-a +@nonsense\n", "", "Error loading ACL rule"},
		{"maxmemory lots-of-it\n", "", "config line"},
		{"requirepass S3cret-of-all\n", "sentinel monitor prod 10.0.0.1 6379 2\nsentinel auth-pass prod S3cret-of-nobody\n", "with it sentinels are not let in: WRONGPASS"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "redis.conf")
			require.NoError(t, os.WriteFile(path, []byte(c.lines), 0o600))
			args := []string{"healthy", "-config-file", path, "-duration", "1s"}
			if c.sentinel != "" {
				own := filepath.Join(t.TempDir(), "sentinel.conf")
				require.NoError(t, os.WriteFile(own, []byte(c.sentinel), 0o600))
				args = append(args, "-topology", "sentinel", "-sentinel-config", own)
			}
			child := startChild(t, args...)
			code, dir := child.exit(t)
			require.Equal(t, schism.ExitUsage, code, child.out.String())
			require.Contains(t, child.out.String(), c.want)
			nothingLeft(t, dir, child.out.String(), []string{"S3cret-of"})
		})
	}
}
