package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitAsRedisDoes(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // nil: it cannot be taken apart
	}{
		{"port 1", []string{"port", "1"}},
		{`"port" 1`, []string{"port", "1"}},
		{`requirepass "a b"`, []string{"requirepass", "a b"}},
		{`requirepass 'a "b'`, []string{"requirepass", `a "b`}},
		{`x 'it\'s'`, []string{"x", "it's"}},
		{`x "\x41\n\t\"\\\q"`, []string{"x", "A\n\t\"\\q"}},
		{`save ""`, []string{"save", ""}},
		{`x "a"b`, nil},
		{`x "a`, nil},
		{`x 'a`, nil},
		{"  x \t y ", []string{"x", "y"}},
		{`logfile a#b`, []string{"logfile", "a#b"}},
		{`x a"b c"`, []string{"x", "ab c"}},
	} {
		got, ok := Split(c.line)
		require.Equal(t, c.want != nil, ok, c.line)
		require.Equal(t, c.want, got, c.line)
		if ok {
			again, ok := Split(Join(got...))
			require.True(t, ok)
			require.Equal(t, got, again)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b\x00" 'c'`)
	f.Fuzz(func(t *testing.T, line string) {
		args, ok := Split(line)
		if !ok || len(args) == 0 {
			return
		}
		again, ok := Split(Join(args...))
		require.True(t, ok)
		require.Equal(t, args, again)
	})
}

// write makes files in a folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func texts(lines []Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestReadIncludes(t *testing.T) {
	dir := write(t, map[string]string{
		"redis.conf":       "# a comment\r\nMaxMemory 1mb\r\n\n  include conf.d/*.conf\ninclude sub/one.conf\ninclude nothing-*.conf\ntimeout 5",
		"conf.d/20.conf":   "hz 20",
		"conf.d/10.conf":   "hz 10",
		"sub/one.conf":     "include two.conf",
		"sub/two.conf":     "databases 3",
		"loop.conf":        "include loop2.conf\nhz 1",
		"loop2.conf":       "include ./loop.conf",
		"bad.conf":         "include gone.conf\nappendonly\nrequirepass \"sec\nsave\x01 1\nhz 10",
		"conf.d/notes.txt": "hz 99",
	})
	lines, mistakes := Read(filepath.Join(dir, "redis.conf"))
	require.NoError(t, mistakes.Err())
	require.Equal(t, []string{"MaxMemory 1mb", "hz 10", "hz 20", "databases 3", "timeout 5"}, texts(lines))
	require.Equal(t, "maxmemory", lines[0].Name)
	require.Equal(t, "redis.conf:2", lines[0].Where())

	_, mistakes = Read(filepath.Join(dir, "loop.conf"))
	require.EqualError(t, mistakes.Err(), "loop2.conf:1: include: ./loop.conf cannot be read: it includes itself")

	lines, mistakes = Read(filepath.Join(dir, "bad.conf"))
	require.Equal(t, []string{"hz 10"}, texts(lines))
	require.EqualError(t, mistakes.Err(), `the config has 4 mistakes:
  bad.conf:1: include: gone.conf cannot be read: no such file or directory
  bad.conf:2: appendonly: it has no value
  bad.conf:3: requirepass: its quotes are not balanced
  bad.conf:4: save?: a config line holds one directive, without line breaks or control characters`)

	_, mistakes = Read(dir)
	require.ErrorContains(t, mistakes.Err(), "it is no regular file")
	_, mistakes = Read(filepath.Join(dir, "none"))
	require.EqualError(t, mistakes.Err(), "none: the file cannot be read: no such file or directory")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("include *\nrequirepass \"x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "redis.conf")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		lines, _ := Read(path)
		_ = Sort(lines, Context{Server: "redis:7.0", Replicas: true, Sentinels: true, Dir: "/schism"})
	})
}

func sortText(t *testing.T, text string, c Context) Sorted {
	t.Helper()
	dir := write(t, map[string]string{"redis.conf": text})
	lines, mistakes := Read(filepath.Join(dir, "redis.conf"))
	require.NoError(t, mistakes.Err())
	c.Dir = "/schism"
	return Sort(lines, c)
}

