package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

// commandTime bounds one command to a server that is starting.
const commandTime = 2000 // ms

// redis sends one command to the node's server and stores the reply in out.
func (n *Node) redis(ctx context.Context, out any, args ...string) error {
	var r wire.RedisReply
	if _, err := n.Conn.Call(ctx, wire.OpRedis, wire.RedisArgs{Args: args, TimeoutMS: commandTime}, &r); err != nil {
		return err
	}
	if r.Err != "" {
		return errors.New(r.Err)
	}
	if err := json.Unmarshal(r.Value, out); err != nil {
		return fmt.Errorf("read reply to %s: %w", args[0], err)
	}
	return nil
}

// info is a section of INFO.
func (n *Node) info(ctx context.Context, section string) (map[string]string, error) {
	var text string
	if err := n.redis(ctx, &text, "INFO", section); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for l := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(l), ":"); ok {
			m[k] = v
		}
	}
	return m, nil
}

// table reads the reply of a SENTINEL command, a flat list of names and values.
type table map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (t *table) UnmarshalJSON(b []byte) error {
	var flat []any
	if err := json.Unmarshal(b, &flat); err != nil {
		return fmt.Errorf("read table: %w", err)
	}
	*t = table{}
	for i := 0; i+1 < len(flat); i += 2 {
		(*t)[fmt.Sprint(flat[i])] = fmt.Sprint(flat[i+1])
	}
	return nil
}

