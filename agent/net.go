//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/schismtest/schism/wire"
	"golang.org/x/sys/unix"
)

// tableName is the one table that an agent makes.
const tableName = "schism"

// firewall keeps the node's rules. Loopback is never matched: the observer and the commands of the nemesis must get through.
type firewall struct {
	mu    sync.Mutex
	rules int
}

// apply replaces all rules in one transaction: no packet sees half of them.
func (f *firewall) apply(rules []wire.Rule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := replaceTable(tableName, rules); err != nil {
		return err
	}
	f.rules = len(rules)
	return nil
}

func replaceTable(name string, rules []wire.Rule) error {
	c, err := nftables.New()
	if err != nil {
		return unavailable("open nf_tables", err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: name}
	c.AddTable(t) // so that there is one to delete
	c.DelTable(t)
	if len(rules) > 0 {
		c.AddTable(t)
		accept := nftables.ChainPolicyAccept
		chains := map[string]*nftables.Chain{}
		for dir, hook := range map[string]*nftables.ChainHook{"in": nftables.ChainHookInput, "out": nftables.ChainHookOutput} {
			chains[dir] = c.AddChain(&nftables.Chain{Name: dir, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook,
				Priority: nftables.ChainPriorityFilter, Policy: &accept})
		}
		for i, r := range rules {
			exprs, err := expressions(c, t, i, r)
			if err != nil {
				return err
			}
			c.AddRule(&nftables.Rule{Table: t, Chain: chains[r.Dir], Exprs: exprs, UserData: binary.BigEndian.AppendUint32(nil, uint32(i))})
		}
	}
	if err := c.Flush(); err != nil {
		return unavailable("apply rules", err)
	}
	return nil
}

// unavailable marks errors that say that the kernel or the container's rights do not allow something at all.
func unavailable(what string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return wire.Coded(wire.CodeUnavailable, "%s: the container lacks NET_ADMIN: %w", what, err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return wire.Coded(wire.CodeUnavailable, "%s: the kernel does not support it: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// expressions translates rule number i: interface, peers, ports, counter, verdict.
func expressions(c *nftables.Conn, t *nftables.Table, i int, r wire.Rule) ([]expr.Any, error) {
	iface, addrOffset := expr.MetaKeyIIFNAME, uint32(12) // source address
	switch r.Dir {
	case "in":
	case "out":
		iface, addrOffset = expr.MetaKeyOIFNAME, 16 // destination address
	default:
		return nil, wire.Coded(wire.CodeUsage, "rule %d: direction %q is neither in nor out", i, r.Dir)
	}
	lo := make([]byte, unix.IFNAMSIZ)
	copy(lo, "lo")
	e := []expr.Any{
		&expr.Meta{Key: iface, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: lo},
	}
	if len(r.Peers) > 0 {
		set, err := peerSet(c, t, i, r.Peers)
		if err != nil {
			return nil, err
		}
		e = append(e,
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: addrOffset, Len: 4},
			&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
	}
	if r.SPort != 0 || r.DPort != 0 || r.Verdict == "reject" { // a reset answers TCP only
		e = append(e, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}})
	}
	if r.SPort != 0 {
		e = append(e, portIs(0, r.SPort)...)
	}
	if r.DPort != 0 {
		e = append(e, portIs(2, r.DPort)...)
	}
	e = append(e, &expr.Counter{})
	switch r.Verdict {
	case "drop":
		e = append(e, &expr.Verdict{Kind: expr.VerdictDrop})
	case "reject":
		e = append(e, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	default:
		return nil, wire.Coded(wire.CodeUsage, "rule %d: verdict %q is neither drop nor reject", i, r.Verdict)
	}
	return e, nil
}

func peerSet(c *nftables.Conn, t *nftables.Table, i int, peers []string) (*nftables.Set, error) {
	s := &nftables.Set{Table: t, Name: fmt.Sprintf("peers%d", i), KeyType: nftables.TypeIPAddr}
	seen := map[netip.Addr]bool{}
	var elems []nftables.SetElement
	for _, p := range peers {
		a, err := netip.ParseAddr(p)
		if err != nil || !a.Is4() {
			return nil, wire.Coded(wire.CodeUsage, "rule %d: peer %q is no IPv4 address", i, p)
		}
		if !seen[a] {
			seen[a] = true
			b := a.As4()
			elems = append(elems, nftables.SetElement{Key: b[:]})
		}
	}
	if err := c.AddSet(s, elems); err != nil {
		return nil, fmt.Errorf("rule %d: add peers: %w", i, err)
	}
	return s, nil
}

func portIs(offset uint32, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
	}
}

// counters are what the rules matched since they were applied, in their order.
func (f *firewall) counters() ([]wire.Counter, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]wire.Counter, f.rules)
	if f.rules == 0 {
		return out, nil
	}
	c, err := nftables.New()
	if err != nil {
		return nil, unavailable("open nf_tables", err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}
	for _, dir := range []string{"in", "out"} {
		rules, err := c.GetRules(t, &nftables.Chain{Name: dir, Table: t})
		if err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		for _, r := range rules {
			if len(r.UserData) != 4 {
				continue
			}
			i := int(binary.BigEndian.Uint32(r.UserData))
			for _, e := range r.Exprs {
				if n, ok := e.(*expr.Counter); ok && i < len(out) {
					out[i] = wire.Counter{Packets: n.Packets, Bytes: n.Bytes}
				}
			}
		}
	}
	return out, nil
}