func TestSortServerLines(t *testing.T) {
	seven := Context{Server: "redis:7.0", Replicas: true, Topology: "replicas"}
	watched := Context{Server: "redis:7.0", Replicas: true, Sentinels: true, Topology: "sentinel"}
	shards := Context{Server: "redis:7.0", Replicas: true, Cluster: true, Topology: "cluster"}
	for _, c := range []struct {
		name, text string
		in         Context
		kept       []string
		replaced   []string
		mistakes   string // part of the message; empty: none
	}{
		{"what equals ours is silent", "port 6379\ndaemonize no\nlogfile \"\"\ndir ./\nsupervised no\nbind * -::*\nprotected-mode no", seven, []string{"protected-mode no"}, nil, ""},
		{"what must be ours", "\"port\" 1\nbind 127.0.0.1 ::1\ndaemonize yes\npidfile /run/r.pid\nSLAVEOF 10.0.0.1 6379\ndir /var/lib/redis\nlogfile /var/log/r.log\nsupervised systemd", seven, nil,
			[]string{`"port" 1`, "bind 127.0.0.1 ::1", "daemonize yes", "pidfile /run/r.pid", "SLAVEOF 10.0.0.1 6379", "dir /var/lib/redis", "logfile /var/log/r.log", "supervised systemd"}, ""},
		{"what is kept", "maxmemory 10mb\nmaxmemory-policy allkeys-lru\nio-threads 2\nsave \"\"\nunixsocket /run/redis/r.sock", seven,
			[]string{"maxmemory 10mb", "maxmemory-policy allkeys-lru", "io-threads 2", `save ""`, "unixsocket /run/redis/r.sock"}, nil, ""},
		{"protected mode with a password", "requirepass abc\nprotected-mode yes", seven, []string{"requirepass abc", "protected-mode yes"}, nil, ""},
		{"protected mode with a user's password", "user default on >abc ~* +@all\nprotected-mode yes", seven, []string{"user default on >abc ~* +@all", "protected-mode yes"}, nil, ""},
		{"protected mode without", "protected-mode yes", seven, nil, []string{"protected-mode yes"}, ""},
		{"protected mode with an open user", "user default on nopass ~* +@all\nprotected-mode yes", seven, []string{"user default on nopass ~* +@all"}, []string{"protected-mode yes"}, ""},
		{"cluster", "cluster-enabled yes", watched, nil, nil, "redis.conf:1: cluster-enabled: this run's topology is sentinel; name a Cluster with -topology cluster"},
		{"a Cluster's", "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-require-full-coverage no\ncluster-replica-validity-factor 0\ncluster-node-timeout 5000", shards,
			[]string{"cluster-require-full-coverage no", "cluster-replica-validity-factor 0"}, nil, ""},
		{"of another Cluster", "cluster-config-file nodes-7000.conf\ncluster-announce-ip 10.0.0.1\ncluster-announce-bus-port 1\ncluster-port 7001\ncluster-preferred-endpoint-type hostname", shards, nil,
			[]string{"cluster-config-file nodes-7000.conf", "cluster-announce-ip 10.0.0.1", "cluster-announce-bus-port 1", "cluster-port 7001", "cluster-preferred-endpoint-type hostname"}, ""},
		{"no Cluster where one is", "cluster-enabled no", shards, nil, []string{"cluster-enabled no"}, ""},
		{"a Cluster's lines elsewhere", "cluster-node-timeout 5000\ncluster-config-file nodes-7000.conf", seven, []string{"cluster-node-timeout 5000", "cluster-config-file nodes-7000.conf"}, nil, ""},
		{"no time", "cluster-node-timeout soon", shards, nil, nil, "redis.conf:1: cluster-node-timeout: it is a number of milliseconds from 1"},
		{"a bus in the clear", "tls-port 6379\ntls-cluster no", shards, []string{"tls-port 6379"}, []string{"tls-cluster no"}, ""},
		{"no cluster", "cluster-enabled no", seven, nil, nil, ""},
		{"a module", "loadmodule /usr/lib/x.so", seven, nil, nil, "the image of redis:7.0 does not hold /usr/lib/x.so; name an image that does with -image"},
		{"a module of an own image", "loadmodule /usr/lib/x.so", Context{}, []string{"loadmodule /usr/lib/x.so"}, nil, ""},
		{"of a later version", "enable-debug-command yes", Context{Server: "redis:6.0"}, nil, nil, "redis:6.0 does not know it; redis:7.0, redis:8.0, valkey:8.1 do"},
		{"of an earlier version", "gopher-enabled no", seven, nil, nil, "redis:7.0 does not know it; redis:6.0 does"},
		{"a slip", "maxmemori 1mb", seven, nil, nil, "did you mean maxmemory?"},
		{"nobody knows it", "search-threads 3", seven, []string{"search-threads 3"}, nil, ""},
		{"an unknown server", "whatever-it-is 1", Context{}, []string{"whatever-it-is 1"}, nil, ""},
		{"yes or no", "appendonly maybe", seven, nil, nil, "it is either yes or no"},
		{"a sentinel's file", "sentinel monitor m 1.2.3.4 1 1", seven, nil, nil, "give that file with -sentinel-config"},
		{"a sentinel's whole file", "sentinel monitor m 1.2.3.4 1 1\nsentinel parallel-syncs m 1\nhz 5", seven, nil, nil, "redis.conf:1: sentinel: it is a sentinel's, and so is one line more; give"},
		{"rules of later versions", "user a on >x ~* &* +@all", Context{Server: "redis:6.0"}, nil, nil, "redis:6.0 does not know the rule &*"},
		{"rules of this version", "user a on >x ~* &* +@all", seven, []string{"user a on >x ~* &* +@all"}, nil, ""},
		{"users twice", "user a on nopass\naclfile none.acl", seven, nil, nil, "the server refuses users in its config beside an aclfile (redis.conf:2)"},
		{"masterauth alone", "masterauth abc", seven, nil, nil, "a master that asks for no password"},
		{"masterauth alone, no replicas", "masterauth abc", Context{Server: "redis:7.0"}, []string{"masterauth abc"}, nil, ""},
		{"masterauth of another", "masterauth abc\nrequirepass def", seven, nil, nil, "it is not what requirepass (redis.conf:2) sets"},
		{"masterauth", "masterauth abc\nrequirepass abc", seven, []string{"masterauth abc", "requirepass abc"}, nil, ""},
		{"our user", "user schism-agent on nopass", seven, nil, nil, "a user of this name is made for the run"},
		{"renamed", "rename-command CONFIG abc\nrename-command FLUSHALL \"\"", watched, []string{"rename-command CONFIG abc", `rename-command FLUSHALL ""`}, nil, ""},
		{"disabled under sentinel", "rename-command CONFIG \"\"\nrename-command slaveof \"\"", watched, nil, nil, "SLAVEOF: sentinels fail over with it"},
		{"disabled without", "rename-command CONFIG \"\"", seven, []string{`rename-command CONFIG ""`}, nil, ""},
		{"replication", "rename-command PING pong", seven, nil, nil, "PING: replicas say it to their master by this name"},
		{"how far replicas are", "rename-command REPLCONF \"\"", seven, nil, nil, "on which port they answer"},
		{"partial resync", "rename-command psync x", seven, nil, nil, "PSYNC: replicas ask their master"},
		{"replication without replicas", "rename-command PING pong", Context{}, []string{"rename-command PING pong"}, nil, ""},
		{"of the clients", "rename-command GET abc", Context{Clients: []string{"GET"}}, nil, nil, "GET: the clients of this workload issue it by this name"},
		{"tls port", "tls-port 7443\nport 0\ntls-replication no", seven, []string{"tls-port 6379"}, []string{"tls-port 7443", "tls-replication no"}, ""},
		{"certificates that are elsewhere", "tls-port 6379\ntls-cert-file /nowhere/a.crt\ntls-key-file /nowhere/a.key", seven, []string{"tls-port 6379"},
			[]string{"tls-cert-file /nowhere/a.crt", "tls-key-file /nowhere/a.key"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sortText(t, c.text, c.in)
			var replaced []string
			for _, r := range s.Replaced {
				replaced = append(replaced, r.Line)
				require.NotEmpty(t, r.Why)
				require.True(t, strings.HasPrefix(r.Where, "redis.conf:"))
			}
			if c.mistakes != "" {
				require.ErrorContains(t, s.Mistakes.Err(), c.mistakes)
				return
			}
			require.NoError(t, s.Mistakes.Err())
			require.Equal(t, c.kept, texts(s.Kept))
			require.Equal(t, c.replaced, replaced)
		})
	}
}

