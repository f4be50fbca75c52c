package attach

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/observer"
)

// Node is a server or sentinel that was found.
type Node struct {
	history.Node
	// Addrs are all addresses by which others of the setup name it; Node.Addr is the first.
	Addrs []string
	// Family is what kind of server it is: redis, valkey or redict.
	Family string
	// Dial is where it is reached.
	Dial string
	// RTT is how long the quickest of its first answers took.
	RTT time.Duration
}

// Setup is what was found.
type Setup struct {
	Nodes      []Node // servers, the masters first, then sentinels
	MasterName string // by the sentinels; empty without them
	Slots      []history.ShardSlots
	IDs        map[string]int32 // of a Cluster's servers: their numbers by id
	// Notes say how it was found, and Uncovered what of it is not looked at and why; a sentence without a full stop each.
	Notes, Uncovered []string
}

// deepest is how many replicas of replicas are followed.
const deepest = 8

// finder looks for the nodes of one setup.
type finder struct {
	t     *Target
	s     *Setup
	byRun map[string]int // by run id: number in s.Nodes
	tried map[string]int // by address: the same, -1 where it cannot be reached
}

// Discover finds the servers and sentinels of the setup, and says how. Its error is an *Error.
func Discover(ctx context.Context, t *Target) (*Setup, error) {
	f := &finder{t: t, s: &Setup{}, byRun: map[string]int{}, tried: map[string]int{}}
	addr := t.Addr
	if len(t.Sentinels) > 0 {
		named, err := f.askSentinels(ctx)
		if err != nil {
			return nil, err
		}
		addr = cmp.Or(addr, named)
	}
	var err error
	if t.Cluster {
		err = f.cluster(ctx, addr)
	} else {
		err = f.replication(ctx, addr)
	}
	if err != nil {
		return nil, err
	}
	if len(t.Sentinels) > 0 {
		if err := f.findSentinels(ctx); err != nil {
			return nil, err
		}
	}
	return f.s, nil
}

// replication finds the master behind an address, and its replicas.
func (f *finder) replication(ctx context.Context, addr string) error {
	at, given := addr, addr
	for depth := 0; ; depth++ {
		in, rtt, err := f.t.probe(ctx, at, f.t.Access, false)
		if err != nil {
			if at != given && ctx.Err() == nil {
				return &Error{Text: fmt.Sprintf("%s is a replica of %s, as it says, and that cannot be looked at: %s", given, at, firstLine(err)),
					Do: fmt.Sprintf("say where %s is reached with -map %s=HOST:PORT", at, at), Err: err}
			}
			return err
		}
		if err := f.right(at, in); err != nil {
			return err
		}
		if isReplica(in) && depth < deepest {
			next := net.JoinHostPort(in["master_host"], in["master_port"])
			f.note("%s is a replica of %s: the setup of that master is watched", at, next)
			at = next
			continue
		}
		if isReplica(in) {
			return &Error{Text: fmt.Sprintf("behind %s stands one replica after the other, and no master within %d", given, deepest), Do: "give the master's address"}
		}
		master := f.add(at, in, rtt, history.RoleMaster)
		f.replicasOf(ctx, master, in, 0)
		return ctx.Err()
	}
}

// right refuses a server of another kind than was said.
func (f *finder) right(addr string, in observer.Info) error {
	mode := cmp.Or(in["redis_mode"], in["server_mode"])
	switch {
	case mode == "sentinel":
		return wrong("%s is a sentinel", "give it with -sentinel, and the master's name with -master-name", addr)
	case mode == "cluster" && !f.t.Cluster:
		return wrong("%s is a server of a Redis Cluster", "add -cluster", addr)
	case mode != "cluster" && f.t.Cluster:
		return wrong("%s is in no Redis Cluster", "leave -cluster out", addr)
	}
	return nil
}

func isReplica(in observer.Info) bool { return in["role"] == "slave" || in["role"] == "replica" }

func firstLine(err error) string {
	if e, ok := err.(*Error); ok { //nolint:errorlint // only its own line is wanted
		return e.Text
	}
	return words(err)
}

func (f *finder) note(format string, args ...any) {
	f.s.Notes = append(f.s.Notes, fmt.Sprintf(format, args...))
}

