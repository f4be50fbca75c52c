package conf

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Context is what the meaning of a line depends on.
type Context struct {
	// Server is what runs, where its directives are known ("redis:7.0"); empty for an image of the user's.
	Server string
	// SentinelFile: the lines are a sentinel's. Replicas and Sentinels: the topology has some.
	SentinelFile bool
	// Part: the lines are one node's, beside those of all; whether they go together is not looked at.
	Part      bool
	Replicas  bool
	Sentinels bool
	// Cluster: the topology is a Cluster.
	Cluster bool
	// Master is the name that the lines of a sentinel go by where they do not say whom they watch; their settings then stay lines.
	Master string
	// Topology is its name, for messages.
	Topology string
	// Dir is the folder in the containers that files are put in ("/schism").
	Dir string
	// Commands are those that the clients and the agent issue, in capitals: none may be disabled. Clients are the clients' alone: none may
	// be renamed.
	Commands []string
	Clients  []string
}

// Replaced is a line in whose place ours stands.
type Replaced struct {
	Where string
	Line  string // without secrets
	Why   string
}

// Sorted is what becomes of lines.
type Sorted struct {
	// Kept are the lines as the server gets them.
	Kept []Line
	// Replaced are those that it does not get. What equals ours is in neither.
	Replaced []Replaced
	// Files are what the kept lines name and this machine holds, by their paths in the container.
	Files map[string]string
	// Quorum and the like are what a sentinel's file says of the first master that it names.
	Monitor Monitor
	// NodeTimeoutMS is what cluster-node-timeout says of a Cluster, ms; 0: nothing.
	NodeTimeoutMS int64
	// Mistakes are what cannot be.
	Mistakes Mistakes
}

// Monitor is what a sentinel's file says about the master; zero fields: nothing. Times are in ms.
type Monitor struct {
	Name           string
	Quorum         int
	DownAfterMS    int64
	FailoverTimeMS int64
	ParallelSyncs  int
}

// rule is what happens to a directive that is ours: silent where its value is one of ours.
type rule struct {
	ours []string
	why  string
}

const (
	whyAddress = "every node has an address of its own, in a network of the run"
	whyChild   = "the server is the agent's child"
	whyLog     = "the log is collected from the server's output"
	whyDir     = "data is kept in a folder of the container"
	whyFollows = "the topology says who replicates whom"
	whyTLS     = "a TLS port is open, and all links of the run speak TLS then"
)

// ours are the directives that the run decides, whoever gave them.
func ours(sentinelFile bool) map[string]rule {
	m := map[string]rule{
		"port":             {[]string{"6379"}, whyAddress},
		"bind":             {[]string{"0.0.0.0", "*", "* -::*", "0.0.0.0 ::"}, whyAddress},
		"bind-source-addr": {nil, whyAddress},
		"daemonize":        {[]string{"no"}, whyChild},
		"supervised":       {[]string{"no"}, whyChild},
		"pidfile":          {[]string{""}, whyChild},
		"logfile":          {[]string{""}, whyLog},
		"syslog-enabled":   {[]string{"no"}, whyLog},
		"syslog-ident":     {nil, whyLog},
		"syslog-facility":  {nil, whyLog},
		"dir":              {[]string{"./", "."}, whyDir},
		"replicaof":        {[]string{"no one"}, whyFollows},
		"slaveof":          {[]string{"no one"}, whyFollows},
	}
	for _, n := range []string{"replica-announce-ip", "replica-announce-port", "slave-announce-ip", "slave-announce-port"} {
		m[n] = rule{nil, whyAddress}
	}
	if sentinelFile {
		m["port"] = rule{[]string{"26379"}, whyAddress}
	}
	return m
}

// Sort says of each line what becomes of it.
func Sort(lines []Line, c Context) Sorted {
	s := &sorter{c: c, table: newTable(c.Server), ours: ours(c.SentinelFile)}
	if c.Cluster {
		maps.Copy(s.ours, oursOfCluster())
	}
	s.out.Files = map[string]string{}
	s.find(lines)
	for _, l := range lines {
		s.line(l)
	}
	if !c.Part {
		s.together(lines)
	}
	if n := len(s.strays); n > 0 {
		more := ""
		if n > 1 {
			more = ", and so are " + strconv.Itoa(n-1) + " lines more"
			if n == 2 {
				more = ", and so is one line more"
			}
		}
		s.mistake(s.strays[0], "it is a sentinel's%s; give that file with -sentinel-config", more)
	}
	return s.out
}

