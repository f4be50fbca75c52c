package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/schismtest/schism/conf"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// doors are how everybody gets in at the servers and sentinels of a deployment: what the user's config asks for, and what is added to it
// so that agents, replicas and sentinels get in.
type doors struct {
	server, sentinel access.Access // the agents'
	// lines and files are added to the config of every server, and of every sentinel.
	lines, sentinelLines []string
	files, sentinelFiles map[string]string
	folders              []string
	secrets              []string
	facts                []history.KV
}

const tlsDir = confDir + "/tls/"

// settings are the last values of directives, and whether there are users.
type settings struct {
	last  map[string]conf.Line
	users bool
}

func readSettings(lines []string) settings {
	s := settings{last: map[string]conf.Line{}}
	for _, text := range lines {
		l, why := conf.ParseLine(text)
		if why != "" || l.Name == "" {
			continue
		}
		s.last[l.Name] = l
		s.users = s.users || l.Name == "user"
	}
	return s
}

// value is a directive's first value; empty when it is not set.
func (s settings) value(names ...string) string {
	for _, n := range names {
		if l, ok := s.last[n]; ok && len(l.Args) > 0 {
			return l.Args[0]
		}
	}
	return ""
}

// asks tells whether the server asks who one is.
func (s settings) asks() bool {
	return s.users || s.value("requirepass") != "" || s.value("aclfile") != ""
}

func (s settings) tls() bool { return s.value("tls-port") != "" && s.value("tls-port") != "0" }

// AsksLogin tells whether the config has the servers ask who one is.
func (s Spec) AsksLogin() bool { return readSettings(s.Config).asks() }

// doors opens them. A password is drawn, and where needed certificates are made, each time it is called.
func (s Spec) doors(v Version) (*doors, error) {
	server, sentinel := readSettings(s.Config), readSettings(s.SentinelConfig)
	d := &doors{files: maps.Clone(s.Files), sentinelFiles: maps.Clone(s.SentinelFiles)}
	if d.files == nil {
		d.files = map[string]string{}
	}
	if d.sentinelFiles == nil {
		d.sentinelFiles = map[string]string{}
	}
	if err := d.logins(s, v, server, sentinel); err != nil {
		return nil, err
	}
	if err := d.overTLS(s, server, sentinel); err != nil {
		return nil, err
	}
	d.renames(s)
	if p := server.value("unixsocket"); path.IsAbs(p) {
		d.folders = append(d.folders, path.Dir(p))
	}
	d.collect(s)
	return d, nil
}

// serverLines are what is added for one server. One that has a login at its master of its own keeps it.
func (d *doors) serverLines(own []string) []string {
	s := readSettings(own)
	if s.value("masterauth", "primaryauth", "masteruser", "primaryuser") == "" {
		return d.lines
	}
	return slices.DeleteFunc(slices.Clone(d.lines), func(l string) bool {
		name := directive(l)
		return name == "masterauth" || name == "masteruser"
	})
}

// userRule lets the agent do everything. Of its password only the hash stands in the config.
func userRule(v Version, password string) string {
	sum := sha256.Sum256([]byte(password))
	channels := ""
	if v.AtLeast(6, 2) {
		channels = " &*"
	}
	return fmt.Sprintf("user %s on #%s ~*%s +@all", conf.AgentUser, hex.EncodeToString(sum[:]), channels)
}

