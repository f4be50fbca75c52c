package schism

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schismtest/schism/attach"
	"github.com/schismtest/schism/internal/access"
)

// AttachOptions say which setup is watched, and how. Addr or Sentinels must be given.
type AttachOptions struct {
	// Addr is one of the setup's servers, HOST:PORT. Of a replica its master is taken.
	Addr string
	// Sentinels are some of its sentinels, HOST:PORT, and MasterName what they call the master; empty where they watch but one.
	Sentinels  []string
	MasterName string
	// Cluster: the servers are those of a Redis Cluster.
	Cluster bool
	// Map are addresses that servers announce and the ones at which they are reached, "OLD=NEW": both HOST:PORT, or two hosts.
	Map []string
	// Login is how to get in at servers, SentinelLogin at sentinels. TLS of sentinels that is not set is that of the servers.
	Login, SentinelLogin AttachLogin
	// For is how long it is watched; 0: until the context ends, with Load at most half a day.
	For time.Duration
	// Every is how often each node is looked at; 0: every 100 ms.
	Every time.Duration
	// Load has clients write and read keys of their own, below a prefix of their own, at Rate operations a second (default 50). Without
	// it nothing is written.
	Load bool
	Rate int
	// Prefix stands before the keys of the load, with the run's id behind it; empty: "schism:".
	Prefix string
	// Seed fixes the load's random choices; 0 draws one.
	Seed int64
	// Promises are the user's own ("lag_time=500ms", "two_masters=0").
	Promises []string
	// Artifacts is the folder of all runs, "artifacts" by default.
	Artifacts string
	// Progress is told what goes on, Status what was seen, once a second; nil: nobody is.
	Progress func(Progress)
	Status   func(AttachStatus)
	_        struct{}
}

// AttachLogin is how one gets in at a server.
type AttachLogin struct {
	// User logs in with Password, or what the environment variable PasswordEnv or the file PasswordFile holds.
	User                                string
	Password, PasswordEnv, PasswordFile string
	// TLS: connections are over TLS. CA, Cert and Key are files in PEM; without a CA the system's authorities are trusted.
	TLS           bool
	CA, Cert, Key string
	// ServerName is the name that certificates must be for; empty with a CA: names are not looked at. Insecure takes any certificate.
	ServerName string
	Insecure   bool
	_          struct{}
}

// AttachStatus is what was seen of a setup by now.
type AttachStatus struct {
	At    time.Duration // since the watch began
	Nodes []AttachNode
	// Ops are the load's operations that have returned, OK those with ok.
	Ops, OK int64
}

// AttachNode is a server or sentinel of a setup.
type AttachNode struct {
	Name, Addr string
	attach.State
}

const (
	attachEvery  = 100 * time.Millisecond
	attachRate   = 50
	attachPrefix = "schism:"
	// attachMost is how long a load without an end goes on, attachSpare how much longer its keys live than it: none may expire while it
	// can still be judged.
	attachMost  = 12 * time.Hour
	attachSpare = time.Hour
)

func (o AttachOptions) withDefaults() AttachOptions {
	base := Options{Artifacts: o.Artifacts, Seed: o.Seed, Progress: o.Progress}.withDefaults()
	o.Artifacts, o.Seed, o.Progress = base.Artifacts, base.Seed, base.Progress
	o.Every = cmp.Or(o.Every, attachEvery)
	o.Rate = cmp.Or(o.Rate, attachRate)
	o.Prefix = cmp.Or(o.Prefix, attachPrefix)
	if o.Status == nil {
		o.Status = func(AttachStatus) {}
	}
	return o
}

// life is how long the keys of the load live.
func (o *AttachOptions) life() time.Duration { return cmp.Or(o.For, attachMost) + attachSpare }

