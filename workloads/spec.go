// Package workloads is what the processes do to the servers: which objects they write and read, how fast, and where they read.
package workloads

import (
	"time"

	"github.com/schismtest/schism/clients"
	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/access"
)

// Kind names a workload.
type Kind string

// The kinds. checkers.md says what each of them lets the checker see.
const (
	Register Kind = "register" // SET k v GET (GETSET on 6.0), GET; unique values
	// Set, Hash and SortedSet hold unique elements that are added once and, a few of them, removed once.
	Set       Kind = "set"     // SADD, SREM, SMEMBERS, SISMEMBER
	Hash      Kind = "hash"    // HSET, HDEL, HGETALL, HGET
	SortedSet Kind = "zset"    // ZADD, ZREM, ZRANGE, ZSCORE
	List      Kind = "list"    // RPUSH, LRANGE, LLEN
	Counter   Kind = "counter" // INCR, GET
	CAS       Kind = "cas"     // compare and set by WATCH/MULTI or Lua, DEL
	Lock      Kind = "lock"    // SET NX PX, with fencing tokens; GET
	Bank      Kind = "bank"    // transfers in MULTI/EXEC or Lua, with a ledger
	Queue     Kind = "queue"   // LPUSH, BLMOVE, LREM; LRANGE
	Stream    Kind = "stream"  // XADD, XREADGROUP, XACK; XRANGE
	Expiry    Kind = "expiry"  // SET PX GET, half of them with a ledger; GET
	Txn       Kind = "txn"     // list-append transactions in MULTI/EXEC
)

// ReadFrom says which nodes are read.
type ReadFrom string

// Where reads go.
const (
	Master   ReadFrom = "master"
	Replicas ReadFrom = "replicas"
	Both     ReadFrom = "both" // each reader of every other kind
	Nowhere  ReadFrom = "none"
)

// WaitAOF is what WAITAOF asks for.
type WaitAOF = clients.WaitAOF

// Spec is a workload as data; the zero value of a field is its default.
type Spec struct {
	Kind     Kind     `json:"kind"`
	Writers  int      `json:"writers,omitempty"`   // clients that write, over all workers; default 8
	Readers  int      `json:"readers,omitempty"`   // clients that read, or take elements off a queue or stream; default 4
	ReadFrom ReadFrom `json:"read_from,omitempty"` // default Both
	// Keys is how many registers, counters, locks, queues... there are, or accounts of the bank; the defaults are DefaultKeys. In a Cluster
	// each shard has one at least, and a bank of its own.
	// Registers with one writer each are at least as many as writers. Sets and lists take a new key after 1,000 elements instead.
	Keys int     `json:"keys,omitempty"`
	Zipf float64 `json:"zipf,omitempty"` // exponent of the key distribution, above 1; 0: uniform
	// Lookers are the clients that read a queue or stream without taking, where ReadFrom says; default 4.
	Lookers int `json:"lookers,omitempty"`
	// ValueSize pads values to so many bytes.
	ValueSize int `json:"value_size,omitempty"`
	// Rate is op/s over all clients in open loop, default 2,000; Closed runs as fast as replies come instead. Of a queue or stream it
	// is what the writers put in, the lookers read as often, and the consumers go as fast as there is work. ReadRate is the op/s of
	// all readers together, consumers too; 0: their share of Rate, a quarter at least where whole collections are read.
	Rate     int  `json:"rate,omitempty"`
	ReadRate int  `json:"read_rate,omitempty"`
	Closed   bool `json:"closed,omitempty"`
	// Shared lets every writer write every register key (unique values, order by predecessor replies alone); otherwise each
	// key has one writer and its values are versions.
	Shared bool `json:"shared,omitempty"`
	// Timeout of a command (read and write), of a dial; default 1 s each.
	Timeout     time.Duration `json:"timeout,omitempty"`
	DialTimeout time.Duration `json:"dial_timeout,omitempty"`
	// Wait issues WAIT for so many replicas after every write, on its connection, at most WaitTimeout (default 1 s).
	Wait int `json:"wait,omitempty"`
	// WaitAOF issues WAITAOF instead, which waits for fsyncs of the append-only file; Redis knows it from 7.2 on. WaitTimeout is then 3 s
	// by default: with appendfsync everysec a fsync may be as much as a second away, on a replica one more.
	WaitAOF     WaitAOF       `json:"wait_aof,omitzero"`
	WaitTimeout time.Duration `json:"wait_timeout,omitempty"`
	// Lua uses a script instead of MULTI/EXEC where both exist (bank, cas).
	Lua bool `json:"lua,omitempty"`
	// Fencing makes locks use fencing tokens. Lease is a lock's or a key's time to live, default 500 ms.
	Fencing bool          `json:"fencing,omitempty"`
	Lease   time.Duration `json:"lease,omitempty"`
	// Probes is how many visibility probes a second each worker makes beside its load: a write to a register of its own, then
	// one replica read after a delay from 0 to 1 s. Default 15 for registers that are read from replicas; negative: none.
	Probes int `json:"probes,omitempty"`
	// ReadMostly is how many registers a part beside the load has that is read far more often than written: each is written once a
	// second, and one client for the master and one for each replica, pinned to it, read them 100 times a second. 0: no such part.
	ReadMostly int `json:"read_mostly,omitempty"`
	// ReplicaWrites is how many writes a second go to each replica, which is to refuse them, at a key of its own; default 1; negative:
	// none.
	ReplicaWrites int `json:"replica_writes,omitempty"`
	// ClusterReload says when clients of a Cluster ask anew who owns which slots: "" after a dial that failed, "library" as go-redis does by
	// itself (every 60 s), or a duration such as "500ms".
	ClusterReload string `json:"cluster_reload,omitempty"`
	// WorkerShare is how many clients run in each worker beyond the first: {"w2": 1}; the rest runs in w1.
	WorkerShare map[string]int `json:"worker_share,omitempty"`
}

