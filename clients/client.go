package clients

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// Foreign is read where a value is no number. Nobody writes it, so the checker sees data that was never written.
const Foreign int64 = -1

// Group is the consumer group of every stream.
const Group = "g"

// Client runs operations one after another on a connection of its own. Only Node may be called at the same time as Do.
type Client interface {
	// Do issues op on key and fills in its Out, List, Node, Acked, Outcome and Err. It opens a connection when there is none and
	// closes it after an operation of unknown outcome. It returns within its timeouts even when the server says nothing.
	Do(ctx context.Context, key string, op *history.Op)
	// Node is the number of the server that it is connected to, in a Cluster that the operation under way went to, or history.NoNode.
	Node() int32
	// Close closes the connection for good.
	Close() error
}

// Options say where a client connects and how it issues operations.
type Options struct {
	// Addr is the server's ip:port. When it is empty, the client follows the master that the Sentinels name.
	Addr       string
	Sentinels  []string
	MasterName string
	// Cluster are the servers of a Cluster, by ip:port; Addr and Sentinels are then empty, and an operation goes to the server that owns its
	// key. With Nth, from 1, it is read at the Nth of the fixed replicas of the owner's shard instead, which ReplicasOf names for each server.
	Cluster    []string
	ReplicasOf map[string][]string
	Nth        int
	// Reload says when it is asked anew who owns which slots, besides after MOVED, ASK and READONLY, as go-redis does: ReloadAfterDial,
	// ReloadByLibrary, or a duration such as "500ms".
	Reload string
	// Access is how to get in at the servers, SentinelAccess at the Sentinels.
	Access         access.Access
	SentinelAccess access.Access
	// Nodes are the numbers of the servers by ip:port.
	Nodes map[string]int32
	// Timeout bounds each write and each read of a command, DialTimeout each dial.
	Timeout     time.Duration
	DialTimeout time.Duration
	// Wait issues WAIT for so many replicas after each acknowledged write, at most WaitTimeout; 0: no WAIT.
	Wait int
	// WaitAOF issues WAITAOF instead, where it asks for anything.
	WaitAOF     WaitAOF
	WaitTimeout time.Duration
	// Version is the server's, for commands that older ones lack; empty: a recent one.
	Version string
	// ValueSize pads registers to so many bytes.
	ValueSize int
	// TTL is the time to live that every write of a register sets, in whole ms; 0: none.
	TTL time.Duration
	// Dials are the addresses that are dialled in the place of others, ip:port.
	Dials map[string]string
	// Lua uses scripts instead of WATCH/MULTI/EXEC; Fencing has locks hand out tokens.
	Lua     bool
	Fencing bool
	// Consumer names the client among the consumers of a queue or stream. ClaimAfter is how long an entry must have been in work
	// before another consumer may claim it.
	Consumer   string
	ClaimAfter time.Duration

	_ struct{}
}

// WaitAOF is what WAITAOF asks for: that the server itself (Local 1) and so many replicas have fsynced the write.
type WaitAOF struct {
	Local    int `json:"local,omitempty"`
	Replicas int `json:"replicas,omitempty"`
}

// dialled is the address at which another one is reached.
func (o *Options) dialled(addr string) string {
	if to, ok := o.Dials[addr]; ok {
		return to
	}
	return addr
}

// atLeast tells whether the server's version is major.minor or later.
func (o *Options) atLeast(major, minor int) bool {
	a, rest, ok := strings.Cut(o.Version, ".")
	if !ok {
		return true
	}
	b, _, _ := strings.Cut(rest, ".")
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err1 != nil || err2 != nil || x > major || x == major && y >= minor
}

// keyNumber is what stands behind the last colon of a key.
func keyNumber(key string) string {
	return key[strings.LastIndexByte(key, ':')+1:]
}

// parseValue reads "123" and "123:xxxx".
func parseValue(s string) int64 {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		s = s[:i]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return Foreign
	}
	return n
}

func parseValues(ss []string) []int64 {
	out := make([]int64, len(ss))
	for i, s := range ss {
		out[i] = parseValue(s)
	}
	return out
}

// errUnsupported is returned for functions that no command stands for.
func errUnsupported(f history.F) error {
	return fmt.Errorf("issue operation: function %d is unknown", f)
}
