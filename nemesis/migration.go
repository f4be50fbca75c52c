package nemesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schismtest/schism/history"
	"github.com/schismtest/schism/internal/clusterview"
	"github.com/schismtest/schism/wire"
)

const (
	// migrateTime bounds one MIGRATE, whose keys are blocked meanwhile; migrateKeys is how many go at once.
	migrateTime = 5 * time.Second
	migrateKeys = 100
	// finishTime is how long a slot that was left half moved may take to come to its end: a failover may be under way.
	finishTime = 45 * time.Second
	// mostRanges is how many ranges of slots a sentence names.
	mostRanges = 12
)

// migration moves slots from one master to another, in the words that redis-cli uses: both are told of the slot, the keys move, and both are
// told of the new owner. The other masters learn of it from that one.
type migration struct {
	r                    *runner
	from, to             int
	fromTarget, toTarget Nodes
	want                 int

	mu    sync.Mutex
	slots []int // to be moved, in this order
	moved []int
	keys  int
	open  int   // the slot that is on its way, -1 for none
	why   error // of the end of a migration that did not move all
}

func (m *migration) inject(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	self, err := m.r.myself(ctx, m.from)
	if err != nil {
		return 0, err
	}
	if m.slots, err = m.choose(ctx, self.Slots); err != nil {
		return 0, err
	}
	at, err := m.announce(ctx, m.from, m.to, m.slots[0])
	return at, err
}

// choose gives the slots to move: of those that the master owns first such that have keys, then the others, both in order.
func (m *migration) choose(ctx context.Context, owned []history.SlotRange) ([]int, error) {
	var all []int
	for _, r := range owned {
		for s := int(r.From); s <= int(r.To); s++ {
			all = append(all, s)
		}
	}
	if len(all) < m.want {
		return nil, fmt.Errorf("%s owns %d slots, not %d", m.r.nodes[m.from].Name, len(all), m.want)
	}
	full := map[int]bool{}
	for cursor := "0"; ; {
		v, _, err := m.r.command(ctx, m.from, "SCAN", cursor, "COUNT", "1000")
		if err != nil {
			return nil, err
		}
		var reply [2]json.RawMessage
		var keys []string
		if err := errors.Join(json.Unmarshal(v, &reply), json.Unmarshal(reply[0], &cursor), json.Unmarshal(reply[1], &keys)); err != nil {
			return nil, fmt.Errorf("read SCAN of %s: %w", m.r.nodes[m.from].Name, err)
		}
		for _, k := range keys {
			full[history.SlotOf(k)] = true
		}
		if cursor == "0" || len(full) >= m.want {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b int) int {
		switch {
		case full[a] == full[b]:
			return 0
		case full[a]:
			return -1
		}
		return 1
	})
	return all[:m.want], nil
}

// announce tells both that the slot is on its way, and returns the moment at which the second knew.
func (m *migration) announce(ctx context.Context, from, to, slot int) (int64, error) {
	source, err := m.r.myself(ctx, from)
	if err != nil {
		return 0, err
	}
	dest, err := m.r.myself(ctx, to)
	if err != nil {
		return 0, err
	}
	if _, _, err := m.r.command(ctx, to, "CLUSTER", "SETSLOT", slotText(slot), "IMPORTING", source.ID); err != nil {
		return 0, err
	}
	m.open = slot
	_, st, err := m.r.command(ctx, from, "CLUSTER", "SETSLOT", slotText(slot), "MIGRATING", dest.ID)
	return st.T1, err
}