func (f *finder) uncovered(format string, args ...any) {
	f.s.Uncovered = append(f.s.Uncovered, fmt.Sprintf(format, args...))
}

// add makes a node of an answer, or finds the one that it already is under another address.
func (f *finder) add(addr string, in observer.Info, rtt time.Duration, role history.Role) int {
	if i, ok := f.byRun[in["run_id"]]; ok {
		n := &f.s.Nodes[i]
		if !slices.Contains(n.Addrs, addr) {
			n.Addrs = append(n.Addrs, addr)
		}
		f.tried[addr] = i
		return i
	}
	n := Node{Node: history.Node{Kind: history.Server, Addr: addr, Role: role, RunID: in["run_id"], Version: version(in), Build: in["redis_build_id"]},
		Family: family(in), Addrs: []string{addr}, Dial: f.t.reached(addr), RTT: rtt}
	prefix := "n"
	if role == history.RoleSentinel {
		n.Kind, prefix = history.Sentinel, "s"
	}
	count := 1
	for _, o := range f.s.Nodes {
		if o.Kind == n.Kind {
			count++
		}
	}
	n.Name = prefix + strconv.Itoa(count)
	i := len(f.s.Nodes)
	f.s.Nodes = append(f.s.Nodes, n)
	f.byRun[in["run_id"]], f.tried[addr] = i, i
	if n.Dial != addr {
		f.note("%s announces itself as %s, and is reached at %s", n.Name, addr, n.Dial)
	}
	return i
}

// alias notes another address by which the setup names a node.
func (f *finder) alias(node int, addr string) {
	if i, ok := f.tried[addr]; ok && i >= 0 {
		return
	}
	n := &f.s.Nodes[node]
	n.Addrs = append(n.Addrs, addr)
	f.tried[addr] = node
	f.note("its replicas know %s, which is reached at %s, as %s", n.Name, n.Dial, addr)
}

// version is the server's own, of Valkey and Redict not the one of Redis that it claims to be compatible with.
func version(in observer.Info) string {
	return cmp.Or(in["valkey_version"], in["redict_version"], in["redis_version"])
}

// family is what kind of server it is: redis, valkey or redict.
func family(in observer.Info) string {
	switch {
	case in["valkey_version"] != "":
		return "valkey"
	case in["redict_version"] != "":
		return "redict"
	}
	return "redis"
}

// replicasOf adds the replicas that a server tells of, and theirs. One that cannot be reached is named and left out.
func (f *finder) replicasOf(ctx context.Context, of int, in observer.Info, depth int) {
	for _, addr := range replicaAddrs(in) {
		if _, ok := f.tried[addr]; ok || depth >= deepest || ctx.Err() != nil {
			continue
		}
		name := f.s.Nodes[of].Name
		theirs, rtt, err := f.t.probe(ctx, addr, f.t.Access, false)
		if err == nil && !isReplica(theirs) {
			err = &Error{Text: fmt.Sprintf("%s says it is a %s, although %s counts it among its replicas", addr, theirs["role"], name)}
		}
		if err != nil {
			f.tried[addr] = -1
			f.uncovered("a replica of %s (%s): it announces itself as %s, and %s; -map %s=HOST:PORT says where it is reached", name, f.s.Nodes[of].Addr, addr, firstLine(err), addr)
			continue
		}
		if theirs["master_replid"] == in["master_replid"] { // it follows this one, by whatever name
			f.alias(of, net.JoinHostPort(theirs["master_host"], theirs["master_port"]))
		}
		f.replicasOf(ctx, f.add(addr, theirs, rtt, history.RoleReplica), theirs, depth+1)
	}
}

// replicaAddrs are those of INFO's lines "slave0:ip=10.0.0.2,port=6379,state=online,...", in their order.
func replicaAddrs(in observer.Info) []string {
	var out []string
	for i := 0; ; i++ {
		line, ok := in["slave"+strconv.Itoa(i)]
		if !ok {
			return out
		}
		kv := map[string]string{}
		for f := range strings.SplitSeq(line, ",") {
			k, v, _ := strings.Cut(f, "=")
			kv[k] = v
		}
		if kv["ip"] != "" && kv["port"] != "" && kv["port"] != "0" {
			out = append(out, net.JoinHostPort(kv["ip"], kv["port"]))
		}
	}
}
