package nemesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/wire"
)

const commandTimeout = 2 * time.Second

// redis sends a command to the node's server over loopback, through its agent.
func (r *runner) redis(ctx context.Context, node int, within time.Duration, args ...string) (wire.RedisReply, wire.Stamps, error) {
	var reply wire.RedisReply
	st, err := r.Cluster.Call(ctx, node, wire.OpRedis, wire.RedisArgs{Args: args, TimeoutMS: within.Milliseconds()}, &reply)
	return reply, st, err
}

// command is redis for one that must not be refused.
func (r *runner) command(ctx context.Context, node int, args ...string) (json.RawMessage, wire.Stamps, error) {
	reply, st, err := r.redis(ctx, node, commandTimeout, args...)
	if err == nil && reply.Err != "" {
		err = errors.New(reply.Err)
	}
	if err != nil {
		err = fmt.Errorf("send %s to %s: %w", args[0], r.nodes[node].Name, err)
	}
	return reply.Value, st, err
}

// debugSleep blocks a server.
type debugSleep struct {
	r    *runner
	node int
	d    time.Duration
}

func (m *debugSleep) inject(ctx context.Context) (int64, error) {
	var reply wire.RedisReply
	args := wire.RedisArgs{Args: []string{"DEBUG", "SLEEP", strconv.FormatFloat(m.d.Seconds(), 'f', 3, 64)}, TimeoutMS: commandTimeout.Milliseconds(), NoWait: true}
	st, err := m.r.Cluster.Call(ctx, m.node, wire.OpRedis, args, &reply)
	if err == nil && reply.Err != "" {
		err = fmt.Errorf("%s refused DEBUG SLEEP: %s", m.r.nodes[m.node].Name, reply.Err)
	}
	return st.T0, err // the agent waits a moment for a refusal, so T1 is later than the sleep
}

func (m *debugSleep) prove(ctx context.Context) (string, error) {
	_, _, err := m.r.redis(ctx, m.node, pingTimeout, "PING")
	switch {
	case err == nil:
		return "", fmt.Errorf("%s answers PING", m.r.nodes[m.node].Name)
	case code(err) != wire.CodeTimeout:
		return "", err
	}
	return fmt.Sprintf("%s did not answer PING for %s", m.r.nodes[m.node].Name, span(pingTimeout)), nil
}

// heal has nothing to do: a sleep ends by itself.
func (m *debugSleep) heal(context.Context) (int64, error) { return m.r.Clock(), nil }

func (m *debugSleep) proveHealed(ctx context.Context) (int64, string, error) {
	at, err := m.r.answers(ctx, m.node, m.d+answerTimeout)
	return at, m.r.nodes[m.node].Name + " answers PING", err
}

// role is what ROLE says, of a server.
type role struct {
	kind   string // master, slave
	master string // ip:port
	link   string // connected...
}

func (r *runner) role(ctx context.Context, node int) (role, error) {
	v, _, err := r.command(ctx, node, "ROLE")
	if err != nil {
		return role{}, err
	}
	var parts []any
	if err := json.Unmarshal(v, &parts); err != nil || len(parts) == 0 {
		return role{}, fmt.Errorf("read ROLE of %s: %s", r.nodes[node].Name, v)
	}
	out := role{kind: fmt.Sprint(parts[0])}
	if out.kind == "slave" && len(parts) >= 4 {
		out.master = net.JoinHostPort(fmt.Sprint(parts[1]), fmt.Sprint(parts[2]))
		out.link = fmt.Sprint(parts[3])
	}
	return out, nil
}

// follow makes a server follow another, or no one ("").
func (r *runner) follow(ctx context.Context, node int, master string) (int64, error) {
	host, port := "NO", "ONE"
	if master != "" {
		var err error
		if host, port, err = net.SplitHostPort(master); err != nil {
			return 0, fmt.Errorf("follow %s: %w", master, err)
		}
	}
	_, st, err := r.command(ctx, node, "REPLICAOF", host, port)
	return st.T1, err
}