// target checks the options and makes of them what to attach to.
func (o *AttachOptions) target() (*attach.Target, error) {
	if o.Addr == "" && len(o.Sentinels) == 0 {
		return nil, &Problem{Exit: ExitUsage, Text: "it is not said what to attach to", Do: "give a server with -addr HOST:PORT, or sentinels with -sentinel HOST:PORT"}
	}
	t := &attach.Target{Addr: o.Addr, Sentinels: o.Sentinels, MasterName: o.MasterName, Cluster: o.Cluster, Map: map[string]string{}}
	addrs := o.Sentinels
	if o.Addr != "" {
		addrs = append([]string{o.Addr}, addrs...)
	}
	for _, a := range addrs {
		if err := attach.CheckAddr(a); err != nil {
			return nil, attachProblem(err)
		}
	}
	for _, m := range o.Map {
		from, to, err := attach.ParseMap(m)
		if err != nil {
			return nil, attachProblem(err)
		}
		t.Map[from] = to
	}
	switch {
	case o.Cluster && len(o.Sentinels) > 0:
		return nil, usagef("-cluster and -sentinel do not go together: a Redis Cluster has no sentinels")
	case o.Cluster && o.Addr == "":
		return nil, usagef("-cluster needs a server of it, -addr HOST:PORT")
	case o.Cluster && o.Load:
		return nil, usagef("-load is not there for a Redis Cluster yet: leave it out, and the cluster is watched")
	case o.MasterName != "" && len(o.Sentinels) == 0:
		return nil, usagef("-master-name says which of the masters that sentinels watch, and no -sentinel is given")
	case o.Rate < 0 || o.Rate > 100_000:
		return nil, usagef("-rate %d: it is a number of operations a second from 1 to 100000", o.Rate)
	case o.For < 0 || o.Every < 0 || o.Every > 0 && o.Every < 5*time.Millisecond || o.Every > 5*time.Second:
		return nil, usagef("-every is a time from 5ms to 5s, and -for is not negative")
	case o.Load && o.For > 30*24*time.Hour:
		return nil, usagef("-for %s: a load goes on for 30 days at most", o.For)
	case strings.ContainsAny(o.Prefix, "{}*?[]\\ \t\r\n\x00") || len(o.Prefix) > 200:
		return nil, usagef("-prefix %q: no braces, no wildcards and no blanks, at most 200 characters", o.Prefix)
	}
	first := cmp.Or(o.Addr, append(o.Sentinels, "")[0])
	var err error
	if t.Access, err = o.Login.access("", first); err != nil {
		return nil, err
	}
	login := o.SentinelLogin
	if !login.TLS && login.CA+login.Cert+login.Key+login.ServerName == "" && !login.Insecure {
		login.TLS, login.CA, login.Cert, login.Key, login.ServerName, login.Insecure = o.Login.TLS, o.Login.CA, o.Login.Cert, o.Login.Key, o.Login.ServerName, o.Login.Insecure
	}
	if t.SentinelAccess, err = login.access("sentinel-", append(o.Sentinels, first)[0]); err != nil {
		return nil, err
	}
	return t, nil
}

// access reads what a login names. pre is what its flags begin with; addr is whose certificate must be right where nothing else is said.
func (l *AttachLogin) access(pre, addr string) (access.Access, error) {
	a := access.Access{User: l.User, Password: l.Password}
	given := 0
	for _, s := range []string{l.Password, l.PasswordEnv, l.PasswordFile} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return a, usagef("-%spassword-env and -%spassword-file: give one of them", pre, pre)
	case l.User != "" && given == 0:
		return a, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-%suser %s has no password", pre, l.User), Do: fmt.Sprintf("name what holds it with -%spassword-env VARIABLE or -%spassword-file FILE", pre, pre)}
	case l.PasswordEnv != "":
		if a.Password = os.Getenv(l.PasswordEnv); a.Password == "" {
			return a, usagef("-%spassword-env %s: the variable is empty or not set", pre, l.PasswordEnv)
		}
	case l.PasswordFile != "":
		b, err := os.ReadFile(l.PasswordFile)
		if err != nil {
			return a, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-%spassword-file: %v", pre, cause(err)), Err: err}
		}
		if a.Password = strings.TrimRight(string(b), "\r\n"); a.Password == "" {
			return a, usagef("-%spassword-file %s: the file is empty", pre, l.PasswordFile)
		}
	}
	tls, err := l.tls(pre, addr)
	a.TLS = tls
	return a, err
}

// tls reads the files that TLS needs; nil without TLS.
func (l *AttachLogin) tls(pre, addr string) (*access.TLS, error) {
	if !l.TLS {
		if l.CA+l.Cert+l.Key+l.ServerName != "" || l.Insecure {
			return nil, usagef("-%stls-ca, -%stls-cert, -%stls-key, -%stls-server-name and -%stls-insecure go with -%stls", pre, pre, pre, pre, pre, pre)
		}
		return nil, nil
	}
	t := &access.TLS{ServerName: l.ServerName, Insecure: l.Insecure}
	if (l.Cert == "") != (l.Key == "") {
		return nil, usagef("-%stls-cert and -%stls-key go together", pre, pre)
	}
	for _, f := range []struct {
		flag, path string
		to         *string
	}{{"ca", l.CA, &t.CA}, {"cert", l.Cert, &t.Cert}, {"key", l.Key, &t.Key}} {
		if f.path == "" {
			continue
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-%stls-%s: %v", pre, f.flag, cause(err)), Err: err}
		}
		*f.to = string(b)
	}
	if err := t.Check(); err != nil {
		return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-%stls: %v", pre, err), Err: err}
	}
	if t.CA == "" && t.ServerName == "" && !t.Insecure {
		host, _, _ := net.SplitHostPort(addr)
		if net.ParseIP(host) != nil {
			return nil, &Problem{Exit: ExitUsage, Text: fmt.Sprintf("-%stls: nobody signs for the address %s", pre, host),
				Do: fmt.Sprintf("give the authority's certificate with -%stls-ca FILE, the name that certificates are for with -%stls-server-name, or take any with -%stls-insecure", pre, pre, pre)}
		}
		t.ServerName = host
	}
	return t, nil
}