func TestNodeTimeout(t *testing.T) {
	require.EqualValues(t, 5000, sortText(t, "cluster-node-timeout 5000", Context{Cluster: true}).NodeTimeoutMS)
	part := sortText(t, "cluster-node-timeout 5000", Context{Cluster: true, Part: true}) // of one node: it is a line of that one
	require.Zero(t, part.NodeTimeoutMS)
	require.Equal(t, []string{"cluster-node-timeout 5000"}, texts(part.Kept))
}

func TestSortSentinelLines(t *testing.T) {
	s := sortText(t, `port 26379
sentinel monitor prod 10.0.0.1 6379 3
sentinel monitor other 10.0.0.9 6379 2
sentinel down-after-milliseconds prod 4000
sentinel down-after-milliseconds other 1
sentinel failover-timeout prod 9000
sentinel parallel-syncs prod 2
sentinel auth-pass prod "the secret"
sentinel rename-command prod CONFIG abc
sentinel myid 0123
sentinel known-replica prod 10.0.0.2 6379
sentinel current-epoch 5
sentinel deny-scripts-reconfig yes
sentinel announce-ip 1.2.3.4`, Context{Server: "redis:7.0", SentinelFile: true, Sentinels: true})
	require.NoError(t, s.Mistakes.Err())
	require.Equal(t, Monitor{Name: "prod", Quorum: 3, DownAfterMS: 4000, FailoverTimeMS: 9000, ParallelSyncs: 2}, s.Monitor)
	require.Equal(t, []string{`sentinel auth-pass mymaster "the secret"`, "sentinel rename-command mymaster CONFIG abc", "sentinel deny-scripts-reconfig yes"}, texts(s.Kept))
	require.Len(t, s.Replaced, 7)

	s = sortText(t, "sentinel monitor m 1.2.3.4 6379 none\nsentinel down-after-milliseconds x 1\nsentinel auth-pass m\nsentinel client-reconfig-script m /x.sh",
		Context{Server: "redis:7.0", SentinelFile: true, Sentinels: true})
	require.Len(t, s.Mistakes, 3)
	s = sortText(t, "sentinel auth-pass m abc", Context{Server: "redis:7.0", SentinelFile: true})
	require.ErrorContains(t, s.Mistakes.Err(), "no line before names a master to watch")
}

