package topology

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/schismtest/schism/conf"
)

var (
	six   = Version{Product: "Redis", Text: "6.0.16", Major: 6, Minor: 0}
	seven = Version{Product: "Redis", Text: "7.0.15", Major: 7, Minor: 0}
)

func TestNobodyLogsInWhereNobodyIsAsked(t *testing.T) {
	d, err := Spec{Kind: KindSentinel, Config: []string{"maxmemory 1mb"}}.doors(seven)
	require.NoError(t, err)
	require.Empty(t, d.lines)
	require.Empty(t, d.sentinelLines)
	require.Empty(t, d.secrets)
	require.Empty(t, d.server.Password)
	require.Nil(t, d.server.TLS)
}

// with finds the line that begins so.
func with(lines []string, prefix string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
	if i < 0 {
		return ""
	}
	return lines[i]
}

func TestEveryoneGetsALogin(t *testing.T) {
	for _, c := range []struct {
		name    string
		spec    Spec
		v       Version
		server  []string // beginnings of lines that are added to a server's config
		none    []string // beginnings of lines that are not
		toWatch []string // the same, to a sentinel's
		file    string   // what the ACL file ends with
	}{
		{"a password", Spec{Kind: KindSentinel, Config: []string{"requirepass abcdefg"}}, seven, []string{"user schism-agent on #", "masteruser schism-agent", "masterauth "}, nil,
			[]string{"sentinel auth-user mymaster schism-agent", "sentinel auth-pass mymaster "}, ""},
		{"replicas have one", Spec{Kind: KindReplicas, Config: []string{"requirepass abcdefg", "masterauth abcdefg"}}, seven, []string{"user schism-agent"}, []string{"masterauth", "masteruser"}, nil, ""},
		{"by its other name", Spec{Kind: KindReplicas, Config: []string{"requirepass abcdefg", "primaryauth abcdefg"}}, seven, []string{"user schism-agent"}, []string{"masterauth", "masteruser"}, nil, ""},
		{"sentinels have one", Spec{Kind: KindSentinel, Config: []string{"user a on nopass"}, SentinelConfig: []string{"sentinel auth-pass mymaster x"}}, seven,
			[]string{"user schism-agent"}, nil, nil, ""},
		{"users in a file", Spec{Config: []string{"aclfile /schism/users.acl"}, Files: map[string]string{"/schism/users.acl": "user default off"}}, seven, nil, []string{"user"}, nil, "\nuser schism-agent on #"},
		{"sentinels that ask", Spec{Kind: KindSentinel, SentinelConfig: []string{"requirepass abcdefg"}}, seven, nil, []string{"user"},
			[]string{"user schism-agent on #", "sentinel sentinel-user schism-agent", "sentinel sentinel-pass "}, ""},
		{"a renamed command", Spec{Kind: KindSentinel, Config: []string{"rename-command CONFIG abc", `rename-command KEYS ""`}}, seven, nil, nil, []string{"sentinel rename-command mymaster CONFIG abc"}, ""},
		{"TLS", Spec{Kind: KindSentinel, Config: []string{"tls-port 6379"}}, seven, []string{"port 0", "tls-replication yes", "tls-cert-file /schism/tls/", "tls-key-file ", "tls-ca-cert-file "}, nil,
			[]string{"port 0", "tls-port 26379", "tls-replication yes", "tls-cert-file /schism/tls/"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := c.spec.doors(c.v)
			require.NoError(t, err)
			for _, p := range c.server {
				require.NotEmpty(t, with(d.lines, p), "%s in %q", p, d.lines)
			}
			for _, p := range c.none {
				require.Empty(t, with(d.lines, p))
			}
			for _, p := range c.toWatch {
				require.NotEmpty(t, with(d.sentinelLines, p), "%s in %q", p, d.sentinelLines)
			}
			if c.toWatch == nil {
				require.Empty(t, d.sentinelLines)
			}
			if c.file != "" {
				require.Contains(t, d.files["/schism/users.acl"], c.file)
				require.NotContains(t, c.spec.Files["/schism/users.acl"], c.file, "the spec stays as it is")
			}
			m := conf.NewMasker(d.secrets)
			for _, l := range slices.Concat(d.lines, d.sentinelLines) {
				if pw := d.server.Password; pw != "" {
					require.NotContains(t, m.Text(l), pw)
				}
				require.NotContains(t, m.Text(l), "abcdefg")
			}
		})
	}
}

