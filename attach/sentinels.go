package attach

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/schismtest/schism/history"
)

// askSentinels asks the first sentinel that answers for the master.
func (f *finder) askSentinels(ctx context.Context) (master string, err error) {
	for _, addr := range f.t.Sentinels {
		in, _, perr := f.t.probe(ctx, addr, f.t.SentinelAccess, true)
		if perr == nil && in["redis_mode"] != "sentinel" && in["server_mode"] != "sentinel" {
			return "", wrong("%s is no sentinel", "give servers with -addr", addr)
		}
		if perr != nil {
			if err == nil {
				err = perr
			}
			continue
		}
		return f.masterBy(ctx, addr)
	}
	return "", err
}

// masterBy is where a sentinel says that the master is.
func (f *finder) masterBy(ctx context.Context, addr string) (string, error) {
	c, err := f.t.dial(ctx, addr, f.t.SentinelAccess, true)
	if err != nil {
		return "", err
	}
	defer c.Close()
	within, cancel := context.WithTimeout(ctx, f.t.timeout())
	defer cancel()
	v, err := c.Do(within, "SENTINEL", "MASTERS")
	if err != nil {
		return "", f.t.explain(ctx, addr, f.t.SentinelAccess, true, err)
	}
	var names []string
	at := map[string]string{}
	for _, m := range replies(v) {
		names = append(names, m["name"])
		at[m["name"]] = net.JoinHostPort(m["ip"], m["port"])
	}
	name := f.t.MasterName
	switch {
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "" && len(names) == 0:
		return "", wrong("%s watches no master", "give a sentinel that does", addr)
	case name == "":
		return "", wrong("%s watches %d masters", "say which with -master-name: "+strings.Join(names, ", "), addr, len(names))
	case at[name] == "":
		return "", wrong("%s watches no master %q", "its masters are "+strings.Join(names, ", "), addr, name)
	}
	f.s.MasterName = name
	master := at[name]
	if a, err := c.Do(within, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name); err == nil { // in a failover the new one, before MASTERS names it
		if l, ok := a.([]any); ok && len(l) == 2 {
			master = net.JoinHostPort(fmt.Sprint(l[0]), fmt.Sprint(l[1]))
		}
	}
	f.note("the sentinel %s names %s as the master of %q", addr, master, name)
	return master, nil
}

// findSentinels adds those that were given, and those that these know. One that cannot be reached is named and left out.
func (f *finder) findSentinels(ctx context.Context) error {
	todo := f.t.Sentinels
	tried := map[string]bool{}
	for len(todo) > 0 {
		addr := todo[0]
		todo = todo[1:]
		if tried[addr] || ctx.Err() != nil {
			continue
		}
		tried[addr] = true
		in, rtt, err := f.t.probe(ctx, addr, f.t.SentinelAccess, true)
		if err != nil {
			f.uncovered("the sentinel %s: %s; -map %s=HOST:PORT says where it is reached", addr, firstLine(err), addr)
			continue
		}
		f.add(addr, in, rtt, history.RoleSentinel)
		known, refused := f.knownBy(ctx, addr)
		if refused != "" {
			f.uncovered("what the sentinel %s knows of others: %s", addr, refused)
		}
		todo = append(todo, known...)
	}
	return ctx.Err()
}

// knownBy are the sentinels and servers that a sentinel knows; servers that are not known yet are noted, as they are no replicas now.
func (f *finder) knownBy(ctx context.Context, addr string) (sentinels []string, refused string) {
	c, err := f.t.dial(ctx, addr, f.t.SentinelAccess, true)
	if err != nil {
		return nil, firstLine(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, f.t.timeout())
	defer cancel()
	v, err := c.Do(ctx, "SENTINEL", "SENTINELS", f.s.MasterName)
	if err != nil {
		return nil, words(err)
	}
	for _, m := range replies(v) {
		sentinels = append(sentinels, net.JoinHostPort(m["ip"], m["port"]))
	}
	v, err = c.Do(ctx, "SENTINEL", "REPLICAS", f.s.MasterName)
	if err != nil {
		return sentinels, words(err)
	}
	for _, m := range replies(v) {
		f.known(ctx, net.JoinHostPort(m["ip"], m["port"]), addr)
	}
	return sentinels, ""
}

// known adds a server that a sentinel tells of: it may have no link to its master now, so that the master does not name it.
func (f *finder) known(ctx context.Context, addr, by string) {
	if _, ok := f.tried[addr]; ok || ctx.Err() != nil {
		return
	}
	in, rtt, err := f.t.probe(ctx, addr, f.t.Access, false)
	if err != nil {
		f.tried[addr] = -1
		f.uncovered("a server that the sentinel %s knows as %s: %s; -map %s=HOST:PORT says where it is reached", by, addr, firstLine(err), addr)
		return
	}
	role := history.RoleMaster
	if isReplica(in) {
		role = history.RoleReplica
	}
	f.add(addr, in, rtt, role)
}

// replies reads a reply of SENTINEL: a list of names and values in turn, one an instance.
func replies(v any) []map[string]string {
	list, _ := v.([]any)
	var out []map[string]string
	for _, in := range list {
		pairs, _ := in.([]any)
		m := map[string]string{}
		for i := 0; i+1 < len(pairs); i += 2 {
			k, _ := pairs[i].(string)
			val, _ := pairs[i+1].(string)
			m[k] = val
		}
		if m["ip"] != "" {
			out = append(out, m)
		}
	}
	return out
}