// carry moves the keys of the slot that was announced, and makes the other its owner.
func (m *migration) carry(ctx context.Context, from, to, slot int) error {
	host, port, err := net.SplitHostPort(m.r.nodes[to].Addr)
	if err != nil {
		return fmt.Errorf("move to %s: %w", m.r.nodes[to].Name, err)
	}
	for {
		v, _, err := m.r.command(ctx, from, "CLUSTER", "GETKEYSINSLOT", slotText(slot), fmt.Sprint(migrateKeys))
		if err != nil {
			return err
		}
		var keys []string
		if err := json.Unmarshal(v, &keys); err != nil {
			return fmt.Errorf("read the keys of slot %d: %w", slot, err)
		}
		if len(keys) == 0 {
			break
		}
		// The agent puts its login in: the other asks for one where this one does.
		args := append([]string{"MIGRATE", host, port, "", "0", fmt.Sprint(migrateTime.Milliseconds()), "KEYS"}, keys...)
		var reply wire.RedisReply
		_, err = m.r.Cluster.Call(ctx, from, wire.OpRedis, wire.RedisArgs{Args: args, TimeoutMS: 2 * migrateTime.Milliseconds(), Login: true}, &reply)
		if err == nil && reply.Err != "" {
			err = errors.New(reply.Err)
		}
		if err != nil {
			return fmt.Errorf("send MIGRATE to %s: %w", m.r.nodes[from].Name, err)
		}
		m.keys += len(keys)
	}
	dest, err := m.r.myself(ctx, to)
	if err != nil {
		return err
	}
	for _, n := range []int{to, from} { // the new owner first: in between the old one sends clients there
		if _, _, err := m.r.command(ctx, n, "CLUSTER", "SETSLOT", slotText(slot), "NODE", dest.ID); err != nil {
			return err
		}
	}
	m.open = -1
	m.moved = append(m.moved, slot)
	return nil
}

// prove moves the rest. A migration that cannot go on has taken effect all the same: what there is of it is said.
func (m *migration) prove(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, slot := range m.slots {
		var err error
		if i > 0 {
			_, err = m.announce(ctx, m.from, m.to, slot)
		}
		if err == nil {
			err = m.carry(ctx, m.from, m.to, slot)
		}
		if err != nil {
			m.why = err
			break
		}
	}
	text := fmt.Sprintf("%s moved from %s to %s, with %d keys", slotsText(m.moved), m.r.nodes[m.from].Name, m.r.nodes[m.to].Name, m.keys)
	if m.why != nil {
		text += fmt.Sprintf("; then it ended: %s", m.why)
		if m.open >= 0 {
			text += fmt.Sprintf("; slot %d was on its way", m.open)
		}
	}
	return text, nil
}

// slotsText says which slots: "slot 5", "3 slots (5-6 9)".
func slotsText(slots []int) string {
	switch len(slots) {
	case 0:
		return "no slot"
	case 1:
		return fmt.Sprintf("slot %d", slots[0])
	}
	rs, more := ranges(slots), ""
	if len(rs) > mostRanges {
		rs, more = rs[:mostRanges], "..."
	}
	return fmt.Sprintf("%d slots (%s%s)", len(slots), clusterview.Ranges(rs), more)
}

// ranges joins neighbours.
func ranges(slots []int) []history.SlotRange {
	slots = slices.Sorted(slices.Values(slots))
	var out []history.SlotRange
	for _, s := range slots {
		if n := len(out); n > 0 && int(out[n-1].To) == s-1 {
			out[n-1].To = uint16(s)
			continue
		}
		out = append(out, history.SlotRange{From: uint16(s), To: uint16(s)})
	}
	return out
}

// heal brings a slot that was left half moved to its end, between the masters that the two shards have by now.
func (m *migration) heal(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open < 0 {
		return m.r.Clock(), nil
	}
	slot := m.open
	var last error // what kept it from its end, not that the time was over
	err := poll(ctx, 200*time.Millisecond, finishTime, fmt.Sprintf("slot %d did not come to an end", slot), func(ctx context.Context) (bool, error) {
		err := m.finish(ctx, slot)
		if ctx.Err() == nil || last == nil {
			last = err
		}
		return err == nil, last
	})
	return m.r.Clock(), err
}

