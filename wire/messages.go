package wire

import (
	"encoding/json"

	"github.com/schismtest/schism/internal/access"
)

// Proto is the version of the protocol between harness and agents: of these messages, and of the batches of records. Whoever changes
// either raises it, or an agent of another build would be misread.
const Proto = 2

// Request is one line to an agent.
type Request struct {
	ID   uint64          `json:"id"`
	Op   Op              `json:"op"`
	Args json.RawMessage `json:"args,omitempty"`
}

// Response answers the request with the same ID. T0 and T1 are the agent's monotonic clock (CLOCK_MONOTONIC, ns, not rebased)
// right before and after it did what was asked.
type Response struct {
	ID     uint64          `json:"id"`
	Err    string          `json:"err,omitempty"`
	Code   string          `json:"code,omitempty"` // to branch on: "unavailable", "not-running", "timeout", "usage"
	T0, T1 int64           `json:",omitempty"`
	Out    json.RawMessage `json:"out,omitempty"`
}

// Op names what an agent can do.
type Op string

// The operations, with the types of their arguments and results.
const (
	OpHello  Op = "hello"  // HelloArgs -> Hello; first, sets the clock's base and the agent's number
	OpSetup  Op = "setup"  // SetupArgs -> nothing: writes files, remembers the command line
	OpStart  Op = "start"  // nothing -> Proc: starts the server; returns when its process exists
	OpSignal Op = "signal" // SignalArgs -> Proc: KILL and TERM return when it is gone, STOP when its state is T, CONT when it is not
	OpProc   Op = "proc"   // nothing -> Proc
	OpNet    Op = "net"    // NetArgs -> nothing: replaces all rules in one transaction; an empty list heals
	OpNetCnt Op = "netcnt" // nothing -> []Counter: one a rule, in order
	OpReach  Op = "reach"  // ReachArgs -> []string: "" for each address that answered a TCP connection, if only by refusing it; else why not
	OpRedis  Op = "redis"  // RedisArgs -> RedisReply: one command to the server over loopback
	OpWatch  Op = "watch"  // WatchArgs -> nothing: the observer samples from now on; interval 0 stops it
	OpDump   Op = "dump"   // DumpArgs -> int: sends the canonical content of the data set as record batches, says how many keys
	OpProbe  Op = "probe"  // nothing -> map[string]string: feature -> "ok" or why not
	OpLoad   Op = "load"   // workloads.Spec with addresses (workloads.Job) -> nothing: a worker prepares and connects
	OpRun    Op = "run"    // nothing -> nothing: the worker starts its load
	OpHalt   Op = "halt"   // nothing -> nothing: stops the load, returns when the last operation has returned and its batch, Final, is sent
)

// HelloArgs introduces the harness. Base is the CLOCK_MONOTONIC reading, ns, that is 0 on the run's clock; with 0 the agent uses
// its own now and returns it, so the first agent gives the base for all.
type HelloArgs struct {
	Source int32 `json:"source"` // the agent's number in Run.Nodes
	Base   int64 `json:"base"`
}

// Hello introduces the agent.
type Hello struct {
	Proto  int    `json:"proto"`
	Base   int64  `json:"base"`
	Now    int64  `json:"now"` // CLOCK_MONOTONIC, ns
	Kernel string `json:"kernel"`
	Addr   string `json:"addr"` // the container's address, ip
}

// SetupArgs prepares a server.
type SetupArgs struct {
	Files map[string]string `json:"files"` // path -> content
	Argv  []string          `json:"argv"`
	Env   []string          `json:"env,omitempty"`
	Dir   string            `json:"dir,omitempty"`
	User  string            `json:"user,omitempty"`
	// Port is where it will listen; 0: 6379.
	Port int `json:"port,omitempty"`
	// Access is how the agent gets in at the server; Secrets are what its output is to be cleaned of before it goes anywhere.
	Access  access.Access `json:"access"`
	Secrets []string      `json:"secrets,omitempty"`
	// Folders are made for the server, for what it makes itself (sockets).
	Folders []string `json:"folders,omitempty"`
}

// Proc is the state of the supervised process.
type Proc struct {
	Pid     int    `json:"pid"`     // 0: not running
	State   string `json:"state"`   // R, S, D, T, Z as in /proc/PID/stat; "" when gone
	Exit    string `json:"exit"`    // how the last one ended
	Started int64  `json:"started"` // ns on the run's clock
	// Tail is the end of what the last one wrote; only when none is running.
	Tail string `json:"tail,omitempty"`
}

// SignalArgs sends a signal.
type SignalArgs struct {
	Signal   int   `json:"signal"`
	Children bool  `json:"children"` // its RDB and AOF children too
	WithinMS int64 `json:"within_ms"`
}

// Rule drops packets from the peers (ips) where they arrive.
type Rule struct {
	Peers []string `json:"peers"`
}

// NetArgs is the whole rule set of a node.
type NetArgs struct {
	Rules []Rule `json:"rules"`
}

// Counter counts what a rule dropped.
type Counter struct {
	Packets, Bytes uint64
}

// ReachArgs names addresses (ip:port) to connect to.
type ReachArgs struct {
	Addrs     []string `json:"addrs"`
	TimeoutMS int64    `json:"timeout_ms"`
}

// RedisArgs is one command.
type RedisArgs struct {
	Args      []string `json:"args"`
	TimeoutMS int64    `json:"timeout_ms"`
	// NoWait: do not wait for the reply (DEBUG SLEEP); an error reply within 20 ms is still reported.
	NoWait bool `json:"no_wait"`
	// Login: the agent's login goes into a MIGRATE, for the server that the keys move to.
	Login bool `json:"login,omitempty"`
}

// RedisReply is the reply as JSON: strings, numbers, null, arrays, objects. Error replies are Err.
type RedisReply struct {
	Value json.RawMessage `json:"value"`
	Err   string          `json:"err"`
}

// WatchArgs starts the observer.
type WatchArgs struct {
	IntervalMS int64 `json:"interval_ms"`
	// Cluster are the ids of a Cluster's servers with their numbers in Run.Nodes; empty: the server is in none.
	Cluster  map[string]int32 `json:"cluster,omitempty"`
	Sentinel bool             `json:"sentinel"` // subscribe to Sentinel's events instead of sampling replication
	// Fsyncs looks at what may have fsynced the append-only file too (history.Sample.Fsyncs).
	Fsyncs bool `json:"fsyncs,omitempty"`
}

// DumpArgs chooses keys.
type DumpArgs struct {
	Match string `json:"match,omitempty"` // SCAN's pattern
	// Twice reads all of them a second time, at once, and sends those that differ then.
	Twice bool `json:"twice,omitempty"`
}
