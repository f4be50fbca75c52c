package schism_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism"
	"github.com/schismtest/schism/internal/access"
	"github.com/schismtest/schism/internal/redistest"
)

// noRedis takes connections and answers each with a line of its own; an empty one is no answer.
func noRedis(t *testing.T, line string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if line != "" {
				_, _ = c.Write([]byte(line))
			}
		}
	}()
	return l.Addr().String()
}

// What cannot be attached to is said in one line that says what to do, with its exit code, soon, without a secret, and leaves nothing behind.
func TestAttachSaysWhatIsWrong(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica(t)
	sentinel := master.Sentinel(t)
	locked := redistest.Start(t)
	asUser(t, "-@all +ping", locked)
	lock(t, locked)
	authority, err := access.NewAuthority()
	require.NoError(t, err)
	cert, key, err := authority.Issue("redis.example.org")
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{"ca.crt": authority.PEM, "redis.crt": cert, "redis.key": key, "empty": "\n", "password": "S3cret-of-all\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	bus, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bus.Close()
	_, busPort, err := net.SplitHostPort(bus.Addr().String())
	require.NoError(t, err)
	clustered := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", busPort)
	wrong := schism.AttachLogin{Password: "S3cret-but-wrong"}
	for _, c := range []struct {
		name string
		o    schism.AttachOptions
		exit int
		says string // parts that must be there, with | between
	}{
		{"nothing", schism.AttachOptions{}, schism.ExitUsage, "-addr|-sentinel"},
		{"a URL", schism.AttachOptions{Addr: "redis://:S3cret-in-url@127.0.0.1:6379"}, schism.ExitUsage, "no URL|-password-env"},
		{"no port", schism.AttachOptions{Addr: "127.0.0.1"}, schism.ExitUsage, "HOST:PORT"},
		{"a port out of range", schism.AttachOptions{Addr: "127.0.0.1:70000"}, schism.ExitUsage, "HOST:PORT"},
		{"nobody listens", schism.AttachOptions{Addr: gone.Addr().String()}, schism.ExitError, "refuses connections|right address"},
		{"no such host", schism.AttachOptions{Addr: "redis.invalid:6379"}, schism.ExitError, "cannot be reached"},
		{"no Redis", schism.AttachOptions{Addr: noRedis(t, "SSH-2.0-OpenSSH_9.9\r\n")}, schism.ExitError, "is no Redis|give the address"},
		{"a web server", schism.AttachOptions{Addr: noRedis(t, "HTTP/1.1 400 Bad Request\r\n\r\n")}, schism.ExitError, "is no Redis"},
		{"no answer", schism.AttachOptions{Addr: noRedis(t, "")}, schism.ExitError, "does not answer within 3s"},
		{"no password", schism.AttachOptions{Addr: locked.Addr}, schism.ExitError, "asks for a password|-password-env"},
		{"a wrong password", schism.AttachOptions{Addr: locked.Addr, Login: wrong}, schism.ExitError, "does not let the default user in"},
		{"a wrong user", schism.AttachOptions{Addr: locked.Addr, Login: schism.AttachLogin{User: "nobody", Password: "S3cret-but-wrong"}}, schism.ExitError, "does not let user nobody in"},
		{"a password where none is asked for", schism.AttachOptions{Addr: master.Addr, Login: wrong}, schism.ExitError, "asks for no password|leave -password-env"},
		{"who may not ask", schism.AttachOptions{Addr: locked.Addr, Login: schism.AttachLogin{User: "watcher", Password: "S3cret-of-watcher"}}, schism.ExitError, "does not let user watcher ask for INFO|+info"},
		{"no variable", schism.AttachOptions{Addr: master.Addr, Login: schism.AttachLogin{PasswordEnv: "SCHISM_TEST_NOT_SET"}}, schism.ExitUsage, "not set"},
		{"no file", schism.AttachOptions{Addr: master.Addr, Login: schism.AttachLogin{PasswordFile: path("none")}}, schism.ExitUsage, "-password-file|no such file"},
		{"an empty file", schism.AttachOptions{Addr: master.Addr, Login: schism.AttachLogin{PasswordFile: path("empty")}}, schism.ExitUsage, "is empty"},
		{"a user without a password", schism.AttachOptions{Addr: master.Addr, Login: schism.AttachLogin{User: "me"}}, schism.ExitUsage, "-password-env"},
		{"TLS where none is spoken", schism.AttachOptions{Addr: master.Addr, Login: schism.AttachLogin{TLS: true, Insecure: true}}, schism.ExitError, "-tls"},
		{"TLS without an authority", schism.AttachOptions{Addr: "127.0.0.1:6379", Login: schism.AttachLogin{TLS: true}}, schism.ExitUsage, "-tls-ca|-tls-insecure"},
		{"an authority that is none", schism.AttachOptions{Addr: "127.0.0.1:6379", Login: schism.AttachLogin{TLS: true, CA: path("empty")}}, schism.ExitUsage, "holds no certificate"},
		{"a certificate without TLS", schism.AttachOptions{Addr: "127.0.0.1:6379", Login: schism.AttachLogin{CA: path("ca.crt")}}, schism.ExitUsage, "go with -tls"},
		{"a sentinel as a server", schism.AttachOptions{Addr: sentinel.Addr}, schism.ExitUsage, "is a sentinel|-sentinel"},
		{"a server as a sentinel", schism.AttachOptions{Sentinels: []string{master.Addr}}, schism.ExitUsage, "is no sentinel|-addr"},
		{"another master's name", schism.AttachOptions{Sentinels: []string{sentinel.Addr}, MasterName: "prod"}, schism.ExitUsage, `no master "prod"|its masters are m`},
		{"a cluster without -cluster", schism.AttachOptions{Addr: clustered.Addr}, schism.ExitUsage, "add -cluster"},
		{"-cluster without one", schism.AttachOptions{Addr: master.Addr, Cluster: true}, schism.ExitUsage, "in no Redis Cluster"},
		{"-cluster and -sentinel", schism.AttachOptions{Addr: master.Addr, Sentinels: []string{sentinel.Addr}, Cluster: true}, schism.ExitUsage, "do not go together"},
		{"a bad map", schism.AttachOptions{Addr: master.Addr, Map: []string{"10.0.0.1:6379=there"}}, schism.ExitUsage, "OLD=NEW"},
		{"a replica whose master is not reached", schism.AttachOptions{Addr: replica.Addr, Map: []string{master.Addr + "=" + gone.Addr().String()}}, schism.ExitError, "is a replica of|-map"},
		{"a bad prefix", schism.AttachOptions{Addr: master.Addr, Load: true, Prefix: "a*"}, schism.ExitUsage, "wildcards"},
		{"a promise that is none", schism.AttachOptions{Addr: master.Addr, Promises: []string{"lots=0"}}, schism.ExitUsage, "promise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := filepath.Join(t.TempDir(), "runs")
			c.o.Artifacts, c.o.For = runs, time.Second
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // within seconds: an interrupted one says something else
			defer cancel()
			out, err := schism.Attach(ctx, c.o)
			require.Error(t, err)
			require.Nil(t, out)
			require.Equal(t, c.exit, schism.ExitCode("", err), err)
			for part := range strings.SplitSeq(c.says, "|") {
				require.Contains(t, err.Error(), part)
			}
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "S3cret")
			require.NoDirExists(t, runs)
		})
	}
}