func TestUserOfTheVersion(t *testing.T) {
	d, err := Spec{Config: []string{"requirepass abcdefg"}}.doors(six)
	require.NoError(t, err)
	require.NotContains(t, with(d.lines, "user"), "&*", "6.0 knows no channels")
	d, err = Spec{Config: []string{"requirepass abcdefg"}}.doors(seven)
	require.NoError(t, err)
	require.Contains(t, with(d.lines, "user"), "&*")
	_, err = Spec{Config: []string{"requirepass abcdefg"}}.doors(Version{Product: "Redis", Text: "5.0.1", Major: 5})
	require.ErrorContains(t, err, "knows no users")
	d, err = Spec{Kind: KindSentinel, SentinelConfig: []string{"requirepass abcdefg"}}.doors(six)
	require.NoError(t, err)
	require.Equal(t, "abcdefg", d.sentinel.Password, "a sentinel of 6.0 has no users")
	require.Empty(t, d.sentinel.User)
	_, err = Spec{Kind: KindSentinel, SentinelConfig: []string{"user a on nopass"}}.doors(six)
	require.ErrorContains(t, err, "know no users")
	_, err = Spec{Kind: KindSentinel, SentinelConfig: []string{"tls-port 1"}}.doors(seven)
	require.ErrorContains(t, err, "the servers do not")
}

