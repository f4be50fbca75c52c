//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/schismtest/schism/wire"
	"golang.org/x/sys/unix"
)

// The one table that an agent makes, and its one chain.
const (
	tableName = "schism"
	chainName = "in"
)

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
		in := c.AddChain(&nftables.Chain{Name: chainName, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
			Priority: nftables.ChainPriorityFilter, Policy: &accept})
		for i, r := range rules {
			exprs, err := expressions(c, t, i, r)
			if err != nil {
				return err
			}
			c.AddRule(&nftables.Rule{Table: t, Chain: in, Exprs: exprs, UserData: binary.BigEndian.AppendUint32(nil, uint32(i))})
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

// sourceOffset is where an IPv4 header holds the source address.
const sourceOffset = 12

// expressions translates rule number i: not by loopback, from the peers, counted, dropped.
func expressions(c *nftables.Conn, t *nftables.Table, i int, r wire.Rule) ([]expr.Any, error) {
	set, err := peerSet(c, t, i, r.Peers)
	if err != nil {
		return nil, err
	}
	lo := make([]byte, unix.IFNAMSIZ)
	copy(lo, "lo")
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: lo},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: sourceOffset, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}, nil
}

func peerSet(c *nftables.Conn, t *nftables.Table, i int, peers []string) (*nftables.Set, error) {
	if len(peers) == 0 {
		return nil, wire.Coded(wire.CodeUsage, "rule %d drops nobody's packets: name its peers", i)
	}
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
	rules, err := c.GetRules(t, &nftables.Chain{Name: chainName, Table: t})
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
	return out, nil
}