func TestSortTakesFilesAlong(t *testing.T) {
	dir := write(t, map[string]string{"redis.conf": "aclfile users.acl\ntls-port 6379\ntls-cert-file a.crt\ntls-key-file a.key\ntls-ca-cert-file ca.crt\nprotected-mode yes",
		"users.acl": "user default off\nuser app on >pw ~* +@all\n", "a.crt": "cert", "a.key": "key", "ca.crt": "ca"})
	lines, _ := Read(filepath.Join(dir, "redis.conf"))
	s := Sort(lines, Context{Server: "redis:7.0", Dir: "/schism"})
	require.NoError(t, s.Mistakes.Err())
	require.Equal(t, map[string]string{"/schism/users.acl": "user default off\nuser app on >pw ~* +@all\n", "/schism/tls/tls-cert-file.pem": "cert",
		"/schism/tls/tls-key-file.pem": "key", "/schism/tls/tls-ca-cert-file.pem": "ca"}, s.Files)
	require.Contains(t, texts(s.Kept), "aclfile /schism/users.acl")
	require.Contains(t, texts(s.Kept), "protected-mode yes", "the default user is off")

	lines, _ = Read(filepath.Join(write(t, map[string]string{"redis.conf": "aclfile users.acl\ntls-cert-file a.crt\nx 1", "a.crt": ""}), "redis.conf"))
	s = Sort(lines, Context{Server: "redis:7.0", Dir: "/schism"})
	require.Len(t, s.Mistakes, 2)
	require.ErrorContains(t, s.Mistakes, "users.acl cannot be read: no such file or directory")
	require.ErrorContains(t, s.Mistakes, "tls-key-file is missing")
}