// Job is what one worker gets: the spec, its share of it, and where the servers are.
type Job struct {
	Spec   Spec   `json:"spec"`
	Worker string `json:"worker"`
	// WorkerNode is the worker's number in Run.Nodes, WorkerIndex its number among the workers, from 0.
	WorkerNode  int32 `json:"worker_node"`
	WorkerIndex int   `json:"worker_index"`
	// Writers and Readers are this worker's clients; the first of each has the number FirstWriter, FirstReader among all of its kind.
	Writers     int   `json:"writers"`
	FirstWriter int   `json:"first_writer"`
	Readers     int   `json:"readers"`
	FirstReader int   `json:"first_reader"`
	Seed        int64 `json:"seed"`
	// Servers are ip:port by node number in Run.Nodes; Master is the first one's number; Replicas are the fixed addresses of reads.
	Servers  map[string]int32 `json:"servers"`
	Master   string           `json:"master"`
	Replicas []string         `json:"replicas"`
	// Sentinels are their ip:port; empty: writes go to Master for good. MasterName is Sentinel's name of it.
	Sentinels  []string `json:"sentinels,omitempty"`
	MasterName string   `json:"master_name,omitempty"`
	// Cluster are the ip:port of a Cluster's servers; empty: there is none. ReplicasOf are, for each of them, the replicas of its shard.
	// Slots are which shard has which slots at the start, Shards the shard of each server, by its address.
	Cluster    []string             `json:"cluster,omitempty"`
	ReplicasOf map[string][]string  `json:"replicas_of,omitempty"`
	Slots      []history.ShardSlots `json:"slots,omitempty"`
	Shards     map[string]int       `json:"shards,omitempty"`
	// Access is how the clients get in at the servers, SentinelAccess at the sentinels.
	Access         access.Access `json:"access"`
	SentinelAccess access.Access `json:"sentinel_access"`
	// Prefix stands before the name of every key, and TTL is the time to live that every write of a register sets; of registers only.
	Prefix string        `json:"prefix,omitempty"`
	TTL    time.Duration `json:"ttl,omitempty"`
	// Dials are the addresses that are dialled in the place of others.
	Dials map[string]string `json:"dials,omitempty"`
	// Version is the server's ("7.0.15"), for commands that older ones lack; Valkey and Redict count as 7.2.
	Version string `json:"version"`
}