// cause is an error of a file without what was done with it.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", filepath.Clean(p.Path), p.Err)
	}
	return err
}

// attachProblem says of an error whose it is.
func attachProblem(err error) error {
	var e *attach.Error
	if !errors.As(err, &e) {
		return err
	}
	exit := ExitError
	if e.Usage {
		exit = ExitUsage
	}
	return &Problem{Exit: exit, Text: e.Text, Do: e.Do, Err: err}
}

// command is the line that watches the same again. It names where passwords are, and holds none; empty where one was given by a program.
func (o *AttachOptions) command() string {
	if o.Login.Password != "" || o.SentinelLogin.Password != "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("schism attach")
	for _, f := range AttachFlags(o) {
		if f.Name == "runs" || f.Value.String() == "" {
			continue
		}
		switch {
		case f.Value.IsBoolFlag():
			b.WriteString(" -" + f.Name)
		case f.Value.Repeats():
			for line := range strings.SplitSeq(f.Value.String(), "\n") {
				b.WriteString(" -" + f.Name + " " + quote(line))
			}
		default:
			b.WriteString(" -" + f.Name + " " + quote(f.Value.String()))
		}
	}
	return b.String()
}

// AttachFlags are the settings of attaching, writing to o. There is none for a fault, and none that takes a password.
func AttachFlags(o *AttachOptions) []Flag {
	fs := []Flag{
		{"addr", nil, "a server of the setup, `HOST:PORT`; of a replica its master is taken", textFlag(&o.Addr)},
		{"sentinel", nil, "a sentinel, `HOST:PORT`, which leads to the others; may be given several times", linesFlag{&o.Sentinels}},
		{"master-name", nil, "the `NAME` of the master, where sentinels watch several", textFlag(&o.MasterName)},
		{"cluster", nil, "the servers are those of a Redis Cluster", yesFlag(&o.Cluster)},
		{"map", nil, "an announced address and where it is reached, `OLD=NEW`: both HOST:PORT, or two hosts; may be given several times", linesFlag{&o.Map}},
	}
	fs = append(fs, loginFlags("", "servers", &o.Login)...)
	fs = append(fs, loginFlags("sentinel-", "sentinels", &o.SentinelLogin)...)
	return append(fs,
		Flag{"for", nil, "watch for a `TIME` such as 10m (default: until Ctrl-C)", timeFlag(&o.For)},
		Flag{"every", nil, "look at each node every `TIME` (default: 100ms)", timeFlag(&o.Every)},
		Flag{"load", nil, "write and read keys of schism's own, and probe how soon replicas have them; without it nothing is written", yesFlag(&o.Load)},
		Flag{"rate", nil, "the load's `OPS` a second (default: 50)", numberFlag(&o.Rate, 1)},
		Flag{"prefix", nil, "the `PREFIX` of the load's keys, before the run's id (default: schism:)", textFlag(&o.Prefix)},
		Flag{"seed", nil, "`SEED` of the load's random choices (default: drawn)", numberFlag(&o.Seed, 1)},
		PromiseFlag(&o.Promises),
		Flag{"runs", []string{"artifacts"}, "`FOLDER` of all runs (default: artifacts)", textFlag(&o.Artifacts)},
	)
}

func loginFlags(pre, of string, l *AttachLogin) []Flag {
	same := ""
	if pre != "" {
		same = " (default: as for servers, where none of these is given)"
	}
	return []Flag{
		{pre + "user", nil, "log in at " + of + " as the user `NAME`", textFlag(&l.User)},
		{pre + "password-env", nil, "the environment `VARIABLE` that holds the password for " + of, textFlag(&l.PasswordEnv)},
		{pre + "password-file", nil, "the `FILE` that holds it", textFlag(&l.PasswordFile)},
		{pre + "tls", nil, "speak TLS with " + of + same, yesFlag(&l.TLS)},
		{pre + "tls-ca", nil, "the `FILE` with the certificates of the authorities to trust (default: the system's)", textFlag(&l.CA)},
		{pre + "tls-cert", nil, "the `FILE` with our own certificate, where " + of + " ask for one", textFlag(&l.Cert)},
		{pre + "tls-key", nil, "the `FILE` with its key", textFlag(&l.Key)},
		{pre + "tls-server-name", nil, "the `NAME` that certificates must be for (default: with -" + pre + "tls-ca any, else the address's host)", textFlag(&l.ServerName)},
		{pre + "tls-insecure", nil, "take any certificate", yesFlag(&l.Insecure)},
	}
}