func TestBeat(t *testing.T) {
	parse := func(ls ...string) (out []Line) {
		for _, s := range ls {
			l, _ := ParseLine(s)
			out = append(out, l)
		}
		return out
	}
	got := Beat(parse("save 1 2", "slave-priority 5", "client-output-buffer-limit replica 1 2 3", "client-output-buffer-limit normal 1 2 3", "hz 3", "user a on", "user b on"),
		parse("save 9 9", "replica-priority 0", "client-output-buffer-limit slave 4 5 6", "user a off"))
	require.Equal(t, []string{"client-output-buffer-limit normal 1 2 3", "hz 3", "user b on", "save 9 9", "replica-priority 0", "client-output-buffer-limit slave 4 5 6", "user a off"}, texts(got))
}

func TestSecrets(t *testing.T) {
	lines := []string{"maxmemory 1mb", `requirepass "se cret\"1"`, "masterauth plain-secret", "user app on >user-secret #abcdef0123 ~* +@all", `sentinel auth-pass m sentinel-secret`,
		"sentinel sentinel-pass peer-secret", `tls-key-file-pass 'key secret'`}
	masked := strings.Join(MaskLines(lines), "\n")
	require.Equal(t, `maxmemory 1mb
requirepass ***
masterauth ***
user app on >*** #*** ~* +@all
sentinel auth-pass m ***
sentinel sentinel-pass ***
tls-key-file-pass ***`, masked)
	m := NewMasker(Secrets(lines))
	require.Equal(t, masked, strings.NewReplacer(`"***"`, "***", `'***'`, "***").Replace(m.Text(strings.Join(lines, "\n"))))
	for _, l := range []string{"requirepas abc", "masteraut abc", "my-password abc", "sentinel auth-passs m abc"} {
		require.NotContains(t, MaskLine(l), "abc", "a server prints the line that it does not know")
		require.Contains(t, Secrets([]string{l}), "abc")
	}
	require.Equal(t, "tls-auth-clients yes", MaskLine("tls-auth-clients yes"))
	require.Equal(t, `requirepass ***`, MaskLine(`requirepass "open`), "what cannot be taken apart goes whole")
	require.Equal(t, `user ***`, MaskLine(`user a on >"open`))
}

func TestMaskShortSecretsAsWords(t *testing.T) {
	m := NewMasker([]string{"a1", ""})
	require.Equal(t, "path a12 is '***'; ba1 *** ***", m.Text("path a12 is 'a1'; ba1 a1 a1"))
	require.True(t, NewMasker(nil).Empty())
}

func TestStreamMasksOverPieces(t *testing.T) {
	s := NewMasker([]string{"topsecret"}).Stream()
	var got strings.Builder
	for _, p := range []string{"line tops", "ecret end\nnext top", "secret", "\nlast topsec", "ret"} {
		got.Write(s.Take([]byte(p)))
		require.NotContains(t, got.String(), "tops")
	}
	got.Write(s.Rest())
	require.Equal(t, "line *** end\nnext ***\nlast ***", got.String())
	require.Equal(t, "x", string(NewMasker(nil).Stream().Take([]byte("x"))))
}

// One node's line goes with those of all nodes, which are sorted elsewhere.
func TestOneNodesLinesAreAPart(t *testing.T) {
	l, why := ParseLine("masterauth secret")
	require.Empty(t, why)
	require.NotEmpty(t, Sort([]Line{l}, Context{Replicas: true}).Mistakes, "nothing asks for a password")
	require.Empty(t, Sort([]Line{l}, Context{Replicas: true, Part: true}).Mistakes)
}

func TestLogins(t *testing.T) {
	servers, sentinels := Logins([]string{"sentinel monitor m 1.2.3.4 6379 2", `sentinel auth-pass m "a b"`, "sentinel auth-user m app"})
	require.Equal(t, &Login{User: "app", Password: "a b", Line: "sentinel auth-pass m ***"}, servers)
	require.Nil(t, sentinels)
	servers, sentinels = Logins([]string{"requirepass x", "sentinel sentinel-pass abc"})
	require.Nil(t, servers)
	require.Equal(t, &Login{Password: "abc", Line: "sentinel sentinel-pass ***"}, sentinels)
}
