//go:build linux

package agent

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/schismtest/schism/wire"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Features that probe reports.
const (
	featureDrop    = "nft"          // packets can be dropped
	featureReject  = "nft_reject"   // and answered with a reset
	featureQueue   = "nft_queue"    // and handed to userspace
	featureDestroy = "sock_destroy" // connections can be reset
)

// probe tries every feature on something of its own that is gone afterwards, and says "ok" or why not.
func probe(serverRuns bool) map[string]string {
	out := map[string]string{}
	set := func(name string, err error) {
		out[name] = "ok"
		if err != nil {
			out[name] = err.Error()
		}
	}
	nowhere := []string{"192.0.2.1"} // TEST-NET-1: nobody's address
	set(featureDrop, probeRules(wire.Rule{Dir: "in", Verdict: "drop", Peers: nowhere}))
	set(featureReject, probeRules(wire.Rule{Dir: "in", Verdict: "reject", Peers: nowhere}))
	set(featureQueue, probeQueue())
	set(featureDestroy, probeDestroy())
	for name, err := range probeQdiscs(serverRuns) {
		set(name, err)
	}
	for name, bit := range map[string]int{"cap_net_admin": unix.CAP_NET_ADMIN, "cap_sys_admin": unix.CAP_SYS_ADMIN, "cap_sys_ptrace": unix.CAP_SYS_PTRACE} {
		set(name, probeCapability(bit))
	}
	return out
}

const probeTable = "schism_probe"

func probeRules(rules ...wire.Rule) error {
	err := replaceTable(probeTable, rules)
	if err == nil {
		err = removeTable(probeTable)
	}
	return err
}

func removeTable(name string) error {
	c, err := nftables.New()
	if err != nil {
		return unavailable("open nf_tables", err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
	c.DelTable(t)
	return c.Flush()
}

// probeQueue makes a chain that no packet comes through (it hangs on no hook) with a queue rule in it.
func probeQueue() error {
	c, err := nftables.New()
	if err != nil {
		return unavailable("open nf_tables", err)
	}
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: probeTable})
	ch := c.AddChain(&nftables.Chain{Name: "none", Table: t})
	c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: []expr.Any{&expr.Queue{Num: 99, Total: 1, Flag: expr.QueueFlagBypass}}})
	if err := c.Flush(); err != nil {
		return unavailable("add a queue rule", err)
	}
	return removeTable(probeTable)
}

// probeDestroy destroys a connection of its own over loopback.
func probeDestroy() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Close()
	if err := netlink.SocketDestroy(c.LocalAddr(), c.RemoteAddr()); err != nil {
		return unavailable("destroy a socket", err)
	}
	return nil
}

// probeQdiscs tries queueing disciplines on loopback, the only interface of a container without network; with a server running
// they would delay it, so they are not tried then.
func probeQdiscs(serverRuns bool) map[string]error {
	out := map[string]error{"netem": nil, "tbf": nil}
	if serverRuns {
		for k := range out {
			out[k] = wire.Coded(wire.CodeUnavailable, "not probed while the server runs")
		}
		return out
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		for k := range out {
			out[k] = fmt.Errorf("find loopback: %w", err)
		}
		return out
	}
	attrs := netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(0xfff, 0), Parent: netlink.HANDLE_ROOT}
	out["netem"] = tryQdisc(netlink.NewNetem(attrs, netlink.NetemQdiscAttrs{Latency: 1}))
	out["tbf"] = tryQdisc(&netlink.Tbf{QdiscAttrs: attrs, Rate: 1 << 30, Limit: 1 << 20, Buffer: 1 << 20})
	return out
}

func tryQdisc(q netlink.Qdisc) error {
	if err := netlink.QdiscReplace(q); err != nil {
		return unavailable("add qdisc "+q.Type(), err)
	}
	return netlink.QdiscDel(q)
}

func probeCapability(bit int) error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err != nil {
				return fmt.Errorf("read capabilities: %w", err)
			}
			if n&(1<<bit) == 0 {
				return wire.Coded(wire.CodeUnavailable, "not granted to the container")
			}
			return nil
		}
	}
	return wire.Coded(wire.CodeUnavailable, "the kernel does not tell capabilities")
}
