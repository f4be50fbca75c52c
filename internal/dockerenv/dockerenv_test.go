package dockerenv

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func context(t *testing.T, dir, name, meta string) (tls string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "contexts", "meta", id), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "contexts", "meta", id, "meta.json"), []byte(meta), 0o644))
	return filepath.Join(dir, "contexts", "tls", id, "docker")
}

func TestWhichEngine(t *testing.T) {
	dir := t.TempDir()
	context(t, dir, "far", `{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2375"}}}`)
	context(t, dir, "ssh", `{"Endpoints":{"docker":{"Host":"ssh://far"}}}`)
	context(t, dir, "none", `{"Endpoints":{}}`)
	context(t, dir, "torn", `{`)
	certs := context(t, dir, "tls", `{"Endpoints":{"docker":{"Host":"tcp://far:2376"}}}`)
	require.NoError(t, os.MkdirAll(certs, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(certs, "cert.pem"), nil, 0o600))
	for _, c := range []struct {
		name, config string
		env          map[string]string
		want         map[string]string
		err          string
	}{
		{name: "nothing is set"},
		{name: "no configuration", env: map[string]string{"DOCKER_CONTEXT": "default"}},
		{name: "DOCKER_HOST comes first", env: map[string]string{"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "far"}},
		{name: "by DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "far"}, want: map[string]string{"DOCKER_HOST": "tcp://far:2375"}},
		{name: "by the configuration", config: `{"currentContext":"far"}`, want: map[string]string{"DOCKER_HOST": "tcp://far:2375"}},
		{name: "with TLS", env: map[string]string{"DOCKER_CONTEXT": "tls"},
			want: map[string]string{"DOCKER_HOST": "tcp://far:2376", "DOCKER_CERT_PATH": certs, "DOCKER_TLS_VERIFY": "1"}},
		{name: "unknown", env: map[string]string{"DOCKER_CONTEXT": "lost"}, err: `no Docker context "lost"`},
		{name: "ssh", env: map[string]string{"DOCKER_CONTEXT": "ssh"}, err: "set DOCKER_HOST"},
		{name: "no engine in it", env: map[string]string{"DOCKER_CONTEXT": "none"}, err: "names no engine"},
		{name: "damaged", env: map[string]string{"DOCKER_CONTEXT": "torn"}, err: "no Docker context"},
		{name: "damaged configuration", config: `{`, err: "Docker's configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "config.json")
			require.NoError(t, os.RemoveAll(path))
			if c.config != "" {
				require.NoError(t, os.WriteFile(path, []byte(c.config), 0o644))
			}
			got, err := fromContext(func(k string) string { return c.env[k] }, dir)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}
