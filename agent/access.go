//go:build linux

package agent

import (
	"strconv"
	"strings"

	"github.com/schismtest/schism/wire"
)

// serverAccess finds port and password in what the server is started with: its config files' lines, then its arguments, the last of
// which wins, as in the server itself.
func serverAccess(s wire.SetupArgs) (port int, password string) {
	port = 6379
	set := func(key, value string) {
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch strings.ToLower(key) {
		case "port":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				port = n
			}
		case "requirepass":
			password = value
		}
	}
	if sentinel(s.Argv) {
		port = 26379
	}
	for i, a := range s.Argv {
		if content, ok := s.Files[a]; ok {
			for line := range strings.Lines(content) {
				if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
					set(k, v)
				}
			}
		}
		if k, ok := strings.CutPrefix(a, "--"); ok && i+1 < len(s.Argv) {
			set(k, s.Argv[i+1])
		}
	}
	if s.Port != 0 {
		port = s.Port
	}
	return port, password
}

func sentinel(argv []string) bool {
	for i, a := range argv {
		if a == "--sentinel" || i == 0 && strings.HasSuffix(a, "-sentinel") {
			return true
		}
	}
	return false
}
