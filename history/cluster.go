package history

import "strings"

// Slots is how many slots the keys of a Cluster fall into.
const Slots = 16384

// SlotRange are the slots From to To, both among them.
type SlotRange struct {
	From uint16 `json:"from"`
	To   uint16 `json:"to"`
}

// Has reports whether the slot lies in the range.
func (r SlotRange) Has(slot int) bool { return slot >= int(r.From) && slot <= int(r.To) }

// ShardSlots are the slots of one shard of a Cluster.
type ShardSlots struct {
	Shard  int         `json:"shard"` // Node.Shard, from 1
	Ranges []SlotRange `json:"ranges"`
}

// View is what one cluster-mode server says of the cluster (CLUSTER INFO, CLUSTER NODES) to its own agent over loopback. One is recorded
// only where it differs from the one before of that node: what a View says holds, as far as was seen, until the node's next one. Whether
// the node answered at all meanwhile is in its samples.
type View struct {
	Node         int32
	Call, Return int64 // around both commands, ns
	OK           bool  // cluster_state:ok: it serves the slots that it owns
	Epoch        int64 // cluster_current_epoch
	Peers        []Peer
}

// Peer is one line of CLUSTER NODES: what the View's node says of a node of the cluster, itself among them.
type Peer struct {
	Node   int32 // number in Run.Nodes, NoNode for an id that none of them has
	Role   Role  // RoleUnknown where it says neither (a handshake)
	Master int32 // of a replica: whom it follows; NoNode for a master, and where that is not known
	Epoch  int64 // config epoch: of two that claim a slot, the greater one wins
	Slots  []SlotRange
	LinkUp bool // its bus link to the peer; of Myself always true
	PFail  bool // flag "fail?": the View's node alone holds it for down
	Fail   bool // flag "fail": the majority of masters agreed
	NoAddr bool // its address is not known
	Myself bool
	// Migrating and Importing are how many slots are on their way from, or to, it; told of Myself only.
	Migrating, Importing int32
}

// Self is what the node says of itself; nil where it does not.
func (v *View) Self() *Peer {
	for i := range v.Peers {
		if v.Peers[i].Myself {
			return &v.Peers[i]
		}
	}
	return nil
}

// Owner is the node that the view names as the slot's owner, NoNode for none. A node of an unknown id is none.
func (v *View) Owner(slot int) int32 {
	for i := range v.Peers {
		for _, r := range v.Peers[i].Slots {
			if r.Has(slot) {
				return v.Peers[i].Node
			}
		}
	}
	return NoNode
}

// SlotOf is the slot of a key: CRC16 of the part of it between the first '{' and the next '}' where something stands between these, else
// of all of it.
func SlotOf(key string) int {
	if i := strings.IndexByte(key, '{'); i >= 0 {
		if n := strings.IndexByte(key[i+1:], '}'); n > 0 {
			key = key[i+1 : i+1+n]
		}
	}
	return int(crc16(key)) % Slots
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, begins at 0, nothing reflected.
func crc16(s string) uint16 {
	var crc uint16
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// ShardOf is the shard that owned the slot at the start, 0 where none did and in a run without a Cluster.
func (r *Run) ShardOf(slot int) int {
	for _, s := range r.Slots {
		for _, x := range s.Ranges {
			if x.Has(slot) {
				return s.Shard
			}
		}
	}
	return 0
}