func (d *doors) logins(s Spec, v Version, server, sentinel settings) error {
	password := access.NewPassword()
	if server.asks() {
		if !v.AtLeast(6, 0) {
			return &ConfigError{Complaint: v.String() + " knows no users, so the agent cannot have one of its own"}
		}
		d.server = access.Access{User: conf.AgentUser, Password: password}
		d.lines = addUser(userRule(v, password), server, d.lines, d.files)
		who := "masteruser of the config"
		switch {
		case server.value("masterauth", "primaryauth") == "":
			d.lines = append(d.lines, "masteruser "+conf.AgentUser, "masterauth "+password)
			who = "the agent's user"
		case server.value("masteruser", "primaryuser") == "":
			who = "masterauth of the config"
		}
		d.fact("agents log in as", conf.AgentUser+", made for this run")
		if s.Kind != KindStandalone {
			d.fact("replicas log in as", who)
		}
		if s.Kind == KindSentinel {
			d.sentinelAtServers(s, password)
		}
	}
	if !sentinel.asks() {
		return nil
	}
	if !v.AtLeast(6, 2) {
		if sentinel.users || sentinel.value("aclfile") != "" {
			return &ConfigError{Complaint: "the sentinels of " + v.String() + " know no users"}
		}
		d.sentinel = access.Access{Password: sentinel.value("requirepass")}
		return nil
	}
	d.sentinel = access.Access{User: conf.AgentUser, Password: password}
	d.sentinelLines = addUser(userRule(v, password), sentinel, d.sentinelLines, d.sentinelFiles)
	if _, own := conf.Logins(s.SentinelConfig); own == nil {
		d.sentinelLines = append(d.sentinelLines, "sentinel sentinel-user "+conf.AgentUser, "sentinel sentinel-pass "+password)
	}
	return nil
}

// sentinelAtServers gives the sentinels a login where their own config has none.
func (d *doors) sentinelAtServers(s Spec, password string) {
	if own, _ := conf.Logins(s.SentinelConfig); own != nil {
		d.fact("sentinels log in as", "auth-user and auth-pass of their config")
		return
	}
	d.sentinelLines = append(d.sentinelLines, fmt.Sprintf("sentinel auth-user %s %s", MasterName, conf.AgentUser),
		fmt.Sprintf("sentinel auth-pass %s %s", MasterName, password))
	d.fact("sentinels log in as", "the agent's user")
}

// addUser puts a user where the setup keeps its users: the server refuses to have some in a file and some in its config.
func addUser(rule string, s settings, lines []string, files map[string]string) []string {
	if file := s.value("aclfile"); file != "" {
		files[file] = strings.TrimRight(files[file], "\n") + "\n" + rule + "\n"
		return lines
	}
	return append(lines, rule)
}

func (d *doors) fact(k, v string) { d.facts = append(d.facts, history.KV{K: k, V: v}) }

// overTLS has everybody speak TLS where the servers do. Servers show the user's certificates, or the run's; clients always show the run's,
// whose authority is added to those that the servers trust.
func (d *doors) overTLS(s Spec, server, sentinel settings) error {
	if !server.tls() {
		if sentinel.tls() {
			return &ConfigError{Line: "tls-port", Complaint: "the sentinels speak TLS and the servers do not; give the servers a tls-port too"}
		}
		return nil
	}
	authority, err := access.NewAuthority()
	if err != nil {
		return err
	}
	cert, key, err := authority.Issue("schism client")
	if err != nil {
		return err
	}
	trust, lines, err := certificates(authority, server, d.files)
	if err != nil {
		return err
	}
	d.lines = append(d.lines, append(lines, "port 0")...)
	if server.value("tls-replication") != "yes" {
		d.lines = append(d.lines, "tls-replication yes")
	}
	if s.Kind == KindCluster && server.value("tls-cluster") != "yes" {
		d.lines = append(d.lines, "tls-cluster yes")
	}
	d.server.TLS = &access.TLS{CA: trust, Cert: cert, Key: key}
	whose := "of the config"
	if server.value("tls-cert-file") == "" {
		whose = "made for this run"
	}
	d.fact("TLS", "all links, with certificates "+whose)
	if s.Kind != KindSentinel {
		return nil
	}
	return d.sentinelTLS(s, authority, server, sentinel, trust)
}