type sorter struct {
	c        Context
	table    table
	ours     map[string]rule
	out      Sorted
	tls      bool // a TLS port is open
	madeTLS  bool // the certificates are the run's
	password bool // the default user has a password
	strays   []Line
}

// find looks at the whole for what single lines depend on.
func (s *sorter) find(lines []Line) {
	missing := false
	s.out.Monitor.Name = s.c.Master
	for _, l := range lines {
		switch {
		case l.Name == "tls-port":
			s.tls = l.arg(0) != "0"
		case l.Name == "requirepass":
			s.password = len(l.Args) > 0 && l.Args[0] != ""
		case l.Name == "user" && l.arg(0) == "default":
			s.password = s.password || closes(l.Args[1:])
		case l.Name == "aclfile":
			if text, err := readRegular(l.path(), maxBytes); err == nil {
				s.password = s.password || aclCloses(text)
			}
		case tlsFile(l.Name) && l.arg(0) != "":
			missing = missing || !exists(l.path())
		case l.Name == "sentinel" && l.arg(0) == "monitor" && len(l.Args) > 1 && s.out.Monitor.Name == "":
			s.out.Monitor.Name = l.Args[1]
		}
	}
	s.madeTLS = missing
}

// closes tells whether a user's rules leave nobody in without a password.
func closes(rules []string) bool {
	open := false
	for _, r := range rules {
		switch {
		case strings.EqualFold(r, "nopass"):
			open = true
		case strings.EqualFold(r, "off"), strings.EqualFold(r, "reset"), strings.EqualFold(r, "resetpass"), strings.HasPrefix(r, ">"), strings.HasPrefix(r, "#"):
			open = false
		}
	}
	return !open
}

func aclCloses(text string) bool {
	for l := range strings.Lines(text) {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "user" && f[1] == "default" {
			return closes(f[2:])
		}
	}
	return false
}

func (s *sorter) mistake(l Line, format string, args ...any) {
	s.out.Mistakes.add(l.Where(), l.Name, format, args...)
}

func (s *sorter) replace(l Line, why string) {
	s.out.Replaced = append(s.out.Replaced, Replaced{Where: l.Where(), Line: MaskLine(l.Text), Why: why})
}

func (s *sorter) keep(l Line) { s.out.Kept = append(s.out.Kept, l) }

// rewrite keeps a line with other values.
func (s *sorter) rewrite(l Line, args ...string) {
	l.Args = args
	l.Text = Join(append([]string{l.Name}, args...)...)
	s.keep(l)
}

func (s *sorter) line(l Line) {
	if why := s.table.wrong(l); why != "" {
		s.mistake(l, "%s", why)
		return
	}
	value := strings.ToLower(strings.Join(l.Args, " "))
	if r, ok := s.ours[l.Name]; ok {
		if l.Name == "port" && s.tls && value == "0" {
			return // ours too: with TLS nothing else is open
		}
		if !slices.Contains(r.ours, value) {
			s.replace(l, r.why)
		}
		return
	}
	if tlsFile(l.Name) {
		s.tlsFile(l)
		return
	}
	switch l.Name {
	case "sentinel":
		s.sentinel(l)
	case "cluster-enabled":
		if value == "yes" { // in a Cluster it equals ours
			s.mistake(l, "this run's topology is %s; name a Cluster with -topology cluster", s.c.Topology)
		}
	case "cluster-node-timeout":
		s.nodeTimeout(l)
	case "loadmodule":
		s.module(l)
	case "protected-mode":
		if value == "yes" && !s.password {
			s.replace(l, "no password is set, so it would refuse every other node; it is no here")
			return
		}
		s.keep(l)
	case "tls-port":
		s.tlsPort(l, value)
	case "tls-replication":
		if s.tls && value == "no" {
			s.replace(l, whyTLS)
			return
		}
		s.keep(l)
	case "tls-cluster":
		if s.tls && s.c.Cluster && value == "no" {
			s.replace(l, whyTLS)
			return
		}
		s.keep(l)
	case "tls-ca-cert-dir":
		s.mistake(l, "name one file with tls-ca-cert-file instead: a folder is not taken to the containers")
	case "aclfile":
		s.aclFile(l)
	case "rename-command":
		s.rename(l)
	case "user":
		if why := s.user(l.Args); why != "" {
			s.mistake(l, "%s", why)
			return
		}
		s.keep(l)
	default:
		s.keep(l)
	}
}

