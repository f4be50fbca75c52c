// Package clusterview reads what a cluster-mode server says of its cluster (CLUSTER INFO, CLUSTER NODES), and writes the nodes.conf that it
// starts with, which has the same lines.
package clusterview

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/schismtest/schism/history"
)

// BusOffset is how far a server's cluster bus port lies above its own.
const BusOffset = 10000

// Line is one line of CLUSTER NODES or nodes.conf.
type Line struct {
	ID    string
	Addr  string // ip:port
	Flags []string
	// MasterID is the id of the one that it follows; empty for a master.
	MasterID string
	Epoch    int64 // config epoch
	LinkUp   bool
	Slots    []history.SlotRange
	// Migrating and Importing are the slots on their way, and the id of the node that they go to or come from; of myself only.
	Migrating, Importing map[int]string
}

// Is reports whether the line has the flag ("myself", "fail?").
func (l *Line) Is(flag string) bool { return slices.Contains(l.Flags, flag) }

// Read reads the text of CLUSTER NODES, by id.
func Read(text string) ([]Line, error) {
	var out []Line
	for raw := range strings.Lines(text) {
		f := strings.Fields(raw)
		if len(f) == 0 || f[0] == "vars" {
			continue
		}
		l, err := readLine(f)
		if err != nil {
			return nil, fmt.Errorf("read CLUSTER NODES: %q: %w", strings.TrimSpace(raw), err)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Line) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// readLine reads "id ip:port@bus[,hostname[,aux=value...]] flags master ping-sent pong-received epoch link slots...".
func readLine(f []string) (Line, error) {
	if len(f) < 8 {
		return Line{}, fmt.Errorf("it has %d fields, not 8", len(f))
	}
	l := Line{ID: f[0], Flags: strings.Split(f[2], ","), LinkUp: f[7] == "connected"}
	l.Addr, _, _ = strings.Cut(f[1], "@")
	if f[3] != "-" {
		l.MasterID = f[3]
	}
	var err error
	if l.Epoch, err = strconv.ParseInt(f[6], 10, 64); err != nil {
		return Line{}, fmt.Errorf("epoch: %w", err)
	}
	for _, s := range f[8:] {
		if err := l.slots(s); err != nil {
			return Line{}, fmt.Errorf("slots %s: %w", s, err)
		}
	}
	slices.SortFunc(l.Slots, func(a, b history.SlotRange) int { return cmp.Compare(a.From, b.From) })
	return l, nil
}

// slots reads "0-5460", "7", "[93->-id]" and "[93-<-id]".
func (l *Line) slots(s string) error {
	if moving, ok := strings.CutPrefix(s, "["); ok {
		moving = strings.TrimSuffix(moving, "]")
		for sep, m := range map[string]*map[int]string{"->-": &l.Migrating, "-<-": &l.Importing} {
			if text, id, ok := strings.Cut(moving, sep); ok {
				slot, err := slot(text)
				if err != nil {
					return err
				}
				if *m == nil {
					*m = map[int]string{}
				}
				(*m)[int(slot)] = id
			}
		}
		return nil
	}
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	a, err := slot(from)
	if err != nil {
		return err
	}
	b, err := slot(to)
	if err != nil {
		return err
	}
	l.Slots = append(l.Slots, history.SlotRange{From: a, To: b})
	return nil
}

func slot(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && n >= history.Slots {
		err = fmt.Errorf("slot %d does not exist", n)
	}
	return uint16(n), err
}

// Info is the text of CLUSTER INFO by field.
func Info(text string) map[string]string {
	m := map[string]string{}
	for l := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(l), ":"); ok {
			m[k] = v
		}
	}
	return m
}

// View is what the texts of CLUSTER INFO and CLUSTER NODES say. number gives a node's number by its id, and false for an unknown one. Its
// node and times are the caller's to fill in.
func View(info, nodes string, number map[string]int32) (history.View, error) {
	lines, err := Read(nodes)
	if err != nil {
		return history.View{}, err
	}
	in := Info(info)
	v := history.View{OK: in["cluster_state"] == "ok"}
	if v.Epoch, err = strconv.ParseInt(in["cluster_current_epoch"], 10, 64); err != nil {
		return history.View{}, fmt.Errorf("read CLUSTER INFO: epoch: %w", err)
	}
	of := func(id string) int32 {
		if n, ok := number[id]; ok {
			return n
		}
		return history.NoNode
	}
	for i := range lines {
		l := &lines[i]
		p := history.Peer{Node: of(l.ID), Master: history.NoNode, Epoch: l.Epoch, Slots: l.Slots, LinkUp: l.LinkUp, PFail: l.Is("fail?"), Fail: l.Is("fail"),
			NoAddr: l.Is("noaddr"), Myself: l.Is("myself"), Migrating: int32(len(l.Migrating)), Importing: int32(len(l.Importing))}
		switch {
		case l.Is("master"):
			p.Role = history.RoleMaster
		case l.Is("slave"):
			p.Role, p.Master = history.RoleReplica, of(l.MasterID)
		}
		v.Peers = append(v.Peers, p)
	}
	// By number, the unknown ones last, in the order of their ids: the server's own order changes from reply to reply.
	slices.SortStableFunc(v.Peers, func(a, b history.Peer) int { return cmp.Compare(uint32(a.Node), uint32(b.Node)) })
	return v, nil
}

// Same tells whether two views of a node say the same, whenever they do.
func Same(a, b *history.View) bool {
	return a.OK == b.OK && a.Epoch == b.Epoch && slices.EqualFunc(a.Peers, b.Peers, func(p, q history.Peer) bool {
		same := slices.Equal(p.Slots, q.Slots)
		p.Slots, q.Slots = nil, nil
		return same && samePeer(p, q)
	})
}

func samePeer(p, q history.Peer) bool {
	return p.Node == q.Node && p.Role == q.Role && p.Master == q.Master && p.Epoch == q.Epoch && p.LinkUp == q.LinkUp && p.PFail == q.PFail &&
		p.Fail == q.Fail && p.NoAddr == q.NoAddr && p.Myself == q.Myself && p.Migrating == q.Migrating && p.Importing == q.Importing
}

// Ranges writes slots as servers do: "0-5460 5462".
func Ranges(rs []history.SlotRange) string {
	var parts []string
	for _, r := range rs {
		if r.From == r.To {
			parts = append(parts, strconv.Itoa(int(r.From)))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", r.From, r.To))
	}
	return strings.Join(parts, " ")
}

// File is a nodes.conf: its lines, and the highest epoch.
func File(lines []Line, epoch int64) string {
	var b strings.Builder
	for _, l := range lines {
		host, port, _ := strings.Cut(l.Addr, ":")
		n, _ := strconv.Atoi(port)
		master := l.MasterID
		if master == "" {
			master = "-"
		}
		// Nothing is waited for (ping 0), and it was heard of just now (pong 1): a server reads these as yes or no.
		fmt.Fprintf(&b, "%s %s:%d@%d %s %s 0 1 %d connected", l.ID, host, n, n+BusOffset, strings.Join(l.Flags, ","), master, l.Epoch)
		if len(l.Slots) > 0 {
			b.WriteString(" " + Ranges(l.Slots))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "vars currentEpoch %d lastVoteEpoch 0\n", epoch)
	return b.String()
}
