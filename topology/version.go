package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is what a server binary says of itself.
type Version struct {
	Product string // "Redis", "Valkey", "Redict"
	Text    string // "7.0.15"
	Build   string
	// Major and Minor are of Text.
	Major, Minor int
}

var versionLine = regexp.MustCompile(`(?m)^(\w+) server v=(\d+)\.(\d+)(\S*)(?:.*\bbuild=(\S+))?`)

// parseVersion reads what `redis-server --version` prints.
func parseVersion(out string) (Version, error) {
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return Version{}, fmt.Errorf("read version from %q: it does not look like a Redis server's", strings.TrimSpace(out))
	}
	v := Version{Product: m[1], Text: m[2] + "." + m[3] + m[4], Build: m[5]}
	var err error
	if v.Major, err = strconv.Atoi(m[2]); err != nil {
		return Version{}, fmt.Errorf("read version: %w", err)
	}
	if v.Minor, err = strconv.Atoi(m[3]); err != nil {
		return Version{}, fmt.Errorf("read version: %w", err)
	}
	return v, nil
}

// AtLeast compares with a release. Valkey and Redict went on from Redis 7.2, so one count serves for all.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String is "Redis 7.0.15".
func (v Version) String() string { return v.Product + " " + v.Text }