// Over TLS: what is wanted is said, and with it the setup is watched, by the name that its certificate is for.
func TestAttachOverTLS(t *testing.T) {
	authority, err := access.NewAuthority()
	require.NoError(t, err)
	other, err := access.NewAuthority()
	require.NoError(t, err)
	cert, key, err := authority.Issue("redis.example.org")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for name, text := range map[string]string{"ca.crt": authority.PEM, "other.crt": other.PEM, "redis.crt": cert, "redis.key": key} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	s := redistest.Start(t)
	set := func(name, value string) { require.NoError(t, s.Client.ConfigSet(t.Context(), name, value).Err(), name) }
	for _, name := range []string{"ca.crt", "redis.crt", "redis.key"} { // where a server in a container sees them
		b, err := os.ReadFile(path(name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, name), b, 0o644))
	}
	set("tls-ca-cert-file", filepath.Join(s.Dir, "ca.crt"))
	require.NoError(t, s.Client.Do(t.Context(), "CONFIG", "SET", "tls-cert-file", filepath.Join(s.Dir, "redis.crt"), "tls-key-file", filepath.Join(s.Dir, "redis.key")).Err())
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	free.Close()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	set("tls-port", port)
	full := schism.AttachLogin{TLS: true, CA: path("ca.crt"), Cert: path("redis.crt"), Key: path("redis.key")}
	for _, c := range []struct {
		name  string
		login func(l *schism.AttachLogin)
		says  string // empty: it is let in
	}{
		{"all of it", func(*schism.AttachLogin) {}, ""},
		{"by its name", func(l *schism.AttachLogin) { l.ServerName = "redis.example.org" }, ""},
		{"any certificate", func(l *schism.AttachLogin) { l.CA, l.Insecure = "", true }, ""},
		{"no TLS", func(l *schism.AttachLogin) { *l = schism.AttachLogin{} }, "wants TLS; add -tls"},
		{"another authority", func(l *schism.AttachLogin) { l.CA = path("other.crt") }, "not trusted"},
		{"another name", func(l *schism.AttachLogin) { l.ServerName = "other.example.org" }, "for another name"},
		{"no certificate of our own", func(l *schism.AttachLogin) { l.Cert, l.Key = "", "" }, "-tls-cert"},
	} {
		t.Run(c.name, func(t *testing.T) {
			login := full
			c.login(&login)
			out, err := schism.Attach(t.Context(), schism.AttachOptions{Addr: addr, Login: login, For: time.Second, Artifacts: t.TempDir()})
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				require.Equal(t, schism.ExitError, schism.ExitCode("", err))
				return
			}
			require.NoError(t, err)
			require.Len(t, out.Run.Nodes, 1)
			nothingLeft(t, out.Dir, "", access.KeyLines(key))
		})
	}
}