// follows waits until the server says that it does, with its link if linked.
func (r *runner) follows(ctx context.Context, node int, master string, within time.Duration, linked bool) (string, error) {
	want := "it did not become a master"
	if master != "" {
		want = "it did not become a replica of " + master
	}
	err := poll(ctx, pollEvery, within, want, func(ctx context.Context) (bool, error) {
		ro, err := r.role(ctx, node)
		if err != nil {
			return false, err
		}
		if master == "" {
			return ro.kind == "master", fmt.Errorf("it says %s", ro.kind)
		}
		return ro.kind == "slave" && ro.master == master && (!linked || ro.link == "connected"),
			fmt.Errorf("it says %s of %s, link %s", ro.kind, ro.master, ro.link)
	})
	if master == "" {
		return r.nodes[node].Name + " says it is a master", err
	}
	text := r.nodes[node].Name + " says it is a replica of " + master
	if linked {
		text += " and its link is connected"
	}
	return text, err
}

// refollow is a REPLICAOF.
type refollow struct {
	r      *runner
	node   int
	master string // "" for no one
	known  bool   // before is
	before string // whom it followed, "" for no one
}

func (m *refollow) inject(ctx context.Context) (int64, error) {
	ro, err := m.r.role(ctx, m.node)
	if err != nil {
		return 0, err
	}
	m.before, m.known = ro.master, true
	return m.r.follow(ctx, m.node, m.master)
}

func (m *refollow) prove(ctx context.Context) (string, error) {
	return m.r.follows(ctx, m.node, m.master, proofTimeout, false)
}

func (m *refollow) heal(ctx context.Context) (int64, error) {
	if !m.known {
		return m.r.Clock(), nil // it never began
	}
	return m.r.follow(ctx, m.node, m.before)
}

func (m *refollow) proveHealed(ctx context.Context) (int64, string, error) {
	if !m.known {
		return 0, "it never began", nil
	}
	text, err := m.r.follows(ctx, m.node, m.before, answerTimeout, m.before != "")
	return 0, text, err
}

// election is a SENTINEL FAILOVER.
type election struct {
	r    *runner
	node int // the sentinel that is asked
	name string
	old  string // the master's address before
}

func (m *election) inject(ctx context.Context) (int64, error) {
	v, _, err := m.r.command(ctx, m.node, "SENTINEL", "MASTERS")
	if err != nil {
		return 0, err
	}
	if m.name, err = masterName(v); err != nil {
		return 0, err
	}
	if m.old, err = m.address(ctx); err != nil {
		return 0, err
	}
	_, st, err := m.r.command(ctx, m.node, "SENTINEL", "FAILOVER", m.name)
	return st.T1, err
}

// masterName reads the first master's name: a list of name and value by turns for each master.
func masterName(v json.RawMessage) (string, error) {
	var masters [][]any
	if err := json.Unmarshal(v, &masters); err != nil || len(masters) == 0 {
		return "", fmt.Errorf("read SENTINEL MASTERS: %s", v)
	}
	for i := 0; i+1 < len(masters[0]); i += 2 {
		if masters[0][i] == "name" {
			return fmt.Sprint(masters[0][i+1]), nil
		}
	}
	return "", errors.New("read SENTINEL MASTERS: it names none")
}