// sentinelTLS has the sentinels speak TLS: with certificates of their own where their config names some, else with the servers'.
func (d *doors) sentinelTLS(s Spec, authority *access.Authority, server, sentinel settings, trust string) error {
	own := *d.server.TLS
	d.sentinel.TLS = &own
	lines := []string{"port 0", "tls-replication yes"}
	if !sentinel.tls() {
		lines = append(lines, fmt.Sprintf("tls-port %d", SentinelPort))
	}
	if sentinel.value("tls-cert-file") != "" {
		ca, more, err := certificates(authority, sentinel, d.sentinelFiles)
		if err != nil {
			return err
		}
		d.sentinel.TLS.CA = ca + "\n" + trust
		d.sentinelLines = append(d.sentinelLines, append(lines, more...)...)
		return nil
	}
	for _, l := range slices.Concat(s.Config, d.lines) {
		name := directive(l)
		if strings.HasPrefix(name, "tls-") && (strings.HasSuffix(name, "-file") || strings.HasSuffix(name, "-pass") || strings.HasPrefix(name, "tls-c") || name == "tls-protocols") && name != "tls-cluster" {
			lines = append(lines, l)
		}
	}
	for p, text := range d.files {
		if strings.HasPrefix(p, tlsDir) {
			d.sentinelFiles[p] = text
		}
	}
	d.sentinelLines = append(d.sentinelLines, lines...)
	return nil
}

// certificates are what a server shows and whom it trusts: the config's with the run's authority added, or the run's. It returns whom
// clients are to trust and the lines to add.
func certificates(authority *access.Authority, s settings, files map[string]string) (trust string, lines []string, err error) {
	if s.value("tls-cert-file") != "" {
		ca := s.value("tls-ca-cert-file")
		trust = files[ca]
		files[ca] = strings.TrimRight(trust, "\n") + "\n" + authority.PEM
		return trust, nil, nil
	}
	cert, key, err := authority.Issue("schism server")
	if err != nil {
		return "", nil, err
	}
	for name, text := range map[string]string{"tls-ca-cert-file": authority.PEM, "tls-cert-file": cert, "tls-key-file": key} {
		p := tlsDir + name + ".pem"
		files[p] = text
		lines = append(lines, name+" "+p)
	}
	slices.Sort(lines)
	return authority.PEM, lines, nil
}

// renames tells agents and sentinels of commands that go by another name.
func (d *doors) renames(s Spec) {
	names := conf.Renames(s.Config)
	if len(names) == 0 {
		return
	}
	if to, ok := names["REPLICAOF"]; ok && to == "" {
		names["REPLICAOF"] = "SLAVEOF" // the same command
		if to := names["SLAVEOF"]; to != "" {
			names["REPLICAOF"] = to
		}
	}
	d.server.Renames = names
	if s.Kind != KindSentinel {
		return
	}
	told := map[string]bool{}
	for _, text := range s.SentinelConfig {
		if l, why := conf.ParseLine(text); why == "" && l.Name == "sentinel" && len(l.Args) > 2 && strings.EqualFold(l.Args[0], "rename-command") {
			told[strings.ToUpper(l.Args[2])] = true
		}
	}
	for _, from := range slices.Sorted(maps.Keys(names)) {
		if names[from] != "" && !told[from] {
			d.sentinelLines = append(d.sentinelLines, conf.Join("sentinel", "rename-command", MasterName, from, names[from]))
		}
	}
}

// collect gathers all that must be seen nowhere.
func (d *doors) collect(s Spec) {
	lines := slices.Concat(s.Config, s.SentinelConfig, d.lines, d.sentinelLines)
	for _, l := range s.NodeConfig {
		lines = append(lines, l...)
	}
	for _, files := range []map[string]string{d.files, d.sentinelFiles} {
		for p, text := range files {
			switch {
			case strings.HasPrefix(p, tlsDir) && strings.Contains(text, "PRIVATE KEY"):
				d.secrets = append(d.secrets, access.KeyLines(text)...)
			case !strings.HasPrefix(p, tlsDir):
				lines = append(lines, strings.Split(text, "\n")...)
			}
		}
	}
	d.secrets = append(d.secrets, conf.Secrets(lines)...)
	d.secrets = append(d.secrets, d.server.Secrets()...)
	d.secrets = append(d.secrets, d.sentinel.Secrets()...)
	slices.Sort(d.secrets)
	d.secrets = slices.Compact(d.secrets)
}