func (m *migration) finish(ctx context.Context, slot int) error {
	from, err := m.now(ctx, m.fromTarget, m.from)
	if err != nil {
		return err
	}
	to, err := m.now(ctx, m.toTarget, m.to)
	if err != nil {
		return err
	}
	source, err := m.r.myself(ctx, from)
	if err != nil {
		return err
	}
	lines, err := m.r.clusterNodes(ctx, to)
	if err != nil {
		return err
	}
	owner := ownerOf(lines, slot)
	if owner.Is("myself") { // only the old owner may not know yet
		if _, _, err := m.r.command(ctx, from, "CLUSTER", "SETSLOT", slotText(slot), "NODE", owner.ID); err != nil {
			return err
		}
		m.open = -1
		m.moved = append(m.moved, slot)
		return nil
	}
	if owner.ID != source.ID {
		// A slot that is announced is left as it is by whatever a server learns: it would take the one that died for the owner for ever.
		if _, _, err := m.r.command(ctx, to, "CLUSTER", "SETSLOT", slotText(slot), "STABLE"); err != nil {
			return err
		}
		return fmt.Errorf("%s does not name %s as the owner of slot %d", m.r.nodes[to].Name, m.r.nodes[from].Name, slot)
	}
	if _, err := m.announce(ctx, from, to, slot); err != nil {
		return err
	}
	return m.carry(ctx, from, to, slot)
}

// now is who stands for a side by now: a shard may have another master, and a node that was named may have become a replica.
func (m *migration) now(ctx context.Context, ts Nodes, was int) (int, error) {
	if n, _ := ts[0].shard(); n > 0 {
		ns, err := m.r.resolve(nil, ts, nil)
		if err != nil {
			return 0, err
		}
		return ns[0], nil
	}
	ro, err := m.r.role(ctx, was)
	if err == nil && ro.kind == "master" {
		return was, nil
	}
	shard := m.r.nodes[was].Shard
	ns, err := m.r.resolve(nil, Nodes{Shard(shard).Master()}, nil)
	if err != nil {
		return 0, err
	}
	return ns[0], nil
}

// proveHealed waits until every master that answers names the new owner of all that moved.
func (m *migration) proveHealed(ctx context.Context) (int64, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.moved) == 0 {
		return 0, "no slot had moved, and none is on its way", nil
	}
	to, err := m.now(ctx, m.toTarget, m.to)
	if err != nil {
		return 0, "", err
	}
	dest, err := m.r.myself(ctx, to)
	if err != nil {
		return 0, "", err
	}
	var masters []int
	m.r.Live.Look(func(v *history.LiveView) { masters = m.r.seen.shardMasters(v) })
	var said []string
	err = poll(ctx, 50*time.Millisecond, answerTimeout, "the masters do not agree on who owns "+slotsText(m.moved), func(ctx context.Context) (bool, error) {
		said = nil
		for _, n := range masters {
			lines, err := m.r.clusterNodes(ctx, n)
			if err != nil {
				continue // it is down: another fault's business
			}
			if missing := notOwned(lines, dest.ID, m.moved); len(missing) > 0 {
				return false, fmt.Errorf("%s does not name %s as the owner of %s", m.r.nodes[n].Name, m.r.nodes[to].Name, slotsText(missing))
			}
			said = append(said, m.r.nodes[n].Name)
		}
		return len(said) > 0, errors.New("no master answers")
	})
	return 0, fmt.Sprintf("%s name %s as the owner of %s", strings.Join(said, ", "), m.r.nodes[to].Name, slotsText(m.moved)), err
}

// ownerOf is the line of the slot's owner, an empty one where nobody is.
func ownerOf(lines []clusterview.Line, slot int) clusterview.Line {
	for _, l := range lines {
		if slices.ContainsFunc(l.Slots, func(r history.SlotRange) bool { return r.Has(slot) }) {
			return l
		}
	}
	return clusterview.Line{}
}

// notOwned are the slots that a node's view does not give to the owner.
func notOwned(lines []clusterview.Line, owner string, slots []int) []int {
	var out []int
	for _, l := range lines {
		if l.ID != owner {
			continue
		}
		for _, s := range slots {
			if !slices.ContainsFunc(l.Slots, func(r history.SlotRange) bool { return r.Has(s) }) {
				out = append(out, s)
			}
		}
		return out
	}
	return slots
}
