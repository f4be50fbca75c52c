package attach

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/internal/access"
)

// Target says where the setup is and how to get in.
type Target struct {
	// Addr is one of its servers, host:port; empty where Sentinels lead to it.
	Addr string
	// Sentinels are some of its sentinels, host:port; the others are found. MasterName is what they call the master; empty where they
	// watch but one.
	Sentinels  []string
	MasterName string
	// Cluster: the servers are those of a Redis Cluster.
	Cluster bool
	// Access is how to get in at servers, SentinelAccess at sentinels.
	Access, SentinelAccess access.Access
	// Map are the addresses at which announced ones are reached, host:port or a host for all of its ports.
	Map map[string]string
	// Timeout bounds a connection and its first answers; 0: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long a connection and its first answers may take.
const DefaultTimeout = 3 * time.Second

// Error is why a setup could not be attached to: one line, and what to do. Usage tells that what was asked for cannot be, whatever the
// servers say.
type Error struct {
	Text, Do string
	Usage    bool
	Err      error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Do == "" {
		return e.Text
	}
	return e.Text + "; " + e.Do
}

// Unwrap gives what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

func wrong(text, do string, args ...any) *Error {
	return &Error{Text: fmt.Sprintf(text, args...), Do: do, Usage: true}
}

// CheckAddr refuses what is no host:port. What it was given is not repeated where a password may be in it.
func CheckAddr(addr string) error {
	switch {
	case strings.Contains(addr, "://") || strings.Contains(addr, "@"):
		return wrong("an address is HOST:PORT, and no URL: a password in it would be seen by everybody who may list processes",
			"give HOST:PORT, and the password with -password-env or -password-file")
	case addr == "":
		return wrong("an address is missing", "it is HOST:PORT")
	}
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || host == "" || n < 1 || n > 65535 || strings.ContainsAny(host, " \t\r\n/") {
		return wrong("%q is no address", "it is HOST:PORT, such as 10.0.0.1:6379", addr)
	}
	return nil
}

// ParseMap reads old=new, an announced address and where it is reached: both host:port, or both hosts.
func ParseMap(text string) (from, to string, err error) {
	from, to, ok := strings.Cut(text, "=")
	if strings.Contains(text, "@") || strings.Contains(text, "://") {
		return "", "", CheckAddr(text)
	}
	_, _, fromErr := net.SplitHostPort(from)
	_, _, toErr := net.SplitHostPort(to)
	if !ok || from == "" || to == "" || (fromErr == nil) != (toErr == nil) {
		return "", "", wrong("-map %q is not OLD=NEW", "give an announced HOST:PORT and the HOST:PORT at which it is reached, or two hosts", text)
	}
	return from, to, nil
}

// reached is where an announced address is dialled.
func (t *Target) reached(addr string) string {
	if to, ok := t.Map[addr]; ok {
		return to
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if to, ok := t.Map[host]; ok {
		return net.JoinHostPort(to, port)
	}
	return addr
}

func (t *Target) timeout() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return DefaultTimeout
}