// With the user's certificates the run's authority is one more that servers trust, and clients trust only the user's.
func TestUsersCertificates(t *testing.T) {
	spec := Spec{Kind: KindSentinel, Config: []string{"tls-port 6379", "tls-cert-file /schism/tls/a.pem", "tls-key-file /schism/tls/k.pem", "tls-ca-cert-file /schism/tls/ca.pem", "tls-key-file-pass phrase1"},
		Files: map[string]string{"/schism/tls/a.pem": "CERT", "/schism/tls/k.pem": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----", "/schism/tls/ca.pem": "OWN CA"}}
	d, err := spec.doors(seven)
	require.NoError(t, err)
	require.Equal(t, "OWN CA", d.server.TLS.CA)
	require.True(t, strings.HasPrefix(d.files["/schism/tls/ca.pem"], "OWN CA\n-----BEGIN CERTIFICATE"))
	require.Equal(t, "OWN CA", spec.Files["/schism/tls/ca.pem"])
	require.NotEmpty(t, with(d.sentinelLines, "tls-cert-file /schism/tls/a.pem"))
	require.NotEmpty(t, with(d.sentinelLines, "tls-key-file-pass phrase1"))
	require.Equal(t, "CERT", d.sentinelFiles["/schism/tls/a.pem"])
	require.Contains(t, d.secrets, "MIGHAgEAMBMGByqGSM49AgEG")
	require.Contains(t, d.secrets, "phrase1")
}

func TestReplicasOwnLogin(t *testing.T) {
	d, err := Spec{Kind: KindReplicas, Config: []string{"requirepass abcdefg"}}.doors(seven)
	require.NoError(t, err)
	require.NotEmpty(t, with(d.serverLines(nil), "masterauth"))
	own := d.serverLines([]string{"masterauth abcdefg"})
	require.Empty(t, with(own, "masterauth"))
	require.Empty(t, with(own, "masteruser"))
	require.NotEmpty(t, with(own, "user schism-agent"))
	require.NotEmpty(t, with(d.serverLines(nil), "masterauth"), "others are as before")
}

func TestRenamesForTheAgent(t *testing.T) {
	for lines, want := range map[string]string{
		`rename-command REPLICAOF ""`:                                   "SLAVEOF",
		"rename-command REPLICAOF \"\"\nrename-command slaveof follows": "follows",
		"rename-command REPLICAOF follows":                              "follows",
	} {
		d, err := Spec{Kind: KindReplicas, Config: strings.Split(lines, "\n")}.doors(seven)
		require.NoError(t, err)
		require.Equal(t, want, d.server.Rename("replicaof"), lines)
	}
}

func TestASpecThatIsWrittenDownHoldsNoSecret(t *testing.T) {
	b, err := json.Marshal(Spec{Config: []string{"requirepass sesame-1"}, SentinelConfig: []string{"sentinel auth-pass m sesame-2"},
		NodeConfig: map[string][]string{"n1": {"masterauth sesame-3"}}, Files: map[string]string{"x": "sesame-4"}, SentinelFiles: map[string]string{"x": "sesame-5"}})
	require.NoError(t, err)
	require.NotContains(t, string(b), "sesame")
	var back Spec
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, []string{"requirepass ***"}, back.Config)
	_, err = json.Marshal(Sentinel{}.Spec())
	require.NoError(t, err)
}

func TestWhatServersSayOfTheirConfig(t *testing.T) {
	for _, c := range []struct{ log, line, complaint string }{
		{"*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 8\n>>> 'appendonly maybe'\nargument must be 'yes' or 'no'", "appendonly maybe", "argument must be"},
		{"7:M 1 Jan # Unresolved Configuration(s) Detected:\n7:M 1 Jan # >>> 'vm-enabled 1'\n7:M 1 Jan # Module Configuration detected without loadmodule directive", "vm-enabled 1", "does not know"},
		{"1:C 1 Jan # Aborting Redis startup because of ACL errors: /schism/users.acl:2: Syntax error.", "", "ACL errors"},
		{"1:M 1 Jan # Error loading ACL rule '+@nonsense' for the user named 'a': Unknown command or category name in ACL\n1:M 1 Jan # Critical error while loading ACLs. Exiting.", "", "+@nonsense"},
		{"1:M 1 Jan # Failed to configure TLS. Check logs for more info.", "", "Failed to configure TLS"},
		{"1:M 1 Jan * Ready to accept connections", "", ""},
	} {
		err := fatalConfig("n1", c.log)
		if c.complaint == "" {
			require.NoError(t, err)
			continue
		}
		var ce *ConfigError
		require.ErrorAs(t, err, &ce, c.log)
		require.Equal(t, c.line, ce.Line)
		require.Contains(t, ce.Complaint, c.complaint)
	}
	require.NoError(t, notLetIn("n2", "2:S * MASTER <-> REPLICA sync started"))
	require.ErrorContains(t, notLetIn("n2", "2:S 1 Jan # Unable to AUTH to MASTER: -WRONGPASS invalid username-password pair"), "WRONGPASS")
}

func TestConfigOfOneNode(t *testing.T) {
	for line, want := range map[string]string{"requirepass x": "holds for all nodes", "tls-port 1": "holds for all nodes", "masterauth x": "", "replica-priority 0": "", `"port" 1`: "port cannot be set"} {
		err := Spec{Kind: KindReplicas, NodeConfig: map[string][]string{"n2": {line}}}.Validate()
		if want == "" {
			require.NoError(t, err, line)
			continue
		}
		require.ErrorContains(t, err, want, line)
		require.NotContains(t, fmt.Sprint(err), "requirepass x")
	}
	require.ErrorContains(t, Spec{Config: []string{"aclfile /x"}}.Validate(), "not in the container")
	require.ErrorContains(t, Spec{SentinelConfig: []string{"loglevel debug"}}.Validate(), "kind standalone has none")
}
