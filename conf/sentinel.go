package conf

import (
	"strconv"
	"strings"
)

const (
	whyWatch = "the sentinels watch this run's master"
	whyState = "it is a sentinel's own note of an earlier day"
)

// sentinel sorts a line that begins with "sentinel".
func (s *sorter) sentinel(l Line) {
	if !s.c.SentinelFile {
		s.strays = append(s.strays, l)
		return
	}
	what := l.arg(0)
	switch what {
	case "monitor":
		s.monitor(l)
	case "myid", "known-replica", "known-slave", "known-sentinel", "config-epoch", "leader-epoch", "current-epoch":
		s.replace(l, whyState)
	case "announce-ip", "announce-port":
		s.replace(l, whyAddress)
	case "notification-script", "client-reconfig-script":
		if s.mine(l) && s.c.Server != "" {
			s.mistake(l, "the image of %s does not hold the script; name an image that does with -image", s.c.Server)
			return
		}
		s.named(l)
	case "down-after-milliseconds":
		s.number(l, 1, func(n int64) { s.out.Monitor.DownAfterMS = n })
	case "failover-timeout":
		s.number(l, 1, func(n int64) { s.out.Monitor.FailoverTimeMS = n })
	case "parallel-syncs":
		s.number(l, 1, func(n int64) { s.out.Monitor.ParallelSyncs = int(n) })
	case "auth-pass", "auth-user", "rename-command", "master-reboot-down-after-period":
		s.named(l)
	default: // deny-scripts-reconfig, resolve-hostnames, sentinel-user...: of the sentinel itself
		if len(l.Args) < 2 {
			s.mistake(l, "%s has no value", what)
			return
		}
		s.keep(l)
	}
}

// monitor takes the quorum of the first master; others are no part of the run.
func (s *sorter) monitor(l Line) {
	if len(l.Args) != 5 {
		s.mistake(l, "monitor has four values: a name, an address, a port and the quorum")
		return
	}
	if l.Args[1] != s.out.Monitor.Name {
		s.replace(l, "one replication setup is deployed: that of "+s.out.Monitor.Name)
		return
	}
	n, err := strconv.Atoi(l.Args[4])
	if err != nil || n < 1 {
		s.mistake(l, "the quorum is a number above 0")
		return
	}
	s.out.Monitor.Quorum = n
	s.replace(l, whyWatch+"; the quorum of it is kept")
}

// mine tells whether the line is about the master that is deployed; of another one it is replaced, of one that is not watched a mistake.
func (s *sorter) mine(l Line) bool { return len(l.Args) > 1 && l.Args[1] == s.out.Monitor.Name }

// about looks whose line it is. It has said what there is to say where it is false.
func (s *sorter) about(l Line) bool {
	switch {
	case len(l.Args) < 3:
		s.mistake(l, "%s needs the name of a master and a value", l.arg(0))
	case s.out.Monitor.Name == "":
		s.mistake(l, "no line before names a master to watch (sentinel monitor)")
	case !s.mine(l):
		s.replace(l, "one replication setup is deployed: that of "+s.out.Monitor.Name)
	default:
		return true
	}
	return false
}

// number takes a setting that the run has a place of its own for.
func (s *sorter) number(l Line, least int64, set func(int64)) {
	if !s.about(l) {
		return
	}
	n, err := strconv.ParseInt(l.Args[2], 10, 32)
	if err != nil || n < least {
		s.mistake(l, "%s is a number from %d", l.arg(0), least)
		return
	}
	if s.c.Master != "" {
		s.named(l)
		return
	}
	set(n)
}

// named keeps a line under the name that the master has here.
func (s *sorter) named(l Line) {
	if s.about(l) {
		args := append([]string{l.Args[0], MasterName}, l.Args[2:]...)
		s.rewrite(l, args...)
	}
}

// MasterName is what the sentinels of a run call the master.
const MasterName = "mymaster"

// Login is how a sentinel logs in somewhere, by its config.
type Login struct {
	User     string // empty: the default user
	Password string
	Line     string // the one with the password, without it
}

// Logins are what a sentinel's lines say of logging in at the servers, and at other sentinels; nil where they say nothing.
func Logins(lines []string) (servers, sentinels *Login) {
	for _, text := range lines {
		l, why := ParseLine(text)
		if why != "" || l.Name != "sentinel" {
			continue
		}
		at := &servers
		what := strings.ToLower(l.Args[0])
		switch what {
		case "sentinel-pass", "sentinel-user":
			at = &sentinels
		case "auth-pass", "auth-user":
		default:
			continue
		}
		if *at == nil {
			*at = &Login{}
		}
		value := l.Args[len(l.Args)-1]
		if strings.HasSuffix(what, "-user") {
			(*at).User = value
		} else {
			(*at).Password, (*at).Line = value, MaskLine(text)
		}
	}
	return servers, sentinels
}