// await polls until look finds nothing wrong any more: it returns what it saw, and an error as long as that is not it. A server that
// ends meanwhile, and a config that it does not take, are told at once.
func (d *Deployment) await(ctx context.Context, n *Node, want string, look func(context.Context) (saw string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var saw string
	err := poll(ctx, func() (bool, error) {
		s, err := look(ctx)
		if err == nil {
			return true, nil
		}
		if ctx.Err() == nil {
			saw = s
		}
		if n.Role == history.RoleReplica {
			if err := notLetIn(n.Name, n.log.String()); err != nil {
				return false, err
			}
		}
		return false, d.dead(ctx, n)
	})
	var ce *ConfigError
	var se *StartError
	switch {
	case err == nil || errors.As(err, &ce) || errors.As(err, &se):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("gave up after %s: %w", readyTime, err)
	}
	return &StartError{Node: n.Name, Want: want, Saw: saw, Log: lines(n.log.String(), 3), Err: err}
}

// dead says why the node's server has ended; nil while it runs.
func (d *Deployment) dead(ctx context.Context, n *Node) error {
	var p wire.Proc
	if _, err := n.Conn.Call(ctx, wire.OpProc, nil, &p); err != nil || p.Pid != 0 {
		return err
	}
	if err := fatalConfig(n.Name, p.Tail); err != nil {
		return err
	}
	return &StartError{Node: n.Name, Want: "its server ended right away", Saw: p.Exit, Log: lines(p.Tail, 3)}
}

// awaitReplicas waits until every replica's link is up, the server that it follows says that it is online, and it has what that one has: a
// link is up for as much as a second before the stream flows.
func (d *Deployment) awaitReplicas(ctx context.Context, replicas []*Node) error {
	return d.each(ctx, replicas, func(ctx context.Context, n *Node) error {
		up := d.named(d.spec.upstream(n.Name))
		return d.await(ctx, n, "it does not follow "+up.Name, func(ctx context.Context) (string, error) {
			r, err := n.info(ctx, "replication")
			if err != nil {
				return err.Error(), err
			}
			m, err := up.info(ctx, "replication")
			if err != nil {
				return err.Error(), err
			}
			if why := notFollowing(n.Addr, up.Name, r, m); why != "" {
				return why, errors.New(why)
			}
			return "", nil
		})
	})
}

// awaitStream sends something through replication that changes no data, and waits until every replica has it: a replica that is
// online may still get nothing for up to a second, which would count as lag of the first writes.
func (d *Deployment) awaitStream(ctx context.Context, master *Node, replicas []*Node) error {
	if len(replicas) == 0 {
		return nil
	}
	// In a Cluster messages go over the bus; a WAIT that cannot be met asks the replicas through their stream, and gives up at once.
	word := []string{"PUBLISH", "schism:ready", "ready"}
	if d.spec.Kind == KindCluster {
		word = []string{"WAIT", "1000", "1"}
	}
	var heard int64
	if err := master.redis(ctx, &heard, word...); err != nil {
		return fmt.Errorf("send %s to %s: %w", word[0], master.Name, err)
	}
	m, err := master.info(ctx, "replication")
	if err != nil {
		return err
	}
	want, err := strconv.ParseInt(m["master_repl_offset"], 10, 64)
	if err != nil {
		return fmt.Errorf("read offset of %s: %w", master.Name, err)
	}
	return d.each(ctx, replicas, func(ctx context.Context, n *Node) error {
		return d.await(ctx, n, "nothing comes through replication", func(ctx context.Context) (string, error) {
			r, err := n.info(ctx, "replication")
			if err != nil {
				return err.Error(), err
			}
			if own, err := strconv.ParseInt(r["slave_repl_offset"], 10, 64); err != nil || own < want {
				why := fmt.Sprintf("it is at offset %s, the master was at %d", r["slave_repl_offset"], want)
				return why, errors.New(why)
			}
			return "", nil
		})
	})
}

// notFollowing says what is missing until a replica follows the server up, from its and that one's INFO; empty when nothing is. The replica
// was asked first.
func notFollowing(addr, up string, replica, master map[string]string) string {
	if s := replica["master_link_status"]; s != "up" {
		return "its link is " + s
	}
	if replica["master_replid"] != master["master_replid"] {
		return "it has another replication id than " + up
	}
	ip, _, _ := strings.Cut(addr, ":")
	for k, v := range master {
		if !strings.HasPrefix(k, "slave") || !strings.Contains(v, "ip="+ip+",") {
			continue
		}
		f := fields(v)
		if f["state"] != "online" {
			return up + " says it is " + f["state"]
		}
		// The replica's own word is the older one: once the master has heard of it or of more, the stream flows both ways.
		acked, err1 := strconv.ParseInt(f["offset"], 10, 64)
		own, err2 := strconv.ParseInt(replica["slave_repl_offset"], 10, 64)
		if err1 != nil || err2 != nil || acked < own {
			return fmt.Sprintf("%s believes it is at offset %s, it is at %s", up, f["offset"], replica["slave_repl_offset"])
		}
		return ""
	}
	return up + " does not know it"
}

// fields reads "ip=10.0.0.2,port=6379,state=online".
func fields(s string) map[string]string {
	m := map[string]string{}
	for f := range strings.SplitSeq(s, ",") {
		if k, v, ok := strings.Cut(f, "="); ok {
			m[k] = v
		}
	}
	return m
}

// awaitSentinel waits until a sentinel knows the master, every replica with its link, and every other sentinel, and finds none of
// them down.
func (d *Deployment) awaitSentinel(ctx context.Context, n *Node) error {
	return d.await(ctx, n, "it does not agree with the others", func(ctx context.Context) (string, error) {
		var m table
		if err := n.redis(ctx, &m, "SENTINEL", "MASTER", MasterName); err != nil {
			return err.Error(), err
		}
		var replicas, others []table
		if err := n.redis(ctx, &replicas, "SENTINEL", "REPLICAS", MasterName); err != nil {
			return err.Error(), err
		}
		if err := n.redis(ctx, &others, "SENTINEL", "SENTINELS", MasterName); err != nil {
			return err.Error(), err
		}
		if why := disagrees(d.nodes(), m, replicas, others); why != "" {
			return why, errors.New(why)
		}
		return "", nil
	})
}

// disagrees says what a sentinel does not know yet; empty when it knows everything.
func disagrees(nodes []history.Node, master table, replicas, others []table) string {
	var wantReplicas, wantOthers int
	for _, n := range nodes {
		switch {
		case n.Kind == history.Sentinel:
			wantOthers++
		case n.Role == history.RoleReplica:
			wantReplicas++
		}
	}
	wantOthers--
	switch {
	case master["ip"]+":"+master["port"] != nodes[0].Addr:
		return "it takes " + master["ip"] + ":" + master["port"] + " for the master"
	case master["flags"] != "master":
		return "it says the master is " + master["flags"]
	case len(replicas) != wantReplicas:
		return fmt.Sprintf("it knows %d of %d replicas", len(replicas), wantReplicas)
	case len(others) != wantOthers:
		return fmt.Sprintf("it knows %d of %d other sentinels", len(others), wantOthers)
	}
	for _, r := range replicas {
		if r["flags"] != "slave" {
			return "it says " + r["name"] + " is " + r["flags"]
		}
		if r["master-link-status"] != "ok" {
			return "it says the link of " + r["name"] + " is " + r["master-link-status"]
		}
	}
	for _, o := range others {
		if o["flags"] != "sentinel" {
			return "it says sentinel " + o["name"] + " is " + o["flags"]
		}
	}
	return ""
}