func (m *election) address(ctx context.Context) (string, error) {
	v, _, err := m.r.command(ctx, m.node, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", m.name)
	if err != nil {
		return "", err
	}
	var parts []string
	if err := json.Unmarshal(v, &parts); err != nil || len(parts) != 2 {
		return "", fmt.Errorf("read the master's address: %s", v)
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}

func (m *election) prove(ctx context.Context) (string, error) {
	var now string
	err := poll(ctx, pollEvery, 30*time.Second, m.r.nodes[m.node].Name+" named no new master", func(ctx context.Context) (bool, error) {
		var err error
		now, err = m.address(ctx)
		return err == nil && now != m.old, err
	})
	return fmt.Sprintf("%s names %s instead of %s", m.r.nodes[m.node].Name, m.r.nameOf(now), m.r.nameOf(m.old)), err
}

func (m *election) heal(context.Context) (int64, error)                { return m.r.Clock(), nil }
func (m *election) proveHealed(context.Context) (int64, string, error) { return 0, "", nil }

// nameOf is the name of the node at the address, else the address.
func (r *runner) nameOf(addr string) string {
	for _, n := range r.nodes {
		if n.Addr == addr {
			return n.Name
		}
	}
	return addr
}

// cure heals another fault.
type cure struct {
	r     *runner
	fault int
}

func (m *cure) inject(ctx context.Context) (int64, error) {
	f := m.r.faults[m.fault-1]
	if !f.open() {
		return 0, fmt.Errorf("fault %d is not there to heal", m.fault)
	}
	f.heal()
	return f.afterHeal(ctx)
}

func (m *cure) prove(context.Context) (string, error) {
	return fmt.Sprintf("fault %d healed", m.fault), nil
}

func (m *cure) heal(context.Context) (int64, error)                { return m.r.Clock(), nil }
func (m *cure) proveHealed(context.Context) (int64, string, error) { return 0, "", nil }

// mechanism settles a fault's targets, writes them into its record, and returns what makes it.
func (r *runner) mechanism(f *fault) (mechanism, error) {
	a := f.action
	if a.Kind == KindHeal {
		return &cure{r, a.Fault}, nil
	}
	if a.network() {
		return r.networkMechanism(f)
	}
	if a.ofCluster() {
		return r.clusterMechanism(f)
	}
	on, err := r.resolve(nil, a.On, nil)
	if err != nil {
		return nil, err
	}
	master := ""
	var addr string
	if a.Kind == KindReplicaOf && a.Master != NoOne {
		ms, err := r.resolve(nil, Nodes{a.Master}, nil)
		if err != nil {
			return nil, err
		}
		master, addr = r.nodes[ms[0]].Name, r.nodes[ms[0]].Addr
		if len(ms) != 1 || len(on) == 1 && on[0] == ms[0] {
			return nil, fmt.Errorf("%s cannot follow %s", r.names(on), r.names(ms))
		}
	} else if a.Kind == KindReplicaOf {
		master = NoOne.String()
	}
	if a.Kind == KindSentinelFailover || a.Kind == KindDebugSleep || a.Kind == KindReplicaOf {
		on = on[:1]
	}
	for _, n := range on {
		if r.nodes[n].Kind == history.Worker {
			return nil, fmt.Errorf("%s is a client: clients can only be cut off", r.nodes[n].Name)
		}
	}
	hit := on
	if a.Kind == KindSentinelFailover { // the sentinel is asked; what is hit is the master
		if hit, err = r.resolve(nil, Nodes{Master}, nil); err != nil {
			return nil, err
		}
	}
	r.resolved(f, a.sentence(r.names(on), "", "", master), hit, nil)
	switch a.Kind {
	case KindKill:
		return &death{r: r, id: f.id, nodes: on, sig: sigKill, children: !a.SpareChildren}, nil
	case KindStop:
		return &death{r: r, id: f.id, nodes: on, sig: sigTerm}, nil
	case KindRestart:
		return &revival{r: r, id: f.id, nodes: on, of: r.dead, again: r.start}, nil
	case KindKillAndRestart:
		return &reboot{r: r, nodes: on, children: !a.SpareChildren}, nil
	case KindPause:
		return &freeze{r: r, id: f.id, nodes: on}, nil
	case KindResume:
		return &revival{r: r, id: f.id, nodes: on, of: r.frozen, again: r.resume}, nil
	case KindDebugSleep:
		return &debugSleep{r: r, node: on[0], d: a.Sleep}, nil
	case KindReplicaOf:
		return &refollow{r: r, node: on[0], master: addr}, nil
	case KindSentinelFailover:
		return &election{r: r, node: on[0]}, nil
	}
	return nil, fmt.Errorf("unknown fault %q", string(a.Kind))
}

func (r *runner) networkMechanism(f *fault) (mechanism, error) {
	a := f.action
	m := &cut{r: r, id: f.id}
	var targets []int
	var text string
	if a.Kind == KindIsolate {
		on, err := r.resolve(nil, a.On, nil)
		if err != nil {
			return nil, err
		}
		for _, n := range on {
			rest := r.where(func(i int, _ history.Node) bool { return i != n })
			m.groups = append(m.groups, newGroup([]int{n}, rest), newGroup(rest, []int{n}))
		}
		targets, text = on, a.sentence(r.names(on), "", "", "")
	} else {
		from, to, err := r.sides(a)
		if err != nil {
			return nil, err
		}
		m.groups = []group{newGroup(from, to)}
		if a.Kind != KindOneWay {
			m.groups = append(m.groups, newGroup(to, from))
		}
		targets, text = from, a.sentence("", r.names(from), r.names(to), "")
	}
	r.resolved(f, text, targets, m.links())
	return m, nil
}

// resolved writes down what a fault hits.
func (r *runner) resolved(f *fault, text string, targets []int, links []link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.rec.Text = text
	f.rec.Targets, f.rec.Links = nil, nil
	for _, n := range targets {
		f.rec.Targets = append(f.rec.Targets, int32(n))
	}
	for _, l := range links {
		f.rec.Links = append(f.rec.Links, [2]int32{int32(l.from), int32(l.to)})
	}
}