// AgentUser is the user that agents log in as where a setup asks for a login.
const AgentUser = "schism-agent"

// user says what is wrong with a user's name and rules; empty when nothing can be told.
func (s *sorter) user(args []string) string {
	if args[0] == AgentUser {
		return "a user of this name is made for the run: choose another"
	}
	if s.c.Server != "redis:6.0" {
		return ""
	}
	for _, r := range args[1:] {
		switch strings.ToLower(r) {
		case "allchannels", "resetchannels", "clearselectors", "sanitize-payload", "skip-sanitize-payload":
			return s.c.Server + " does not know the rule " + r
		}
		if strings.HasPrefix(r, "&") || strings.HasPrefix(r, "%") || strings.HasPrefix(r, "(") {
			return s.c.Server + " does not know the rule " + r
		}
	}
	return ""
}

func (s *sorter) module(l Line) {
	if s.c.Server != "" {
		s.mistake(l, "the image of %s does not hold %s; name an image that does with -image", s.c.Server, l.Args[0])
		return
	}
	s.keep(l)
}

func (s *sorter) tlsPort(l Line, value string) {
	want := "6379"
	if s.c.SentinelFile {
		want = "26379"
	}
	switch value {
	case "0":
	case want:
		s.keep(l)
	default:
		s.replace(l, whyAddress)
		s.rewrite(l, want)
	}
}

// together looks for lines that do not go with each other.
func (s *sorter) together(lines []Line) {
	at := map[string]Line{}
	for _, l := range lines {
		at[canonical(l.Name)] = l
	}
	if f, ok := at["aclfile"]; ok && f.arg(0) != "" {
		if u, ok := at["user"]; ok {
			s.mistake(u, "the server refuses users in its config beside an aclfile (%s): keep them in one place", f.Where())
		}
	}
	auth, ok := at["masterauth"]
	if ok && !s.c.SentinelFile && s.c.Replicas && auth.arg(0) != "" && at["masteruser"].arg(0) == "" {
		pass, has := at["requirepass"]
		_, users := at["user"]
		_, file := at["aclfile"]
		switch {
		case users || file:
		case !has || pass.arg(0) == "":
			s.mistake(auth, "replicas would log in at a master that asks for no password, which it refuses: set requirepass too, or drop it")
		case pass.Args[0] != auth.Args[0]:
			s.mistake(auth, "it is not what requirepass (%s) sets, so no replica could log in", pass.Where())
		}
	}
	cert, hasCert := at["tls-cert-file"]
	key, hasKey := at["tls-key-file"]
	_, hasCA := at["tls-ca-cert-file"]
	switch {
	case s.madeTLS || !hasCert && !hasKey:
	case !hasKey:
		s.mistake(cert, "tls-key-file is missing")
	case !hasCert:
		s.mistake(key, "tls-cert-file is missing")
	case !hasCA && s.tls:
		s.mistake(cert, "tls-ca-cert-file is missing: replicas and clients could not tell whose certificate it is")
	}
}

// canonical is the newer of a directive's two names.
func canonical(name string) string {
	switch name {
	case "slaveof":
		return "replicaof"
	case "primaryauth":
		return "masterauth"
	case "primaryuser":
		return "masteruser"
	case "repl-ping-slave-period":
		return "repl-ping-replica-period"
	case "lua-time-limit":
		return "busy-reply-threshold"
	}
	name = strings.Replace(name, "slaves", "replicas", 1)
	name = strings.Replace(name, "slave", "replica", 1)
	return strings.Replace(name, "ziplist", "listpack", 1)
}

// Beat joins the lines of a file with others that win over it: of what both set the file's is left out.
func Beat(file, own []Line) []Line {
	set := map[string]bool{}
	for _, l := range own {
		set[l.slot()] = true
	}
	out := slices.DeleteFunc(slices.Clone(file), func(l Line) bool { return set[l.slot()] })
	return append(out, own...)
}

// slot names what a line sets; lines of the same slot replace each other.
func (l Line) slot() string {
	name := canonical(l.Name)
	switch name {
	case "client-output-buffer-limit":
		return name + " " + canonical(l.arg(0))
	case "rename-command", "user", "loadmodule":
		return name + " " + l.arg(0)
	case "sentinel":
		slot := name
		for i := range min(2, len(l.Args)) {
			slot += " " + l.arg(i)
		}
		return slot
	}
	return name
}
